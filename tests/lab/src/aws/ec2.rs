//! EC2, as far as `DescribeInstances` goes.
//!
//! Wire format: the EC2 API reference (`DescribeInstances`, "Error codes for the Amazon EC2 API", "Query requests").

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use time::Duration;

use super::account::{Account, Caller, Demand, Refusal};
use super::denial::Denial;
use super::instance::Instance;
use super::xml::{
    Error, {self},
};
use super::{Place, is_for, now, random, unknown_operation};
use crate::HOSTILE_TEXT;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::pki::Pki;
use crate::request::Request;
use crate::server::Server;
use crate::vocabulary::vocabulary;
use crate::web::{Application, Web};

vocabulary! {
    /// What EC2 can do wrong, or find wrong.
    Ec2Fault {
        /// 403: no policy of the caller allows it.
        DeniedIdentityPolicy = "denied-identity-policy",
        /// 403: a policy of the caller denies it.
        DeniedExplicit = "denied-explicit",
        /// 403: a service control policy denies it.
        DeniedScp = "denied-scp",
        /// 403: no service control policy allows it.
        DeniedScpImplicit = "denied-scp-implicit",
        /// 403: a service control policy denies it, and AWS names the policy.
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
        /// 403: no policy of the VPC endpoint allows it.
        DeniedVpce = "denied-vpce",
        /// 403: the policy of the VPC endpoint denies it.
        DeniedVpceExplicit = "denied-vpce-explicit",
        /// 403 without a reason.
        DeniedBare = "denied-bare",
        /// 403 whose reason is encoded.
        DeniedEncoded = "denied-encoded",
        /// 403 as a stand-in answers it: another code in another envelope.
        DeniedByStandIn = "denied-by-stand-in",
        /// 503: the account's requests are used up.
        Throttled = "throttled",
        /// 400: too many requests.
        Throttling = "throttling",
        /// 401: the region is not enabled for the account.
        OptInRequired = "opt-in-required",
        /// 401 for any of several reasons.
        AuthFailure = "auth-failure",
        /// 400: the request, or its session, is too old.
        RequestExpired = "request-expired",
        /// 400: no instance has this id.
        InstanceNotFound = "instance-not-found",
        /// 500.
        InternalError = "internal-error",
        /// 503: the service cannot take requests.
        Unavailable = "unavailable",
        /// 200 without an instance.
        EmptySet = "empty-set",
        /// 200 with instances that have no tags.
        NoTags = "no-tags",
        /// 200 with a document of another kind.
        OtherDocument = "other-document",
        /// The request for a dry run is answered as a real one.
        NoDryRun = "no-dry-run",
        /// 403 whose message holds escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Line(Fault)
}

/// A running EC2.
#[derive(Debug)]
pub struct Ec2 {
    server: Server<Ec2Fault>,
}

struct App {
    account: Account,
    names: Vec<String>,
    region: String,
}

const VERSION: &str = "2016-11-15";
const ACTION: &str = "ec2:DescribeInstances";
/// EC2 has a word of its own for what is off by more than this.
const LATEST: Duration = Duration::minutes(15);

// === impl Ec2 ===

impl Ec2 {
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

impl Deref for Ec2 {
    type Target = Server<Ec2Fault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl App ===

impl Application for App {
    type Fault = Ec2Fault;

    fn line(fault: &Ec2Fault) -> Option<&Fault> {
        if let Ec2Fault::Line(line) = fault {
            Some(line)
        } else {
            None
        }
    }

    fn answer(&self, request: &Request, fault: Option<&Ec2Fault>) -> Answer {
        if !is_for(request, &self.names) {
            return unknown_operation();
        }
        let stands_in = fault == Some(&Ec2Fault::DeniedByStandIn);
        self.judge(request, fault).unwrap_or_else(|error| {
            if stands_in {
                error.in_sts_envelope()
            } else {
                error.in_ec2_envelope()
            }
        })
    }
}

impl App {
    /// Authentication, then authorization, then the dry run ends it.
    fn judge(&self, request: &Request, fault: Option<&Ec2Fault>) -> Result<Answer, Error> {
        let parameters = request.parameters();
        let parameter = |name: &str| {
            parameters
                .iter()
                .find(|(given, _)| given == name)
                .map(|(_, value)| value.as_str())
        };
        match fault {
            Some(Ec2Fault::InternalError) => {
                return Err(Error::new(
                    500,
                    "InternalError",
                    "An internal error has occurred",
                ));
            }
            Some(Ec2Fault::Unavailable) => {
                let text = "The service is unavailable. Please try again shortly.";
                return Err(Error::new(503, "Unavailable", text));
            }
            Some(Ec2Fault::Throttled) => {
                return Err(Error::new(
                    503,
                    "RequestLimitExceeded",
                    "Request limit exceeded.",
                ));
            }
            Some(Ec2Fault::Throttling) => {
                return Err(Error::new(400, "Throttling", "Rate exceeded"));
            }
            _ => {}
        }
        let caller = self.caller(request, fault)?;
        let action = parameter("Action").unwrap_or_default();
        let version = parameter("Version").unwrap_or_default();
        if action != "DescribeInstances" || version != VERSION {
            let text = format!("The action {action} is not valid for this web service.");
            return Err(Error::new(400, "InvalidAction", text));
        }
        if let Some(error) = denied(&caller, fault) {
            return Err(error);
        }
        if parameter("DryRun") == Some("true") && fault != Some(&Ec2Fault::NoDryRun) {
            let text = "Request would have succeeded, but DryRun flag is set.";
            return Err(Error::new(412, "DryRunOperation", text));
        }
        let found = match fault {
            Some(Ec2Fault::EmptySet) => Vec::new(),
            Some(Ec2Fault::OtherDocument) => {
                return Ok(xml::ec2_result("DescribeRegions", "    <regionInfo/>\n"));
            }
            Some(Ec2Fault::InstanceNotFound) => {
                return Err(no_such_instance(&["i-0123456789abcdef0"]));
            }
            _ => select(self.account.instances(&self.region), &parameters)?,
        };
        let with_tags = fault != Some(&Ec2Fault::NoTags);
        let items: String = found
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

    fn caller(&self, request: &Request, fault: Option<&Ec2Fault>) -> Result<Caller, Error> {
        let now = now(fault.and_then(Self::line));
        let failure = || {
            Error::new(
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            )
        };
        let expired = || Error::new(400, "RequestExpired", "Request has expired.");
        match fault {
            Some(Ec2Fault::AuthFailure) => return Err(failure()),
            Some(Ec2Fault::RequestExpired) => return Err(expired()),
            Some(Ec2Fault::OptInRequired) => {
                let text = "You are not subscribed to this service. Please go to http://aws.amazon.com to subscribe.";
                return Err(Error::new(401, "OptInRequired", text));
            }
            _ => {}
        }
        let demand = Demand {
            service: "ec2",
            region: &self.region,
            now,
        };
        self.account
            .authenticate(request, demand)
            .map_err(|refusal| match refusal {
                Refusal::Unsigned | Refusal::Incomplete(_) => Error::new(
                    400,
                    "MissingParameter",
                    "The request must contain the parameter AWSAccessKeyId",
                ),
                Refusal::SessionOver => expired(),
                Refusal::Skewed(age, _) if age.abs() > LATEST => expired(),
                Refusal::UnknownKey
                | Refusal::Region
                | Refusal::Service
                | Refusal::Skewed(..)
                | Refusal::Mismatch => failure(),
            })
    }
}

fn denied(caller: &Caller, fault: Option<&Ec2Fault>) -> Option<Error> {
    const BARE: &str = "You are not authorized to perform this operation.";
    let denial = match fault? {
        Ec2Fault::DeniedIdentityPolicy => Denial::NoIdentityPolicy,
        Ec2Fault::DeniedExplicit => Denial::IdentityPolicy,
        Ec2Fault::DeniedScp => Denial::Scp,
        Ec2Fault::DeniedScpImplicit => Denial::NoScp,
        Ec2Fault::DeniedScpByName => Denial::ScpByName,
        Ec2Fault::DeniedRcp => Denial::Rcp,
        Ec2Fault::DeniedBoundary => Denial::NoBoundary,
        Ec2Fault::DeniedBoundaryExplicit => Denial::Boundary,
        Ec2Fault::DeniedSessionPolicy => Denial::NoSessionPolicy,
        Ec2Fault::DeniedSessionPolicyExplicit => Denial::SessionPolicy,
        Ec2Fault::DeniedResourcePolicy => Denial::NoResourcePolicy,
        Ec2Fault::DeniedResourcePolicyExplicit => Denial::ResourcePolicy,
        Ec2Fault::DeniedVpce => Denial::NoEndpointPolicy,
        Ec2Fault::DeniedVpceExplicit => Denial::EndpointPolicy,
        Ec2Fault::DeniedBare => return Some(unauthorized(BARE.to_owned())),
        Ec2Fault::DeniedEncoded => {
            let secret = random::letters(
                64,
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
            );
            return Some(unauthorized(format!(
                "{BARE} Encoded authorization failure message: {secret}"
            )));
        }
        Ec2Fault::DeniedByStandIn => {
            let text = format!(
                "User: {} is not authorized to perform: {ACTION}",
                caller.arn
            );
            return Some(Error::new(403, "AccessDenied", text));
        }
        Ec2Fault::Hostile => return Some(unauthorized(HOSTILE_TEXT.to_owned())),
        _ => return None,
    };
    Some(unauthorized(format!(
        "{BARE} {}",
        denial.sentence(&caller.arn, ACTION)
    )))
}

fn unauthorized(message: String) -> Error {
    Error::new(403, "UnauthorizedOperation", message)
}

/// The instances that are asked for by id, and then by filter.
fn select(
    instances: Vec<Instance>,
    parameters: &[(String, String)],
) -> Result<Vec<Instance>, Error> {
    let numbered = |name: &str| -> Vec<&str> {
        let values = parameters
            .iter()
            .filter(|(given, _)| given.strip_prefix(name).is_some_and(is_number));
        values.map(|(_, value)| value.as_str()).collect()
    };
    let ids = numbered("InstanceId.");
    let most = match parameters
        .iter()
        .find(|(name, _)| name == "MaxResults")
        .map(|(_, value)| value.parse::<usize>())
    {
        None => usize::MAX,
        Some(_) if !ids.is_empty() => {
            let text = "The parameter instancesSet cannot be used with the parameter maxResults";
            return Err(Error::new(400, "InvalidParameterCombination", text));
        }
        Some(Ok(most @ 5..=1000)) => most,
        Some(_) => {
            let text =
                "Value for parameter maxResults is invalid. Expecting a value between 5 and 1000.";
            return Err(Error::new(400, "InvalidParameterValue", text));
        }
    };
    let unknown: Vec<&str> = ids
        .iter()
        .filter(|id| !instances.iter().any(|instance| instance.id == **id))
        .copied()
        .collect();
    if unknown.iter().any(|id| !is_id(id)) {
        return Err(Error::new(
            400,
            "InvalidInstanceID.Malformed",
            format!("Invalid id: \"{}\"", unknown[0]),
        ));
    }
    if !unknown.is_empty() {
        return Err(no_such_instance(&unknown));
    }
    let mut found = instances;
    found.retain(|instance| ids.is_empty() || ids.contains(&instance.id.as_str()));
    for (name, filter) in parameters
        .iter()
        .filter(|(name, _)| name.starts_with("Filter.") && name.ends_with(".Name"))
    {
        let values = numbered(&format!("{}.Value.", name.trim_end_matches(".Name")));
        match filter.as_str() {
            "instance-id" => found.retain(|instance| values.contains(&instance.id.as_str())),
            other => {
                let text = format!("The filter '{other}' is invalid");
                return Err(Error::new(400, "InvalidParameterValue", text));
            }
        }
    }
    found.truncate(most);
    Ok(found)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("i-").unwrap_or_default();
    matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn no_such_instance(ids: &[&str]) -> Error {
    let (noun, verb) = if ids.len() == 1 {
        ("ID", "does")
    } else {
        ("IDs", "do")
    };
    let text = format!("The instance {noun} '{}' {verb} not exist", ids.join(", "));
    Error::new(400, "InvalidInstanceID.NotFound", text)
}
