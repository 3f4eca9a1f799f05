//! EC2 instance metadata, read as the agent's SDK reads it: first a session token, then the data.
//!
//! Without a token it tries `IMDSv1`, which distinguishes a hop limit from an unreachable service.
//! Requests bypass proxies.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::aws::credentials_document;
use crate::catalogue::{FailureMode as M, Timeouts};
use crate::config::agent::aws::AccessKey;
use crate::config::agent::link_local::LinkLocalEndpoint;
use crate::net::{Connection, Resolver, Response, Target};
use crate::report::evidence::quote;
use crate::report::{Ec2Instance, Finding, PhaseTimer};

const TTL_HEADER: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
/// Lifetime of the session token, which is used within one attempt.
const TTL_SECONDS: HeaderValue = HeaderValue::from_static("60");
const TOKEN_PATH: &str = "/latest/api/token";
const METADATA_PATH: &str = "/latest/meta-data/";
const ROLES_PATH: &str = "/latest/meta-data/iam/security-credentials/";
const DOCUMENT_PATH: &str = "/latest/dynamic/instance-identity/document";
/// Longest role name that is accepted; IAM allows 64 characters.
const MAX_ROLE_CHARS: usize = 128;
/// Longest field of the identity document that is accepted.
const MAX_FIELD_CHARS: usize = 64;

/// A session with instance metadata, on one connection as long as the server keeps it open.
#[derive(Debug)]
pub struct ImdsSession<'a> {
    target: Target,
    resolver: &'a Resolver,
    prefix: &'a str,
    timer: &'a PhaseTimer,
    connection: Option<Connection>,
    token: Option<HeaderValue>,
}

/// The IAM role of the node.
#[derive(Debug)]
pub struct NodeRole {
    /// Role name.
    pub name: String,
    /// Access key of the role, if complete.
    pub key: Option<AccessKey>,
    /// Expiry of the key, in seconds since 1970.
    pub expiry: Option<i64>,
}

/// The reason why no session token was issued, with its evidence.
enum NoToken {
    /// The request was rejected.
    Rejected(String),
    /// The request timed out.
    TimedOut(String),
}

impl<'a> ImdsSession<'a> {
    /// Prepares a session that records its phases in a timer.
    pub fn new(
        endpoint: &'a LinkLocalEndpoint,
        timeouts: Timeouts,
        resolver: &'a Resolver,
        timer: &'a PhaseTimer,
    ) -> Self {
        let (host, port) = (endpoint.host.clone(), endpoint.port);
        let target = Target {
            host,
            port,
            trust: None,
            server_name: None,
            proxy: None,
            timeouts,
        };
        Self {
            target,
            resolver,
            prefix: &endpoint.prefix,
            timer,
            connection: None,
            token: None,
        }
    }

    /// Returns `host:port`.
    pub fn authority(&self) -> String {
        self.target.authority()
    }

    /// Fetches a session token, or tries `IMDSv1` without one. Returns a finding that the agent
    /// survives.
    ///
    /// # Errors
    /// If instance metadata cannot be read either way.
    pub async fn begin(&mut self) -> Result<Option<Finding>, Finding> {
        match self.fetch_token().await? {
            Ok(()) => Ok(None),
            Err(reason) => self.try_without_token(&reason).await,
        }
    }

    async fn fetch_token(&mut self) -> Result<Result<(), NoToken>, Finding> {
        let headers = HeaderMap::from_iter([(TTL_HEADER, TTL_SECONDS)]);
        let path = format!("{}{TOKEN_PATH}", self.prefix);
        let mut connection = self.open().await?;
        let response = match connection.put(&path, headers, self.timer).await {
            Ok(response) => response,
            Err(finding) if finding.mode == M::HttpTimeout => {
                return Ok(Err(NoToken::TimedOut(finding.evidence.to_string())));
            }
            Err(finding) => return Err(no_response(finding)),
        };
        let status = format!("PUT {TOKEN_PATH} returned {}", response.status);
        match response.status.as_u16() {
            200 => {
                let body = Some(&response.body).filter(|body| !body.is_empty());
                let token = body
                    .filter(|_| !response.truncated)
                    .and_then(|body| HeaderValue::from_bytes(body.trim_ascii()).ok());
                let Some(mut token) = token else {
                    return Err(Finding::new(
                        M::AwsImdsServerError,
                        format!("{status} without a token"),
                    ));
                };
                token.set_sensitive(true);
                self.token = Some(token);
                self.connection = Some(connection);
                Ok(Ok(()))
            }
            // Go's SDK falls back to `IMDSv1` on these.
            403..=405 => Ok(Err(NoToken::Rejected(status))),
            400 => Err(Finding::new(
                M::AwsImdsServerError,
                format!(
                    "{status} {}: a proxy may have dropped the header with the token's TTL",
                    response.quoted()
                ),
            )),
            _ => Err(Finding::new(
                M::AwsImdsServerError,
                format!("{status} {}", response.quoted()),
            )),
        }
    }

