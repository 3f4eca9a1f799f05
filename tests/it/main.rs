//! Scenarios, one test binary.
