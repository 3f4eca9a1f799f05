//! Fake AWS Security Token Service.
//!
//! Wire format: the STS API reference (`AssumeRole`, `AssumeRoleWithWebIdentity`,
//! `GetCallerIdentity`, "Common errors") and, for signature errors, the IAM user guide,
//! "Troubleshoot Signature Version 4 signing".

mod errors;

use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::account::{Account, AuthError, Caller, CredentialScope, SessionCredentials};
use super::policy_denial::PolicyDenial;
use super::signature::format_date;
use super::xml::{self, AwsError, escaped};
use super::{Endpoint, is_for, now, unknown_operation, web_identity};
use crate::HOSTILE_TEXT;
use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::http_service::{HttpHandler, HttpService};
use crate::pki::Pki;
use crate::request::Request;
use crate::response::Response;
use crate::server::Server;

fault_enum! {
    /// Faults of STS.
    StsFault {
        /// 403 to `AssumeRoleWithWebIdentity`: the role does not trust the token.
        TrustDenied = "trust-denied",
        /// 400 to `AssumeRoleWithWebIdentity`: the issuer has no OIDC provider.
        NoProvider = "no-oidc-provider",
        /// 400 to `AssumeRoleWithWebIdentity`: the audience is not accepted.
        WrongAudience = "wrong-audience",
        /// 400 to `AssumeRoleWithWebIdentity`: the issuer's keys are unavailable.
        NoVerificationKey = "no-verification-key",
        /// 400 to `AssumeRoleWithWebIdentity`: the thumbprint does not match.
        Thumbprint = "thumbprint",
        /// 400 to `AssumeRoleWithWebIdentity`: the token has expired.
        WebIdentityExpired = "web-identity-expired",
        /// 400 to `AssumeRoleWithWebIdentity`: the issuer is unreachable.
        IdpUnreachable = "idp-unreachable",
        /// 403 to `AssumeRoleWithWebIdentity`: the issuer rejects the token.
        IdpRejected = "idp-rejected",
        /// 403 to `AssumeRole`: no policy allows it.
        AssumeRoleDenied = "assume-role-denied",
        /// 403 to `GetCallerIdentity`: no VPC endpoint policy allows it.
        CallerDeniedVpce = "caller-denied-vpce",
        /// 403 to `GetCallerIdentity`: a service control policy denies it.
        CallerDeniedScp = "caller-denied-scp",
        /// 403 to `GetCallerIdentity` without a reason.
        CallerDenied = "caller-denied",
        /// 403 to everything: the region is not enabled for the account.
        RegionDisabled = "region-disabled",
        /// 400 to everything: too many requests.
        Throttled = "throttled",
        /// 403 to signed requests: the access key is unknown.
        InvalidClientToken = "invalid-client-token",
        /// 403 to signed requests: the signature does not match.
        SignatureMismatch = "signature-mismatch",
        /// 403 to signed requests: the signature has expired.
        SignatureExpired = "signature-expired",
        /// 400 to signed requests: the signature is incomplete.
        SignatureIncomplete = "signature-incomplete",
        /// 403 to signed requests: the session has expired.
        ExpiredToken = "expired-token",
        /// 500 to everything.
        InternalFailure = "internal-failure",
        /// 503 to everything.
        Unavailable = "unavailable",
        /// `GetCallerIdentity` returns another account.
        OtherAccount = "other-account",
        /// `GetCallerIdentity` returns another role.
        OtherRole = "other-role",
        /// `GetCallerIdentity` returns status 200 without an identity.
        NoIdentity = "no-identity",
        /// 403 with escape sequences, line feeds and markup in its message.
        Hostile = "hostile",
    } with {
    } or Generic(Fault)
}

/// A running STS.
#[derive(Debug)]
pub struct Sts {
    server: Server<StsFault>,
}

struct Handler {
    account: Account,
    names: Vec<String>,
    region: String,
}

const VERSION: &str = "2011-06-15";

// === impl Sts ===

impl Sts {
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

impl Deref for Sts {
    type Target = Server<StsFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = StsFault;

