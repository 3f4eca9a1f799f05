//! Tests of watches: pages, events, broken connections, 410 Gone and missing permissions.

use std::sync::Arc;
use std::time::Duration;

use castai_health_exporter::config::Config;
use castai_health_exporter::kube::store::WatchTask;
use castai_health_exporter::kube::types::pod::Pod;
use castai_health_exporter::kube::{Client, ClientError, Store};
use castai_health_exporter::net::Resolver;
use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::lab_cluster::LabCluster;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// A store that watches the lab's API server.
struct Fed {
    world: LabCluster,
    store: Store,
    tasks: JoinSet<()>,
}

impl Fed {
    fn start() -> Self {
        let world = LabCluster::start();
        let store = store(&world.config());
        let mut fed = Self {
            world,
            store,
            tasks: JoinSet::new(),
        };
        fed.feed();
        fed
    }

    fn feed(&mut self) {
        self.tasks = JoinSet::new();
        for feed in self.store.all_watch_tasks() {
            feed.reset();
            self.tasks.spawn(followed(feed));
        }
    }

    /// Waits until a condition holds for the pods in the agent's namespace.
    async fn pods(&self, wanted: impl Fn(&[Arc<Pod>]) -> bool) -> Vec<Arc<Pod>> {
        let began = Instant::now();
        loop {
            let pods = self.store.pods.read().await;
            let pods = pods.unwrap_or_default();
            if wanted(&pods) {
                return pods;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{pods:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn followed(feed: WatchTask) {
    loop {
        feed.run().await;
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
async fn what_is_there_is_listed_and_what_changes_is_followed() {
    let fed = Fed::start();
    let pods = fed.pods(|pods| pods.len() == 4).await;
    let agent = pods.iter().find(|pod| pod.name == workload::POD).unwrap();
    assert!(
        agent.is_ready()
            && agent
                .container("agent")
                .is_some_and(|agent| agent.state.running.is_some())
    );
    let objects = fed.world.api.objects();
    objects.put(another_pod("castai-agent-6d8f9c7b5-later"));
    fed.pods(|pods| pods.len() == 5).await;
    objects.change("Pod", workload::AGENT, workload::POD, |pod| {
        pod["status"]["phase"] = json!("Failed")
    });
    fed.pods(|pods| pods.iter().any(|pod| pod.phase == "Failed"))
        .await;
    objects.remove("Pod", workload::AGENT, workload::POD);
    fed.pods(|pods| pods.len() == 4 && pods.iter().all(|pod| pod.name != workload::POD))
        .await;
    assert_eq!(fed.store.nodes.read().await.unwrap().len(), 2);
    assert!(
        fed.store
            .pending_image_pods
            .read()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_watch_that_is_cut_goes_on_where_it_was() {
    let fed = Fed::start();
    fed.pods(|pods| pods.len() == 4).await;
    let lists = || {
        let connections = fed.world.api.service().request_log().connections();
        let requests = connections
            .iter()
            .flat_map(|one| one.exchanges.clone())
            .map(|exchange| exchange.request.target);
        requests
            .filter(|target| target.contains("castai-agent/pods?limit"))
            .count()
    };
    assert_eq!(lists(), 1);
    fed.world.api.objects().close_watches();
    fed.world
        .api
        .objects()
        .put(another_pod("castai-agent-6d8f9c7b5-while-cut"));
    fed.pods(|pods| pods.len() == 5).await;
    assert_eq!(
        lists(),
        1,
        "it went on from the last version, without a list"
    );
}

#[tokio::test]
async fn a_state_that_was_forgotten_is_listed_anew() {
    let fed = Fed::start();
    fed.pods(|pods| pods.len() == 4).await;
    let objects = fed.world.api.objects();
    objects.remove("Pod", workload::AGENT, workload::POD);
    objects.put(another_pod("castai-agent-6d8f9c7b5-new"));
    objects.compact();
    objects.close_watches();
    let new =
        |pods: &[Arc<Pod>]| pods.iter().any(|pod| pod.name.ends_with("new")) && pods.len() == 4;
    fed.pods(new).await;
}

#[tokio::test]
async fn a_long_list_comes_in_pages_once_the_newest_is_asked_for() {
    let fed = Fed::start();
    fed.pods(|pods| pods.len() == 4).await;
    let objects = fed.world.api.objects();
    for number in 0..1200 {
        objects.put(another_pod(&format!("castai-agent-6d8f9c7b5-{number:04}")));
    }
    objects.compact();
    objects.close_watches();
    fed.pods(|pods| pods.len() == 1204).await;
}

#[tokio::test]
async fn the_pods_that_stand_on_every_node_leave_room_for_the_agents() {
    let fed = Fed::start();
    fed.pods(|pods| pods.len() == 4).await;
    let objects = fed.world.api.objects();
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
    fed.pods(|pods| right(pods) && named(pods, "castai-kvisor-agent-1990"))
        .await;
    // A relist has the same limit.
    objects.put(another_pod("castai-agent-6d8f9c7b5-late"));
    objects.compact();
    objects.close_watches();
    fed.pods(|pods| right(pods) && named(pods, "castai-agent-6d8f9c7b5-late"))
        .await;
}

#[tokio::test]
async fn a_missing_right_is_named_and_a_right_that_comes_back_is_used() {
    let mut fed = Fed::start();
    fed.world
        .api
        .set("denied:nodes".parse::<lab::ApiFault>().unwrap())
        .await;
    fed.feed();
    fed.pods(|pods| pods.len() == 4).await;
    let Err(ClientError::Forbidden(permission)) = fed.store.nodes.read().await else {
        panic!("the permission is missing")
    };
    assert!(permission.starts_with("list nodes"), "{permission}");
    fed.world.api.heal().await;
    let began = Instant::now();
    while fed.store.nodes.read().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn only_a_pod_whose_image_does_not_come_is_kept_and_the_reason_outlives_the_pause() {
    let fed = Fed::start();
    let objects = fed.world.api.objects();
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
        let began = Instant::now();
        loop {
            let kept = fed.store.pending_image_pods.read().await.unwrap();
            if kept.iter().any(|pod| *pod.images[0].reason == *wanted)
                || (wanted.is_empty() && kept.is_empty())
            {
                return kept;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{kept:?}");
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
        pod["status"]["phase"] = json!("Running")
    });
    kept("").await;
}
