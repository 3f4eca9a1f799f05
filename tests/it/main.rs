//! Scenarios, one test binary.

// The catalogue as a table.
mod catalogue;
// Texts and what they mean.
mod classify;
// Break one thing, see its root, heal it.
mod scenarios;
// What the scenarios are told with.
mod support;
