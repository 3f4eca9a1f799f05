//! EKS, as far as `DescribeCluster` goes.
//!
//! Wire format: the Amazon EKS API reference (`DescribeCluster`, "Common errors"), AWS's REST protocol with JSON.

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};

use super::account::{Account, Caller, Demand, Refusal};
use super::denial::Denial;
use super::{ACCOUNT, Place, is_for, now, random, unknown_operation};
use crate::HOSTILE_TEXT;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::pki::Pki;
use crate::request::Request;
use crate::server::Server;
use crate::vocabulary::vocabulary;
use crate::web::{Application, Web};

vocabulary! {
    /// What the cluster's control plane lets in, and what EKS answers instead of telling it.
    EksFault {
        /// Only networks that do not hold CAST AI's address may reach the control plane.
        Blocked = "blocked",
        /// The same, and the cluster is being changed.
        BlockedWhileUpdating = "blocked-while-updating",
        /// The same, and the list has 40 networks, the most that EKS takes, none of them short.
        BlockedByMany = "blocked-by-many",
        /// The same, and an entry of the list holds what a shell would run.
        BlockedByHostile = "blocked-by-hostile",
        /// A network that holds CAST AI's address may reach the control plane.
        Listed = "listed",
        /// The control plane has no address on the internet, and a list that nobody uses.
        Private = "private",
        /// 403: no policy of the caller allows it.
        AccessDenied = "access-denied",
        /// 403: a service control policy denies it.
        DeniedScp = "denied-scp",
        /// 404: there is no such cluster.
        NotFound = "not-found",
        /// 429: too many requests.
        Throttled = "throttled",
        /// 403: the session is over.
        ExpiredToken = "expired-token",
        /// 500.
        ServerError = "server-error",
        /// JSON that is not about a cluster.
        SomethingElse = "something-else",
        /// 403 whose message holds escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Line(Fault)
}

/// A running EKS.
#[derive(Debug)]
pub struct Eks {
    server: Server<EksFault>,
}

struct App {
    account: Account,
    names: Vec<String>,
    region: String,
}

/// The only cluster.
const CLUSTER: &str = "lab";

// === impl Eks ===

impl Eks {
    /// Starts listening, in the clear without authorities; must be called inside a runtime.
    pub fn start(account: &Account, pki: Option<&Pki>, place: Place) -> io::Result<Self> {
        let Place {
            addr,
            mut names,
            region,
        } = place;
        names.push(addr.ip().to_string());
        let app = App {
            account: account.clone(),
            names: names.clone(),
            region,
        };
        Ok(Self {
            server: Server::start(addr, Arc::new(Web::over(app, pki, names)))?,
        })
    }
}

impl Deref for Eks {
    type Target = Server<EksFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl App ===

impl Application for App {
    type Fault = EksFault;

    fn line(fault: &EksFault) -> Option<&Fault> {
        if let EksFault::Line(line) = fault {
            Some(line)
        } else {
            None
        }
    }

    fn answer(&self, request: &Request, fault: Option<&EksFault>) -> Answer {
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
            Err(refused) => return refused,
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
                return self.denied(&caller, name, Denial::NoIdentityPolicy);
            }
            Some(EksFault::DeniedScp) => return self.denied(&caller, name, Denial::Scp),
            Some(EksFault::Hostile) => return error(403, "AccessDeniedException", HOSTILE_TEXT),
            Some(EksFault::SomethingElse) => {
                return Answer::json(200, &json!({ "clusters": [CLUSTER] }));
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
        Answer::json(200, &self.cluster(fault))
    }
}

impl App {
    fn caller(&self, request: &Request, fault: Option<&EksFault>) -> Result<Caller, Answer> {
        let refused = |code: &str, message: &str| error(403, code, message);
        let expired = || {
            refused(
                "ExpiredTokenException",
                "The security token included in the request is expired",
            )
        };
        if fault == Some(&EksFault::ExpiredToken) {
            return Err(expired());
        }
        let demand = Demand {
            service: "eks",
            region: &self.region,
            now: now(fault.and_then(Self::line)),
        };
        let signature = |message: &str| refused("InvalidSignatureException", message);
        self.account.authenticate(request, demand).map_err(|refusal| match refusal {
            Refusal::Unsigned => refused("MissingAuthenticationTokenException", "Missing Authentication Token"),
            Refusal::Incomplete(what) => refused("IncompleteSignatureException", &what),
            Refusal::UnknownKey => {
                refused("UnrecognizedClientException", "The security token included in the request is invalid.")
            }
            Refusal::SessionOver => expired(),
            Refusal::Region => signature("Credential should be scoped to a valid region. "),
            Refusal::Service => signature("Credential should be scoped to correct service: 'eks'. "),
            Refusal::Skewed(_, stamp) => signature(&format!("Signature expired: {stamp} is now earlier than allowed.")),
            Refusal::Mismatch => signature(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.",
            ),
        })
    }

    fn denied(&self, caller: &Caller, name: &str, denial: Denial) -> Answer {
        let on = format!(" on resource: {}", self.arn(name));
        error(
            403,
            "AccessDeniedException",
            &denial.sentence_on(&caller.arn, "eks:DescribeCluster", &on),
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

/// The networks of a state.
fn networks(fault: Option<&EksFault>) -> Vec<String> {
    let one = |network: &str| vec!["203.0.113.0/24".to_owned(), network.to_owned()];
    match fault {
        Some(EksFault::Blocked | EksFault::BlockedWhileUpdating) => one("198.51.100.7/32"),
        Some(EksFault::BlockedByMany) => (0..40)
            .map(|last| format!("2001:db8:ffff:ffff:ffff::{last:x}/128"))
            .collect(),
        Some(EksFault::BlockedByHostile) => one("$(reboot)"),
        Some(EksFault::Listed) => one("35.221.40.0/24"),
        _ => vec!["0.0.0.0/0".to_owned()],
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message }))
        .with("x-amzn-RequestId", random::request_id())
        .with("x-amzn-ErrorType", code)
}
