//! `check --preflight` on a real API server: its own admission chain and authorizer decide.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::{CastAi, Pki};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::exporter::program;
use tokio::process::Command;
use tokio::time::sleep;

use crate::support::cluster::{Account, Cluster, Token};
use crate::support::helm::{AGENT_CHART, Helm};

const NAMESPACE: &str = "castai-agent";
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A real control plane without an agent, and a simulated CAST AI.
struct PreflightBed {
    cluster: Cluster,
    castai: CastAi,
    public: Pki,
    dir: TempDir,
}

impl PreflightBed {
    async fn start() -> Self {
        let public = Pki::new("Lab Public Root");
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        Self {
            cluster: Cluster::start(1).await.unwrap(),
            castai,
            public,
            dir: TempDir::new().unwrap(),
        }
    }

    /// Runs the program as the user of this kubeconfig and returns a check by its name.
    async fn check_as(&self, kubeconfig: &Path, check: &str, arguments: &[&str]) -> Value {
        let output = Command::new(program())
            .args(["check", "--preflight", "--provider", "gke", "-o", "json"])
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(arguments)
            .env_clear()
            .env("API_URL", format!("https://{}", self.castai.addr()))
            .env("API_KEY", lab::API_KEY)
            .env("TLS_CA_CERT_FILE", self.public.ca_pem())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let fails = document["summary"]["failing"] != 0;
        assert_eq!(output.status.code(), Some(i32::from(fails)), "{document:#}");
        let checks = document["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|row| row["id"] == check)
            .unwrap()
            .clone()
    }

    async fn check(&self, check: &str, arguments: &[&str]) -> Value {
        self.check_as(self.cluster.kubeconfig(), check, arguments)
            .await
    }

    /// Waits until the API server admits or refuses as expected: controllers and policies take a
    /// moment to see a new object.
    async fn wait_for(&self, status: &str, mode: Option<&str>, arguments: &[&str]) -> String {
        loop {
            let row = self.check("agent_workload", arguments).await;
            let seen = row["modes"][0]["mode"].as_str();
            if row["status"] == status && seen == mode {
                return row["evidence"].as_str().unwrap().to_owned();
            }
            println!("{}: {}", row["status"], row["evidence"]);
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn apply(&self, object: &Value) {
        let path = self.dir.path().join("object.json");
        fs::write(&path, object.to_string()).unwrap();
        let path = path.to_str().unwrap();
        self.cluster.kubectl(&["apply", "-f", path]).await.unwrap();
    }

    async fn kubectl(&self, arguments: &[&str]) {
        self.cluster.kubectl(arguments).await.unwrap();
    }

    /// Returns a kubeconfig with the token of a service account that has only these rules.
    async fn account(&self, name: &str, rules: &Value) -> PathBuf {
        let account = Account {
            namespace: "default",
            name,
            token: Token::Valid,
            grants: &[],
        };
        let mount = self.cluster.mount(&account).await.unwrap();
        let rbac = "rbac.authorization.k8s.io";
        let metadata = json!({ "name": name });
        self.apply(&json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole", "metadata": metadata, "rules": rules,
        }))
        .await;
        self.apply(&json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": rbac, "kind": "ClusterRole", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "namespace": "default", "name": name }],
        }))
        .await;
        let path = self.dir.path().join(name);
        let host = self.cluster.api_servers()[0].host;
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://{host}:6443', certificate-authority: {mount}/ca.crt}}}}]\n\
             users: [{{name: u, user: {{tokenFile: {mount}/token}}}}]\n",
            mount = mount.display()
        );
        fs::write(&path, kubeconfig).unwrap();
        path
    }
}

