//! Scenarios, one test binary.

// What comes from outside is bounded; what is secret stays where it belongs.
mod bounds;
// The catalogue as a table.
mod catalogue;
// Texts and what they mean.
mod classify;
// Break one thing, see its root, heal it.
mod scenarios;
// What the scenarios are told with.
mod support;
