//! Can the agent's account reach the Kubernetes API server and use it?
//!
//! The address that the agent uses is judged; beside it the DNS name and every address behind the service are probed,
//! because one dead API server of several looks like bad luck from the service's address.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use http::StatusCode;

use crate::catalogue::{CheckId, FailureMode, Limits};
use crate::checks::{Attempt, Check, CheckContext};
use crate::classify::kube_status;
use crate::config::{Apiserver as Place, CheckSettings, InCluster};
use crate::kube::token_request::NoToken;
use crate::kube::{Access, Denied, Plugin, endpoints};
use crate::net::certificate::date;
use crate::net::{Answer, Connection, Route, authority, deadlines};
use crate::report::{DateSample, Evidence, Finding, Report, TargetReport, Trail, Verdict};

/// The most addresses behind the service that are probed; with the service and its name ten targets.
const MAX_ADDRESSES: usize = 8;
/// What old agents ask for first.
const KUBE_SYSTEM: &str = "/api/v1/namespaces/kube-system";
/// What is not seen when the account may not list the addresses behind the service.
const ALONE: &str =
    "; the addresses behind it may not be listed, so one dead server of several would not be seen";
/// The name that every API server's certificate bears.
const CERTIFICATE_NAME: &str = "kubernetes.default.svc";

/// The check `apiserver`.
#[derive(Debug)]
pub struct Apiserver {
    place: Place,
    limits: Limits,
    world: CheckContext,
    known: Mutex<Vec<SocketAddr>>,
    plugin: Arc<Plugin>,
}

/// What the journey to the address that the agent uses brought.
struct Main {
    target: TargetReport,
    date: Option<DateSample>,
    addresses: Option<Vec<SocketAddr>>,
    /// What there is to say when the server was reached, but not as the agent.
    not_as_agent: Option<Verdict>,
}

impl Apiserver {
    /// The check for a place.
    pub fn new(place: &Place, settings: &CheckSettings, world: &CheckContext) -> Self {
        let (place, world) = (place.clone(), world.clone());
        let plugin = Arc::clone(&world.plugin);
        Self {
            place,
            limits: settings.limits,
            world,
            known: Mutex::default(),
            plugin,
        }
    }

    async fn in_cluster(&self, place: &InCluster, attempt: &Attempt) -> Report {
        let access = match self.detour(Access::in_cluster(place)) {
            Ok(access) => access,
            Err(verdict) => return Report::bare(verdict),
        };
        let (direct, fixed) = (access.proxy.is_none(), place.addresses.is_some());
        // Behind a proxy the agent never goes to these addresses directly.
        let known = if direct {
            place.addresses.clone().unwrap_or_else(|| self.known())
        } else {
            Vec::new()
        };
        let ((main, fresh), name, mut others) = tokio::join!(
            self.agents_way_and_beyond(&access, attempt, &known, direct && !fixed),
            self.dns_name(&access, place, attempt),
            self.each(&access, &known, attempt),
        );
        others.extend(fresh);
        if let Some(found) = &main.addresses {
            others.retain(|(address, _)| found.contains(address));
        }
        let verdict = match (
            judge(&main.target, &name, &others, &access),
            main.not_as_agent,
        ) {
            (Verdict::Ok(_) | Verdict::Warning(_), Some(instead)) => instead,
            (verdict, _) => verdict,
        };
        let targets = [main.target, name]
            .into_iter()
            .chain(others.into_iter().map(|(_, target)| target))
            .collect();
        Report {
            targets,
            dates: main.date.into_iter().collect(),
            ..Report::bare(verdict)
        }
    }

    /// The agent's way, then the addresses that were not known before.
    async fn agents_way_and_beyond(
        &self,
        access: &Access,
        attempt: &Attempt,
        known: &[SocketAddr],
        list: bool,
    ) -> (Main, Vec<(SocketAddr, TargetReport)>) {
        let main = self.agents_way(access, attempt, list).await;
        let Some(found) = &main.addresses else {
            return (main, Vec::new());
        };
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(found);
        let fresh: Vec<_> = found
            .iter()
            .copied()
            .filter(|address| !known.contains(address))
            .collect();
        let fresh = self.each(access, &fresh, attempt).await;
        (main, fresh)
    }

