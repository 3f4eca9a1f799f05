//! Checks that the agent's service account can reach the API server and use it.
//!
//! The verdict follows the address that the agent uses. The DNS name and every address behind the
//! service are probed too, because a single failed API server causes only intermittent errors at
//! the service's address.

mod backends;
mod response;
mod service_history;
mod storage;
mod verdict;

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use response::{accept, ok_evidence, reachable_evidence, version};
use service_history::ServiceHistory;
use verdict::judge;

use crate::catalogue::{Category, CheckId, FailureMode, Situation, Timeouts};
use crate::checks::error_verdict::endpoint_verdict;
use crate::checks::{AgentIdentity, Attempt, Check, CheckContext};
use crate::config::{ApiserverLocation, CheckSettings, InCluster};
use crate::kube::caller::CallerOwner;
use crate::kube::{ApiEndpoint, Caller, TokenError};
use crate::net::{Connection, Response, Target, agent_timeouts};
use crate::report::{DateSample, Finding, PhaseTimer, Report, TargetReport, Verdict};

/// The first object that old agents read.
const KUBE_SYSTEM: &str = "/api/v1/namespaces/kube-system";

/// The check `apiserver`.
#[derive(Debug)]
pub struct Apiserver {
    config: ApiserverLocation,
    timeouts: Timeouts,
    context: CheckContext,
    known_backends: Mutex<Vec<SocketAddr>>,
    history: Mutex<ServiceHistory>,
}

/// The result of probing the address that the agent uses.
struct AgentProbe {
    target: TargetReport,
    date: Option<DateSample>,
    addresses: Option<Vec<SocketAddr>>,
    /// The verdict if the server is reachable but the agent's account could not be used.
    not_as_agent: Option<Verdict>,
}

impl Apiserver {
    /// Creates the check.
    pub fn new(
        config: &ApiserverLocation,
        settings: &CheckSettings,
        context: &CheckContext,
    ) -> Self {
        let (config, context) = (config.clone(), context.clone());
        Self {
            config,
            timeouts: settings.timeouts,
            context,
            known_backends: Mutex::default(),
            history: Mutex::default(),
        }
    }

    async fn in_cluster(
        &self,
        endpoint: &ApiEndpoint,
        config: &InCluster,
        attempt: &Attempt,
    ) -> Report {
        let (direct, fixed) = (endpoint.proxy.is_none(), config.addresses.is_some());
        // With a proxy the agent never connects to these addresses directly.
        let known_backends = if direct {
            config
                .addresses
                .clone()
                .unwrap_or_else(|| self.known_backends())
        } else {
            Vec::new()
        };
        let again = async {
            if direct {
                Box::pin(self.probe_service_again(endpoint)).await
            } else {
                Vec::new()
            }
        };
        let ((agent, new), name, mut others, again) = tokio::join!(
            self.probe_agent_address_and_new_backends(
                endpoint,
                attempt,
                &known_backends,
                direct && !fixed
            ),
            self.probe_dns_name(endpoint, config, attempt),
            self.probe_backends(endpoint, &known_backends, attempt),
            again,
        );
        others.extend(new);
        if let Some(found) = &agent.addresses {
            others.retain(|(address, _)| found.contains(address));
        }
        let verdict = judge(&agent.target, &name, &others, endpoint);
        let verdict = self
            .history()
            .judge(verdict, (&agent.target, &name), &again, &others);
        let verdict = match (verdict, agent.not_as_agent) {
            (Verdict::Ok(_) | Verdict::Warning(_), Some(instead)) => instead,
            (verdict, _) => verdict,
        };
        let targets = [agent.target, name]
            .into_iter()
            .chain(others.into_iter().map(|(_, target)| target))
            .collect();
        Report {
            targets,
            dates: agent.date.into_iter().collect(),
            ..Report::from_verdict(verdict)
        }
    }

    /// Probes the agent's address, then the addresses that were not known before.
    async fn probe_agent_address_and_new_backends(
        &self,
        endpoint: &ApiEndpoint,
        attempt: &Attempt,
        known_backends: &[SocketAddr],
        list: bool,
    ) -> (AgentProbe, Vec<(SocketAddr, TargetReport)>) {
        let agent = self.probe_agent_address(endpoint, attempt, list).await;
        let Some(found) = &agent.addresses else {
            return (agent, Vec::new());
        };
        self.known_backends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(found);
        let new: Vec<_> = found
            .iter()
            .copied()
            .filter(|address| !known_backends.contains(address))
            .collect();
        let new = self.probe_backends(endpoint, &new, attempt).await;
        (agent, new)
    }

