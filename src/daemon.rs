//! The daemon: listens first, then examines, until a signal ends it; a reload swaps the checks, never the listeners.

mod follower;
mod shown;
mod signals;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use follower::Follower;
use shown::{Asked, Shown};
use signals::{Meaning, Signals};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::checks::Plan;
use crate::config::{AgentSeen, Config, Problems};
use crate::exporter::{REVISION, VERSION};
use crate::scheduler::{Watch, entries};
use crate::server::{BindError, Bound};
use crate::{log, server};

/// How long attempts in flight may take to end.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why the daemon could not begin.
#[derive(Debug, thiserror::Error)]
pub enum CannotRun {
    /// The file about TLS and passwords makes no sense.
    #[error("{0}")]
    Configuration(Problems),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(BindError),
    /// The kernel refuses sockets or signal handlers.
    #[error("the kernel refuses: {0}")]
    Kernel(#[from] io::Error),
}

impl From<BindError> for CannotRun {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Config(problems) => Self::Configuration(problems),
            BindError::Address { .. } => Self::Bind(error),
        }
    }
}

/// The runtime of every command: one thread.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the kernel gives a poll and a pipe")
}

/// Serves and examines until SIGTERM or SIGINT; `load` reads the configuration again.
pub fn run(
    config: Config,
    load: impl Fn(&AgentSeen) -> Result<Config, Problems>,
) -> Result<(), CannotRun> {
    log::install(config.log.level, config.log.format);
    log::install_panic_hook();
    let runtime = runtime();
    let ended = runtime.block_on(serve(config, load));
    // A blocking task that hangs does not hold up the end.
    runtime.shutdown_background();
    ended
}

async fn serve(
    config: Config,
    load: impl Fn(&AgentSeen) -> Result<Config, Problems>,
) -> Result<(), CannotRun> {
    let bound = server::bind(&config.web)?;
    let signals = Signals::new()?;
    greet(&config, &bound);
    let plan = Plan::new(&config);
    let shown = Arc::new(Shown::new(&config, &entries(&plan)));
    let (ask, asked) = mpsc::channel(1);
    let views = shown.views(config.web.enable_lifecycle.then_some(ask.clone()));
    let (end, ended) = oneshot::channel::<()>();
    let serving = bound.serve(views, async {
        let _ = ended.await;
    });
    let examining = async {
        let mut follower = Follower::new(&config);
        let config = first_look(&mut follower, config, &load).await;
        let plan = Plan::new(&config);
        shown.replace(&config, &entries(&plan));
        environment_problems(&config);
        let watch = Watch::start(&plan, &shown.board, &shown.on_change());
        let watch = run_until_reload(&shown, watch, signals, asked, follower, load).await;
        drop(end);
        let _ = timeout(FAREWELL, watch.stop()).await;
        Ok(())
    };
    tokio::try_join!(serving, examining)?;
    // Held until here, so that the channel stays open where reloading over HTTP is disabled.
    drop(ask);
    Ok(())
}

/// The configuration with what is seen of the agent, where the agent has to be looked for.
pub async fn beside_the_agent(
    config: Config,
    load: &impl Fn(&AgentSeen) -> Result<Config, Problems>,
) -> Config {
    first_look(&mut Follower::new(&config), config, load).await
}

async fn first_look(
    follower: &mut Follower,
    config: Config,
    load: &impl Fn(&AgentSeen) -> Result<Config, Problems>,
) -> Config {
    if follower.look().await.is_none() {
        return config;
    }
    follower.tell();
    // What is wrong in flags and file was told before; the agent's environment fails nothing.
    load(follower.seen()).unwrap_or(config)
}

/// Goes on until a signal ends it; returns what still runs.
async fn run_until_reload(
    shown: &Arc<Shown>,
    mut watch: Watch,
    mut signals: Signals,
    mut asked: mpsc::Receiver<Asked>,
    mut follower: Follower,
    load: impl Fn(&AgentSeen) -> Result<Config, Problems>,
) -> Watch {
    loop {
        let (asked_for, reply) = tokio::select! {
            () = follower.changed() => (false, None),
            signal = signals.next() => match signal {
                Meaning::Reload => (true, None),
                Meaning::End(signal) => {
                    tracing::info!(signal, "stopping");
                    return watch;
                }
            },
            Some(reply) = asked.recv() => (true, Some(reply)),
        };
        let outcome = match load(follower.seen()) {
            Ok(config) => {
                follower.follow(&config);
                watch = swap(shown, watch, &config).await;
                if asked_for {
                    tracing::info!(
                        "configuration read again; what it says of listening and logging holds after a restart"
                    );
                }
                Ok(())
            }
            Err(problems) => Err(shown.refuse(&problems)),
        };
        if let Some(reply) = reply {
            // Whoever asked may have gone.
            let _ = reply.send(outcome);
        }
    }
}

/// Ends the checks of the old configuration and starts those of the new one.
async fn swap(shown: &Arc<Shown>, watch: Watch, config: &Config) -> Watch {
    let plan = Plan::new(config);
    let _ = timeout(FAREWELL, watch.stop()).await;
    shown.replace(config, &entries(&plan));
    environment_problems(config);
    Watch::start(&plan, &shown.board, &shown.on_change())
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
            "the agent's environment makes no sense"
        );
    }
}
