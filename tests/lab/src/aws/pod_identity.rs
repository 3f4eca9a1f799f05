//! Fake EKS Pod Identity Agent, which issues credentials of a role to a pod.
//!
//! Wire format: the published source of `eks-pod-identity-agent` (its handler, its validation and
//! its errors), and the EKS Auth API reference, `AssumeRoleForPodIdentity`, for the errors of the
//! service behind it.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use serde_json::json;
use time::Duration;

use super::account::{Account, SigningKeys};
use super::{ACCOUNT, ROLE, is_for, jwt_verifier, now, random};
use crate::HOSTILE_TEXT;
use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::http_service::{HttpHandler, HttpService};
use crate::mutex::lock;
use crate::request::Request;
use crate::response::{Response, rfc3339};
use crate::server::Server;

fault_enum! {
    /// Faults of the EKS Pod Identity Agent.
    PodIdentityFault {
        /// The token of the request is lost.
        TokenLost = "token-lost",
        /// 400: EKS Auth rejects the token.
        TokenInvalid = "token-invalid",
        /// 400: EKS Auth reports an expired token.
        TokenExpired = "token-expired",
        /// 400: EKS may not assume the role.
        Denied = "denied",
        /// 404: the service account has no association.
        NoAssociation = "no-association",
        /// 429 from the agent.
        Throttled = "throttled",
        /// 429 from EKS Auth.
        ServiceThrottled = "service-throttled",
        /// 500: the agent cannot reach EKS Auth.
        BackendUnreachable = "backend-unreachable",
        /// 500 from EKS Auth.
        BackendError = "backend-error",
        /// 503 from EKS Auth.
        BackendUnavailable = "backend-unavailable",
        /// 403: the agent was called at another address.
        OtherAddress = "other-address",
        /// 200 with credentials that have expired.
        ExpiredCredentials = "expired-credentials",
        /// 200 with an access key ID and no secret access key.
        MissingSecret = "missing-secret",
        /// 200 with JSON that contains no credentials.
        OtherDocument = "other-document",
        /// 400 with escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Generic(Fault)
}

/// Settings of the EKS Pod Identity Agent.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub addr: SocketAddr,
    /// Pod identity associations: the `sub` of a token and the name of a role.
    pub associations: Vec<(String, String)>,
}

/// A running EKS Pod Identity Agent.
#[derive(Debug)]
pub struct PodIdentity {
    server: Server<PodIdentityFault>,
    issued: Arc<Mutex<Vec<String>>>,
}

struct Handler {
    account: Account,
    associations: Vec<(String, String)>,
    address: String,
    issued: Arc<Mutex<Vec<String>>>,
}

