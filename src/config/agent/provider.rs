//! Where the agent runs, by the agent's own rules, and its cluster metadata there.

pub mod kind;
pub mod variables;

pub use kind::Provider;
pub use variables::ProviderVariables;
