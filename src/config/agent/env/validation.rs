//! Validates the agent's other variables: the agent exits at startup if it cannot parse one.

use crate::config::agent::provider::kind::Provider;
use crate::config::config_error::ConfigErrors;
use crate::config::sourced_value::{InvalidValue, SourcedValue};
use crate::config::values;

/// Variables that only the agent uses; any of them shows that this is the agent's environment.
pub(super) const AGENT: &[&str] = &[
    "API_KEY",
    "API_URL",
    "API_HOST_HEADER_OVERRIDE",
    "API_TIMEOUT",
    "PROVIDER",
    "STATIC_CLUSTER_ID",
    "TLS_CA_CERT_FILE",
    "EKS_ACCOUNT_ID",
    "EKS_REGION",
    "EKS_CLUSTER_NAME",
    "GKE_REGION",
    "GKE_PROJECT_ID",
    "GKE_CLUSTER_NAME",
    "GKE_LOCATION",
    "AKS_NODE_RESOURCE_GROUP",
    "AKS_LOCATION",
    "AKS_SUBSCRIPTION_ID",
    "LEADER_ELECTION_LOCK_NAME",
    "METADATA_STORE_CONFIG_MAP_NAME",
    "MONITOR_METADATA",
];

const PORTS: &[&str] = &["HEALTHZ_PORT", "METRICS_PORT", "PPROF_PORT"];

const SWITCHES: &[&str] = &[
    "LEADER_ELECTION_ENABLED",
    "METADATA_STORE_ENABLED",
    "CONTROLLER_FORCE_PAGINATION",
];

const DURATIONS: &[&str] = &[
    "API_DELTA_READ_TIMEOUT",
    "API_TOTAL_SEND_DELTA_TIMEOUT",
    "CONTROLLER_INTERVAL",
    "CONTROLLER_PREP_TIMEOUT",
    "CONTROLLER_INITIAL_SLEEP_DURATION",
    "CONTROLLER_HEALTHY_SNAPSHOT_INTERVAL_LIMIT",
    "CONTROLLER_INITIALIZATION_TIMEOUT_EXTENSION",
];

/// Reports every invalid value; empty and missing variables have defaults.
pub(super) fn validate(set: &dyn Fn(&str) -> Option<SourcedValue>, problems: &mut ConfigErrors) {
    if let Some(provider) = set("PROVIDER") {
        let known: Vec<_> = Provider::ALL
            .iter()
            .map(|provider| (provider.label(), ()))
            .collect();
        provider.noting(problems, |text| values::word(text, &known));
    }
    for port in PORTS.iter().filter_map(|name| set(name)) {
        // Zero disables a server.
        port.noting(problems, |text| {
            if text == "0" {
                Ok(0)
            } else {
                values::port(text)
            }
        });
    }
    for switch in SWITCHES.iter().filter_map(|name| set(name)) {
        switch.noting(problems, go_bool);
    }
    for duration in DURATIONS.iter().filter_map(|name| set(name)) {
        duration.noting(problems, values::duration);
    }
    // The lock must be a valid name of a Lease and a namespace.
    for name in ["LEADER_ELECTION_LOCK_NAME", "LEADER_ELECTION_NAMESPACE"]
        .into_iter()
        .filter_map(set)
    {
        name.noting(problems, |text| object_name(text).map(drop));
    }
}

/// Go's `strconv.ParseBool`.
fn go_bool(text: &str) -> Result<bool, InvalidValue> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(InvalidValue::new(
            format!("{} is neither true nor false", values::shown(text)),
            "write true or false",
        )),
    }
}

/// Parses a Kubernetes object name.
pub(crate) fn object_name(text: &str) -> Result<String, InvalidValue> {
    let valid = values::is_name(text)
        && !text.ends_with('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    if valid {
        return Ok(text.to_owned());
    }
    let what = format!(
        "{} is not a valid Kubernetes object name",
        values::shown(text)
    );
    Err(InvalidValue::new(
        what,
        "lower-case letters, digits, dashes and dots",
    ))
}
