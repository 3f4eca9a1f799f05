//! Which AWS credentials does the agent use, and are they present, readable and fresh?
//!
//! The source is chosen by the rule of the agent's SDK, and only that one is looked at. Files are read and tokens decoded,
//! never verified and never shown; a server of credentials on the node is asked, and nobody beyond it. Whether AWS accepts
//! them is another check's question. What the service account's annotation demands is held against what the pod has.

pub(crate) mod container;
mod injection;
pub(crate) mod tokens;

use std::path::Path;

use injection::Injection;
use tokens::Origin;

use crate::catalogue::{CheckId, FailureMode as M, Limits};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::aws::profile::Gives;
use crate::config::aws::{Profile, Source, Use, Variables, ca_bundle, profile};
use crate::config::{Aws, CheckSettings, Config};
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Report, TargetReport, Verdict};

/// So much of a key's id is shown.
const SHOWN: usize = 4;

/// The check `aws_credentials`.
#[derive(Debug)]
pub struct AwsCredentials {
    aws: Aws,
    limits: Limits,
    world: CheckContext,
    injection: Injection,
}

/// What was seen of a source.
#[derive(Debug)]
struct Seen {
    verdict: Verdict,
    /// When its credentials, or the token for them, end.
    end: Option<i64>,
    /// The server that was asked.
    target: Option<TargetReport>,
}

impl AwsCredentials {
    /// The check for what the agent is given.
    pub fn new(config: &Config, settings: &CheckSettings, world: &CheckContext) -> Self {
        let injection = Injection::new(config, world);
        Self {
            aws: config.aws.clone(),
            limits: settings.limits,
            world: world.clone(),
            injection,
        }
    }

    async fn judge(&self, attempt: &Attempt) -> Seen {
        if let Some(path) = &self.aws.ca_bundle
            && let Err(why) = ca_bundle(path)
        {
            let evidence = format!("AWS_CA_BUNDLE: {why}; the agent does not start with it");
            return Verdict::failing(Finding::new(M::AwsCaBundleInvalid, evidence)).into();
        }
        let variables = &self.aws.variables;
        let profile = profile::read(variables);
        if let Profile::Invalid(why) = &profile {
            let evidence = format!("{why}; the agent does not start with it");
            return Verdict::failing(Finding::new(M::AwsProfileInvalid, evidence)).into();
        }
        let source = variables.source(&profile);
        let told = self.injection.look(attempt.peers()).await;
        if let Some(told) = &told {
            self.world.aws.learn(
                told.pod().and_then(|pod| pod.version),
                told.role(),
                told.instance(),
            );
        }
        let seen = self.look(source, &profile, attempt).await;
        let seen = match told {
            Some(told) => told.compare(variables, source, seen),
            None => seen,
        };
        let seen = if variables.has_half_a_key() {
            half_a_key(variables, source, seen)
        } else {
            seen
        };
        chosen(seen, source, variables.source_by_rusts_chain(&profile))
    }

    async fn look(&self, source: Source, profile: &Profile, attempt: &Attempt) -> Seen {
        let variables = &self.aws.variables;
        match (source, profile) {
            (Source::Static, _) => keys(variables),
            (Source::WebIdentity, _) => match &variables.token_file {
                Some(file) => self.web_identity(file, variables.role_arn.as_deref()).await,
                None => Verdict::Unknown(Evidence::from("no token file is named")).into(),
            },
            (
                Source::Profile,
                Profile::Gives(Gives::WebIdentity {
                    token_file,
                    role_arn,
                }),
            ) => self.web_identity(token_file, role_arn.as_deref()).await,
            (Source::Profile, Profile::Gives(gives)) => of_profile(gives),
            (Source::Profile, Profile::Invalid(why)) => {
                Verdict::Unknown(Evidence::from(why.as_str())).into()
            }
            (Source::Container, _) => match &variables.container {
                Some(server) => {
                    container::look(server, variables, self.limits, &self.world, attempt).await
                }
                None => {
                    Verdict::Unknown(Evidence::from("no server of credentials is named")).into()
                }
            },
            (Source::Imds, _) => self.node(attempt.peers().report(CheckId::Imds)),
        }
    }

    async fn web_identity(&self, file: &Path, role_arn: Option<&str>) -> Seen {
        tokens::web_identity(Origin::of(&self.aws, file), role_arn, &self.world).await
    }

