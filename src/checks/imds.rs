//! Does EC2's instance metadata service give the agent what it asks for?
//!
//! A token first, as the agent's SDK does; without one the old way, which tells a hop limit from silence. It is asked
//! straight, never through a proxy, and only for what the agent asks for.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use serde_json::Value;

use crate::catalogue::FailureMode as M;
use crate::catalogue::Limits;
use crate::checks::Attempt;
use crate::checks::Examine;
use crate::checks::World;
use crate::config::Aws;
use crate::config::CheckSettings;
use crate::config::aws::Source;
use crate::config::aws::Use;
use crate::config::aws::profile;
use crate::config::node_local::Endpoint;
use crate::probe::Answer;
use crate::probe::Connection;
use crate::probe::Route;
use crate::verdict::Evidence;
use crate::verdict::Finding;
use crate::verdict::Report;
use crate::verdict::Trail;
use crate::verdict::Verdict;
use crate::verdict::evidence::quote;

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

/// The check `imds`.
#[derive(Debug)]
pub struct Imds {
    aws: Aws,
    limits: Limits,
    world: World,
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
}

/// One walk, on one connection as long as the server keeps it.
struct Walk<'a> {
    route: &'a Route,
    world: &'a World,
    prefix: &'a str,
    trail: &'a Trail,
    connection: Option<Connection>,
    token: Option<HeaderValue>,
}

/// Why there is no token.
enum Tokenless {
    /// The request was answered so.
    Refused(String),
    /// The request was not answered, and how.
    Lost(String),
}

impl Imds {
    /// The check for what the agent is given.
    pub fn new(aws: &Aws, settings: &CheckSettings, world: &World) -> Self {
        Self { aws: aws.clone(), limits: settings.limits, world: world.clone() }
    }

    /// What the agent asks for and whom, or why nothing is asked.
    fn asked(&self) -> Result<(Wants, &Endpoint), Verdict> {
        let not_applicable = |why: String| Err(Verdict::NotApplicable(Evidence::from(why)));
        let document = match self.aws.used() {
            Use::Nothing(why) => return not_applicable(why),
            Use::Lifecycle => false,
            Use::Discovery => true,
        };
        let source = self.aws.variables.source(&profile::read(&self.aws.variables));
        let wants = Wants { document, role: source == Source::Imds };
        if !wants.document && !wants.role {
            return not_applicable(format!(
                "the agent asks for no instance metadata: the cluster's is given, and its credentials come from {}",
                source.label()
            ));
        }
        if self.aws.metadata.disabled {
            return not_applicable("AWS_EC2_METADATA_DISABLED is true, so that the agent does not ask".to_owned());
        }
        match &self.aws.metadata.endpoint {
            Ok(endpoint) => Ok((wants, endpoint)),
            Err(why) => Err(Verdict::Unknown(Evidence::from(why.as_str()))),
        }
    }

    /// What to say when the agent's own requests would take another way.
    fn detour(&self, endpoint: &Endpoint) -> Option<String> {
        let straight = matches!(self.world.proxy_for(false, &endpoint.host, endpoint.port), Ok(None));
        let host = &endpoint.host;
        (!straight).then(|| {
            format!("the agent's HTTP_PROXY holds for {host} as well, and was not used here: put {host} into NO_PROXY")
        })
    }
}

