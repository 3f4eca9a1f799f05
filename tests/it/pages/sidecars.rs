//! The sidecars on the page of a companion.

use castai_health_exporter::catalogue::{CheckId, Need};
use castai_health_exporter::config::Vantage;
use castai_health_exporter::doctor::sidecar::SidecarError;
use castai_health_exporter::doctor::{SidecarVerdict, SidecarView, Sidecars, VerdictDocument};
use castai_health_exporter::exporter::Exporter;
use castai_health_exporter::history::History;
use castai_health_exporter::pages::status_page;
use castai_health_exporter::report::Verdict;
use castai_health_exporter::state::HealthState;
use serde_json::json;
use test_support::fixture;

use crate::pages::{between, denied, headline, with_verdicts, without_tags};

fn page(health: &HealthState, sidecars: &Sidecars) -> String {
    let states = health.check_states();
    let exporter = Exporter {
        vantage: Vantage::Companion,
        ..fixture::exporter()
    };
    let now = fixture::at(30 + 14 * 60);
    let history = History::new(fixture::at(0)).snapshot(now);
    status_page::html(&states, &exporter, &history, Some(sidecars), now)
}

fn healthy() -> HealthState {
    with_verdicts(vec![(
        CheckId::Dns,
        Need::Start,
        Verdict::Ok("fine".into()),
    )])
}

fn sidecar(pod: &str, verdict: Result<SidecarVerdict, SidecarError>) -> SidecarView {
    SidecarView {
        namespace: "castai-agent".to_owned(),
        pod: pod.to_owned(),
        node: Some("node-1".to_owned()),
        port: 9878,
        verdict,
    }
}

fn sidecars(views: Vec<SidecarView>) -> Sidecars {
    Sidecars {
        read_at: fixture::at(30 + 14 * 60 - 12),
        views,
        problems: Vec::new(),
    }
}

fn failing(mode: &str) -> SidecarVerdict {
    let document = json!({
        "schema_version": 1,
        "root_causes": [{
            "check": "castai_api", "mode": mode, "severity": "critical",
            "since": "2025-01-01T00:00:30Z",
        }],
        "checks": [
            { "id": "castai_api", "status": "failing", "evidence": "<b>401</b>" },
            { "id": "dns", "status": "ok" },
        ],
    });
    SidecarVerdict::new(&VerdictDocument::parse(document.to_string().as_bytes()).unwrap())
}

fn behind_one_api_server_of_two() -> SidecarVerdict {
    let document = json!({
        "schema_version": 1,
        "root_causes": [
            { "check": "apiserver", "mode": "k8s_endpoint_down", "severity": "critical" },
        ],
        "checks": [{ "id": "apiserver", "status": "failing" }],
    });
    SidecarVerdict::new(&VerdictDocument::parse(document.to_string().as_bytes()).unwrap())
}

fn passing() -> SidecarVerdict {
    let document = json!({ "schema_version": 1, "checks": [{ "id": "dns", "status": "ok" }] });
    SidecarVerdict::new(&VerdictDocument::parse(document.to_string().as_bytes()).unwrap())
}

#[test]
fn each_sidecar_has_a_card_with_its_root_causes() {
    let views = vec![
        sidecar("castai-agent-1", Ok(failing("castai_token_invalid"))),
        sidecar("castai-agent-2", Ok(passing())),
    ];
    let page = page(&healthy(), &sidecars(views));
    assert!(page.contains("Read <time"), "{page}");
    let first = between(&page, "id=\"sidecar-castai-agent-1\"", "</article>");
    for part in [
        "<code>castai-agent-1</code>",
        "Node <code>node-1</code>",
        "<code>castai_token_invalid</code>",
        ">14 minutes</time>",
        "&lt;b&gt;401&lt;/b&gt;",
        "kubectl -n castai-agent port-forward pod/castai-agent-1 9878",
    ] {
        assert!(first.contains(part), "no {part} in\n{first}");
    }
    let second = between(&page, "id=\"sidecar-castai-agent-2\"", "</article>");
    assert!(!second.contains("port-forward"), "{second}");
}

#[test]
fn failure_that_only_a_sidecar_sees_is_in_the_headline() {
    let failing = |mode| sidecars(vec![sidecar("castai-agent-1", Ok(failing(mode)))]);
    let shown = page(&healthy(), &failing("castai_token_invalid"));
    let title = headline(&shown);
    assert!(
        title.starts_with("The agent cannot work: ") && title.ends_with(", for 14 minutes"),
        "{title}"
    );
    let lead = "Only the agent's own pod sees this; nothing fails from here.";
    assert!(shown.contains(lead), "{shown}");
    // A mode of a newer version has no words here.
    let newer = headline(&page(&healthy(), &failing("castai_telepathy")));
    assert!(newer.contains("castai_telepathy of castai_api"), "{newer}");
    // A failure seen from here comes first.
    let own = page(&denied(Need::Start), &failing("castai_token_invalid"));
    assert!(headline(&own).contains("service control policy"), "{own}");
}

#[test]
fn sidecar_behind_one_failing_api_server_of_two_works_at_times() {
    let partial = sidecar("castai-agent-1", Ok(behind_one_api_server_of_two()));
    let alone = page(&healthy(), &sidecars(vec![partial.clone()]));
    let words = "The agent cannot work reliably";
    assert!(headline(&alone).starts_with(words), "{alone}");
    let card = between(&alone, "id=\"sidecars\"", "</article>");
    assert!(card.contains(words), "{card}");
    // A failure of every request comes first.
    let revoked = sidecar("castai-agent-2", Ok(failing("castai_token_invalid")));
    let both = headline(&page(&healthy(), &sidecars(vec![partial, revoked])));
    assert!(both.starts_with("The agent cannot work: "), "{both}");
}

#[test]
fn sidecar_that_cannot_be_read_says_why_and_changes_no_headline() {
    let unreachable = SidecarError::Unreachable("10.0.3.7:9878 did not accept".into());
    let views = vec![
        sidecar("castai-agent-1", Err(unreachable)),
        sidecar("$(reboot)", Err(SidecarError::PasswordRequired)),
    ];
    let problem = "the exporter's service account is not allowed to list pods";
    let sidecars = Sidecars {
        problems: vec![problem.to_owned()],
        ..sidecars(views)
    };
    let page = page(&healthy(), &sidecars);
    assert!(
        headline(&page).starts_with("The agent can work: "),
        "{page}"
    );
    let text = without_tags(&page);
    for part in [
        problem,
        "It cannot be reached from here: 10.0.3.7:9878 did not accept; a network policy may block",
        "It requires a password, which this companion does not have.",
        // A name that a shell could interpret is left out.
        "kubectl -n castai-agent port-forward pod/POD 9878",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

#[test]
fn companion_without_sidecars_shows_no_section() {
    let page = page(&healthy(), &sidecars(Vec::new()));
    assert!(!page.contains("id=\"sidecars\""), "{page}");
}
