//! The agent of EKS Pod Identity on the node, which gives a pod the credentials of its role.
//!
//! Wire format: the published source of `eks-pod-identity-agent` (its handler, its validation and its errors), and the
//! EKS Auth API reference, `AssumeRoleForPodIdentity`, for what the service behind it says.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use serde_json::json;
use time::Duration;

use super::account::{Account, Signs};
use super::{ACCOUNT, ROLE, is_for, now, random, token};
use crate::HOSTILE_TEXT;
use crate::answer::{Answer, rfc3339};
use crate::fault::Fault;
use crate::journal::lock;
use crate::request::Request;
use crate::server::Server;
use crate::vocabulary::vocabulary;
use crate::web::{Application, Web};

vocabulary! {
    /// What the agent of EKS Pod Identity can do wrong, or find wrong.
    PodIdentityFault {
        /// The request's token gets lost on the way.
        TokenLost = "token-lost",
        /// 400: the service does not take the token.
        TokenInvalid = "token-invalid",
        /// 400: the service says that the token's time is over.
        TokenExpired = "token-expired",
        /// 400: EKS may not take the role for the pod.
        Denied = "denied",
        /// 404: the service account has no association.
        NoAssociation = "no-association",
        /// 429 by the agent.
        Throttled = "throttled",
        /// 429 by the service behind it.
        ServiceThrottled = "service-throttled",
        /// 500: the agent cannot reach the service behind it.
        BackendUnreachable = "backend-unreachable",
        /// 500 by the service behind it.
        BackendError = "backend-error",
        /// 503 by the service behind it.
        BackendUnavailable = "backend-unavailable",
        /// 403: the agent was called by another address than its own.
        OtherAddress = "other-address",
        /// 200 with credentials whose time is over.
        OverAlready = "over-already",
        /// 200 with a key and no secret.
        HalfAKey = "half-a-key",
        /// 200 with JSON that holds no credentials.
        OtherDocument = "other-document",
        /// 400 with escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Line(Fault)
}

/// How the agent of EKS Pod Identity is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The role of each service account, by the token's `sub`.
    pub associations: Vec<(String, String)>,
}

/// A running agent of EKS Pod Identity.
#[derive(Debug)]
pub struct PodIdentity {
    server: Server<PodIdentityFault>,
    issued: Arc<Mutex<Vec<String>>>,
}

struct App {
    account: Account,
    associations: Vec<(String, String)>,
    address: String,
    issued: Arc<Mutex<Vec<String>>>,
}

const PATH: &str = "/v1/credentials";
/// Whom its tokens are made for.
pub(super) const AUDIENCE: &str = "pods.eks.amazonaws.com";

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 62, 1], 0)),
            associations: vec![(super::SUBJECT.to_owned(), ROLE.to_owned())],
        }
    }
}

// === impl PodIdentity ===

impl PodIdentity {
    /// Starts listening in the clear, as it does on a node; must be called inside a runtime.
    pub fn start(account: &Account, options: Options) -> io::Result<Self> {
        let Options { addr, associations } = options;
        let issued: Arc<Mutex<Vec<String>>> = Arc::default();
        let address = addr.ip().to_string();
        let app = App {
            account: account.clone(),
            associations,
            address,
            issued: issued.clone(),
        };
        Ok(Self {
            server: Server::start(addr, Arc::new(Web::over(app, None, Vec::new())))?,
            issued,
        })
    }

    /// What `AWS_CONTAINER_CREDENTIALS_FULL_URI` has to be.
    pub fn uri(&self) -> String {
        format!("http://{}{PATH}", self.addr())
    }

    /// Every secret and session token that it gave away.
    pub fn issued(&self) -> Vec<String> {
        lock(&self.issued).clone()
    }
}

impl Deref for PodIdentity {
    type Target = Server<PodIdentityFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl App ===

impl Application for App {
    type Fault = PodIdentityFault;

    fn line(fault: &PodIdentityFault) -> Option<&Fault> {
        if let PodIdentityFault::Line(line) = fault {
            Some(line)
        } else {
            None
        }
    }

