//! Does EC2's instance metadata service give the agent what it asks for?
//!
//! It is asked straight, never through a proxy, and only for what the agent asks for.

use crate::aws::imds::Visit;
use crate::catalogue::Limits;
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::aws::{Source, Use, profile};
use crate::config::node_local::Endpoint;
use crate::config::{Aws, CheckSettings};
use crate::net::authority;
use crate::report::{Evidence, Finding, Instance, Report, Verdict};

/// The check `imds`.
#[derive(Debug)]
pub struct Imds {
    aws: Aws,
    limits: Limits,
    world: CheckContext,
}

/// What the agent asks instance metadata for.
#[derive(Clone, Copy, Debug)]
struct Wants {
    /// Region and account: it does not start without.
    document: bool,
    /// The node's role.
    role: bool,
}

/// What a walk that got everything saw.
#[derive(Debug, Default)]
struct Seen {
    facts: Vec<String>,
    /// What the agent survives.
    survived: Option<Finding>,
    /// When the role's keys end.
    end: Option<i64>,
    /// Which instance this is.
    instance: Option<Instance>,
}

impl Imds {
    /// The check for what the agent is given.
    pub fn new(aws: &Aws, settings: &CheckSettings, world: &CheckContext) -> Self {
        Self {
            aws: aws.clone(),
            limits: settings.limits,
            world: world.clone(),
        }
    }

    /// What the agent asks for and whom, or why nothing is asked.
    fn asked(&self) -> Result<(Wants, &Endpoint), Verdict> {
        let not_applicable = |why: String| Err(Verdict::NotApplicable(Evidence::from(why)));
        let document = match self.aws.used() {
            Use::Nothing(why) => return not_applicable(why),
            Use::Lifecycle => false,
            Use::Discovery => true,
        };
        let source = self
            .aws
            .variables
            .source(&profile::read(&self.aws.variables));
        let wants = Wants {
            document,
            role: source == Source::Imds,
        };
        if !wants.document && !wants.role {
            return not_applicable(format!(
                "the agent asks for no instance metadata: the cluster's is given, and its credentials come from {}",
                source.label()
            ));
        }
        if self.aws.metadata.disabled {
            return not_applicable(
                "AWS_EC2_METADATA_DISABLED is true, so that the agent does not ask".to_owned(),
            );
        }
        match &self.aws.metadata.endpoint {
            Ok(endpoint) => Ok((wants, endpoint)),
            Err(why) => Err(Verdict::Unknown(Evidence::from(why.as_str()))),
        }
    }
}

impl Check for Imds {
    async fn run(&self, attempt: &Attempt) -> Report {
        let (wants, endpoint) = match self.asked() {
            Ok(asked) => asked,
            Err(verdict) => return Report::bare(verdict),
        };
        let name = authority(&endpoint.host, endpoint.port);
        let trail = attempt.trail(&name, true);
        let mut visit = Visit::new(endpoint, self.limits, &self.world.resolver, &trail);
        let detour = self.world.detour(&endpoint.host, endpoint.port);
        let with_detour = |words: String| {
            Evidence::from(
                [Some(words), detour.clone()]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("; "),
            )
        };
        let (outcome, seen) = match through(&mut visit, wants, self.aws.metadata.v1_disabled).await
        {
            Ok(seen) => (
                Ok(with_detour(format!(
                    "{name} gives {}",
                    seen.facts.join(" and ")
                ))),
                seen,
            ),
            Err(finding) => (
                Err(Finding::new(
                    finding.mode,
                    with_detour(finding.evidence.to_string()),
                )),
                Seen::default(),
            ),
        };
        let verdict = match (&outcome, seen.survived) {
            (Ok(_), Some(finding)) => Verdict::Warning(vec![Finding::new(
                finding.mode,
                with_detour(finding.evidence.to_string()),
            )]),
            (Ok(evidence), None) => Verdict::Ok(evidence.clone()),
            (Err(finding), _) if wants.document => Verdict::failing(finding.clone()),
            (Err(finding), _) => Verdict::Warning(vec![finding.clone()]),
        };
        let targets = vec![attempt.arrived(&name, outcome)];
        Report {
            targets,
            credentials_end: seen.end,
            instance: seen.instance,
            ..Report::bare(verdict)
        }
    }
}

/// Goes through everything that is wanted.
async fn through(visit: &mut Visit<'_>, wants: Wants, tokens_only: bool) -> Result<Seen, Finding> {
    let survived = visit.begin().await?;
    if let Some(finding) = survived.as_ref().filter(|_| tokens_only) {
        let evidence = format!(
            "{}; AWS_EC2_METADATA_V1_DISABLED forbids the agent to ask so",
            finding.evidence
        );
        return Err(Finding::new(finding.mode, evidence));
    }
    let mut seen = Seen {
        survived,
        ..Seen::default()
    };
    if wants.document {
        let instance = visit.document().await?;
        let account = instance.account.as_deref().unwrap_or("unknown");
        seen.facts
            .push(format!("region {} and account {account}", instance.region));
        seen.instance = Some(instance);
    }
    if wants.role {
        let role = visit.role().await?;
        seen.facts.push(format!("the role {}", role.name));
        seen.end = role.end;
    }
    Ok(seen)
}
