//! Signed requests on the SDK's own engine, for services whose own crates would take minutes to compile.

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

use crate::aws::{Line, Refused, sts};
use crate::config::aws::{Endpoint, Service};
use crate::net::Answer;

/// One operation of a service at one address, asked with one key.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    line: Line,
    operation: Operation<Request<String>, (), NoReason>,
}

/// The reason is read from the answer itself.
#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct NoReason;

impl Signed {
    /// An operation at the end of a line.
    pub(super) fn new(
        (service, name): (Service, &'static str),
        line: &Line,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Self {
        let config = sts::config(line, endpoint);
        let mut layer = Layer::new(service.signing_name());
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigningRegion::from(
            config.region().cloned().expect("an endpoint has a region"),
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
            .behavior_version(config.behavior_version().expect("set above"))
            .http_client(line.clone())
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
                let is_good = response.status().is_success();
                is_good
                    .then_some(())
                    .ok_or_else(|| OrchestratorError::operation(NoReason))
            })
            .build();
        Self {
            line: line.clone(),
            operation,
        }
    }

    /// Asks.
    ///
    /// # Errors
    /// How far it got.
    pub(super) async fn ask(&self, request: Request<String>) -> Result<Answer, Refused> {
        self.line
            .call(self.operation.invoke(request))
            .await
            .map(|((), answer)| answer)
    }
}
