//! Tests that no output shows a secret, whichever peer echoes it, and however it is written.

mod cloud_credentials;

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use castai_health_exporter::catalogue::CheckId;
use lab::apiserver::workload;
use lab::{ApiFault, CastAiFault, ProxyFault};
use test_support::exporter::{self, Exporter, fetch};
use test_support::lab_cluster::LabCluster;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// Password of the proxy. All its encodings differ.
const PROXY_PASSWORD: &str = "p<W>\"4\\/7&kQ9+zR=tU2xN";
/// Paths of the web server that show what the checks found.
const PATHS: &[&str] = &["/", "/metrics", "/api/v1/status", "/api/v1/history"];
/// Encodings in which the lab's servers echo credentials.
const ENCODINGS: [&str; 7] = [
    "plain",
    "base64",
    "base64url",
    "percent",
    "json",
    "halves",
    "decoded",
];

/// Returns a secret in all forms that must not be shown.
fn forms(secret: &str) -> Vec<String> {
    let percent: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json = serde_json::Value::from(secret).to_string();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;");
    let mut forms = vec![
        secret.to_owned(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        STANDARD.encode(format!("x{secret}")),
        STANDARD.encode(format!("user:{secret}")),
        percent.to_lowercase(),
        percent,
        percent_encoded_except_alphanumeric(secret),
        json.trim_matches('"').to_owned(),
        html,
    ];
    // Some texts are shown without the characters that need quotes.
    let plain: String = secret
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c))
        .collect();
    if plain.len() > secret.len() / 2 {
        forms.push(plain);
    }
    let half = secret.len() / 2;
    if half > 8 {
        forms.extend([secret[..half].to_owned(), secret[half..].to_owned()]);
    }
    forms
}

fn percent_encoded_except_alphanumeric(secret: &str) -> String {
    let encoded = secret.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    });
    encoded.collect()
}

fn assert_hidden(shown: &str, secrets: &[String], place: &str) {
    for secret in secrets {
        for form in forms(secret) {
            assert!(!shown.contains(&form), "{place} shows {form}:\n{shown}");
        }
    }
}

/// Returns a lab cluster in which every connection to CAST AI passes a proxy with a password.
fn behind_proxy() -> LabCluster {
    let mut world = LabCluster::behind_a_proxy();
    let password: String =
        url::form_urlencoded::byte_serialize(PROXY_PASSWORD.as_bytes()).collect();
    let port = world.proxy.addr().port();
    world.set_env(
        "HTTPS_PROXY",
        &format!("http://user:{password}@proxy.lab:{port}"),
    );
    world
}

/// Returns everything that the exporter shows of this cluster, as a daemon and as `check`.
async fn all_outputs(world: &LabCluster) -> BTreeMap<String, String> {
    let file = world.mounted("exporter.yaml");
    let exporter = Exporter::start(&world.env, &file).await;
    let began = Instant::now();
    while fetch(exporter.address(), "/-/ready").await.unwrap().trim() != "ready" {
        assert!(
            began.elapsed() < Duration::from_secs(100),
            "{}",
            exporter.log()
        );
        sleep(Duration::from_millis(100)).await;
    }
    let mut outputs = BTreeMap::new();
    for path in PATHS {
        let shown = fetch(exporter.address(), path).await.unwrap();
        outputs.insert((*path).to_owned(), shown);
    }
    outputs.insert("log".to_owned(), exporter.log());
    for format in ["text", "json", "junit"] {
        let output = Command::new(exporter::program())
            .args(["check", "--output", format, "--config.file"])
            .arg(&file)
            .env_clear()
            .envs(&world.env)
            .output()
            .await
            .unwrap();
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8(shown).unwrap();
        outputs.insert(format!("check --output {format}"), shown);
    }
    outputs
}

fn secrets() -> Vec<String> {
    [lab::TOKEN, lab::API_KEY, PROXY_PASSWORD]
        .map(str::to_owned)
        .to_vec()
}

