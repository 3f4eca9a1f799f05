//! Short-lived tokens of another service account, requested with the `TokenRequest` API and kept in
//! memory only.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Resource;

use crate::config::Secret;
use crate::kube::credentials::Credentials;
use crate::kube::endpoint::ApiEndpoint;
use crate::kube::token_claims;
use crate::net::{Connection, HttpRequest, Resolver, Response};
use crate::report::{Evidence, Finding, PhaseTimer};

/// Requested lifetime, in seconds: the shortest that the API server allows.
const LIFETIME_SECONDS: i64 = 600;
/// Remaining lifetime below which a cached token is replaced, in seconds.
const MIN_LIFETIME_SECONDS: i64 = 120;

/// Requests and caches tokens of one service account.
#[derive(Debug)]
pub struct ServiceAccountTokens {
    namespace: String,
    name: String,
    /// Tokens by audience.
    cache: Mutex<BTreeMap<String, IssuedToken>>,
}

/// A token that the API server issued.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    value: Secret,
    /// In Unix seconds.
    expiry: i64,
}

/// An error while requesting a token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The service account does not exist.
    #[error(
        "service account {account} does not exist: the agent is not installed in that namespace"
    )]
    AccountNotFound {
        /// The account, as `NAMESPACE/NAME`.
        account: String,
    },
    /// RBAC denies `create serviceaccounts/token`.
    #[error(
        "the exporter's service account is not allowed to create serviceaccounts/token for \
         {account}: {body}"
    )]
    Forbidden {
        /// The account, as `NAMESPACE/NAME`.
        account: String,
        /// The quoted response body.
        body: String,
    },
    /// The API server rejected the request.
    #[error("the TokenRequest for service account {account} returned {status} {body}")]
    Rejected {
        /// The account, as `NAMESPACE/NAME`.
        account: String,
        /// The HTTP status.
        status: StatusCode,
        /// The quoted response body.
        body: String,
    },
    /// The response contains no usable token.
    #[error("the response to the TokenRequest for service account {account} contains no token")]
    Malformed {
        /// The account, as `NAMESPACE/NAME`.
        account: String,
    },
    /// The request got no response.
    #[error("{}", .0.evidence)]
    Request(Finding),
}

impl ServiceAccountTokens {
    /// Returns an empty cache for a service account.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            cache: Mutex::default(),
        }
    }

    /// Returns a cached or new token for an audience; `None` is the API server's own audience.
    ///
    /// # Errors
    /// If the API server issues no token.
    pub async fn token(
        &self,
        connection: &mut Connection,
        resolver: &Resolver,
        endpoint: &ApiEndpoint,
        audience: Option<&str>,
    ) -> Result<IssuedToken, TokenError> {
        let key = audience.unwrap_or_default();
        let now = jiff::Timestamp::now().as_second();
        if let Some(token) = self
            .lock()
            .get(key)
            .filter(|token| token.expiry - now > MIN_LIFETIME_SECONDS)
        {
            return Ok(token.clone());
        }
        let accounts = ServiceAccount::url_path(&(), Some(&self.namespace));
        let path = endpoint.request_path(&format!("{accounts}/{}/token", self.name));
        let wanted = TokenRequest {
            spec: TokenRequestSpec {
                audiences: audience.into_iter().map(str::to_owned).collect(),
                expiration_seconds: Some(LIFETIME_SECONDS),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let body = serde_json::to_vec(&wanted).expect("all values are JSON");
        let body = Bytes::from(body);
        let mut headers = endpoint.credentials.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = HttpRequest {
            body,
            ..HttpRequest::new(Method::POST, &path, headers)
        };
        let response = connection
            .request(resolver, request, &PhaseTimer::default())
            .await;
        let token = self.parse(&response.map_err(TokenError::Request)?, now)?;
        self.lock().insert(key.to_owned(), token.clone());
        Ok(token)
    }

    /// Discards all cached tokens after the API server rejected one. Returns whether there were
    /// any.
    pub fn discard(&self) -> bool {
        !std::mem::take(&mut *self.lock()).is_empty()
    }

    fn parse(&self, response: &Response, now: i64) -> Result<IssuedToken, TokenError> {
        let account = format!("{}/{}", self.namespace, self.name);
        match response.status {
            StatusCode::OK | StatusCode::CREATED => {}
            StatusCode::NOT_FOUND => return Err(TokenError::AccountNotFound { account }),
            StatusCode::FORBIDDEN => {
                let body = response.quoted();
                return Err(TokenError::Forbidden { account, body });
            }
            status => {
                let body = response.quoted();
                return Err(TokenError::Rejected {
                    account,
                    status,
                    body,
                });
            }
        }
        // A successful response is never quoted: it contains the token.
        let issued = serde_json::from_slice::<TokenRequest>(&response.body).ok();
        let status = issued.and_then(|issued| issued.status);
        let value = status.as_ref().map(|status| status.token.as_str());
        let valid = value.filter(|value| !value.is_empty() && HeaderValue::from_str(value).is_ok());
        let Some(value) = valid else {
            return Err(TokenError::Malformed { account });
        };
        let expiry = token_claims::expiry(value).unwrap_or(now + LIFETIME_SECONDS);
        Ok(IssuedToken {
            value: Secret::new(value),
            expiry,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, IssuedToken>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IssuedToken {
    /// Returns credentials with this token.
    pub fn credentials(&self) -> Credentials {
        let credentials = Credentials::authorization(&format!("Bearer {}", self.value.reveal()))
            .expect("only tokens that fit into a header are accepted");
        Credentials {
            token_expiry: Some(self.expiry),
            ..credentials
        }
    }

    /// Returns the token, for its audience only.
    pub fn value(&self) -> &Secret {
        &self.value
    }
}

impl From<TokenError> for Evidence {
    fn from(error: TokenError) -> Self {
        Self::from(error.to_string())
    }
}
