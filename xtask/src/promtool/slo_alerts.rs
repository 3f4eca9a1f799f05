//! Tests of the alerts on the error budget.

use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::catalogue::ExporterAlert;

use crate::promtool::exporter_alert_test::{AGENT, ExporterAlertTest, TARGET};
use crate::promtool::test_case::TestCase;

const MINUTE: Duration = Duration::from_mins(1);

/// Returns the test cases of the group `slo`.
pub(super) fn test_cases(settings: &GeneratorOptions<'_>) -> Vec<TestCase> {
    let alert = ExporterAlert::ErrorBudgetBurn;
    let series = |failures: &str| {
        let of = |metric: &str, values: &str| {
            (
                format!("castai_health_check_{metric}_total{{{TARGET},check=\"castai_api\"}}"),
                values.to_owned(),
            )
        };
        vec![of("attempts", "0+1x3000"), of("failures", failures)]
    };
    let fast = ExporterAlertTest {
        alert,
        labels: &[("check", "castai_api"), ("long", "1h"), ("short", "5m")],
        settings,
    };
    let slow = ExporterAlertTest {
        alert,
        labels: &[("check", "castai_api"), ("long", "6h"), ("short", "30m")],
        settings,
    };
    let fires_at = (
        format!(
            "ALERTS{{{AGENT},alertname=\"CastaiApiUnreachable\",alertstate=\"firing\",mode=\"net_refused\",check=\"castai_api\",severity=\"critical\"}}"
        ),
        "_x200 1x400 stale _x100".to_owned(),
    );
    vec![
        fast.case(
            "fires early when every other attempt fails",
            series("0x179 0+0.5x600"),
            vec![
                fast.at(85 * MINUTE, vec![]),
                fast.at(130 * MINUTE, vec![fast.firing()]),
                fast.at(150 * MINUTE, vec![fast.firing(), slow.firing()]),
            ],
        ),
        fast.case(
            "fires after alerts with a cause when there is no history",
            series("0+1x100"),
            vec![fast.at(11 * MINUTE, vec![])],
        ),
        fast.case(
            "is silent when one in a thousand attempts fails",
            series("0+0.001x3000"),
            vec![fast.at(10 * 60 * MINUTE, vec![])],
        ),
        fast.case(
            "is silent while an alert names the cause and shortly afterwards",
            [series("0x179 0+1x420 420x300"), vec![fires_at]].concat(),
            vec![fast.at(150 * MINUTE, vec![]), fast.at(302 * MINUTE, vec![])],
        ),
    ]
}
