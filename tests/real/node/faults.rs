//! Faults of the agent's workload on a real node: the kubelet reports them, and the companion names
//! the mode.

mod log_lines;
mod patches;

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use log_lines::{
    CONTROLLER_UNAUTHORIZED_LINE, DELIVERY_LINE, FATAL_LINE, LEASE_LOST_LINE, UNAUTHORIZED_LINE,
};
use patches::{agent, container, deployment, image, registry, template, variable, workload};
use serde_json::{Value, json};
use test_support::exporter::Exporter;
use test_support::failures::Failure;
use tokio::time::{Instant, sleep};

use crate::node::node_cluster::{NodeCluster, STAND_IN_IMAGE};
use crate::support::helm::Helm;

/// Includes the kubelet's first back-off, two intervals and an attempt.
const REPORT_TIMEOUT: Duration = Duration::from_secs(45);

const POLL_INTERVAL: Duration = Duration::from_millis(300);

const DEPLOYMENT: &str = "deployment/castai-agent";

/// Checks of the agent and of its dependencies.
const CHECKS: [CheckId; 6] = [
    CheckId::Apiserver,
    CheckId::CastaiApi,
    CheckId::AgentWorkload,
    CheckId::AgentHealth,
    CheckId::AgentLog,
    CheckId::ImagePull,
];

/// A way to break the agent.
struct WorkloadFault {
    /// Patch of the pod template.
    pod: Value,
    root: Failure,
    /// Causes and consequences reported beside the root.
    also: &'static [Failure],
    /// Values that the evidence of the root must contain.
    evidence: &'static [&'static str],
}

/// A companion beside an agent stand-in that follows a script.
struct NodeFaultBed {
    cluster: NodeCluster,
    companion: Exporter,
}

impl NodeFaultBed {
    /// Starts the test bed and waits until every check is healthy.
    async fn start() -> Self {
        let cluster = NodeCluster::start_without_image().await;
        let helm = Helm::latest();
        let image = format!("image={STAND_IN_IMAGE}");
        cluster
            .agent(
                &helm,
                &["replicas=1", &image, "env.LEADER_ELECTION_ENABLED=false"],
            )
            .await;
        // A single pod at a time, so that each fault affects one pod.
        let mut well = template(&agent(&["repeat", DELIVERY_LINE, "serve", "200"]));
        well["spec"]["strategy"] = json!({ "type": "Recreate", "rollingUpdate": null });
        cluster
            .kubectl(&["patch", DEPLOYMENT, &format!("--patch={well}")])
            .await;
        cluster
            .kubectl(&["rollout", "status", DEPLOYMENT, "--timeout=60s"])
            .await;
        let bed = Self {
            companion: cluster.companion(&helm).await,
            cluster,
        };
        bed.wait_until_healthy(&CHECKS).await;
        bed
    }

    /// Patches the template of the agent's pods.
    async fn change(&self, pod: &Value) {
        self.cluster
            .kubectl(&["patch", DEPLOYMENT, &format!("--patch={}", template(pod))])
            .await;
    }

    /// Breaks the agent, waits for the root cause and its consequences, and heals it.
    async fn play(&self, fault: WorkloadFault) {
        let WorkloadFault {
            pod,
            root,
            also,
            evidence,
        } = fault;
        self.change(&pod).await;
        self.wait_for_root(root, also, evidence).await;
        self.heal(root).await;
    }

    async fn heal(&self, root: Failure) {
        self.cluster.kubectl(&["rollout", "undo", DEPLOYMENT]).await;
        self.wait_until_healthy(&[root.0, CheckId::AgentWorkload])
            .await;
    }

    async fn wait_for_root(&self, root: Failure, also: &[Failure], evidence: &[&str]) {
        self.companion.wait_for_root(root, REPORT_TIMEOUT).await;
        self.wait_until(&format!("with {also:?} and {evidence:?}"), async || {
            let failures = self.companion.failures().await;
            let text = self.companion.evidence(root.0).await;
            also.iter().all(|pair| failures.contains(pair))
                && evidence.iter().all(|word| text.contains(word))
        })
        .await;
    }

