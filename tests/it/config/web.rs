//! Tests of the web configuration file, which has the exporter-toolkit schema.

use std::path::Path;

use castai_health_exporter::config::WebConfig;

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
fn a_file_without_tls_and_users_asks_for_nothing() {
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
fn everything_wrong_is_told_at_once() {
    let found = problems(
        "tls_server_config:\n  cert_file: tls.crt\n  min_version: TLS10\n  max_version: SSL30\n\
         \x20 cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256]\n\
         \x20 curve_preferences: [CurveP521, X25519]\n  client_auth_type: Sometimes\n\
         http_server_config:\n  http3: true\n  headers:\n    X-Frame-Options: allow\n    Server: mine\n\
         basic_auth_users:\n  me: hidden\n  you: $2y$20$..............................................................\n\
         basic_auth_user: {}\n",
    );
    let expected = [
        "9: http_server_config.http3: unknown key; did you mean http_server_config.http2?",
        "16: basic_auth_user: unknown key; did you mean basic_auth_users?",
        "2: tls_server_config.cert_file: /nonexistent/tls.crt cannot be read",
        "2: tls_server_config.key_file: is missing; TLS needs key_file, or key",
        "5: tls_server_config.cipher_suites: \"TLS_RSA_WITH_AES_128_CBC_SHA\" is unknown; one of TLS_ECDHE_ECDSA",
        "6: tls_server_config.curve_preferences: \"CurveP521\" is unknown; one of X25519, CurveP256, CurveP384",
        "3: tls_server_config.min_version: \"TLS10\" is unknown; one of TLS12, TLS13",
        "4: tls_server_config.max_version: \"SSL30\" is unknown; one of TLS12, TLS13",
        "7: tls_server_config.client_auth_type: \"Sometimes\" is unknown; one of NoClientCert, RequestClientCert",
        "11: http_server_config.headers.X-Frame-Options: \"allow\" is not a valid value; one of deny, sameorigin",
        "12: http_server_config.headers.Server: cannot be set; one of Strict-Transport-Security",
        "14: basic_auth_users.me: is not a bcrypt hash; hash the password",
    ];
    for expected in expected {
        assert!(
            found.iter().any(|problem| problem.starts_with(expected)),
            "{expected}\n{}",
            found.join("\n")
        );
    }
    assert!(
        found
            .iter()
            .any(|problem| problem.contains("basic_auth_users.you: ")),
        "{found:?}"
    );
    assert_eq!(found.len(), expected.len() + 1, "{}", found.join("\n"));
    assert!(!found.join("\n").contains("hidden"));
}

#[test]
fn contradictions_are_told() {
    for (text, expected) in [
        (
            "tls_server_config:\n  cert: x\n  key: x\n  cert_file: y\n",
            "2: tls_server_config.cert: stands beside cert_file; write one of them",
        ),
        (
            "tls_server_config:\n  cert: x\n  key: x\n  min_version: TLS13\n  max_version: TLS12\n",
            "4: tls_server_config.min_version: is above max_version",
        ),
        (
            "tls_server_config:\n  cert: x\n  key: x\n  client_ca: x\n",
            "4: tls_server_config.client_ca: lists authorities, but client_auth_type requests no certificate",
        ),
        (
            "tls_server_config:\n  cert: x\n  key: x\n  client_auth_type: RequireAndVerifyClientCert\n",
            "4: tls_server_config.client_auth_type: verifies certificates, but no authority is configured",
        ),
        (
            "tls_server_config:\n  cert: x\n  key: x\n  client_allowed_sans: [a]\n",
            "4: tls_server_config.client_allowed_sans: requires clients to present a certificate",
        ),
        (
            "tls_server_config:\n  min_version: TLS13\n",
            "2: tls_server_config.cert_file: is missing",
        ),
    ] {
        let found = problems(text);
        assert!(
            found.iter().any(|problem| problem.starts_with(expected)),
            "{expected}\n{}",
            found.join("\n")
        );
    }
}

#[test]
fn an_inline_key_is_never_shown() {
    let found = problems("tls_server_config:\n  cert: hidden\n  key: hidden\n").join("\n");
    assert!(
        found.contains("tls_server_config.cert: contains no certificate"),
        "{found}"
    );
    assert!(
        found.contains("tls_server_config.key: contains no private key"),
        "{found}"
    );
    assert!(!found.contains("hidden"));
}

#[test]
fn a_name_of_a_user_may_hold_dots() {
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
