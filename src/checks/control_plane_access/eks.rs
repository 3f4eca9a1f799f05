//! On EKS: as the agent, with its credentials and to the address that its environment would lead it to.

use crate::aws::session::Held;
use crate::aws::{Eks, Line, Refusal, Refused};
use crate::catalogue::{CheckId, Limits};
use crate::checks::control_plane_access::{ControlPlaneAccess, Remedy, Seen};
use crate::cloud::eks;
use crate::cloud::eks::EksCluster;
use crate::config::aws::{Given, Service};
use crate::config::control_plane::is_plain;
use crate::net::Answer;
use crate::report::evidence::quote;
use crate::report::{Peers, Trail};

impl ControlPlaneAccess {
    pub(super) async fn on_eks(&self, peers: &Peers) -> Result<Seen, String> {
        let world = &self.world;
        let region = world.aws.region(peers).map_err(|why| why.to_string())?;
        let cluster = EksCluster {
            name: self.eks_name(peers)?,
            region,
        };
        if !is_plain(&cluster.name) || !is_plain(&cluster.region) {
            return Err("region or name of the cluster are none that AWS gives".to_owned());
        }
        let held = world
            .held(&cluster.region, Limits::CONTROL_PLANE, peers)
            .await;
        let held = held.map_err(|why| format!("EKS is not asked without credentials: {why}"))?;
        let way = world.place(Service::Eks, &cluster.region, Limits::CONTROL_PLANE);
        let way = way.map_err(|verdict| verdict.evidence().to_string())?;
        let line = Line::new(way.route, &world.resolver, &Trail::default());
        let answer = match Eks::new(&line, &way.endpoint, &held.credentials)
            .cluster(&cluster.name)
            .await
        {
            Ok(answer) => answer,
            Err(Refused::OnTheWay(finding)) => {
                let by = way
                    .endpoint
                    .set_by
                    .map(|by| format!("; {by} leads there"))
                    .unwrap_or_default();
                return Err(format!(
                    "{}: {} ({}){by}",
                    line.target(),
                    finding.evidence,
                    finding.mode
                ));
            }
            Err(Refused::Unsent(why)) => return Err(why),
            Err(Refused::Answered(answer)) => {
                return Err(self.refused_by_eks(&cluster, &answer, &held, peers).await);
            }
        };
        let plane = answer.json().as_ref().and_then(eks::control_plane);
        let plane = plane.ok_or_else(|| {
            format!(
                "{} answered with what is no cluster, or with more than is read of an answer",
                line.target()
            )
        })?;
        Ok(Seen {
            cluster: cluster.name.clone(),
            plane,
            remedy: Remedy::eks(&cluster),
        })
    }

    /// The cluster's name as the agent has it: given, or discovered by the tag of its instance.
    fn eks_name(&self, peers: &Peers) -> Result<String, String> {
        if let Given::Complete { name, .. } = &self.world.aws.settings().given {
            return Ok(name.clone());
        }
        let told = peers
            .report(CheckId::Ec2Api)
            .and_then(|report| report.instance.as_ref()?.cluster.clone());
        told.ok_or_else(|| "the cluster's name is not known: see cluster_metadata".to_owned())
    }

    /// What EKS says instead of telling, and what would let it tell.
    async fn refused_by_eks(
        &self,
        cluster: &EksCluster,
        answer: &Answer,
        held: &Held,
        peers: &Peers,
    ) -> String {
        let EksCluster { region, name } = cluster;
        let refusal = Refusal::read(Service::Eks, answer);
        let caller = peers
            .report(CheckId::StsIdentity)
            .and_then(|report| report.identity.as_ref());
        let caller = caller.map_or_else(
            || "the agent's role or user".to_owned(),
            |who| quote(who.arn.as_bytes()),
        );
        let hint = match refusal.code.as_deref() {
            Some("AccessDeniedException" | "AccessDenied") => format!(
                ": to have it looked at, allow eks:DescribeCluster on this cluster to {caller}; the agent itself does not \
                 need it"
            ),
            Some("ResourceNotFoundException") => {
                format!(
                    ": there is no cluster {name} in {region}; compare EKS_REGION and EKS_CLUSTER_NAME"
                )
            }
            Some("ExpiredTokenException" | "ExpiredToken") if held.are_temporary() => {
                self.world.aws.forget().await;
                ": new credentials are got for the next attempt".to_owned()
            }
            _ => String::new(),
        };
        format!("{refusal}{hint}")
    }
}
