//! Kubernetes Events on a real API server, with exactly the permissions of the chart.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::companion::{CompanionBed, NAMESPACE};
use crate::support::helm::{CHART, Helm, IMAGE};

const POLL_INTERVAL: Duration = Duration::from_millis(500);

impl CompanionBed {
    /// Returns the Events on the agent's Deployment that this program wrote.
    async fn events(&self) -> Vec<Value> {
        let selector =
            "--field-selector=involvedObject.name=castai-agent,involvedObject.kind=Deployment";
        let get = [
            "get",
            "events",
            "--namespace",
            NAMESPACE,
            selector,
            "-ojson",
        ];
        let list: Value = serde_json::from_str(&self.cluster.kubectl(&get).await.unwrap()).unwrap();
        let ours = |event: &&Value| event["source"]["component"] == "castai-health-exporter";
        let items = list["items"].as_array().unwrap().iter();
        items.filter(ours).cloned().collect()
    }

    async fn wait_for_event(&self, reason: &str) -> Value {
        loop {
            let events = self.events().await;
            if let Some(event) = events.iter().find(|event| event["reason"] == reason) {
                return event.clone();
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

#[tokio::test]
async fn describe_shows_what_happened_to_the_agent() {
    let bed = CompanionBed::start().await;
    let upgrade = [
        "upgrade",
        "castai-health-exporter",
        CHART,
        "--namespace",
        NAMESPACE,
        "--set",
        IMAGE,
        "--set",
        "events.enabled=true",
    ];
    Helm::latest().on(&bed.cluster, &upgrade).await.unwrap();
    bed.agent(&Helm::latest(), &bed.url()).await;
    bed.mount_secret();
    bed.enable_events();
    bed.castai().set(lab::CastAiFault::TokenInvalid).await;
    let exporter = bed.exporter().await;
    let event = bed.wait_for_event("CastaiTokenInvalid").await;
    assert_eq!(event["type"], "Warning");
    let describe = [
        "describe",
        "deployment",
        "castai-agent",
        "--namespace",
        NAMESPACE,
    ];
    let described = bed.cluster.kubectl(&describe).await.unwrap();
    let shown = described
        .lines()
        .find(|line| line.contains("CastaiTokenInvalid"));
    assert!(
        shown.is_some_and(|line| line.contains("Fix: ")),
        "{described}"
    );
    bed.castai().heal().await;
    let recovery = bed.wait_for_event("Recovered").await;
    assert_eq!(recovery["type"], "Normal");
    let metrics = exporter.metrics().await;
    let dropped = r#"castai_health_kube_events_total{result="dropped"} 0"#;
    assert!(metrics.contains(dropped), "{metrics}");
}
