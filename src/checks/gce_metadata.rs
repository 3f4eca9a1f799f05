//! Does Google's metadata server give the agent what it is not told of its cluster?
//!
//! The same paths, header and way as the agent's; and behind them who this pod is to Google, which the agent does not
//! ask, but the exporter's own look at the control plane depends on.

use std::time::{Duration, Instant};

use crate::agent::pod_uptime;
use crate::catalogue::{CheckId, FailureMode as M, Limits};
use crate::checks::{Attempt, Check, CheckContext};
use crate::cloud::server::detour;
use crate::cloud::{MetadataServer, gce};
use crate::config::node_local::Endpoint;
use crate::config::{CheckSettings, Clouds, Config, Provider, Told};
use crate::net::Route;
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Report, Trail, Verdict};

/// The metadata server of Workload Identity starts some seconds after the pod.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// No further value is asked for after so long, lest the attempt's own time be up in the middle.
const PATIENCE: Duration = Duration::from_secs(9);

/// What the agent asks for each variable, in its order.
const VALUES: [Value; 4] = [
    ("GKE_PROJECT_ID", gce::PROJECT),
    ("GKE_CLUSTER_NAME", gce::CLUSTER),
    ("GKE_REGION", gce::ZONE),
    ("GKE_LOCATION", gce::LOCATION),
];

/// The check `gce_metadata`.
#[derive(Debug)]
pub struct GceMetadata {
    told: Told,
    clouds: Clouds,
    /// Whether the exporter itself wants to be somebody to Google.
    account: bool,
    limits: Limits,
    world: CheckContext,
}

/// A variable that is not set, and the path that is asked instead.
type Value = (&'static str, &'static str);

/// How a walk ended that did not end badly.
enum Walked {
    /// Everything came; and what the exporter alone lacks.
    Through(Vec<String>, Option<Finding>),
    /// It took so long that this was not asked for any more.
    Slow(&'static str),
}

impl GceMetadata {
    /// The check for what the agent is told.
    pub fn new(config: &Config, settings: &CheckSettings, world: &CheckContext) -> Self {
        let account = config.check(CheckId::ControlPlaneAccess).enabled;
        let (told, clouds) = (config.told.clone(), config.clouds.clone());
        Self {
            told,
            clouds,
            account,
            limits: settings.limits,
            world: world.clone(),
        }
    }

    /// What the agent asks for and whom, or why nothing is asked.
    fn asked(&self) -> Result<(Vec<Value>, &Endpoint), Verdict> {
        let not_applicable = |why: String| Err(Verdict::NotApplicable(Evidence::from(why)));
        if self.told.provider != Some(Provider::Gke) {
            return not_applicable(Provider::elsewhere(self.told.provider, "Google", "GKE_*"));
        }
        let values: Vec<_> = VALUES
            .into_iter()
            .filter(|(name, _)| self.told.missing.contains(name))
            .collect();
        if values.is_empty() {
            return not_applicable(format!(
                "{} are set, so that the agent asks Google's metadata server for nothing",
                self.told.set.join(", ")
            ));
        }
        match &self.clouds.gce {
            Ok(endpoint) => Ok((values, endpoint)),
            Err(why) => Err(Verdict::Unknown(Evidence::from(why.as_str()))),
        }
    }

    async fn walk(
        &self,
        server: &mut MetadataServer<'_>,
        values: &[Value],
    ) -> Result<Walked, Finding> {
        let began = Instant::now();
        let mut facts = Vec::new();
        for (name, path) in values {
            if began.elapsed() > PATIENCE {
                return Ok(Walked::Slow(path));
            }
            let unset = |finding: Finding| {
                Finding::new(
                    finding.mode,
                    format!(
                        "{}; it is asked because {name} is not set",
                        finding.evidence
                    ),
                )
            };
            let value = gce::value(server, path).await.map_err(unset)?;
            if *path == gce::ZONE && gce::region(&value).is_none() {
                let what = format!(
                    "GET {path} gives {}, in which the agent finds no region",
                    quote(value.as_bytes())
                );
                return Err(unset(Finding::new(M::GcpMetadataAttrMissing, what)));
            }
            facts.push(format!("{path} {}", quote(value.as_bytes())));
        }
        let mut lacking = None;
        if self.account && began.elapsed() <= PATIENCE {
            match gce::value(server, gce::ACCOUNT).await {
                Ok(account) => facts.push(format!("the account {}", quote(account.as_bytes()))),
                Err(finding) => lacking = Some(finding),
            }
        }
        Ok(Walked::Through(facts, lacking))
    }
}

impl Check for GceMetadata {
    async fn run(&self, attempt: &Attempt) -> Report {
        let (values, endpoint) = match self.asked() {
            Ok(asked) => asked,
            Err(verdict) => return Report::bare(verdict),
        };
        let proxy = match self.world.proxy_for(false, &endpoint.host, endpoint.port) {
            Ok(proxy) => proxy,
            Err(verdict) => return Report::bare(verdict),
        };
        let detour = detour(proxy.as_ref(), &endpoint.host);
        let route = Route {
            host: endpoint.host.clone(),
            port: endpoint.port,
            trust: None,
            server_name: None,
            proxy,
            limits: self.limits,
        };
        let name = route.target();
        let trail: Trail = attempt.trail(&name, true);
        let mut server = MetadataServer::new(route, &endpoint.prefix, &self.world.resolver, &trail);
        let walked = self.walk(&mut server, &values).await;
        let sentence = |words: String| match &detour {
            Some(detour) => Evidence::from(format!("{words}; {detour}")),
            None => Evidence::from(words),
        };
        let (verdict, outcome) = match walked {
            Ok(Walked::Through(facts, lacking)) => {
                let evidence = sentence(format!("{name} gives {}", facts.join(", ")));
                let verdict = match lacking {
                    None => Verdict::Ok(evidence.clone()),
                    Some(finding) => {
                        let what = format!(
                            "the agent gets what it needs; the exporter does not: {}",
                            finding.evidence
                        );
                        Verdict::Warning(vec![Finding::new(finding.mode, sentence(what))])
                    }
                };
                (verdict, Ok(evidence))
            }
            Ok(Walked::Slow(path)) => {
                let what = format!(
                    "{name} answers so slowly that {path} was not asked for after {PATIENCE:?}"
                );
                (
                    Verdict::Unknown(sentence(what.clone())),
                    Ok(Evidence::from(what)),
                )
            }
            Err(finding) => {
                let finding = Finding::new(finding.mode, sentence(finding.evidence.to_string()));
                (judged(finding.clone(), pod_uptime::of_pod()), Err(finding))
            }
        };
        let targets = vec![attempt.arrived(&name, outcome)];
        Report {
            targets,
            ..Report::bare(verdict)
        }
    }
}

/// Nobody is told of a server that may only be starting.
fn judged(finding: Finding, age: Option<Duration>) -> Verdict {
    match age.filter(|age| *age < STARTS_WITHIN && finding.mode == M::GcpMetadataUnreachable) {
        Some(age) => Verdict::Unknown(Evidence::from(format!(
            "{}; this pod has run for {} s only, and the metadata server of Workload Identity may take {} s to start",
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
    fn a_server_that_may_be_starting_alarms_nobody() {
        let status = |mode, seconds: Option<u64>| {
            judged(
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
