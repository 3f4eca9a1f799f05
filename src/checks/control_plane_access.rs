//! Checks that the control plane's authorized networks include CAST AI's addresses.
//!
//! Reads the list of authorized networks from the cloud's API with this pod's cloud identity.
//! Reports `cpfw_blocked` only if the whole list was read and contains none of the addresses;
//! everything else is `unknown`.

mod aks;
mod cluster_access;
mod eks;
mod gke;
mod remedy;

use std::net::IpAddr;
use std::sync::Arc;

use cluster_access::{AccessListError, ClusterAccess};
use url::Url;

use crate::catalogue::{FailureMode as M, Timeouts};
use crate::checks::{Attempt, Check, CheckContext};
use crate::cloud::api::Api;
use crate::cloud::control_plane::AddressAccess;
use crate::cloud::{MetadataServer, api};
use crate::config::agent::link_local::LinkLocalEndpoint;
use crate::config::exporter::control_plane_access;
use crate::config::{CloudMetadata, Config, Provider, ProviderVariables};
use crate::net::tls::trust::PkiScope;
use crate::net::{Target, Trust};
use crate::report::{Evidence, Finding, PhaseTimer, Report, Verdict};

/// The check `control_plane_access`.
#[derive(Debug)]
pub struct ControlPlaneAccess {
    variables: ProviderVariables,
    clouds: CloudMetadata,
    settings: control_plane_access::ControlPlaneAccessSettings,
    trust: Result<Arc<Trust>, String>,
    context: CheckContext,
}

impl ControlPlaneAccess {
    /// Creates the check.
    pub fn new(config: &Config, context: &CheckContext) -> Self {
        let settings = config.control_plane.clone();
        let trust = match &settings.roots {
            Some(pem) => Trust::pem(pem, PkiScope::Public),
            None => Trust::system(PkiScope::Public),
        };
        let trust = trust.map(Arc::new).map_err(|error| error.to_string());
        let (variables, clouds) = (config.provider_variables.clone(), config.clouds.clone());
        Self {
            variables,
            clouds,
            settings,
            trust,
            context: context.clone(),
        }
    }

    fn metadata<'a>(
        &'a self,
        endpoint: &'a LinkLocalEndpoint,
        timer: &'a PhaseTimer,
    ) -> MetadataServer<'a> {
        // The response contains a token, so it never goes through a proxy.
        let target = Target {
            host: endpoint.host.clone(),
            port: endpoint.port,
            trust: None,
            server_name: None,
            proxy: None,
            timeouts: Timeouts::CONTROL_PLANE,
        };
        MetadataServer::new(
            target,
            &endpoint.prefix,
            &self.context.network.resolver,
            timer,
        )
    }

    fn api(&self, url: &Url) -> Result<Api<'_>, AccessListError> {
        let (host, port) = api::host_and_port(url);
        let proxy = self
            .context
            .network
            .proxy_for(true, &host, port)
            .map_err(|verdict| AccessListError::new(verdict.evidence()))?;
        Ok(Api::new(
            url,
            self.trust.clone().map_err(AccessListError::new)?,
            proxy,
            Timeouts::CONTROL_PLANE,
            &self.context.network.resolver,
        ))
    }

    fn judge(&self, access: &ClusterAccess) -> Verdict {
        let ClusterAccess {
            cluster,
            plane,
            remedy,
        } = access;
        let entries: Vec<(IpAddr, AddressAccess)> = self
            .settings
            .addresses
            .iter()
            .map(|address| (*address, plane.access_from(*address)))
            .collect();
        let of = |wanted: fn(&AddressAccess) -> bool| -> Vec<IpAddr> {
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
        let age = self.default_address_note();
        if !of(|entry| *entry == AddressAccess::PrivateOnly).is_empty() {
            let evidence = format!(
                "the control plane of {cluster} has no public endpoint{note}: the agent does not \
                 need one, but CAST AI cannot connect to optimise the cluster"
            );
            return Verdict::Warning(vec![Finding::new(M::CpfwPrivateOnly, evidence)]);
        }
        let blocked = of(|entry| *entry == AddressAccess::Blocked);
        let listed = plane
            .authorized_networks
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        if !blocked.is_empty() {
            let who = join(&blocked);
            let evidence = format!(
                "CAST AI connects from {who}, but the control plane of {cluster} only allows \
                 {listed}"
            );
            if let Some(changing) = &plane.pending_update {
                return Verdict::Unknown(Evidence::from(format!(
                    "{evidence}; an update is in progress ({changing})"
                )));
            }
            let instructions = remedy.instructions(plane.authorized_networks.as_ref(), &blocked);
            let finding = Finding::new(M::CpfwBlocked, format!("{evidence}{note}{age}"));
            return Verdict::failing(finding.with_own_remedy(Some(instructions)));
        }
        let unknown = entries.iter().find_map(|(address, entry)| match entry {
            AddressAccess::Undetermined(why) => {
                Some(format!("{address} is not in {listed}, and {why}"))
            }
            _ => None,
        });
        if let Some(unknown) = unknown {
            return Verdict::Unknown(Evidence::from(format!(
                "the control plane of {cluster}: {unknown}"
            )));
        }
        let allowed: Vec<_> = entries
            .iter()
            .map(|(address, entry)| format!("{address} ({})", described(entry)))
            .collect();
        let evidence = format!(
            "the control plane of {cluster} allows CAST AI: {}{note}{age}",
            allowed.join(", ")
        );
        Verdict::Ok(Evidence::from(evidence))
    }

    /// Returns a note if the addresses are the documented default rather than configured.
    fn default_address_note(&self) -> &'static str {
        if self.settings.addresses == [control_plane_access::DOCUMENTED] {
            "; this address is from CAST AI's documentation of 2023: set \
             control_plane.castai_addresses if it has changed"
        } else {
            ""
        }
    }
}

impl Check for ControlPlaneAccess {
    async fn run(&self, attempt: &Attempt) -> Report {
        let mut aks = None;
        let access = match self.variables.provider {
            Some(Provider::Eks) => self.on_eks(attempt.reports()).await,
            Some(Provider::Gke) => self.on_gke().await,
            Some(Provider::Aks) => {
                let (cluster, access) = self.on_aks().await;
                aks = cluster;
                access
            }
            Some(provider) => {
                return Report::from_verdict(Verdict::NotApplicable(Evidence::from(format!(
                    "authorized networks are not checked on {provider}"
                ))));
            }
            None => {
                return Report::from_verdict(Verdict::NotApplicable(Evidence::from(
                    "the agent's cloud provider is not configured (PROVIDER, EKS_*, GKE_*, AKS_*)",
                )));
            }
        };
        let verdict = match access {
            Ok(access) => self.judge(&access),
            Err(why) => Verdict::Unknown(Evidence::from(format!(
                "the control plane's authorized networks are unknown: {why}"
            ))),
        };
        Report {
            aks,
            ..Report::from_verdict(verdict)
        }
    }
}

fn described(entry: &AddressAccess) -> String {
    match entry {
        AddressAccess::Open => "open to all addresses".to_owned(),
        AddressAccess::Listed(network) => format!("in {network}"),
        AddressAccess::GoogleCloud => "a Google Cloud address; all of them are allowed".to_owned(),
        AddressAccess::Blocked | AddressAccess::PrivateOnly | AddressAccess::Undetermined(_) => {
            "not allowed".to_owned()
        }
    }
}

fn join(addresses: &[IpAddr]) -> String {
    addresses
        .iter()
        .map(IpAddr::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