impl Examine for Imds {
    async fn examine(&self, attempt: &Attempt) -> Report {
        let (wants, endpoint) = match self.asked() {
            Ok(asked) => asked,
            Err(verdict) => return Report::bare(verdict),
        };
        let route = Route {
            host: endpoint.host.clone(),
            port: endpoint.port,
            trust: None,
            server_name: None,
            proxy: None,
            limits: self.limits,
        };
        let name = route.target();
        let trail = attempt.trail(&name, true);
        let walk = Walk {
            route: &route,
            world: &self.world,
            prefix: &endpoint.prefix,
            trail: &trail,
            connection: None,
            token: None,
        };
        let detour = self.detour(endpoint);
        let with_detour = |words: String| {
            Evidence::from([Some(words), detour.clone()].into_iter().flatten().collect::<Vec<_>>().join("; "))
        };
        let (outcome, survived, end) = match walk.through(wants).await {
            Ok(seen) => {
                let evidence = with_detour(format!("{name} gives {}", seen.facts.join(" and ")));
                (Ok(evidence), seen.survived, seen.end)
            }
            Err(finding) => (Err(Finding::new(finding.mode, with_detour(finding.evidence.to_string()))), None, None),
        };
        let verdict = match (&outcome, survived) {
            (Ok(_), Some(finding)) => {
                Verdict::Warning(vec![Finding::new(finding.mode, with_detour(finding.evidence.to_string()))])
            }
            (Ok(evidence), None) => Verdict::Ok(evidence.clone()),
            (Err(finding), _) if wants.document => Verdict::failing(finding.clone()),
            (Err(finding), _) => Verdict::Warning(vec![finding.clone()]),
        };
        let targets = vec![attempt.arrived(&name, outcome)];
        Report { targets, credentials_end: end, ..Report::bare(verdict) }
    }
}

impl Walk<'_> {
    async fn through(mut self, wants: Wants) -> Result<Seen, Finding> {
        let mut seen = Seen::default();
        if let Err(why) = self.fetch_token().await? {
            seen.survived = self.without_token(&why).await?;
        }
        if wants.document {
            seen.facts.push(self.document().await?);
        }
        if wants.role {
            let (fact, end) = self.role().await?;
            seen.facts.push(fact);
            seen.end = end;
        }
        Ok(seen)
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
                    return Err(Finding::new(M::AwsImdsServerError, format!("{said} without a token")));
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
                format!("{said} {}: the header with the token's time to live may be lost on the way", answer.quoted()),
            )),
            _ => Err(Finding::new(M::AwsImdsServerError, format!("{said} {}", answer.quoted()))),
        }
    }

    /// Asks without a token: the answer tells why there is none. What the agent survives is returned.
    async fn without_token(&mut self, why: &Tokenless) -> Result<Option<Finding>, Finding> {
        let answer = match self.ask(TOP).await {
            Ok(answer) => answer,
            Err(finding) => {
                let (Tokenless::Refused(token) | Tokenless::Lost(token)) = why;
                return Err(Finding::new(finding.mode, format!("{token}; without a token {}", finding.evidence)));
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
                format!("{lost}; without a token GET {TOP} was answered {status}: tokens are required"),
            )),
            (_, Tokenless::Refused(refused)) => {
                let finding = refused_by(&answer, TOP);
                Err(Finding::new(finding.mode, format!("{refused}; {}", finding.evidence)))
            }
            (_, Tokenless::Lost(lost)) => {
                let finding = refused_by(&answer, TOP);
                Err(Finding::new(finding.mode, format!("{lost}; {}", finding.evidence)))
            }
        }
    }

    /// Region and account.
    async fn document(&mut self) -> Result<String, Finding> {
        let answer = self.ask(DOCUMENT).await?;
        if answer.status.as_u16() != 200 {
            return Err(refused_by(&answer, DOCUMENT));
        }
        let json = answer.json().unwrap_or_default();
        match (json["region"].as_str(), json["accountId"].as_str()) {
            (Some(region), Some(account)) if !region.is_empty() && !account.is_empty() => {
                Ok(format!("region {} and account {}", quote(region.as_bytes()), quote(account.as_bytes())))
            }
            _ => Err(Finding::new(
                M::AwsImdsServerError,
                format!("GET {DOCUMENT} was answered {} without region or account: {}", answer.status, answer.quoted()),
            )),
        }
    }

    /// The node's role and the end of its keys; the keys themselves are not looked at.
    async fn role(&mut self) -> Result<(String, Option<i64>), Finding> {
        let answer = self.ask(ROLES).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let role = text.lines().next().map(str::trim).unwrap_or_default();
        match answer.status.as_u16() {
            404 => return Err(no_role(&answer)),
            200 if role.is_empty() => return Err(no_role(&answer)),
            200 => {}
            _ => return Err(refused_by(&answer, ROLES)),
        }
        let named =
            role.len() <= MAX_ROLE && role.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b));
        if !named {
            let what = format!("GET {ROLES} was answered with what is no role: {}", answer.quoted());
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
            Some("Success") => Ok((format!("the role {role}"), end(&json))),
            Some("AssumeRoleUnauthorizedAccess") => Err(Finding::new(
                M::AwsImdsRoleTrust,
                format!(
                    "GET {path} was answered with the code AssumeRoleUnauthorizedAccess: EC2 may not take the role"
                ),
            )),
            Some(code) => Err(Finding::new(
                M::AwsImdsServerError,
                format!("GET {path} was answered with the code {}", quote(code.as_bytes())),
            )),
            None => Err(Finding::new(M::AwsImdsServerError, format!("GET {path} was answered with something else"))),
        }
    }

    /// A GET, with the token when there is one; no answer is `aws_imds_unreachable`.
    async fn ask(&mut self, path: &str) -> Result<Answer, Finding> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let headers: HeaderMap = self.token.iter().map(|token| (TOKEN, token.clone())).collect();
        let answer = connection
            .get(&self.world.resolver, &format!("{}{path}", self.prefix), headers, self.trail)
            .await
            .map_err(silent)?;
        self.connection = Some(connection);
        Ok(answer)
    }

    async fn open(&self) -> Result<Connection, Finding> {
        let opened = self.route.open(&self.world.resolver, self.trail).await;
        opened
            .map_err(|finding| Finding::new(M::AwsImdsUnreachable, format!("{} ({})", finding.evidence, finding.mode)))
    }
}

