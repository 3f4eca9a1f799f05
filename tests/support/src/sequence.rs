//! Shared parts of the sequence tests: faults in random order, the agent's reactions to them, and the
//! figures.

pub mod faults;
pub mod figures;
pub mod observed;

mod random;

pub use faults::{Credentials, Reaction, SequenceFault};
pub use figures::Figures;
pub use random::Random;
