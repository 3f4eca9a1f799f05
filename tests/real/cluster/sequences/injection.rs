//! Injects faults into a real control plane and into the agent's objects, and heals them.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::scenarios::{heal_servers, inject_fault};
use test_support::sequence::Reaction;
use tokio::time::{Instant, sleep};

use super::admin::Change;
use super::agent::{LEASE, LEASES, PODS};
use super::bed::{ACCOUNT_OF_AGENT, DEPLOYMENT, NODE, ROLE, SECRET, SequenceBed};
use super::faults::{Broken, LeaseFault, RealFault, without};
use super::node::Container;
use crate::cluster::faults::webhook;
use crate::support::cluster::{Account, Certificate, Token};

const QUOTAS: &str = "/api/v1/namespaces/castai-agent/resourcequotas";
const SERVICE_ACCOUNT: &str = "/api/v1/namespaces/castai-agent/serviceaccounts/castai-agent";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/castai-agent/deployments";
const NAMESPACE: &str = "/api/v1/namespaces/castai-agent";
const POD_SECURITY: &str = "pod-security.kubernetes.io/enforce";
const SECRETS: &str = "/api/v1/namespaces/castai-agent/secrets";
const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
/// The age of a lease that is not renewed any more, in seconds.
const STALE_SECONDS: i64 = 40;
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Time that a controller on a busy machine takes at most.
const CONTROLLER_TIMEOUT: Duration = Duration::from_mins(1);

impl SequenceBed {
    /// Injects a fault. The exporter keeps its memory.
    pub(in crate::cluster) async fn inject(&mut self, fault: RealFault) {
        self.fault = Some(fault);
        self.logs_about_fault();
        match fault.broken {
            Broken::Lab(fault) => inject_fault(&mut self.lab, fault).await,
            Broken::Paused(components) => {
                for component in components {
                    self.cluster.pause(component).await.unwrap();
                }
            }
            Broken::Killed(components) => {
                for component in components {
                    self.cluster.kill(component).await.unwrap();
                }
            }
            Broken::Certified(servers, certificate) => self.certify(servers, certificate).await,
            Broken::Link(fault) => self.link(fault).await,
            Broken::ServiceAccountDeleted => {
                self.admin.change(SERVICE_ACCOUNT, Change::Delete).await;
            }
            Broken::TokenExpired => {
                let expired = Account {
                    token: Token::Expired,
                    ..ACCOUNT_OF_AGENT
                };
                drop(self.cluster.mount(&expired).await.unwrap());
            }
            Broken::TokenMissing => fs::remove_file(self.mount.join("token")).unwrap(),
            Broken::PermissionLost(resource) => {
                let patch = without(&self.rules, resource);
                self.admin.change(ROLE, Change::Patch(&patch)).await;
            }
            Broken::ScaledToZero => self.scale(0).await,
            Broken::DeploymentDeleted => self.admin.change(DEPLOYMENT, Change::Delete).await,
            Broken::NodeTainted => {
                let taint = json!([{ "key": "dedicated", "value": "gpu", "effect": "NoSchedule" }]);
                self.taint(&taint).await;
                self.admin.change(PODS, Change::Delete).await;
            }
            Broken::QuotaExhausted => {
                let quota = json!({
                    "apiVersion": "v1", "kind": "ResourceQuota",
                    "metadata": { "name": "full" }, "spec": { "hard": { "pods": "0" } },
                });
                self.admin.change(QUOTAS, Change::Create(&quota)).await;
                self.wait_for(&format!("{QUOTAS}/full"), "/status/hard/pods")
                    .await;
                self.admin.change(PODS, Change::Delete).await;
            }
            Broken::WebhookUnreachable => {
                self.admin
                    .change(WEBHOOKS, Change::Create(&webhook()))
                    .await;
                self.wait_until_pods_are_rejected("failed calling webhook")
                    .await;
                self.admin.change(PODS, Change::Delete).await;
            }
            Broken::PodSecurityRejects => {
                let label = json!({ "metadata": { "labels": { (POD_SECURITY): "baseline" } } });
                self.admin.change(NAMESPACE, Change::Patch(&label)).await;
                self.patch_pods(&json!({ "hostNetwork": true })).await;
            }
            Broken::NoNodeSelected => {
                self.patch_pods(&json!({ "nodeSelector": { "pool": "x" } }))
                    .await;
            }
            Broken::SecretDeleted => {
                self.admin.change(SECRET, Change::Delete).await;
                self.agent.container.does = Container::LacksSecret;
                self.admin.change(PODS, Change::Delete).await;
            }
            Broken::Container(does) => self.agent.container.does = does,
            Broken::Lease(LeaseFault::Stale) => self.renew(0, STALE_SECONDS).await,
            Broken::Lease(LeaseFault::Stolen) => self.renew(0, 1).await,
            Broken::Lease(LeaseFault::Deleted) => {
                let lease = format!("{LEASES}/{LEASE}");
                self.admin.change(&lease, Change::Delete).await;
            }
        }
        self.live().await;
    }

