use serde_json::{Value, json};

use super::*;

/// A root cause and its status, as (check, mode, severity, status).
type Failing = (&'static str, &'static str, &'static str, &'static str);

fn view(place: Place, pod: &str, roots: &[Failing]) -> View {
    let root_causes: Vec<Value> = roots
        .iter()
        .map(|(check, mode, severity, _)| {
            json!({ "check": check, "mode": mode, "severity": severity, "also_affected": [] })
        })
        .collect();
    let mut checks: Vec<Value> = roots
        .iter()
        .map(|(check, mode, _, status)| {
            let text = json!({ "mode": mode, "evidence": format!("seen in {pod}") });
            json!({ "id": check, "status": status, "modes": [text] })
        })
        .collect();
    checks.push(json!({ "id": "clock", "status": "ok" }));
    let document = json!({ "schema_version": 1, "root_causes": root_causes, "checks": checks });
    View {
        place,
        pod: pod.to_owned(),
        verdict: Ok(VerdictDocument::parse(document.to_string().as_bytes()).unwrap()),
    }
}

fn roots(findings: &Findings) -> Vec<&str> {
    findings
        .roots
        .iter()
        .map(|root| root.mode.as_str())
        .collect()
}

const DENIED: Failing = ("ec2_api", "ec2_denied_scp", "warning", "failing");
const REVOKED: Failing = ("castai_api", "castai_token_invalid", "critical", "failing");

#[test]
fn most_severe_root_is_first_and_alike_ones_are_one() {
    let findings = Findings::merge(&[
        view(Place::Sidecar, "a", &[DENIED]),
        view(Place::Sidecar, "b", &[DENIED, REVOKED]),
        view(Place::Companion, "c", &[DENIED]),
    ]);
    assert_eq!(roots(&findings), ["castai_token_invalid", "ec2_denied_scp"]);
    let denied = &findings.roots[1];
    let seen: Vec<_> = denied
        .seen_by
        .iter()
        .map(|seen| (seen.place, seen.pods.len(), seen.of))
        .collect();
    assert_eq!(seen, [(Place::Sidecar, 2, 2), (Place::Companion, 1, 1)]);
    assert_eq!(denied.text.evidence.as_str(), "seen in a");
}

#[test]
fn one_api_server_of_several_comes_after_what_affects_every_request() {
    let partial = ("apiserver", "k8s_endpoint_down", "critical", "failing");
    let findings = Findings::merge(&[view(Place::Sidecar, "a", &[partial, REVOKED, DENIED])]);
    assert_eq!(
        roots(&findings),
        [
            "castai_token_invalid",
            "k8s_endpoint_down",
            "ec2_denied_scp"
        ]
    );
}

#[test]
fn worst_status_of_each_place_is_counted() {
    let findings = Findings::merge(&[
        view(Place::Sidecar, "a", &[REVOKED]),
        view(
            Place::Sidecar,
            "b",
            &[("castai_api", "castai_slow", "warning", "warning")],
        ),
        view(Place::ThisMachine, "", &[]),
    ]);
    let check = findings
        .checks
        .iter()
        .find(|check| check.id.as_str() == "castai_api")
        .unwrap();
    assert_eq!(check.status(), "failing");
    let [cell] = check.cells.as_slice() else {
        panic!("one place: {:?}", check.cells)
    };
    assert_eq!((cell.status, cell.count, cell.of), ("failing", 1, 2));
    assert!(findings.any("failing") && !findings.any("warning"));
}

#[test]
fn what_one_place_cannot_determine_is_decided_by_another() {
    let unknown = ("agent_log", "log_unclassified", "warning", "unknown");
    let fine = ("agent_log", "log_unclassified", "warning", "ok");
    let findings = Findings::merge(&[
        view(Place::Companion, "a", &[fine]),
        view(Place::ThisMachine, "", &[unknown]),
    ]);
    assert!(!findings.any("unknown"), "{:?}", findings.checks);
    let findings = Findings::merge(&[view(Place::ThisMachine, "", &[unknown])]);
    assert!(findings.any("unknown"));
}

