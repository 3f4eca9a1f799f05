//! Is the agent up to date, and would its next upgrade be refused? Advice only.

mod latest;

use std::sync::Arc;

use latest::Latest;

use crate::agent::workload::Scene;
use crate::catalogue::FailureMode;
use crate::checks::agent_workload::{find, version};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::aws::Version;
use crate::config::{CheckSettings, Config, Installation};
use crate::kube::Store;
use crate::kube::types::workload::Deployment;
use crate::report::{Evidence, Finding, Report, Verdict};

/// What the chart's selector consists of, always.
const SELECTOR: (&str, &str) = ("app.kubernetes.io/name", "app.kubernetes.io/instance");
/// The chart's name.
const CHART: &str = "castai-agent";

/// The check `agent_upgrade`.
#[derive(Debug)]
pub struct AgentUpgrade {
    agent: Installation,
    latest: Latest,
    store: Arc<Store>,
}

/// What was found out of one question.
enum Answer {
    Wrong(Finding),
    Fine(String),
    Unknown(String),
}

impl AgentUpgrade {
    /// The check of a configuration.
    pub fn new(config: &Config, check: &CheckSettings, world: &CheckContext) -> Self {
        let latest = Latest::new(config, check, world);
        Self {
            agent: config.installation.clone(),
            latest,
            store: Arc::clone(&world.store),
        }
    }

    fn judge(&self, scene: &Scene, latest: Result<Version, String>) -> Verdict {
        let Some(deployment) = find(&scene.deployments, &self.agent.deployment) else {
            return Verdict::Unknown(Evidence::from("the agent's Deployment is not there"));
        };
        let (mut wrong, mut fine, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for answer in [self.selector(deployment), age(deployment, latest)] {
            match answer {
                Answer::Wrong(finding) => wrong.push(finding),
                Answer::Fine(sentence) => fine.push(sentence),
                Answer::Unknown(why) => unknown.push(why),
            }
        }
        if !wrong.is_empty() {
            return Verdict::Warning(wrong);
        }
        // What is fine is said, so that advice which was followed ends, whatever else is not known.
        let answered = !fine.is_empty();
        let sentence = Evidence::from(
            fine.into_iter()
                .chain(unknown)
                .collect::<Vec<_>>()
                .join("; "),
        );
        if answered {
            Verdict::Ok(sentence)
        } else {
            Verdict::Unknown(sentence)
        }
    }

    /// A Deployment's selector can never be changed, and the chart puts the release's name into it.
    fn selector(&self, deployment: &Deployment) -> Answer {
        let Some(release) = self
            .agent
            .release
            .as_ref()
            .or(deployment.helm.release.as_ref())
        else {
            return Answer::Unknown(format!(
                "which Helm release the next upgrade will be of is not known (agent.release), so whether it fits the \
                 selector {} is not either",
                deployment.selector.text()
            ));
        };
        let labels = &deployment.selector.match_labels;
        let name = labels.get(SELECTOR.0).map_or(CHART, String::as_str);
        let next = format!("{}={release},{}={name}", SELECTOR.1, SELECTOR.0);
        let live = deployment.selector.text();
        if live == next {
            return Answer::Fine(format!(
                "an upgrade of the release {release} fits the selector {live}"
            ));
        }
        let evidence = format!(
            "an upgrade of the release {release} will be refused (spec.selector: field is immutable): the Deployment \
             {} selects {live}, the upgrade would select {next}",
            deployment.name
        );
        Answer::Wrong(Finding::new(
            FailureMode::AgentUpgradeSelectorImmutable,
            evidence,
        ))
    }
}

/// How far the agent is behind.
fn age(deployment: &Deployment, latest: Result<Version, String>) -> Answer {
    let tag = version(deployment);
    let Some(own) = tag.as_deref().and_then(Version::of_tag) else {
        let tag = tag.unwrap_or_else(|| "no tag".to_owned());
        return Answer::Unknown(format!("the agent's image has {tag}, which is no version"));
    };
    let latest = match latest {
        Ok(latest) => latest,
        Err(why) => {
            return Answer::Unknown(format!(
                "the agent is {own}; what the latest is is not known: {why}"
            ));
        }
    };
    if own >= latest {
        return Answer::Fine(format!("the agent is {own}, and the latest is {latest}"));
    }
    let behind = if own.0 == latest.0 && own.1 < latest.1 {
        format!(", {} minor versions behind", latest.1 - own.1)
    } else {
        String::new()
    };
    let evidence = format!("the agent is {own}, the latest is {latest}{behind}");
    Answer::Wrong(Finding::new(FailureMode::AgentVersionOutdated, evidence))
}

impl Check for AgentUpgrade {
    async fn run(&self, attempt: &Attempt) -> Report {
        Report::bare(match Scene::read(&self.store).await {
            Ok(scene) => self.judge(&scene, self.latest.find(attempt.peers()).await),
            Err(verdict) => verdict,
        })
    }
}