    fn generic_fault(fault: &StsFault) -> Option<&Fault> {
        if let StsFault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn respond(&self, request: &Request, fault: Option<&StsFault>) -> Response {
        if !is_for(request, &self.names) {
            return unknown_operation();
        }
        self.handle(request, fault)
            .unwrap_or_else(|error| error.in_sts_envelope())
    }
}

impl Handler {
    fn handle(&self, request: &Request, fault: Option<&StsFault>) -> Result<Response, AwsError> {
        let parameters: BTreeMap<String, String> = request.parameters().into_iter().collect();
        let parameter = |name: &str| parameters.get(name).filter(|value| !value.is_empty());
        let action = parameter("Action").map_or("", String::as_str);
        match fault {
            Some(StsFault::InternalFailure) => return Err(errors::internal_failure()),
            Some(StsFault::Unavailable) => return Err(errors::unavailable()),
            Some(StsFault::Throttled) => {
                return Err(AwsError::new(400, "Throttling", "Rate exceeded"));
            }
            Some(StsFault::RegionDisabled) => return Err(errors::region_disabled(&self.region)),
            _ => {}
        }
        if !matches!(
            action,
            "AssumeRole" | "AssumeRoleWithWebIdentity" | "GetCallerIdentity"
        ) || parameter("Version").is_none_or(|version| version != VERSION)
        {
            let version = parameter("Version").map_or("null", String::as_str);
            let text = format!("Could not find operation {action} for version {version}");
            return Err(AwsError::new(400, "InvalidAction", text));
        }
        let now = now(fault.and_then(Self::generic_fault));
        let required = |name: &str| {
            parameter(name)
                .map(String::as_str)
                .ok_or_else(|| errors::missing_parameter(name))
        };
        if action == "AssumeRoleWithWebIdentity" {
            let (arn, session) = (
                required("RoleArn")?,
                session_name(required("RoleSessionName")?)?,
            );
            let token = required("WebIdentityToken")?;
            let lifetime = lifetime(parameter("DurationSeconds"))?;
            if let Some(error) = errors::web_identity_fault(fault, now) {
                return Err(error);
            }
            let claims = web_identity::evaluate(&self.account, token, arn, now)?;
            let issued = self.issue(arn, session, lifetime);
            let result = format!(
                "    <SubjectFromWebIdentityToken>{}</SubjectFromWebIdentityToken>\n    <Audience>{}</Audience>\n{}    \
                 <Provider>arn:aws:iam::{}:oidc-provider/{}</Provider>\n",
                escaped(&claims.subject),
                escaped(&claims.audiences.join(",")),
                format_credentials(&issued),
                super::ACCOUNT,
                escaped(claims.issuer.trim_start_matches("https://")),
            );
            return Ok(xml::sts_result(action, &result));
        }
        let caller = self.caller(request, fault, now)?;
        if action == "AssumeRole" {
            let (arn, session) = (
                required("RoleArn")?,
                session_name(required("RoleSessionName")?)?,
            );
            let lifetime = lifetime(parameter("DurationSeconds"))?;
            let trusted = self
                .account
                .role(arn)
                .is_some_and(|role| role.principals.contains(&caller.arn));
            if !trusted || fault == Some(&StsFault::AssumeRoleDenied) {
                let text = format!(
                    "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                    caller.arn
                );
                return Err(AwsError::new(403, "AccessDenied", text));
            }
            return Ok(xml::sts_result(
                action,
                &format_credentials(&self.issue(arn, session, lifetime)),
            ));
        }
        caller_identity(&caller, fault)
    }

