//! Fake EC2 with `DescribeInstances`.
//!
//! Wire format: the EC2 API reference (`DescribeInstances`, "Error codes for the Amazon EC2 API",
//! "Query requests").

mod selection;

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use time::Duration;

use super::account::{Account, AuthError, Caller, CredentialScope};
use super::policy_denial::PolicyDenial;
use super::xml::{self, AwsError};
use super::{Endpoint, is_for, now, random, unknown_operation};
use crate::HOSTILE_TEXT;
use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::http_service::{HttpHandler, HttpService};
use crate::pki::Pki;
use crate::request::Request;
use crate::response::Response;
use crate::server::Server;

fault_enum! {
    /// Faults of EC2.
    Ec2Fault {
        /// 403: no identity-based policy allows it.
        DeniedIdentityPolicy = "denied-identity-policy",
        /// 403: an identity-based policy denies it.
        DeniedExplicit = "denied-explicit",
        /// 403: a service control policy denies it.
        DeniedScp = "denied-scp",
        /// 403: no service control policy allows it.
        DeniedScpImplicit = "denied-scp-implicit",
        /// 403: a service control policy denies it; the message names the policy.
        DeniedScpByName = "denied-scp-by-name",
        /// 403: a resource control policy denies it.
        DeniedRcp = "denied-rcp",
        /// 403: no permissions boundary allows it.
        DeniedBoundary = "denied-boundary",
        /// 403: a permissions boundary denies it.
        DeniedBoundaryExplicit = "denied-boundary-explicit",
        /// 403: no session policy allows it.
        DeniedSessionPolicy = "denied-session-policy",
        /// 403: a session policy denies it.
        DeniedSessionPolicyExplicit = "denied-session-policy-explicit",
        /// 403: no resource-based policy allows it.
        DeniedResourcePolicy = "denied-resource-policy",
        /// 403: a resource-based policy denies it.
        DeniedResourcePolicyExplicit = "denied-resource-policy-explicit",
        /// 403: no VPC endpoint policy allows it.
        DeniedVpce = "denied-vpce",
        /// 403: a VPC endpoint policy denies it.
        DeniedVpceExplicit = "denied-vpce-explicit",
        /// 403 without a reason.
        DeniedWithoutReason = "denied-without-reason",
        /// 403 with an encoded reason.
        DeniedEncoded = "denied-encoded",
        /// 403 as AWS emulators return it: another code and another envelope.
        DeniedByEmulator = "denied-by-emulator",
        /// 503: the request limit is exceeded.
        Throttled = "throttled",
        /// 400: too many requests.
        Throttling = "throttling",
        /// 401: the region is not enabled for the account.
        OptInRequired = "opt-in-required",
        /// 401 for one of several possible reasons.
        AuthFailure = "auth-failure",
        /// 400: the request or its session has expired.
        RequestExpired = "request-expired",
        /// 400: the instance does not exist.
        InstanceNotFound = "instance-not-found",
        /// 500.
        InternalError = "internal-error",
        /// 503: the service is unavailable.
        Unavailable = "unavailable",
        /// 200 without instances.
        EmptySet = "empty-set",
        /// 200 with instances that have no tags.
        NoTags = "no-tags",
        /// 200 with a response to another action.
        OtherDocument = "other-document",
        /// The dry run is ignored.
        NoDryRun = "no-dry-run",
        /// 403 with escape sequences, line feeds and markup in its message.
        Hostile = "hostile",
    } with {
    } or Generic(Fault)
}

/// A running EC2 service.
#[derive(Debug)]
pub struct Ec2 {
    server: Server<Ec2Fault>,
}

struct Handler {
    account: Account,
    names: Vec<String>,
    region: String,
}

const VERSION: &str = "2016-11-15";
const ACTION: &str = "ec2:DescribeInstances";
/// Clock skew beyond which EC2 answers `RequestExpired`.
const REQUEST_EXPIRED_SKEW: Duration = Duration::minutes(15);

// === impl Ec ===

impl Ec2 {
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

impl Deref for Ec2 {
    type Target = Server<Ec2Fault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = Ec2Fault;