    async fn kubeconfig(&self, attempt: &Attempt, access: Result<Access, Denied>) -> Report {
        let access = match self.detour(access) {
            Ok(access) => access,
            Err(verdict) => return Report::bare(verdict),
        };
        let main = self.agents_way(&access, attempt, false).await;
        let verdict = match main.target.outcome.clone() {
            Ok(evidence) => Verdict::Ok(evidence),
            Err(finding) => {
                if matches!(
                    finding.mode,
                    FailureMode::K8sUnauthorized | FailureMode::K8sTokenExpired
                ) {
                    self.plugin.forget();
                }
                Verdict::failing(finding)
            }
        };
        Report {
            targets: vec![main.target],
            dates: main.date.into_iter().collect(),
            ..Report::bare(verdict)
        }
    }

    /// `/version`, then `kube-system`, then the addresses behind the service: all on one connection.
    async fn agents_way(&self, access: &Access, attempt: &Attempt, list: bool) -> Main {
        let route = self.route(
            access,
            access.host.clone(),
            access.port,
            access.server_name.clone(),
        );
        let name = route.target();
        let trail = attempt.trail(&name, true);
        let (mut date, mut addresses, mut not_as_agent) = (None, None, None);
        let outcome = async {
            let mut connection = route.open(&self.world.resolver, &trail).await?;
            let agent = match self.agents_access(&mut connection, access).await {
                Ok(agent) => Some(agent),
                Err(NoToken::Way(finding)) => return Err(finding),
                Err(NoToken::Absent(why)) => {
                    not_as_agent = Some(Verdict::NotApplicable(reached(&name, &why)));
                    None
                }
                Err(NoToken::Unknown(why)) => {
                    not_as_agent = Some(Verdict::Unknown(reached(&name, &why)));
                    None
                }
            };
            let mut agent = agent.unwrap_or_else(|| access.clone());
            let mut answer = self
                .ask(&mut connection, "/version", &agent, &trail)
                .await?;
            // A token of ours that the account has outlived tells nothing of the agent's.
            if answer.status == StatusCode::UNAUTHORIZED
                && self
                    .world
                    .agent
                    .as_ref()
                    .is_some_and(|account| account.forget())
                && let Ok(renewed) = self.agents_access(&mut connection, access).await
            {
                agent = renewed;
                answer = self
                    .ask(&mut connection, "/version", &agent, &trail)
                    .await?;
            }
            date = answer.date_sample(CheckId::Apiserver.label());
            let version = version(&answer, &agent)?;
            deadlines::in_time(&self.limits, &trail, FailureMode::K8sSlow)?;
            if not_as_agent.is_none() {
                let answer = self
                    .ask(&mut connection, KUBE_SYSTEM, &agent, &trail)
                    .await?;
                accept(&answer, &agent, KUBE_SYSTEM)?;
                deadlines::in_time(&self.limits, &trail, FailureMode::K8sSlow)?;
            }
            if list {
                addresses = self.listed(&mut connection, access).await;
            }
            let alone = if list && addresses.is_none() {
                ALONE
            } else {
                ""
            };
            Ok(Evidence::from(format!(
                "{}{alone}",
                described(&name, &version, &connection)
            )))
        };
        let outcome = outcome.await;
        Main {
            target: attempt.arrived(&name, outcome),
            date,
            addresses,
            not_as_agent,
        }
    }

    /// The access of the agent's account: in its pod the one that is mounted, elsewhere by a token that is asked for.
    async fn agents_access(
        &self,
        connection: &mut Connection,
        own: &Access,
    ) -> Result<Access, NoToken> {
        match &self.world.agent {
            None => Ok(own.clone()),
            Some(account) => Ok(account
                .token(connection, &self.world.resolver, own, None)
                .await?
                .identify(own)),
        }
    }

    /// The addresses behind the service, as far as the account may read them.
    async fn listed(
        &self,
        connection: &mut Connection,
        access: &Access,
    ) -> Option<Vec<SocketAddr>> {
        for path in endpoints::PATHS {
            let slices = self
                .ask(connection, path, access, &Trail::default())
                .await
                .ok()?;
            if slices.status.is_success() {
                let mut addresses = endpoints::addresses(&slices.body)?;
                addresses.truncate(MAX_ADDRESSES);
                return Some(addresses);
            }
        }
        None
    }

    async fn dns_name(
        &self,
        access: &Access,
        place: &InCluster,
        attempt: &Attempt,
    ) -> TargetReport {
        let (host, port) = place.dns_name.clone();
        let name =
            Some(CERTIFICATE_NAME.to_owned()).filter(|_| host.parse::<std::net::IpAddr>().is_ok());
        let proxy = self
            .world
            .proxy_for(access.trust.is_some(), &host, port)
            .unwrap_or_default();
        let route = self.route(access, host, port, name);
        self.beside(access, Route { proxy, ..route }, attempt).await
    }