    /// Reads without a token; the response shows why the token request failed.
    async fn try_without_token(&mut self, reason: &NoToken) -> Result<Option<Finding>, Finding> {
        let (NoToken::Rejected(token_error) | NoToken::TimedOut(token_error)) = reason;
        let response = self.get(METADATA_PATH).await.map_err(|finding| {
            let evidence = format!("{token_error}; without a token: {}", finding.evidence);
            Finding::new(finding.mode, evidence)
        })?;
        let status = response.status;
        match (status.as_u16(), reason) {
            (200, NoToken::Rejected(_)) => Ok(None),
            (200, NoToken::TimedOut(_)) => Ok(Some(Finding::new(
                M::AwsImdsHopLimit,
                format!(
                    "{token_error}; without a token, GET {METADATA_PATH} returned {status}, so the agent continues after a \
                     delay of some seconds"
                ),
            ))),
            (401, NoToken::TimedOut(_)) => Err(Finding::new(
                M::AwsImdsHopLimit,
                format!(
                    "{token_error}; without a token, GET {METADATA_PATH} returned {status}: tokens are required"
                ),
            )),
            _ => {
                let finding = unexpected_status(&response, METADATA_PATH);
                Err(Finding::new(
                    finding.mode,
                    format!("{token_error}; {}", finding.evidence),
                ))
            }
        }
    }

    /// Reads the instance identity document.
    ///
    /// # Errors
    /// If it does not contain region and account.
    pub async fn document(&mut self) -> Result<Ec2Instance, Finding> {
        let response = self.get(DOCUMENT_PATH).await?;
        if response.status.as_u16() != 200 {
            return Err(unexpected_status(&response, DOCUMENT_PATH));
        }
        let json = response.json().unwrap_or_default();
        match (json["region"].as_str(), json["accountId"].as_str()) {
            (Some(region), Some(account)) if is_identifier(region) && is_identifier(account) => {
                Ok(Ec2Instance {
                    id: json["instanceId"]
                        .as_str()
                        .filter(|id| is_identifier(id))
                        .map(str::to_owned),
                    region: region.to_owned(),
                    account: Some(account.to_owned()),
                    cluster: None,
                })
            }
            _ => Err(Finding::new(
                M::AwsImdsServerError,
                format!(
                    "GET {DOCUMENT_PATH} returned {} without region or account: {}",
                    response.status,
                    response.quoted()
                ),
            )),
        }
    }

    /// Reads the node's role and its access key.
    ///
    /// # Errors
    /// If the node has no role, or its credentials cannot be read.
    pub async fn role(&mut self) -> Result<NodeRole, Finding> {
        let response = self.get(ROLES_PATH).await?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let role = text.lines().next().map(str::trim).unwrap_or_default();
        match response.status.as_u16() {
            404 => return Err(no_role(&response)),
            200 if role.is_empty() => return Err(no_role(&response)),
            200 => {}
            _ => return Err(unexpected_status(&response, ROLES_PATH)),
        }
        if !is_role_name(role) {
            let evidence = format!(
                "GET {ROLES_PATH} returned an invalid role name: {}",
                response.quoted()
            );
            return Err(Finding::new(M::AwsImdsServerError, evidence));
        }
        let path = format!("{ROLES_PATH}{role}");
        let response = self.get(&path).await?;
        let status = format!("GET {path} returned {}", response.status);
        if response.status.as_u16() != 200 {
            // The body is not quoted because it may contain part of a key.
            return Err(Finding::new(
                unexpected_status(&response, &path).mode,
                status,
            ));
        }
        let json = response.json().unwrap_or_default();
        match json["Code"].as_str() {
            Some("Success") => Ok(NodeRole {
                name: role.to_owned(),
                key: credentials_document::access_key(&json),
                expiry: credentials_document::expiry(&json),
            }),
            Some("AssumeRoleUnauthorizedAccess") => Err(Finding::new(
                M::AwsImdsRoleTrust,
                format!(
                    "{status} with code AssumeRoleUnauthorizedAccess: EC2 may not assume the role"
                ),
            )),
            Some(code) => Err(Finding::new(
                M::AwsImdsServerError,
                format!("{status} with code {}", quote(code.as_bytes())),
            )),
            None => Err(Finding::new(
                M::AwsImdsServerError,
                format!("{status} without a code"),
            )),
        }
    }

    /// Sends a GET, with the token if there is one.
    async fn get(&mut self, path: &str) -> Result<Response, Finding> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let headers: HeaderMap = self
            .token
            .iter()
            .map(|token| (TOKEN_HEADER, token.clone()))
            .collect();
        let path = format!("{}{path}", self.prefix);
        let response = connection
            .get(self.resolver, &path, headers, self.timer)
            .await
            .map_err(no_response)?;
        self.connection = Some(connection);
        Ok(response)
    }

    async fn open(&self) -> Result<Connection, Finding> {
        let opened = self.target.open(self.resolver, self.timer).await;
        opened.map_err(|finding| {
            Finding::new(
                M::AwsImdsUnreachable,
                format!("{} ({})", finding.evidence, finding.mode),
            )
        })
    }
}

/// Maps the failure of a request to the mode of instance metadata.
fn no_response(finding: Finding) -> Finding {
    let mode = if finding.mode == M::HttpProtocol {
        M::AwsImdsServerError
    } else {
        M::AwsImdsUnreachable
    };
    Finding::new(mode, finding.evidence)
}

fn unexpected_status(response: &Response, path: &str) -> Finding {
    let status = response.status;
    let mode = match status.as_u16() {
        401 => M::AwsImdsTokenRequired,
        403 => M::AwsImdsDisabled,
        _ => M::AwsImdsServerError,
    };
    Finding::new(
        mode,
        format!("GET {path} returned {status} {}", response.quoted()),
    )
}

fn no_role(response: &Response) -> Finding {
    Finding::new(
        M::AwsImdsNoRole,
        format!(
            "GET {ROLES_PATH} returned {}: the node has no IAM role",
            response.status
        ),
    )
}

fn is_role_name(text: &str) -> bool {
    text.len() <= MAX_ROLE_CHARS
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
}

/// Returns whether a text has the form of an instance ID, region or account.
fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_FIELD_CHARS
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
