//! Settings and credentials in the types of the AWS SDK.

use std::time::SystemTime;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;

use crate::aws::PhasedConnector;
use crate::config::agent::aws::{AccessKey, ServiceEndpoint};

/// Provider name of all credentials in the SDK's debug output.
pub(super) const PROVIDER_NAME: &str = "castai-health-exporter";

/// Returns the settings for one endpoint: one attempt, no timeouts of the SDK, nothing from the
/// environment.
pub(super) fn new(connector: &PhasedConnector, endpoint: &ServiceEndpoint) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(endpoint.signing_region.clone()))
        .endpoint_url(endpoint.url.as_str())
        .http_client(connector.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// Converts an access key to SDK credentials.
pub(super) fn credentials(key: &AccessKey, expiry: Option<SystemTime>) -> Credentials {
    let session = key.session.as_ref().map(|token| token.reveal().to_owned());
    Credentials::new(&key.id, key.secret.reveal(), session, expiry, PROVIDER_NAME)
}
