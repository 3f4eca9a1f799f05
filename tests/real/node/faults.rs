//! Faults of the agent's workload on a real node: the kubelet reports them, and the companion names
//! the mode.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use serde_json::{Value, json};
use test_support::exporter::Exporter;
use test_support::failures::Pair;
use tokio::time::{Instant, sleep};

use crate::node::node_cluster::{NodeCluster, STAND_IN};
use crate::support::helm::Helm;

/// Includes the kubelet's first back-off, two intervals and an attempt.
const TOLD: Duration = Duration::from_secs(45);
const AGAIN: Duration = Duration::from_millis(300);
const DEPLOYMENT: &str = "deployment/castai-agent";
/// Checks of the agent and of its dependencies.
const LOOKED_AT: [CheckId; 6] = [
    CheckId::Apiserver,
    CheckId::CastaiApi,
    CheckId::AgentWorkload,
    CheckId::AgentHealth,
    CheckId::AgentLog,
    CheckId::ImagePull,
];

/// Agent log lines of a delivery, of a fatal configuration error, of a lost lease, and of a key
/// that CAST AI rejects.
const DELIVERED: &str = r#"time="x" level=info msg="delta upload finished" full_snapshot=false items=3 response_code=204"#;
const NO_PROVIDER: &str = r#"time="x" level=fatal msg="agent failed: unknown provider \"eksx\"""#;
const LEASE_LOST: &str = r#"E1122 13:00:10.148702       1 leaderelection.go:316] error retrieving resource lock castai-agent/agent-leader-election-lock: Get "https://10.96.0.21:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/x?timeout=3s": net/http: TLS handshake timeout"#;
const UNAUTHORIZED: &str = r#"time="x" level=error msg="failed getting agent configuration: request error status_code=401 body={\"message\":\"Unauthorized\"}""#;
const CONTROLLER_REFUSED: &str = r#"time="x" level=error msg="polling actions: get action request failed: iteration: 3 get cluster-actions: request error host=https://api.cast.ai, status_code=401 body={\"message\":\"Unauthorized\"}""#;

/// A way to break the agent.
struct Story {
    /// Patch of the pod template.
    pod: Value,
    root: Pair,
    /// Causes and consequences reported beside the root.
    also: &'static [Pair],
    /// Values that the evidence of the root must contain.
    says: &'static [&'static str],
}

/// A companion beside an agent stand-in that follows a script.
struct Scene {
    site: NodeCluster,
    companion: Exporter,
}

impl Scene {
    /// Starts the test bed and waits until every check is healthy.
    async fn begin() -> Self {
        let site = NodeCluster::bare().await;
        let helm = Helm::four();
        let image = format!("image={STAND_IN}");
        site.agent(
            &helm,
            &["replicas=1", &image, "env.LEADER_ELECTION_ENABLED=false"],
        )
        .await;
        // A single pod at a time, so that each fault affects one pod.
        let mut well = template(&agent(&["repeat", DELIVERED, "serve", "200"]));
        well["spec"]["strategy"] = json!({ "type": "Recreate", "rollingUpdate": null });
        site.kubectl(&["patch", DEPLOYMENT, &format!("--patch={well}")])
            .await;
        site.kubectl(&["rollout", "status", DEPLOYMENT, "--timeout=60s"])
            .await;
        let scene = Self {
            companion: site.companion(&helm).await,
            site,
        };
        scene.is_well(&LOOKED_AT).await;
        scene
    }

    /// Patches the template of the agent's pods.
    async fn change(&self, pod: &Value) {
        self.site
            .kubectl(&["patch", DEPLOYMENT, &format!("--patch={}", template(pod))])
            .await;
    }

    /// Breaks the agent, waits for the root cause and its consequences, and heals it.
    async fn play(&self, story: Story) {
        let Story {
            pod,
            root,
            also,
            says,
        } = story;
        self.change(&pod).await;
        self.is_told(root, also, says).await;
        self.heal(root).await;
    }

