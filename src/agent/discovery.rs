//! The agent as the API shows it: its Deployment, the pods that this Deployment owns, and their environment.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::agent::object::{Deployment, Envelope, List, Metadata, Pod, ReplicaSet};
use crate::config::{AgentEnvironment, AgentPlace, AgentSeen, Elsewhere};
use crate::kube::client::Visit;
use crate::kube::json_stream::Items;
use crate::kube::{Door, self_pod};
use crate::net::{Answer, Opened};
use crate::report::Verdict;

/// The label by which the chart marks the agent, whatever its Deployment is called.
pub const MARK: (&str, &str) = ("app.kubernetes.io/name", "castai-agent");
/// So many Deployments of the chart are read, one of which is the agent's.
const MARKED: usize = 4;
/// The pods of one page.
const PAGE: usize = 50;
/// How long a piece of a page may take.
const PATIENCE: Duration = Duration::from_secs(15);

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
    let mut visit = door.enter().await.map_err(|verdict| unread(&verdict))?;
    let AgentPlace {
        namespace,
        deployment: name,
        ..
    } = place;
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
    let what = format!("the Deployment {name} in the namespace {namespace}");
    let deployment = match read(&mut visit, &path, "get deployments.apps", &what).await? {
        Some(deployment) => deployment,
        None => marked(&mut visit, namespace).await?.ok_or_else(|| {
            NotSeen::Absent(format!(
                "there is no Deployment {name} in the namespace {namespace}"
            ))
        })?,
    };
    let pod = newest(pods(&mut visit, place, &deployment).await?);
    let (source, object, spec, pod) = match &pod {
        Some(pod) => (
            AgentEnvironment::Pod,
            &pod.metadata.name,
            &pod.spec,
            Some(pod),
        ),
        None => (
            AgentEnvironment::Deployment,
            &deployment.metadata.name,
            &deployment.spec.template.spec,
            None,
        ),
    };
    let mounts = crate::agent::environment::Mounts::new(&place.mounts);
    let seen = crate::agent::environment::of(spec, pod, &mounts);
    let skipped = pod.and_then(|pod| pod.metadata.annotation(self_pod::SKIP_CONTAINERS));
    Ok(AgentSeen::Found(Elsewhere {
        source,
        object: object.clone(),
        address: pod.and_then(|pod| pod.status.pod_ip.clone()),
        service_account: spec
            .service_account()
            .unwrap_or(&place.service_account)
            .to_owned(),
        variables: seen.variables,
        unseen: seen.unseen,
        tokens: crate::agent::projected_tokens::of(spec),
        version: spec
            .agent()
            .and_then(|agent| self_pod::version(&agent.image)),
        skips_agent: self_pod::skips_agent(skipped),
    }))
}

/// The Deployment that the chart marks as the agent's, whatever it is called.
async fn marked(visit: &mut Visit, namespace: &str) -> Result<Option<Deployment>, NotSeen> {
    let selector: String =
        form_urlencoded::byte_serialize(format!("{}={}", MARK.0, MARK.1).as_bytes()).collect();
    let path = format!(
        "/apis/apps/v1/namespaces/{namespace}/deployments?labelSelector={selector}&limit={MARKED}"
    );
    let what = format!("the Deployments of the agent's chart in the namespace {namespace}");
    let found: Option<List<Deployment>> =
        read(visit, &path, "list deployments.apps", &what).await?;
    Ok(found.and_then(|found| {
        found
            .items
            .into_iter()
            .find(|one| one.spec.template.spec.agent().is_some())
    }))
}

/// The pods that the Deployment owns, and whether they are of its present revision.
async fn pods(
    visit: &mut Visit,
    place: &AgentPlace,
    deployment: &Deployment,
) -> Result<Vec<(bool, Pod)>, NotSeen> {
    let namespace = &place.namespace;
    let mut owned = Vec::new();
    // By the ReplicaSet's uid: whether it is of the present revision; nothing when it is another Deployment's.
    let mut revisions: BTreeMap<String, Option<bool>> = BTreeMap::new();
    for pod in listed(visit, namespace, &deployment.spec.selector.text()).await? {
        let Some(set) = pod.metadata.owner("ReplicaSet").cloned() else {
            continue;
        };
        if !revisions.contains_key(&set.uid) {
            let path = format!(
                "/apis/apps/v1/namespaces/{namespace}/replicasets/{}",
                set.name
            );
            let what = format!("the ReplicaSet {}", set.name);
            let replica_set: Option<ReplicaSet> =
                read(visit, &path, "get replicasets.apps", &what).await?;
            let metadata = replica_set
                .map(|found| found.metadata)
                .filter(|metadata| metadata.uid == set.uid);
            let metadata = metadata.filter(|metadata| {
                metadata
                    .owner("Deployment")
                    .is_some_and(|by| by.uid == deployment.metadata.uid)
            });
            let present =
                metadata.map(|metadata| metadata.revision() == deployment.metadata.revision());
            revisions.insert(set.uid.clone(), present);
        }
        if let Some(present) = revisions[&set.uid] {
            owned.push((present, pod));
        }
    }
    Ok(owned)
}

