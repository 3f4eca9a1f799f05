//! The world is broken, and the right person is told once: the real exporter, Prometheus, Alertmanager and a webhook.
//!
//! Each scenario is a cluster of its own beside all the others. Time runs thirty times as fast as in the committed rules.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::time::Duration;

use castai_health_exporter::catalogue::Check;
use castai_health_exporter::catalogue::FailureMode;
use castai_health_exporter::catalogue::OwnAlert;
use castai_health_exporter::catalogue::Status;
use castai_health_exporter::catalogue::alerts;
use castai_health_exporter::catalogue::relations;
use castai_health_exporter::catalogue::runbook_url;
use castai_health_exporter::generate::alertmanager::receiver_of;
use castai_health_exporter::generate::place::Place;
use castai_health_exporter::generate::rules::Settings;
use castai_health_exporter::generate::tempo::Tempo;
use futures_util::StreamExt;
use futures_util::future::join_all;
use lab::AgentFault;
use lab::ApiFault;
use lab::CastAiFault;
use lab::apiserver::workload;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::scenarios::Break;
use crate::scenarios::SCENARIOS;
use crate::scenarios::Scenario;
use crate::scenarios::break_world;
use crate::scenarios::heal;
use crate::scenarios::world_for;
use crate::support::exporter::Exporter;
use crate::support::monitoring::Monitoring;
use crate::support::monitoring::Notification;
use crate::support::monitoring::RUNBOOKS;
use crate::support::world::World;

/// So many times as fast as the committed rules.
const PACE: u32 = 30;
/// What patience, evaluation, grouping and a busy machine may take together.
const WITHIN: Duration = Duration::from_mins(3);
/// Longer than an alert goes on behind its end.
const LONGER_THAN_KEPT: Duration = Duration::from_secs(14);
/// So many worlds at the same time.
const SIDE_BY_SIDE: usize = 12;
/// How long the agent waits for anything in these worlds: long enough for a busy machine not to look like a fault.
const PATIENT: &str = "4s";
/// The lab's answers that come too late for an impatient agent, and for this one.
const LATE: (&str, &str) = ("slow:1200ms", "slow:5000ms");
/// When this is set, every failure mode is told and not only one of each alert.
const EVERY_MODE: &str = "EVERY_MODE";
/// When this is set, only stories are told in whose check and mode it stands.
const STORIES: &str = "STORIES";

/// What one story showed.
struct Row {
    story: String,
    alert: &'static str,
    severity: &'static str,
    seconds: f64,
    told: usize,
    resolved: usize,
    problems: Vec<String>,
}

/// A world with an exporter in it.
struct Beside {
    world: World,
    exporter: Exporter,
    /// The leaders, who go with the world.
    _leaders: JoinSet<()>,
}

impl Beside {
    async fn start(world: World) -> Self {
        let mut leaders = JoinSet::new();
        leaders.spawn(workload::lead(world.api.objects().clone()));
        fs::write(world.mounted("resolv.conf"), "options ndots:1 timeout:4 attempts:1\n").unwrap();
        let exporter = Self::exporter(&world, &world.env, json!({})).await;
        Self { world, exporter, _leaders: leaders }
    }

    /// Starts the exporter anew, with what the world gives it now.
    async fn restart(&mut self) {
        self.exporter = Self::exporter(&self.world, &self.world.env, json!({})).await;
    }

    /// The agent's pod is deleted, its ports are closed for a moment, and a new one is there.
    async fn replace_the_agent(&self) {
        let objects = self.world.api.objects();
        let mut pod = objects.get("Pod", workload::AGENT, workload::POD).unwrap();
        objects.remove("Pod", workload::AGENT, workload::POD);
        self.world.agent.set(AgentFault::Refused).await;
        sleep(Duration::from_secs(3)).await;
        self.world.agent.heal().await;
        pod["metadata"]["creationTimestamp"] = Value::Null;
        objects.put(pod);
    }

    /// Another exporter, which looks at what concerns the agent's pod alone.
    async fn sidecar(&self) -> Exporter {
        Self::exporter(&self.world, &self.world.env, json!({ "vantage": "sidecar", "scope": "pod" })).await
    }

