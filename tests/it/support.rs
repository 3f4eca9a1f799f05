//! What the scenarios are told with.

pub(crate) mod world;
