//! A server of credentials on the node, such as the agent of EKS Pod Identity, asked as the agent's SDK asks it.
//!
//! It is asked straight, never through a proxy, once and with the token that the pod is given for it.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::aws::imds;
use crate::catalogue::{FailureMode as M, Limits};
use crate::classify::pod_identity;
use crate::config::Secret;
use crate::config::aws::{CredentialServer, Key};
use crate::net::{Resolver, Route};
use crate::report::{Finding, Trail};

/// What was given.
#[derive(Debug)]
pub struct Given {
    /// A temporary key.
    pub key: Key,
    /// When it ends, in seconds since 1970.
    pub end: Option<i64>,
}

/// Asks for credentials.
///
/// # Errors
/// Why there are none.
pub async fn ask(
    server: &CredentialServer,
    token: Option<&Secret>,
    limits: Limits,
    resolver: &Resolver,
    trail: &Trail,
) -> Result<Given, Finding> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let value = HeaderValue::from_str(token.reveal());
        let mut value = value.map_err(|_| {
            let evidence =
                "the token holds a byte that no header may hold, such as a line feed, so that nothing was sent";
            Finding::new(M::AwsPodIdentityTokenInvalid, evidence)
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let (host, port) = (server.host.clone(), server.port);
    let route = Route {
        host,
        port,
        trust: None,
        server_name: None,
        proxy: None,
        limits,
    };
    let answer = async {
        route
            .open(resolver, trail)
            .await?
            .get(resolver, &server.path, headers, trail)
            .await
    };
    let answer = answer.await.map_err(|finding| {
        Finding::new(
            M::AwsPodIdentityAgentUnreachable,
            format!("{} ({})", finding.evidence, finding.mode),
        )
    })?;
    let said = format!("GET {} was answered {}", server.path, answer.status);
    if answer.status.as_u16() != 200 {
        let mode = pod_identity(
            answer.status.as_u16(),
            &String::from_utf8_lossy(&answer.body),
        );
        return Err(Finding::new(mode, format!("{said} {}", answer.quoted())));
    }
    // What was answered is not quoted: it may be half of a key.
    let document = answer.json().unwrap_or_default();
    let Some(key) = imds::key(&document).filter(|key| key.session.is_some()) else {
        let evidence = format!(
            "{said} without a key, its secret and its token: what answers there gives no credentials"
        );
        return Err(Finding::new(M::AwsPodIdentityAgentUnreachable, evidence));
    };
    let end = imds::end(&document);
    if end.is_some_and(|end| end <= jiff::Timestamp::now().as_second()) {
        let evidence =
            format!("{said} with credentials whose time is over: it gets no new ones from EKS");
        return Err(Finding::new(M::AwsPodIdentityBackendUnreachable, evidence));
    }
    Ok(Given { key, end })
}
