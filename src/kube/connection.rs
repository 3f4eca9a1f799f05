//! An open connection to the API server.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use k8s_openapi::api::core::v1::Pod;
use kube::Resource;
use kube::api::LogParams;
use serde_json::Value;

use crate::kube::caller::{Caller, CallerOwner};
use crate::kube::endpoint::ApiEndpoint;
use crate::kube::error::ClientError;
use crate::kube::token_request::{IssuedToken, ServiceAccountTokens, TokenError};
use crate::net::{Connection, HttpRequest, Resolver, Response, StreamResponse};
use crate::report::PhaseTimer;

/// An open connection with the credentials to use on it.
#[derive(Debug)]
pub struct ApiConnection {
    connection: Connection,
    endpoint: ApiEndpoint,
    owner: CallerOwner,
    resolver: Arc<Resolver>,
}

impl ApiConnection {
    pub(super) fn new(
        connection: Connection,
        endpoint: ApiEndpoint,
        owner: CallerOwner,
        resolver: Arc<Resolver>,
    ) -> Self {
        Self {
            connection,
            endpoint,
            owner,
            resolver,
        }
    }

    /// Sends a GET request and reads the bounded response.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn get(&mut self, path: &str) -> Result<Response, ClientError> {
        let path = self.endpoint.request_path(path);
        let headers = self.endpoint.credentials.headers.clone();
        self.connection
            .get(&self.resolver, &path, headers, &PhaseTimer::default())
            .await
            .map_err(ClientError::Request)
    }

    /// Reads the log of a container.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn container_log(
        &mut self,
        namespace: &str,
        pod: &str,
        params: &LogParams,
    ) -> Result<Response, ClientError> {
        let pods = kube::core::Request::new(Pod::url_path(&(), Some(namespace)));
        let request = pods
            .logs(pod, params)
            .map_err(|error| ClientError::Malformed {
                subject: format!("pod {pod}"),
                cause: error.to_string(),
            })?;
        self.get(&request.uri().to_string()).await
    }

    /// Sends an object with a POST request and reads the bounded response.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn post(&mut self, path: &str, object: &Value) -> Result<Response, ClientError> {
        let path = self.endpoint.request_path(path);
        let mut headers = self.endpoint.credentials.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = HttpRequest {
            body: Bytes::from(object.to_string()),
            ..HttpRequest::new(Method::POST, &path, headers)
        };
        self.connection
            .request(&self.resolver, request, &PhaseTimer::default())
            .await
            .map_err(ClientError::Request)
    }

    /// Changes an object with a JSON merge patch and reads the bounded response.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn patch(&mut self, path: &str, change: &Value) -> Result<Response, ClientError> {
        let path = self.endpoint.request_path(path);
        let mut headers = self.endpoint.credentials.headers.clone();
        let merge_patch = HeaderValue::from_static("application/merge-patch+json");
        headers.insert(CONTENT_TYPE, merge_patch);
        let request = HttpRequest {
            body: Bytes::from(change.to_string()),
            ..HttpRequest::new(Method::PATCH, &path, headers)
        };
        self.connection
            .request(&self.resolver, request, &PhaseTimer::default())
            .await
            .map_err(ClientError::Request)
    }

    /// Sends a DELETE request and reads the bounded response.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn delete(&mut self, path: &str) -> Result<Response, ClientError> {
        let path = self.endpoint.request_path(path);
        let headers = self.endpoint.credentials.headers.clone();
        let request = HttpRequest::new(Method::DELETE, &path, headers);
        self.connection
            .request(&self.resolver, request, &PhaseTimer::default())
            .await
            .map_err(ClientError::Request)
    }

    /// Uses a token of the agent's service account for all further requests.
    ///
    /// # Errors
    /// If the API server issues no token.
    pub async fn act_as_agent(&mut self, tokens: &ServiceAccountTokens) -> Result<(), TokenError> {
        let token = self.token(tokens, None).await?;
        let reopened = self.connection.drop_client_certificate(&self.resolver);
        reopened.await.map_err(TokenError::Request)?;
        self.endpoint.credentials = token.credentials();
        self.owner = CallerOwner::Agent;
        Ok(())
    }

    /// Returns the caller, as the credentials name it.
    pub fn caller(&self) -> Caller {
        Caller::new(self.owner, &self.endpoint.credentials)
    }

    /// Returns the error for a permission that the API server denied.
    pub fn forbidden(&self, permission: String) -> ClientError {
        ClientError::Forbidden {
            caller: self.caller(),
            permission,
        }
    }

    /// Sends a GET request and streams the response body.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn stream(&mut self, path: &str) -> Result<StreamResponse, ClientError> {
        let path = self.endpoint.request_path(path);
        let headers = self.endpoint.credentials.headers.clone();
        self.connection
            .stream(&self.resolver, &path, headers)
            .await
            .map_err(ClientError::Request)
    }

    /// Returns a token of another service account.
    ///
    /// # Errors
    /// If the API server issues no token.
    pub async fn token(
        &mut self,
        tokens: &ServiceAccountTokens,
        audience: Option<&str>,
    ) -> Result<IssuedToken, TokenError> {
        tokens
            .token(
                &mut self.connection,
                &self.resolver,
                &self.endpoint,
                audience,
            )
            .await
    }
}
