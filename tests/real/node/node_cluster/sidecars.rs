//! Sidecars of the agent in a node cluster.

use std::time::{Duration, Instant};

use test_support::exporter::fetch;
use tokio::time::sleep;

use super::{AGENT_POD_SELECTOR, NodeCluster, POLL_INTERVAL, TIMEOUT};

impl NodeCluster {
    /// Waits until every agent pod exists, is ready and has a sidecar.
    pub(in crate::node) async fn every_agent_pod_has_a_sidecar(&self, within: Duration) {
        self.kubectl(&[
            "rollout",
            "status",
            "deploy/castai-agent",
            &format!("--timeout={}s", within.as_secs()),
        ])
        .await;
        let pods = self.agents_pods().await;
        assert_eq!(pods.len(), 2, "{pods:?}\n{}", self.state().await);
        for pod in pods {
            assert_eq!(
                self.containers(&pod).await,
                ["agent", "monitor", "castai-health-exporter"],
                "{pod}"
            );
            self.kubectl(&[
                "wait",
                "--for=condition=Ready",
                &format!("pod/{pod}"),
                "--timeout=60s",
            ])
            .await;
        }
    }

    pub(in crate::node) async fn replace_the_agents_pods(&self) {
        for pod in self.agents_pods().await {
            self.kubectl(&["delete", "pod", &pod]).await;
            self.kubectl(&["rollout", "status", "deploy/castai-agent", "--timeout=90s"])
                .await;
        }
    }

    /// Waits until an exporter reports this vantage, this source of the agent's environment, and
    /// these check statuses.
    pub(in crate::node) async fn wait_for_verdicts(
        &self,
        pod: &str,
        vantage: &str,
        environment: &str,
        checks: &[(&str, &str)],
    ) {
        let address = self.exporter_in(pod).await;
        let scope = if vantage == "sidecar" { "pod" } else { "all" };
        let mut wanted = vec![format!(
            r#"castai_health_exporter_info{{vantage="{vantage}",scope="{scope}",agent_environment="{environment}"}} 1"#
        )];
        wanted.extend(checks.iter().map(|(check, status)| {
            format!(r#"castai_health_check_status{{check="{check}",status="{status}"}} 1"#)
        }));
        let began = Instant::now();
        loop {
            let metrics = fetch(&address, "/metrics").await.unwrap_or_default();
            let missing: Vec<_> = wanted
                .iter()
                .filter(|line| !metrics.lines().any(|has| has == **line))
                .collect();
            if missing.is_empty() {
                println!(
                    "{pod} reports it after {:.1} s",
                    began.elapsed().as_secs_f64()
                );
                return;
            }
            if began.elapsed() > TIMEOUT {
                let container = ["logs", pod, "-c", "castai-health-exporter", "--tail=40"];
                panic!(
                    "{pod} does not report {missing:?}\n{}\n{metrics}",
                    self.kubectl(&container).await
                );
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Adds an unknown flag to the sidecar's arguments in the policy.
    pub(in crate::node) async fn break_the_sidecars_arguments(&self) {
        let name = "castai-health-exporter";
        let policy = self
            .get(&["mutatingadmissionpolicy", name])
            .await
            .to_string();
        let broken = policy.replace("--vantage=sidecar", "--no.such-flag");
        assert_ne!(broken, policy);
        self.apply(&serde_json::from_str(&broken).unwrap()).await;
    }

    /// Waits until the agent's containers run while the sidecar does not, and returns the sidecar's
    /// state.
    pub(in crate::node) async fn agent_runs_while_the_sidecar_does_not(
        &self,
        within: Duration,
    ) -> String {
        let began = Instant::now();
        loop {
            let list = self.get(&["pods", "-l", AGENT_POD_SELECTOR]).await;
            for pod in list["items"].as_array().unwrap() {
                let states = pod["status"]["containerStatuses"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let state = |name: &str| {
                    states
                        .iter()
                        .find(|state| state["name"] == name)
                        .cloned()
                        .unwrap_or_default()
                };
                let sidecar = state("castai-health-exporter");
                let runs = ["agent", "monitor"]
                    .iter()
                    .all(|name| state(name)["state"].get("running").is_some());
                let waits = sidecar["state"]["waiting"]["reason"]
                    .as_str()
                    .filter(|why| *why != "ContainerCreating");
                // Between two starts the kubelet reports either the exit or the back-off.
                let ended = sidecar["state"]["terminated"]["exitCode"]
                    .as_i64()
                    .filter(|code| *code != 0);
                let ended = ended.map(|code| format!("exited with {code}"));
                if let Some(broken) = waits.map(str::to_owned).or(ended).filter(|_| runs) {
                    return format!("the agent runs, the sidecar is {broken}");
                }
            }
            assert!(began.elapsed() < within, "{}", self.state().await);
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns all objects with our name, and all changes to the agent's objects.
    pub(in crate::node) async fn leftovers(&self) -> String {
        let kinds = "deployments,pods,configmaps,secrets,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,\
                     networkpolicies,mutatingadmissionpolicies,mutatingadmissionpolicybindings";
        let ours = [
            "get",
            kinds,
            "--all-namespaces",
            "-oname",
            "-l",
            "app.kubernetes.io/name=castai-health-exporter",
        ];
        let named = self
            .cluster
            .kubectl(&["get", kinds, "--all-namespaces", "-oname"])
            .await
            .unwrap();
        let named = named
            .lines()
            .filter(|line| line.contains("castai-health-exporter"));
        named.fold(self.cluster.kubectl(&ours).await.unwrap(), |all, line| {
            all + line + "\n"
        })
    }
}