    /// Waits until nothing fails and these checks have run.
    async fn wait_until_healthy(&self, seen: &[CheckId]) {
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
                println!("  healthy after {:.1} s", began.elapsed().as_secs_f64());
                return;
            }
            if began.elapsed() > REPORT_TIMEOUT {
                let missing: Vec<_> = seen.iter().filter(|check| !ok(check)).collect();
                panic!(
                    "{failures:?}, {missing:?} not ok\n{}\n{}",
                    self.companion.log(),
                    self.cluster.state().await
                );
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until a condition holds.
    async fn wait_until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !so().await {
            let failures = self.companion.failures().await;
            assert!(
                began.elapsed() < REPORT_TIMEOUT,
                "not {what}: {failures:?}\n{}",
                self.companion.log()
            );
            sleep(POLL_INTERVAL).await;
        }
        println!("  {what} {:.1} s later", began.elapsed().as_secs_f64());
    }
}

#[tokio::test]
#[ignore = "needs root and a kubelet: make test-node"]
async fn every_agent_fault_on_a_real_node_has_one_root_and_recovers() {
    let bed = NodeFaultBed::start().await;
    container_exits(&bed).await;
    container_never_starts(&bed).await;
    log_is_followed_over_rotation(&bed).await;
    pod_and_node_are_lost(&bed).await;
    other_workloads_fail(&bed).await;
    bed.wait_until_healthy(&CHECKS).await;
}