    async fn each(
        &self,
        access: &Access,
        known: &[SocketAddr],
        attempt: &Attempt,
    ) -> Vec<(SocketAddr, TargetReport)> {
        let probes = known.iter().take(MAX_ADDRESSES).map(|address| async move {
            let name = Some(CERTIFICATE_NAME.to_owned());
            let route = self.route(access, address.ip().to_string(), address.port(), name);
            // Straight to the server: a proxy would only show the proxy again.
            (
                *address,
                self.beside(
                    access,
                    Route {
                        proxy: None,
                        ..route
                    },
                    attempt,
                )
                .await,
            )
        });
        join_all(probes).await
    }

    /// A target that the agent does not use itself: reached, and it answers `/version`.
    async fn beside(&self, access: &Access, route: Route, attempt: &Attempt) -> TargetReport {
        let name = route.target();
        let trail = attempt.trail(&name, false);
        let outcome = async {
            let mut connection = route.open(&self.world.resolver, &trail).await?;
            let answer = self
                .ask(&mut connection, "/version", access, &trail)
                .await?;
            let version = version(&answer, access)?;
            deadlines::in_time(&self.limits, &trail, FailureMode::K8sSlow)?;
            Ok(described(&name, &version, &connection))
        };
        let outcome = outcome.await;
        attempt.arrived(&name, outcome)
    }

    async fn ask(
        &self,
        connection: &mut Connection,
        path: &str,
        access: &Access,
        trail: &Trail,
    ) -> Result<Answer, Finding> {
        let path = format!("{}{path}", access.prefix);
        connection
            .get(&self.world.resolver, &path, access.headers.clone(), trail)
            .await
    }

    /// The access with the proxy that the agent would go through: the kubeconfig's, else the environment's.
    fn detour(&self, access: Result<Access, Denied>) -> Result<Access, Verdict> {
        let access = access.map_err(|denied| match denied {
            Denied::Broken(finding) => Verdict::failing(finding),
            Denied::Unknown(why) => Verdict::Unknown(why),
        })?;
        if access.proxy.is_some() {
            return Ok(access);
        }
        let proxy = self
            .world
            .proxy_for(access.trust.is_some(), &access.host, access.port)?;
        Ok(Access { proxy, ..access })
    }

    fn route(
        &self,
        access: &Access,
        host: String,
        port: u16,
        server_name: Option<String>,
    ) -> Route {
        let (trust, proxy) = (access.trust.clone(), access.proxy.clone());
        Route {
            host,
            port,
            trust,
            server_name,
            proxy,
            limits: self.limits,
        }
    }

