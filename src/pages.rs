//! The HTML pages: the status page and the runbooks, in one design.
//!
//! Pages are complete without scripts and load nothing but themselves.
//! Invariant: pure functions of the snapshots that they get. Text reaches a page through escaping
//! templates only.

mod check_details;
mod check_list;
mod fix;
mod headline;
mod layout;
mod root_cause;
pub mod runbook;
mod sidecars;
pub mod status_page;
mod strip;
mod text;
mod time_text;
mod tone;
mod view;
mod waterfall;

pub use layout::content_security_policy;