/// The pods that bear the labels, page by page; each is cut out while the page arrives.
async fn listed(visit: &mut Visit, namespace: &str, selector: &str) -> Result<Vec<Pod>, NotSeen> {
    let what = format!("the pods in the namespace {namespace}");
    let mut found = Vec::new();
    let mut next = String::new();
    loop {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("labelSelector", selector)
            .append_pair("limit", &PAGE.to_string())
            .append_pair("continue", &next)
            .finish();
        let path = format!("/api/v1/namespaces/{namespace}/pods?{query}");
        let mut stream = match visit
            .stream(&path)
            .await
            .map_err(|verdict| unread(&verdict))?
        {
            Opened::Stream(stream) => stream,
            Opened::Refused(answer) => return Err(refused(&answer, "list pods", &what)),
        };
        let mut items = Items::default();
        let mut broken = None;
        while let Some(bytes) = stream
            .next(PATIENCE)
            .await
            .map_err(|finding| unread(&Verdict::failing(finding)))?
        {
            let each = |item: &[u8]| match serde_json::from_slice(item) {
                Ok(pod) => found.push(pod),
                Err(error) => broken = broken.take().or(Some(error)),
            };
            items
                .feed(&bytes, each)
                .map_err(|uncut| odd(&what, &uncut.to_string()))?;
        }
        if let Some(error) = broken {
            return Err(does_not_parse(&what, &error));
        }
        let envelope = items
            .envelope()
            .map_err(|uncut| odd(&what, &uncut.to_string()))?;
        let envelope: Envelope =
            serde_json::from_slice(&envelope).map_err(|error| does_not_parse(&what, &error))?;
        next = envelope.metadata.r#continue;
        if next.is_empty() {
            return Ok(found);
        }
    }
}

/// The pod that was made last, of those that are to stay; a rollback brings back an older one.
fn newest(pods: Vec<(bool, Pod)>) -> Option<Pod> {
    let made = |metadata: &Metadata| (metadata.creation_timestamp.clone(), metadata.name.clone());
    let stay = pods
        .into_iter()
        .filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none());
    stay.max_by_key(|(present, pod)| (*present, made(&pod.metadata)))
        .map(|(_, pod)| pod)
}

/// One object; `None` when there is none.
async fn read<T: DeserializeOwned>(
    visit: &mut Visit,
    path: &str,
    right: &str,
    what: &str,
) -> Result<Option<T>, NotSeen> {
    let answer = visit.get(path).await.map_err(|verdict| unread(&verdict))?;
    match answer.status {
        StatusCode::OK => parsed(&answer, what).map(Some),
        StatusCode::NOT_FOUND => Ok(None),
        _ => Err(refused(&answer, right, what)),
    }
}

fn parsed<T: DeserializeOwned>(answer: &Answer, what: &str) -> Result<T, NotSeen> {
    if answer.cut {
        return Err(odd(what, "is larger than 64 KiB"));
    }
    serde_json::from_slice(&answer.body).map_err(|error| does_not_parse(what, &error))
}

fn unread(verdict: &Verdict) -> NotSeen {
    NotSeen::Unreadable(verdict.evidence().to_string())
}

fn refused(answer: &Answer, right: &str, what: &str) -> NotSeen {
    let quoted = answer.quoted();
    let why = match answer.status {
        StatusCode::FORBIDDEN => format!("this exporter's account may not {right}: {quoted}"),
        status => format!("for {what} the API server answered {status} {quoted}"),
    };
    NotSeen::Unreadable(format!("the agent's environment cannot be read: {why}"))
}

fn odd(what: &str, why: &str) -> NotSeen {
    NotSeen::Unreadable(format!(
        "the agent's environment cannot be read: {what} {why}"
    ))
}

/// Of an object that does not parse only the place is told: its values may be secret.
fn does_not_parse(what: &str, error: &serde_json::Error) -> NotSeen {
    odd(
        what,
        &format!(
            "does not parse (line {} column {})",
            error.line(),
            error.column()
        ),
    )
}
