//! The agent as the API shows it: its Deployment, the pods that this Deployment owns, and their environment.

mod environment;
mod object;

use std::collections::BTreeMap;

use http::StatusCode;
use serde::de::DeserializeOwned;
use url::form_urlencoded::byte_serialize;

use crate::cluster::Door;
use crate::cluster::door::Visit;
use crate::config::AgentEnvironment;
use crate::config::AgentPlace;
use crate::config::AgentSeen;
use crate::probe::Answer;

use object::Deployment;
use object::List;
use object::Metadata;
use object::Pod;
use object::ReplicaSet;

/// So many pods are looked at: two replicas, and what an upgrade adds.
const PODS: usize = 4;

/// Why the agent is not seen.
enum NotSeen {
    Absent(String),
    Unreadable(String),
}

/// Looks for the agent, and for its environment: of the newest pod of its present revision, else of its Deployment.
///
/// A pod is the agent's when a `ReplicaSet` owns it that the Deployment owns, never by its labels alone.
pub async fn look(door: &Door, place: &AgentPlace) -> AgentSeen {
    match look_in(door, place).await {
        Ok(seen) => seen,
        Err(NotSeen::Absent(why)) => AgentSeen::Absent(why),
        Err(NotSeen::Unreadable(why)) => AgentSeen::Unreadable(why),
    }
}

async fn look_in(door: &Door, place: &AgentPlace) -> Result<AgentSeen, NotSeen> {
    let mut visit = door.enter().await.map_err(|verdict| NotSeen::Unreadable(verdict.evidence().to_string()))?;
    let AgentPlace { namespace, deployment: name, .. } = place;
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
    let what = format!("the Deployment {name} in the namespace {namespace}");
    let deployment: Deployment = read(&mut visit, &path, "get deployments.apps", &what)
        .await?
        .ok_or_else(|| NotSeen::Absent(format!("there is no Deployment {name} in the namespace {namespace}")))?;
    let pod = newest(pods(&mut visit, place, &deployment).await?);
    let (source, object, spec, pod) = match &pod {
        Some(pod) => (AgentEnvironment::Pod, &pod.metadata.name, &pod.spec, Some(pod)),
        None => (AgentEnvironment::Deployment, &deployment.metadata.name, &deployment.spec.template.spec, None),
    };
    let mounts = environment::Mounts::new(&place.mounts);
    let seen = environment::of(spec, pod, &mounts);
    Ok(AgentSeen::Found(crate::config::Elsewhere {
        source,
        object: object.clone(),
        service_account: spec.service_account().unwrap_or(&place.service_account).to_owned(),
        variables: seen.variables,
        unseen: seen.unseen,
    }))
}

/// The pods that the Deployment owns, and whether they are of its present revision.
async fn pods(visit: &mut Visit, place: &AgentPlace, deployment: &Deployment) -> Result<Vec<(bool, Pod)>, NotSeen> {
    let namespace = &place.namespace;
    let selector: String = byte_serialize(deployment.spec.selector.text().as_bytes()).collect();
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}&limit={PODS}");
    let what = format!("the pods in the namespace {namespace}");
    let list: Option<List<Pod>> = read(visit, &path, "list pods", &what).await?;
    let mut owned = Vec::new();
    // By the ReplicaSet's uid: whether it is of the present revision; nothing when it is another Deployment's.
    let mut revisions: BTreeMap<String, Option<bool>> = BTreeMap::new();
    for pod in list.map(|list| list.items).unwrap_or_default() {
        let Some(set) = pod.metadata.owner("ReplicaSet").cloned() else { continue };
        if !revisions.contains_key(&set.uid) {
            let path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets/{}", set.name);
            let what = format!("the ReplicaSet {}", set.name);
            let replica_set: Option<ReplicaSet> = read(visit, &path, "get replicasets.apps", &what).await?;
            let metadata = replica_set.map(|found| found.metadata).filter(|metadata| metadata.uid == set.uid);
            let metadata = metadata
                .filter(|metadata| metadata.owner("Deployment").is_some_and(|by| by.uid == deployment.metadata.uid));
            let present = metadata.map(|metadata| metadata.revision() == deployment.metadata.revision());
            revisions.insert(set.uid.clone(), present);
        }
        if let Some(present) = revisions[&set.uid] {
            owned.push((present, pod));
        }
    }
    Ok(owned)
}

/// The pod that was made last, of those that are to stay; a rollback brings back an older one.
fn newest(pods: Vec<(bool, Pod)>) -> Option<Pod> {
    let made = |metadata: &Metadata| (metadata.creation_timestamp.clone(), metadata.name.clone());
    let stay = pods.into_iter().filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none());
    stay.max_by_key(|(present, pod)| (*present, made(&pod.metadata))).map(|(_, pod)| pod)
}

/// One object; `None` when there is none.
async fn read<T: DeserializeOwned>(
    visit: &mut Visit,
    path: &str,
    right: &str,
    what: &str,
) -> Result<Option<T>, NotSeen> {
    let answer = visit.get(path).await.map_err(|verdict| NotSeen::Unreadable(verdict.evidence().to_string()))?;
    match answer.status {
        StatusCode::OK => parsed(&answer, what).map(Some),
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::FORBIDDEN => Err(NotSeen::Unreadable(format!(
            "the agent's environment cannot be read: this exporter's account may not {right}: {}",
            answer.quoted()
        ))),
        status => Err(NotSeen::Unreadable(format!(
            "the agent's environment cannot be read: for {what} the API server answered {status} {}",
            answer.quoted()
        ))),
    }
}

fn parsed<T: DeserializeOwned>(answer: &Answer, what: &str) -> Result<T, NotSeen> {
    let wrong = |why: &str| NotSeen::Unreadable(format!("the agent's environment cannot be read: {what} {why}"));
    if answer.cut {
        return Err(wrong("is larger than 64 KiB"));
    }
    // Of an object that does not parse only the place is told: its values may be secret.
    serde_json::from_slice(&answer.body)
        .map_err(|error| wrong(&format!("does not parse (line {} column {})", error.line(), error.column())))
}