#[tokio::test]
async fn admission_chain_refuses_or_admits_the_agents_pods() {
    let bed = PreflightBed::start().await;
    let evidence = bed.wait_for("ok", None, &[]).await;
    assert!(
        evidence.contains("namespace castai-agent does not exist yet"),
        "{evidence}"
    );
    assert_eq!(bed.check("agent_permissions", &[]).await["status"], "ok");

    bed.kubectl(&["create", "namespace", NAMESPACE]).await;
    let evidence = bed.wait_for("ok", None, &[]).await;
    assert!(evidence.contains("admits the agent's 3 pods"), "{evidence}");

    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": { "name": "team", "namespace": NAMESPACE },
        "spec": { "hard": { "pods": "2" } },
    });
    bed.apply(&quota).await;
    let evidence = bed
        .wait_for("failing", Some("agent_failed_create_quota"), &[])
        .await;
    assert!(
        evidence.contains("quota team has 2 of 2 pods left"),
        "{evidence}"
    );
    bed.kubectl(&["-n", NAMESPACE, "delete", "resourcequota", "team"])
        .await;

    let limits = json!({
        "apiVersion": "v1", "kind": "LimitRange",
        "metadata": { "name": "team", "namespace": NAMESPACE },
        "spec": { "limits": [{ "type": "Container", "max": { "memory": "1Gi" }, "default": { "memory": "512Mi" } }] },
    });
    bed.apply(&limits).await;
    let evidence = bed
        .wait_for("failing", Some("agent_failed_create_quota"), &[])
        .await;
    assert!(
        evidence.contains("maximum memory usage per Container is 1Gi"),
        "{evidence}"
    );
    bed.kubectl(&["-n", NAMESPACE, "delete", "limitrange", "team"])
        .await;

    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    bed.kubectl(&["label", "namespace", NAMESPACE, restricted])
        .await;
    bed.wait_for("ok", None, &[]).await;
    let path = bed.dir.path().join("host-network.json");
    let pod = json!({ "hostNetwork": true, "containers": [{ "name": "agent", "image": "a.example/agent" }] });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "castai-agent" },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": { "metadata": { "labels": { "a": "b" } }, "spec": pod },
        },
    });
    fs::write(&path, deployment.to_string()).unwrap();
    let manifest = ["--manifest", path.to_str().unwrap()];
    let evidence = bed
        .wait_for("failing", Some("agent_failed_create_psa"), &manifest)
        .await;
    assert!(evidence.contains("violates PodSecurity"), "{evidence}");
    let unlabelled = "pod-security.kubernetes.io/enforce-";
    bed.kubectl(&["label", "namespace", NAMESPACE, unlabelled])
        .await;

    bed.apply(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "owners" },
        "spec": {
            "matchConstraints": { "resourceRules": [
                { "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"] },
            ] },
            "validations": [{
                "expression": "'owner' in object.metadata.?labels.orValue({})",
                "message": "every Deployment needs the label owner",
            }],
        },
    }))
    .await;
    bed.apply(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "owners" },
        "spec": { "policyName": "owners", "validationActions": ["Deny"] },
    }))
    .await;
    let evidence = bed
        .wait_for("failing", Some("agent_failed_create_webhook"), &[])
        .await;
    assert!(
        evidence.contains("every Deployment needs the label owner"),
        "{evidence}"
    );
}

#[tokio::test]
async fn person_without_permissions_is_told_which_ones_are_missing() {
    let bed = PreflightBed::start().await;
    bed.kubectl(&["create", "namespace", NAMESPACE]).await;
    let viewer = bed
        .account(
            "viewer",
            &json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }]),
        )
        .await;
    let row = bed.check_as(&viewer, "agent_permissions", &[]).await;
    assert_eq!(row["modes"][0]["mode"], "k8s_rbac_forbidden");
    let evidence = row["evidence"].as_str().unwrap();
    for missing in [
        "clusterroles.rbac.authorization.k8s.io",
        "deployments.apps",
        "in namespace castai-agent",
        "in namespace kube-system",
    ] {
        assert!(evidence.contains(missing), "{missing} in {evidence}");
    }
    let row = bed.check_as(&viewer, "agent_workload", &[]).await;
    assert_eq!(row["status"], "unknown");
    let evidence = row["evidence"].as_str().unwrap();
    assert!(
        evidence.contains("is not allowed to create deployments.apps"),
        "{evidence}"
    );

    // A person who may create roles but holds none of the agent's permissions cannot grant them.
    let all = [
        "namespaces",
        "serviceaccounts",
        "secrets",
        "configmaps",
        "resourcequotas",
        "pods",
    ];
    let installer = json!([
        { "apiGroups": [""], "resources": all, "verbs": ["create", "get", "list", "update"] },
        { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"] },
        { "apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["create"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["*"], "verbs": ["create"] },
    ]);
    let installer = bed.account("installer", &installer).await;
    let row = bed.check_as(&installer, "agent_permissions", &[]).await;
    assert_eq!(row["modes"][0]["mode"], "k8s_rbac_forbidden", "{row:#}");
    let evidence = row["evidence"].as_str().unwrap();
    assert!(
        evidence.contains("attempting to grant RBAC permissions"),
        "{evidence}"
    );
}

#[tokio::test]
async fn output_of_helm_template_is_tried_as_it_will_be_installed() {
    let bed = PreflightBed::start().await;
    bed.kubectl(&["create", "namespace", NAMESPACE]).await;
    let rendered = Helm::latest()
        .offline(&[
            "template",
            "castai-agent",
            AGENT_CHART,
            "--namespace",
            NAMESPACE,
            "--set",
            "apiKey=x",
        ])
        .await
        .unwrap();
    let path = bed.dir.path().join("rendered.yaml");
    fs::write(&path, rendered).unwrap();
    let manifest = ["--manifest", path.to_str().unwrap()];
    let evidence = bed.wait_for("ok", None, &manifest).await;
    assert!(!evidence.contains("default values"), "{evidence}");
}
