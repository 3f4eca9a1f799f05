//! Scenarios, one test binary.

// Texts and what they mean.
mod classify;
