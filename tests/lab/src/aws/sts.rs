//! The security token service.
//!
//! Wire format: the STS API reference (`AssumeRole`, `AssumeRoleWithWebIdentity`, `GetCallerIdentity`, "Common errors")
//! and, for its words on signatures, the IAM user guide, "Troubleshoot Signature Version 4 signing".

use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::account::{Account, Caller, Demand, Issued, Refusal, TOLERANCE};
use super::denial::Denial;
use super::signature::stamp;
use super::xml::{
    Error, escaped, {self},
};
use super::{Place, is_for, now, unknown_operation, web_identity};
use crate::HOSTILE_TEXT;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::pki::Pki;
use crate::request::Request;
use crate::server::Server;
use crate::vocabulary::vocabulary;
use crate::web::{Application, Web};

vocabulary! {
    /// What STS can do wrong, or find wrong.
    StsFault {
        /// 403 to `AssumeRoleWithWebIdentity`: the role does not trust the token.
        TrustDenied = "trust-denied",
        /// 400 to `AssumeRoleWithWebIdentity`: the account has no provider for the issuer.
        NoProvider = "no-oidc-provider",
        /// 400 to `AssumeRoleWithWebIdentity`: the provider does not list the audience.
        WrongAudience = "wrong-audience",
        /// 400 to `AssumeRoleWithWebIdentity`: the issuer's keys cannot be had.
        NoVerificationKey = "no-verification-key",
        /// 400 to `AssumeRoleWithWebIdentity`: the issuer's certificate is another than registered.
        Thumbprint = "thumbprint",
        /// 400 to `AssumeRoleWithWebIdentity`: the token's time is over.
        WebIdentityExpired = "web-identity-expired",
        /// 400 to `AssumeRoleWithWebIdentity`: the issuer cannot be reached.
        IdpUnreachable = "idp-unreachable",
        /// 403 to `AssumeRoleWithWebIdentity`: the issuer refuses the token.
        IdpRejected = "idp-rejected",
        /// 403 to `AssumeRole`: no policy allows it.
        AssumeRoleDenied = "assume-role-denied",
        /// 403 to `GetCallerIdentity`: the policy of a VPC endpoint does not allow it.
        CallerDeniedVpce = "caller-denied-vpce",
        /// 403 to `GetCallerIdentity`: a service control policy denies it.
        CallerDeniedScp = "caller-denied-scp",
        /// 403 to `GetCallerIdentity` without a reason.
        CallerDenied = "caller-denied",
        /// 403 to everything: the region is not enabled for the account.
        RegionDisabled = "region-disabled",
        /// 400 to everything: too many requests.
        Throttled = "throttled",
        /// 403 to everything that is signed: the key is unknown.
        InvalidClientToken = "invalid-client-token",
        /// 403 to everything that is signed: the signature is not the right one.
        SignatureMismatch = "signature-mismatch",
        /// 403 to everything that is signed: its date is too old.
        SignatureExpired = "signature-expired",
        /// 400 to everything that is signed: the signature says too little.
        SignatureIncomplete = "signature-incomplete",
        /// 403 to everything that is signed: the session's time is over.
        ExpiredToken = "expired-token",
        /// 500 to everything.
        InternalFailure = "internal-failure",
        /// 503 to everything.
        Unavailable = "unavailable",
        /// `GetCallerIdentity` tells of another account.
        OtherAccount = "other-account",
        /// `GetCallerIdentity` tells of another role.
        OtherRole = "other-role",
        /// An answer with status 200 that names nobody.
        NoIdentity = "no-identity",
        /// 403 whose message holds escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    } or Line(Fault)
}

/// A running STS.
#[derive(Debug)]
pub struct Sts {
    server: Server<StsFault>,
}

struct App {
    account: Account,
    names: Vec<String>,
    region: String,
}

const VERSION: &str = "2011-06-15";

// === impl Sts ===

impl Sts {
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

impl Deref for Sts {
    type Target = Server<StsFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl App ===

impl Application for App {
    type Fault = StsFault;

    fn line(fault: &StsFault) -> Option<&Fault> {
        if let StsFault::Line(line) = fault {
            Some(line)
        } else {
            None
        }
    }

    fn answer(&self, request: &Request, fault: Option<&StsFault>) -> Answer {
        if !is_for(request, &self.names) {
            return unknown_operation();
        }
        self.judge(request, fault)
            .unwrap_or_else(|error| error.in_sts_envelope())
    }
}

impl App {
    fn judge(&self, request: &Request, fault: Option<&StsFault>) -> Result<Answer, Error> {
        let parameters: BTreeMap<String, String> = request.parameters().into_iter().collect();
        let parameter = |name: &str| parameters.get(name).filter(|value| !value.is_empty());
        let action = parameter("Action").map_or("", String::as_str);
        match fault {
            Some(StsFault::InternalFailure) => return Err(internal_failure()),
            Some(StsFault::Unavailable) => return Err(unavailable()),
            Some(StsFault::Throttled) => {
                return Err(Error::new(400, "Throttling", "Rate exceeded"));
            }
            Some(StsFault::RegionDisabled) => return Err(region_disabled(&self.region)),
            _ => {}
        }
        if !matches!(
            action,
            "AssumeRole" | "AssumeRoleWithWebIdentity" | "GetCallerIdentity"
        ) || parameter("Version").is_none_or(|version| version != VERSION)
        {
            let version = parameter("Version").map_or("null", String::as_str);
            let text = format!("Could not find operation {action} for version {version}");
            return Err(Error::new(400, "InvalidAction", text));
        }
        let now = now(fault.and_then(Self::line));
        let wanted = |name: &str| {
            parameter(name)
                .map(String::as_str)
                .ok_or_else(|| missing(name))
        };
        if action == "AssumeRoleWithWebIdentity" {
            let (arn, session) = (
                wanted("RoleArn")?,
                session_name(wanted("RoleSessionName")?)?,
            );
            let token = wanted("WebIdentityToken")?;
            let life = life(parameter("DurationSeconds"))?;
            if let Some(error) = web_identity_fault(fault, now) {
                return Err(error);
            }
            let claims = web_identity::judge(&self.account, token, arn, now)?;
            let issued = self.issue(arn, session, life);
            let result = format!(
                "    <SubjectFromWebIdentityToken>{}</SubjectFromWebIdentityToken>\n    <Audience>{}</Audience>\n{}    \
                 <Provider>arn:aws:iam::{}:oidc-provider/{}</Provider>\n",
                escaped(&claims.subject),
                escaped(&claims.audiences.join(",")),
                given(&issued),
                super::ACCOUNT,
                escaped(claims.issuer.trim_start_matches("https://")),
            );
            return Ok(xml::sts_result(action, &result));
        }
        let caller = self.caller(request, fault, now)?;
        if action == "AssumeRole" {
            let (arn, session) = (
                wanted("RoleArn")?,
                session_name(wanted("RoleSessionName")?)?,
            );
            let life = life(parameter("DurationSeconds"))?;
            let trusted = self
                .account
                .role(arn)
                .is_some_and(|role| role.principals.contains(&caller.arn));
            if !trusted || fault == Some(&StsFault::AssumeRoleDenied) {
                let text = format!(
                    "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                    caller.arn
                );
                return Err(Error::new(403, "AccessDenied", text));
            }
            return Ok(xml::sts_result(
                action,
                &given(&self.issue(arn, session, life)),
            ));
        }
        identity(&caller, fault)
    }

    fn caller(
        &self,
        request: &Request,
        fault: Option<&StsFault>,
        now: OffsetDateTime,
    ) -> Result<Caller, Error> {
        let demand = Demand {
            service: "sts",
            region: &self.region,
            now,
        };
        let forced = match fault {
            Some(StsFault::InvalidClientToken) => Some(Refusal::UnknownKey),
            Some(StsFault::SignatureMismatch) => Some(Refusal::Mismatch),
            Some(StsFault::SignatureExpired) => Some(Refusal::Skewed(
                Duration::minutes(10),
                stamp(now - Duration::minutes(10)),
            )),
            Some(StsFault::SignatureIncomplete) => {
                Some(Refusal::Incomplete("'Signature' parameter".to_owned()))
            }
            Some(StsFault::ExpiredToken) => Some(Refusal::SessionOver),
            _ => None,
        };
        let authenticated = self.account.authenticate(request, demand);
        forced
            .map_or(authenticated, Err)
            .map_err(|refusal| refused(refusal, now))
    }

    fn issue(&self, role_arn: &str, session: &str, life: Duration) -> Issued {
        self.account.issue(
            role_arn.rsplit('/').next().unwrap_or_default(),
            session,
            life,
        )
    }
}

fn web_identity_fault(fault: Option<&StsFault>, now: OffsetDateTime) -> Option<Error> {
    let now = now.unix_timestamp();
    Some(match fault? {
        StsFault::TrustDenied => web_identity::not_trusted(),
        StsFault::NoProvider => web_identity::no_provider(super::ISSUER),
        StsFault::WrongAudience => web_identity::wrong_audience(),
        StsFault::NoVerificationKey => web_identity::no_key(),
        StsFault::Thumbprint => web_identity::thumbprint(),
        StsFault::WebIdentityExpired => web_identity::expired(now, now - 60),
        StsFault::IdpUnreachable => web_identity::unreachable(),
        StsFault::IdpRejected => web_identity::rejected_claim(),
        StsFault::Hostile => Error::new(403, "AccessDenied", HOSTILE_TEXT),
        _ => return None,
    })
}

fn identity(caller: &Caller, fault: Option<&StsFault>) -> Result<Answer, Error> {
    const ACTION: &str = "sts:GetCallerIdentity";
    let Caller { arn, user_id } = caller;
    let denied = |text: String| Err(Error::new(403, "AccessDenied", text));
    let account = super::ACCOUNT;
    let (arn, account) = match fault {
        Some(StsFault::CallerDeniedVpce) => {
            return denied(Denial::NoEndpointPolicy.sentence(arn, ACTION));
        }
        Some(StsFault::CallerDeniedScp) => return denied(Denial::Scp.sentence(arn, ACTION)),
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

/// The user that came of it, and its credentials.
fn given(issued: &Issued) -> String {
    let Issued {
        key_id,
        secret,
        token,
        arn,
        user_id,
        ends,
    } = issued;
    let (hour, minute, second) = ends.to_hms();
    let (year, month, day) = (ends.year(), u8::from(ends.month()), ends.day());
    format!(
        "    <AssumedRoleUser>\n      <AssumedRoleId>{user_id}</AssumedRoleId>\n      <Arn>{}</Arn>\n    \
         </AssumedRoleUser>\n    <Credentials>\n      <AccessKeyId>{key_id}</AccessKeyId>\n      \
         <SecretAccessKey>{secret}</SecretAccessKey>\n      <SessionToken>{token}</SessionToken>\n      \
         <Expiration>{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z</Expiration>\n    </Credentials>\n",
        escaped(arn)
    )
}

fn refused(refusal: Refusal, now: OffsetDateTime) -> Error {
    let mismatch = |text: String| Error::new(403, "SignatureDoesNotMatch", text);
    match refusal {
        Refusal::Unsigned => Error::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        Refusal::Incomplete(what) => {
            Error::new(400, "IncompleteSignature", format!("Authorization header requires {what}."))
        }
        Refusal::UnknownKey => {
            Error::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        }
        Refusal::SessionOver => {
            Error::new(403, "ExpiredToken", "The security token included in the request is expired")
        }
        Refusal::Region => mismatch("Credential should be scoped to a valid region. ".to_owned()),
        Refusal::Service => mismatch("Credential should be scoped to correct service: 'sts'. ".to_owned()),
        Refusal::Skewed(age, date) => {
            let clock = stamp(now);
            mismatch(if age.is_positive() {
                let border = stamp(now - TOLERANCE);
                format!("Signature expired: {date} is now earlier than {border} ({clock} - 5 min.)")
            } else {
                let border = stamp(now + TOLERANCE);
                format!("Signature not yet current: {date} is still later than {border} ({clock} + 5 min.)")
            })
        }
        Refusal::Mismatch => mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        ),
    }
}

fn session_name(name: &str) -> Result<&str, Error> {
    let sound = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte));
    if sound && (2..=64).contains(&name.len()) {
        return Ok(name);
    }
    let text = format!(
        "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: [\\w+=,.@-]*"
    );
    Err(Error::new(400, "ValidationError", text))
}

/// The life of a session: an hour, unless a quarter to twelve hours are asked for.
fn life(seconds: Option<&String>) -> Result<Duration, Error> {
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
        .ok_or_else(|| Error::new(400, "ValidationError", text))
}

fn missing(name: &str) -> Error {
    let text = format!(
        "1 validation error detected: Value null at '{}{}' failed to satisfy constraint: Member must not be null",
        name[..1].to_ascii_lowercase(),
        &name[1..]
    );
    Error::new(400, "ValidationError", text)
}

fn internal_failure() -> Error {
    let text =
        "The request processing has failed because of an unknown error, exception or failure.";
    Error::new(500, "InternalFailure", text)
}

fn unavailable() -> Error {
    Error::new(
        503,
        "ServiceUnavailable",
        "The request has failed due to a temporary failure of the server.",
    )
}

fn region_disabled(region: &str) -> Error {
    let text = format!(
        "STS is not activated in this region for account:{}. Your account administrator can activate STS in this \
         region ({region}) using the IAM Console.",
        super::ACCOUNT
    );
    Error::new(403, "RegionDisabledException", text)
}