#[test]
fn consequence_of_a_cause_at_another_vantage_is_no_root() {
    let related = crate::catalogue::relation::RELATIONS
        .iter()
        .find(|relation| {
            matches!(relation.effect, crate::catalogue::Effect::Fails(_))
                && relation.cause.entry().scope != relation.affected.entry().scope
                && alert::ALERTS.iter().any(|alert| {
                    alert.check == relation.affected
                        && alert.explained_by().contains(&relation.cause)
                        && alert.modes.iter().any(|mode| relation.can_explain(*mode))
                })
        });
    let related = related.expect("a relation between the scopes");
    let mode = alert::ALERTS
        .iter()
        .filter(|alert| alert.check == related.affected)
        .flat_map(|alert| alert.modes)
        .find(|mode| related.explains(related.modes[0], **mode))
        .expect("a mode that it explains");
    let cause = (
        related.cause.label(),
        related.modes[0].label(),
        "critical",
        "failing",
    );
    let consequence = (related.affected.label(), mode.label(), "warning", "failing");
    let findings = Findings::merge(&[
        view(Place::Sidecar, "a", &[consequence]),
        view(Place::Companion, "c", &[cause]),
    ]);
    assert_eq!(roots(&findings), [cause.1]);
    assert_eq!(findings.roots[0].also_affected[0].as_str(), consequence.0);
    // An exporter that sees both has decided that one does not explain the other.
    let findings = Findings::merge(&[view(Place::Sidecar, "a", &[cause, consequence])]);
    assert_eq!(findings.roots.len(), 2);
}

#[test]
fn modes_and_statuses_of_newer_versions_are_shown() {
    let findings = Findings::merge(&[view(
        Place::Sidecar,
        "a",
        &[("telepathy", "thought_lost", "critical", "glowing")],
    )]);
    assert_eq!(roots(&findings), ["thought_lost"]);
    let unknown = findings
        .checks
        .iter()
        .find(|check| check.id.as_str() == "telepathy");
    assert_eq!(unknown.unwrap().status(), "unknown");
}

#[test]
fn views_without_a_verdict_are_left_out() {
    let failed = View {
        place: Place::Companion,
        pod: "c".to_owned(),
        verdict: Err(crate::doctor::verdict_document::DocumentError::NotAStatus.into()),
    };
    let findings = Findings::merge(&[failed]);
    assert!(findings.roots.is_empty() && findings.checks.is_empty());
}

const LOGGED: Failing = ("agent_log", "aws_irsa_token_expired", "warning", "failing");

#[test]
fn log_that_an_exporter_follows_is_not_judged_by_one_look() {
    let looked = || view(Place::ThisMachine, "", &[LOGGED, DENIED]);
    let follows = |status: &str| {
        let mut sidecar = view(Place::Sidecar, "a", &[]);
        let log = json!({ "id": "agent_log", "status": status });
        let log = serde_json::from_value(log).unwrap();
        sidecar.verdict.as_mut().unwrap().checks.push(log);
        sidecar
    };
    for (status, kept) in [("ok", false), ("unknown", true)] {
        let mut views = [follows(status), looked()];
        View::prefer_followed_log(&mut views);
        let findings = Findings::merge(&views);
        let is_kept = roots(&findings).contains(&LOGGED.1);
        assert_eq!(is_kept, kept, "{status}");
        assert!(roots(&findings).contains(&DENIED.1));
        let mut checks = findings.checks.iter();
        let log = checks.find(|check| check.id.as_str() == LOGGED.0).unwrap();
        assert_eq!(log.status() == "failing", kept);
    }
}

#[test]
fn log_line_that_explains_a_failure_is_kept() {
    let mut own = view(Place::ThisMachine, "", &[LOGGED]);
    let root = &mut own.verdict.as_mut().unwrap().root_causes[0];
    root.also_affected = serde_json::from_value(json!(["agent_workload"])).unwrap();
    let mut followed = view(Place::Companion, "c", &[]);
    let log = serde_json::from_value(json!({ "id": "agent_log", "status": "ok" })).unwrap();
    followed.verdict.as_mut().unwrap().checks.push(log);
    let mut views = [followed, own];
    View::prefer_followed_log(&mut views);
    assert_eq!(roots(&Findings::merge(&views)), [LOGGED.1]);
}