    fn generic_fault(fault: &Ec2Fault) -> Option<&Fault> {
        if let Ec2Fault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn respond(&self, request: &Request, fault: Option<&Ec2Fault>) -> Response {
        if !is_for(request, &self.names) {
            return unknown_operation();
        }
        let by_emulator = fault == Some(&Ec2Fault::DeniedByEmulator);
        self.handle(request, fault).unwrap_or_else(|error| {
            if by_emulator {
                error.in_sts_envelope()
            } else {
                error.in_ec2_envelope()
            }
        })
    }
}

impl Handler {
    /// Authenticates, authorizes and answers a request; a dry run stops before the answer.
    fn handle(&self, request: &Request, fault: Option<&Ec2Fault>) -> Result<Response, AwsError> {
        let parameters = request.parameters();
        let parameter = |name: &str| {
            parameters
                .iter()
                .find(|(given, _)| given == name)
                .map(|(_, value)| value.as_str())
        };
        match fault {
            Some(Ec2Fault::InternalError) => {
                return Err(AwsError::new(
                    500,
                    "InternalError",
                    "An internal error has occurred",
                ));
            }
            Some(Ec2Fault::Unavailable) => {
                let text = "The service is unavailable. Please try again shortly.";
                return Err(AwsError::new(503, "Unavailable", text));
            }
            Some(Ec2Fault::Throttled) => {
                return Err(AwsError::new(
                    503,
                    "RequestLimitExceeded",
                    "Request limit exceeded.",
                ));
            }
            Some(Ec2Fault::Throttling) => {
                return Err(AwsError::new(400, "Throttling", "Rate exceeded"));
            }
            _ => {}
        }
        let caller = self.caller(request, fault)?;
        let action = parameter("Action").unwrap_or_default();
        let version = parameter("Version").unwrap_or_default();
        if action != "DescribeInstances" || version != VERSION {
            let text = format!("The action {action} is not valid for this web service.");
            return Err(AwsError::new(400, "InvalidAction", text));
        }
        if let Some(error) = denied(&caller, fault) {
            return Err(error);
        }
        if parameter("DryRun") == Some("true") && fault != Some(&Ec2Fault::NoDryRun) {
            let text = "Request would have succeeded, but DryRun flag is set.";
            return Err(AwsError::new(412, "DryRunOperation", text));
        }
        let instances = match fault {
            Some(Ec2Fault::EmptySet) => Vec::new(),
            Some(Ec2Fault::OtherDocument) => {
                return Ok(xml::ec2_result("DescribeRegions", "    <regionInfo/>\n"));
            }
            Some(Ec2Fault::InstanceNotFound) => {
                return Err(selection::no_such_instance(&["i-0123456789abcdef0"]));
            }
            _ => selection::select(self.account.instances(&self.region), &parameters)?,
        };
        let with_tags = fault != Some(&Ec2Fault::NoTags);
        let items: String = instances
            .iter()
            .map(|instance| instance.reservation(with_tags))
            .collect();
        let set = if items.is_empty() {
            "    <reservationSet/>\n".to_owned()
        } else {
            format!("    <reservationSet>\n{items}    </reservationSet>\n")
        };
        Ok(xml::ec2_result("DescribeInstances", &set))
    }

    fn caller(&self, request: &Request, fault: Option<&Ec2Fault>) -> Result<Caller, AwsError> {
        let now = now(fault.and_then(Self::generic_fault));
        let auth_failure = || {
            AwsError::new(
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            )
        };
        let expired = || AwsError::new(400, "RequestExpired", "Request has expired.");
        match fault {
            Some(Ec2Fault::AuthFailure) => return Err(auth_failure()),
            Some(Ec2Fault::RequestExpired) => return Err(expired()),
            Some(Ec2Fault::OptInRequired) => {
                let text = "You are not subscribed to this service. Please go to http://aws.amazon.com to subscribe.";
                return Err(AwsError::new(401, "OptInRequired", text));
            }
            _ => {}
        }
        let scope = CredentialScope {
            service: "ec2",
            region: &self.region,
            now,
        };
        self.account
            .authenticate(request, scope)
            .map_err(|error| match error {
                AuthError::Unsigned | AuthError::Incomplete(_) => AwsError::new(
                    400,
                    "MissingParameter",
                    "The request must contain the parameter AWSAccessKeyId",
                ),
                AuthError::SessionExpired => expired(),
                AuthError::Skewed(age, _) if age.abs() > REQUEST_EXPIRED_SKEW => expired(),
                AuthError::UnknownKey
                | AuthError::WrongRegion
                | AuthError::WrongService
                | AuthError::Skewed(..)
                | AuthError::SignatureMismatch => auth_failure(),
            })
    }
}

fn denied(caller: &Caller, fault: Option<&Ec2Fault>) -> Option<AwsError> {
    const BARE: &str = "You are not authorized to perform this operation.";
    let denial = match fault? {
        Ec2Fault::DeniedIdentityPolicy => PolicyDenial::NoIdentityPolicy,
        Ec2Fault::DeniedExplicit => PolicyDenial::IdentityPolicy,
        Ec2Fault::DeniedScp => PolicyDenial::Scp,
        Ec2Fault::DeniedScpImplicit => PolicyDenial::NoScp,
        Ec2Fault::DeniedScpByName => PolicyDenial::ScpByName,
        Ec2Fault::DeniedRcp => PolicyDenial::Rcp,
        Ec2Fault::DeniedBoundary => PolicyDenial::NoBoundary,
        Ec2Fault::DeniedBoundaryExplicit => PolicyDenial::Boundary,
        Ec2Fault::DeniedSessionPolicy => PolicyDenial::NoSessionPolicy,
        Ec2Fault::DeniedSessionPolicyExplicit => PolicyDenial::SessionPolicy,
        Ec2Fault::DeniedResourcePolicy => PolicyDenial::NoResourcePolicy,
        Ec2Fault::DeniedResourcePolicyExplicit => PolicyDenial::ResourcePolicy,
        Ec2Fault::DeniedVpce => PolicyDenial::NoEndpointPolicy,
        Ec2Fault::DeniedVpceExplicit => PolicyDenial::EndpointPolicy,
        Ec2Fault::DeniedWithoutReason => return Some(unauthorized(BARE.to_owned())),
        Ec2Fault::DeniedEncoded => {
            let secret = random::random_string(
                64,
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
            );
            return Some(unauthorized(format!(
                "{BARE} Encoded authorization failure message: {secret}"
            )));
        }
        Ec2Fault::DeniedByEmulator => {
            let text = format!(
                "User: {} is not authorized to perform: {ACTION}",
                caller.arn
            );
            return Some(AwsError::new(403, "AccessDenied", text));
        }
        Ec2Fault::Hostile => return Some(unauthorized(HOSTILE_TEXT.to_owned())),
        _ => return None,
    };
    Some(unauthorized(format!(
        "{BARE} {}",
        denial.message(&caller.arn, ACTION)
    )))
}

fn unauthorized(message: String) -> AwsError {
    AwsError::new(403, "UnauthorizedOperation", message)
}
