//! What AWS knows of one account: keys, sessions, roles, issuers and instances.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::signature::{Flaw, Signed};
use super::{ACCOUNT, ISSUER, Instance, KEY_ID, ROLE, SECRET, SUBJECT, random};
use crate::imds;
use crate::journal::lock;
use crate::request::Request;

/// An account; cheap to clone, and the servers that share it see every change at once.
#[derive(Clone, Debug)]
pub struct Account {
    state: Arc<Mutex<State>>,
}

/// A role, and who may take it.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The tokens with which it may be taken.
    pub web_identity: Option<WebIdentity>,
    /// The ARNs of those who may take it with keys.
    pub principals: Vec<String>,
}

/// What a role's trust demands of a token.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    /// `iss`.
    pub issuer: String,
    /// One of `aud`.
    pub audience: String,
    /// `sub`.
    pub subject: String,
}

/// An issuer of tokens that the account knows: an IAM OIDC identity provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// `iss`.
    pub issuer: String,
    /// The audiences it lists.
    pub audiences: Vec<String>,
    /// Whose signature counts.
    pub signs: Signs,
}

/// Whose signature counts.
#[derive(Clone, Debug)]
pub enum Signs {
    /// The lab's, which anybody can make.
    Lab,
    /// That of one of these keys (a JSON web key set).
    Keys(Value),
    /// Nobody's: the issuer's keys cannot be had.
    Nobody,
}

/// Temporary credentials.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The key's id.
    pub key_id: String,
    /// Its secret.
    pub secret: String,
    /// The session's token.
    pub token: String,
    /// Whose they are.
    pub arn: String,
    /// The unique id of whose they are.
    pub user_id: String,
    /// When they end.
    pub ends: OffsetDateTime,
}

/// Who signed a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) arn: String,
    pub(super) user_id: String,
}

/// Why nobody is believed to have signed a request.
#[derive(Debug)]
pub(super) enum Refusal {
    Unsigned,
    Incomplete(String),
    UnknownKey,
    SessionOver,
    Region,
    Service,
    /// Its date is too far from the server's clock: by how much past it is, and the date itself.
    Skewed(Duration, String),
    Mismatch,
}

/// What a server demands of a signature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand<'a> {
    pub(super) service: &'static str,
    pub(super) region: &'a str,
    pub(super) now: OffsetDateTime,
}

#[derive(Debug)]
struct State {
    keys: BTreeMap<String, Key>,
    roles: Vec<Role>,
    providers: Vec<Provider>,
    instances: Vec<Instance>,
}

#[derive(Debug)]
struct Key {
    secret: String,
    token: Option<String>,
    arn: String,
    user_id: String,
    ends: Option<OffsetDateTime>,
}

/// How far the date of a signature may be off.
pub(super) const TOLERANCE: Duration = Duration::minutes(5);
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// === impl Account ===

impl Default for Account {
    /// The agent's user and key, the agent's role for its service account, the node's role and the node itself.
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
        account.set_provider(Provider::default());
        account.set_role(Role {
            name: ROLE.to_owned(),
            web_identity: Some(WebIdentity {
                issuer: ISSUER.to_owned(),
                audience: "sts.amazonaws.com".to_owned(),
                subject: SUBJECT.to_owned(),
            }),
            principals: vec![user],
        });
        let node = Issued {
            key_id: imds::ROLE_KEY_ID.to_owned(),
            secret: imds::ROLE_SECRET.to_owned(),
            token: imds::ROLE_TOKEN.to_owned(),
            arn: format!(
                "arn:aws:sts::{ACCOUNT}:assumed-role/lab-node/{}",
                Instance::default().id
            ),
            user_id: format!("AROALABLABLABLABLABL2:{}", Instance::default().id),
            ends: OffsetDateTime::now_utc() + Duration::hours(6),
        };
        account.know(&node);
        account
    }
}

impl Account {
    /// Adds a user with a key; its ARN is returned.
    pub fn add_user(&self, name: &str, key_id: &str, secret: &str) -> String {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{name}");
        let user_id = format!("AIDA{}", random::letters(17, CAPITALS));
        let key = Key {
            secret: secret.to_owned(),
            token: None,
            arn: arn.clone(),
            user_id,
            ends: None,
        };
        lock(&self.state).keys.insert(key_id.to_owned(), key);
        arn
    }

