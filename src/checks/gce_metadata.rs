//! Checks that Google's metadata server returns the cluster values missing from the agent's
//! environment.
//!
//! Uses the agent's paths, header and proxy rules. Afterwards it reads this pod's Google service
//! account, which the agent does not need but `control_plane_access` does.

use std::time::{Duration, Instant};

use crate::agent::pod_uptime;
use crate::catalogue::{CheckId, FailureMode as M, Timeouts};
use crate::checks::{Attempt, Check, CheckContext};
use crate::cloud::metadata_server::proxy_note;
use crate::cloud::{MetadataServer, gce};
use crate::config::agent::link_local::LinkLocalEndpoint;
use crate::config::{CheckSettings, CloudMetadata, Config, Provider, ProviderVariables};
use crate::net::Target;
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, PhaseTimer, Report, Verdict};

/// Workload Identity's metadata server may start this long after the pod.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// No further value is requested after this time, to stay within the attempt's timeout.
const READ_BUDGET: Duration = Duration::from_secs(9);

/// The metadata path that the agent reads for each unset variable, in its order.
const VALUES: [MetadataValue; 4] = [
    ("GKE_PROJECT_ID", gce::PROJECT),
    ("GKE_CLUSTER_NAME", gce::CLUSTER),
    ("GKE_REGION", gce::ZONE),
    ("GKE_LOCATION", gce::LOCATION),
];

/// The check `gce_metadata`.
#[derive(Debug)]
pub struct GceMetadata {
    variables: ProviderVariables,
    clouds: CloudMetadata,
    /// Whether the exporter itself needs a Google service account.
    needs_service_account: bool,
    timeouts: Timeouts,
    context: CheckContext,
}

/// A variable and the metadata path that replaces it.
type MetadataValue = (&'static str, &'static str);

/// The result of reading the values without a failure.
enum ReadResult {
    /// All values, and a failure that only concerns the exporter.
    Complete(Vec<String>, Option<Finding>),
    /// Too slow: this path was not requested any more.
    Slow(&'static str),
}

impl GceMetadata {
    /// Creates the check.
    pub fn new(config: &Config, settings: &CheckSettings, context: &CheckContext) -> Self {
        let needs_service_account = config.check(CheckId::ControlPlaneAccess).enabled;
        let (variables, clouds) = (config.provider_variables.clone(), config.clouds.clone());
        Self {
            variables,
            clouds,
            needs_service_account,
            timeouts: settings.timeouts,
            context: context.clone(),
        }
    }

    /// Returns what the agent reads and from which endpoint, or why it reads nothing.
    fn wanted(&self) -> Result<(Vec<MetadataValue>, &LinkLocalEndpoint), Verdict> {
        let not_applicable = |why: String| Err(Verdict::NotApplicable(Evidence::from(why)));
        if self.variables.provider != Some(Provider::Gke) {
            return not_applicable(Provider::elsewhere(
                self.variables.provider,
                "Google",
                "GKE_*",
            ));
        }
        let values: Vec<_> = VALUES
            .into_iter()
            .filter(|(name, _)| self.variables.missing.contains(name))
            .collect();
        if values.is_empty() {
            return not_applicable(format!(
                "the agent does not use Google's metadata server: {} are set",
                self.variables.set.join(", ")
            ));
        }
        match &self.clouds.gce {
            Ok(endpoint) => Ok((values, endpoint)),
            Err(why) => Err(Verdict::Unknown(Evidence::from(why.to_string()))),
        }
    }