    async fn heal(&self, root: Pair) {
        self.site.kubectl(&["rollout", "undo", DEPLOYMENT]).await;
        self.is_well(&[root.0, CheckId::AgentWorkload]).await;
    }

    async fn is_told(&self, root: Pair, also: &[Pair], says: &[&str]) {
        self.companion.tells(root, TOLD).await;
        self.waits(&format!("with {also:?} and {says:?}"), async || {
            let failures = self.companion.failures().await;
            let said = self.companion.evidence(root.0).await;
            also.iter().all(|pair| failures.contains(pair))
                && says.iter().all(|word| said.contains(word))
        })
        .await;
    }

    /// Waits until nothing fails and these checks have run.
    async fn is_well(&self, seen: &[CheckId]) {
        let began = Instant::now();
        loop {
            let metrics = self.companion.metrics().await;
            let failures = self.companion.failures().await;
            let ok = |check: &CheckId| {
                metrics.contains(&format!(
                    "check_status{{check=\"{check}\",status=\"ok\"}} 1"
                ))
            };
            if failures.is_empty() && seen.iter().all(ok) {
                println!("  all is well after {:.1} s", began.elapsed().as_secs_f64());
                return;
            }
            if began.elapsed() > TOLD {
                let missing: Vec<_> = seen.iter().filter(|check| !ok(check)).collect();
                panic!(
                    "{failures:?}, {missing:?} not ok\n{}\n{}",
                    self.companion.log(),
                    self.site.state().await
                );
            }
            sleep(AGAIN).await;
        }
    }

    /// Waits until a condition holds.
    async fn waits(&self, what: &str, so: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !so().await {
            let failures = self.companion.failures().await;
            assert!(
                began.elapsed() < TOLD,
                "not {what}: {failures:?}\n{}",
                self.companion.log()
            );
            sleep(AGAIN).await;
        }
        println!("  {what} {:.1} s later", began.elapsed().as_secs_f64());
    }
}

/// Returns a patch of a Deployment's pod template.
fn template(pod: &Value) -> Value {
    json!({ "spec": { "template": { "spec": pod } } })
}

/// Returns a pod template in which the agent runs this script.
fn agent(words: &[&str]) -> Value {
    container(json!({ "args": words }))
}

/// Returns a pod template with a changed agent container.
fn container(mut change: Value) -> Value {
    change["name"] = "agent".into();
    json!({ "containers": [change] })
}

/// Returns an agent variable whose source does not exist.
fn variable(from: &str, name: &str) -> Value {
    let key = json!({ "name": name, "key": "none" });
    container(json!({ "env": [{ "name": "EXTRA", "valueFrom": { from: key } }] }))
}

fn workload(mode: M, pod: Value, says: &'static [&'static str]) -> Story {
    Story {
        pod,
        root: (CheckId::AgentWorkload, mode),
        also: &[],
        says,
    }
}

#[tokio::test]
#[ignore = "needs root and a kubelet: make test-node"]
async fn whatever_befalls_the_agent_on_a_real_node_is_told_by_its_one_root_and_ends() {
    let scene = Scene::begin().await;
    ends(&scene).await;
    does_not_start(&scene).await;
    is_followed(&scene).await;
    is_lost(&scene).await;
    has_siblings(&scene).await;
    scene.is_well(&LOOKED_AT).await;
}