    fn caller(
        &self,
        request: &Request,
        fault: Option<&StsFault>,
        now: OffsetDateTime,
    ) -> Result<Caller, AwsError> {
        let scope = CredentialScope {
            service: "sts",
            region: &self.region,
            now,
        };
        let forced = match fault {
            Some(StsFault::InvalidClientToken) => Some(AuthError::UnknownKey),
            Some(StsFault::SignatureMismatch) => Some(AuthError::SignatureMismatch),
            Some(StsFault::SignatureExpired) => Some(AuthError::Skewed(
                Duration::minutes(10),
                format_date(now - Duration::minutes(10)),
            )),
            Some(StsFault::SignatureIncomplete) => {
                Some(AuthError::Incomplete("'Signature' parameter".to_owned()))
            }
            Some(StsFault::ExpiredToken) => Some(AuthError::SessionExpired),
            _ => None,
        };
        let authenticated = self.account.authenticate(request, scope);
        forced
            .map_or(authenticated, Err)
            .map_err(|error| errors::unauthenticated(error, now))
    }

    fn issue(&self, role_arn: &str, session: &str, lifetime: Duration) -> SessionCredentials {
        self.account.issue(
            role_arn.rsplit('/').next().unwrap_or_default(),
            session,
            lifetime,
        )
    }
}

fn caller_identity(caller: &Caller, fault: Option<&StsFault>) -> Result<Response, AwsError> {
    const ACTION: &str = "sts:GetCallerIdentity";
    let Caller { arn, user_id } = caller;
    let denied = |text: String| Err(AwsError::new(403, "AccessDenied", text));
    let account = super::ACCOUNT;
    let (arn, account) = match fault {
        Some(StsFault::CallerDeniedVpce) => {
            return denied(PolicyDenial::NoEndpointPolicy.message(arn, ACTION));
        }
        Some(StsFault::CallerDeniedScp) => return denied(PolicyDenial::Scp.message(arn, ACTION)),
        Some(StsFault::CallerDenied) => return denied("Access denied".to_owned()),
        Some(StsFault::Hostile) => return denied(HOSTILE_TEXT.to_owned()),
        Some(StsFault::NoIdentity) => return Ok(xml::sts_result("GetCallerIdentity", "")),
        Some(StsFault::OtherAccount) => (arn.replace(account, "210987654321"), "210987654321"),
        Some(StsFault::OtherRole) => (
            format!("arn:aws:sts::{account}:assumed-role/lab-other/i-0123456789abcdef0"),
            account,
        ),
        _ => (arn.clone(), account),
    };
    let result = format!(
        "    <Arn>{}</Arn>\n    <UserId>{user_id}</UserId>\n    <Account>{account}</Account>\n",
        escaped(&arn)
    );
    Ok(xml::sts_result("GetCallerIdentity", &result))
}

/// Formats the assumed-role user and its credentials.
fn format_credentials(issued: &SessionCredentials) -> String {
    let SessionCredentials {
        key_id,
        secret,
        token,
        arn,
        user_id,
        expires,
    } = issued;
    let (hour, minute, second) = expires.to_hms();
    let (year, month, day) = (expires.year(), u8::from(expires.month()), expires.day());
    format!(
        "    <AssumedRoleUser>\n      <AssumedRoleId>{user_id}</AssumedRoleId>\n      <Arn>{}</Arn>\n    \
         </AssumedRoleUser>\n    <Credentials>\n      <AccessKeyId>{key_id}</AccessKeyId>\n      \
         <SecretAccessKey>{secret}</SecretAccessKey>\n      <SessionToken>{token}</SessionToken>\n      \
         <Expiration>{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z</Expiration>\n    </Credentials>\n",
        escaped(arn)
    )
}

fn session_name(name: &str) -> Result<&str, AwsError> {
    let valid = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte));
    if valid && (2..=64).contains(&name.len()) {
        return Ok(name);
    }
    let text = format!(
        "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: [\\w+=,.@-]*"
    );
    Err(AwsError::new(400, "ValidationError", text))
}

/// Parses `DurationSeconds`: 15 minutes to 12 hours, one hour by default.
fn lifetime(seconds: Option<&String>) -> Result<Duration, AwsError> {
    let Some(text) = seconds else {
        return Ok(Duration::hours(1));
    };
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (900..=43_200).contains(seconds));
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    seconds
        .map(Duration::seconds)
        .ok_or_else(|| AwsError::new(400, "ValidationError", text))
}
