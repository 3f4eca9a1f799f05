//! Tests of the web configuration file, which has the exporter-toolkit schema.

use std::path::Path;

use castai_health_exporter::config::WebConfig;

use crate::golden_entries::assert_problems;

/// Returns the problems of a file, one per line, without the file name.
fn problems(text: &str) -> Vec<String> {
    let problems = WebConfig::parse("web.yaml", text, Path::new("/nonexistent")).expect_err(text);
    problems
        .0
        .iter()
        .map(|problem| problem.to_string().replace("web.yaml:", ""))
        .collect()
}

#[test]
fn web_file_without_tls_and_users_serves_plain_http() {
    for text in [
        "",
        "{}",
        "tls_server_config: {}\n",
        "http_server_config:\n  http2: true\n",
    ] {
        let config = WebConfig::parse("web.yaml", text, Path::new("")).unwrap();
        assert!(
            config.tls.is_none() && config.users.is_empty() && config.headers.is_empty(),
            "{text}"
        );
    }
}

#[test]
fn all_web_config_problems_are_reported_at_once() {
    let found = problems(
        "tls_server_config:\n  cert_file: tls.crt\n  min_version: TLS10\n  max_version: SSL30\n\
         \x20 cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256]\n\
         \x20 curve_preferences: [CurveP521, X25519]\n  client_auth_type: Sometimes\n\
         http_server_config:\n  http3: true\n  headers:\n    X-Frame-Options: allow\n    Server: mine\n\
         basic_auth_users:\n  me: hidden\n  you: $2y$20$..............................................................\n\
         basic_auth_user: {}\n",
    );
    assert_problems("web_file", &found.join("\n"));
    assert!(!found.join("\n").contains("hidden"));
}

#[test]
fn contradicting_web_settings_are_reported() {
    let mut found = Vec::new();
    for text in [
        "tls_server_config:\n  cert: x\n  key: x\n  cert_file: y\n",
        "tls_server_config:\n  cert: x\n  key: x\n  min_version: TLS13\n  max_version: TLS12\n",
        "tls_server_config:\n  cert: x\n  key: x\n  client_ca: x\n",
        "tls_server_config:\n  cert: x\n  key: x\n  client_auth_type: RequireAndVerifyClientCert\n",
        "tls_server_config:\n  cert: x\n  key: x\n  client_allowed_sans: [a]\n",
        "tls_server_config:\n  min_version: TLS13\n",
    ] {
        found.extend(problems(text));
    }
    assert_problems("web_file_with_contradictions", &found.join("\n"));
}

#[test]
fn inline_tls_key_is_never_shown() {
    let found = problems("tls_server_config:\n  cert: hidden\n  key: hidden\n").join("\n");
    assert_problems("web_file_with_inline_key", &found);
    assert!(!found.contains("hidden"));
}

#[test]
fn user_name_may_contain_dots() {
    let hash = bcrypt::hash("password", 4).unwrap();
    let config = WebConfig::parse(
        "web.yaml",
        &format!("basic_auth_users:\n  some.body: {hash}\n"),
        Path::new(""),
    );
    let config = config.unwrap();
    assert_eq!(config.users[0].0, "some.body");
    assert!(!format!("{config:?}").contains(&hash));
}
