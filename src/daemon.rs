//! The daemon: binds first, then runs the checks until a signal stops it; a reload replaces the
//! checks, never the listeners.

mod discovery_loop;
mod live_state;
mod own_access;
mod signals;
pub mod startup_checks;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use discovery_loop::DiscoveryLoop;
use live_state::{LiveState, ReloadReply};
use signals::{SignalAction, Signals};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::checks::CheckSet;
use crate::config::{AgentDiscovery, Config, ConfigErrors};
use crate::exporter::{REVISION, VERSION};
use crate::scheduler::{RunningChecks, check_specs};
use crate::server::{BindError, Bound};
use crate::{log, server};

/// Time that attempts in flight may take to finish at shutdown.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The web configuration file is invalid.
    #[error("{0}")]
    Configuration(ConfigErrors),
    /// A listen address cannot be bound.
    #[error(transparent)]
    Bind(BindError),
    /// The kernel refused a socket or a signal handler.
    #[error("the kernel refuses: {0}")]
    Kernel(#[from] io::Error),
}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Config(problems) => Self::Configuration(problems),
            BindError::Address { .. } => Self::Bind(error),
        }
    }
}

/// Returns the single-threaded runtime that every command uses.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the kernel gives a poll and a pipe")
}

/// Serves and runs the checks until SIGTERM or SIGINT; `load` re-reads the configuration.
pub fn run(
    config: Config,
    load: impl Fn(&AgentDiscovery) -> Result<Config, ConfigErrors>,
) -> Result<(), StartError> {
    let _flush = log::install(config.log.level, config.log.format);
    log::install_panic_hook();
    let runtime = runtime();
    let ended = runtime.block_on(serve(config, load));
    // A blocking task that hangs must not delay the exit.
    runtime.shutdown_background();
    ended
}

async fn serve(
    config: Config,
    load: impl Fn(&AgentDiscovery) -> Result<Config, ConfigErrors>,
) -> Result<(), StartError> {
    let bound = server::bind(&config.web)?;
    let signals = Signals::new()?;
    greet(&config, &bound);
    if config.has_nothing_to_check() {
        tracing::warn!(
            "nothing to check: not running in a pod, and neither a kubeconfig nor the agent's \
             environment is known; set KUBECONFIG or --kubeconfig"
        );
    }
    let check_set = CheckSet::new(&config);
    let live = Arc::new(LiveState::new(&config, &check_specs(&check_set)));
    let (ask, asked) = mpsc::channel(1);
    let handlers = live.handlers(config.web.enable_lifecycle.then_some(ask.clone()));
    let (end, ended) = oneshot::channel::<()>();
    let serving = bound.serve(handlers, async {
        let _ = ended.await;
    });
    let examining = async {
        let mut discovery_loop = DiscoveryLoop::new(&config);
        let config = discover_first(&mut discovery_loop, config, &load).await;
        let check_set = CheckSet::new(&config);
        live.replace(&config, &check_specs(&check_set));
        environment_problems(&config);
        let watch = RunningChecks::start(&check_set, &live.health, &live.on_change());
        let watch = run_until_reload(&live, watch, signals, asked, discovery_loop, load).await;
        drop(end);
        let _ = timeout(SHUTDOWN_GRACE, watch.stop()).await;
        Ok(())
    };
    tokio::try_join!(serving, examining)?;
    // Kept until here so that the channel stays open when reloading over HTTP is disabled.
    drop(ask);
    Ok(())
}

/// Returns the configuration completed with what was discovered of the agent, if it has to be
/// discovered.
pub async fn beside_the_agent(
    config: Config,
    load: &impl Fn(&AgentDiscovery) -> Result<Config, ConfigErrors>,
) -> Config {
    discover_first(&mut DiscoveryLoop::new(&config), config, load).await
}

async fn discover_first(
    discovery_loop: &mut DiscoveryLoop,
    config: Config,
    load: &impl Fn(&AgentDiscovery) -> Result<Config, ConfigErrors>,
) -> Config {
    if discovery_loop.discover().await.is_none() {
        return config;
    }
    discovery_loop.log_discovery();
    // Errors in flags and file were reported before; errors in the agent's environment are never
    // fatal.
    load(discovery_loop.discovered()).unwrap_or(config)
}

/// Runs until a signal stops the process, and applies reloads; returns the checks that still run.
async fn run_until_reload(
    live: &Arc<LiveState>,
    mut watch: RunningChecks,
    mut signals: Signals,
    mut asked: mpsc::Receiver<ReloadReply>,
    mut discovery_loop: DiscoveryLoop,
    load: impl Fn(&AgentDiscovery) -> Result<Config, ConfigErrors>,
) -> RunningChecks {
    loop {
        let (asked_for, reply) = tokio::select! {
            () = discovery_loop.changed() => (false, None),
            signal = signals.next() => match signal {
                SignalAction::Reload => (true, None),
                SignalAction::End(signal) => {
                    tracing::info!(signal, "stopping");
                    return watch;
                }
            },
            Some(reply) = asked.recv() => (true, Some(reply)),
        };
        let outcome = match load(discovery_loop.discovered()) {
            Ok(config) => {
                discovery_loop.set_location(&config);
                watch = swap(live, watch, &config).await;
                if asked_for {
                    tracing::info!(
                        "configuration read again; what it says of listening and logging holds after a restart"
                    );
                }
                Ok(())
            }
            Err(problems) => Err(live.refuse(&problems)),
        };
        if let Some(reply) = reply {
            // The client may have disconnected.
            let _ = reply.send(outcome);
        }
    }
}

/// Stops the checks of the old configuration and starts those of the new one.
async fn swap(live: &Arc<LiveState>, watch: RunningChecks, config: &Config) -> RunningChecks {
    let check_set = CheckSet::new(config);
    let _ = timeout(SHUTDOWN_GRACE, watch.stop()).await;
    live.replace(config, &check_specs(&check_set));
    environment_problems(config);
    RunningChecks::start(&check_set, &live.health, &live.on_change())
}

fn greet(config: &Config, bound: &Bound) {
    let addresses: Vec<String> = bound.addresses().iter().map(ToString::to_string).collect();
    tracing::info!(
        address = addresses.join(","),
        version = VERSION,
        revision = REVISION,
        vantage = config.vantage.label(),
        agent_environment = config.agent_environment.label(),
        "castai-health-exporter starts"
    );
}

fn environment_problems(config: &Config) {
    for problem in &config.environment_problems.0 {
        tracing::error!(
            problem = problem.to_string(),
            "the agent's environment contains an invalid value"
        );
    }
}
