//! Fake EKS with `DescribeCluster`.
//!
//! Wire format: the Amazon EKS API reference (`DescribeCluster`, "Common errors"), AWS's REST-JSON
//! protocol.

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};

use super::account::{Account, AuthError, Caller, CredentialScope};
use super::policy_denial::PolicyDenial;
use super::{ACCOUNT, Endpoint, is_for, now, random, unknown_operation};
use crate::HOSTILE_TEXT;
use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::http_service::{HttpHandler, HttpService};
use crate::pki::Pki;
use crate::request::Request;
use crate::response::Response;
use crate::server::Server;

fault_enum! {
    /// Control-plane access states of the cluster, and API errors.
    EksFault {
        /// Access is limited to networks that do not contain CAST AI's address.
        Blocked = "blocked",
        /// As `blocked`, during an update of the cluster.
        BlockedWhileUpdating = "blocked-while-updating",
        /// As `blocked`, with 40 long networks, the maximum of EKS.
        BlockedByLongList = "blocked-by-long-list",
        /// As `blocked`, with a shell command in the allow list.
        BlockedByHostileEntry = "blocked-by-hostile-entry",
        /// Access is limited to networks, one of which contains CAST AI's address.
        Listed = "listed",
        /// The control plane has no public endpoint; the allow list is unused.
        Private = "private",
        /// 403: no identity-based policy allows it.
        AccessDenied = "access-denied",
        /// 403: a service control policy denies it.
        DeniedScp = "denied-scp",
        /// 404: the cluster does not exist.
        NotFound = "not-found",
        /// 429: too many requests.
        Throttled = "throttled",
        /// 403: the session has expired.
        ExpiredToken = "expired-token",
        /// 500.
        ServerError = "server-error",
        /// JSON that does not describe a cluster.
        UnrelatedJson = "unrelated-json",
        /// 403 with escape sequences, line feeds and markup in its message.
        Hostile = "hostile",
    } with {
    } or Generic(Fault)
}

/// A running EKS service.
#[derive(Debug)]
pub struct Eks {
    server: Server<EksFault>,
}

struct Handler {
    account: Account,
    names: Vec<String>,
    region: String,
}

/// Name of the only cluster.
const CLUSTER: &str = "lab";

// === impl Eks ===

impl Eks {
    /// Starts listening, over plain HTTP if `pki` is `None`. Requires a tokio runtime.
    pub fn start(account: &Account, pki: Option<&Pki>, endpoint: Endpoint) -> io::Result<Self> {
        let Endpoint {
            addr,
            mut names,
            region,
        } = endpoint;
        names.push(addr.ip().to_string());
        let handler = Handler {
            account: account.clone(),
            names: names.clone(),
            region,
        };
        Ok(Self {
            server: Server::start(addr, Arc::new(HttpService::new(handler, pki, names)))?,
        })
    }
}

impl Deref for Eks {
    type Target = Server<EksFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = EksFault;

