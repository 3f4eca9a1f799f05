//! AWS as the agent's SDK asks it: what is sent, and what comes back. What is concluded from it is for checks.
//!
//! Invariant: one attempt, no retries, no time-outs but those of the phases; a key, token or signature goes to its own
//! address and nowhere else.

pub mod container;
pub mod ec2;
pub mod eks;
pub mod imds;
pub mod line;
pub mod refusal;
pub mod session;
pub mod sts;

mod signed;

pub use ec2::Ec2;
pub use eks::Eks;
pub use line::{Line, Refused};
pub use refusal::Refusal;
pub use sts::{Caller, Sts};
