//! Tests that `/metrics` and the catalogue name the same metrics and labels.

use std::collections::BTreeSet;

use castai_health_exporter::catalogue::metric::METRICS;
use castai_health_exporter::catalogue::{CheckId, FailureMode};
use castai_health_exporter::report::{AwsIdentity, Finding, Observation, Report, Verdict};
use castai_health_exporter::state::AttemptResult;
use test_support::fixture;
use test_support::fixture::post;

use super::{exposed, series};

/// Returns one observation of each kind about Kubernetes objects.
pub(super) fn workload_observations() -> Vec<Observation> {
    vec![
        Observation::AgentVersion("v0.123.1".to_owned()),
        Observation::AgentReplicas("desired", 1),
        Observation::AgentPods("missing", 1),
        Observation::AgentRestarts(3),
        Observation::Nodes("unresolved", 2),
        Observation::ImagePullFailures("acr", FailureMode::ImageAuthFailed, 4),
        Observation::ObjectsLeftOut("pods", "unreadable", 2),
        Observation::ObjectsLeftOut("pods", "unreadable", 3),
    ]
}

#[test]
fn exposed_metrics_match_the_catalogue() {
    let health = fixture::blank();
    for (check, report) in fixture::eventful()
        .check_states()
        .into_iter()
        .filter_map(|one| Some((one.check, one.latest?)))
    {
        post(&health, check, (*report).clone());
    }
    health.record(
        CheckId::Clock,
        AttemptResult {
            report: Report::from_verdict(Verdict::Ok("in time".into())),
            self_throttled: true,
            panicked: true,
        },
    );
    let observations = vec![
        Observation::AgentStatus("online"),
        Observation::ClusterStatus("ready"),
        Observation::SnapshotReceived(1_700_000_000),
    ];
    let lines = vec![Observation::UnclassifiedLines("agent", 3)];
    post(
        &health,
        CheckId::AgentLog,
        Report {
            observations: lines,
            ..Report::from_verdict(Verdict::Ok("quiet".into()))
        },
    );
    post(
        &health,
        CheckId::ClusterStatus,
        Report {
            observations,
            ..Report::from_verdict(Verdict::Ok("online".into()))
        },
    );
    let observations = workload_observations();
    let evictor = Finding::new(FailureMode::AgentOomkilled, "it exceeded its memory limit");
    post(
        &health,
        CheckId::Components,
        Report {
            observations: vec![Observation::ComponentFailure("evictor", evictor.mode)],
            ..Report::from_verdict(Verdict::failing(evictor))
        },
    );
    post(
        &health,
        CheckId::AgentWorkload,
        Report {
            observations,
            ..Report::from_verdict(Verdict::Ok("it runs".into()))
        },
    );
    let given = Verdict::Ok("the token ends".into());
    post(
        &health,
        CheckId::AwsCredentials,
        Report {
            credentials_expiry: Some(1_800_000_000),
            ..Report::from_verdict(given)
        },
    );
    let identity = AwsIdentity {
        account: "123456789012".to_owned(),
        role: "castai-agent".to_owned(),
        arn: "arn:aws:sts::123456789012:assumed-role/castai-agent/x".to_owned(),
        source: "web_identity",
    };
    let known = Verdict::Ok("the agent authenticates to AWS as a role".into());
    post(
        &health,
        CheckId::StsIdentity,
        Report {
            identity: Some(identity),
            ..Report::from_verdict(known)
        },
    );
    let text = exposed(&health);
    assert_eq!(
        series(&text)["aws_credentials_expiry_timestamp_seconds"],
        "1800000000"
    );
    let info = "aws_identity_info{account=\"123456789012\",role=\"castai-agent\",credential_source=\"web_identity\"}";
    assert_eq!(series(&text)[info], "1");
    assert_eq!(series(&text)["agent_restarts_total"], "3");
    assert_eq!(series(&text)["nodes_lifecycle_unresolved"], "2");
    let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let exposed: BTreeSet<String> = typed.map(ToOwned::to_owned).collect();
    let listed = METRICS
        .iter()
        .map(|metric| format!("{} {}", metric.full_name(), metric.kind.label()))
        .collect();
    assert_eq!(exposed, listed);
}

#[test]
fn label_values_match_the_catalogue() {
    let text = exposed(&fixture::eventful());
    for metric in METRICS {
        let name = metric.full_name();
        let of = |line: &&str| {
            line.strip_prefix(&name)
                .is_some_and(|rest| rest.starts_with(['{', '_', ' ']))
        };
        for label in metric.labels {
            let Some(closed) = label.values.closed() else {
                continue;
            };
            let key = format!("{}=\"", label.name);
            for line in text.lines().filter(of) {
                let Some((_, rest)) = line.split_once(&key) else {
                    continue;
                };
                let value = rest.split('"').next().unwrap();
                assert!(closed.contains(&value), "{line}");
            }
        }
    }
}
