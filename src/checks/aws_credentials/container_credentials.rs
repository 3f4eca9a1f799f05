//! Credentials from a container credential server: the EKS Pod Identity agent on the node, or one
//! in the pod.

use crate::aws::container_credentials;
use crate::aws::container_credentials::ContainerCredentials;
use crate::catalogue::{FailureMode as M, Timeouts};
use crate::checks::aws_credentials::source_result::{SourceResult, key_suffix};
use crate::checks::{Attempt, CheckContext};
use crate::config::agent::aws::{
    ContainerCredentialsUri, CredentialServer, CredentialVariables, SkippedReason, Version,
};
use crate::net::authority;
use crate::net::certificate::date;
use crate::report::{Evidence, Finding, Verdict};

/// Checks the token, then requests credentials as the agent's SDK does.
pub(super) async fn check_server(
    container: &ContainerCredentialsUri,
    variables: &CredentialVariables,
    timeouts: Timeouts,
    context: &CheckContext,
    attempt: &Attempt,
) -> SourceResult {
    let server = match CredentialServer::read(container) {
        Ok(server) => server,
        Err(SkippedReason::Refused(why)) => {
            return Verdict::failing(Finding::new(M::AwsNoCredentials, why)).into();
        }
        Err(SkippedReason::NotExamined(why)) => {
            return Verdict::Unknown(Evidence::from(why)).into();
        }
    };
    if let Some(agent) = context
        .aws
        .agent_version()
        .filter(|agent| server.eks && *agent < Version::POD_IDENTITY)
    {
        let evidence = format!(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI points to {}, which the SDK in agent {agent} \
             rejects; upgrade the agent to {} or later",
            server.host,
            Version::POD_IDENTITY
        );
        return Verdict::failing(Finding::new(
            M::AwsPodIdentityUnsupportedByAgentSdk,
            evidence,
        ))
        .into();
    }
    let (token, token_note) = match container_credentials::authorization_token(&server, variables) {
        Ok(token) => token,
        Err(finding) => return Verdict::failing(finding).into(),
    };
    let name = authority(&server.host, server.port);
    let timer = attempt.start_target(&name, true);
    let result = container_credentials::request(
        &server,
        token.as_ref(),
        timeouts,
        &context.network.resolver,
        &timer,
    )
    .await;
    let bypass_note = context
        .network
        .proxy_bypass_note(&server.host, server.port)
        .map(|bypass_note| format!("; {bypass_note}"))
        .unwrap_or_default();
    let (verdict, expiry, outcome) = match result {
        Ok(ContainerCredentials { key, expiry }) => {
            let until = expiry
                .map(|expiry| format!(" valid until {}", date(expiry)))
                .unwrap_or_default();
            let evidence = Evidence::from(format!(
                "{name} returned access key {}{until}{bypass_note}",
                key_suffix(&key.id)
            ));
            (Verdict::Ok(evidence.clone()), expiry, Ok(evidence))
        }
        Err(finding) => {
            let evidence = format!("{name}: {}{token_note}{bypass_note}", finding.evidence);
            let finding = Finding::new(finding.mode, evidence);
            // The agent's SDK retries and keeps its current credentials.
            let throttled = finding.mode == M::AwsPodIdentityThrottled;
            let verdict = if throttled {
                Verdict::Warning(vec![finding.clone()])
            } else {
                Verdict::failing(finding.clone())
            };
            (verdict, None, Err(finding))
        }
    };
    SourceResult {
        verdict,
        expiry,
        target: Some(attempt.finish_target(&name, outcome)),
    }
}
