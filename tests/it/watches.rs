//! Tests of watches: pages, events, broken connections, 410 Gone and missing permissions.

use std::sync::Arc;
use std::time::Duration;

use castai_health_exporter::catalogue::timeouts::WATCH_STALE_AFTER;
use castai_health_exporter::config::Config;
use castai_health_exporter::kube::store::WatchTask;
use castai_health_exporter::kube::types::pod::Pod;
use castai_health_exporter::kube::{Client, ClientError, Store};
use castai_health_exporter::net::Resolver;
use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::lab_cluster::LabCluster;
use tokio::task::JoinSet;
use tokio::time::{self, Instant, sleep};

/// A store that watches the lab's API server.
pub(crate) struct WatchedStore {
    pub(crate) world: LabCluster,
    pub(crate) store: Store,
    tasks: JoinSet<()>,
}

impl WatchedStore {
    pub(crate) fn start() -> Self {
        let world = LabCluster::start();
        let store = store(&world.config());
        let mut watched = Self {
            world,
            store,
            tasks: JoinSet::new(),
        };
        watched.watch_task();
        watched
    }

    fn watch_task(&mut self) {
        self.tasks = JoinSet::new();
        for watch_task in self.store.all_watch_tasks() {
            watch_task.reset();
            self.tasks.spawn(run_watch_task(watch_task));
        }
    }

