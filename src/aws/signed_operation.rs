//! Signed requests with the SDK's runtime, for services that have no SDK crate here, because theirs
//! take minutes to compile.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions, sigv4};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use http::Request;

use crate::aws::{CallError, PhasedConnector, sdk_config};
use crate::config::agent::aws::{AwsService, ServiceEndpoint};
use crate::net::Response;

/// One operation of a service at one endpoint, with one set of credentials.
#[derive(Clone, Debug)]
pub(super) struct SignedOperation {
    connector: PhasedConnector,
    operation: Operation<Request<String>, (), Rejected>,
}

/// The SDK needs an error; the reason is read from the response.
#[derive(Debug, thiserror::Error)]
#[error("rejected")]
struct Rejected;

impl SignedOperation {
    /// Creates an operation.
    pub(super) fn new(
        (service, name): (AwsService, &'static str),
        connector: &PhasedConnector,
        endpoint: &ServiceEndpoint,
        credentials: &Credentials,
    ) -> Self {
        let config = sdk_config::new(connector, endpoint);
        let mut layer = Layer::new(service.signing_name());
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigningRegion::from(
            config
                .region()
                .cloned()
                .expect("the settings contain a region"),
        ));
        layer.store_put(SigningName::from_static(service.signing_name()));
        let mut signing = SigningOptions::default();
        signing.double_uri_encode = true;
        signing.normalize_uri_path = true;
        layer.store_put(SigV4OperationSigningConfig {
            signing_options: signing,
            ..Default::default()
        });
        let schemes = StaticAuthSchemeOptionResolver::new(vec![sigv4::SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new(service.signing_name())
            .with_auth_scheme(SharedAuthScheme::new(sigv4::SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
            .with_identity_cache(Some(IdentityCache::no_cache()));
        let provider = SharedCredentialsProvider::new(credentials.clone());
        components.set_identity_resolver(sigv4::SCHEME_ID, SharedIdentityResolver::new(provider));
        let operation = Operation::builder()
            .service_name(service.name())
            .operation_name(name)
            .behavior_version(
                config
                    .behavior_version()
                    .expect("the settings contain a version"),
            )
            .http_client(connector.clone())
            .endpoint_url(config.endpoint_url().unwrap_or_default())
            .no_retry()
            .timeout_config(TimeoutConfig::disabled())
            .runtime_plugin(
                StaticRuntimePlugin::new()
                    .with_config(layer.freeze())
                    .with_runtime_components(components),
            )
            .serializer(|request: Request<String>| {
                Ok(HttpRequest::try_from(request.map(SdkBody::from))?)
            })
            .deserializer(|response: &HttpResponse| {
                response
                    .status()
                    .is_success()
                    .then_some(())
                    .ok_or_else(|| OrchestratorError::operation(Rejected))
            })
            .build();
        Self {
            connector: connector.clone(),
            operation,
        }
    }

    /// Sends a signed request.
    ///
    /// # Errors
    /// If the service does not respond with success.
    pub(super) async fn invoke(&self, request: Request<String>) -> Result<Response, CallError> {
        self.connector
            .call(self.operation.invoke(request))
            .await
            .map(|((), response)| response)
    }
}
