//! A server of credentials: EKS Pod Identity's agent on the node, or one in the pod.

use super::{Seen, shown, tokens};
use crate::aws::container;
use crate::aws::container::Given;
use crate::catalogue::{FailureMode as M, Limits};
use crate::checks::{Attempt, CheckContext};
use crate::config::Secret;
use crate::config::aws::{Container, CredentialServer, Unasked, Variables, Version};
use crate::net::authority;
use crate::net::certificate::date;
use crate::report::{Evidence, Finding, Trail, Verdict};

/// Looks at the token, and then asks for credentials as the agent's SDK does.
pub(super) async fn look(
    container: &Container,
    variables: &Variables,
    limits: Limits,
    world: &CheckContext,
    attempt: &Attempt,
) -> Seen {
    let server = match CredentialServer::read(container) {
        Ok(server) => server,
        Err(Unasked::Refused(why)) => {
            return Verdict::failing(Finding::new(M::AwsNoCredentials, why)).into();
        }
        Err(Unasked::NotExamined(why)) => return Verdict::Unknown(Evidence::from(why)).into(),
    };
    if let Some(agent) = world
        .aws
        .agent()
        .filter(|agent| server.eks && *agent < Version::POD_IDENTITY)
    {
        let evidence = format!(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI leads to {}, which the SDK of the agent {agent} refuses; from {} on it \
             does not",
            server.host,
            Version::POD_IDENTITY
        );
        return Verdict::failing(Finding::new(
            M::AwsPodIdentityUnsupportedByAgentSdk,
            evidence,
        ))
        .into();
    }
    let (token, about) = match token(&server, variables) {
        Ok(token) => token,
        Err(finding) => return Verdict::failing(finding).into(),
    };
    let name = authority(&server.host, server.port);
    let trail = attempt.trail(&name, true);
    let answered = container::ask(&server, token.as_ref(), limits, &world.resolver, &trail).await;
    let detour = world
        .detour(&server.host, server.port)
        .map(|detour| format!("; {detour}"))
        .unwrap_or_default();
    let (verdict, end, outcome) = match answered {
        Ok(Given { key, end }) => {
            let until = end
                .map(|end| format!(" until {}", date(end)))
                .unwrap_or_default();
            let evidence = Evidence::from(format!(
                "{name} gives the key {}{until}{detour}",
                shown(&key.id)
            ));
            (Verdict::Ok(evidence.clone()), end, Ok(evidence))
        }
        Err(finding) => {
            let evidence = format!("{name}: {}{about}{detour}", finding.evidence);
            let finding = Finding::new(finding.mode, evidence);
            // The agent's SDK tries again, and keeps what it had.
            let passing = finding.mode == M::AwsPodIdentityThrottled;
            let verdict = if passing {
                Verdict::Warning(vec![finding.clone()])
            } else {
                Verdict::failing(finding.clone())
            };
            (verdict, None, Err(finding))
        }
    };
    Seen {
        verdict,
        end,
        target: Some(attempt.arrived(&name, outcome)),
    }
}

/// The credentials alone, for those who sign with them.
///
/// # Errors
/// Why there are none.
pub(crate) async fn credentials(
    container: &Container,
    variables: &Variables,
    limits: Limits,
    world: &CheckContext,
) -> Result<Given, Evidence> {
    let server = CredentialServer::read(container).map_err(|unasked| match unasked {
        Unasked::Refused(why) | Unasked::NotExamined(why) => Evidence::from(why),
    })?;
    let (token, _) = token(&server, variables).map_err(|finding| finding.evidence)?;
    let given = container::ask(
        &server,
        token.as_ref(),
        limits,
        &world.resolver,
        &Trail::default(),
    )
    .await;
    given.map_err(|finding| finding.evidence)
}

/// The token for a server, and what it says of itself; the file goes first, as in the agent's SDK.
fn token(
    server: &CredentialServer,
    variables: &Variables,
) -> Result<(Option<Secret>, String), Finding> {
    match (&variables.container_token_file, &variables.container_token) {
        (Some(file), _) => tokens::pod_identity(file, &server.host, server.eks)
            .map(|(token, about)| (Some(token), about)),
        (None, Some(token)) => Ok((Some(token.clone()), String::new())),
        (None, None) if server.eks => {
            let evidence = format!(
                "{} wants a token, and neither AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE nor \
                 AWS_CONTAINER_AUTHORIZATION_TOKEN is set",
                server.host
            );
            Err(Finding::new(M::AwsPodIdentityTokenInvalid, evidence))
        }
        (None, None) => Ok((None, String::new())),
    }
}
