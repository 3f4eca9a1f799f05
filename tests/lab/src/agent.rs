//! Fake CAST AI agent: its health and metrics ports as a sidecar sees them.
//!
//! Bodies, status codes and their order are those observed of agent v0.123.1.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::mutex::lock;
use crate::request::{Request, RequestReader};
use crate::response::Response;
use crate::response_writer::{self, ConnectionAction};
use crate::server::{AcceptedConnection, ConnectionHandler, Server};
use crate::shutdown;

fault_enum! {
    /// States of the agent.
    AgentFault {
        /// The ports are closed, as for 15 s after a fatal error.
        Refused = "refused",
        /// Requests are read and never answered.
        Hang = "hang",
        /// Not registered yet, or still discovering its environment.
        NotStarted = "not-started",
        /// The informer caches are not synced yet.
        Initialising = "initialising",
        /// No delta has been sent successfully for twelve minutes.
        Overdue = "overdue",
        /// Initialisation has been failing for fifteen minutes.
        HardTimeout = "hard-timeout",
        /// An agent before v0.104: health is at `/` and always ok.
        Old = "old",
        /// Another server answers with an HTML page.
        Html = "html",
        /// Another server answers 404.
        OtherServer = "other-server",
    } with {
    }
}

/// A running fake agent.
#[derive(Debug)]
pub struct Agent {
    health: Server<AgentFault>,
    metrics: Server<AgentFault>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    started: SystemTime,
    is_leader: bool,
    /// Number of the agent's API-server requests by status code.
    requests: Vec<(String, u64)>,
}

/// Handler of one of the two ports.
struct Handler {
    metrics: bool,
    state: Arc<Mutex<State>>,
}

// === impl Agent ===

impl Agent {
    /// Starts listening on two ports of `addr`. Requires a tokio runtime.
    pub fn start(addr: SocketAddr) -> io::Result<Self> {
        Self::with_addresses(addr, addr)
    }

    /// Starts another replica, with the same ports at another address.
    pub fn start_replica(&self, ip: IpAddr) -> io::Result<Self> {
        let at = |port| SocketAddr::new(ip, port);
        Self::with_addresses(at(self.health_port()), at(self.metrics_port()))
    }

    fn with_addresses(health: SocketAddr, metrics: SocketAddr) -> io::Result<Self> {
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
            is_leader: true,
            requests,
        }));
        let server = |addr, is_metrics| {
            Server::start(
                addr,
                Arc::new(Handler {
                    metrics: is_metrics,
                    state: state.clone(),
                }),
            )
        };
        Ok(Self {
            health: server(health, false)?,
            metrics: server(metrics, true)?,
            state,
        })
    }

    /// Returns the port of `/healthz` and `/readyz`.
    pub fn health_port(&self) -> u16 {
        self.health.addr().port()
    }

    /// Returns the port of `/metrics`.
    pub fn metrics_port(&self) -> u16 {
        self.metrics.addr().port()
    }

    /// Puts the agent into this state.
    pub async fn set(&self, fault: AgentFault) {
        self.health.set(fault.clone()).await;
        self.metrics.set(fault).await;
    }

    /// Makes the agent healthy, with an uptime of one hour.
    pub async fn heal(&self) {
        self.health.heal().await;
        self.metrics.heal().await;
        lock(&self.state).started = SystemTime::now() - Duration::from_hours(1);
    }

    /// Resets the process start time to now.
    pub fn restart(&self) {
        lock(&self.state).started = SystemTime::now();
    }

    /// Sets whether the agent is the leader.
    pub fn set_leader(&self, is_leader: bool) {
        lock(&self.state).is_leader = is_leader;
    }

    /// Adds `count` API-server responses with this status code.
    pub fn add_api_responses(&self, code: &str, count: u64) {
        let requests = &mut lock(&self.state).requests;
        match requests.iter_mut().find(|(known, _)| known == code) {
            Some((_, counted)) => *counted += count,
            None => requests.push((code.to_owned(), count)),
        }
    }
}

// === impl Handler ===

impl ConnectionHandler for Handler {
    type Fault = AgentFault;

    fn generic_fault(fault: &AgentFault) -> Option<&Fault> {
        matches!(fault, AgentFault::Refused).then_some(&Fault::Refused)
    }

    async fn serve(
        self: Arc<Self>,
        mut connection: AcceptedConnection<AgentFault>,
    ) -> io::Result<()> {
        if !connection.first_byte().await? {
            return Ok(());
        }
        let mut requests = RequestReader::default();
        while let Some(request) = requests.next(&mut connection.stream).await? {
            connection.recorder.request_received(request.clone());
            let fault = connection.fault();
            if fault == Some(AgentFault::Hang) {
                return shutdown::drain(&mut connection.stream).await;
            }
            let response = self.respond(&request, fault.as_ref());
            let action = response_writer::send_with_fault(
                &mut connection.stream,
                &connection.recorder,
                &request,
                response,
                None,
            )
            .await?;
            if !matches!(action, ConnectionAction::KeepAlive) || request.wants_close() {
                break;
            }
        }
        shutdown::close(connection.stream).await
    }
}

impl Handler {
    fn respond(&self, request: &Request, fault: Option<&AgentFault>) -> Response {
        let path = request.path();
        if fault == Some(&AgentFault::Html) {
            return Response::html(200, "Welcome");
        }
        if fault == Some(&AgentFault::OtherServer) {
            return Response::text(404, "404 page not found\n");
        }
        if self.metrics {
            return if path == "/metrics" {
                self.metrics_page()
            } else {
                Response::text(404, "404 page not found\n")
            };
        }
        let old = fault == Some(&AgentFault::Old);
        match (path, fault) {
            ("/", _) if old => Response::text(200, "ok"),
            ("/healthz" | "/readyz", _) if old => Response::text(404, "404 page not found\n"),
            ("/healthz", Some(AgentFault::NotStarted)) => {
                unhealthy("liveness", "controller not started")
            }
            ("/healthz", Some(AgentFault::HardTimeout)) => unhealthy(
                "liveness",
                "controller initialization exceeded hard timeout of 15m30s",
            ),
            ("/healthz", Some(AgentFault::Overdue)) => unhealthy(
                "liveness",
                "last healthy action is over the healthy limit of 12m0s",
            ),
            ("/readyz", Some(AgentFault::NotStarted)) => {
                unhealthy("readiness", "controller initialization not started")
            }
            ("/readyz", Some(AgentFault::Initialising | AgentFault::HardTimeout)) => unhealthy(
                "readiness",
                "controller not initialized or snapshot not sent",
            ),
            ("/readyz", Some(AgentFault::Overdue)) => unhealthy(
                "readiness",
                "last healthy action is over the healthy limit of 12m0s",
            ),
            ("/healthz" | "/readyz", _) => Response::text(200, "ok"),
            _ => Response::text(404, "404 page not found\n"),
        }
    }

    /// Returns the metric families that the exporter reads, in the agent's order.
    fn metrics_page(&self) -> Response {
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
            u8::from(state.is_leader)
        );
        for (code, count) in &state.requests {
            writeln!(
                text,
                "rest_client_requests_total{{code=\"{code}\",host=\"10.96.0.1:443\",method=\"PUT\"}} {count}"
            )
            .expect("writing to a String never fails");
        }
        Response::new(
            200,
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            text,
        )
    }
}

fn unhealthy(check: &str, why: &str) -> Response {
    Response::text(503, &format!("{check} check failed: {why}\n"))
}
