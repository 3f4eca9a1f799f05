//! The CAST AI agent itself, as a container beside it meets it: its health and its metrics, as the container beside it sees them.
//!
//! Bodies, codes and order are those of the public agent, v0.123.1, as it was observed.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::answer::Answer;
use crate::fault::Fault;
use crate::journal::lock;
use crate::reply::{
    After, {self},
};
use crate::request::{Request, Unread};
use crate::server::{Server, Service, Visit};
use crate::vocabulary::vocabulary;
use crate::web;

vocabulary! {
    /// What the agent can show of itself.
    AgentFault {
        /// Its ports are closed, as for 15 s after a fatal error.
        Refused = "refused",
        /// Requests are read and never answered.
        Hang = "hang",
        /// It is not registered yet, or learns where it is.
        NotStarted = "not-started",
        /// Its watches are not filled yet.
        Initialising = "initialising",
        /// No delta has succeeded for twelve minutes.
        Overdue = "overdue",
        /// It could not initialise for fifteen minutes.
        HardTimeout = "hard-timeout",
        /// An agent before v0.104: its health is at `/`, and always ok.
        Old = "old",
        /// Something else answers with a page.
        Html = "html",
        /// Something else answers that it has nothing of the kind.
        Impostor = "impostor",
    } with {
    }
}

/// A running agent, as far as its own pod sees it.
#[derive(Debug)]
pub struct Agent {
    health: Server<AgentFault>,
    metrics: Server<AgentFault>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    started: SystemTime,
    leads: bool,
    /// The agent's requests to the API server, by code.
    requests: Vec<(String, u64)>,
}

/// One of its two ports.
struct App {
    metrics: bool,
    state: Arc<Mutex<State>>,
}

// === impl Agent ===

impl Agent {
    /// Starts listening on two ports of an address; must be called inside a runtime.
    pub fn start(addr: SocketAddr) -> io::Result<Self> {
        let started = SystemTime::now() - Duration::from_hours(1);
        let requests = [
            ("200", 4_711),
            ("201", 66),
            ("403", 2),
            ("404", 1),
            ("409", 1),
        ];
        let requests = requests
            .map(|(code, count)| (code.to_owned(), count))
            .to_vec();
        let state = Arc::new(Mutex::new(State {
            started,
            leads: true,
            requests,
        }));
        let server = |metrics| {
            Server::start(
                addr,
                Arc::new(App {
                    metrics,
                    state: state.clone(),
                }),
            )
        };
        Ok(Self {
            health: server(false)?,
            metrics: server(true)?,
            state,
        })
    }

    /// The port of `/healthz` and `/readyz`.
    pub fn health_port(&self) -> u16 {
        self.health.addr().port()
    }

    /// The port of `/metrics`.
    pub fn metrics_port(&self) -> u16 {
        self.metrics.addr().port()
    }

    /// Is in this state from now on.
    pub async fn set(&self, fault: AgentFault) {
        self.health.set(fault.clone()).await;
        self.metrics.set(fault).await;
    }

    /// Is well from now on, and has been for an hour.
    pub async fn heal(&self) {
        self.health.heal().await;
        self.metrics.heal().await;
        lock(&self.state).started = SystemTime::now() - Duration::from_hours(1);
    }

    /// Was started just now.
    pub fn restart(&self) {
        lock(&self.state).started = SystemTime::now();
    }

    /// Leads, or follows.
    pub fn lead(&self, leads: bool) {
        lock(&self.state).leads = leads;
    }

    /// Has met so many more answers with this code at the API server.
    pub fn meet(&self, code: &str, count: u64) {
        let requests = &mut lock(&self.state).requests;
        match requests.iter_mut().find(|(known, _)| known == code) {
            Some((_, counted)) => *counted += count,
            None => requests.push((code.to_owned(), count)),
        }
    }
}

// === impl App ===

impl Service for App {
    type Fault = AgentFault;

    fn line(fault: &AgentFault) -> Option<&Fault> {
        matches!(fault, AgentFault::Refused).then_some(&Fault::Refused)
    }

