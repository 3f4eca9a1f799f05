//! Tests of the Kubernetes Events on the agent's Deployment.

use std::fs;
use std::time::{Duration, SystemTime};

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use castai_health_exporter::exporter::EventCounts;
use castai_health_exporter::kube_events::{EventRecorder, EventTiming, RootCause, RootCauses};
use castai_health_exporter::report::Evidence;
use lab::ApiFault;
use lab::apiserver::workload::AGENT;
use serde_json::Value;
use test_support::exporter::Exporter;
use test_support::lab_cluster::LabCluster;
use tokio::time::sleep;

/// Writes root causes as soon as they are seen.
const AT_ONCE: EventTiming = EventTiming {
    settle: Duration::ZERO,
    repeat: Duration::from_hours(1),
    retry: Duration::from_millis(100),
};
const POLL_INTERVAL: Duration = Duration::from_millis(20);

fn root(check: CheckId, mode: M) -> RootCause {
    RootCause {
        check,
        mode,
        evidence: Evidence::from("explicit deny"),
        remedy: "Allow ec2:DescribeInstances.".to_owned(),
        since: SystemTime::now(),
    }
}

fn causes(roots: &[(CheckId, M)]) -> RootCauses {
    RootCauses {
        roots: roots
            .iter()
            .map(|(check, mode)| root(*check, *mode))
            .collect(),
        failing: roots.iter().map(|(check, _)| *check).collect(),
    }
}

fn recorder(world: &LabCluster) -> EventRecorder {
    EventRecorder::start(&world.config(), AT_ONCE)
}

/// Returns the Events on the agent's Deployment by reason, as `kubectl describe` selects them.
fn events(world: &LabCluster) -> Vec<Value> {
    let deployment = world.api.objects().get("Deployment", AGENT, AGENT).unwrap();
    let about = |event: &Value| event["involvedObject"]["uid"] == deployment["metadata"]["uid"];
    let mut events: Vec<Value> = world.api.objects().all("Event");
    events.retain(about);
    events
}

/// Waits until this number of Events was written or dropped.
async fn counted(recorder: &EventRecorder, wanted: EventCounts) {
    while recorder.counts() != wanted {
        sleep(POLL_INTERVAL).await;
    }
}

const fn counts(written: u64, dropped: u64) -> EventCounts {
    EventCounts { written, dropped }
}

#[tokio::test]
async fn root_cause_and_recovery_each_write_one_event_on_the_deployment() {
    let world = LabCluster::start();
    let recorder = recorder(&world);
    recorder.observe(causes(&[(CheckId::Ec2Api, M::Ec2DeniedScp)]));
    counted(&recorder, counts(1, 0)).await;
    let [event] = &events(&world)[..] else {
        panic!("{:?}", events(&world));
    };
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["reason"], "Ec2DeniedScp");
    assert_eq!(event["involvedObject"]["kind"], "Deployment");
    assert_eq!(event["source"]["component"], "castai-health-exporter");
    let message = event["message"].as_str().unwrap();
    assert!(
        message.ends_with("Fix: Allow ec2:DescribeInstances."),
        "{message}"
    );

    recorder.observe(causes(&[]));
    counted(&recorder, counts(2, 0)).await;
    let events = events(&world);
    let recovery = events.iter().find(|event| event["reason"] == "Recovered");
    assert_eq!(recovery.unwrap()["type"], "Normal");
}

#[tokio::test]
async fn repeated_root_cause_counts_up_instead_of_adding_objects() {
    let world = LabCluster::start();
    let first = recorder(&world);
    for round in 1..=3 {
        first.observe(causes(&[(CheckId::Ec2Api, M::Ec2DeniedScp)]));
        counted(&first, counts(2 * round - 1, 0)).await;
        first.observe(causes(&[]));
        counted(&first, counts(2 * round, 0)).await;
    }
    // Another exporter, or this one after a restart, does not know the count.
    let second = recorder(&world);
    second.observe(causes(&[(CheckId::Ec2Api, M::Ec2DeniedScp)]));
    counted(&second, counts(1, 0)).await;
    let events = events(&world);
    let of = |reason: &str| {
        events
            .iter()
            .find(|event| event["reason"] == reason)
            .unwrap()["count"]
            .clone()
    };
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!((of("Ec2DeniedScp"), of("Recovered")), (4.into(), 3.into()));
}

#[tokio::test]
async fn expired_event_is_created_again() {
    let world = LabCluster::start();
    let recorder = recorder(&world);
    recorder.observe(causes(&[(CheckId::Ec2Api, M::Ec2DeniedScp)]));
    counted(&recorder, counts(1, 0)).await;
    let name = events(&world)[0]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(world.api.objects().remove("Event", AGENT, &name));
    recorder.observe(causes(&[]));
    counted(&recorder, counts(2, 0)).await;
    recorder.observe(causes(&[(CheckId::Ec2Api, M::Ec2DeniedScp)]));
    counted(&recorder, counts(3, 0)).await;
    let event = world.api.objects().get("Event", AGENT, &name).unwrap();
    assert_eq!(event["count"], 1);
}

#[tokio::test]
async fn event_is_dropped_while_the_api_server_is_down_and_written_when_it_is_back() {
    let world = LabCluster::start();
    world.api.set(lab::Fault::Refused).await;
    let recorder = recorder(&world);
    recorder.observe(causes(&[(CheckId::Apiserver, M::NetRefused)]));
    while recorder.counts().dropped < 2 {
        sleep(POLL_INTERVAL).await;
    }
    assert_eq!(recorder.counts().written, 0);
    world.api.heal().await;
    while recorder.counts().written == 0 {
        sleep(POLL_INTERVAL).await;
    }
    assert_eq!(events(&world)[0]["reason"], "NetRefused");
}

#[tokio::test]
async fn flood_of_root_causes_is_limited() {
    let world = LabCluster::start();
    let recorder = EventRecorder::start(
        &world.config(),
        EventTiming {
            retry: Duration::from_hours(1),
            ..AT_ONCE
        },
    );
    let modes = M::ALL
        .iter()
        .take(14)
        .map(|mode| (CheckId::AgentLog, *mode));
    recorder.observe(causes(&modes.collect::<Vec<_>>()));
    counted(&recorder, counts(10, 4)).await;
    assert_eq!(events(&world).len(), 10);
}

#[tokio::test]
async fn events_need_their_own_permission() {
    let world = LabCluster::start();
    world.api.set(ApiFault::Denied("events".to_owned())).await;
    let recorder = recorder(&world);
    recorder.observe(causes(&[(CheckId::Ec2Api, M::Ec2DeniedScp)]));
    while recorder.counts().dropped == 0 {
        sleep(POLL_INTERVAL).await;
    }
    assert_eq!(events(&world), Vec::<Value>::new());
}

#[tokio::test]
async fn daemon_writes_no_event_unless_they_are_enabled() {
    let world = LabCluster::start();
    let path = world.mounted("exporter.yaml");
    let metric = async |file: String| {
        fs::write(&path, file).unwrap();
        let exporter = Exporter::start(&world.env, &path).await;
        loop {
            let metrics = exporter.metrics().await;
            // From then on the checks run, and the recorder with them.
            if metrics.contains("castai_health_check_last_attempt_timestamp_seconds{") {
                return metrics.contains("castai_health_kube_events_total{result=\"written\"} 0");
            }
            sleep(POLL_INTERVAL).await;
        }
    };
    assert!(!metric(world.file.clone()).await);
    assert!(metric(format!("{}events: {{ enabled: true }}\n", world.file)).await);
}
