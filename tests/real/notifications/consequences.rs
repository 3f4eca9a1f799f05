//! A cause with consequences in other checks notifies once.

use castai_health_exporter::catalogue::{CheckId, FailureMode};
use lab::apiserver::workload;
use lab::{AgentFault, ApiFault, CastAiFault, DnsFault, Ec2Fault, ProxyFault, StsFault};
use serde_json::json;
use test_support::lab_cluster::LabCluster;
use test_support::pods::wait_for;
use test_support::scenarios::heal;
use tokio::time::{Instant, sleep};

use super::monitored_lab::MonitoredLab;
use super::{NOTIFICATION_TIMEOUT, RESOLVE_DELAY, RootCause, Row, row};
use crate::support::monitoring::Monitoring;

/// A cause with consequences that appear in other checks after a while.
#[derive(Clone, Copy)]
pub(super) enum SharedCause {
    /// No name resolves; nothing outside the cluster can be reached.
    SilentResolver,
    /// A firewall drops all connections out of the cluster; the API server is inside.
    BlockedEgress,
    /// The proxy in front of CAST AI, STS and EC2 requires a password.
    ProxyRequiresPassword,
    /// A proxy presents certificates of another CA for CAST AI, STS and EC2.
    InterceptingProxy,
    /// The node of the agent, the cluster controller and the evictor is dead.
    DeadNode,
    /// CAST AI rejects the key; the agent is unhealthy and is killed repeatedly.
    InvalidKey,
    /// The API server rejects the agent's account; the agent loses its lease and exits.
    AccountForbidden,
    /// The agent is scaled to zero; the lease expires and the console shows the cluster as not
    /// responding.
    ScaledToZero,
    /// The registry rejects all pulls; the agent does not come back from an upgrade, and other pods
    /// do not start.
    ImageUnauthorized,
}

impl SharedCause {
    pub(super) const ALL: [Self; 9] = [
        Self::SilentResolver,
        Self::BlockedEgress,
        Self::ProxyRequiresPassword,
        Self::InterceptingProxy,
        Self::DeadNode,
        Self::InvalidKey,
        Self::AccountForbidden,
        Self::ScaledToZero,
        Self::ImageUnauthorized,
    ];

    fn cause(self) -> (CheckId, FailureMode) {
        match self {
            Self::SilentResolver => (CheckId::Dns, FailureMode::NetDnsTimeout),
            Self::BlockedEgress => (CheckId::CastaiApi, FailureMode::NetConnectTimeout),
            Self::ProxyRequiresPassword => (CheckId::CastaiApi, FailureMode::ProxyAuthRequired),
            Self::InterceptingProxy => (CheckId::CastaiApi, FailureMode::TlsIntercepted),
            Self::DeadNode => (CheckId::AgentWorkload, FailureMode::AgentUnavailable),
            Self::InvalidKey => (CheckId::CastaiApi, FailureMode::CastaiTokenInvalid),
            Self::AccountForbidden => (CheckId::Apiserver, FailureMode::K8sRbacForbidden),
            Self::ScaledToZero => (CheckId::AgentWorkload, FailureMode::AgentScaledToZero),
            Self::ImageUnauthorized => (CheckId::AgentWorkload, FailureMode::ImageAuthFailed),
        }
    }

    /// Returns a healthy cluster in which this can happen.
    fn lab_cluster(self) -> LabCluster {
        let mut world = LabCluster::start();
        if matches!(self, Self::ProxyRequiresPassword | Self::InterceptingProxy) {
            let proxy = format!("http://proxy.lab:{}", world.proxy.addr().port());
            world.set_env("HTTPS_PROXY", &proxy);
            world.set_env("NO_PROXY", "127.0.0.0/8,kubernetes.default.svc");
        }
        world
    }