    fn answer(&self, request: &Request, fault: Option<&PodIdentityFault>) -> Answer {
        if request.path() != PATH {
            return error(404, "404 page not found");
        }
        match fault {
            Some(PodIdentityFault::Throttled) => return error(429, "Too Many Requests"),
            Some(PodIdentityFault::OtherAddress) => return other_address("169.254.170.23"),
            Some(PodIdentityFault::Hostile) => return error(400, HOSTILE_TEXT),
            _ if !is_for(request, std::slice::from_ref(&self.address)) => {
                return other_address(request.header("host").unwrap_or_default());
            }
            _ => {}
        }
        let sent = request
            .header("authorization")
            .filter(|_| fault != Some(&PodIdentityFault::TokenLost));
        let sent = sent.unwrap_or_default();
        if sent.is_empty() {
            return error(400, "Service account token cannot be empty");
        }
        let Some(claims) = token::claims(sent) else {
            let what = "token is malformed: token contains an invalid number of segments";
            return error(
                400,
                &format!("Service account token cannot be parsed: {what}"),
            );
        };
        if claims.expires <= now(fault.and_then(Self::line)).unix_timestamp() {
            let what = "token has invalid claims: token is expired";
            return error(
                400,
                &format!("Service account token failed basic claim validations: {what}"),
            );
        }
        if let Some(answer) = service(fault) {
            return answer;
        }
        let known = claims.audiences.iter().any(|audience| audience == AUDIENCE);
        if !known || !token::is_signed_by(sent, &Signs::Lab) {
            return token_invalid();
        }
        match self
            .associations
            .iter()
            .find(|(subject, _)| *subject == claims.subject)
        {
            Some((_, role)) => self.credentials(role, fault),
            None => no_association(),
        }
    }
}

impl App {
    fn credentials(&self, role: &str, fault: Option<&PodIdentityFault>) -> Answer {
        let life = if fault == Some(&PodIdentityFault::OverAlready) {
            -Duration::MINUTE
        } else {
            Duration::hours(6)
        };
        let session = format!("eks-lab-castai-age-{}", random::request_id());
        let issued = self.account.issue(role, &session, life);
        lock(&self.issued).extend([issued.secret.clone(), issued.token.clone()]);
        let mut document = json!({
            "AccessKeyId": issued.key_id,
            "SecretAccessKey": issued.secret,
            "Token": issued.token,
            "AccountId": ACCOUNT,
            "Expiration": rfc3339(-life),
        });
        match fault {
            Some(PodIdentityFault::HalfAKey) => document["SecretAccessKey"] = json!(null),
            Some(PodIdentityFault::OtherDocument) => document = json!({ "status": "ok" }),
            _ => {}
        }
        Answer::json(200, &document)
    }
}

/// What the service behind it says, when it says no.
fn service(fault: Option<&PodIdentityFault>) -> Option<Answer> {
    Some(match fault? {
        PodIdentityFault::TokenInvalid => token_invalid(),
        PodIdentityFault::TokenExpired => refused(
            400,
            "ExpiredTokenException",
            "The token included in the request is expired.",
            "client",
        ),
        PodIdentityFault::Denied => {
            let text = "EKS does not have permissions to assume the associated role.";
            refused(400, "AccessDeniedException", text, "client")
        }
        PodIdentityFault::NoAssociation => no_association(),
        PodIdentityFault::ServiceThrottled => {
            refused(429, "ThrottlingException", "Rate exceeded", "client")
        }
        // The agent has no request id and no code to tell of then.
        PodIdentityFault::BackendUnreachable => error(500, "[]"),
        PodIdentityFault::BackendError => refused(
            500,
            "InternalServerException",
            "Internal server error",
            "server",
        ),
        PodIdentityFault::BackendUnavailable => refused(
            503,
            "ServiceUnavailableException",
            "Service is currently unavailable",
            "server",
        ),
        _ => return None,
    })
}

fn token_invalid() -> Answer {
    refused(
        400,
        "InvalidTokenException",
        "The token included in the request is not valid.",
        "client",
    )
}

fn no_association() -> Answer {
    let text = "No association found for the service account in the cluster lab.";
    refused(404, "ResourceNotFoundException", text, "client")
}

fn other_address(host: &str) -> Answer {
    let text = format!(
        "Access Denied. Called agent through invalid address, please use either [169.254.170.23 fd00:ec2::23] address \
         not {host}"
    );
    error(403, &text)
}

fn refused(status: u16, code: &str, message: &str, whose: &str) -> Answer {
    error(
        status,
        &format!(
            "[{}]: ({code}): {message}, fault: {whose}",
            random::request_id()
        ),
    )
}

/// As Go's `http.Error` answers.
fn error(status: u16, text: &str) -> Answer {
    Answer::text(status, &format!("{text}\n")).with("X-Content-Type-Options", "nosniff")
}