    async fn serve(self: Arc<Self>, mut visit: Visit<AgentFault>) -> io::Result<()> {
        if !visit.first_byte().await? {
            return Ok(());
        }
        let mut unread = Unread::default();
        while let Some(request) = unread.request(&mut visit.stream).await? {
            visit.entry.request(request.clone());
            let fault = visit.fault();
            if fault == Some(AgentFault::Hang) {
                return web::drain(&mut visit.stream).await;
            }
            let answer = self.answer(&request, fault.as_ref());
            let after =
                reply::perform(&mut visit.stream, &visit.entry, &request, answer, None).await?;
            if !matches!(after, After::Keep) || request.wants_close() {
                break;
            }
        }
        web::end(visit.stream).await
    }
}

impl App {
    fn answer(&self, request: &Request, fault: Option<&AgentFault>) -> Answer {
        let path = request.path();
        if fault == Some(&AgentFault::Html) {
            return Answer::html(200, "Welcome");
        }
        if fault == Some(&AgentFault::Impostor) {
            return Answer::text(404, "404 page not found\n");
        }
        if self.metrics {
            return if path == "/metrics" {
                self.numbers()
            } else {
                Answer::text(404, "404 page not found\n")
            };
        }
        let old = fault == Some(&AgentFault::Old);
        match (path, fault) {
            ("/", _) if old => Answer::text(200, "ok"),
            ("/healthz" | "/readyz", _) if old => Answer::text(404, "404 page not found\n"),
            ("/healthz", Some(AgentFault::NotStarted)) => {
                unwell("liveness", "controller not started")
            }
            ("/healthz", Some(AgentFault::HardTimeout)) => unwell(
                "liveness",
                "controller initialization exceeded hard timeout of 15m30s",
            ),
            ("/healthz", Some(AgentFault::Overdue)) => unwell(
                "liveness",
                "last healthy action is over the healthy limit of 12m0s",
            ),
            ("/readyz", Some(AgentFault::NotStarted)) => {
                unwell("readiness", "controller initialization not started")
            }
            ("/readyz", Some(AgentFault::Initialising | AgentFault::HardTimeout)) => unwell(
                "readiness",
                "controller not initialized or snapshot not sent",
            ),
            ("/readyz", Some(AgentFault::Overdue)) => unwell(
                "readiness",
                "last healthy action is over the healthy limit of 12m0s",
            ),
            ("/healthz" | "/readyz", _) => Answer::text(200, "ok"),
            _ => Answer::text(404, "404 page not found\n"),
        }
    }

    /// The families of the real one that matter here, in its order.
    fn numbers(&self) -> Answer {
        let state = lock(&self.state);
        let started = state
            .started
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        let mut text = format!(
            "# HELP castai_agent_delta_send_seconds Time taken to send a delta\n\
             # TYPE castai_agent_delta_send_seconds histogram\n\
             castai_agent_delta_send_seconds_bucket{{le=\"+Inf\"}} 240\n\
             castai_agent_delta_send_seconds_sum 1.2\n\
             castai_agent_delta_send_seconds_count 240\n\
             # HELP leader_election_master_status [ALPHA] Gauge of if the reporting system is master of the relevant \
             lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease.\n\
             # TYPE leader_election_master_status gauge\n\
             leader_election_master_status{{name=\"\"}} {}\n\
             # HELP process_start_time_seconds [ALPHA] Start time of the process since unix epoch in seconds.\n\
             # TYPE process_start_time_seconds gauge\n\
             process_start_time_seconds {started:.2}\n\
             # HELP rest_client_requests_total [ALPHA] Number of HTTP requests, partitioned by status code, method, and host.\n\
             # TYPE rest_client_requests_total counter\n",
            u8::from(state.leads)
        );
        for (code, count) in &state.requests {
            writeln!(
                text,
                "rest_client_requests_total{{code=\"{code}\",host=\"10.96.0.1:443\",method=\"PUT\"}} {count}"
            )
            .expect("a String takes everything");
        }
        Answer::new(
            200,
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            text,
        )
    }
}

fn unwell(check: &str, why: &str) -> Answer {
    Answer::text(503, &format!("{check} check failed: {why}\n"))
}