/// The agent's container exits repeatedly, for different reasons.
async fn ends(scene: &Scene) {
    let stories = [
        Story {
            also: &[(CheckId::AgentLog, M::AgentConfigInvalid)],
            ..workload(
                M::AgentCrashloop,
                agent(&[
                    "serve",
                    "200",
                    "sleep",
                    "4",
                    "log",
                    NO_PROVIDER,
                    "exit",
                    "1",
                ]),
                &["container agent", "exit code 1"],
            )
        },
        Story {
            also: &[(CheckId::AgentLog, M::TlsHandshakeTimeout)],
            ..workload(
                M::AgentCompleted,
                agent(&["serve", "200", "sleep", "1", "log", LEASE_LOST, "exit", "0"]),
                &["exit code 0", "Completed"],
            )
        },
        workload(M::AgentOomkilled, agent(&["allocate"]), &["OOMKilled"]),
        workload(
            M::AgentLivenessKilled,
            container(json!({
                "args": ["serve", "503"],
                "livenessProbe": { "httpGet": { "path": "/healthz", "port": 9876 }, "periodSeconds": 1, "failureThreshold": 2 },
            })),
            &["liveness probe"],
        ),
        Story {
            pod: agent(&["not-found"]),
            root: (CheckId::AgentHealth, M::AgentPortTaken),
            also: &[],
            says: &["404"],
        },
    ];
    for story in stories {
        scene.play(story).await;
    }

    // Two containers crash: the evidence names both, and the remedy prints the logs of both.
    let ends = |name: &str, code: &str| json!({ "name": name, "args": ["log", format!("the last of {name}"), "exit", code] });
    let root = (CheckId::AgentWorkload, M::AgentCrashloop);
    scene
        .change(&json!({ "containers": [ends("agent", "3"), ends("monitor", "4")] }))
        .await;
    scene
        .is_told(
            root,
            &[],
            &[
                "container agent",
                "exit code 3",
                "container monitor",
                "exit code 4",
            ],
        )
        .await;
    let (_, command) = root.1.entry().remedy.split_once("`kubectl ").unwrap();
    let command: Vec<&str> = command.split(" | ").next().unwrap().split(' ').collect();
    // Between two starts the kubelet may have removed the container.
    scene
        .waits("what both said is read", async || {
            let said = scene.site.kubectl(&command).await;
            ["agent", "monitor"]
                .iter()
                .all(|name| said.contains(&format!("the last of {name}")))
        })
        .await;
    scene.heal(root).await;
}

/// The agent's container never starts, for different reasons.
async fn does_not_start(scene: &Scene) {
    scene.site.apply(&registry()).await;
    let stories = [
        workload(
            M::AgentConfigMissing,
            variable("secretKeyRef", "nobody"),
            &["secret \"nobody\" not found"],
        ),
        workload(
            M::AgentConfigMissing,
            variable("configMapKeyRef", "kube-root-ca.crt"),
            &["find key none"],
        ),
        workload(
            M::AgentFailedMount,
            json!({
                "volumes": [{ "name": "extra", "secret": { "secretName": "nobody" } }],
                "containers": [{ "name": "agent", "volumeMounts": [{ "name": "extra", "mountPath": "/extra" }] }],
            }),
            &["secret \"nobody\" not found"],
        ),
        workload(
            M::AgentUnschedulableResources,
            container(
                json!({ "resources": { "requests": { "memory": "900Gi" }, "limits": { "memory": "900Gi" } } }),
            ),
            &["Insufficient memory"],
        ),
        image(M::ImageNeverPull, "local.test/none:1", "Never"),
        image(M::ImageRefused, "127.0.0.1:1/none:1", "Always"),
    ];
    for story in stories {
        scene.play(story).await;
    }

    // It remains the only root during back-off and after the new pod gets an address.
    let Story {
        pod,
        root,
        also,
        says,
    } = image(M::ImageAuthFailed, "127.0.0.1:5000/none:1", "Always");
    scene.change(&pod).await;
    scene.is_told(root, also, says).await;
    let health = async || scene.companion.evidence(CheckId::AgentHealth).await;
    scene
        .waits("asked at its port", async || {
            health().await.contains("no agent pod is running")
        })
        .await;
    scene.is_told(root, also, &["ImagePullBackOff"]).await;
    scene.heal(root).await;
}

