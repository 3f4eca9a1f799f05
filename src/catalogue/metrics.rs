//! The metrics: names, types, labels and help texts.

/// The prefix of every metric of ours.
pub const PREFIX: &str = "castai_health_";

/// Upper bounds of the phase histogram in seconds; 5 and 10 are limits of the agent.
pub const PHASE_BUCKETS: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];