    fn generic_fault(fault: &EksFault) -> Option<&Fault> {
        if let EksFault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn respond(&self, request: &Request, fault: Option<&EksFault>) -> Response {
        if !is_for(request, &self.names) {
            return unknown_operation();
        }
        match fault {
            Some(EksFault::ServerError) => {
                return error(500, "ServerException", "Internal server error");
            }
            Some(EksFault::Throttled) => {
                return error(429, "TooManyRequestsException", "Rate exceeded");
            }
            _ => {}
        }
        let caller = match self.caller(request, fault) {
            Ok(caller) => caller,
            Err(rejection) => return rejection,
        };
        let Some(name) = request
            .path()
            .strip_prefix("/clusters/")
            .filter(|_| request.method == "GET")
        else {
            return unknown_operation();
        };
        match fault {
            Some(EksFault::AccessDenied) => {
                return self.denied(&caller, name, PolicyDenial::NoIdentityPolicy);
            }
            Some(EksFault::DeniedScp) => return self.denied(&caller, name, PolicyDenial::Scp),
            Some(EksFault::Hostile) => return error(403, "AccessDeniedException", HOSTILE_TEXT),
            Some(EksFault::UnrelatedJson) => {
                return Response::json(200, &json!({ "clusters": [CLUSTER] }));
            }
            _ => {}
        }
        if name != CLUSTER || fault == Some(&EksFault::NotFound) {
            return error(
                404,
                "ResourceNotFoundException",
                &format!("No cluster found for name: {name}."),
            );
        }
        Response::json(200, &self.cluster(fault))
    }
}

impl Handler {
    fn caller(&self, request: &Request, fault: Option<&EksFault>) -> Result<Caller, Response> {
        let forbidden = |code: &str, message: &str| error(403, code, message);
        let expired = || {
            forbidden(
                "ExpiredTokenException",
                "The security token included in the request is expired",
            )
        };
        if fault == Some(&EksFault::ExpiredToken) {
            return Err(expired());
        }
        let scope = CredentialScope {
            service: "eks",
            region: &self.region,
            now: now(fault.and_then(Self::generic_fault)),
        };
        let bad_signature = |message: &str| forbidden("InvalidSignatureException", message);
        self.account.authenticate(request, scope).map_err(|error| match error {
            AuthError::Unsigned => forbidden("MissingAuthenticationTokenException", "Missing Authentication Token"),
            AuthError::Incomplete(part) => forbidden("IncompleteSignatureException", &part),
            AuthError::UnknownKey => {
                forbidden("UnrecognizedClientException", "The security token included in the request is invalid.")
            }
            AuthError::SessionExpired => expired(),
            AuthError::WrongRegion => bad_signature("Credential should be scoped to a valid region. "),
            AuthError::WrongService => bad_signature("Credential should be scoped to correct service: 'eks'. "),
            AuthError::Skewed(_, stamp) => bad_signature(&format!("Signature expired: {stamp} is now earlier than allowed.")),
            AuthError::SignatureMismatch => bad_signature(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.",
            ),
        })
    }

    fn denied(&self, caller: &Caller, name: &str, denial: PolicyDenial) -> Response {
        let resource = format!(" on resource: {}", self.arn(name));
        error(
            403,
            "AccessDeniedException",
            &denial.message_for_resource(&caller.arn, "eks:DescribeCluster", &resource),
        )
    }

    fn arn(&self, name: &str) -> String {
        format!("arn:aws:eks:{}:{ACCOUNT}:cluster/{name}", self.region)
    }

    fn cluster(&self, fault: Option<&EksFault>) -> Value {
        let private = fault == Some(&EksFault::Private);
        let updating = fault == Some(&EksFault::BlockedWhileUpdating);
        json!({ "cluster": {
            "name": CLUSTER,
            "arn": self.arn(CLUSTER),
            "createdAt": 1_700_000_000.123,
            "version": "1.33",
            "endpoint": format!("https://LAB.gr7.{}.eks.amazonaws.com", self.region),
            "resourcesVpcConfig": {
                "subnetIds": ["subnet-1"],
                "clusterSecurityGroupId": "sg-1",
                "vpcId": "vpc-1",
                "endpointPublicAccess": !private,
                "endpointPrivateAccess": private,
                "publicAccessCidrs": networks(fault),
            },
            "status": if updating { "UPDATING" } else { "ACTIVE" },
            "certificateAuthority": { "data": "bGFi" },
            "platformVersion": "eks.1",
            "tags": {},
        } })
    }
}

/// Returns the allow list.
fn networks(fault: Option<&EksFault>) -> Vec<String> {
    let with_default = |network: &str| vec!["203.0.113.0/24".to_owned(), network.to_owned()];
    match fault {
        Some(EksFault::Blocked | EksFault::BlockedWhileUpdating) => with_default("198.51.100.7/32"),
        Some(EksFault::BlockedByLongList) => (0..40)
            .map(|last| format!("2001:db8:ffff:ffff:ffff::{last:x}/128"))
            .collect(),
        Some(EksFault::BlockedByHostileEntry) => with_default("$(reboot)"),
        Some(EksFault::Listed) => with_default("35.221.40.0/24"),
        _ => vec!["0.0.0.0/0".to_owned()],
    }
}

fn error(status: u16, code: &str, message: &str) -> Response {
    Response::json(status, &json!({ "message": message }))
        .with_header("x-amzn-RequestId", random::request_id())
        .with_header("x-amzn-ErrorType", code)
}
