//! EC2's instance metadata, asked as the agent's SDK asks: a token first, then what is wanted.
//!
//! Without a token the old way is tried, which tells a hop limit from silence. It is asked straight, never through a proxy.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::catalogue::{FailureMode as M, Limits};
use crate::config::Secret;
use crate::config::aws::Key;
use crate::config::node_local::Endpoint;
use crate::net::{Answer, Connection, Resolver, Route};
use crate::report::evidence::quote;
use crate::report::{Finding, Instance, Trail};

const TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const TOKEN_PATH: &str = "/latest/api/token";
const TOP: &str = "/latest/meta-data/";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";
/// A token is used within one attempt.
const TTL_SECONDS: HeaderValue = HeaderValue::from_static("60");
/// The longest name that IAM gives a role, with room.
const MAX_ROLE: usize = 128;
/// The longest word of the identity document that is kept.
const MAX_WORD: usize = 64;

/// One visit, on one connection as long as the server keeps it.
#[derive(Debug)]
pub struct Visit<'a> {
    route: Route,
    resolver: &'a Resolver,
    prefix: &'a str,
    trail: &'a Trail,
    connection: Option<Connection>,
    token: Option<HeaderValue>,
}

/// The node's role.
#[derive(Debug)]
pub struct NodeRole {
    /// Its name.
    pub name: String,
    /// The key for it, when all of it was given.
    pub key: Option<Key>,
    /// When the key ends, in seconds since 1970.
    pub end: Option<i64>,
}

/// Why there is no token.
enum Tokenless {
    /// The request was answered so.
    Refused(String),
    /// The request was not answered, and how.
    Lost(String),
}

impl<'a> Visit<'a> {
    /// Sets out; its phases are marked on the trail.
    pub fn new(
        endpoint: &'a Endpoint,
        limits: Limits,
        resolver: &'a Resolver,
        trail: &'a Trail,
    ) -> Self {
        let (host, port) = (endpoint.host.clone(), endpoint.port);
        let route = Route {
            host,
            port,
            trust: None,
            server_name: None,
            proxy: None,
            limits,
        };
        Self {
            route,
            resolver,
            prefix: &endpoint.prefix,
            trail,
            connection: None,
            token: None,
        }
    }

    /// The target as people know it.
    pub fn target(&self) -> String {
        self.route.target()
    }

    /// Gets a token, or finds out whether it goes without. What the agent survives is returned.
    ///
    /// # Errors
    /// Why the agent is told nothing.
    pub async fn begin(&mut self) -> Result<Option<Finding>, Finding> {
        match self.fetch_token().await? {
            Ok(()) => Ok(None),
            Err(why) => self.without_token(&why).await,
        }
    }

    /// Asks for a token, as the agent's SDK does first.
    async fn fetch_token(&mut self) -> Result<Result<(), Tokenless>, Finding> {
        let headers = HeaderMap::from_iter([(TTL, TTL_SECONDS)]);
        let path = format!("{}{TOKEN_PATH}", self.prefix);
        let mut connection = self.open().await?;
        let answer = match connection.put(&path, headers, self.trail).await {
            Ok(answer) => answer,
            Err(finding) if finding.mode == M::HttpTimeout => {
                return Ok(Err(Tokenless::Lost(finding.evidence.to_string())));
            }
            Err(finding) => return Err(silent(finding)),
        };
        let said = format!("PUT {TOKEN_PATH} was answered {}", answer.status);
        match answer.status.as_u16() {
            200 => {
                let token = Some(&answer.body).filter(|body| !body.is_empty() && !answer.cut);
                let token = token.and_then(|body| HeaderValue::from_bytes(body.trim_ascii()).ok());
                let Some(mut token) = token else {
                    return Err(Finding::new(
                        M::AwsImdsServerError,
                        format!("{said} without a token"),
                    ));
                };
                token.set_sensitive(true);
                self.token = Some(token);
                self.connection = Some(connection);
                Ok(Ok(()))
            }
            // Go's SDK takes these for a server without tokens, and asks in the old way.
            403..=405 => Ok(Err(Tokenless::Refused(said))),
            400 => Err(Finding::new(
                M::AwsImdsServerError,
                format!(
                    "{said} {}: the header with the token's time to live may be lost on the way",
                    answer.quoted()
                ),
            )),
            _ => Err(Finding::new(
                M::AwsImdsServerError,
                format!("{said} {}", answer.quoted()),
            )),
        }
    }

    /// Asks without a token: the answer tells why there is none. What the agent survives is returned.
    async fn without_token(&mut self, why: &Tokenless) -> Result<Option<Finding>, Finding> {
        let answer = match self.ask(TOP).await {
            Ok(answer) => answer,
            Err(finding) => {
                let (Tokenless::Refused(token) | Tokenless::Lost(token)) = why;
                return Err(Finding::new(
                    finding.mode,
                    format!("{token}; without a token {}", finding.evidence),
                ));
            }
        };
        let status = answer.status;
        match (status.as_u16(), why) {
            (200, Tokenless::Refused(_)) => Ok(None),
            (200, Tokenless::Lost(lost)) => Ok(Some(Finding::new(
                M::AwsImdsHopLimit,
                format!(
                    "{lost}; without a token GET {TOP} was answered {status}, so that the agent gets on, some seconds \
                     later"
                ),
            ))),
            (401, Tokenless::Lost(lost)) => Err(Finding::new(
                M::AwsImdsHopLimit,
                format!(
                    "{lost}; without a token GET {TOP} was answered {status}: tokens are required"
                ),
            )),
            (_, Tokenless::Refused(refused)) => {
                let finding = refused_by(&answer, TOP);
                Err(Finding::new(
                    finding.mode,
                    format!("{refused}; {}", finding.evidence),
                ))
            }
            (_, Tokenless::Lost(lost)) => {
                let finding = refused_by(&answer, TOP);
                Err(Finding::new(
                    finding.mode,
                    format!("{lost}; {}", finding.evidence),
                ))
            }
        }
    }

