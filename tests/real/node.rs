//! Tests on a real node: our image in containerd, a stand-in for the agent, and our chart, as
//! README.md says.
//!
//! These tests need root and a kubelet: `make test-node` runs them.

mod faults;
mod image;
mod node_cluster;

use std::time::Duration;

use lab::CastAiFault;
use node_cluster::NodeCluster;

use crate::support::helm::{AGENT_CHART, CHART, Helm};

/// Time for a rolling update of the agent.
const ROLLED: Duration = Duration::from_secs(90);
/// Time until every API server applies a policy; there is no status for it.
const ACTS: Duration = Duration::from_secs(5);

#[tokio::test]
#[ignore = "needs root and a kubelet: make test-node"]
async fn both_vantages_are_installed_as_the_readme_says_and_outlive_what_becomes_of_the_agent() {
    let site = NodeCluster::start().await;
    let [helm3, helm4] = Helm::both();
    site.agent(&helm4, &[]).await;
    let before = site.deployment().await;

    site.readme("install").await;
    site.kubectl(&[
        "rollout",
        "status",
        "deploy/castai-health-exporter",
        "--timeout=90s",
    ])
    .await;
    let companion = site
        .pods("app.kubernetes.io/name=castai-health-exporter")
        .await;
    let fine = [("apiserver", "ok"), ("castai_api", "ok"), ("dns", "ok")];
    site.sees(&companion[0], "companion", "pod", &fine).await;
    assert_eq!(
        site.deployment().await,
        before,
        "the companion touches nothing of the agent's"
    );

    site.readme("sidecar").await;
    site.every_agent_pod_has_a_sidecar(ROLLED).await;
    // It was configured to expect a sidecar, so it was recreated.
    site.kubectl(&[
        "rollout",
        "status",
        "deploy/castai-health-exporter",
        "--timeout=90s",
    ])
    .await;
    let companion = site
        .pods("app.kubernetes.io/name=castai-health-exporter")
        .await;
    for pod in site.agents_pods().await {
        site.sees(&pod, "sidecar", "own", &fine).await;
    }
    assert_eq!(
        site.deployment().await,
        before,
        "the Deployment is the agent's alone"
    );

    // Prometheus with the README's configuration discovers all three, shows the failure, and an
    // alert fires.
    let prometheus = site.prometheus().await;
    prometheus
        .counts("sum(up{job='castai-health-exporter'})", 3.0)
        .await;
    prometheus
        .counts("max(castai_health_agent_pods{exporter='present'})", 2.0)
        .await;
    let broken = "count(castai_health_failure{check='castai_api',mode='castai_token_invalid'})";
    let told = "count(ALERTS{check='castai_api',mode='castai_token_invalid',alertstate='firing'})";
    site.castai.set(CastAiFault::TokenInvalid).await;
    prometheus.counts(broken, 3.0).await;
    prometheus.counts(told, 1.0).await;
    site.castai.heal().await;
    prometheus
        .counts(
            "count(castai_health_check_status{check='castai_api',status='ok'} == 1)",
            3.0,
        )
        .await;
    prometheus
        .counts(&format!("{told} or vector(0)"), 0.0)
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
        site.helm(helm, arguments).await;
        site.every_agent_pod_has_a_sidecar(ROLLED).await;
        println!("{what}: every pod of the agent has a sidecar");
    }
    for helm in [&helm3, &helm4] {
        site.helm(helm, &["uninstall", "castai-agent", "--wait"])
            .await;
        site.sees(
            &companion[0],
            "companion",
            "none",
            &[
                ("apiserver", "not_applicable"),
                ("castai_api", "not_applicable"),
            ],
        )
        .await;
        site.agent(helm, &[]).await;
        site.every_agent_pod_has_a_sidecar(ROLLED).await;
        site.sees(&companion[0], "companion", "pod", &fine).await;
    }
    site.kubectl(&["delete", "deployment", "castai-agent"])
        .await;
    site.agent(&helm4, &[]).await;
    site.every_agent_pod_has_a_sidecar(ROLLED).await;
    site.sees(&companion[0], "companion", "pod", &fine).await;
    assert_eq!(
        site.pods("app.kubernetes.io/name=castai-health-exporter")
            .await,
        companion,
        "it was never replaced"
    );
    assert_eq!(site.restarts(&companion[0]).await, 0);

    // Without the policy new pods have no sidecar, which is reported; an upgrade of our release
    // fixes it.
    site.kubectl(&[
        "delete",
        "mutatingadmissionpolicybinding",
        "castai-health-exporter",
    ])
    .await;
    tokio::time::sleep(ACTS).await;
    site.replace_the_agents_pods().await;
    let prometheus = site.prometheus().await;
    let told = "count(ALERTS{alertname='CastaiHealthSidecarMissing',alertstate='firing'})";
    prometheus.counts(told, 1.0).await;
    site.helm(
        &helm4,
        &["upgrade", "castai-health-exporter", CHART, "--reuse-values"],
    )
    .await;
    tokio::time::sleep(ACTS).await;
    site.replace_the_agents_pods().await;
    site.every_agent_pod_has_a_sidecar(ROLLED).await;
    prometheus
        .counts(&format!("{told} or vector(0)"), 0.0)
        .await;
    drop(prometheus);

    // Uninstalling restores the agent's Deployment.
    let before = site.deployment().await;
    site.helm(&helm4, &["uninstall", "castai-health-exporter", "--wait"])
        .await;
    tokio::time::sleep(ACTS).await;
    site.replace_the_agents_pods().await;
    assert_eq!(site.deployment().await, before);
    for pod in site.agents_pods().await {
        assert_eq!(site.containers(&pod).await, ["agent", "monitor"]);
    }
    assert_eq!(site.left_behind().await, "");
}

#[tokio::test]
#[ignore = "needs root and a kubelet: make test-node"]
async fn whatever_is_wrong_with_the_sidecar_the_agent_runs() {
    let site = NodeCluster::start().await;
    let helm = Helm::four();
    site.agent(&helm, &["replicas=1"]).await;
    for (what, values) in [
        ("an image that nobody has", "image.tag=none"),
        ("a flag that it does not know", "image.pullPolicy=Never"),
    ] {
        let sidecar = [
            "sidecar.enabled=true",
            "companion.enabled=false",
            "image.pullPolicy=Never",
            values,
        ];
        site.exporter(&helm, &sidecar).await;
        if what.contains("flag") {
            site.break_the_sidecars_arguments().await;
        }
        tokio::time::sleep(ACTS).await;
        site.kubectl(&["delete", "pod", "-l", "app.kubernetes.io/name=castai-agent"])
            .await;
        let containers = site.agent_runs_while_the_sidecar_does_not(ROLLED).await;
        println!("{what}: {containers}");
    }
}