const PATH: &str = "/v1/credentials";
/// Audience of its tokens.
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
    /// Starts listening over plain HTTP, as on a node. Requires a tokio runtime.
    pub fn start(account: &Account, options: Options) -> io::Result<Self> {
        let Options { addr, associations } = options;
        let issued: Arc<Mutex<Vec<String>>> = Arc::default();
        let address = addr.ip().to_string();
        let handler = Handler {
            account: account.clone(),
            associations,
            address,
            issued: issued.clone(),
        };
        Ok(Self {
            server: Server::start(addr, Arc::new(HttpService::plain(handler)))?,
            issued,
        })
    }

    /// Returns the value for `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub fn uri(&self) -> String {
        format!("http://{}{PATH}", self.addr())
    }

    /// Returns all secret access keys and session tokens issued so far.
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

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = PodIdentityFault;

    fn generic_fault(fault: &PodIdentityFault) -> Option<&Fault> {
        if let PodIdentityFault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn respond(&self, request: &Request, fault: Option<&PodIdentityFault>) -> Response {
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
        let token = request
            .header("authorization")
            .filter(|_| fault != Some(&PodIdentityFault::TokenLost));
        let token = token.unwrap_or_default();
        if token.is_empty() {
            return error(400, "Service account token cannot be empty");
        }
        let Some(claims) = jwt_verifier::parse_claims(token) else {
            let reason = "token is malformed: token contains an invalid number of segments";
            return error(
                400,
                &format!("Service account token cannot be parsed: {reason}"),
            );
        };
        if claims.expires <= now(fault.and_then(Self::generic_fault)).unix_timestamp() {
            let reason = "token has invalid claims: token is expired";
            return error(
                400,
                &format!("Service account token failed basic claim validations: {reason}"),
            );
        }
        if let Some(response) = eks_auth_error(fault) {
            return response;
        }
        let audience_accepted = claims.audiences.iter().any(|audience| audience == AUDIENCE);
        if !audience_accepted || !jwt_verifier::is_signed_by(token, &SigningKeys::Lab) {
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

impl Handler {
    fn credentials(&self, role: &str, fault: Option<&PodIdentityFault>) -> Response {
        let lifetime = if fault == Some(&PodIdentityFault::ExpiredCredentials) {
            -Duration::MINUTE
        } else {
            Duration::hours(6)
        };
        let session = format!("eks-lab-castai-age-{}", random::request_id());
        let issued = self.account.issue(role, &session, lifetime);
        lock(&self.issued).extend([issued.secret.clone(), issued.token.clone()]);
        let mut document = json!({
            "AccessKeyId": issued.key_id,
            "SecretAccessKey": issued.secret,
            "Token": issued.token,
            "AccountId": ACCOUNT,
            "Expiration": rfc3339(-lifetime),
        });
        match fault {
            Some(PodIdentityFault::MissingSecret) => document["SecretAccessKey"] = json!(null),
            Some(PodIdentityFault::OtherDocument) => document = json!({ "status": "ok" }),
            _ => {}
        }
        Response::json(200, &document)
    }
}

/// Returns the error of EKS Auth, if any.
fn eks_auth_error(fault: Option<&PodIdentityFault>) -> Option<Response> {
    Some(match fault? {
        PodIdentityFault::TokenInvalid => token_invalid(),
        PodIdentityFault::TokenExpired => rejected(
            400,
            "ExpiredTokenException",
            "The token included in the request is expired.",
            "client",
        ),
        PodIdentityFault::Denied => {
            let text = "EKS does not have permissions to assume the associated role.";
            rejected(400, "AccessDeniedException", text, "client")
        }
        PodIdentityFault::NoAssociation => no_association(),
        PodIdentityFault::ServiceThrottled => {
            rejected(429, "ThrottlingException", "Rate exceeded", "client")
        }
        // In this case the agent reports neither a request ID nor a code.
        PodIdentityFault::BackendUnreachable => error(500, "[]"),
        PodIdentityFault::BackendError => rejected(
            500,
            "InternalServerException",
            "Internal server error",
            "server",
        ),
        PodIdentityFault::BackendUnavailable => rejected(
            503,
            "ServiceUnavailableException",
            "Service is currently unavailable",
            "server",
        ),
        _ => return None,
    })
}

fn token_invalid() -> Response {
    rejected(
        400,
        "InvalidTokenException",
        "The token included in the request is not valid.",
        "client",
    )
}

fn no_association() -> Response {
    let text = "No association found for the service account in the cluster lab.";
    rejected(404, "ResourceNotFoundException", text, "client")
}

fn other_address(host: &str) -> Response {
    let text = format!(
        "Access Denied. Called agent through invalid address, please use either [169.254.170.23 fd00:ec2::23] address \
         not {host}"
    );
    error(403, &text)
}

fn rejected(status: u16, code: &str, message: &str, at_fault: &str) -> Response {
    error(
        status,
        &format!(
            "[{}]: ({code}): {message}, fault: {at_fault}",
            random::request_id()
        ),
    )
}

/// Formats an error like Go's `http.Error`.
fn error(status: u16, text: &str) -> Response {
    Response::text(status, &format!("{text}\n")).with_header("X-Content-Type-Options", "nosniff")
}
