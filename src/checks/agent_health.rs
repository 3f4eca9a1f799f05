//! Does the agent call itself healthy, and does somebody lead?
//!
//! Its own word is read, and beside it what it cannot hide: its client's counters and the leader's lease. What each of
//! these does not prove is respected: `/healthz` stays ok for twelve minutes after the last delta, a follower's for ever.

mod numbers;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::HeaderMap;
use numbers::{Counters, Numbers, Reading};

use crate::agent::leader_election::Lease;
use crate::catalogue::{CheckId, FailureMode as M, Limits, Phase};
use crate::checks::{Attempt, Check, CheckContext};
use crate::classify::{Kind, classify};
use crate::config::{Agent, AgentEnvironment, CheckSettings, Config, Elsewhere, Problem, Vantage};
use crate::kube::Door;
use crate::net::{Answer, Connection, Opened, Route};
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Peers, Report, Trail, Verdict};

/// Where a container of the agent's pod finds the agent.
const HERE: &str = "127.0.0.1";
/// So long after its start an agent that is not ready is nothing to speak of, in seconds: healthy ones take 36.
const STARTING: f64 = 90.0;

/// The check `agent_health`.
#[derive(Debug)]
pub struct AgentHealth {
    agent: Agent,
    place: Place,
    limits: Limits,
    world: CheckContext,
    door: Arc<Door>,
    /// The agent's counters at the last look: what they say is how they grow.
    before: Mutex<Option<Counters>>,
}

/// Where the agent is asked.
#[derive(Debug)]
enum Place {
    /// In this pod.
    Here,
    /// At the address of its pod.
    There { pod: String, address: String },
    /// Nowhere, and why.
    Nowhere(Verdict),
}

/// What the agent said to one question.
#[derive(Debug)]
enum Word {
    /// An answer: its status and what stands in it.
    Said(u16, String),
    /// Its port is closed, silent, or somebody else's.
    Nothing(Finding),
}

impl AgentHealth {
    /// The check of a configuration.
    pub fn new(config: &Config, check: &CheckSettings, world: &CheckContext) -> Self {
        Self {
            agent: config.agent.clone(),
            place: Place::of(config),
            limits: check.limits,
            world: world.clone(),
            door: Arc::clone(&world.store.door),
            before: Mutex::default(),
        }
    }

    async fn look(&self) -> Result<Verdict, Problem> {
        let (health, metrics) = (
            self.agent.health_port.clone()?,
            self.agent.metrics_port.clone()?,
        );
        let numbers = self.numbers(metrics).await;
        let grown = numbers.as_ref().and_then(|numbers| self.grown(numbers));
        let word = match self.ask(health, "/healthz").await {
            Word::Said(404, _) => {
                return Ok(self.of_an_older_agent(health, grown.as_ref()).await);
            }
            word => word,
        };
        let young = numbers
            .as_ref()
            .and_then(Numbers::age)
            .is_some_and(|age| age < STARTING);
        match word {
            Word::Nothing(why) => return Ok(self.unreachable(&why)),
            Word::Said(200, _) => {}
            Word::Said(status, body) => return Ok(unwell("/healthz", status, &body, young)),
        }
        match self.ask(health, "/readyz").await {
            Word::Nothing(why) => return Ok(self.unreachable(&why)),
            Word::Said(200, _) => {}
            Word::Said(status, body) => return Ok(unwell("/readyz", status, &body, young)),
        }
        let lease = Lease::read(&self.door, self.agent.lease.as_ref()).await;
        Ok(judge(
            "/healthz and /readyz say ok",
            numbers.as_ref(),
            grown.as_ref(),
            &lease,
        ))
    }

