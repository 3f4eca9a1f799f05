//! An open connection to the API server.

use std::sync::Arc;

use crate::kube::endpoint::ApiEndpoint;
use crate::kube::error::ClientError;
use crate::kube::token_request::{IssuedToken, ServiceAccountTokens, TokenError};
use crate::net::{Connection, Resolver, Response, StreamResponse};
use crate::report::PhaseTimer;

/// An open connection with the credentials to use on it.
#[derive(Debug)]
pub struct ApiConnection {
    connection: Connection,
    endpoint: ApiEndpoint,
    resolver: Arc<Resolver>,
}

impl ApiConnection {
    pub(super) fn new(
        connection: Connection,
        endpoint: ApiEndpoint,
        resolver: Arc<Resolver>,
    ) -> Self {
        Self {
            connection,
            endpoint,
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