    async fn inject(self, world: &LabCluster) {
        let objects = world.api.objects();
        let ends = |code: i32, reason: &str| {
            objects.change("Pod", workload::AGENT, workload::POD, |pod| {
                let status = &mut pod["status"]["containerStatuses"][0];
                status["restartCount"] = json!(6);
                status["ready"] = json!(false);
                status["lastState"] = workload::terminated(code, reason, 45, 24);
                status["state"] = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 2m40s" } });
                pod["status"]["conditions"][1] = workload::condition("Ready", "False", "ContainersNotReady", "");
            });
        };
        match self {
            Self::SilentResolver => world.dns.set(DnsFault::Silent),
            Self::BlockedEgress => {
                world
                    .castai
                    .set("tcp-hang".parse::<CastAiFault>().unwrap())
                    .await;
                world.sts.set("tcp-hang".parse::<StsFault>().unwrap()).await;
                world.ec2.set("tcp-hang".parse::<Ec2Fault>().unwrap()).await;
            }
            Self::ProxyRequiresPassword => {
                world.proxy.set("407".parse::<ProxyFault>().unwrap()).await;
            }
            Self::InterceptingProxy => {
                world
                    .proxy
                    .set("block-page".parse::<ProxyFault>().unwrap())
                    .await;
            }
            Self::DeadNode => {
                for (namespace, pod) in WORKLOADS {
                    objects.change("Pod", namespace, pod, |pod| {
                        pod["status"]["containerStatuses"][0]["ready"] = json!(false);
                        let not_ready = workload::condition("Ready", "False", "", "");
                        pod["status"]["conditions"] = json!([not_ready]);
                    });
                }
                stop_agent(world).await;
            }
            Self::InvalidKey => {
                world.castai.set(CastAiFault::TokenInvalid).await;
                world.agent.set(AgentFault::Overdue).await;
                ends(137, "Error");
            }
            Self::AccountForbidden => {
                world
                    .api
                    .set("denied:namespaces".parse::<ApiFault>().unwrap())
                    .await;
                world.agent.set(AgentFault::Refused).await;
                world
                    .castai
                    .set_field("agentStatus", json!("non-responding"));
                ends(0, "Completed");
            }
            Self::ScaledToZero => {
                objects.remove("Pod", workload::AGENT, workload::POD);
                objects.change("Deployment", workload::AGENT, "castai-agent", |it| {
                    it["spec"]["replicas"] = json!(0);
                });
                objects.change("ReplicaSet", workload::AGENT, workload::REPLICA_SET, |it| {
                    it["spec"]["replicas"] = json!(0);
                    it["status"] = json!({ "replicas": 0 });
                });
                stop_agent(world).await;
            }
            Self::ImageUnauthorized => {
                let refused = "failed to fetch oauth token: unexpected status: 401 Unauthorized";
                objects.change("Pod", workload::AGENT, workload::POD, |pod| {
                    wait_for(pod, "ErrImagePull", refused);
                });
                let mut pod =
                    workload::pod("web-1", "web", &json!({}), "web", "shop.azurecr.io/web:1");
                pod["metadata"]["namespace"] = json!("shop");
                wait_for(&mut pod, "ErrImagePull", refused);
                objects.put(pod);
                stop_agent(world).await;
            }
        }
    }
}

/// The pods on the node of the agent, each with its namespace.
const WORKLOADS: [(&str, &str); 4] = [
    (workload::AGENT, workload::POD),
    (workload::AGENT, "castai-cluster-controller-7f6d5c4b3-aaaaa"),
    (workload::AGENT, "castai-cluster-controller-7f6d5c4b3-bbbbb"),
    (workload::AGENT, "castai-evictor-5c4d3b2a1-ccccc"),
];

/// Simulates an agent that does not run.
async fn stop_agent(world: &LabCluster) {
    world.agent.set(AgentFault::Refused).await;
    world
        .api
        .objects()
        .put(workload::lease("agent-leader-election-lock", ""));
    world
        .castai
        .set_field("agentStatus", json!("non-responding"));
}

/// Plays a cause with its consequences and expects a single notification.
pub(super) async fn consequences_notify_once(monitoring: &Monitoring, shared: SharedCause) -> Row {
    let (check, mode) = shared.cause();
    let cluster = format!("{check}-{mode}-and-what-follows").replace('_', "-");
    let mut monitored = MonitoredLab::start(shared.lab_cluster()).await;
    let healthy = (monitored.world.env.clone(), monitored.world.file.clone());
    monitoring.scrape(&cluster, &[monitored.exporter.address()]);
    monitored
        .exporter
        .wait_for_metrics(
            &[r#"castai_health_check_status{check="agent_workload",status="ok"} 1"#],
            NOTIFICATION_TIMEOUT,
        )
        .await;
    shared.inject(&monitored.world).await;
    let began = Instant::now();
    let first = monitoring
        .wait_for_status(&cluster, "firing", NOTIFICATION_TIMEOUT)
        .await;
    // Long enough for any further notification.
    sleep(RESOLVE_DELAY * 3).await;
    let shown = monitored.exporter.failures().await;
    heal(&mut monitored.world, healthy).await;
    let last = if first.is_some() {
        monitoring
            .wait_for_status(&cluster, "resolved", NOTIFICATION_TIMEOUT)
            .await
    } else {
        None
    };
    let root = RootCause {
        check,
        mode,
        severity: "critical",
    };
    let mut row = row(monitoring, &cluster, &root, began, first.as_ref());
    if shown.len() < 2 {
        row.problems.push(format!("no consequence: {shown:?}"));
    }
    if last.is_none() {
        row.problems
            .push(format!("no resolved notification for {shown:?}"));
    }
    row
}