    async fn kubeconfig(&self, endpoint: &ApiEndpoint, attempt: &Attempt) -> Report {
        let agent = self.probe_agent_address(endpoint, attempt, false).await;
        let verdict = match agent.target.outcome.clone() {
            Ok(evidence) => Verdict::Ok(evidence),
            Err(finding) => {
                if matches!(
                    finding.mode,
                    FailureMode::K8sUnauthorized | FailureMode::K8sTokenExpired
                ) {
                    self.context.store.client.discard_credential();
                }
                Verdict::failing(finding)
            }
        };
        Report {
            targets: vec![agent.target],
            dates: agent.date.into_iter().collect(),
            ..Report::from_verdict(verdict)
        }
    }

    /// Requests `/version`, `kube-system` and the addresses behind the service on one connection.
    async fn probe_agent_address(
        &self,
        endpoint: &ApiEndpoint,
        attempt: &Attempt,
        list: bool,
    ) -> AgentProbe {
        let target = self.own_target(endpoint);
        let name = target.authority();
        let timer = attempt.start_target(&name, true);
        let own_view = matches!(self.context.agent, AgentIdentity::NotRequested);
        let (mut date, mut addresses, mut not_as_agent) = (None, None, None);
        let outcome = async {
            let mut connection = target.open(&self.context.network.resolver, &timer).await?;
            let agent = match self.agent_credentials(&mut connection, endpoint).await {
                Ok(agent) => agent,
                Err(TokenError::Request(finding)) => return Err(finding),
                Err(error @ TokenError::AccountNotFound { .. }) => {
                    let why = error.into();
                    not_as_agent = Some(Verdict::NotApplicable(reachable_evidence(&name, &why)));
                    None
                }
                Err(error) => {
                    let why = error.into();
                    not_as_agent = Some(Verdict::Unknown(reachable_evidence(&name, &why)));
                    None
                }
            };
            let is_agent = agent.is_some();
            let mut agent = agent.unwrap_or_else(|| endpoint.clone());
            let mut response = self
                .get(&mut connection, "/version", &agent, &timer)
                .await?;
            // A requested token may have been revoked since; the agent's own may still be valid.
            if response.status == StatusCode::UNAUTHORIZED
                && self
                    .context
                    .agent
                    .tokens()
                    .is_some_and(|account| account.discard())
                && let Ok(Some(renewed)) = self.agent_credentials(&mut connection, endpoint).await
            {
                agent = renewed;
                response = self
                    .get(&mut connection, "/version", &agent, &timer)
                    .await?;
            }
            date = response.date_sample(CheckId::Apiserver.label());
            let caller = self.caller(is_agent, &agent);
            let version = match version(&response, &agent, &caller) {
                // It rejects the exporter's account, which proves nothing about the agent's.
                Err(finding) if own_view && finding.mode.category() == Category::Denied => {
                    let rejected = reachable_evidence(&name, &finding.evidence);
                    not_as_agent = Some(Verdict::Unknown(rejected.clone()));
                    return Ok(rejected);
                }
                version => version.map_err(|finding| self.with_origin(finding, is_agent))?,
            };
            agent_timeouts::check(&self.timeouts, &timer, FailureMode::K8sSlow)?;
            if is_agent {
                let response = self.get(&mut connection, KUBE_SYSTEM, &agent, &timer).await;
                let response = match response {
                    Err(finding) if finding.mode == FailureMode::HttpTimeout => {
                        // Boxed, because it is rare and would enlarge every attempt.
                        return Err(Box::pin(self.explain_missing_object(&agent, finding)).await);
                    }
                    response => response?,
                };
                accept(&response, &agent, &caller, KUBE_SYSTEM)?;
                agent_timeouts::check(&self.timeouts, &timer, FailureMode::K8sSlow)?;
            }
            if list {
                addresses = self.list_backends(&mut connection, endpoint).await;
            }
            let mut evidence = ok_evidence(&name, &version, &connection);
            let own = self.own_caller(endpoint);
            if own_view {
                evidence = evidence.with_remark(&format!(
                    "tested as {own}, because this companion requests no tokens of the agent's account"
                ));
            }
            if list && addresses.is_none() {
                evidence = evidence.with_remark(&format!(
                    "the addresses behind it cannot be listed as {own}, so a single failed API \
                     server would go unnoticed"
                ));
            }
            Ok(evidence)
        };
        let outcome = outcome.await;

        AgentProbe {
            target: attempt.finish_target(&name, outcome),
            date,
            addresses,
            not_as_agent,
        }
    }