    /// Waits until a condition holds for the pods in the agent's namespace.
    pub(crate) async fn pods(&self, wanted: impl Fn(&[Arc<Pod>]) -> bool) -> Vec<Arc<Pod>> {
        let start = Instant::now();
        loop {
            let pods = self.store.pods.read().await;
            let pods = pods.unwrap_or_default();
            if wanted(&pods) {
                return pods;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{pods:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn run_watch_task(watch_task: WatchTask) {
    loop {
        watch_task.run().await;
        sleep(Duration::from_millis(50)).await;
    }
}

fn store(config: &Config) -> Store {
    let resolver = Arc::new(Resolver::new(&config.dns));
    Store::new(
        Client::new(config, &resolver),
        &config.installation.namespace,
    )
}

fn another_pod(name: &str) -> Value {
    workload::pod(
        name,
        workload::REPLICA_SET,
        &json!({}),
        "agent",
        workload::IMAGE,
    )
}

#[tokio::test]
async fn lists_then_watches_changes() {
    let watched = WatchedStore::start();
    let pods = watched.pods(|pods| pods.len() == 4).await;
    let agent = pods.iter().find(|pod| pod.name == workload::POD).unwrap();
    assert!(
        agent.is_ready()
            && agent
                .container("agent")
                .is_some_and(|agent| agent.state.running.is_some())
    );
    let objects = watched.world.api.objects();
    objects.put(another_pod("castai-agent-6d8f9c7b5-later"));
    watched.pods(|pods| pods.len() == 5).await;
    objects.change("Pod", workload::AGENT, workload::POD, |pod| {
        pod["status"]["phase"] = json!("Failed");
    });
    watched
        .pods(|pods| pods.iter().any(|pod| pod.phase == "Failed"))
        .await;
    objects.remove("Pod", workload::AGENT, workload::POD);
    watched
        .pods(|pods| pods.len() == 4 && pods.iter().all(|pod| pod.name != workload::POD))
        .await;
    assert_eq!(watched.store.nodes.read().await.unwrap().len(), 2);
    assert!(
        watched
            .store
            .pending_image_pods
            .read()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn resumes_from_resource_version_after_broken_watch() {
    let watched = WatchedStore::start();
    watched.pods(|pods| pods.len() == 4).await;
    let lists = || {
        let connections = watched.world.api.service().request_log().connections();
        let requests = connections
            .iter()
            .flat_map(|one| one.exchanges.clone())
            .map(|exchange| exchange.request.target);
        requests
            .filter(|target| target.contains("castai-agent/pods?limit"))
            .count()
    };
    assert_eq!(lists(), 1);
    watched.world.api.objects().close_watches();
    watched
        .world
        .api
        .objects()
        .put(another_pod("castai-agent-6d8f9c7b5-while-cut"));
    watched.pods(|pods| pods.len() == 5).await;
    assert_eq!(lists(), 1, "the watch resumes without a list request");
}

#[tokio::test]
async fn resumed_watch_makes_the_cache_current_before_its_first_event() {
    let watched = WatchedStore::start();
    watched.pods(|pods| pods.len() == 4).await;
    watched
        .world
        .api
        .set("refused".parse::<lab::ApiFault>().unwrap())
        .await;
    watched.world.api.objects().close_watches();
    time::pause();
    time::advance(WATCH_STALE_AFTER + Duration::from_secs(1)).await;
    let stale = watched.store.pods.read().await;
    assert!(matches!(stale, Err(ClientError::Stale { .. })), "{stale:?}");
    time::resume();
    watched.world.api.service().request_log().clear();
    watched.world.api.heal().await;
    // Without a list, an event or a bookmark.
    watched.pods(|pods| pods.len() == 4).await;
    let requests = watched.world.api.service().request_log().requests();
    let of_pods: Vec<_> = requests
        .iter()
        .filter(|request| request.target.contains("castai-agent/pods?"))
        .collect();
    let is_watch = |request: &&lab::Request| request.target.contains("watch=true");
    assert!(
        !of_pods.is_empty() && of_pods.iter().all(is_watch),
        "{requests:?}"
    );
}

#[tokio::test]
async fn relists_after_410_gone() {
    let watched = WatchedStore::start();
    watched.pods(|pods| pods.len() == 4).await;
    let objects = watched.world.api.objects();
    objects.remove("Pod", workload::AGENT, workload::POD);
    objects.put(another_pod("castai-agent-6d8f9c7b5-new"));
    objects.compact();
    objects.close_watches();
    let new =
        |pods: &[Arc<Pod>]| pods.iter().any(|pod| pod.name.ends_with("new")) && pods.len() == 4;
    watched.pods(new).await;
}

#[tokio::test]
async fn lists_in_pages_at_the_latest_resource_version() {
    let watched = WatchedStore::start();
    watched.pods(|pods| pods.len() == 4).await;
    let objects = watched.world.api.objects();
    for number in 0..1200 {
        objects.put(another_pod(&format!("castai-agent-6d8f9c7b5-{number:04}")));
    }
    objects.compact();
    objects.close_watches();
    watched.pods(|pods| pods.len() == 1204).await;
}

#[tokio::test]
async fn daemonset_pods_do_not_evict_agent_pods_from_the_store() {
    let watched = WatchedStore::start();
    watched.pods(|pods| pods.len() == 4).await;
    let objects = watched.world.api.objects();
    for number in 0..2100 {
        let mut pod = another_pod(&format!("castai-kvisor-agent-{number:04}"));
        pod["metadata"]["ownerReferences"][0]["kind"] = json!("DaemonSet");
        pod["metadata"]["creationTimestamp"] = json!(workload::ago(60));
        if number == 0 {
            pod["metadata"]["creationTimestamp"] = json!(workload::ago(9000));
            pod["status"]["conditions"] = json!([workload::condition(
                "Ready",
                "False",
                "ContainersNotReady",
                ""
            )]);
        }
        objects.put(pod);
    }
    let named = |pods: &[Arc<Pod>], name: &str| pods.iter().any(|pod| pod.name == name);
    let right = |pods: &[Arc<Pod>]| {
        pods.len() == 2000 && named(pods, workload::POD) && named(pods, "castai-kvisor-agent-0000")
    };
    watched
        .pods(|pods| right(pods) && named(pods, "castai-kvisor-agent-1990"))
        .await;
    // A relist has the same limit.
    objects.put(another_pod("castai-agent-6d8f9c7b5-late"));
    objects.compact();
    objects.close_watches();
    watched
        .pods(|pods| right(pods) && named(pods, "castai-agent-6d8f9c7b5-late"))
        .await;
}

#[tokio::test]
async fn forbidden_watch_is_named_and_recovers_when_permission_returns() {
    let mut watched = WatchedStore::start();
    watched
        .world
        .api
        .set("denied:nodes".parse::<lab::ApiFault>().unwrap())
        .await;
    watched.watch_task();
    watched.pods(|pods| pods.len() == 4).await;
    let Err(ClientError::Forbidden { permission, .. }) = watched.store.nodes.read().await else {
        panic!("the permission is missing")
    };
    assert!(permission.starts_with("list nodes"), "{permission}");
    watched.world.api.heal().await;
    let start = Instant::now();
    while watched.store.nodes.read().await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn keeps_only_pods_with_image_pull_errors_and_remembers_the_reason_during_back_off() {
    let watched = WatchedStore::start();
    let objects = watched.world.api.objects();
    let waiting = |reason: &str, message: &str| {
        let mut pod = another_pod("web-1");
        pod["metadata"]["namespace"] = json!("shop");
        pod["status"] = json!({ "phase": "Pending", "containerStatuses": [{
            "name": "web", "image": "shop.azurecr.io/web:1",
            "state": { "waiting": { "reason": reason, "message": message } },
        }] });
        pod
    };
    objects.put(waiting("ContainerCreating", ""));
    objects.put(waiting(
        "ErrImagePull",
        "failed to fetch oauth token: unexpected status: 401 Unauthorized",
    ));
    let kept = async |wanted: &str| {
        let start = Instant::now();
        loop {
            let kept = watched.store.pending_image_pods.read().await.unwrap();
            if kept.iter().any(|pod| *pod.images[0].reason == *wanted)
                || (wanted.is_empty() && kept.is_empty())
            {
                return kept;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{kept:?}");
            sleep(Duration::from_millis(20)).await;
        }
    };
    kept("ErrImagePull").await;
    objects.put(waiting(
        "ImagePullBackOff",
        "Back-off pulling image \"shop.azurecr.io/web:1\"",
    ));
    let pods = kept("ImagePullBackOff").await;
    assert!(
        pods[0].images[0].message.contains("401 Unauthorized"),
        "{pods:?}"
    );
    assert_eq!(&*pods[0].name, "shop/web-1");
    objects.change("Pod", "shop", "web-1", |pod| {
        pod["status"]["phase"] = json!("Running");
    });
    kept("").await;
}
