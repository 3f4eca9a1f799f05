//! Credentials from an endpoint on the node or in the pod, such as the EKS Pod Identity agent.
//!
//! The request bypasses proxies and is sent once, as the agent's SDK sends it.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::aws::{credentials_document, projected_token};
use crate::catalogue::{FailureMode as M, Timeouts};
use crate::classify::pod_identity;
use crate::config::Secret;
use crate::config::agent::aws::{
    AccessKey, ContainerCredentialsUri, CredentialServer, CredentialVariables, SkippedReason,
};
use crate::net::{Resolver, Target};
use crate::report::{Evidence, Finding, PhaseTimer};

/// Temporary credentials from a container credentials endpoint.
#[derive(Debug)]
pub struct ContainerCredentials {
    /// The access key with its session token.
    pub key: AccessKey,
    /// Expiry in seconds since 1970.
    pub expiry: Option<i64>,
}

/// Requests credentials from an endpoint.
///
/// # Errors
/// The failure mode of Pod Identity that the response, or its absence, shows.
pub async fn request(
    server: &CredentialServer,
    token: Option<&Secret>,
    timeouts: Timeouts,
    resolver: &Resolver,
    timer: &PhaseTimer,
) -> Result<ContainerCredentials, Finding> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let value = HeaderValue::from_str(token.reveal());
        let mut value = value.map_err(|_| {
            let evidence = "the token contains a byte that is invalid in an HTTP header, such as a line feed; the \
                            request was not sent";
            Finding::new(M::AwsPodIdentityTokenInvalid, evidence)
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let (host, port) = (server.host.clone(), server.port);
    let target = Target {
        host,
        port,
        trust: None,
        server_name: None,
        proxy: None,
        timeouts,
    };
    let response = async {
        target
            .open(resolver, timer)
            .await?
            .get(resolver, &server.path, headers, timer)
            .await
    };
    let response = response.await.map_err(|finding| {
        Finding::new(
            M::AwsPodIdentityAgentUnreachable,
            format!("{} ({})", finding.evidence, finding.mode),
        )
    })?;
    let status = format!("GET {} returned {}", server.path, response.status);
    if response.status.as_u16() != 200 {
        let mode = pod_identity(
            response.status.as_u16(),
            &String::from_utf8_lossy(&response.body),
        );
        return Err(Finding::new(
            mode,
            format!("{status} {}", response.quoted()),
        ));
    }
    // The body is not quoted because it may contain part of a key.
    let document = response.json().unwrap_or_default();
    let Some(key) = credentials_document::access_key(&document).filter(|key| key.session.is_some())
    else {
        let evidence = format!(
            "{status} without an access key, secret and session token: this is not a credentials endpoint"
        );
        return Err(Finding::new(M::AwsPodIdentityAgentUnreachable, evidence));
    };
    let expiry = credentials_document::expiry(&document);
    if expiry.is_some_and(|expiry| expiry <= jiff::Timestamp::now().as_second()) {
        let evidence =
            format!("{status} with expired credentials: the endpoint cannot get new ones from EKS");
        return Err(Finding::new(M::AwsPodIdentityBackendUnreachable, evidence));
    }
    Ok(ContainerCredentials { key, expiry })
}

/// Obtains the credentials that the agent's variables point to.
///
/// # Errors
/// If the endpoint is not supported, its token is invalid, or the request fails.
pub async fn obtain(
    container: &ContainerCredentialsUri,
    variables: &CredentialVariables,
    timeouts: Timeouts,
    resolver: &Resolver,
) -> Result<ContainerCredentials, Evidence> {
    let server = CredentialServer::read(container).map_err(|unasked| match unasked {
        SkippedReason::Refused(why) | SkippedReason::NotExamined(why) => Evidence::from(why),
    })?;
    let (token, _) = authorization_token(&server, variables).map_err(|finding| finding.evidence)?;
    let given = request(
        &server,
        token.as_ref(),
        timeouts,
        resolver,
        &PhaseTimer::default(),
    )
    .await;
    given.map_err(|finding| finding.evidence)
}

/// Returns the token for an endpoint and a description of it. The file takes precedence, as in the
/// agent's SDK.
///
/// # Errors
/// `aws_pod_identity_token_invalid` if the token is invalid, or EKS Pod Identity needs one and none
/// is configured.
pub fn authorization_token(
    server: &CredentialServer,
    variables: &CredentialVariables,
) -> Result<(Option<Secret>, String), Finding> {
    match (&variables.container_token_file, &variables.container_token) {
        (Some(file), _) => projected_token::pod_identity_token(file, &server.host, server.eks)
            .map(|(token, description)| (Some(token), description)),
        (None, Some(token)) => Ok((Some(token.clone()), String::new())),
        (None, None) if server.eks => {
            let evidence = format!(
                "{} requires a token, but neither AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE nor \
                 AWS_CONTAINER_AUTHORIZATION_TOKEN is set",
                server.host
            );
            Err(Finding::new(M::AwsPodIdentityTokenInvalid, evidence))
        }
        (None, None) => Ok((None, String::new())),
    }
}