    /// Agents before v0.104 tell their health at `/`, and say ok there from their first second on.
    async fn of_an_older_agent(&self, port: u16, grown: Option<&Counters>) -> Verdict {
        match self.ask(port, "/").await {
            Word::Said(200, _) => {
                let lease = Lease::read(&self.door, self.agent.lease.as_ref()).await;
                let seen = "/ says ok, as it does in an agent before v0.104 from the first second on, whatever happens";
                judge(seen, None, grown, &lease)
            }
            Word::Said(status @ 300..500, body) => {
                self.unreachable(&taken(port, "/healthz was answered 404, /", status, &body))
            }
            Word::Said(status, body) => unwell("/", status, &body, false),
            Word::Nothing(why) => self.unreachable(&why),
        }
    }

    /// It does not answer.
    fn unreachable(&self, why: &Finding) -> Verdict {
        let evidence = &why.evidence;
        match &self.place {
            _ if why.mode == M::AgentPortTaken => Verdict::failing(why.clone()),
            // Between two pods a network policy may stand; only a refusal comes from the agent's pod itself.
            Place::There { pod, .. } if why.mode != M::NetRefused => {
                Verdict::Unknown(Evidence::from(format!(
                    "{evidence}; whether the agent in {pod} is silent, or a network policy keeps this pod from it, is not \
                 known; a sidecar in its pod can tell"
                )))
            }
            _ => Verdict::failing(Finding::new(
                M::AgentHealthUnreachable,
                format!(
                    "{evidence}; the agent is not up yet, or shuts down after a fatal error, which takes it 15 s with \
                     its ports closed: look at its log now"
                ),
            )),
        }
    }

    async fn ask(&self, port: u16, path: &str) -> Word {
        match self.get(port, path).await {
            Ok(answer) => {
                let (status, body) = (
                    answer.status.as_u16(),
                    String::from_utf8_lossy(&answer.body).into_owned(),
                );
                if body.trim_start().starts_with('<') {
                    return Word::Nothing(taken(
                        port,
                        &format!("{path} was answered"),
                        status,
                        &body,
                    ));
                }
                Word::Said(status, body)
            }
            Err(finding) => Word::Nothing(finding),
        }
    }

    async fn get(&self, port: u16, path: &str) -> Result<Answer, Finding> {
        let mut connection = self.open(port).await?;
        connection
            .get(
                &self.world.resolver,
                path,
                HeaderMap::new(),
                &Trail::default(),
            )
            .await
    }

    async fn open(&self, port: u16) -> Result<Connection, Finding> {
        let host = match &self.place {
            Place::There { address, .. } => address.clone(),
            Place::Here | Place::Nowhere(_) => HERE.to_owned(),
        };
        let route = Route {
            host,
            port,
            trust: None,
            server_name: None,
            proxy: None,
            limits: self.limits,
        };
        route.open(&self.world.resolver, &Trail::default()).await
    }

    /// The agent's numbers, read line by line while they arrive; agents before v0.85 have none.
    async fn numbers(&self, port: u16) -> Option<Numbers> {
        let (began, limit) = (Instant::now(), self.limits.ours(Phase::Request));
        let mut connection = self.open(port).await.ok()?;
        let opened = connection
            .stream(&self.world.resolver, "/metrics", HeaderMap::new())
            .await
            .ok()?;
        let Opened::Stream(mut stream) = opened else {
            return None;
        };
        let mut reading = Reading::default();
        while let Some(bytes) = stream
            .next(limit.saturating_sub(began.elapsed()))
            .await
            .ok()?
        {
            reading.feed(&bytes)?;
        }
        Some(reading.end())
    }

    /// How the agent's counters grew since the last look, unless it was started anew meanwhile.
    fn grown(&self, numbers: &Numbers) -> Option<Counters> {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let last = before.replace(numbers.counters.clone())?;
        numbers.counters.since(&last)
    }
}

