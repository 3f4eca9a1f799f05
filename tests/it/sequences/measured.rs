//! The same sequences at production intervals and timeouts, with the real binary: how long a fault
//! takes to be named, and recovery to show.
//!
//! The figures are printed and not asserted, because a busy machine stretches them.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use lab::apiserver::workload;
use serde_json::Value;
use test_support::exporter::{Exporter, fetch};
use test_support::lab_cluster::LabCluster;
use test_support::scenarios::heal_servers;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::faults::{Credentials, Reaction, faults};
use super::simulated_agent::SimulatedAgent;
use super::{Random, cluster};

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

/// The figures of one fault; `None` if it took too long.
struct Figures {
    name: &'static str,
    named: Option<Duration>,
    recovered: Option<Duration>,
    /// The reports instead.
    problem: String,
}

/// The fault that the simulated agent meets.
struct Situation {
    reaction: Reaction,
    since: Instant,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes 40 minutes; `make test-sequences` runs it"]
async fn time_to_name_faults_and_recovery() {
    let orders = [
        (1, Credentials::WebIdentity),
        (2, Credentials::Node),
        (3, Credentials::WebIdentity),
    ];
    let mut running = JoinSet::new();
    for (seed, credentials) in orders {
        running.spawn(measure(seed, credentials));
    }
    let figures: Vec<Figures> = running.join_all().await.into_iter().flatten().collect();
    print(&figures);
    let missed = figures.iter().filter(|one| !one.problem.is_empty()).count();
    assert_eq!(missed, 0, "faults were not named, or were still reported");
}

async fn measure(seed: u64, credentials: Credentials) -> Vec<Figures> {
    let mut world = cluster(credentials);
    let mut random = Random(seed);
    let mut background = JoinSet::new();
    background.spawn(workload::renew_leases(world.api.objects().clone()));
    let situation = Arc::new(Mutex::new(Situation {
        reaction: Reaction::Unaware,
        since: Instant::now(),
    }));
    let agent = SimulatedAgent::new(world.api.objects(), world.api.logs());
    background.spawn(live(agent, Arc::clone(&situation)));
    let exporter = start_exporter(&world).await;
    assert_eq!(wait_for_ok(&exporter).await.err(), None, "at the start");
    let mut figures = Vec::new();
    for fault in random.order(faults(credentials)) {
        let (root, name) = (
            (fault.scenario.check, fault.scenario.mode),
            fault.scenario.name,
        );
        sleep(Duration::from_millis(
            random.below(SPREAD_MILLISECONDS) as u64
        ))
        .await;
        fault.inject(&mut world).await;
        set(&situation, fault.agent);
        let named = wait_for_root(&exporter, root).await;
        sleep(LASTING).await;
        heal_servers(&mut world).await;
        set(&situation, Reaction::Unaware);
        let recovered = wait_for_ok(&exporter).await;
        let problem = named.as_ref().err().or(recovered.as_ref().err());
        println!("seed {seed}: {name}: {}", row(&named, &recovered));
        figures.push(Figures {
            name,
            problem: problem.cloned().unwrap_or_default(),
            named: named.ok(),
            recovered: recovered.ok().map(|(time, _)| time),
        });
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

/// Waits until this is the only root cause.
async fn wait_for_root(
    exporter: &Exporter,
    root: (CheckId, FailureMode),
) -> Result<Duration, String> {
    let began = Instant::now();
    loop {
        let roots = exporter.root_causes().await;
        if roots.iter().eq([&root]) {
            return Ok(began.elapsed());
        }
        if began.elapsed() > GIVE_UP {
            return Err(describe(exporter, &roots).await);
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Waits until nothing fails and every check that applies is `ok`, and returns the time with the last
/// checks that were not.
async fn wait_for_ok(exporter: &Exporter) -> Result<(Duration, String), String> {
    let began = Instant::now();
    let mut last = Vec::new();
    loop {
        let body = fetch(exporter.address(), "/api/v1/status").await.unwrap();
        let status: Value = serde_json::from_str(&body).unwrap();
        let healthy = [Status::Ok.label(), Status::NotApplicable.label()];
        let checks = status["checks"].as_array().unwrap();
        let unhealthy: Vec<String> = checks
            .iter()
            .filter(|check| !healthy.contains(&check["status"].as_str().unwrap()))
            .map(|check| format!("{}: {}", check["id"], check["evidence"]))
            .collect();
        if unhealthy.is_empty() {
            return Ok((began.elapsed(), last.join("; ")));
        }
        if began.elapsed() > GIVE_UP {
            return Err(format!("still reported: {unhealthy:?}"));
        }
        last = unhealthy;
        sleep(POLL_INTERVAL).await;
    }
}

async fn describe(exporter: &Exporter, roots: &BTreeSet<(CheckId, FailureMode)>) -> String {
    let mut text = String::from("roots instead:");
    for (check, mode) in roots {
        let evidence = exporter.evidence(*check).await;
        text = format!("{text} {check} {mode} ({evidence});");
    }
    text
}

fn row(named: &Result<Duration, String>, recovered: &Result<(Duration, String), String>) -> String {
    let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f64());
    let named = match named {
        Ok(time) => format!("named after {}", seconds(time)),
        Err(seen) => format!("not named: {seen}"),
    };
    match recovered {
        Ok((time, last)) => format!("{named}, ok after {}; last {last}", seconds(time)),
        Err(seen) => format!("{named}, {seen}"),
    }
}

fn print(figures: &[Figures]) {
    let seconds = |time: Option<Duration>| {
        time.map_or_else(
            || "never".to_owned(),
            |time| format!("{:.1}", time.as_secs_f64()),
        )
    };
    println!(
        "{:<45} {:>14} {:>14}",
        "fault", "break to mode", "heal to ok"
    );
    let mut sorted: Vec<&Figures> = figures.iter().collect();
    sorted.sort_by_key(|one| (one.name, one.named));
    for Figures {
        name,
        named,
        recovered,
        problem,
    } in sorted
    {
        println!(
            "{name:<45} {:>14} {:>14} {problem}",
            seconds(*named),
            seconds(*recovered)
        );
    }
    let column = |of: fn(&Figures) -> Option<Duration>| {
        let mut times: Vec<Duration> = figures.iter().filter_map(of).collect();
        times.sort_unstable();
        (times.get(times.len() / 2).copied(), times.last().copied())
    };
    let (named, recovered) = (column(|one| one.named), column(|one| one.recovered));
    println!(
        "{:<45} {:>14} {:>14}",
        "median (limit 15 s)",
        seconds(named.0),
        seconds(recovered.0)
    );
    println!(
        "{:<45} {:>14} {:>14}",
        "worst (limits 45 s and 60 s)",
        seconds(named.1),
        seconds(recovered.1)
    );
}
