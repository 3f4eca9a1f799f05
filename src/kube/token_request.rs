//! Acting as the agent from another pod: tokens of its service account for ten minutes, kept in memory and nowhere else.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::config::Secret;
use crate::kube::Access;
use crate::net::{Answer, Connection, Resolver};
use crate::report::{Evidence, Finding, Trail};

/// The shortest life that one may ask for.
const SECONDS: i64 = 600;
/// A token this close to its end is not used any more.
const MARGIN: i64 = 120;

/// The agent's service account, as another account may act as it.
#[derive(Debug)]
pub struct AgentAccount {
    namespace: String,
    name: String,
    kept: Mutex<BTreeMap<String, Token>>,
}

/// A token of the agent's account.
#[derive(Clone, Debug)]
pub struct Token {
    value: Secret,
    /// When it ends, in seconds since 1970.
    expiry: i64,
}

/// Why there is no token.
#[derive(Debug)]
pub enum NoToken {
    /// There is no such account: the agent is not installed.
    Absent(Evidence),
    /// It could not be found out.
    Unknown(Evidence),
    /// The way to the API server is broken.
    Way(Finding),
}

impl AgentAccount {
    /// The account of a name.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            kept: Mutex::default(),
        }
    }

    /// A token for an audience, `None` for the API server's: one that was given before, as long as it is good for a
    /// while, else a new one.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn token(
        &self,
        connection: &mut Connection,
        resolver: &Resolver,
        own: &Access,
        audience: Option<&str>,
    ) -> Result<Token, NoToken> {
        let key = audience.unwrap_or_default();
        let now = jiff::Timestamp::now().as_second();
        if let Some(token) = self
            .lock()
            .get(key)
            .filter(|token| token.expiry - now > MARGIN)
        {
            return Ok(token.clone());
        }
        let path = format!(
            "{}/api/v1/namespaces/{}/serviceaccounts/{}/token",
            own.prefix, self.namespace, self.name
        );
        let audiences: Vec<&str> = audience.into_iter().collect();
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": { "audiences": audiences, "expirationSeconds": SECONDS },
        });
        let body = Bytes::from(body.to_string());
        let mut headers = own.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = connection
            .question(
                resolver,
                (Method::POST, &path),
                headers,
                (body, Vec::new()),
                &Trail::default(),
            )
            .await;
        let token = self.given(&answer.map_err(NoToken::Way)?, now)?;
        self.lock().insert(key.to_owned(), token.clone());
        Ok(token)
    }

    /// Whether a token was kept, which is forgotten now because the server refuses it.
    pub fn forget(&self) -> bool {
        !std::mem::take(&mut *self.lock()).is_empty()
    }

    fn given(&self, answer: &Answer, now: i64) -> Result<Token, NoToken> {
        let who = format!("the service account {}/{}", self.namespace, self.name);
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => {}
            StatusCode::NOT_FOUND => {
                let why = format!("{who} does not exist: the agent is not installed there");
                return Err(NoToken::Absent(Evidence::from(why)));
            }
            StatusCode::FORBIDDEN => {
                let why = format!(
                    "this exporter's account may not create serviceaccounts/token for {who}: {}",
                    answer.quoted()
                );
                return Err(NoToken::Unknown(Evidence::from(why)));
            }
            status => {
                let why = format!(
                    "no token of {who}: the API server answered {status} {}",
                    answer.quoted()
                );
                return Err(NoToken::Unknown(Evidence::from(why)));
            }
        }
        // What the answer holds is never quoted: it is the token.
        let json = answer.json();
        let value = json
            .as_ref()
            .and_then(|json| json.get("status")?.get("token")?.as_str());
        let sound = value.filter(|value| !value.is_empty() && HeaderValue::from_str(value).is_ok());
        let Some(value) = sound else {
            let why = format!("no token of {who}: the answer to the TokenRequest holds none");
            return Err(NoToken::Unknown(Evidence::from(why)));
        };
        let expiry = super::service_account_token::expiry(value).unwrap_or(now + SECONDS);
        Ok(Token {
            value: Secret::new(value),
            expiry,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Token>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    /// The same access, as the account of this token.
    pub fn identify(&self, own: &Access) -> Access {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", self.value.reveal()))
            .expect("a token was taken only when it fits into a header");
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        Access {
            headers,
            token_expiry: Some(self.expiry),
            ..own.clone()
        }
    }

    /// The token itself, for the one place that it was asked for.
    pub fn value(&self) -> &Secret {
        &self.value
    }

    /// When it ends, in seconds since 1970.
    pub fn expiry(&self) -> i64 {
        self.expiry
    }
}