    /// Another exporter in a pod of its own, which learns the agent's environment through the API.
    async fn companion(&self) -> Exporter {
        let Self { world, .. } = self;
        let (own, agents): (BTreeMap<_, _>, BTreeMap<_, _>) =
            world.env.clone().into_iter().partition(|(name, _)| name.starts_with("KUBERNETES_"));
        let variables: Vec<Value> =
            agents.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        world.api.objects().change("Pod", workload::AGENT, workload::POD, |pod| {
            pod["spec"]["containers"][0]["env"] = json!(variables);
            pod["status"]["podIP"] = json!("127.0.0.1");
        });
        Self::exporter(world, &own, json!({ "vantage": "companion" })).await
    }

    async fn exporter(world: &World, env: &BTreeMap<String, String>, more: Value) -> Exporter {
        let vantage = more["vantage"].as_str().unwrap_or("exporter");
        let path = world.mounted(&format!("{vantage}.yaml"));
        let mut file: Value = serde_saphyr::from_str(&world.file).unwrap();
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        for check in Check::ALL {
            let settings = &mut file["checks"][check.label()];
            settings["interval"] = json!("3s");
            for (_, limit) in settings["limits"].as_object_mut().into_iter().flatten() {
                *limit = json!(PATIENT);
            }
        }
        fs::write(&path, file.to_string()).unwrap();
        Exporter::start(env, &path).await
    }
}

/// The first scenario of each root, or of each alert.
fn chosen() -> Vec<&'static Scenario> {
    let every = env::var_os(EVERY_MODE).is_some();
    let wanted = env::var_os(STORIES).unwrap_or_default().into_string().expect("it is text");
    let mut seen = BTreeSet::new();
    let new = |scenario: &&Scenario| {
        if !format!("{} {}", scenario.check, scenario.mode).contains(&wanted) {
            return false;
        }
        let root = relations::root(scenario.check, scenario.mode);
        let alert = alerts::explaining(scenario.check, scenario.mode).expect("every pair has an alert").name;
        root == (scenario.check, scenario.mode)
            && seen.insert(if every { (alert, Some(scenario.mode)) } else { (alert, None) })
    };
    SCENARIOS.iter().filter(new).collect()
}

#[tokio::test]
#[ignore = "it takes minutes; `make test-pages` runs it"]
async fn whoever_has_to_know_is_told_once_and_again_when_it_is_over() {
    let began = Instant::now();
    let settings = Settings { tempo: Tempo::faster(PACE), runbook_base: RUNBOOKS };
    let monitoring = Monitoring::start(&settings, Duration::from_secs(1)).await;
    let healthy = Beside::start(World::start()).await;
    monitoring.scrape("healthy", &[healthy.exporter.address()]);

    let (stories, others) = tokio::join!(
        futures_util::stream::iter(chosen())
            .map(|scenario| play(&monitoring, scenario))
            .buffer_unordered(SIDE_BY_SIDE)
            .collect::<Vec<Row>>(),
        async {
            let (restarted, deleted) = tokio::join!(restarted(&monitoring), deleted(&monitoring));
            let places = join_all(PLACES.iter().map(|place| seen_at(&monitoring, place))).await;
            let followed = join_all(Spread::ALL.map(|cause| spread(&monitoring, cause))).await;
            [restarted, deleted].into_iter().chain(places).chain(followed).collect::<Vec<Row>>()
        }
    );
    let empty = crate::dashboards::without_data(&monitoring).await;
    crate::metrics::promtool(&healthy.exporter.metrics().await);

    let mut rows: Vec<Row> = stories.into_iter().chain(others).collect();
    rows.sort_by(|one, other| (one.alert, &one.story).cmp(&(other.alert, &other.story)));
    println!("{:<58} {:<36} {:<9} {:>7} {:>5} {:>9}", "story", "alert", "severity", "seconds", "told", "resolved");
    for row in &rows {
        let Row { story, alert, severity, seconds, told, resolved, problems } = row;
        println!("{story:<58} {alert:<36} {severity:<9} {seconds:>7.1} {told:>5} {resolved:>9}");
        for problem in problems {
            println!("    {problem}");
        }
    }
    println!("{} stories in {:.0} s", rows.len(), began.elapsed().as_secs_f64());
    let wrong: Vec<&str> = rows.iter().filter(|row| !row.problems.is_empty()).map(|row| row.story.as_str()).collect();
    assert!(wrong.is_empty(), "{wrong:?}; EVERY_MODE=1 tells of every failure mode");
    assert!(monitoring.told("healthy").is_empty(), "{:?}", monitoring.told("healthy"));
    assert!(monitoring.watchdog_was_heard());
    assert!(empty.is_empty() || env::var_os(STORIES).is_some(), "panels without data: {empty:#?}");
}