    /// Returns the agent's credentials: mounted in its own pod, requested as a token elsewhere, or
    /// `None` if they may not be requested.
    async fn agent_credentials(
        &self,
        connection: &mut Connection,
        endpoint: &ApiEndpoint,
    ) -> Result<Option<ApiEndpoint>, TokenError> {
        match &self.context.agent {
            AgentIdentity::Own => Ok(Some(endpoint.clone())),
            AgentIdentity::NotRequested => Ok(None),
            AgentIdentity::Requested(account) => {
                let resolver = &self.context.network.resolver;
                let token = account.token(connection, resolver, endpoint, None).await?;
                let reopened = connection.drop_client_certificate(resolver);
                reopened.await.map_err(TokenError::Request)?;
                Ok(Some(ApiEndpoint {
                    credentials: token.credentials(),
                    ..endpoint.clone()
                }))
            }
        }
    }

    /// Adds where rejected credentials come from, which decides the fix.
    fn with_origin(&self, finding: Finding, is_agent: bool) -> Finding {
        let situation = match &self.context.agent {
            _ if finding.mode != FailureMode::K8sUnauthorized => finding.situation,
            AgentIdentity::Requested(_) if is_agent => Some(Situation::FreshToken),
            _ if self.context.store.client.owner() == CallerOwner::Kubeconfig => {
                Some(Situation::KubeconfigUser)
            }
            _ => None,
        };
        finding.in_situation(situation)
    }

    /// Returns the caller with the credentials of this process.
    fn own_caller(&self, endpoint: &ApiEndpoint) -> Caller {
        Caller::new(self.context.store.client.owner(), &endpoint.credentials)
    }

    /// Returns the caller with the credentials of an endpoint: the agent, or this process.
    fn caller(&self, is_agent: bool, endpoint: &ApiEndpoint) -> Caller {
        if is_agent && self.context.agent.tokens().is_some() {
            Caller::new(CallerOwner::Agent, &endpoint.credentials)
        } else {
            self.own_caller(endpoint)
        }
    }

    fn history(&self) -> MutexGuard<'_, ServiceHistory> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn get(
        &self,
        connection: &mut Connection,
        path: &str,
        endpoint: &ApiEndpoint,
        timer: &PhaseTimer,
    ) -> Result<Response, Finding> {
        let path = endpoint.request_path(path);
        connection
            .get(
                &self.context.network.resolver,
                &path,
                endpoint.credentials.headers.clone(),
                timer,
            )
            .await
    }

    /// Returns the target that the agent uses itself.
    fn own_target(&self, endpoint: &ApiEndpoint) -> Target {
        self.target(
            endpoint,
            endpoint.host.clone(),
            endpoint.port,
            endpoint.server_name.clone(),
        )
    }

    fn target(
        &self,
        endpoint: &ApiEndpoint,
        host: String,
        port: u16,
        server_name: Option<String>,
    ) -> Target {
        let (trust, proxy) = (endpoint.trust.clone(), endpoint.proxy.clone());
        Target {
            host,
            port,
            trust,
            server_name,
            proxy,
            timeouts: self.timeouts,
        }
    }

    fn known_backends(&self) -> Vec<SocketAddr> {
        self.known_backends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Check for Apiserver {
    async fn run(&self, attempt: &Attempt) -> Report {
        let endpoint = match self.context.store.client.endpoint().await {
            Ok(endpoint) => endpoint,
            Err(error) => return Report::from_verdict(endpoint_verdict(error)),
        };
        if let ApiserverLocation::InCluster(config) = &self.config {
            self.in_cluster(&endpoint, config, attempt).await
        } else {
            self.kubeconfig(&endpoint, attempt).await
        }
    }
}