    async fn read_values(
        &self,
        server: &mut MetadataServer<'_>,
        values: &[MetadataValue],
    ) -> Result<ReadResult, Finding> {
        let began = Instant::now();
        let mut facts = Vec::new();
        for (name, path) in values {
            if began.elapsed() > READ_BUDGET {
                return Ok(ReadResult::Slow(path));
            }
            let with_reason = |finding: Finding| {
                Finding::new(
                    finding.mode,
                    format!(
                        "{}; the agent reads it because {name} is not set",
                        finding.evidence
                    ),
                )
            };
            let value = gce::value(server, path).await.map_err(with_reason)?;
            if *path == gce::ZONE && gce::region(&value).is_none() {
                let text = format!(
                    "GET {path} returned {}, which contains no region",
                    quote(value.as_bytes())
                );
                return Err(with_reason(Finding::new(M::GcpMetadataAttrMissing, text)));
            }
            facts.push(format!("{path} {}", quote(value.as_bytes())));
        }
        let mut exporter_failure = None;
        if self.needs_service_account && began.elapsed() <= READ_BUDGET {
            match gce::value(server, gce::ACCOUNT).await {
                Ok(account) => {
                    facts.push(format!("the service account {}", quote(account.as_bytes())));
                }
                Err(finding) => exporter_failure = Some(finding),
            }
        }
        Ok(ReadResult::Complete(facts, exporter_failure))
    }
}

impl Check for GceMetadata {
    async fn run(&self, attempt: &Attempt) -> Report {
        let (values, endpoint) = match self.wanted() {
            Ok(wanted) => wanted,
            Err(verdict) => return Report::from_verdict(verdict),
        };
        let proxy = match self
            .context
            .network
            .proxy_for(false, &endpoint.host, endpoint.port)
        {
            Ok(proxy) => proxy,
            Err(verdict) => return Report::from_verdict(verdict),
        };
        let bypass_note = proxy_note(proxy.as_ref(), &endpoint.host);
        let target = Target {
            host: endpoint.host.clone(),
            port: endpoint.port,
            trust: None,
            server_name: None,
            proxy,
            timeouts: self.timeouts,
        };
        let name = target.authority();
        let timer: PhaseTimer = attempt.start_target(&name, true);
        let mut server = MetadataServer::new(
            target,
            &endpoint.prefix,
            &self.context.network.resolver,
            &timer,
        );
        let result = self.read_values(&mut server, &values).await;
        let with_note = |text: String| match &bypass_note {
            Some(bypass_note) => Evidence::from(format!("{text}; {bypass_note}")),
            None => Evidence::from(text),
        };
        let (verdict, outcome) = match result {
            Ok(ReadResult::Complete(facts, exporter_failure)) => {
                let evidence = with_note(format!("{name} returned {}", facts.join(", ")));
                let verdict = match exporter_failure {
                    None => Verdict::Ok(evidence.clone()),
                    Some(finding) => {
                        let text = format!(
                            "the agent gets all values it needs, but the exporter cannot read \
                             its service account: {}",
                            finding.evidence
                        );
                        Verdict::Warning(vec![Finding::new(finding.mode, with_note(text))])
                    }
                };
                (verdict, Ok(evidence))
            }
            Ok(ReadResult::Slow(path)) => {
                let text =
                    format!("{name} is too slow: {path} was not requested within {READ_BUDGET:?}");
                (
                    Verdict::Unknown(with_note(text.clone())),
                    Ok(Evidence::from(text)),
                )
            }
            Err(finding) => {
                let finding = Finding::new(finding.mode, with_note(finding.evidence.to_string()));
                (
                    judge_failure(finding.clone(), pod_uptime::pod_uptime()),
                    Err(finding),
                )
            }
        };
        let targets = vec![attempt.finish_target(&name, outcome)];
        Report {
            targets,
            ..Report::from_verdict(verdict)
        }
    }
}

/// Returns `unknown` while the metadata server may still be starting.
fn judge_failure(finding: Finding, age: Option<Duration>) -> Verdict {
    match age.filter(|age| *age < STARTS_WITHIN && finding.mode == M::GcpMetadataUnreachable) {
        Some(age) => Verdict::Unknown(Evidence::from(format!(
            "{}; this pod started {} s ago, and Workload Identity's metadata server may take {} \
             s to start",
            finding.evidence,
            age.as_secs(),
            STARTS_WITHIN.as_secs()
        ))),
        None => Verdict::failing(finding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Status;

    #[test]
    fn unreachable_metadata_server_is_unknown_while_the_pod_starts() {
        let status = |mode, seconds: Option<u64>| {
            judge_failure(
                Finding::new(mode, "no connection"),
                seconds.map(Duration::from_secs),
            )
            .status()
        };
        assert_eq!(status(M::GcpMetadataUnreachable, Some(5)), Status::Unknown);
        assert_eq!(status(M::GcpMetadataUnreachable, Some(30)), Status::Failing);
        assert_eq!(status(M::GcpMetadataUnreachable, None), Status::Failing);
        assert_eq!(status(M::GcpMetadataAttrMissing, Some(5)), Status::Failing);
    }
}
