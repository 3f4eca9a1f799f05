//! EKS: uses the agent's credentials and endpoint configuration.

use crate::aws::credentials::CachedCredentials;
use crate::aws::{AwsError, CallError, Eks, PhasedConnector};
use crate::catalogue::{CheckId, Timeouts};
use crate::checks::control_plane_access::ControlPlaneAccess;
use crate::checks::control_plane_access::cluster_access::{AccessListError, ClusterAccess};
use crate::checks::control_plane_access::remedy::Remedy;
use crate::cloud::eks;
use crate::cloud::eks::EksCluster;
use crate::config::agent::aws::{AwsService, ClusterIdentity};
use crate::config::exporter::control_plane_access::is_plain;
use crate::net::Response;
use crate::report::evidence::quote;
use crate::report::{LatestReports, PhaseTimer};

impl ControlPlaneAccess {
    pub(super) async fn on_eks(
        &self,
        reports: &LatestReports,
    ) -> Result<ClusterAccess, AccessListError> {
        let context = &self.context;
        let region = context.aws.region(reports).map_err(AccessListError::new)?;
        let cluster = EksCluster {
            name: self.eks_name(reports)?,
            region,
        };
        if !is_plain(&cluster.name) || !is_plain(&cluster.region) {
            return Err(AccessListError::new(
                "the cluster's region or name is not valid for AWS",
            ));
        }
        let cached = context
            .aws
            .cached_credentials(&cluster.region, Timeouts::CONTROL_PLANE, reports)
            .await;
        let cached = cached.map_err(|why| {
            AccessListError::new(format!("EKS cannot be queried without credentials: {why}"))
        })?;
        let service_target =
            context
                .aws
                .service_target(AwsService::Eks, &cluster.region, Timeouts::CONTROL_PLANE);
        let service_target =
            service_target.map_err(|verdict| AccessListError::new(verdict.evidence()))?;
        let connector = PhasedConnector::new(
            service_target.target,
            &context.network.resolver,
            &PhaseTimer::default(),
        );
        let response = match Eks::new(&connector, &service_target.endpoint, &cached.credentials)
            .describe_cluster(&cluster.name)
            .await
        {
            Ok(response) => response,
            Err(CallError::Transport(finding)) => {
                let by = service_target
                    .endpoint
                    .set_by
                    .map(|by| format!("; endpoint set by {by}"))
                    .unwrap_or_default();
                return Err(AccessListError::new(format!(
                    "{}: {} ({}){by}",
                    connector.authority(),
                    finding.evidence,
                    finding.mode
                )));
            }
            Err(CallError::NotSent(why)) => return Err(AccessListError::new(why)),
            Err(CallError::Response(response)) => {
                let error = self
                    .describe_eks_error(&cluster, &response, &cached, reports)
                    .await;
                return Err(AccessListError::new(error));
            }
        };
        let plane = response.json().as_ref().and_then(eks::control_plane);
        let plane = plane.ok_or_else(|| {
            AccessListError::new(format!(
                "{} returned no cluster, or a response above the size limit",
                connector.authority()
            ))
        })?;
        Ok(ClusterAccess {
            cluster: cluster.name.clone(),
            plane,
            remedy: Remedy::eks(&cluster),
        })
    }

    /// Returns the cluster name that the agent uses: configured, or from its instance's tag.
    fn eks_name(&self, reports: &LatestReports) -> Result<String, AccessListError> {
        if let ClusterIdentity::Complete { name, .. } = &self.context.aws.settings().given {
            return Ok(name.clone());
        }
        let discovered = reports
            .report(CheckId::Ec2Api)
            .and_then(|report| report.instance.as_ref()?.cluster.clone());
        discovered.ok_or_else(|| {
            AccessListError::new("the cluster name is unknown: see cluster_metadata")
        })
    }

    /// Describes an EKS error and its remedy.
    async fn describe_eks_error(
        &self,
        cluster: &EksCluster,
        response: &Response,
        cached: &CachedCredentials,
        reports: &LatestReports,
    ) -> String {
        let EksCluster { region, name } = cluster;
        let aws_error = AwsError::parse(AwsService::Eks, response);
        let caller = reports
            .report(CheckId::StsIdentity)
            .and_then(|report| report.identity.as_ref());
        let caller = caller.map_or_else(
            || "the agent's role or user".to_owned(),
            |who| quote(who.arn.as_bytes()),
        );
        let hint = match aws_error.code.as_deref() {
            Some("AccessDeniedException" | "AccessDenied") => format!(
                ": to enable this check, allow eks:DescribeCluster on this cluster for {caller}; \
                 the agent itself does not need it"
            ),
            Some("ResourceNotFoundException") => {
                format!(
                    ": cluster {name} does not exist in {region}; correct EKS_REGION or \
                     EKS_CLUSTER_NAME"
                )
            }
            Some("ExpiredTokenException" | "ExpiredToken") if cached.are_temporary() => {
                self.context.aws.forget_credentials().await;
                ": the next attempt uses new credentials".to_owned()
            }
            _ => String::new(),
        };
        format!("{aws_error}{hint}")
    }
}
