//! A test of an alert that belongs to no single failure mode.

use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::exporter::annotations;
use castai_health_exporter::catalogue::ExporterAlert;

use crate::promtool::test_case::{ExpectedAlert, Firing, STEP, TestCase, expand_templates};

/// Labels of the agent that all series share.
pub(super) const AGENT: &str = "cluster=\"one\",namespace=\"castai-agent\"";
/// Labels of the exporter that all its series share.
pub(super) const TARGET: &str = "cluster=\"one\",namespace=\"castai-agent\",job=\"castai-health-exporter\",instance=\"10.0.0.1:9878\"";

/// Labels besides cluster and namespace.
pub(super) type Labels = &'static [(&'static str, &'static str)];

/// An alert and the labels with which it fires.
pub(super) struct ExporterAlertTest<'a> {
    pub(super) alert: ExporterAlert,
    pub(super) labels: Labels,
    pub(super) settings: &'a GeneratorOptions<'a>,
}

impl ExporterAlertTest<'_> {
    pub(super) fn case(
        &self,
        what: &str,
        series: Vec<(String, String)>,
        expected: Vec<ExpectedAlert>,
    ) -> TestCase {
        TestCase {
            name: format!("{} {what}", self.alert.entry().name),
            series,
            expected_alerts: expected,
            firing_clusters: Vec::new(),
        }
    }

    pub(super) fn at(&self, at: Duration, firing: Vec<Firing>) -> ExpectedAlert {
        debug_assert_eq!(at.as_secs() % STEP.as_secs(), 0);
        ExpectedAlert {
            at,
            alert: self.alert.entry().name,
            firing,
        }
    }

    pub(super) fn firing(&self) -> Firing {
        let test = [
            ("cluster", "one"),
            ("namespace", "castai-agent"),
            ("severity", self.alert.entry().severity.label()),
        ];
        let value = |label: &str| {
            let found = self.labels.iter().find(|(name, _)| *name == label);
            found.map_or_else(String::new, |(_, value)| (*value).to_owned())
        };
        Firing {
            labels: test
                .iter()
                .chain(self.labels)
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            annotations: expand_templates(annotations(
                self.alert,
                &value,
                self.settings.runbook_base,
            )),
        }
    }
}