    /// The node's role, as `imds` has seen it.
    fn node(&self, imds: Option<&Report>) -> Seen {
        if self.aws.metadata.disabled {
            let evidence = "no keys, no role of the service account and no server of credentials is given, and \
                            AWS_EC2_METADATA_DISABLED forbids the agent to ask for the node's role";
            return Verdict::failing(Finding::new(M::AwsNoCredentials, evidence)).into();
        }
        let Some(report) = imds else {
            let why =
                "the node's role would be used; the check imds, which would tell, has not run";
            return Verdict::Unknown(Evidence::from(why)).into();
        };
        let verdict = match report.targets.first().map(|target| &target.outcome) {
            Some(Ok(seen)) => Verdict::Ok(Evidence::from(format!(
                "nothing else is given, so the node's role is used: {seen}"
            ))),
            Some(Err(finding)) => Verdict::failing(Finding::new(
                finding.mode,
                format!(
                    "nothing else is given, and the node's role cannot be used: {}",
                    finding.evidence
                ),
            )),
            None => Verdict::Unknown(Evidence::from(format!(
                "imds: {}",
                report.verdict.evidence()
            ))),
        };
        Seen {
            verdict,
            end: report.credentials_end,
            target: None,
        }
    }
}

impl Check for AwsCredentials {
    async fn run(&self, attempt: &Attempt) -> Report {
        if let Use::Nothing(why) = self.aws.used() {
            return Report::bare(Verdict::NotApplicable(Evidence::from(why)));
        }
        let Seen {
            verdict,
            end,
            target,
        } = self.judge(attempt).await;
        Report {
            credentials_end: end,
            targets: target.into_iter().collect(),
            ..Report::bare(verdict)
        }
    }
}

impl From<Verdict> for Seen {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            end: None,
            target: None,
        }
    }
}

impl Seen {
    /// The same, with words behind the evidence.
    fn remarked(self, remark: &str) -> Self {
        self.told(|evidence| Evidence::from(format!("{evidence}; {remark}")))
    }

    fn told(self, told: impl Fn(&Evidence) -> Evidence) -> Self {
        let all = |findings: &[Finding]| {
            findings
                .iter()
                .map(|one| Finding::new(one.mode, told(&one.evidence)))
                .collect()
        };
        let verdict = match &self.verdict {
            Verdict::Ok(evidence) => Verdict::Ok(told(evidence)),
            Verdict::Unknown(why) => Verdict::Unknown(told(why)),
            Verdict::NotApplicable(why) => Verdict::NotApplicable(told(why)),
            Verdict::Warning(findings) => Verdict::Warning(all(findings)),
            Verdict::Failing(findings) => Verdict::Failing(all(findings)),
        };
        Self { verdict, ..self }
    }
}

fn keys(variables: &Variables) -> Seen {
    let id = shown(variables.key_id.as_deref().unwrap_or_default());
    let kind = if variables.session.is_some() {
        "temporary; their end is not known here"
    } else {
        "without an end"
    };
    Verdict::Ok(Evidence::from(format!(
        "the environment gives the key {id} and its secret, {kind}"
    )))
    .into()
}

fn of_profile(gives: &Gives) -> Seen {
    match gives {
        Gives::Keys(key) => Verdict::Ok(Evidence::from(format!(
            "the profile gives the key {}",
            shown(&key.id)
        )))
        .into(),
        Gives::Role(role) => Verdict::Ok(Evidence::from(format!(
            "the profile gives the role {}, taken with the key {}",
            quote(role.arn.as_bytes()),
            shown(&role.key.id)
        )))
        .into(),
        Gives::Unprobed(way) => {
            let why = format!(
                "the profile gives credentials by {way}, which the exporter does not examine"
            );
            Verdict::Unknown(Evidence::from(why)).into()
        }
        Gives::WebIdentity { .. } | Gives::Nothing => {
            Verdict::Unknown(Evidence::from("the profile gives no credentials")).into()
        }
    }
}

/// Half a key is overlooked by the agent: a slip that it survives as long as its next source is there.
fn half_a_key(variables: &Variables, next: Source, seen: Seen) -> Seen {
    let (there, missing) = match &variables.key_id {
        Some(id) => (format!("the key's id {}", shown(id)), "its secret"),
        None => ("a key's secret".to_owned(), "its id"),
    };
    let evidence = format!(
        "{there} is set and {missing} is not, so the agent overlooks both and uses {}: {}",
        next.label(),
        seen.verdict.evidence()
    );
    let finding = Finding::new(M::AwsKeyIncomplete, evidence);
    let verdict = match seen.verdict {
        Verdict::Failing(_) => Verdict::failing(finding),
        _ => Verdict::Warning(vec![finding]),
    };
    Seen { verdict, ..seen }
}

/// Names the source, and where another SDK in the same pod would go elsewhere.
fn chosen(seen: Seen, source: Source, rusts: Source) -> Seen {
    let seen =
        seen.told(|evidence| Evidence::from(format!("source {}: {evidence}", source.label())));
    if rusts == source {
        return seen;
    }
    seen.remarked(&format!(
        "SDKs that are not Go's, such as Rust's, would use {} here",
        rusts.label()
    ))
}

/// The end of a key's id, enough to tell two keys apart.
pub(super) fn shown(id: &str) -> String {
    let letters: Vec<char> = id.chars().collect();
    if letters.len() < 4 * SHOWN {
        return "…".to_owned();
    }
    format!(
        "…{}",
        letters[letters.len() - SHOWN..].iter().collect::<String>()
    )
}
