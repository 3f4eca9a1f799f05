//! Tests of the status page and the history of a running daemon.

use std::fs;
use std::net::TcpListener;

use super::{Daemon, with_file};
use crate::cli::program;

#[test]
fn status_page_shows_root_causes_before_checks() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("the log has an address");
    let daemon = Daemon::start(
        program(&[])
            .env("API_URL", format!("http://{closed}"))
            .env("API_KEY", "key"),
    );
    daemon.wait_for_metric("castai_health_failure{check=\"castai_api\",mode=\"net_refused\",severity=\"critical\",caused_by=\"\"} 1");
    let page = daemon.get("/");
    let at = |text: &str| {
        page.find(text)
            .unwrap_or_else(|| panic!("no {text} in\n{page}"))
    };
    let order = [
        at("The agent cannot work: "),
        at("href=\"#check-castai_api\">castai_api</a>"),
        at("<h4>Fix</h4>"),
        at("href=\"runbooks/CastaiApiUnreachable#castai-api-net-refused\""),
        at("id=\"check-dns\""),
    ];
    assert!(order.is_sorted(), "{order:?}\n{page}");
}

#[test]
fn history_survives_a_reload() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("config.yaml");
    fs::write(&file, "scope: pod\n").unwrap();
    let daemon = with_file(&file);
    let history = || {
        let response = daemon.get("/api/v1/history");
        let (_, body) = response.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str::<serde_json::Value>(body).expect("the history is JSON")
    };
    let of = |history: &serde_json::Value, id: &str| {
        let checks = history["checks"].as_array().expect("a list").clone();
        let check = checks.into_iter().find(|check| check["id"] == id);
        check.unwrap_or_else(|| panic!("no {id} in {history}"))
    };
    daemon.wait_for_metric("castai_health_check_status{check=\"dns\",status=\"not_applicable\"} 1");
    let before = history();
    assert_eq!(of(&before, "dns")["changes"][0]["status"], "unknown");
    assert_eq!(of(&before, "dns")["changes"][1]["status"], "not_applicable");

    fs::write(&file, "scope: pod\nchecks:\n  dns:\n    enabled: false\n").unwrap();
    assert!(
        daemon
            .request("POST", "/-/reload")
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    let after = history();
    assert_eq!(after["begins"], before["begins"]);
    assert_eq!(
        of(&after, "dns")["changes"][1],
        of(&before, "dns")["changes"][1]
    );
    assert_eq!(of(&after, "dns")["changes"][2]["status"], "skipped");
}
