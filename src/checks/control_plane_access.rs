//! May CAST AI's addresses reach the control plane?
//!
//! The cluster's own cloud is asked, as whom this pod is to it, for the list of networks that the control plane lets in.
//! What could not be found out is `unknown`: only a list that was read whole, and holds no such address, blocks.

mod aks;
mod eks;
mod gke;
mod remedy;

use std::net::IpAddr;
use std::sync::Arc;

use remedy::Remedy;
use url::Url;

use crate::catalogue::{FailureMode as M, Limits};
use crate::checks::{Attempt, Check, CheckContext};
use crate::cloud::api::Api;
use crate::cloud::control_plane::Entry;
use crate::cloud::{ControlPlane, MetadataServer, api};
use crate::config::node_local::Endpoint;
use crate::config::{Clouds, Config, Provider, Told, control_plane};
use crate::net::tls::Place;
use crate::net::{Route, Trust};
use crate::report::{Evidence, Finding, Report, Trail, Verdict};

/// The check `control_plane_access`.
#[derive(Debug)]
pub struct ControlPlaneAccess {
    told: Told,
    clouds: Clouds,
    settings: control_plane::ControlPlane,
    trust: Result<Arc<Trust>, String>,
    world: CheckContext,
}

/// What was found out.
struct Seen {
    /// The cluster, for people.
    cluster: String,
    plane: ControlPlane,
    remedy: Remedy,
}

impl ControlPlaneAccess {
    /// The check for this configuration.
    pub fn new(config: &Config, world: &CheckContext) -> Self {
        let settings = config.control_plane.clone();
        let trust = match &settings.roots {
            Some(pem) => Trust::pem(pem, Place::Public),
            None => Trust::system(Place::Public),
        };
        let trust = trust.map(Arc::new).map_err(|error| error.to_string());
        let (told, clouds) = (config.told.clone(), config.clouds.clone());
        Self {
            told,
            clouds,
            settings,
            trust,
            world: world.clone(),
        }
    }

    fn metadata<'a>(&'a self, endpoint: &'a Endpoint, trail: &'a Trail) -> MetadataServer<'a> {
        // A token comes back: never through a proxy.
        let route = Route {
            host: endpoint.host.clone(),
            port: endpoint.port,
            trust: None,
            server_name: None,
            proxy: None,
            limits: Limits::CONTROL_PLANE,
        };
        MetadataServer::new(route, &endpoint.prefix, &self.world.resolver, trail)
    }

    fn api(&self, url: &Url) -> Result<Api<'_>, String> {
        let (host, port) = api::place(url);
        let proxy = self
            .world
            .proxy_for(true, &host, port)
            .map_err(|verdict| verdict.evidence().to_string())?;
        Ok(Api::new(
            url,
            self.trust.clone()?,
            proxy,
            Limits::CONTROL_PLANE,
            &self.world.resolver,
        ))
    }

    fn judge(&self, seen: &Seen) -> Verdict {
        let Seen {
            cluster,
            plane,
            remedy,
        } = seen;
        let entries: Vec<(IpAddr, Entry)> = self
            .settings
            .addresses
            .iter()
            .map(|address| (*address, plane.entry(*address)))
            .collect();
        let of = |wanted: fn(&Entry) -> bool| -> Vec<IpAddr> {
            entries
                .iter()
                .filter(|(_, entry)| wanted(entry))
                .map(|(address, _)| *address)
                .collect()
        };
        let note = plane
            .note
            .as_ref()
            .map(|note| format!("; {note}"))
            .unwrap_or_default();
        let age = self.age();
        if !of(|entry| *entry == Entry::PrivateOnly).is_empty() {
            let what = format!(
                "the control plane of {cluster} has no address on the internet{note}: the agent needs none, but CAST AI \
                 cannot come in to optimise"
            );
            return Verdict::Warning(vec![Finding::new(M::CpfwPrivateOnly, what)]);
        }
        let blocked = of(|entry| *entry == Entry::Blocked);
        let listed = plane
            .networks
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        if !blocked.is_empty() {
            let who = listing(&blocked);
            let what = format!(
                "CAST AI comes from {who}, and the control plane of {cluster} is open to {listed} only"
            );
            if let Some(changing) = &plane.changing {
                return Verdict::Unknown(Evidence::from(format!(
                    "{what}; but it is being changed just now ({changing})"
                )));
            }
            let mend = remedy.mend(plane.networks.as_ref(), &blocked);
            return Verdict::failing(Finding::new(
                M::CpfwBlocked,
                format!("{what}{note}. {mend}{age}"),
            ));
        }
        let untold = entries.iter().find_map(|(address, entry)| match entry {
            Entry::Untold(why) => {
                Some(format!("{address} is not listed among {listed}, and {why}"))
            }
            _ => None,
        });
        if let Some(untold) = untold {
            return Verdict::Unknown(Evidence::from(format!(
                "the control plane of {cluster}: {untold}"
            )));
        }
        let allowed: Vec<_> = entries
            .iter()
            .map(|(address, entry)| format!("{address} ({})", described(entry)))
            .collect();
        let what = format!(
            "the control plane of {cluster} lets CAST AI in: {}{note}{age}",
            allowed.join(", ")
        );
        Verdict::Ok(Evidence::from(what))
    }

    /// How old the address is that is looked for, where nobody has said another.
    fn age(&self) -> &'static str {
        if self.settings.addresses == [control_plane::DOCUMENTED] {
            "; that address is from CAST AI's documentation of 2023: control_plane.castai_addresses names newer ones"
        } else {
            ""
        }
    }
}

impl Check for ControlPlaneAccess {
    async fn run(&self, attempt: &Attempt) -> Report {
        let mut aks = None;
        let seen = match self.told.provider {
            Some(Provider::Eks) => self.on_eks(attempt.peers()).await,
            Some(Provider::Gke) => self.on_gke().await,
            Some(Provider::Aks) => {
                let (cluster, seen) = self.on_aks().await;
                aks = cluster;
                seen
            }
            Some(provider) => {
                return Report::bare(Verdict::NotApplicable(Evidence::from(format!(
                    "who may reach the control plane of a cluster of {provider} is not looked at"
                ))));
            }
            None => {
                return Report::bare(Verdict::NotApplicable(Evidence::from(
                    "nothing says whose the control plane is (PROVIDER, EKS_*, GKE_*, AKS_*)",
                )));
            }
        };
        let verdict = match seen {
            Ok(seen) => self.judge(&seen),
            Err(why) => Verdict::Unknown(Evidence::from(format!(
                "whom the control plane lets in is not known: {why}"
            ))),
        };
        Report {
            aks,
            ..Report::bare(verdict)
        }
    }
}

fn described(entry: &Entry) -> String {
    match entry {
        Entry::Open => "everybody may".to_owned(),
        Entry::Listed(network) => format!("in {network}"),
        Entry::Google => "as an address of Google Cloud's, which all may".to_owned(),
        Entry::Blocked | Entry::PrivateOnly | Entry::Untold(_) => "not".to_owned(),
    }
}

fn listing(addresses: &[IpAddr]) -> String {
    addresses
        .iter()
        .map(IpAddr::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
