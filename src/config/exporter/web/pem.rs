//! PEM text of the web configuration, with the place it was read from.

use crate::config::sourced_value::SourcedValue;

pub(super) const SECTION: &str = "tls_server_config";

/// PEM text and the setting that errors about it refer to.
pub(super) struct Pem {
    pub(super) written: SourcedValue,
    pub(super) text: String,
}

/// Returns the full name of a key in the section.
pub(super) fn name(key: &str) -> String {
    format!("{SECTION}.{key}")
}
