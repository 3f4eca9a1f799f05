//! Tests of the sidecar admission policy on a real API server.

mod architectures;
mod near_misses;

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::cluster::Cluster;
use crate::support::helm::{CHART, Helm};

/// Returns a pod shaped like the agent's.
fn agent_pod() -> Value {
    let secure = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
    });
    let resources = json!({
        "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "cpu": "100m", "memory": "64Mi" },
    });
    let container = |name: &str| {
        json!({
            "name": name, "image": "local.test/agent:1", "securityContext": secure, "resources": resources,
            "env": [{ "name": "API_URL", "value": "https://api.cast.ai" }],
            "envFrom": [{ "secretRef": { "name": "castai-agent" } }],
            "volumeMounts": [{ "name": "shared-metadata", "mountPath": "/agent-metadata" }],
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "castai-agent-0", "namespace": "castai-agent",
            "labels": { "app.kubernetes.io/name": "castai-agent", "app.kubernetes.io/instance": "castai-agent" },
        },
        "spec": {
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [container("agent"), container("monitor")],
            "volumes": [{ "name": "shared-metadata", "emptyDir": {} }],
        },
    })
}

/// A real API server with the chart's policy, and a namespace that enforces `restricted`.
struct PolicyCluster {
    cluster: Cluster,
    dir: TempDir,
}

