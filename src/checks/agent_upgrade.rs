//! Warns if the agent is outdated or its next Helm upgrade would fail.

mod latest;

use std::sync::Arc;

use latest::{LatestVersion, LatestVersionError};

use crate::agent::workload::NamespaceSnapshot;
use crate::catalogue::FailureMode;
use crate::checks::agent_workload::{find_deployment, image_version};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::agent::aws::Version;
use crate::config::{CheckSettings, Config, Installation};
use crate::kube::Store;
use crate::kube::types::workload::Deployment;
use crate::report::{Evidence, Finding, Report, Verdict};

/// The labels that make up the selector of the chart's Deployment.
const SELECTOR_LABELS: (&str, &str) = ("app.kubernetes.io/name", "app.kubernetes.io/instance");
/// The name of the chart.
const CHART: &str = "castai-agent";

/// The check `agent_upgrade`.
#[derive(Debug)]
pub struct AgentUpgrade {
    agent: Installation,
    latest: LatestVersion,
    store: Arc<Store>,
}

/// The result of one of the two tests.
enum TestResult {
    Failed(Finding),
    Passed(String),
    Unknown(String),
}

impl AgentUpgrade {
    /// Creates the check.
    pub fn new(config: &Config, check: &CheckSettings, context: &CheckContext) -> Self {
        let latest = LatestVersion::new(config, check, context);
        Self {
            agent: config.installation.clone(),
            latest,
            store: Arc::clone(&context.store),
        }
    }

    fn judge(
        &self,
        snapshot: &NamespaceSnapshot,
        latest: Result<Version, LatestVersionError>,
    ) -> Verdict {
        let Some(deployment) = find_deployment(&snapshot.deployments, &self.agent.deployment)
        else {
            return Verdict::Unknown(Evidence::from("the agent's Deployment does not exist"));
        };
        let (mut failed, mut passed, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for result in [
            self.selector_test(deployment),
            version_test(deployment, latest),
        ] {
            match result {
                TestResult::Failed(finding) => failed.push(finding),
                TestResult::Passed(sentence) => passed.push(sentence),
                TestResult::Unknown(why) => unknown.push(why),
            }
        }
        if !failed.is_empty() {
            return Verdict::Warning(failed);
        }
        // One passed test is enough for ok, so that a warning clears even if the other test is
        // unknown.
        let any_passed = !passed.is_empty();
        let sentence = Evidence::from(
            passed
                .into_iter()
                .chain(unknown)
                .collect::<Vec<_>>()
                .join("; "),
        );
        if any_passed {
            Verdict::Ok(sentence)
        } else {
            Verdict::Unknown(sentence)
        }
    }

    /// Tests the immutable selector, into which the chart puts the release name.
    fn selector_test(&self, deployment: &Deployment) -> TestResult {
        let Some(release) = self
            .agent
            .release
            .as_ref()
            .or(deployment.helm_release.as_ref())
        else {
            return TestResult::Unknown(format!(
                "the agent's Helm release is unknown (set agent.release), so whether its next \
                 upgrade matches the selector {} is unknown too",
                deployment.selector
            ));
        };
        let labels = &deployment.selector.match_labels;
        let name = labels.get(SELECTOR_LABELS.0).map_or(CHART, String::as_str);
        let next = format!(
            "{}={release},{}={name}",
            SELECTOR_LABELS.1, SELECTOR_LABELS.0
        );
        let live = deployment.selector.to_string();
        if live == next {
            return TestResult::Passed(format!(
                "an upgrade of Helm release {release} matches the selector {live}"
            ));
        }
        let evidence = format!(
            "an upgrade of Helm release {release} will fail (spec.selector: field is immutable): \
             Deployment {} has the selector {live}, the upgrade would set {next}",
            deployment.name
        );
        TestResult::Failed(Finding::new(
            FailureMode::AgentUpgradeSelectorImmutable,
            evidence,
        ))
    }
}

/// Tests whether the agent is the latest version.
fn version_test(
    deployment: &Deployment,
    latest: Result<Version, LatestVersionError>,
) -> TestResult {
    let tag = image_version(deployment);
    let Some(current) = tag.as_deref().and_then(Version::of_tag) else {
        let tag = tag.unwrap_or_else(|| "none".to_owned());
        return TestResult::Unknown(format!("the agent's image tag is not a version: {tag}"));
    };
    let latest = match latest {
        Ok(latest) => latest,
        Err(why) => {
            return TestResult::Unknown(format!(
                "the agent is {current}; the latest version is unknown: {why}"
            ));
        }
    };
    if current >= latest {
        return TestResult::Passed(format!(
            "the agent is {current}, the latest version is \
                                           {latest}"
        ));
    }
    let behind = if current.0 == latest.0 && current.1 < latest.1 {
        format!(", {} minor versions behind", latest.1 - current.1)
    } else {
        String::new()
    };
    let evidence = format!("the agent is {current}, the latest version is {latest}{behind}");
    TestResult::Failed(Finding::new(FailureMode::AgentVersionOutdated, evidence))
}

impl Check for AgentUpgrade {
    async fn run(&self, attempt: &Attempt) -> Report {
        Report::from_verdict(match NamespaceSnapshot::read(&self.store).await {
            Ok(snapshot) => self.judge(&snapshot, self.latest.find(attempt.reports()).await),
            Err(error) => error.into(),
        })
    }
}