impl Place {
    fn of(config: &Config) -> Self {
        if config.vantage == Vantage::Sidecar && config.agent_environment == AgentEnvironment::Own {
            return Self::Here;
        }
        match config.agent_seen.found() {
            None => Self::Nowhere(Verdict::NotApplicable(Evidence::from(
                "the agent is not in this pod; the sidecar in the agent's pod can tell",
            ))),
            Some(Elsewhere {
                address: Some(address),
                object,
                ..
            }) => Self::There {
                pod: object.clone(),
                address: address.clone(),
            },
            Some(_) => Self::Nowhere(Verdict::Unknown(Evidence::from(
                "no pod of the agent has an address yet",
            ))),
        }
    }
}

impl Check for AgentHealth {
    async fn run(&self, attempt: &Attempt) -> Report {
        if let Place::Nowhere(why) = &self.place {
            return Report::bare(why.clone());
        }
        Report::bare(match self.look().await {
            Ok(Verdict::Failing(why)) if why[0].mode == M::AgentHealthUnreachable => {
                match does_not_run(attempt.peers()) {
                    Some(mode) => Verdict::NotApplicable(Evidence::from(format!(
                        "no agent runs whose health could be asked, and agent_workload says why: {mode}; {}",
                        why[0].evidence
                    ))),
                    None => Verdict::Failing(why),
                }
            }
            Ok(verdict) => verdict,
            Err(problem) => {
                Verdict::failing(Finding::new(M::AgentConfigInvalid, problem.to_string()))
            }
        })
    }
}

/// Why no pod of the agent works, where that is known.
fn does_not_run(peers: &Peers) -> Option<M> {
    let Verdict::Failing(why) = &peers.report(CheckId::AgentWorkload)?.verdict else {
        return None;
    };
    let known = |mode: &M| !matches!(mode, M::AgentUnavailable | M::AgentProgressDeadline);
    why.iter().map(|finding| finding.mode).find(known)
}

/// The agent says ok: is that all?
fn judge(
    seen: &str,
    numbers: Option<&Numbers>,
    grown: Option<&Counters>,
    lease: &Lease,
) -> Verdict {
    if let Some(finding) = lease.finding() {
        return Verdict::failing(Finding::new(
            finding.mode,
            format!("{seen}, but {}", finding.evidence),
        ));
    }
    if let Some(finding) = grown.and_then(Counters::finding) {
        return Verdict::Warning(vec![Finding::new(
            finding.mode,
            format!("{seen}, but {}", finding.evidence),
        )]);
    }
    let role = match numbers.and_then(|numbers| numbers.leads) {
        Some(true) => "; it leads",
        Some(false) => "; it follows, so that this says nothing of deliveries",
        None => "",
    };
    let sends = grown
        .and_then(Counters::mean_send)
        .map_or_else(String::new, |seconds| {
            format!("; its last deltas took {seconds:.2} s each, whether they arrived or not")
        });
    Verdict::Ok(Evidence::from(format!("{seen}{role}{sends}; {lease}")))
}

/// An answer that no agent gives.
fn taken(port: u16, said: &str, status: u16, body: &str) -> Finding {
    let body = quote(body.as_bytes());
    let evidence = format!(
        "not the agent but another server listens on its health port {port}: {said} {status} {body}"
    );
    Finding::new(M::AgentPortTaken, evidence)
}

/// What the agent's own complaint means.
fn unwell(path: &str, status: u16, body: &str, young: bool) -> Verdict {
    let evidence = format!("{path} was answered {status} {}", quote(body.as_bytes()));
    if classify(Some(Kind::AgentLog), body).mode() != Some(M::AgentNotReadyInitialising) {
        return Verdict::failing(Finding::new(M::AgentUnhealthy, evidence));
    }
    if young {
        let evidence = format!(
            "{evidence}; it was started less than {STARTING} s ago, and healthy agents take 36 s"
        );
        return Verdict::Warning(vec![Finding::new(M::AgentNotReadyInitialising, evidence)]);
    }
    Verdict::failing(Finding::new(M::AgentNotReadyInitialising, evidence))
}
