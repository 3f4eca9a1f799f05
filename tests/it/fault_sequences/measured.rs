//! The same sequences at production intervals and timeouts, with the real binary: how long a fault
//! takes to be named, and recovery to show.
//!
//! The figures are printed and not asserted, because a busy machine stretches them.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lab::apiserver::workload;
use serde_json::Value;
use test_support::exporter::Exporter;
use test_support::lab_cluster::LabCluster;
use test_support::scenarios::heal_servers;
use test_support::sequence::faults::faults;
use test_support::sequence::figures::print_and_assert;
use test_support::sequence::observed::settle;
use test_support::sequence::{Credentials, Figures, Random, Reaction};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::FAULTS;
use super::simulated_agent::SimulatedAgent;

/// Time after which a fault counts as not named, or as still reported.
const GIVE_UP: Duration = Duration::from_secs(150);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Time for which a fault lasts after it was named.
const LASTING: Duration = Duration::from_secs(20);
/// Faults begin at a random moment within this time, the longest interval of a check.
const SPREAD_MILLISECONDS: usize = 30_000;
/// Pause between two lines of the agent about a fault.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Pause between two deliveries.
const DELIVERY_INTERVAL: Duration = Duration::from_secs(15);
/// Time from the start of the agent to its first delivery.
const FIRST_DELIVERY: Duration = Duration::from_secs(34);
/// Time after which the agent exits without the API server.
const EXITS_AFTER: Duration = Duration::from_secs(12);

/// The fault that the simulated agent meets.
struct Situation {
    reaction: Reaction,
    since: Instant,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes 40 minutes; `make test-sequences` runs it"]
async fn time_to_name_faults_and_recovery() {
    let (one, two, three) = tokio::join!(
        measure(1, Credentials::WebIdentity),
        measure(2, Credentials::Node),
        measure(3, Credentials::WebIdentity),
    );
    let figures: Vec<Figures> = [one, two, three].into_iter().flatten().collect();
    print_and_assert(&figures);
}

async fn measure(seed: u64, credentials: Credentials) -> Vec<Figures> {
    let mut world = credentials.start_lab();
    let mut random = Random::new(seed);
    let mut background = JoinSet::new();
    background.spawn(workload::renew_leases(world.api.objects().clone()));
    let situation = Arc::new(Mutex::new(Situation {
        reaction: Reaction::Unaware,
        since: Instant::now(),
    }));
    let agent = SimulatedAgent::new(world.api.objects(), world.api.logs());
    background.spawn(live(agent, Arc::clone(&situation)));
    let exporter = start_exporter(&world).await;
    let recovery = async || settle(GIVE_UP, async || exporter.unhealthy().await).await;
    assert_eq!(recovery().await.err(), None, "at the start");
    let mut figures = Vec::new();
    for fault in random.order(faults(credentials), FAULTS) {
        let scenario = fault.scenario;
        let root = (scenario.check, scenario.mode);
        let pause = random.below(SPREAD_MILLISECONDS) as u64;
        sleep(Duration::from_millis(pause)).await;
        fault.inject(&mut world).await;
        set(&situation, fault.agent);
        let named = settle(GIVE_UP, async || exporter.roots_unless(root).await).await;
        sleep(LASTING).await;
        heal_servers(&mut world).await;
        set(&situation, Reaction::Unaware);
        let recovered = recovery().await;
        let sequence = format!("seed {seed}");
        figures.push(Figures::new(&sequence, scenario.name, named, recovered));
    }
    figures
}

fn set(situation: &Mutex<Situation>, reaction: Reaction) {
    *situation.lock().unwrap() = Situation {
        reaction,
        since: Instant::now(),
    };
}

/// Logs, delivers and restarts as the agent does in its situation.
async fn live(mut agent: SimulatedAgent, situation: Arc<Mutex<Situation>>) {
    let mut delivers_from = Instant::now();
    let mut logged: Option<Instant> = None;
    loop {
        let (reaction, since) = {
            let situation = situation.lock().unwrap();
            (situation.reaction, situation.since)
        };
        let is_due = |logged: Option<Instant>| {
            logged.is_none_or(|logged| logged < since || logged.elapsed() >= LINE_INTERVAL)
        };
        match reaction {
            Reaction::LogsOnce(line) if logged.is_none_or(|logged| logged < since) => {
                agent.logs_ago(0, line);
                logged = Some(Instant::now());
            }
            Reaction::Logs(line) | Reaction::Exits(line) if is_due(logged) => {
                agent.logs_ago(0, line);
                logged = Some(Instant::now());
            }
            _ => {}
        }
        let exits = matches!(reaction, Reaction::Exits(_));
        if exits && since.elapsed() >= EXITS_AFTER && delivers_from <= since {
            agent.restarts_ago(0);
            delivers_from = Instant::now() + FIRST_DELIVERY;
        }
        let is_cut_off = exits || matches!(reaction, Reaction::Logs(_));
        if is_cut_off {
            delivers_from = delivers_from.max(Instant::now() + POLL_INTERVAL);
        } else if Instant::now() >= delivers_from {
            agent.delivers();
            delivers_from = Instant::now() + DELIVERY_INTERVAL;
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Starts the binary with the lab's configuration, but production intervals and timeouts.
async fn start_exporter(world: &LabCluster) -> Exporter {
    fs::write(world.mounted("resolv.conf"), "options ndots:1\n").unwrap();
    let mut file: Value = serde_saphyr::from_str(&world.file).unwrap();
    file.as_object_mut().unwrap().remove("checks");
    let path = world.mounted("production.yaml");
    fs::write(&path, file.to_string()).unwrap();
    Exporter::start(&world.env, &path).await
}