    /// Forgets a key.
    pub fn remove_key(&self, key_id: &str) {
        lock(&self.state).keys.remove(key_id);
    }

    /// Adds a role, or changes the one of this name.
    pub fn set_role(&self, role: Role) {
        let roles = &mut lock(&self.state).roles;
        roles.retain(|known| known.name != role.name);
        roles.push(role);
    }

    /// Deletes a role; its sessions go on, as AWS's do.
    pub fn remove_role(&self, name: &str) {
        lock(&self.state).roles.retain(|known| known.name != name);
    }

    /// The ARN of a role.
    pub fn role_arn(name: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }

    /// Adds an issuer, or changes the one of this name.
    pub fn set_provider(&self, provider: Provider) {
        let providers = &mut lock(&self.state).providers;
        providers.retain(|known| known.issuer != provider.issuer);
        providers.push(provider);
    }

    /// Deletes an issuer.
    pub fn remove_provider(&self, issuer: &str) {
        lock(&self.state)
            .providers
            .retain(|known| known.issuer != issuer);
    }

    /// These instances and no others.
    pub fn set_instances(&self, instances: Vec<Instance>) {
        lock(&self.state).instances = instances;
    }

    /// A session of a role that lasts so long.
    pub fn issue(&self, role: &str, session: &str, life: Duration) -> Issued {
        let issued = Issued {
            key_id: format!("ASIA{}", random::letters(16, CAPITALS)),
            secret: random::letters(40, ALL),
            token: random::letters(356, ALL),
            arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"),
            user_id: format!("AROALABLABLABLABLABL1:{session}"),
            ends: OffsetDateTime::now_utc() + life,
        };
        self.know(&issued);
        issued
    }

    /// Ends every session now.
    pub fn end_sessions(&self) {
        let now = OffsetDateTime::now_utc();
        for key in lock(&self.state)
            .keys
            .values_mut()
            .filter(|key| key.ends.is_some())
        {
            key.ends = Some(now);
        }
    }

    fn know(&self, issued: &Issued) {
        let Issued {
            key_id,
            secret,
            token,
            arn,
            user_id,
            ends,
        } = issued.clone();
        let key = Key {
            secret,
            token: Some(token),
            arn,
            user_id,
            ends: Some(ends),
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

    pub(super) fn provider(&self, issuer: &str) -> Option<Provider> {
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

    /// Who signed a request, in the order in which AWS looks.
    pub(super) fn authenticate(
        &self,
        request: &Request,
        demand: Demand<'_>,
    ) -> Result<Caller, Refusal> {
        let signed = Signed::read(request).map_err(|flaw| match flaw {
            Flaw::Unsigned => Refusal::Unsigned,
            Flaw::Incomplete(what) => Refusal::Incomplete(what),
        })?;
        let state = lock(&self.state);
        let key = state.keys.get(&signed.key_id).ok_or(Refusal::UnknownKey)?;
        if key.token.as_deref() != request.header("x-amz-security-token") {
            return Err(Refusal::UnknownKey);
        }
        if key.ends.is_some_and(|end| end <= demand.now) {
            return Err(Refusal::SessionOver);
        }
        if signed.region != demand.region {
            return Err(Refusal::Region);
        }
        if signed.service != demand.service {
            return Err(Refusal::Service);
        }
        let age = demand.now - signed.at;
        if age.abs() > TOLERANCE {
            return Err(Refusal::Skewed(age, signed.stamp));
        }
        if !signed.fits(request, &key.secret) {
            return Err(Refusal::Mismatch);
        }
        Ok(Caller {
            arn: key.arn.clone(),
            user_id: key.user_id.clone(),
        })
    }
}

// === impl Provider ===

impl Default for Provider {
    /// The default issuer's.
    fn default() -> Self {
        Self {
            issuer: ISSUER.to_owned(),
            audiences: vec!["sts.amazonaws.com".to_owned()],
            signs: Signs::Lab,
        }
    }
}