    /// Heals the fault. An agent that lost the API server has exited, and runs again.
    pub(in crate::cluster) async fn heal(&mut self) {
        let Some(fault) = self.fault.take() else {
            return;
        };
        match fault.broken {
            Broken::Lab(_) => heal_servers(&mut self.lab).await,
            Broken::Paused(components) => {
                for component in components {
                    self.cluster.resume(component).await.unwrap();
                }
            }
            Broken::Killed(components) => {
                for component in components {
                    self.cluster.revive(component).await.unwrap();
                }
            }
            Broken::Certified(servers, _) => self.certify(servers, Certificate::Valid).await,
            Broken::Link(_) => self.link("ok").await,
            Broken::PermissionLost(_) => {
                let rules = json!({ "rules": self.rules });
                self.admin.change(ROLE, Change::Patch(&rules)).await;
            }
            Broken::ScaledToZero => self.scale(1).await,
            Broken::DeploymentDeleted => {
                let deployment = Change::Create(&self.deployment);
                self.admin.change(DEPLOYMENTS, deployment).await;
            }
            Broken::NodeTainted => self.taint(&json!([])).await,
            Broken::QuotaExhausted => {
                let quota = format!("{QUOTAS}/full");
                self.admin.change(&quota, Change::Delete).await;
            }
            Broken::WebhookUnreachable => {
                let webhook = format!("{WEBHOOKS}/missing");
                self.admin.change(&webhook, Change::Delete).await;
            }
            Broken::PodSecurityRejects => {
                let label = json!({ "metadata": { "labels": { (POD_SECURITY): null } } });
                self.admin.change(NAMESPACE, Change::Patch(&label)).await;
                self.patch_pods(&json!({ "hostNetwork": null })).await;
            }
            Broken::NoNodeSelected => {
                self.patch_pods(&json!({ "nodeSelector": null })).await;
            }
            Broken::SecretDeleted => {
                self.admin
                    .change(SECRETS, Change::Create(&self.secret))
                    .await;
                self.agent.container.does = Container::Runs;
            }
            Broken::Container(_) => self.agent.container.does = Container::Runs,
            Broken::Lease(_)
            | Broken::ServiceAccountDeleted
            | Broken::TokenExpired
            | Broken::TokenMissing => {}
        }
        for server in self.cluster.api_servers() {
            let ready = format!("ready {}", server.name);
            self.cluster.control(&ready).await.unwrap();
        }
        // The kubelet renews the token, too.
        self.mount = self.cluster.mount(&ACCOUNT_OF_AGENT).await.unwrap();
        if matches!(fault.agent, Reaction::Exits(_)) {
            self.restart_agent().await;
        }
        self.deliver();
        self.live().await;
    }

    async fn certify(&self, servers: &[usize], certificate: Certificate) {
        for server in servers {
            let server = &self.cluster.api_servers()[*server];
            self.cluster.certify(server, certificate).await.unwrap();
        }
    }

    async fn link(&self, fault: &str) {
        self.cluster
            .control(&format!("link {fault}"))
            .await
            .unwrap();
    }

    async fn scale(&self, replicas: u32) {
        let patch = json!({ "spec": { "replicas": replicas } });
        self.admin.change(DEPLOYMENT, Change::Patch(&patch)).await;
    }

    /// Changes the template of the agent's pods.
    async fn patch_pods(&self, spec: &Value) {
        let patch = json!({ "spec": { "template": { "spec": spec } } });
        self.admin.change(DEPLOYMENT, Change::Patch(&patch)).await;
    }

    /// Waits until the API server rejects new pods with this message.
    async fn wait_until_pods_are_rejected(&self, message: &str) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "rejected" },
            "spec": { "containers": [{ "name": "none", "image": "none" }] },
        });
        let path = format!("{PODS}?dryRun=All");
        let began = Instant::now();
        loop {
            let created = self.admin.try_change(0, &path, Change::Create(&pod)).await;
            if created.is_err_and(|error| error.contains(message)) {
                return;
            }
            assert!(began.elapsed() < CONTROLLER_TIMEOUT, "pods are accepted");
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn taint(&self, taints: &Value) {
        let patch = json!({ "spec": { "taints": taints } });
        self.admin.change(NODE, Change::Patch(&patch)).await;
    }

    /// Waits until an object has a field.
    async fn wait_for(&self, path: &str, field: &str) {
        let began = Instant::now();
        while self
            .admin
            .get(0, path)
            .await
            .is_none_or(|object| object.pointer(field).is_none())
        {
            assert!(
                began.elapsed() < CONTROLLER_TIMEOUT,
                "{path} has no {field}"
            );
            sleep(POLL_INTERVAL).await;
        }
    }
}
