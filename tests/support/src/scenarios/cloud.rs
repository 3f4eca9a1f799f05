//! Faults of metadata services, credentials and cloud APIs.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};

use super::Scenario;
use crate::injected_fault::{InjectedFault, WebIdentity};
use crate::lab_cluster::{EC2, STS};

scenarios! {
    ($) for_each_cloud_scenario
    // === imds ===
    imds_refuses_connections: InjectedFault::Imds("refused") => Imds AwsImdsUnreachable Warning;
    imds_drops_syn: InjectedFault::Imds("tcp-hang") => Imds AwsImdsUnreachable Warning;
    imds_resets_connections: InjectedFault::Imds("reset") => Imds AwsImdsUnreachable Warning;
    imds_does_not_respond: InjectedFault::Imds("hang") => Imds AwsImdsUnreachable Warning;
    imds_hop_limit_is_too_low: InjectedFault::Imds("hop-limit-required") => Imds AwsImdsHopLimit Warning;
    imds_token_response_is_lost: InjectedFault::Imds("hop-limit") => Imds AwsImdsHopLimit Warning;
    imds_requires_token_but_issues_none: InjectedFault::Imds("token-required") => Imds AwsImdsTokenRequired Warning;
    imds_is_disabled: InjectedFault::Imds("disabled") => Imds AwsImdsDisabled Warning;
    imds_node_has_no_role: InjectedFault::Imds("no-role") => Imds AwsImdsNoRole Warning;
    imds_role_does_not_trust_ec2: InjectedFault::Imds("role-trust") => Imds AwsImdsRoleTrust Warning;
    imds_role_has_unknown_code: InjectedFault::Imds("role-code") => Imds AwsImdsServerError Warning;
    imds_responds_500: InjectedFault::Imds("server-error") => Imds AwsImdsServerError Warning;
    imds_throttles_requests: InjectedFault::Imds("throttled") => Imds AwsImdsServerError Warning;
    imds_responds_with_html: InjectedFault::Imds("html-ok") => Imds AwsImdsServerError Warning;
    imds_sends_garbage: InjectedFault::Imds("noise") => Imds AwsImdsServerError Warning;
    imds_request_header_is_lost: InjectedFault::Imds("header-lost") => Imds AwsImdsServerError Warning;
    discovery_imds_refuses_connections: InjectedFault::Discovery("refused") => Imds AwsImdsUnreachable Failing;
    discovery_imds_hop_limit_is_too_low: InjectedFault::Discovery("hop-limit-required") => Imds AwsImdsHopLimit Failing;
    discovery_imds_token_response_is_lost: InjectedFault::Discovery("hop-limit") => Imds AwsImdsHopLimit Warning;
    discovery_imds_required_token_is_lost: InjectedFault::DiscoveryWithRequiredToken("hop-limit") => Imds AwsImdsHopLimit Failing;
    discovery_imds_has_no_region: InjectedFault::Discovery("no-region") => Imds AwsImdsServerError Failing;

    // === aws_credentials: the node's role ===
    node_role_imds_refuses_connections: InjectedFault::Imds("refused") => AwsCredentials AwsImdsUnreachable Failing;
    node_role_imds_hop_limit_is_too_low: InjectedFault::Imds("hop-limit-required") => AwsCredentials AwsImdsHopLimit Failing;
    node_role_imds_requires_token: InjectedFault::Imds("token-required") => AwsCredentials AwsImdsTokenRequired Failing;
    node_role_imds_is_disabled: InjectedFault::Imds("disabled") => AwsCredentials AwsImdsDisabled Failing;
    node_role_is_missing: InjectedFault::Imds("no-role") => AwsCredentials AwsImdsNoRole Failing;
    node_role_does_not_trust_ec2: InjectedFault::Imds("role-trust") => AwsCredentials AwsImdsRoleTrust Failing;
    node_role_imds_responds_500: InjectedFault::Imds("server-error") => AwsCredentials AwsImdsServerError Failing;

    // === aws_credentials: configured credentials ===
    credentials_are_not_configured: InjectedFault::Env("AWS_EC2_METADATA_DISABLED", "true") => AwsCredentials AwsNoCredentials Failing;
    credentials_uri_is_not_allowed: InjectedFault::Env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/") => AwsCredentials AwsNoCredentials Failing;
    access_key_without_secret: InjectedFault::Env("AWS_ACCESS_KEY_ID", "AKIALABLABLABLABLAB1") => AwsCredentials AwsKeyIncomplete Warning;
    secret_without_access_key: InjectedFault::Env("AWS_SECRET_ACCESS_KEY", "wZ4kTq8vRb1nX6yP") => AwsCredentials AwsKeyIncomplete Warning;
    incomplete_access_key_is_the_only_source: InjectedFault::Envs(&[("AWS_ACCESS_KEY_ID", Some("AKIALABLABLABLABLAB1")), ("AWS_EC2_METADATA_DISABLED", Some("true"))]) => AwsCredentials AwsKeyIncomplete Failing;
    aws_profile_does_not_exist: InjectedFault::Env("AWS_PROFILE", "nowhere") => AwsCredentials AwsProfileInvalid Failing;
    aws_ca_bundle_is_missing: InjectedFault::Env("AWS_CA_BUNDLE", "/nowhere/bundle.pem") => AwsCredentials AwsCaBundleInvalid Failing;
    aws_ca_bundle_is_empty: InjectedFault::Env("AWS_CA_BUNDLE", "/dev/null") => AwsCredentials AwsCaBundleInvalid Failing;
    web_identity_role_arn_is_missing: InjectedFault::Env("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token") => AwsCredentials AwsIrsaRoleArnMissing Failing;
    web_identity_token_file_is_missing: InjectedFault::Irsa(WebIdentity::Missing) => AwsCredentials AwsIrsaTokenFileMissing Failing;
    web_identity_token_is_empty: InjectedFault::Irsa(WebIdentity::Text("\n")) => AwsCredentials AwsIrsaTokenInvalid Failing;
    web_identity_token_is_malformed: InjectedFault::Irsa(WebIdentity::Text("no token")) => AwsCredentials AwsIrsaTokenInvalid Failing;
    web_identity_token_is_expired: InjectedFault::Irsa(WebIdentity::Token("sts.amazonaws.com", -90_000, -60)) => AwsCredentials AwsIrsaTokenExpired Failing;
    web_identity_token_expires_soon: InjectedFault::Irsa(WebIdentity::Token("sts.amazonaws.com", -82_000, 4_000)) => AwsCredentials AwsIrsaTokenExpired Warning;
    web_identity_token_has_wrong_audience: InjectedFault::Irsa(WebIdentity::Token("https://kubernetes.default.svc", -60, 3_600)) => AwsCredentials AwsIrsaWrongAudience Failing;
    pod_identity_token_file_is_missing: InjectedFault::PodIdentity(None) => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    pod_identity_token_file_is_empty: InjectedFault::PodIdentity(Some("")) => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    pod_identity_agent_refuses_connections: InjectedFault::PodIdentityAgent("refused") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    pod_identity_agent_drops_syn: InjectedFault::PodIdentityAgent("tcp-hang") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    pod_identity_agent_does_not_respond: InjectedFault::PodIdentityAgent("http-hang") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    pod_identity_agent_sends_garbage: InjectedFault::PodIdentityAgent("noise") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    pod_identity_agent_responds_with_html: InjectedFault::PodIdentityAgent("html:200") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    pod_identity_agent_responds_502: InjectedFault::PodIdentityAgent("html:502") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    pod_identity_agent_has_other_address: InjectedFault::PodIdentityAgent("other-address") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    pod_identity_credentials_are_incomplete: InjectedFault::PodIdentityAgent("missing-secret") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    pod_identity_agent_sends_other_document: InjectedFault::PodIdentityAgent("other-document") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    pod_identity_role_does_not_trust_eks: InjectedFault::PodIdentityAgent("denied") => AwsCredentials AwsPodIdentityDenied Failing;
    pod_identity_has_no_association: InjectedFault::PodIdentityAgent("no-association") => AwsCredentials AwsPodIdentityNoAssociation Failing;
    pod_identity_token_is_lost: InjectedFault::PodIdentityAgent("token-lost") => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    pod_identity_token_is_rejected: InjectedFault::PodIdentityAgent("token-invalid") => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    pod_identity_token_is_expired: InjectedFault::PodIdentityAgent("token-expired") => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    pod_identity_throttles_requests: InjectedFault::PodIdentityAgent("throttled") => AwsCredentials AwsPodIdentityThrottled Warning;
    pod_identity_is_throttled_by_eks: InjectedFault::PodIdentityAgent("service-throttled") => AwsCredentials AwsPodIdentityThrottled Warning;
    pod_identity_agent_cannot_reach_eks: InjectedFault::PodIdentityAgent("backend-unreachable") => AwsCredentials AwsPodIdentityBackendUnreachable Failing;
    pod_identity_eks_responds_500: InjectedFault::PodIdentityAgent("backend-error") => AwsCredentials AwsPodIdentityBackendUnreachable Failing;
    pod_identity_eks_responds_503: InjectedFault::PodIdentityAgent("backend-unavailable") => AwsCredentials AwsPodIdentityBackendUnreachable Failing;
    pod_identity_credentials_are_expired: InjectedFault::PodIdentityAgent("expired-credentials") => AwsCredentials AwsPodIdentityBackendUnreachable Failing;
    web_identity_not_injected_into_old_pod: InjectedFault::RoleAddedAfterPod(&[]) => AwsCredentials AwsIrsaNotInjected Failing;
    web_identity_not_injected_beside_access_key: InjectedFault::RoleAddedAfterPod(&[("AWS_ACCESS_KEY_ID", lab::aws::KEY_ID), ("AWS_SECRET_ACCESS_KEY", lab::aws::SECRET)]) => AwsCredentials AwsIrsaNotInjected Warning;
    pod_identity_is_unsupported_by_agent_sdk: InjectedFault::PodIdentityWithAgentVersion("v0.93.0") => AwsCredentials AwsPodIdentityUnsupportedByAgentSdk Failing;

    // === gce_metadata ===
    gce_metadata_refuses_connections: InjectedFault::Gce("refused") => GceMetadata GcpMetadataUnreachable Failing;
    gce_metadata_drops_syn: InjectedFault::Gce("tcp-hang") => GceMetadata GcpMetadataUnreachable Failing;
    gce_metadata_does_not_respond: InjectedFault::Gce("http-hang") => GceMetadata GcpMetadataUnreachable Failing;
    gce_metadata_resets_connections: InjectedFault::Gce("reset") => GceMetadata GcpMetadataUnreachable Failing;
    gce_metadata_sends_garbage: InjectedFault::Gce("noise") => GceMetadata GcpMetadataUnreachable Failing;
    gce_metadata_responds_500: InjectedFault::Gce("server-error") => GceMetadata GcpMetadataUnreachable Failing;
    gce_metadata_has_no_cluster_name: InjectedFault::Gce("no-cluster-name") => GceMetadata GcpMetadataAttrMissing Failing;
    gce_metadata_cluster_name_is_empty: InjectedFault::Gce("empty-cluster-name") => GceMetadata GcpMetadataAttrMissing Failing;
    gce_metadata_zone_has_no_region: InjectedFault::Gce("odd-zone") => GceMetadata GcpMetadataAttrMissing Failing;
    gce_metadata_request_header_is_lost: InjectedFault::Gce("header-lost") => GceMetadata GcpMetadataHeaderMissing Failing;
    gce_metadata_is_another_server: InjectedFault::Gce("other-server") => GceMetadata GcpMetadataHeaderMissing Failing;
    gce_metadata_responds_with_html: InjectedFault::Gce("html:200") => GceMetadata GcpMetadataHeaderMissing Failing;
    gce_metadata_has_no_service_account: InjectedFault::Gce("no-service-account") => GceMetadata GcpMetadataNoSa Warning;
    gce_metadata_rate_limits_requests: InjectedFault::Gce("rate-limited") => GceMetadata GcpMetadataRateLimited Failing;
    gce_metadata_responds_503: InjectedFault::Gce("unavailable") => GceMetadata GcpMetadataRateLimited Failing;

    // === azure_imds ===
    azure_imds_refuses_connections: InjectedFault::AzureImds("refused") => AzureImds AzureImdsUnreachable Failing;
    azure_imds_drops_syn: InjectedFault::AzureImds("tcp-hang") => AzureImds AzureImdsUnreachable Failing;
    azure_imds_does_not_respond: InjectedFault::AzureImds("http-hang") => AzureImds AzureImdsUnreachable Failing;
    azure_imds_responds_slowly: InjectedFault::AzureImds("response-slow:600ms") => AzureImds AzureImdsUnreachable Failing;
    azure_imds_responds_500: InjectedFault::AzureImds("server-error") => AzureImds AzureImdsUnreachable Failing;
    azure_imds_responds_410_gone: InjectedFault::AzureImds("gone") => AzureImds AzureImdsUnreachable Failing;
    azure_imds_responds_with_html: InjectedFault::AzureImds("html:200") => AzureImds AzureImdsUnreachable Failing;
    azure_imds_has_no_subscription: InjectedFault::AzureImds("no-subscription") => AzureImds AzureImdsUnreachable Failing;
    azure_imds_is_restricted: InjectedFault::AzureImds("restricted") => AzureImds AzureImdsRestricted Failing;
    azure_imds_request_header_is_lost: InjectedFault::AzureImds("header-lost") => AzureImds AzureImdsBadRequest Failing;
    azure_imds_api_version_is_unknown: InjectedFault::AzureImds("version-unknown") => AzureImds AzureImdsBadRequest Failing;
    azure_imds_rate_limits_requests: InjectedFault::AzureImds("rate-limited") => AzureImds AzureImdsRateLimited Failing;
    // === sts_identity: network and TLS, for web identity ===
    sts_name_is_nxdomain: InjectedFault::DnsName(STS, "nxdomain") => StsIdentity NetDnsNxdomain Warning;
    ec2_name_is_nxdomain: InjectedFault::DnsName(EC2, "nxdomain") => Ec2Api NetDnsNxdomain Failing;
    sts_name_is_servfail: InjectedFault::DnsName(STS, "servfail") => StsIdentity NetDnsServfail Warning;
    ec2_name_is_servfail: InjectedFault::DnsName(EC2, "servfail") => Ec2Api NetDnsServfail Failing;
    sts_name_times_out_in_dns: InjectedFault::DnsName(STS, "silent") => StsIdentity NetDnsTimeout Warning;
    ec2_name_times_out_in_dns: InjectedFault::DnsName(EC2, "silent") => Ec2Api NetDnsTimeout Failing;
    sts_name_has_no_address: InjectedFault::DnsName(STS, "no-address") => StsIdentity NetDnsNoAddress Warning;
    ec2_name_has_no_address: InjectedFault::DnsName(EC2, "no-address") => Ec2Api NetDnsNoAddress Failing;
    sts_is_unroutable: InjectedFault::DnsName(STS, "address:224.0.0.1") => StsIdentity NetUnreachable Warning;
    ec2_is_unroutable: InjectedFault::DnsName(EC2, "address:224.0.0.1") => Ec2Api NetUnreachable Failing;
    sts_drops_syn: InjectedFault::StsForRole("tcp-hang") => StsIdentity NetConnectTimeout Failing;
    sts_refuses_connections: InjectedFault::StsForRole("refused") => StsIdentity NetRefused Failing;
    sts_resets_connections: InjectedFault::StsForRole("reset-on-hello") => StsIdentity NetReset Failing;
    sts_hangs_in_tls_handshake: InjectedFault::StsForRole("tls-hang") => StsIdentity TlsHandshakeTimeout Failing;
    sts_has_unknown_ca: InjectedFault::StsForRole("cert-foreign-ca") => StsIdentity TlsUnknownAuthority Failing;
    sts_is_tls_inspected: InjectedFault::StsForRole("cert-intercepted") => StsIdentity TlsIntercepted Failing;
    sts_has_expired_certificate: InjectedFault::StsForRole("cert-expired") => StsIdentity TlsExpired Failing;
    sts_certificate_is_not_yet_valid: InjectedFault::StsForRole("cert-not-yet-valid") => StsIdentity TlsNotYetValid Failing;
    sts_certificate_has_other_hostname: InjectedFault::StsForRole("cert-wrong-name") => StsIdentity TlsHostnameMismatch Failing;
    sts_sends_tls_alert: InjectedFault::StsForRole("tls-alert") => StsIdentity TlsProtocol Failing;
    sts_does_not_respond: InjectedFault::StsForRole("http-hang") => StsIdentity HttpTimeout Failing;
    sts_sends_garbage: InjectedFault::StsForRole("noise") => StsIdentity HttpProtocol Failing;
    sts_truncates_response: InjectedFault::StsForRole("truncated") => StsIdentity HttpProtocol Failing;
    ec2_drops_syn: InjectedFault::Ec2("tcp-hang") => Ec2Api NetConnectTimeout Failing;
    ec2_refuses_connections: InjectedFault::Ec2("refused") => Ec2Api NetRefused Failing;
    ec2_resets_connections: InjectedFault::Ec2("reset-on-hello") => Ec2Api NetReset Failing;
    ec2_hangs_in_tls_handshake: InjectedFault::Ec2("tls-hang") => Ec2Api TlsHandshakeTimeout Failing;
    ec2_has_unknown_ca: InjectedFault::Ec2("cert-foreign-ca") => Ec2Api TlsUnknownAuthority Failing;
    ec2_is_tls_inspected: InjectedFault::Ec2("cert-intercepted") => Ec2Api TlsIntercepted Failing;
    ec2_has_expired_certificate: InjectedFault::Ec2("cert-expired") => Ec2Api TlsExpired Failing;
    ec2_certificate_is_not_yet_valid: InjectedFault::Ec2("cert-not-yet-valid") => Ec2Api TlsNotYetValid Failing;
    ec2_certificate_has_other_hostname: InjectedFault::Ec2("cert-wrong-name") => Ec2Api TlsHostnameMismatch Failing;
    ec2_sends_tls_alert: InjectedFault::Ec2("tls-alert") => Ec2Api TlsProtocol Failing;
    ec2_does_not_respond: InjectedFault::Ec2("http-hang") => Ec2Api HttpTimeout Failing;
    ec2_sends_garbage: InjectedFault::Ec2("noise") => Ec2Api HttpProtocol Failing;
    ec2_truncates_response: InjectedFault::Ec2("truncated") => Ec2Api HttpProtocol Failing;
    sts_proxy_refuses_connections: InjectedFault::ProxyToAws(STS, "refused") => StsIdentity ProxyUnreachable Failing;
    sts_proxy_responds_407: InjectedFault::ProxyToAws(STS, "407") => StsIdentity ProxyAuthRequired Failing;
    sts_proxy_responds_502: InjectedFault::ProxyToAws(STS, "502") => StsIdentity ProxyBadGateway Failing;
    sts_proxy_responds_403: InjectedFault::ProxyToAws(STS, "403") => StsIdentity ProxyDenied Failing;
    ec2_proxy_refuses_connections: InjectedFault::ProxyToAws(EC2, "refused") => Ec2Api ProxyUnreachable Failing;
    ec2_proxy_responds_407: InjectedFault::ProxyToAws(EC2, "407") => Ec2Api ProxyAuthRequired Failing;
    ec2_proxy_responds_502: InjectedFault::ProxyToAws(EC2, "502") => Ec2Api ProxyBadGateway Failing;
    ec2_proxy_responds_403: InjectedFault::ProxyToAws(EC2, "403") => Ec2Api ProxyDenied Failing;
    sts_endpoint_url_is_invalid: InjectedFault::Env("AWS_ENDPOINT_URL_STS", "sts.lab") => StsIdentity AgentConfigInvalid Failing;
    ec2_endpoint_url_has_unsupported_scheme: InjectedFault::Env("AWS_ENDPOINT_URL_EC2", "ftp://ec2.lab") => Ec2Api AgentConfigInvalid Failing;

    // === sts_identity: responses for web identity ===
    sts_trust_policy_denies_web_identity: InjectedFault::StsForRole("trust-denied") => StsIdentity AwsIrsaTrustDenied Failing;
    sts_oidc_provider_is_missing: InjectedFault::StsForRole("no-oidc-provider") => StsIdentity AwsIrsaOidcProviderMissing Failing;
    sts_audience_is_not_allowed: InjectedFault::StsForRole("wrong-audience") => StsIdentity AwsIrsaWrongAudience Failing;
    sts_audience_is_custom: InjectedFault::Irsa(WebIdentity::Token("mine", -60, 86_000)) => StsIdentity AwsIrsaWrongAudience Failing;
    sts_oidc_verification_key_is_missing: InjectedFault::StsForRole("no-verification-key") => StsIdentity AwsIrsaTokenInvalid Failing;
    sts_oidc_thumbprint_is_wrong: InjectedFault::StsForRole("thumbprint") => StsIdentity AwsIrsaTokenInvalid Failing;
    sts_oidc_provider_rejects_token: InjectedFault::StsForRole("idp-rejected") => StsIdentity AwsIrsaTokenInvalid Failing;
    sts_web_identity_token_is_expired: InjectedFault::StsForRole("web-identity-expired") => StsIdentity AwsIrsaTokenExpired Failing;
    sts_oidc_provider_is_unreachable: InjectedFault::StsForRole("idp-unreachable") => StsIdentity AwsIrsaIdpUnreachable Failing;
    sts_throttles_requests: InjectedFault::StsForRole("throttled") => StsIdentity AwsStsThrottled Failing;
    sts_responds_500: InjectedFault::StsForRole("internal-failure") => StsIdentity AwsStsServerError Failing;
    sts_responds_503: InjectedFault::StsForRole("unavailable") => StsIdentity AwsStsServerError Failing;
    sts_responds_with_html: InjectedFault::StsForRole("html:200") => StsIdentity ProxyBlockPage Failing;
    sts_responds_slowly: InjectedFault::StsForRole("response-slow:1200ms") => StsIdentity AwsSlow Warning;
    sts_region_is_not_enabled: InjectedFault::StsForRole("region-disabled") => StsIdentity AwsRegionNotEnabled Failing;
    sts_profile_role_trusts_nobody: InjectedFault::ProfileRole => StsIdentity AwsStsDenied Failing;

    // === sts_identity: responses for an access key ===
    sts_vpc_endpoint_policy_denies: InjectedFault::Sts("caller-denied-vpce") => StsIdentity AwsStsDenied Warning;
    sts_service_control_policy_denies: InjectedFault::Sts("caller-denied-scp") => StsIdentity AwsStsDenied Warning;
    sts_unused_by_agent_refuses_connections: InjectedFault::Sts("refused") => StsIdentity NetRefused Warning;
    sts_unused_by_agent_throttles_requests: InjectedFault::Sts("throttled") => StsIdentity AwsStsThrottled Warning;
    sts_response_has_no_identity: InjectedFault::Sts("no-identity") => StsIdentity ProxyBlockPage Warning;
    sts_access_key_is_unknown: InjectedFault::AccessKey("AKIANOBODYNOBODYNOBO", "lab/user/secret/access/key/0123456789abc") => StsIdentity AwsKeyInvalid Failing;
    sts_access_key_id_has_newline: InjectedFault::AccessKey("AKIALABLABLABLABLAB1\n", "lab/user/secret/access/key/0123456789abc") => StsIdentity AwsKeyInvalid Failing;
    sts_secret_key_is_wrong: InjectedFault::AccessKey("AKIALABLABLABLABLAB1", "not/the/secret") => StsIdentity AwsKeySecretWrong Failing;
    sts_secret_key_has_newline: InjectedFault::AccessKey("AKIALABLABLABLABLAB1", "lab/user/secret/access/key/0123456789abc\n") => StsIdentity AwsKeySecretWrong Failing;
    sts_signature_is_incomplete: InjectedFault::Sts("signature-incomplete") => StsIdentity AwsKeySecretWrong Failing;
    sts_session_is_expired: InjectedFault::Sts("expired-token") => StsIdentity AwsSessionExpired Failing;
    sts_reports_clock_skew: InjectedFault::Sts("clock:+600s") => StsIdentity AwsClockSkew Failing;
    sts_account_is_not_the_clusters: InjectedFault::Env("EKS_ACCOUNT_ID", "210987654321") => StsIdentity AwsAccountMismatch Failing;
    access_keys_shadow_a_role: InjectedFault::AccessKeyBesideRole => StsIdentity AwsRoleMismatch Warning;
    role_changed_after_pod_creation: InjectedFault::RoleChangedAfterPod => StsIdentity AwsRoleMismatch Warning;

    // === ec2_api ===
    ec2_denied_without_identity_policy: InjectedFault::Ec2("denied-identity-policy") => Ec2Api Ec2DeniedIdentityPolicy Failing;
    ec2_denied_by_identity_policy: InjectedFault::Ec2("denied-explicit") => Ec2Api Ec2DeniedExplicitIdentity Failing;
    ec2_denied_by_scp: InjectedFault::Ec2("denied-scp") => Ec2Api Ec2DeniedScp Failing;
    ec2_not_allowed_by_scp: InjectedFault::Ec2("denied-scp-implicit") => Ec2Api Ec2DeniedScp Failing;
    ec2_denied_by_named_scp: InjectedFault::Ec2("denied-scp-by-name") => Ec2Api Ec2DeniedScp Failing;
    ec2_denied_by_rcp: InjectedFault::Ec2("denied-rcp") => Ec2Api Ec2DeniedRcp Failing;
    ec2_not_allowed_by_permissions_boundary: InjectedFault::Ec2("denied-boundary") => Ec2Api Ec2DeniedBoundary Failing;
    ec2_denied_by_permissions_boundary: InjectedFault::Ec2("denied-boundary-explicit") => Ec2Api Ec2DeniedBoundary Failing;
    ec2_not_allowed_by_session_policy: InjectedFault::Ec2("denied-session-policy") => Ec2Api Ec2DeniedSessionPolicy Failing;
    ec2_denied_by_session_policy: InjectedFault::Ec2("denied-session-policy-explicit") => Ec2Api Ec2DeniedSessionPolicy Failing;
    ec2_not_allowed_by_resource_policy: InjectedFault::Ec2("denied-resource-policy") => Ec2Api Ec2DeniedResourcePolicy Failing;
    ec2_denied_by_resource_policy: InjectedFault::Ec2("denied-resource-policy-explicit") => Ec2Api Ec2DeniedResourcePolicy Failing;
    ec2_not_allowed_by_vpc_endpoint_policy: InjectedFault::Ec2("denied-vpce") => Ec2Api Ec2DeniedVpcePolicy Failing;
    ec2_denied_by_vpc_endpoint_policy: InjectedFault::Ec2("denied-vpce-explicit") => Ec2Api Ec2DeniedVpcePolicy Failing;
    ec2_denies_without_reason: InjectedFault::Ec2("denied-without-reason") => Ec2Api Ec2DeniedUnspecified Failing;
    ec2_denies_with_encoded_message: InjectedFault::Ec2("denied-encoded") => Ec2Api Ec2DeniedUnspecified Failing;
    ec2_denied_by_emulator: InjectedFault::Ec2("denied-by-emulator") => Ec2Api Ec2DeniedUnspecified Failing;
    ec2_throttles_requests: InjectedFault::Ec2("throttled") => Ec2Api Ec2Throttled Failing;
    ec2_throttles_with_other_code: InjectedFault::Ec2("throttling") => Ec2Api Ec2Throttled Failing;
    ec2_responds_500: InjectedFault::Ec2("internal-error") => Ec2Api Ec2ServerError Failing;
    ec2_responds_503: InjectedFault::Ec2("unavailable") => Ec2Api Ec2ServerError Failing;
    ec2_responds_200_with_html: InjectedFault::Ec2("html:200") => Ec2Api Ec2UnexpectedBody Failing;
    ec2_responds_403_with_html: InjectedFault::Ec2("html:403") => Ec2Api Ec2UnexpectedBody Failing;
    ec2_responds_with_other_document: InjectedFault::Ec2("other-document") => Ec2Api Ec2UnexpectedBody Failing;
    ec2_responds_slowly: InjectedFault::Ec2("response-slow:1200ms") => Ec2Api AwsSlow Warning;
    ec2_responds_auth_failure: InjectedFault::Ec2("auth-failure") => Ec2Api AwsAuthFailureAmbiguous Failing;
    ec2_responds_request_expired: InjectedFault::Ec2("request-expired") => Ec2Api AwsSessionExpired Failing;
    ec2_reports_clock_skew: InjectedFault::Ec2("clock:+600s") => Ec2Api AwsClockSkew Failing;
    ec2_region_is_not_enabled: InjectedFault::Ec2("opt-in-required") => Ec2Api AwsRegionNotEnabled Failing;
    ec2_returns_empty_set: InjectedFault::Ec2("empty-set") => Ec2Api Ec2InstanceNotVisible Failing;
    ec2_has_no_instances: InjectedFault::NoInstances => Ec2Api Ec2InstanceNotVisible Failing;
    ec2_instance_is_not_found: InjectedFault::Ec2("instance-not-found") => Ec2Api Ec2InstanceNotVisible Failing;
    ec2_instance_has_no_cluster_tag: InjectedFault::Ec2InDiscovery("no-tags") => Ec2Api Ec2TagsMissing Failing;
    ec2_region_is_wrong: InjectedFault::NodeInOtherRegion => Ec2Api Ec2RegionWrong Failing;
}
