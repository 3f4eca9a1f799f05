//! Checks that the agent's AWS credentials are present, readable and not about to expire.
//!
//! The source is selected as in the agent's SDK, and only that source is checked. Files are read
//! and tokens are decoded, never verified and never shown. A credential server on the node is
//! queried, but AWS is not: `sts_identity` tests whether AWS accepts the credentials. The service
//! account's role annotation is compared with the pod's environment.

mod container_credentials;
mod role_injection;
pub(super) mod source_result;
mod web_identity;

use std::path::Path;

use role_injection::RoleInjection;
use source_result::{SourceResult, key_suffix};

use crate::aws::projected_token::TokenSource;
use crate::catalogue::{CheckId, FailureMode as M, Timeouts};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::agent::aws::profile::ProfileCredentials;
use crate::config::agent::aws::{
    AwsUsage, CredentialSource, CredentialVariables, Profile, ca_bundle, profile,
};
use crate::config::{Aws, CheckSettings, Config};
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Report, Verdict};

/// The check `aws_credentials`.
#[derive(Debug)]
pub struct AwsCredentials {
    aws: Aws,
    timeouts: Timeouts,
    context: CheckContext,
    injection: RoleInjection,
}

impl AwsCredentials {
    /// Creates the check for a configuration.
    pub fn new(config: &Config, settings: &CheckSettings, context: &CheckContext) -> Self {
        let injection = RoleInjection::new(config, context);
        Self {
            aws: config.aws.clone(),
            timeouts: settings.timeouts,
            context: context.clone(),
            injection,
        }
    }

    async fn judge(&self, attempt: &Attempt) -> SourceResult {
        if let Some(path) = &self.aws.ca_bundle
            && let Err(why) = ca_bundle(path)
        {
            let evidence =
                format!("AWS_CA_BUNDLE: {why}; the agent does not start until this is fixed");
            return Verdict::failing(Finding::new(M::AwsCaBundleInvalid, evidence)).into();
        }
        let variables = &self.aws.variables;
        let profile = profile::read(variables);
        if let Profile::Invalid(why) = &profile {
            let evidence = format!("{why}; the agent does not start until this is fixed");
            return Verdict::failing(Finding::new(M::AwsProfileInvalid, evidence)).into();
        }
        let source = variables.source(&profile);
        let injection = self.injection.read_objects(attempt.reports()).await;
        if let Some(injection) = &injection {
            self.context.aws.update_hints(
                injection.pod().and_then(|pod| pod.version),
                injection.role(),
                injection.instance(),
            );
        }
        let result = self.check_source(source, &profile, attempt).await;
        let result = match injection {
            Some(injection) => injection.compare(variables, source, result),
            None => result,
        };
        let result = if variables.has_half_a_key() {
            report_incomplete_key(variables, source, result)
        } else {
            result
        };
        name_source(result, source, variables.source_by_rusts_chain(&profile))
    }

    async fn check_source(
        &self,
        source: CredentialSource,
        profile: &Profile,
        attempt: &Attempt,
    ) -> SourceResult {
        let variables = &self.aws.variables;
        match (source, profile) {
            (CredentialSource::Static, _) => check_static_keys(variables),
            (CredentialSource::WebIdentity, _) => match &variables.token_file {
                Some(file) => self.web_identity(file, variables.role_arn.as_deref()).await,
                None => Verdict::Unknown(Evidence::from("no token file is configured")).into(),
            },
            (
                CredentialSource::Profile,
                Profile::Valid(ProfileCredentials::WebIdentity {
                    token_file,
                    role_arn,
                }),
            ) => self.web_identity(token_file, role_arn.as_deref()).await,
            (CredentialSource::Profile, Profile::Valid(credentials)) => check_profile(credentials),
            (CredentialSource::Profile, Profile::Invalid(why)) => {
                Verdict::Unknown(Evidence::from(why.as_str())).into()
            }
            (CredentialSource::Container, _) => match &variables.container {
                Some(server) => {
                    container_credentials::check_server(
                        server,
                        variables,
                        self.timeouts,
                        &self.context,
                        attempt,
                    )
                    .await
                }
                None => {
                    Verdict::Unknown(Evidence::from("no credential server is configured")).into()
                }
            },
            (CredentialSource::Imds, _) => {
                self.check_node_role(attempt.reports().report(CheckId::Imds))
            }
        }
    }

    async fn web_identity(&self, file: &Path, role_arn: Option<&str>) -> SourceResult {
        let source = TokenSource::of(&self.aws, file);
        web_identity::check_token(source, role_arn, self.context.aws.token_requester()).await
    }