impl PolicyCluster {
    async fn installed() -> Self {
        let cluster = Cluster::start(1).await.unwrap();
        let policy = Self {
            cluster,
            dir: TempDir::new().unwrap(),
        };
        policy
            .apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": "castai-agent", "labels": { "pod-security.kubernetes.io/enforce": "restricted" },
            }}))
            .await
            .unwrap();
        policy.install(&[]).await;
        policy
    }

    /// Installs or upgrades the chart and waits until the policy applies these values.
    async fn install(&self, values: &[&str]) {
        self.install_for(values, &agent_pod()).await;
    }

    /// Installs or upgrades the chart and waits until the policy applies these values to a pod.
    async fn install_for(&self, values: &[&str], pod: &Value) {
        static REVISION: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let revision = REVISION.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let tag = format!("image.tag=r{revision}");
        let mut arguments = vec![
            "upgrade",
            "--install",
            "castai-health-exporter",
            CHART,
            "--namespace=castai-agent",
            "--force-conflicts",
        ];
        let all = [
            "image.repository=local.test/exporter",
            &tag,
            "sidecar.enabled=true",
        ];
        arguments.extend(all.iter().chain(values).flat_map(|value| ["--set", *value]));
        Helm::latest().on(&self.cluster, &arguments).await.unwrap();
        let began = Instant::now();
        let image = format!("local.test/exporter:r{revision}");
        loop {
            let created = self.admit(pod).await;
            if created.is_ok_and(|pod| {
                sidecar(&pod).is_some_and(|sidecar| sidecar["image"] == image.as_str())
            }) {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "the policy does not apply: {values:?}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Returns the pod as the API server would admit it (dry run).
    async fn admit(&self, pod: &Value) -> Result<Value, String> {
        let path = self.dir.path().join("pod.json");
        fs::write(&path, pod.to_string()).unwrap();
        let arguments = [
            "create",
            "--dry-run=server",
            "-ojson",
            "-f",
            path.to_str().unwrap(),
        ];
        let created = self
            .cluster
            .kubectl(&arguments)
            .await
            .map_err(|error| error.to_string())?;
        Ok(serde_json::from_str(&created).unwrap())
    }

    async fn apply(&self, object: &Value) -> Result<(), String> {
        let path = self.dir.path().join("object.json");
        fs::write(&path, object.to_string()).unwrap();
        let applied = self
            .cluster
            .kubectl(&["apply", "-f", path.to_str().unwrap()])
            .await;
        applied.map(drop).map_err(|error| error.to_string())
    }

    async fn replace(&self, object: &Value) {
        let path = self.dir.path().join("object.json");
        fs::write(&path, object.to_string()).unwrap();
        self.cluster
            .kubectl(&["replace", "-f", path.to_str().unwrap()])
            .await
            .unwrap();
    }

    async fn delete(&self, kind: &str, name: &str) {
        self.cluster
            .kubectl(&["--namespace=castai-agent", "delete", kind, name])
            .await
            .unwrap();
    }
}

pub(super) fn sidecar(pod: &Value) -> Option<&Value> {
    let containers = pod["spec"]["containers"].as_array().unwrap();
    containers
        .iter()
        .find(|container| container["name"] == "castai-health-exporter")
}

#[tokio::test]
async fn policy_injects_a_sidecar_with_the_agents_environment() {
    let policy = PolicyCluster::installed().await;
    let pod = policy.admit(&agent_pod()).await.unwrap();
    let names: Vec<_> = pod["spec"]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(
        names,
        ["agent", "monitor", "castai-health-exporter"],
        "the sidecar is last, so logs and exec default to the agent"
    );
    let (agent, sidecar) = (&pod["spec"]["containers"][0], sidecar(&pod).unwrap());
    assert_eq!(
        (&sidecar["env"], &sidecar["envFrom"]),
        (&agent["env"], &agent["envFrom"])
    );
    let mounts = |container: &Value| -> Vec<Value> {
        container["volumeMounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mount| mount["mountPath"].clone())
            .collect()
    };
    assert_eq!(mounts(sidecar), mounts(agent));
    assert!(
        sidecar["volumeMounts"]
            .as_array()
            .unwrap()
            .iter()
            .all(|mount| mount["readOnly"] == true)
    );
    for never in [
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
        "restartPolicy",
    ] {
        assert!(
            sidecar.get(never).is_none(),
            "{never} could make the agent's pod unready"
        );
    }
    assert!(
        sidecar["args"]
            .as_array()
            .unwrap()
            .contains(&json!("--scope=pod")),
        "the companion sees the cluster"
    );

    // Every value that changes the sidecar.
    for values in [
        ["companion.enabled=false", "port=12345"],
        ["log.level=debug", "log.format=json"],
        ["image.pullPolicy=Never", "sidecar.resources.limits.cpu=1"],
        [
            "sidecar.resources.requests.memory=32Mi",
            "sidecar.resources.requests.cpu=20m",
        ],
    ] {
        policy.install(&values).await;
    }
}

#[tokio::test]
async fn injected_sidecar_satisfies_quota_and_limit_range() {
    let policy = PolicyCluster::installed().await;
    let object = |kind: &str, spec: Value| json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": "t", "namespace": "castai-agent" }, "spec": spec });
    let hard = json!({ "hard": { "limits.cpu": "9", "limits.memory": "9Gi", "requests.cpu": "9", "requests.memory": "9Gi" } });
    policy.apply(&object("ResourceQuota", hard)).await.unwrap();
    let began = Instant::now();
    // A quota rejects everything until the controller has calculated its usage.
    let accepted = loop {
        match policy.admit(&agent_pod()).await {
            Ok(pod) => break pod,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(15), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(sidecar(&accepted).is_some());
    policy.delete("resourcequota", "t").await;

    // The policy cannot know this limit range, so the values must match it.
    let range = object(
        "LimitRange",
        json!({ "limits": [{ "type": "Container", "min": { "memory": "16Mi" } }] }),
    );
    policy.apply(&range).await.unwrap();
    assert!(policy.admit(&agent_pod()).await.is_ok());
    policy.delete("limitrange", "t").await;
    policy
        .install(&["sidecar.resources.requests.memory=8Mi"])
        .await;
    policy.apply(&range).await.unwrap();
    let refused = policy.admit(&agent_pod()).await.unwrap_err();
    assert!(
        refused.contains("minimum memory usage per Container is 16Mi"),
        "{refused}"
    );
    policy.delete("limitrange", "t").await;
    policy
        .install(&["sidecar.resources.requests.memory=16Mi"])
        .await;
    policy.apply(&range).await.unwrap();
    assert!(policy.admit(&agent_pod()).await.is_ok());
}

#[tokio::test]
async fn mutated_policy_is_rejected_by_the_apiserver() {
    let policy = PolicyCluster::installed().await;
    let installed = policy.cluster.kubectl(&[
        "get",
        "mutatingadmissionpolicy",
        "castai-health-exporter",
        "-ojson",
    ]);
    let installed = installed.await.unwrap();
    for (right, wrong, complaint) in [
        (
            "name: \\\"health-metrics\\\"",
            "nam: \\\"health-metrics\\\"",
            "unknown field",
        ),
        (
            "\\\"memory\\\": \\\"16Mi\\\"",
            "\\\"memory\\\": \\\"16Mib\\\"",
            "quantities must match",
        ),
        ("drop: [\\\"ALL\\\"]", "drop: []", "violates PodSecurity"),
    ] {
        assert!(installed.contains(right), "{right}: {installed}");
        let mut broken: Value = serde_json::from_str(&installed.replace(right, wrong)).unwrap();
        broken["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("resourceVersion");
        policy.replace(&broken).await;
        let began = Instant::now();
        let refused = loop {
            match policy.admit(&agent_pod()).await {
                Err(refused) => break refused,
                Ok(_) => assert!(
                    began.elapsed() < Duration::from_secs(15),
                    "{wrong} is accepted"
                ),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert!(refused.contains(complaint), "{wrong}: {refused}");
        policy.install(&[]).await;
    }
}

#[tokio::test]
async fn sidecar_needs_no_environment_mounts_or_user_of_the_agent() {
    let policy = PolicyCluster::installed().await;
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut pod = agent_pod();
        change(&mut pod);
        pod
    };
    let bare = changed(&|pod| {
        for container in pod["spec"]["containers"].as_array_mut().unwrap() {
            for field in ["env", "envFrom", "volumeMounts"] {
                container.as_object_mut().unwrap().remove(field);
            }
        }
        pod["spec"]["automountServiceAccountToken"] = json!(false);
    });
    assert!(
        sidecar(&policy.admit(&bare).await.unwrap()).is_some(),
        "the sidecar has no environment, mounts and token"
    );
    let root = changed(&|pod| {
        pod["spec"]["securityContext"] = json!({ "runAsUser": 0 });
        pod["metadata"]["namespace"] = json!("castai-agent");
    });
    policy
        .cluster
        .kubectl(&[
            "label",
            "namespace",
            "castai-agent",
            "pod-security.kubernetes.io/enforce-",
        ])
        .await
        .unwrap();
    let as_root = policy.admit(&root).await.unwrap();
    assert_eq!(
        sidecar(&as_root).unwrap()["securityContext"]["runAsNonRoot"],
        false,
        "otherwise the agent would never start"
    );
}
