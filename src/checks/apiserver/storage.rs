//! An API server that responds, but not to requests for stored objects.

use std::time::Duration;

use http::StatusCode;
use tokio::time::timeout;

use crate::catalogue::{FailureMode, Situation};
use crate::checks::apiserver::Apiserver;
use crate::kube::ApiEndpoint;
use crate::net::Response;
use crate::report::{Finding, PhaseTimer};

/// Lists the parts of the API server that are not ready. Every account may read it by default.
const READYZ: &str = "/readyz?verbose";
/// The API server waits two seconds for etcd.
const READYZ_TIMEOUT: Duration = Duration::from_secs(4);
/// The part that tests etcd.
const ETCD_OK: &str = "[+]etcd ok";

impl Apiserver {
    /// Explains why a stored object did not arrive although `/version` did: etcd does not respond,
    /// unless the API server itself says that it does.
    pub(super) async fn explain_missing_object(
        &self,
        endpoint: &ApiEndpoint,
        finding: Finding,
    ) -> Finding {
        let readyz = timeout(READYZ_TIMEOUT, self.readyz(endpoint)).await;
        let evidence = &finding.evidence;
        let (is_etcd, report) = match readyz {
            Err(_elapsed) => (true, format!("did not respond within {READYZ_TIMEOUT:?}")),
            Ok(Err(other)) => (true, format!("could not be read: {}", other.evidence)),
            Ok(Ok(response)) => {
                let body = String::from_utf8_lossy(&response.body);
                let failed: Vec<&str> = body
                    .lines()
                    .filter(|line| line.starts_with("[-]"))
                    .collect();
                if failed.is_empty() {
                    (
                        !(response.status == StatusCode::OK && body.contains(ETCD_OK)),
                        format!("returned {} {}", response.status, response.quoted()),
                    )
                } else {
                    (true, format!("reports {}", failed.join(", ")))
                }
            }
        };
        let evidence = format!("/version responds, but {evidence}; {READYZ} {report}");
        if is_etcd {
            Finding::new(FailureMode::K8sEtcdError, evidence)
        } else {
            finding
                .with_evidence(evidence)
                .in_situation(Some(Situation::StoredObjects))
        }
    }

    async fn readyz(&self, endpoint: &ApiEndpoint) -> Result<Response, Finding> {
        let target = self.own_target(endpoint);
        let timer = PhaseTimer::default();
        let mut connection = target.open(&self.context.network.resolver, &timer).await?;
        self.get(&mut connection, READYZ, endpoint, &timer).await
    }
}
