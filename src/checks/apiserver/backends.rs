//! Probes of the addresses that the agent does not use itself: the DNS name and the addresses
//! behind the service.

use std::net::SocketAddr;

use futures_util::future::join_all;

use crate::catalogue::FailureMode;
use crate::checks::Attempt;
use crate::checks::apiserver::Apiserver;
use crate::checks::apiserver::response::{ok_evidence, version};
use crate::config::InCluster;
use crate::kube::{ApiEndpoint, endpoint_slices};
use crate::net::{Connection, Target, agent_timeouts};
use crate::report::{Finding, PhaseTimer, TargetReport};

/// The number of addresses behind the service that are probed. With the service and its DNS name:
/// ten targets.
const MAX_ADDRESSES: usize = 8;
/// The name in every API server's certificate.
const CERTIFICATE_NAME: &str = "kubernetes.default.svc";

impl Apiserver {
    /// Lists the addresses behind the service if the account may.
    pub(super) async fn list_backends(
        &self,
        connection: &mut Connection,
        endpoint: &ApiEndpoint,
    ) -> Option<Vec<SocketAddr>> {
        for path in endpoint_slices::PATHS {
            let slices = self
                .get(connection, path, endpoint, &PhaseTimer::default())
                .await
                .ok()?;
            if slices.status.is_success() {
                let mut addresses = endpoint_slices::addresses(&slices.body)?;
                addresses.truncate(MAX_ADDRESSES);
                return Some(addresses);
            }
        }
        None
    }

    pub(super) async fn probe_dns_name(
        &self,
        endpoint: &ApiEndpoint,
        config: &InCluster,
        attempt: &Attempt,
    ) -> TargetReport {
        let (host, port) = config.dns_name.clone();
        let name =
            Some(CERTIFICATE_NAME.to_owned()).filter(|_| host.parse::<std::net::IpAddr>().is_ok());
        let proxy = self
            .context
            .network
            .proxy_for(endpoint.trust.is_some(), &host, port)
            .unwrap_or_default();
        let target = self.target(endpoint, host, port, name);
        self.probe_version(endpoint, Target { proxy, ..target }, attempt)
            .await
    }

    pub(super) async fn probe_backends(
        &self,
        endpoint: &ApiEndpoint,
        known_backends: &[SocketAddr],
        attempt: &Attempt,
    ) -> Vec<(SocketAddr, TargetReport)> {
        let probes = known_backends
            .iter()
            .take(MAX_ADDRESSES)
            .map(|address| async move {
                let name = Some(CERTIFICATE_NAME.to_owned());
                let target = self.target(endpoint, address.ip().to_string(), address.port(), name);
                // Connects directly: through a proxy, only the proxy would be tested again.
                (
                    *address,
                    self.probe_version(
                        endpoint,
                        Target {
                            proxy: None,
                            ..target
                        },
                        attempt,
                    )
                    .await,
                )
            });
        join_all(probes).await
    }

    /// Opens further connections to the service's address if it failed recently.
    pub(super) async fn probe_service_again(
        &self,
        endpoint: &ApiEndpoint,
    ) -> Vec<Result<(), Finding>> {
        let count = self.history().extra_probes();
        let probe = async |_| {
            let target = self.own_target(endpoint);
            let timer = PhaseTimer::default();
            let mut connection = target.open(&self.context.network.resolver, &timer).await?;
            let response = self
                .get(&mut connection, "/version", endpoint, &timer)
                .await?;
            version(&response, endpoint, &self.own_caller(endpoint))?;
            agent_timeouts::check(&self.timeouts, &timer, FailureMode::K8sSlow)
        };
        join_all((0..count).map(probe)).await
    }

    /// Probes `/version` on a target that the agent does not use itself.
    async fn probe_version(
        &self,
        endpoint: &ApiEndpoint,
        target: Target,
        attempt: &Attempt,
    ) -> TargetReport {
        let name = target.authority();
        let timer = attempt.start_target(&name, false);
        let outcome = async {
            let mut connection = target.open(&self.context.network.resolver, &timer).await?;
            let response = self
                .get(&mut connection, "/version", endpoint, &timer)
                .await?;
            let version = version(&response, endpoint, &self.own_caller(endpoint))?;
            agent_timeouts::check(&self.timeouts, &timer, FailureMode::K8sSlow)?;
            Ok(ok_evidence(&name, &version, &connection))
        };
        let outcome = outcome.await;
        attempt.finish_target(&name, outcome)
    }
}