    /// Judges the node's instance role by the result of `imds`.
    fn check_node_role(&self, imds: Option<&Report>) -> SourceResult {
        if self.aws.metadata.disabled {
            let evidence = "the agent has no access key, service-account role or credential \
                            server, and AWS_EC2_METADATA_DISABLED prevents it from using the \
                            node's role";
            return Verdict::failing(Finding::new(M::AwsNoCredentials, evidence)).into();
        }
        let Some(report) = imds else {
            let why =
                "the agent uses the node's role, but the check imds, which reads it, has not run";
            return Verdict::Unknown(Evidence::from(why)).into();
        };
        let verdict = match report.targets.first().map(|target| &target.outcome) {
            Some(Ok(result)) => Verdict::Ok(Evidence::from(format!(
                "no other source is configured, so the agent uses the node's role: {result}"
            ))),
            Some(Err(finding)) => Verdict::failing(Finding::new(
                finding.mode,
                format!(
                    "no other source is configured, and the node's role is unavailable: {}",
                    finding.evidence
                ),
            )),
            None => Verdict::Unknown(Evidence::from(format!(
                "imds: {}",
                report.verdict.evidence()
            ))),
        };
        SourceResult {
            verdict,
            expiry: report.credentials_expiry,
            target: None,
        }
    }
}

impl Check for AwsCredentials {
    async fn run(&self, attempt: &Attempt) -> Report {
        if let AwsUsage::Nothing(why) = self.aws.used() {
            return Report::from_verdict(Verdict::NotApplicable(Evidence::from(why)));
        }
        let SourceResult {
            verdict,
            expiry,
            target,
        } = self.judge(attempt).await;
        Report {
            credentials_expiry: expiry,
            targets: target.into_iter().collect(),
            ..Report::from_verdict(verdict)
        }
    }
}

fn check_static_keys(variables: &CredentialVariables) -> SourceResult {
    let id = key_suffix(variables.key_id.as_deref().unwrap_or_default());
    let kind = if variables.session.is_some() {
        "temporary, expiry unknown"
    } else {
        "long-lived"
    };
    Verdict::Ok(Evidence::from(format!(
        "the environment has access key {id} and its secret, {kind}"
    )))
    .into()
}

fn check_profile(credentials: &ProfileCredentials) -> SourceResult {
    match credentials {
        ProfileCredentials::Keys(key) => Verdict::Ok(Evidence::from(format!(
            "the profile has access key {}",
            key_suffix(&key.id)
        )))
        .into(),
        ProfileCredentials::Role(role) => Verdict::Ok(Evidence::from(format!(
            "the profile has role {}, assumed with access key {}",
            quote(role.arn.as_bytes()),
            key_suffix(&role.key.id)
        )))
        .into(),
        ProfileCredentials::Unprobed(method) => {
            let why = format!(
                "the profile gets credentials through {method}, which this exporter does not check"
            );
            Verdict::Unknown(Evidence::from(why)).into()
        }
        ProfileCredentials::WebIdentity { .. } | ProfileCredentials::Nothing => {
            Verdict::Unknown(Evidence::from("the profile has no credentials")).into()
        }
    }
}

/// Reports an incomplete access key, which the agent ignores as long as another source works.
fn report_incomplete_key(
    variables: &CredentialVariables,
    next: CredentialSource,
    result: SourceResult,
) -> SourceResult {
    let (present, missing) = match &variables.key_id {
        Some(id) => (
            format!("the access key ID {}", key_suffix(id)),
            "its secret",
        ),
        None => ("a secret access key".to_owned(), "its access key ID"),
    };
    let evidence = format!(
        "{present} is set but {missing} is not, so the agent ignores both and uses {}: {}",
        next.label(),
        result.verdict.evidence()
    );
    let finding = Finding::new(M::AwsKeyIncomplete, evidence);
    let verdict = match result.verdict {
        Verdict::Failing(_) => Verdict::failing(finding),
        _ => Verdict::Warning(vec![finding]),
    };
    SourceResult { verdict, ..result }
}

/// Prefixes the source, and notes if other SDKs in the same pod would select a different one.
fn name_source(
    result: SourceResult,
    source: CredentialSource,
    rust_source: CredentialSource,
) -> SourceResult {
    let result = result
        .map_evidence(|evidence| Evidence::from(format!("source {}: {evidence}", source.label())));
    if rust_source == source {
        return result;
    }
    result.with_remark(&format!(
        "SDKs other than Go's, such as Rust's, would use {} here",
        rust_source.label()
    ))
}
