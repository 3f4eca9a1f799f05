//! Properties of configuration: any input gives problems or a configuration, never a panic or a
//! secret.

use std::path::Path;

use castai_health_exporter::config::{Flags, ProxyRules, WebConfig, values};
use proptest::prelude::*;

use super::load;

const VARIABLES: &[&str] = &[
    "API_URL",
    "API_TIMEOUT",
    "TLS_CA_CERT_FILE",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "HTTPS_PROXY",
    "NO_PROXY",
    "LEADER_ELECTION_NAMESPACE",
];

/// Almost valid text: tokens that the parsers look for, in any order, with anything in between.
fn almost_valid_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("://".to_owned()),
        Just("https".to_owned()),
        Just("-----BEGIN CERTIFICATE-----\n".to_owned()),
        "[0-9]{1,22}",
        "[.:/@%\\[\\]*,\\-ns µhm]{1,3}",
        "\\PC{0,4}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_environment_loads(values in proptest::collection::vec(almost_valid_text(), VARIABLES.len())) {
        let mut variables: Vec<_> = VARIABLES.iter().copied().zip(values.iter().map(String::as_str)).collect();
        variables.push(("API_KEY", "never\u{1}shown"));
        let config = load(&Flags::default(), &variables).expect("an environment never prevents a start");
        let shown = format!("{config:?}");
        prop_assert!(!shown.contains("never"));
    }

    #[test]
    fn any_file_loads_or_lists_problems(text in "\\PC{0,80}|([a-z_]{1,12}: ?[\\[{&*!|>'\"a-z0-9:]{0,9}\n? ?){0,9}") {
        let _ = WebConfig::parse("web.yaml", &text, Path::new(""));
    }

    #[test]
    fn any_flag_parses_or_is_a_problem(text in almost_valid_text()) {
        let flags = Flags {
            scope: Some(text.clone()),
            web_listen_address: vec![text.clone()],
            web_external_url: Some(text.clone()),
            web_route_prefix: Some(text),
            ..Flags::default()
        };
        let problems = load(&flags, &[]).expect_err("unknown scopes are rejected");
        prop_assert!(problems.0.iter().all(|problem| problem.origin == "flag"));
    }

    #[test]
    fn any_host_has_a_proxy_decision(proxy in almost_valid_text(), exceptions in almost_valid_text(), host in almost_valid_text(), port in 1_u16..) {
        let value = |name: &str| Some(if name == "NO_PROXY" { exceptions.clone() } else { proxy.clone() });
        let (rules, _) = ProxyRules::from_environment(value);
        let _ = rules.proxy_for(true, &host, port);
    }

    #[test]
    fn durations_round_trip(millis in 0_u64..100_000_000) {
        let duration = std::time::Duration::from_millis(millis);
        prop_assert_eq!(values::duration(&values::compact(duration)), Ok(duration));
    }
}
