//! Single objects of the API server, read as the account of this process.

use std::sync::Arc;

use crate::catalogue::Limits;
use crate::checks::World;
use crate::classify::kube_status;
use crate::cluster::Access;
use crate::cluster::Denied;
use crate::cluster::Door;
use crate::cluster::Plugin;
use crate::config::Apiserver as Place;
use crate::probe::Answer;
use crate::probe::Route;
use crate::verdict::Evidence;
use crate::verdict::Trail;

/// Reads from the API server.
#[derive(Debug)]
pub struct Reader {
    place: Place,
    limits: Limits,
    world: World,
    plugin: Arc<Plugin>,
}

/// What was found where an object was looked for.
#[derive(Debug)]
pub enum Found {
    /// The answer with the object.
    Object(Answer),
    /// It does not exist.
    Nothing,
}

/// What is asked for, in the words of RBAC and as a path.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Such as `get configmaps/castai-agent-metadata in the namespace castai-agent`.
    pub right: String,
    /// The path with its query.
    pub path: String,
}

impl Reader {
    /// A reader from this place.
    pub fn new(place: &Place, world: &World) -> Self {
        Self::within(place, Limits::APISERVER, world)
    }

    /// A reader that waits no longer than these limits.
    pub fn within(place: &Place, limits: Limits, world: &World) -> Self {
        Self { place: place.clone(), limits, world: world.clone(), plugin: Arc::clone(&world.plugin) }
    }

    /// Reads one object.
    ///
    /// # Errors
    /// Why it could not be read; a missing right is named.
    pub async fn get(&self, wanted: &Wanted) -> Result<Found, Evidence> {
        let access = match &self.place {
            Place::InCluster(place) => Access::in_cluster(place),
            Place::Kubeconfig { path, context } => Access::kubeconfig(path, context.as_deref(), &self.plugin).await,
            Place::Invalid(problem) => return Err(Evidence::from(problem.to_string())),
            Place::Absent => return Err(Evidence::from("no API server is known here")),
        };
        let access = access.map_err(|denied| match denied {
            Denied::Broken(finding) => finding.evidence,
            Denied::Unknown(why) => why,
        })?;
        let proxy = match &access.proxy {
            Some(proxy) => Some(proxy.clone()),
            None => self
                .world
                .proxy_for(access.trust.is_some(), &access.host, access.port)
                .map_err(|verdict| verdict.evidence())?,
        };
        let (host, port, limits) = (access.host.clone(), access.port, self.limits);
        let server_name = access.server_name.clone();
        let route = Route { host, port, trust: access.trust.clone(), server_name, proxy, limits };
        let trail = Trail::default();
        let asked = async {
            let mut connection = route.open(&self.world.resolver, &trail).await?;
            let path = format!("{}{}", access.prefix, wanted.path);
            connection.get(&self.world.resolver, &path, access.headers.clone(), &trail).await
        };
        let answer = asked.await.map_err(|finding| finding.evidence)?;
        judged(answer, wanted)
    }
}

fn judged(answer: Answer, wanted: &Wanted) -> Result<Found, Evidence> {
    match answer.status.as_u16() {
        403 => Err(Evidence::from(format!("this exporter's account may not {}", wanted.right))),
        404 => Ok(Found::Nothing),
        status => match kube_status(status, Some(&answer.content_type()), &answer.body) {
            None => Ok(Found::Object(answer)),
            Some(mode) => Err(Evidence::from(format!(
                "GET {} was answered {} {} ({mode})",
                wanted.path,
                answer.status,
                answer.quoted()
            ))),
        },
    }
}

/// Reads one object through a door that others use as well.
///
/// # Errors
/// Why it could not be read; a missing right is named.
pub async fn read(door: &Door, wanted: &Wanted) -> Result<Found, Evidence> {
    let answer = async { door.enter().await?.get(&wanted.path).await };
    judged(answer.await.map_err(|verdict| verdict.evidence())?, wanted)
}
