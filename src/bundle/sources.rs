//! Where the content of a bundle comes from.

pub mod configuration;
pub mod events;
pub mod exporters;
pub mod logs;
pub mod objects;
pub mod own_state;
pub mod versions;
