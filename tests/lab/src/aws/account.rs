//! An AWS account: access keys, sessions, roles, OIDC providers and instances.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::signature::{ParsedSignature, SignatureError};
use super::{ACCOUNT, ISSUER, Instance, KEY_ID, ROLE, SECRET, SUBJECT, random};
use crate::imds;
use crate::mutex::lock;
use crate::request::Request;

/// An AWS account; cheap to clone. Services that share it see changes immediately.
#[derive(Clone, Debug)]
pub struct Account {
    state: Arc<Mutex<State>>,
}

/// An IAM role and its trust policy.
#[derive(Clone, Debug)]
pub struct Role {
    /// Name of the role.
    pub name: String,
    /// Tokens that the trust policy accepts.
    pub web_identity: Option<WebIdentity>,
    /// ARNs of the principals that may assume the role.
    pub principals: Vec<String>,
}

/// Conditions of a trust policy on a web-identity token.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    /// `iss`.
    pub issuer: String,
    /// One of `aud`.
    pub audience: String,
    /// `sub`.
    pub subject: String,
}

/// An IAM OIDC identity provider.
#[derive(Clone, Debug)]
pub struct OidcProvider {
    /// `iss`.
    pub issuer: String,
    /// Accepted audiences.
    pub audiences: Vec<String>,
    /// Keys that verify the issuer's tokens.
    pub signing_keys: SigningKeys,
}

/// Keys that verify the tokens of an issuer.
#[derive(Clone, Debug)]
pub enum SigningKeys {
    /// The lab's fake signature is accepted.
    Lab,
    /// A JSON Web Key Set.
    Jwks(Value),
    /// The issuer's keys cannot be retrieved.
    Unavailable,
}

/// Credentials of a session.
#[derive(Clone, Debug)]
pub struct SessionCredentials {
    /// Access key ID.
    pub key_id: String,
    /// Secret access key.
    pub secret: String,
    /// Session token.
    pub token: String,
    /// ARN of the session.
    pub arn: String,
    /// Unique ID of the session.
    pub user_id: String,
    /// Expiry time.
    pub expires: OffsetDateTime,
}

/// Authenticated principal of a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) arn: String,
    pub(super) user_id: String,
}

/// Reason why a request could not be authenticated.
#[derive(Debug)]
pub(super) enum AuthError {
    Unsigned,
    Incomplete(String),
    UnknownKey,
    SessionExpired,
    WrongRegion,
    WrongService,
    /// Clock skew beyond the tolerance: age of the signature, and its date.
    Skewed(Duration, String),
    SignatureMismatch,
}

/// Credential scope that a service requires, and its clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct CredentialScope<'a> {
    pub(super) service: &'static str,
    pub(super) region: &'a str,
    pub(super) now: OffsetDateTime,
}

#[derive(Debug)]
struct State {
    keys: BTreeMap<String, Key>,
    roles: Vec<Role>,
    providers: Vec<OidcProvider>,
    instances: Vec<Instance>,
}

#[derive(Debug)]
struct Key {
    secret: String,
    token: Option<String>,
    arn: String,
    user_id: String,
    expires: Option<OffsetDateTime>,
}

/// Tolerated clock skew of a signature.
pub(super) const MAX_CLOCK_SKEW: Duration = Duration::minutes(5);
const KEY_ID_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// === impl Account ===

impl Default for Account {
    /// Contains the agent's user and access key, the agent's role for its service account, the
    /// node's role and the node.
    fn default() -> Self {
        let state = State {
            keys: BTreeMap::new(),
            roles: Vec::new(),
            providers: Vec::new(),
            instances: vec![Instance::default()],
        };
        let account = Self {
            state: Arc::new(Mutex::new(state)),
        };
        let user = account.add_user("castai-agent", KEY_ID, SECRET);
        account.set_provider(OidcProvider::default());
        account.set_role(Role {
            name: ROLE.to_owned(),
            web_identity: Some(WebIdentity {
                issuer: ISSUER.to_owned(),
                audience: "sts.amazonaws.com".to_owned(),
                subject: SUBJECT.to_owned(),
            }),
            principals: vec![user],
        });
        let node = SessionCredentials {
            key_id: imds::ROLE_KEY_ID.to_owned(),
            secret: imds::ROLE_SECRET.to_owned(),
            token: imds::ROLE_TOKEN.to_owned(),
            arn: format!(
                "arn:aws:sts::{ACCOUNT}:assumed-role/lab-node/{}",
                Instance::default().id
            ),
            user_id: format!("AROALABLABLABLABLABL2:{}", Instance::default().id),
            expires: OffsetDateTime::now_utc() + Duration::hours(6),
        };
        account.add_session(&node);
        account
    }
}

impl Account {
    /// Adds a user with an access key. Returns the user's ARN.
    pub fn add_user(&self, name: &str, key_id: &str, secret: &str) -> String {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{name}");
        let user_id = format!("AIDA{}", random::random_string(17, KEY_ID_ALPHABET));
        let key = Key {
            secret: secret.to_owned(),
            token: None,
            arn: arn.clone(),
            user_id,
            expires: None,
        };
        lock(&self.state).keys.insert(key_id.to_owned(), key);
        arn
    }