/// The agent's container exits repeatedly, for different reasons.
async fn container_exits(bed: &NodeFaultBed) {
    let faults = [
        WorkloadFault {
            also: &[(CheckId::AgentLog, M::AgentConfigInvalid)],
            ..workload(
                M::AgentCrashloop,
                agent(&["serve", "200", "sleep", "4", "log", FATAL_LINE, "exit", "1"]),
                &["container agent", "exit code 1"],
            )
        },
        WorkloadFault {
            also: &[(CheckId::AgentLog, M::TlsHandshakeTimeout)],
            ..workload(
                M::AgentCompleted,
                agent(&[
                    "serve",
                    "200",
                    "sleep",
                    "1",
                    "log",
                    LEASE_LOST_LINE,
                    "exit",
                    "0",
                ]),
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
        WorkloadFault {
            pod: agent(&["not-found"]),
            root: (CheckId::AgentHealth, M::AgentPortTaken),
            also: &[],
            evidence: &["404"],
        },
    ];
    for fault in faults {
        bed.play(fault).await;
    }

    // Two containers crash: the evidence names both, and the remedy prints the logs of both.
    let container_exits = |name: &str, code: &str| json!({ "name": name, "args": ["log", format!("the last of {name}"), "exit", code] });
    let root = (CheckId::AgentWorkload, M::AgentCrashloop);
    bed.change(
        &json!({ "containers": [container_exits("agent", "3"), container_exits("monitor", "4")] }),
    )
    .await;
    bed.wait_for_root(
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
    let remedy = root.1.remedy();
    let command = remedy.commands().next().unwrap().strip_prefix("kubectl ");
    let command = command.unwrap().split(" | ").next().unwrap();
    let command: Vec<&str> = command.split(' ').collect();
    // Between two starts the kubelet may have removed the container.
    bed.wait_until("what both said is read", async || {
        let evidence = bed.cluster.kubectl(&command).await;
        ["agent", "monitor"]
            .iter()
            .all(|name| evidence.contains(&format!("the last of {name}")))
    })
    .await;
    bed.heal(root).await;
}

/// The agent's container never starts, for different reasons.
async fn container_never_starts(bed: &NodeFaultBed) {
    bed.cluster.apply(&registry()).await;
    let faults = [
        workload(
            M::AgentConfigMissing,
            variable("secretKeyRef", "missing"),
            &["secret \"missing\" not found"],
        ),
        workload(
            M::AgentConfigMissing,
            variable("configMapKeyRef", "kube-root-ca.crt"),
            &["find key none"],
        ),
        workload(
            M::AgentFailedMount,
            json!({
                "volumes": [{ "name": "extra", "secret": { "secretName": "missing" } }],
                "containers": [{ "name": "agent", "volumeMounts": [{ "name": "extra", "mountPath": "/extra" }] }],
            }),
            &["secret \"missing\" not found"],
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
    for fault in faults {
        bed.play(fault).await;
    }

    // It remains the only root during back-off and after the new pod gets an address.
    let WorkloadFault {
        pod,
        root,
        also,
        evidence,
    } = image(M::ImageAuthFailed, "127.0.0.1:5000/none:1", "Always");
    bed.change(&pod).await;
    bed.wait_for_root(root, also, evidence).await;
    let health = async || bed.companion.evidence(CheckId::AgentHealth).await;
    bed.wait_until("asked at its port", async || {
        health().await.contains("no agent pod is running")
    })
    .await;
    bed.wait_for_root(root, also, &["ImagePullBackOff"]).await;
    bed.heal(root).await;
}

/// The agent's log is followed across a rotation by the kubelet.
async fn log_is_followed_over_rotation(bed: &NodeFaultBed) {
    let log = |mode: M| (CheckId::AgentLog, mode);
    let before = [
        "serve",
        "200",
        "log",
        "this is the first line",
        "repeat",
        UNAUTHORIZED_LINE,
        "sleep",
        "6",
        "flood",
    ];
    let after = ["sleep", "6", "repeat", LEASE_LOST_LINE];
    bed.change(&agent(&[&before[..], &after].concat())).await;
    bed.wait_for_root(log(M::CastaiTokenInvalid), &[], &[])
        .await;
    let file = async || {
        bed.cluster
            .kubectl(&["logs", DEPLOYMENT, "--container=agent"])
            .await
    };
    bed.wait_until("rotated", async || !file().await.contains("the first line"))
        .await;
    // Incidents that continue are kept, and new ones are read from the new file.
    let both = [M::CastaiTokenInvalid, M::TlsHandshakeTimeout]
        .map(log)
        .into();
    bed.wait_until("both reported", async || {
        bed.companion.failures().await == both
    })
    .await;
    bed.heal(log(M::CastaiTokenInvalid)).await;
}

/// The agent's pod is evicted; then its node stops responding.
async fn pod_and_node_are_lost(bed: &NodeFaultBed) {
    let limits = json!({ "limits": { "ephemeral-storage": "40Ki" }, "requests": { "ephemeral-storage": "1Ki" } });
    let mut pod = container(json!({
        "args": ["flood"], "resources": limits,
        // Without readiness the next pod would count before it is evicted as well.
        "readinessProbe": { "httpGet": { "path": "/readyz", "port": 9876 } },
    }));
    // The kubelet evicts no pod of critical priority for its disk usage.
    pod["priorityClassName"] = Value::Null;
    bed.play(workload(M::AgentEvicted, pod, &["Evicted", "ephemeral"]))
        .await;

    bed.cluster.control("pause kubelet").await;
    bed.wait_for_root(
        (CheckId::AgentWorkload, M::AgentUnavailable),
        &[],
        &["NodeNotReady"],
    )
    .await;
    bed.cluster.control("resume kubelet").await;
    bed.wait_until_healthy(&CHECKS).await;
}

/// Other CAST AI workloads crash, or CAST AI rejects them.
async fn other_workloads_fail(bed: &NodeFaultBed) {
    let controller = ["castai-cluster-controller", "cluster-controller"];
    for ([name, container], words, root) in [
        (
            controller,
            ["log", CONTROLLER_UNAUTHORIZED_LINE, "exit", "1"].as_slice(),
            (CheckId::ClusterController, M::AgentCrashloop),
        ),
        (
            controller,
            &["repeat", CONTROLLER_UNAUTHORIZED_LINE],
            (CheckId::ClusterController, M::CastaiTokenInvalid),
        ),
        (
            ["castai-evictor", "evictor"],
            &["allocate"],
            (CheckId::Components, M::AgentOomkilled),
        ),
    ] {
        bed.cluster.apply(&deployment(name, container, words)).await;
        bed.wait_for_root(root, &[], &[]).await;
        bed.cluster.kubectl(&["delete", "deployment", name]).await;
        bed.wait_until_healthy(&[CheckId::AgentWorkload]).await;
    }
}
