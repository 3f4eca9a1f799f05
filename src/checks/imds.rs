//! Checks that EC2's instance metadata service returns the values that the agent reads.
//!
//! Connects directly, never through a proxy, and requests only what the agent requests.

use crate::aws::imds::ImdsSession;
use crate::catalogue::Timeouts;
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::agent::aws::{AwsUsage, CredentialSource, profile};
use crate::config::agent::link_local::LinkLocalEndpoint;
use crate::config::{Aws, CheckSettings};
use crate::net::authority;
use crate::report::{Ec2Instance, Evidence, Finding, Report, Verdict};

/// The check `imds`.
#[derive(Debug)]
pub struct Imds {
    aws: Aws,
    timeouts: Timeouts,
    context: CheckContext,
}

/// The values that the agent reads from instance metadata.
#[derive(Clone, Copy, Debug)]
struct WantedMetadata {
    /// Region and account, without which it does not start.
    document: bool,
    /// The node's IAM role.
    role: bool,
}

/// The values that were read.
#[derive(Debug, Default)]
struct InstanceMetadata {
    facts: Vec<String>,
    /// A failure that the agent tolerates.
    tolerated: Option<Finding>,
    /// The expiry of the role's credentials.
    expiry: Option<i64>,
    /// The instance of this node.
    instance: Option<Ec2Instance>,
}

impl Imds {
    /// Creates the check.
    pub fn new(aws: &Aws, settings: &CheckSettings, context: &CheckContext) -> Self {
        Self {
            aws: aws.clone(),
            timeouts: settings.timeouts,
            context: context.clone(),
        }
    }

    /// Returns what the agent reads and from which endpoint, or why it reads nothing.
    fn wanted(&self) -> Result<(WantedMetadata, &LinkLocalEndpoint), Verdict> {
        let not_applicable = |why: String| Err(Verdict::NotApplicable(Evidence::from(why)));
        let document = match self.aws.used() {
            AwsUsage::Nothing(why) => return not_applicable(why),
            AwsUsage::Lifecycle => false,
            AwsUsage::Discovery => true,
        };
        let source = self
            .aws
            .variables
            .source(&profile::read(&self.aws.variables));
        let wanted = WantedMetadata {
            document,
            role: source == CredentialSource::Imds,
        };
        if !wanted.document && !wanted.role {
            return not_applicable(format!(
                "the agent reads no instance metadata: EKS_* is set, and its credentials come \
                 from {}",
                source.label()
            ));
        }
        if self.aws.metadata.disabled {
            return not_applicable(
                "the agent does not use instance metadata: AWS_EC2_METADATA_DISABLED is true"
                    .to_owned(),
            );
        }
        match &self.aws.metadata.endpoint {
            Ok(endpoint) => Ok((wanted, endpoint)),
            Err(why) => Err(Verdict::Unknown(Evidence::from(why.to_string()))),
        }
    }
}

impl Check for Imds {
    async fn run(&self, attempt: &Attempt) -> Report {
        let (wanted, endpoint) = match self.wanted() {
            Ok(wanted) => wanted,
            Err(verdict) => return Report::from_verdict(verdict),
        };
        let name = authority(&endpoint.host, endpoint.port);
        let timer = attempt.start_target(&name, true);
        let mut session = ImdsSession::new(
            endpoint,
            self.timeouts,
            &self.context.network.resolver,
            &timer,
        );
        let bypass_note = self
            .context
            .network
            .proxy_bypass_note(&endpoint.host, endpoint.port);
        let with_bypass_note = |words: String| {
            Evidence::from(
                [Some(words), bypass_note.clone()]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("; "),
            )
        };
        let (outcome, metadata) =
            match read_metadata(&mut session, wanted, self.aws.metadata.v1_disabled).await {
                Ok(metadata) => (
                    Ok(with_bypass_note(format!(
                        "{name} returns {}",
                        metadata.facts.join(" and ")
                    ))),
                    metadata,
                ),
                Err(finding) => (
                    Err(Finding::new(
                        finding.mode,
                        with_bypass_note(finding.evidence.to_string()),
                    )),
                    InstanceMetadata::default(),
                ),
            };
        let verdict = match (&outcome, metadata.tolerated) {
            (Ok(_), Some(finding)) => Verdict::Warning(vec![Finding::new(
                finding.mode,
                with_bypass_note(finding.evidence.to_string()),
            )]),
            (Ok(evidence), None) => Verdict::Ok(evidence.clone()),
            (Err(finding), _) if wanted.document => Verdict::failing(finding.clone()),
            (Err(finding), _) => Verdict::Warning(vec![finding.clone()]),
        };
        let targets = vec![attempt.finish_target(&name, outcome)];
        Report {
            targets,
            credentials_expiry: metadata.expiry,
            instance: metadata.instance,
            ..Report::from_verdict(verdict)
        }
    }
}

/// Reads all wanted values.
async fn read_metadata(
    session: &mut ImdsSession<'_>,
    wanted: WantedMetadata,
    tokens_only: bool,
) -> Result<InstanceMetadata, Finding> {
    let tolerated = session.begin().await?;
    if let Some(finding) = tolerated.as_ref().filter(|_| tokens_only) {
        let evidence = format!(
            "{}; the agent does not fall back to IMDSv1: AWS_EC2_METADATA_V1_DISABLED is true",
            finding.evidence
        );
        return Err(Finding::new(finding.mode, evidence));
    }
    let mut metadata = InstanceMetadata {
        tolerated,
        ..InstanceMetadata::default()
    };
    if wanted.document {
        let instance = session.document().await?;
        let account = instance.account.as_deref().unwrap_or("unknown");
        metadata
            .facts
            .push(format!("region {} and account {account}", instance.region));
        metadata.instance = Some(instance);
    }
    if wanted.role {
        let role = session.role().await?;
        metadata.facts.push(format!("the role {}", role.name));
        metadata.expiry = role.expiry;
    }
    Ok(metadata)
}