    fn known(&self) -> Vec<SocketAddr> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Check for Apiserver {
    async fn run(&self, attempt: &Attempt) -> Report {
        match &self.place {
            Place::InCluster(place) => self.in_cluster(place, attempt).await,
            Place::Kubeconfig { path, context } => {
                let access = Access::kubeconfig(path, context.as_deref(), &self.plugin).await;
                self.kubeconfig(attempt, access).await
            }
            Place::Invalid(problem) => Report::bare(Verdict::failing(Finding::new(
                FailureMode::AgentConfigInvalid,
                problem.to_string(),
            ))),
            Place::Absent => Report::bare(Verdict::NotApplicable(Evidence::from(
                "no API server is known here: this is no pod (KUBERNETES_SERVICE_HOST), and no kubeconfig was given",
            ))),
        }
    }
}

/// The verdict follows the address that the agent uses; others show what it only meets by chance.
fn judge(
    main: &TargetReport,
    name: &TargetReport,
    others: &[(SocketAddr, TargetReport)],
    access: &Access,
) -> Verdict {
    let dead: Vec<_> = others
        .iter()
        .filter(|(_, target)| lost(target))
        .map(|(_, target)| target)
        .collect();
    let some_dead = !dead.is_empty() && dead.len() < others.len();
    // The service's address led to one of the dead ones when both fail alike.
    let led_there = |finding: &Finding| {
        dead.iter().any(|target| {
            target
                .outcome
                .as_ref()
                .is_err_and(|other| other.mode == finding.mode)
        })
    };
    match &main.outcome {
        Err(finding) if !(some_dead && led_there(finding)) => Verdict::failing(Finding::new(
            finding.mode,
            with_others(finding, others, &dead),
        )),
        outcome if some_dead => {
            let each: Vec<_> = dead
                .iter()
                .filter_map(|target| target.outcome.as_ref().err())
                .map(|finding| format!("{}: {}", finding.mode, finding.evidence))
                .collect();
            let luck = if outcome.is_ok() {
                "this time the service's address answered"
            } else {
                "this time the service's address led there"
            };
            let evidence = format!(
                "{} of {} API-server addresses fail ({luck}): {}",
                dead.len(),
                others.len(),
                each.join("; ")
            );
            Verdict::failing(Finding::new(FailureMode::K8sEndpointDown, evidence))
        }
        Err(finding) => Verdict::failing(finding.clone()),
        Ok(evidence) => match &name.outcome {
            Err(finding) => {
                let evidence = format!(
                    "{}, which the agent does not use, fails: {}",
                    name.target, finding.evidence
                );
                Verdict::Warning(vec![Finding::new(finding.mode, evidence)])
            }
            Ok(_) => Verdict::Ok(Evidence::from(match &access.remark {
                Some(remark) => format!("{evidence}; {remark}"),
                None => evidence.to_string(),
            })),
        },
    }
}

/// Whether a server did not serve: its way or its own trouble, not what it thinks of our account.
fn lost(target: &TargetReport) -> bool {
    target.outcome.as_ref().is_err_and(|finding| {
        deadlines::is_transport(finding.mode) || deadlines::is_server_trouble(finding.mode)
    })
}

fn with_others(
    finding: &Finding,
    others: &[(SocketAddr, TargetReport)],
    dead: &[&TargetReport],
) -> String {
    if others.is_empty() || !deadlines::is_transport(finding.mode) {
        return finding.evidence.to_string();
    }
    let word = if dead.is_empty() {
        "all answer"
    } else {
        "all fail"
    };
    format!(
        "{}; of {} API-server addresses behind the service {word} when asked directly",
        finding.evidence,
        others.len()
    )
}

/// What an answer of the API server says of the account, or of itself.
fn accept(answer: &Answer, access: &Access, path: &str) -> Result<(), Finding> {
    let media = answer.content_type();
    match kube_status(answer.status.as_u16(), Some(&media), &answer.body) {
        None => Ok(()),
        Some(FailureMode::K8sUnauthorized) => Err(unauthorized(answer, access, path)),
        Some(mode) => Err(Finding::new(
            mode,
            format!(
                "GET {path} was answered {} {}",
                answer.status,
                answer.quoted()
            ),
        )),
    }
}

/// The version that `/version` tells.
fn version(answer: &Answer, access: &Access) -> Result<String, Finding> {
    accept(answer, access, "/version")?;
    let version = answer
        .json()
        .and_then(|json| Some(json.get("gitVersion")?.as_str()?.to_owned()));
    version.ok_or_else(|| unexpected(answer, "/version"))
}

fn unauthorized(answer: &Answer, access: &Access, path: &str) -> Finding {
    let now = jiff::Timestamp::now().as_second();
    match access.token_expiry {
        Some(expiry) if expiry < now => Finding::new(
            FailureMode::K8sTokenExpired,
            format!(
                "GET {path} was answered {}; the service-account token ended at {}",
                answer.status,
                date(expiry)
            ),
        ),
        _ => Finding::new(
            FailureMode::K8sUnauthorized,
            format!(
                "GET {path} was answered {} {}",
                answer.status,
                answer.quoted()
            ),
        ),
    }
}

fn unexpected(answer: &Answer, path: &str) -> Finding {
    let evidence = format!(
        "GET {path} was answered {} {} {}, which no API server says",
        answer.status,
        answer.content_type(),
        answer.quoted()
    );
    Finding::new(FailureMode::K8sUnexpectedBody, evidence)
}

/// What to say when the server answers but the agent's account cannot be judged.
fn reached(name: &str, why: &Evidence) -> Evidence {
    Evidence::from(format!("{name} answers; {why}"))
}

fn described(name: &str, version: &str, connection: &Connection) -> Evidence {
    let peer = authority(&connection.peer.ip().to_string(), connection.peer.port());
    let at = if peer == name {
        String::new()
    } else {
        format!(" ({peer})")
    };
    Evidence::from(format!("{name}{at} answers, Kubernetes {version}"))
}