/// For how many minutes the soak lasts, and so many times as fast as the committed rules.
const SOAK_MINUTES: &str = "SOAK_MINUTES";
const SOAK_PACE: u32 = 6;
/// Between two restarts.
const RESTS: Duration = Duration::from_secs(20);

#[tokio::test]
#[ignore = "it takes minutes; `make soak` runs it for an hour"]
async fn nobody_is_told_anything_while_all_is_well_whatever_restarts() {
    let minutes = env::var_os(SOAK_MINUTES).and_then(|minutes| minutes.to_str()?.parse().ok()).unwrap_or(2);
    let settings = Settings { tempo: Tempo::faster(SOAK_PACE), runbook_base: RUNBOOKS };
    let mut monitoring = Monitoring::start(&settings, Duration::from_secs(2)).await;
    let mut beside = Beside::start(World::start()).await;
    monitoring.scrape("healthy", &[beside.exporter.address()]);
    let began = Instant::now();
    let mut restarts = 0;
    while began.elapsed() < Duration::from_mins(minutes) {
        sleep(RESTS).await;
        beside.restart().await;
        monitoring.scrape("healthy", &[beside.exporter.address()]);
        sleep(RESTS).await;
        beside.replace_the_agent().await;
        sleep(RESTS).await;
        monitoring.restart_prometheus().await;
        restarts += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{restarts} restarts of the exporter, of the agent and of Prometheus in {seconds:.0} s");
    let told: Vec<String> = monitoring.everything().iter().map(|one| short(&one.body)).collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(monitoring.watchdog_was_heard());
}

/// Breaks, is told, heals, is told.
async fn play(monitoring: &Monitoring, scenario: &Scenario) -> Row {
    let (check, mode) = (scenario.check, scenario.mode);
    let cluster = format!("{check}-{mode}").replace('_', "-");
    let mut world = world_for(scenario.broken);
    let healthy = (world.env.clone(), world.file.clone());
    break_world(&mut world, later(scenario.broken)).await;
    // A pod never changes its region, so what mends that is a new one.
    let moved = matches!(scenario.broken, Break::InAnotherRegion);
    let given_anew = moved || (&world.env, &world.file) != (&healthy.0, &healthy.1);
    let mut beside = Beside::start(world).await;
    monitoring.scrape(&cluster, &[beside.exporter.address()]);
    let began = Instant::now();
    let first = tokio::select! {
        first = monitoring.until(&cluster, "firing", WITHIN) => first,
        () = go_on(&beside.world, scenario.broken) => None,
    };
    let metrics = beside.exporter.metrics().await;
    let severity = severity(&metrics, check, scenario.status);
    heal(&mut beside.world, healthy).await;
    if given_anew {
        beside.restart().await;
        monitoring.scrape(&cluster, &[beside.exporter.address()]);
    }
    let last = if first.is_some() { monitoring.until(&cluster, "resolved", WITHIN).await } else { None };
    let mut row = row(monitoring, &cluster, (check, mode), severity, began, first.as_ref());
    if first.is_none() {
        let shown = metrics.lines().filter(|line| line.contains("health_failure{")).collect::<Vec<_>>().join("; ");
        row.problems.push(format!("the exporter shows {shown}"));
    }
    if last.is_none() {
        row.problems.push("nobody was told that it is over".to_owned());
    }
    row
}

/// The same fault, where it is an answer that comes late: so late that this agent finds it late.
fn later(broken: Break) -> Break {
    let late = |fault: &'static str| &*fault.replace(LATE.0, LATE.1).leak();
    match broken {
        Break::Api(fault) => Break::Api(late(fault)),
        Break::Castai(fault) => Break::Castai(late(fault)),
        Break::StsForRole(fault) => Break::StsForRole(late(fault)),
        Break::Ec2(fault) => Break::Ec2(late(fault)),
        other => other,
    }
}

/// What happens again and again while a world is broken; never ends.
async fn go_on(world: &World, broken: Break) {
    loop {
        sleep(Duration::from_secs(1)).await;
        if let Break::Meets(code) = broken {
            world.agent.meet(code, 40);
        }
    }
}

/// The exporter restarts while the fault goes on: nobody hears of it.
async fn restarted(monitoring: &Monitoring) -> Row {
    let cluster = "the-exporter-restarts-meanwhile";
    let mut world = World::start();
    let healthy = (world.env.clone(), world.file.clone());
    break_world(&mut world, Break::Castai("token-invalid")).await;
    let mut beside = Beside::start(world).await;
    monitoring.scrape(cluster, &[beside.exporter.address()]);
    let began = Instant::now();
    let first = monitoring.until(cluster, "firing", WITHIN).await;
    beside.restart().await;
    sleep(Duration::from_secs(2)).await;
    monitoring.scrape(cluster, &[beside.exporter.address()]);
    sleep(LONGER_THAN_KEPT).await;
    let mut meanwhile = Vec::new();
    if monitoring.told(cluster).len() != 1 {
        meanwhile.push("the restart was told of".to_owned());
    }
    heal(&mut beside.world, healthy).await;
    monitoring.until(cluster, "resolved", WITHIN).await;
    let pair = (Check::CastaiApi, FailureMode::CastaiTokenInvalid);
    let mut row = row(monitoring, cluster, pair, "critical", began, first.as_ref());
    cluster.clone_into(&mut row.story);
    row.problems.extend(meanwhile);
    row
}

/// The agent is deleted, and its sidecar with it.
async fn deleted(monitoring: &Monitoring) -> Row {
    let cluster = "the-agent-is-deleted";
    let beside = Beside::start(World::start()).await;
    monitoring.scrape(cluster, &[beside.exporter.address()]);
    sleep(Duration::from_secs(8)).await;
    monitoring.scrape(cluster, &[]);
    drop(beside);
    let began = Instant::now();
    let first = monitoring.until(cluster, "firing", WITHIN).await;
    let back = Beside::start(World::start()).await;
    monitoring.scrape(cluster, &[back.exporter.address()]);
    monitoring.until(cluster, "resolved", WITHIN).await;
    let alert = OwnAlert::Silent.entry();
    let told = monitoring.told(cluster);
    let is = |status: &str| told.iter().filter(|one| one.body["status"] == status).count();
    let mut problems = Vec::new();
    for one in &told {
        if one.receiver != "pager" || one.body["alerts"].as_array().is_none_or(|alerts| alerts.len() != 1) {
            problems.push(one.body.to_string());
        }
    }
    let (firing, resolved) = (is("firing"), is("resolved"));
    if (firing, resolved) != (1, 1) || told.iter().any(|one| one.body["groupLabels"]["cluster"] != cluster) {
        problems.push(format!("{told:?}"));
    }
    if first.as_ref().is_none_or(|one| one.body["alerts"][0]["labels"]["alertname"] != alert.name) {
        problems.push(format!("{first:?}"));
    }
    Row {
        story: cluster.to_owned(),
        alert: alert.name,
        severity: alert.severity.label(),
        seconds: first.map_or(f64::NAN, |one| one.at.duration_since(began).as_secs_f64()),
        told: firing,
        resolved,
        problems,
    }
}

/// A cause that shows in other checks as well, as it does in a real cluster after a while.
#[derive(Clone, Copy)]
enum Spread {
    /// CAST AI refuses the key: the agent is not well, and is killed for it again and again.
    InvalidKey,
    /// The API server refuses the agent's account, which so loses its lease and ends.
    NoAccount,
    /// Somebody scaled the agent to zero: nobody leads, and the console shows it as silent.
    NobodyRuns,
}

impl Spread {
    const ALL: [Self; 3] = [Self::InvalidKey, Self::NoAccount, Self::NobodyRuns];

    fn cause(self) -> (Check, FailureMode) {
        match self {
            Self::InvalidKey => (Check::CastaiApi, FailureMode::CastaiTokenInvalid),
            Self::NoAccount => (Check::Apiserver, FailureMode::K8sRbacForbidden),
            Self::NobodyRuns => (Check::AgentWorkload, FailureMode::AgentScaledToZero),
        }
    }

    async fn befall(self, world: &World) {
        let objects = world.api.objects();
        let ends = |code: i32, reason: &str| {
            objects.change("Pod", workload::AGENT, workload::POD, |pod| {
                let status = &mut pod["status"]["containerStatuses"][0];
                status["restartCount"] = json!(6);
                status["ready"] = json!(false);
                status["lastState"] = workload::terminated(code, reason, 45, 24);
                status["state"] = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 2m40s" } });
                pod["status"]["conditions"][1] = workload::condition("Ready", "False", "ContainersNotReady", "");
            });
        };
        match self {
            Self::InvalidKey => {
                world.castai.set(CastAiFault::TokenInvalid).await;
                world.agent.set(AgentFault::Overdue).await;
                ends(137, "Error");
            }
            Self::NoAccount => {
                world.api.set("denied:namespaces".parse::<ApiFault>().unwrap()).await;
                world.agent.set(AgentFault::Refused).await;
                world.castai.set_field("agentStatus", json!("non-responding"));
                ends(0, "Completed");
            }
            Self::NobodyRuns => {
                objects.remove("Pod", workload::AGENT, workload::POD);
                objects.change("Deployment", workload::AGENT, "castai-agent", |it| it["spec"]["replicas"] = json!(0));
                objects.change("ReplicaSet", workload::AGENT, workload::REPLICA_SET, |it| {
                    it["spec"]["replicas"] = json!(0);
                    it["status"] = json!({ "replicas": 0 });
                });
                world.agent.set(AgentFault::Refused).await;
                objects.put(workload::lease("agent-leader-election-lock", ""));
                world.castai.set_field("agentStatus", json!("non-responding"));
            }
        }
    }
}

/// One cause, and what follows from it in other checks: people hear of it once.
async fn spread(monitoring: &Monitoring, spread: Spread) -> Row {
    let (check, mode) = spread.cause();
    let cluster = format!("{check}-{mode}-and-what-follows").replace('_', "-");
    let mut beside = Beside::start(World::start()).await;
    let healthy = (beside.world.env.clone(), beside.world.file.clone());
    monitoring.scrape(&cluster, &[beside.exporter.address()]);
    beside.exporter.shows(&[r#"castai_health_check_status{check="agent_workload",status="ok"} 1"#], WITHIN).await;
    spread.befall(&beside.world).await;
    let began = Instant::now();
    let first = monitoring.until(&cluster, "firing", WITHIN).await;
    // Long enough for whatever else would be told.
    sleep(LONGER_THAN_KEPT * 3).await;
    let metrics = beside.exporter.metrics().await;
    heal(&mut beside.world, healthy).await;
    let last = if first.is_some() { monitoring.until(&cluster, "resolved", WITHIN).await } else { None };
    let mut row = row(monitoring, &cluster, spread.cause(), "critical", began, first.as_ref());
    row.story = cluster;
    let shown: Vec<&str> = metrics.lines().filter(|line| line.starts_with("castai_health_failure{")).collect();
    if shown.len() < 2 {
        row.problems.push(format!("nothing followed: {shown:?}"));
    }
    if last.is_none() {
        row.problems.push(format!("nobody was told that it is over, of {shown:?}"));
    }
    row
}

/// Where CAST AI refuses the key: a sidecar and a companion look, each with a world of its own but for the first.
struct Seen {
    cluster: &'static str,
    in_the_pod: bool,
    beside: bool,
    place: Place,
    severity: &'static str,
}

const PLACES: [Seen; 3] = [
    Seen { cluster: "seen-everywhere", in_the_pod: true, beside: true, place: Place::Everywhere, severity: "critical" },
    Seen {
        cluster: "seen-in-the-pod-only",
        in_the_pod: true,
        beside: false,
        place: Place::PodOnly,
        severity: "critical",
    },
    Seen {
        cluster: "seen-beside-it-only",
        in_the_pod: false,
        beside: true,
        place: Place::BesideOnly,
        severity: "warning",
    },
];

/// Two exporters stand in a cluster; whoever is told hears where it is seen, and hears it once.
async fn seen_at(monitoring: &Monitoring, seen: &Seen) -> Row {
    let Seen { cluster, in_the_pod, beside, place, severity } = *seen;
    let (pods, other) = (Beside::start(World::start()).await, Beside::start(World::start()).await);
    let (sidecar, companion) = (pods.sidecar().await, other.companion().await);
    monitoring.scrape(cluster, &[sidecar.address(), companion.address()]);
    // Both have found all well before.
    for exporter in [&sidecar, &companion] {
        exporter.shows(&[r#"castai_health_check_status{check="castai_api",status="ok"} 1"#], WITHIN).await;
    }
    let broken: Vec<&World> =
        [(in_the_pod, &pods.world), (beside, &other.world)].into_iter().filter(|one| one.0).map(|one| one.1).collect();
    for world in &broken {
        world.castai.set(CastAiFault::TokenInvalid).await;
    }
    let began = Instant::now();
    let first = monitoring.until(cluster, "firing", WITHIN).await;
    for world in &broken {
        world.castai.heal().await;
    }
    let last = if first.is_some() { monitoring.until(cluster, "resolved", WITHIN).await } else { None };
    let pair = (Check::CastaiApi, FailureMode::CastaiTokenInvalid);
    let mut row = row(monitoring, cluster, pair, severity, began, first.as_ref());
    cluster.clone_into(&mut row.story);
    let told = first.map(|first| first.body["alerts"][0]["annotations"].to_string()).unwrap_or_default();
    if !told.contains(place.words().trim()) {
        row.problems.push(format!("it is not said that it is{}: {told}", place.words()));
    }
    if last.is_none() {
        row.problems.push("nobody was told that it is over".to_owned());
    }
    row
}

/// What was told of a cluster, held against what had to be told.
fn row(
    monitoring: &Monitoring,
    cluster: &str,
    (check, mode): (Check, FailureMode),
    severity: &'static str,
    began: Instant,
    first: Option<&Notification>,
) -> Row {
    let alert = alerts::alert(check, mode).expect("a root has an alert").name;
    let told = monitoring.told(cluster);
    let is = |status: &str| told.iter().filter(|one| one.body["status"] == status).count();
    let mut problems = Vec::new();
    if (is("firing"), is("resolved")) != (1, 1) {
        let bodies: Vec<String> = told.iter().map(|one| short(&one.body)).collect();
        problems.push(format!("not once each: {}", bodies.join(" | ")));
    }
    if let Some(first) = first {
        let alerts = first.body["alerts"].as_array().cloned().unwrap_or_default();
        let wanted = json!({
            "alertname": alert, "check": check.label(), "cluster": cluster, "mode": mode.label(),
            "namespace": "castai-agent", "severity": severity,
        });
        if alerts.len() != 1 || alerts[0]["labels"] != wanted {
            problems.push(format!("instead of {wanted}: {}", short(&first.body)));
        }
        let url = runbook_url(RUNBOOKS, check, mode).expect("it has a runbook");
        if alerts.iter().all(|one| one["annotations"]["runbook_url"] != url.as_str()) {
            problems.push(format!("no link to {url}"));
        }
        let receiver = receiver_of(alert, severity).trim_start_matches("castai-");
        if first.receiver != receiver {
            problems.push(format!("told to {}, not to {receiver}", first.receiver));
        }
    }
    Row {
        story: format!("{check} {mode}"),
        alert,
        severity,
        seconds: first.map_or(f64::NAN, |one| one.at.duration_since(began).as_secs_f64()),
        told: is("firing"),
        resolved: is("resolved"),
        problems,
    }
}

/// The labels of a notification's alerts.
fn short(body: &Value) -> String {
    let alerts = body["alerts"].as_array().cloned().unwrap_or_default();
    let labels: Vec<String> = alerts.iter().map(|one| format!("{} {}", one["status"], one["labels"])).collect();
    format!("{} [{}]", body["status"], labels.join(", "))
}

/// What the catalogue's rule makes of a verdict, by what the exporter says that the agent needs.
fn severity(metrics: &str, check: Check, status: Status) -> &'static str {
    let needed = |need: &str| metrics.contains(&format!("check_need{{check=\"{check}\",need=\"{need}\"}} 1"));
    match status {
        _ if needed("none") => "info",
        Status::Failing if needed("start") => "critical",
        _ => "warning",
    }
}