/// The agent's log is followed across a rotation by the kubelet.
async fn is_followed(scene: &Scene) {
    let log = |mode: M| (CheckId::AgentLog, mode);
    let before = [
        "serve",
        "200",
        "log",
        "this is the first line",
        "repeat",
        UNAUTHORIZED,
        "sleep",
        "6",
        "flood",
    ];
    let after = ["sleep", "6", "repeat", LEASE_LOST];
    scene.change(&agent(&[&before[..], &after].concat())).await;
    scene.is_told(log(M::CastaiTokenInvalid), &[], &[]).await;
    let file = async || {
        scene
            .site
            .kubectl(&["logs", DEPLOYMENT, "--container=agent"])
            .await
    };
    scene
        .waits("rotated", async || !file().await.contains("the first line"))
        .await;
    // Incidents that continue are kept, and new ones are read from the new file.
    let both = [M::CastaiTokenInvalid, M::TlsHandshakeTimeout]
        .map(log)
        .into();
    scene
        .waits("told of both", async || {
            scene.companion.failures().await == both
        })
        .await;
    scene.heal(log(M::CastaiTokenInvalid)).await;
}

/// The agent's pod is evicted; then its node stops responding.
async fn is_lost(scene: &Scene) {
    let limits = json!({ "limits": { "ephemeral-storage": "40Ki" }, "requests": { "ephemeral-storage": "1Ki" } });
    let mut pod = container(json!({
        "args": ["flood"], "resources": limits,
        // Without readiness the next pod would count before it is evicted as well.
        "readinessProbe": { "httpGet": { "path": "/readyz", "port": 9876 } },
    }));
    // The kubelet evicts no pod of critical priority for its disk usage.
    pod["priorityClassName"] = Value::Null;
    scene
        .play(workload(M::AgentEvicted, pod, &["Evicted", "ephemeral"]))
        .await;

    scene.site.control("pause kubelet").await;
    scene
        .is_told(
            (CheckId::AgentWorkload, M::AgentUnavailable),
            &[],
            &["NodeNotReady"],
        )
        .await;
    scene.site.control("resume kubelet").await;
    scene.is_well(&LOOKED_AT).await;
}

/// Other CAST AI workloads crash, or CAST AI rejects them.
async fn has_siblings(scene: &Scene) {
    let controller = ["castai-cluster-controller", "cluster-controller"];
    for ([name, container], words, root) in [
        (
            controller,
            ["log", CONTROLLER_REFUSED, "exit", "1"].as_slice(),
            (CheckId::ClusterController, M::AgentCrashloop),
        ),
        (
            controller,
            &["repeat", CONTROLLER_REFUSED],
            (CheckId::ClusterController, M::CastaiTokenInvalid),
        ),
        (
            ["castai-evictor", "evictor"],
            &["allocate"],
            (CheckId::Components, M::AgentOomkilled),
        ),
    ] {
        scene.site.apply(&sibling(name, container, words)).await;
        scene.is_told(root, &[], &[]).await;
        scene.site.kubectl(&["delete", "deployment", name]).await;
        scene.is_well(&[CheckId::AgentWorkload]).await;
    }
}

/// Returns a CAST AI Deployment other than the agent.
fn sibling(name: &str, container: &str, words: &[&str]) -> Value {
    let labels = json!({ "app.kubernetes.io/name": name });
    let container = json!({
        "name": container, "image": STAND_IN, "imagePullPolicy": "Never", "args": words,
        "resources": { "limits": { "memory": "32Mi" } },
        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
    });
    let unprivileged =
        json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name, "namespace": "castai-agent" },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "terminationGracePeriodSeconds": 1, "securityContext": unprivileged, "containers": [container] },
            },
        },
    })
}

fn image(mode: M, image: &str, policy: &str) -> Story {
    workload(
        mode,
        container(json!({ "image": image, "imagePullPolicy": policy })),
        &["castai-agent-", "none:1"],
    )
}

/// Returns a registry that rejects every pull, over plain HTTP as the node's containerd is
/// configured.
fn registry() -> Value {
    let container = json!({ "name": "registry", "image": STAND_IN, "imagePullPolicy": "Never", "args": ["registry"] });
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "registry", "namespace": "default" },
        "spec": { "hostNetwork": true, "containers": [container] },
    })
}