    /// Deletes an access key.
    pub fn remove_key(&self, key_id: &str) {
        lock(&self.state).keys.remove(key_id);
    }

    /// Adds or replaces a role.
    pub fn set_role(&self, role: Role) {
        let roles = &mut lock(&self.state).roles;
        roles.retain(|known| known.name != role.name);
        roles.push(role);
    }

    /// Deletes a role. Its sessions stay valid, as in AWS.
    pub fn remove_role(&self, name: &str) {
        lock(&self.state).roles.retain(|known| known.name != name);
    }

    /// Returns the ARN of a role.
    pub fn role_arn(name: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }

    /// Adds or replaces an OIDC provider.
    pub fn set_provider(&self, provider: OidcProvider) {
        let providers = &mut lock(&self.state).providers;
        providers.retain(|known| known.issuer != provider.issuer);
        providers.push(provider);
    }

    /// Deletes an OIDC provider.
    pub fn remove_provider(&self, issuer: &str) {
        lock(&self.state)
            .providers
            .retain(|known| known.issuer != issuer);
    }

    /// Replaces all instances.
    pub fn set_instances(&self, instances: Vec<Instance>) {
        lock(&self.state).instances = instances;
    }

    /// Creates a session of a role.
    pub fn issue(&self, role: &str, session: &str, lifetime: Duration) -> SessionCredentials {
        let issued = SessionCredentials {
            key_id: format!("ASIA{}", random::random_string(16, KEY_ID_ALPHABET)),
            secret: random::random_string(40, SECRET_ALPHABET),
            token: random::random_string(356, SECRET_ALPHABET),
            arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"),
            user_id: format!("AROALABLABLABLABLABL1:{session}"),
            expires: OffsetDateTime::now_utc() + lifetime,
        };
        self.add_session(&issued);
        issued
    }

    /// Returns the secret access keys and session tokens of all users and sessions.
    pub fn secrets(&self) -> Vec<String> {
        let state = lock(&self.state);
        let of_key = |key: &Key| [Some(key.secret.clone()), key.token.clone()];
        state.keys.values().flat_map(of_key).flatten().collect()
    }

    /// Expires all sessions.
    pub fn end_sessions(&self) {
        let now = OffsetDateTime::now_utc();
        for key in lock(&self.state)
            .keys
            .values_mut()
            .filter(|key| key.expires.is_some())
        {
            key.expires = Some(now);
        }
    }

    fn add_session(&self, issued: &SessionCredentials) {
        let SessionCredentials {
            key_id,
            secret,
            token,
            arn,
            user_id,
            expires,
        } = issued.clone();
        let key = Key {
            secret,
            token: Some(token),
            arn,
            user_id,
            expires: Some(expires),
        };
        lock(&self.state).keys.insert(key_id, key);
    }

    pub(super) fn role(&self, arn: &str) -> Option<Role> {
        lock(&self.state)
            .roles
            .iter()
            .find(|role| Self::role_arn(&role.name) == arn)
            .cloned()
    }

    pub(super) fn provider(&self, issuer: &str) -> Option<OidcProvider> {
        lock(&self.state)
            .providers
            .iter()
            .find(|provider| provider.issuer == issuer)
            .cloned()
    }

    pub(super) fn instances(&self, region: &str) -> Vec<Instance> {
        lock(&self.state)
            .instances
            .iter()
            .filter(|instance| instance.region == region)
            .cloned()
            .collect()
    }

    /// Authenticates a request, with checks in the order of AWS.
    pub(super) fn authenticate(
        &self,
        request: &Request,
        scope: CredentialScope<'_>,
    ) -> Result<Caller, AuthError> {
        let signature = ParsedSignature::parse(request).map_err(|error| match error {
            SignatureError::Unsigned => AuthError::Unsigned,
            SignatureError::Incomplete(part) => AuthError::Incomplete(part),
        })?;
        let state = lock(&self.state);
        let key = state
            .keys
            .get(&signature.key_id)
            .ok_or(AuthError::UnknownKey)?;
        if key.token.as_deref() != request.header("x-amz-security-token") {
            return Err(AuthError::UnknownKey);
        }
        if key.expires.is_some_and(|expires| expires <= scope.now) {
            return Err(AuthError::SessionExpired);
        }
        if signature.region != scope.region {
            return Err(AuthError::WrongRegion);
        }
        if signature.service != scope.service {
            return Err(AuthError::WrongService);
        }
        let age = scope.now - signature.at;
        if age.abs() > MAX_CLOCK_SKEW {
            return Err(AuthError::Skewed(age, signature.date));
        }
        if !signature.matches(request, &key.secret) {
            return Err(AuthError::SignatureMismatch);
        }
        Ok(Caller {
            arn: key.arn.clone(),
            user_id: key.user_id.clone(),
        })
    }
}

// === impl OidcProvider ===

impl Default for OidcProvider {
    /// The provider of the default issuer.
    fn default() -> Self {
        Self {
            issuer: ISSUER.to_owned(),
            audiences: vec!["sts.amazonaws.com".to_owned()],
            signing_keys: SigningKeys::Lab,
        }
    }
}
