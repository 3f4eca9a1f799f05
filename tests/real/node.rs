//! Tests on a real node: our image in containerd, a stand-in for the agent, and our chart, as
//! README.md says.
//!
//! These tests need root and a kubelet: `make test-node` runs them.

mod attack;
mod doctor;
mod faults;
mod image;
mod node_cluster;
mod value_files;

use std::time::Duration;

use lab::CastAiFault;
use node_cluster::NodeCluster;

use crate::support::helm::{AGENT_CHART, CHART, Helm};

/// Time for a rolling update of the agent.
const ROLLOUT_TIMEOUT: Duration = Duration::from_secs(90);
/// Time until every API server applies a policy; there is no status for it.
const POLICY_DELAY: Duration = Duration::from_secs(5);

#[tokio::test]
#[ignore = "needs root and a kubelet: make test-node"]
#[expect(clippy::too_many_lines, reason = "one installation, step by step")]
async fn readme_installation_survives_agent_upgrade_and_removal() {
    let cluster = NodeCluster::start().await;
    let [helm3, helm4] = Helm::both();
    cluster.agent(&helm4, &[]).await;
    let before = cluster.deployment().await;

    cluster.run_block("install").await;
    cluster
        .kubectl(&[
            "rollout",
            "status",
            "deploy/castai-health-exporter",
            "--timeout=90s",
        ])
        .await;
    let companion = cluster
        .pods("app.kubernetes.io/name=castai-health-exporter")
        .await;
    let fine = [("apiserver", "ok"), ("castai_api", "ok"), ("dns", "ok")];
    cluster
        .wait_for_verdicts(&companion[0], "companion", "pod", &fine)
        .await;
    assert_eq!(
        cluster.deployment().await,
        before,
        "the companion changed the agent's Deployment"
    );

    cluster.run_block("sidecar").await;
    cluster.every_agent_pod_has_a_sidecar(ROLLOUT_TIMEOUT).await;
    // It was configured to expect a sidecar, so it was recreated.
    cluster
        .kubectl(&[
            "rollout",
            "status",
            "deploy/castai-health-exporter",
            "--timeout=90s",
        ])
        .await;
    let companion = cluster
        .pods("app.kubernetes.io/name=castai-health-exporter")
        .await;
    for pod in cluster.agents_pods().await {
        cluster
            .wait_for_verdicts(&pod, "sidecar", "own", &fine)
            .await;
    }
    assert_eq!(
        cluster.deployment().await,
        before,
        "the agent's Deployment has other field managers"
    );

    // Prometheus with the README's configuration discovers all three, shows the failure, and an
    // alert fires.
    let prometheus = cluster.prometheus().await;
    prometheus
        .wait_for_query("sum(up{job='castai-health-exporter'})", 3.0)
        .await;
    prometheus
        .wait_for_query("max(castai_health_agent_pods{exporter='present'})", 2.0)
        .await;
    let broken = "count(castai_health_failure{check='castai_api',mode='castai_token_invalid'})";
    let notifications =
        "count(ALERTS{check='castai_api',mode='castai_token_invalid',alertstate='firing'})";
    cluster.castai.set(CastAiFault::TokenInvalid).await;
    prometheus.wait_for_query(broken, 3.0).await;
    prometheus.wait_for_query(notifications, 1.0).await;
    cluster.castai.heal().await;
    prometheus
        .wait_for_query(
            "count(castai_health_check_status{check='castai_api',status='ok'} == 1)",
            3.0,
        )
        .await;
    prometheus
        .wait_for_query(&format!("{notifications} or vector(0)"), 0.0)
        .await;
    drop(prometheus);

    // After each change of the agent, its pods have a sidecar again and the companion follows.
    for (what, helm, arguments) in [
        (
            "upgraded",
            &helm4,
            [
                "upgrade",
                "castai-agent",
                AGENT_CHART,
                "--reuse-values",
                "--set=env.ADDED=1",
            ]
            .as_slice(),
        ),
        ("rolled back", &helm4, &["rollback", "castai-agent", "1"]),
        (
            "upgraded by the other Helm",
            &helm3,
            &[
                "upgrade",
                "castai-agent",
                AGENT_CHART,
                "--reuse-values",
                "--set=env.ADDED=2",
            ],
        ),
        (
            "rolled back by the other Helm",
            &helm3,
            &["rollback", "castai-agent", "1"],
        ),
    ] {
        cluster.helm(helm, arguments).await;
        cluster.every_agent_pod_has_a_sidecar(ROLLOUT_TIMEOUT).await;
        println!("{what}: every pod of the agent has a sidecar");
    }
    for helm in [&helm3, &helm4] {
        cluster
            .helm(helm, &["uninstall", "castai-agent", "--wait"])
            .await;
        cluster
            .wait_for_verdicts(
                &companion[0],
                "companion",
                "none",
                &[
                    ("apiserver", "not_applicable"),
                    ("castai_api", "not_applicable"),
                ],
            )
            .await;
        cluster.agent(helm, &[]).await;
        cluster.every_agent_pod_has_a_sidecar(ROLLOUT_TIMEOUT).await;
        cluster
            .wait_for_verdicts(&companion[0], "companion", "pod", &fine)
            .await;
    }
    cluster
        .kubectl(&["delete", "deployment", "castai-agent"])
        .await;
    cluster.agent(&helm4, &[]).await;
    cluster.every_agent_pod_has_a_sidecar(ROLLOUT_TIMEOUT).await;
    cluster
        .wait_for_verdicts(&companion[0], "companion", "pod", &fine)
        .await;
    assert_eq!(
        cluster
            .pods("app.kubernetes.io/name=castai-health-exporter")
            .await,
        companion,
        "it was never replaced"
    );
    assert_eq!(cluster.restarts(&companion[0]).await, 0);

    // Without the policy new pods have no sidecar, which is reported; an upgrade of our release
    // fixes it.
    cluster
        .kubectl(&[
            "delete",
            "mutatingadmissionpolicybinding",
            "castai-health-exporter",
        ])
        .await;
    tokio::time::sleep(POLICY_DELAY).await;
    cluster.replace_the_agents_pods().await;
    let prometheus = cluster.prometheus().await;
    let notifications = "count(ALERTS{alertname='CastaiHealthSidecarMissing',alertstate='firing'})";
    prometheus.wait_for_query(notifications, 1.0).await;
    cluster
        .helm(
            &helm4,
            &["upgrade", "castai-health-exporter", CHART, "--reuse-values"],
        )
        .await;
    tokio::time::sleep(POLICY_DELAY).await;
    cluster.replace_the_agents_pods().await;
    cluster.every_agent_pod_has_a_sidecar(ROLLOUT_TIMEOUT).await;
    prometheus
        .wait_for_query(&format!("{notifications} or vector(0)"), 0.0)
        .await;
    drop(prometheus);

    // Uninstalling restores the agent's Deployment.
    let before = cluster.deployment().await;
    cluster
        .helm(&helm4, &["uninstall", "castai-health-exporter", "--wait"])
        .await;
    tokio::time::sleep(POLICY_DELAY).await;
    cluster.replace_the_agents_pods().await;
    assert_eq!(cluster.deployment().await, before);
    for pod in cluster.agents_pods().await {
        assert_eq!(cluster.containers(&pod).await, ["agent", "monitor"]);
    }
    assert_eq!(cluster.leftovers().await, "");
}

#[tokio::test]
#[ignore = "needs root and a kubelet: make test-node"]
async fn broken_sidecar_does_not_stop_the_agent() {
    let cluster = NodeCluster::start().await;
    let helm = Helm::latest();
    cluster.agent(&helm, &["replicas=1"]).await;
    for (what, values) in [
        ("a missing image", "image.tag=none"),
        ("a flag that it does not know", "image.pullPolicy=Never"),
    ] {
        let sidecar = [
            "sidecar.enabled=true",
            "companion.enabled=false",
            "image.pullPolicy=Never",
            values,
        ];
        cluster.exporter(&helm, &sidecar).await;
        if what.contains("flag") {
            cluster.break_the_sidecars_arguments().await;
        }
        tokio::time::sleep(POLICY_DELAY).await;
        cluster
            .kubectl(&["delete", "pod", "-l", "app.kubernetes.io/name=castai-agent"])
            .await;
        let containers = cluster
            .agent_runs_while_the_sidecar_does_not(ROLLOUT_TIMEOUT)
            .await;
        println!("{what}: {containers}");
    }
}