/// What it means that no answer could be read.
fn silent(finding: Finding) -> Finding {
    let spoke = finding.mode == M::HttpProtocol;
    Finding::new(if spoke { M::AwsImdsServerError } else { M::AwsImdsUnreachable }, finding.evidence)
}

/// What an answer other than the one hoped for means.
fn refused_by(answer: &Answer, path: &str) -> Finding {
    let status = answer.status;
    let mode = match status.as_u16() {
        401 => M::AwsImdsTokenRequired,
        403 => M::AwsImdsDisabled,
        _ => M::AwsImdsServerError,
    };
    Finding::new(mode, format!("GET {path} was answered {status} {}", answer.quoted()))
}

fn no_role(answer: &Answer) -> Finding {
    Finding::new(M::AwsImdsNoRole, format!("GET {ROLES} was answered {}: the node has no role", answer.status))
}

/// When the keys of a role end, in seconds since 1970.
fn end(document: &Value) -> Option<i64> {
    document["Expiration"].as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::catalogue::Check;
    use crate::config::Config;
    use crate::config::Flags;

    fn detour(variables: &[(&str, &str)]) -> Option<String> {
        let value = |name: &str| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| OsString::from(value));
        let config = Config::load(&Flags::default(), &value).expect("an environment fails nothing");
        let imds = Imds::new(&config.aws, config.check(Check::Imds), &World::new(&config));
        imds.detour(config.aws.metadata.endpoint.as_ref().expect("the usual one"))
    }

    #[test]
    fn a_proxy_that_the_agent_would_take_is_told_and_not_taken() {
        let proxy = ("HTTP_PROXY", "http://proxy:3128");
        assert!(detour(&[proxy]).expect("it holds").contains("put 169.254.169.254 into NO_PROXY"));
        assert_eq!(detour(&[proxy, ("NO_PROXY", "169.254.169.254,.svc")]), None);
        assert_eq!(detour(&[("HTTPS_PROXY", "http://proxy:3128")]), None);
    }
}