#[tokio::test]
async fn credentials_that_a_proxy_or_server_echoes_are_hidden_in_every_encoding() {
    let (mut direct, mut proxied) = (LabCluster::start(), behind_proxy());
    direct.only = Some(&[CheckId::Apiserver, CheckId::CastaiApi]);
    proxied.only = Some(&[CheckId::CastaiApi]);
    for world in [&mut direct, &mut proxied] {
        world.configure();
    }
    for encoding in ENCODINGS {
        let fault = format!("echo-as:{encoding}");
        direct
            .castai
            .set(fault.parse::<CastAiFault>().unwrap())
            .await;
        direct.api.set(fault.parse::<ApiFault>().unwrap()).await;
        proxied
            .proxy
            .set(fault.parse::<ProxyFault>().unwrap())
            .await;
        let check_states = [direct.run_checks().await, proxied.run_checks().await].concat();
        let shown = format!("{check_states:?}");
        assert!(
            shown.contains("[redacted]"),
            "nothing came back as {encoding}: {shown}"
        );
        assert_hidden(&shown, &secrets(), encoding);
    }
}

#[tokio::test]
async fn token_in_a_watch_is_hidden() {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::NodeLifecycle]);
    world.configure();
    world.api.set(ApiFault::EchoInWatch).await;
    let check_states = world.run_checks().await;
    let shown = format!("{check_states:?}");
    assert_hidden(&shown, &secrets(), "a watch");
}

#[tokio::test]
async fn no_output_shows_a_secret() {
    let mut world = behind_proxy();
    let (id, secret, session) = (
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "FwoGZXIvYXdzEJr//////////wEaDKq9session+token=",
    );
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_SESSION_TOKEN", session),
    ] {
        world.set_env(name, value);
    }
    let agents = [
        format!("sending request with key {}", lab::API_KEY),
        format!("using {id} {secret} {session}"),
        "connecting to https://admin:hunter2-hunter2@proxy.internal:3128".to_owned(),
        "token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZ2VudCJ9.c2lnbmF0dXJl rejected".to_owned(),
    ];
    for text in agents {
        let message = format!("failed to send delta: {text}: 401 Unauthorized");
        let line = serde_json::json!({ "level": "error", "msg": message });
        world
            .api
            .logs()
            .write(workload::POD, "agent", &line.to_string());
    }
    world.file.push_str("log: { level: debug }\n");
    world
        .proxy
        .set("echo-as:percent".parse::<ProxyFault>().unwrap())
        .await;
    world.config();
    let mut outputs = BTreeMap::new();
    for (place, api_echoes) in [("healthy", false), ("echoing", true)] {
        if api_echoes {
            world
                .api
                .set("echo-as:base64".parse::<ApiFault>().unwrap())
                .await;
        }
        for (output, shown) in all_outputs(&world).await {
            outputs.insert(format!("{output} while the API server is {place}"), shown);
        }
    }
    let redacted = outputs
        .values()
        .filter(|shown| shown.contains("[redacted]"));
    assert!(
        redacted.count() >= 12,
        "page, JSON, log and check show what was redacted: {outputs:?}"
    );
    let more = [secret, session, "hunter2-hunter2"].map(str::to_owned);
    for (place, shown) in outputs {
        assert_hidden(&shown, &[secrets(), more.to_vec()].concat(), &place);
        for found in ["eyJzdWIiOiJhZ2VudCJ9", id] {
            assert!(!shown.contains(found), "{place} shows {found}: {shown}");
        }
    }
}

#[test]
fn password_in_api_url_is_not_printed() {
    for url in [
        "ftp://user:hunter2@api.cast.ai",
        "https://user:hunter2@api.cast.ai",
        "https://user:hun ter2/hunter2@api.cast.ai",
        "user:hunter2@api.cast.ai/\u{7f}",
        "x://a/hunter2@b?c",
    ] {
        let output = crate::cli::program(&["check", "castai_api"])
            .env("API_URL", url)
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(
            shown.contains("API_URL") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
