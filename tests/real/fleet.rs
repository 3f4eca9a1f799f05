//! Measures the evaluation time of the rules for 300 clusters on one Prometheus.

use std::collections::BTreeMap;
use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::metrics::exposition;
use castai_health_exporter::metrics::process::Process;
use castai_health_exporter::report::{Report, Verdict};
use castai_health_exporter::state::HealthState;
use test_support::fixture;
use tokio::time::sleep;

use crate::support::exposition_server::serve;
use crate::support::monitoring::{Monitoring, RUNBOOKS};

const CLUSTERS: usize = 300;
/// One of this many clusters has failures.
const FAILING_ONE_IN: usize = 20;
/// Speed-up over the committed rules: an evaluation every 15 s instead of 30 s.
const RULE_SPEEDUP: u32 = 2;
/// Evaluations that nearly fill the 15-minute windows, then evaluations that are measured.
const EVALUATIONS: (u32, u32) = (24, 8);
/// Limit for one evaluation of a rule, in seconds.
const MAX_RULE_SECONDS: f64 = 1.0;
/// Evaluation interval.
const EVALUATION_INTERVAL: Duration = Duration::from_secs(15);

#[tokio::test]
#[ignore = "it takes minutes and a machine of its own; `make test-fleet` runs it"]
async fn rules_of_300_clusters_evaluate_within_the_limit() {
    let text = |board: &HealthState| {
        exposition(
            &board.check_states(),
            &fixture::exporter(),
            &Process::read(),
        )
    };
    let failing = text(&fixture::eventful());
    let healthy = fixture::blank();
    for check in CheckId::ALL {
        fixture::post(
            &healthy,
            *check,
            Report::from_verdict(Verdict::Ok("all is well".into())),
        );
    }
    let healthy = text(&healthy);
    let series = healthy
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count();
    let address = serve(failing, healthy).await;
    let settings = GeneratorOptions {
        time_scale: TimeScale::faster(RULE_SPEEDUP),
        runbook_base: RUNBOOKS,
    };
    let monitoring = Monitoring::start(&settings, EVALUATION_INTERVAL).await;
    let path = |i: usize| {
        if i.is_multiple_of(FAILING_ONE_IN) {
            "/ill"
        } else {
            "/well"
        }
        .to_owned()
    };
    monitoring.scrape_as(CLUSTERS, path, &address);
    let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    sleep(EVALUATION_INTERVAL * EVALUATIONS.0).await;
    for _ in 0..EVALUATIONS.1 {
        sleep(EVALUATION_INTERVAL).await;
        for (rule, seconds) in monitoring.evaluations().await {
            times.entry(rule).or_default().push(seconds);
        }
    }
    let scraped = monitoring
        .query("count(up{cluster=~\"cluster-.+\"} == 1)", 1)
        .await
        .unwrap();
    let scraped = scraped[0]["values"].as_array().unwrap().last().unwrap()[1]
        .as_str()
        .unwrap()
        .to_owned();
    let mut rules: Vec<(String, f64)> = times
        .into_iter()
        .map(|(rule, times)| (rule, median(times)))
        .collect();
    rules.sort_by(|one, other| other.1.total_cmp(&one.1));
    let memory = monitoring.memory().await / 1024.0 / 1024.0;
    println!("{scraped} clusters of {series} series; Prometheus holds {memory:.0} MiB");
    println!(
        "{} rules take {:.3} s together; the slowest:",
        rules.len(),
        rules.iter().map(|rule| rule.1).sum::<f64>()
    );
    for (rule, seconds) in rules.iter().take(8) {
        println!("{seconds:>8.4} s  {rule}");
    }
    assert_eq!(scraped, CLUSTERS.to_string());
    assert!(rules[0].1 < MAX_RULE_SECONDS, "{:?}", rules[0]);
    assert!(rules.len() > 60);
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