    /// Region and account, as the instance's identity document tells them.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn document(&mut self) -> Result<Instance, Finding> {
        let answer = self.ask(DOCUMENT).await?;
        if answer.status.as_u16() != 200 {
            return Err(refused_by(&answer, DOCUMENT));
        }
        let json = answer.json().unwrap_or_default();
        match (json["region"].as_str(), json["accountId"].as_str()) {
            (Some(region), Some(account)) if is_word(region) && is_word(account) => Ok(Instance {
                id: json["instanceId"]
                    .as_str()
                    .filter(|id| is_word(id))
                    .map(str::to_owned),
                region: region.to_owned(),
                account: Some(account.to_owned()),
                cluster: None,
            }),
            _ => Err(Finding::new(
                M::AwsImdsServerError,
                format!(
                    "GET {DOCUMENT} was answered {} without region or account: {}",
                    answer.status,
                    answer.quoted()
                ),
            )),
        }
    }

    /// The node's role and its key.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn role(&mut self) -> Result<NodeRole, Finding> {
        let answer = self.ask(ROLES).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let role = text.lines().next().map(str::trim).unwrap_or_default();
        match answer.status.as_u16() {
            404 => return Err(no_role(&answer)),
            200 if role.is_empty() => return Err(no_role(&answer)),
            200 => {}
            _ => return Err(refused_by(&answer, ROLES)),
        }
        let named = role.len() <= MAX_ROLE
            && role
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b));
        if !named {
            let what = format!(
                "GET {ROLES} was answered with what is no role: {}",
                answer.quoted()
            );
            return Err(Finding::new(M::AwsImdsServerError, what));
        }
        let path = format!("{ROLES}{role}");
        let answer = self.ask(&path).await?;
        if answer.status.as_u16() != 200 {
            return Err(Finding::new(
                refused_by(&answer, &path).mode,
                format!("GET {path} was answered {}", answer.status),
            ));
        }
        let json = answer.json().unwrap_or_default();
        match json["Code"].as_str() {
            Some("Success") => Ok(NodeRole {
                name: role.to_owned(),
                key: key(&json),
                end: end(&json),
            }),
            Some("AssumeRoleUnauthorizedAccess") => Err(Finding::new(
                M::AwsImdsRoleTrust,
                format!(
                    "GET {path} was answered with the code AssumeRoleUnauthorizedAccess: EC2 may not take the role"
                ),
            )),
            Some(code) => Err(Finding::new(
                M::AwsImdsServerError,
                format!(
                    "GET {path} was answered with the code {}",
                    quote(code.as_bytes())
                ),
            )),
            None => Err(Finding::new(
                M::AwsImdsServerError,
                format!("GET {path} was answered with something else"),
            )),
        }
    }

    /// A GET, with the token when there is one; no answer is `aws_imds_unreachable`.
    async fn ask(&mut self, path: &str) -> Result<Answer, Finding> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let headers: HeaderMap = self
            .token
            .iter()
            .map(|token| (TOKEN, token.clone()))
            .collect();
        let answer = connection
            .get(
                self.resolver,
                &format!("{}{path}", self.prefix),
                headers,
                self.trail,
            )
            .await
            .map_err(silent)?;
        self.connection = Some(connection);
        Ok(answer)
    }

    async fn open(&self) -> Result<Connection, Finding> {
        let opened = self.route.open(self.resolver, self.trail).await;
        opened.map_err(|finding| {
            Finding::new(
                M::AwsImdsUnreachable,
                format!("{} ({})", finding.evidence, finding.mode),
            )
        })
    }
}

/// What it means that no answer could be read.
fn silent(finding: Finding) -> Finding {
    let spoke = finding.mode == M::HttpProtocol;
    Finding::new(
        if spoke {
            M::AwsImdsServerError
        } else {
            M::AwsImdsUnreachable
        },
        finding.evidence,
    )
}

/// What an answer other than the one hoped for means.
fn refused_by(answer: &Answer, path: &str) -> Finding {
    let status = answer.status;
    let mode = match status.as_u16() {
        401 => M::AwsImdsTokenRequired,
        403 => M::AwsImdsDisabled,
        _ => M::AwsImdsServerError,
    };
    Finding::new(
        mode,
        format!("GET {path} was answered {status} {}", answer.quoted()),
    )
}

fn no_role(answer: &Answer) -> Finding {
    Finding::new(
        M::AwsImdsNoRole,
        format!(
            "GET {ROLES} was answered {}: the node has no role",
            answer.status
        ),
    )
}

/// When the keys of a role end, in seconds since 1970.
pub(super) fn end(document: &Value) -> Option<i64> {
    document["Expiration"]
        .as_str()?
        .parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_second)
}

/// The key in a role's document.
pub(super) fn key(document: &Value) -> Option<Key> {
    let text = |name: &str| {
        document[name]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let secret = Secret::new(text("SecretAccessKey")?);
    Some(Key {
        id: text("AccessKeyId")?,
        secret,
        session: text("Token").map(Secret::new),
    })
}

/// A name of AWS's: an id, a region, an account.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_WORD
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
