//! One scenario for each (check, mode): the fault, and the verdict that must follow.
//!
//! A new failure mode gets a row here; its test in `tests/it/scenarios.rs` is generated from the
//! row.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};

pub use crate::faults::{break_world, heal, world_for};
use crate::lab_cluster::{CASTAI, EC2, KUBERNETES, STS};

/// A fault of the lab cluster.
#[derive(Clone, Copy, Debug)]
pub enum Break {
    /// All addresses of the API server.
    Api(&'static str),
    /// The first of two addresses behind the service.
    OneEndpoint(&'static str),
    /// CAST AI without a proxy.
    Castai(&'static str),
    /// CAST AI behind a proxy.
    CastaiBehindProxy(&'static str),
    /// The proxy to CAST AI.
    Proxy(&'static str),
    /// The proxy to the API server, used because `NO_PROXY` lacks the service's address.
    ProxyToApi(&'static str),
    /// One DNS name.
    Name(&'static str, &'static str),
    /// An unroutable address of the API server.
    ApiAddress(&'static str),
    /// A variable of the agent's environment.
    Env(&'static str, &'static str),
    /// A missing variable of the agent's environment.
    NoEnv(&'static str),
    /// The mounted token.
    Token(Option<&'static str>),
    /// The clocks of all servers.
    Clocks(&'static str),
    /// Instance metadata.
    Imds(&'static str),
    /// Instance metadata, for an agent that has to discover its cluster.
    Discovery(&'static str),
    /// STS, used by the exporter only.
    Sts(&'static str),
    /// STS, used by the agent for a role by web identity.
    StsForRole(&'static str),
    /// EC2.
    Ec2(&'static str),
    /// EC2, for an agent that has to discover its cluster.
    Ec2InDiscovery(&'static str),
    /// The proxy to STS or to EC2.
    ProxyToAws(&'static str, &'static str),
    /// An access key in the agent's Secret: its id and secret.
    Keys(&'static str, &'static str),
    /// An access key beside a role by web identity.
    KeysBesideRole,
    /// A profile with a key for a role whose trust policy allows nobody.
    ProfileRole,
    /// A node in another region.
    InAnotherRegion,
    /// EC2 without instances.
    NoInstances,
    /// Instance metadata that requires tokens, for an agent that has to discover its cluster.
    DiscoveryByTokens(&'static str),
    /// Several variables of the agent's environment; `None` unsets one.
    Envs(&'static [(&'static str, Option<&'static str>)]),
    /// Google's metadata server, on GKE.
    Gce(&'static str),
    /// Azure's instance metadata service, on AKS.
    AzureImds(&'static str),
    /// Authorized networks of the control plane on EKS.
    Eks(&'static str),
    /// The same on EKS, for an agent that has to discover its cluster.
    EksInDiscovery(&'static str),
    /// Authorized networks of the control plane on GKE.
    Gke(&'static str),
    /// Authorized networks of the control plane on AKS.
    Aks(&'static str),
    /// A cluster of another provider, with these variables.
    DiscoveredAgent(&'static str, &'static [(&'static str, &'static str)]),
    /// The agent's web identity token.
    Irsa(WebIdentity),
    /// The agent's token for EKS Pod Identity; `None` is a missing file.
    PodIdentity(Option<&'static str>),
    /// EKS Pod Identity with an agent of this version.
    PodIdentityOf(&'static str),
    /// The EKS Pod Identity Agent on the node.
    PodIdentityAgent(&'static str),
    /// A role that the service account got after the pod was created, with these variables.
    LateRole(&'static [(&'static str, &'static str)]),
    /// A role of the service account that changed after the pod was created.
    ChangedRole,
    /// A field of the cluster at CAST AI: its name and its JSON value.
    Cluster(&'static str, &'static str),
    /// The agent's health endpoint.
    Agent(&'static str),
    /// The agent's lease: its holder, if any, and its age in seconds; `None` is a missing lease.
    Lease(Option<(Option<&'static str>, i64)>),
    /// API-server responses with this code, counted by the agent since the last attempt.
    Meets(&'static str),
    /// A cluster deleted at CAST AI whose id is known only from the agent's `ConfigMap`.
    ClusterOfConfigMap(&'static str),
}

/// Contents of the file in `AWS_WEB_IDENTITY_TOKEN_FILE`.
#[derive(Clone, Copy, Debug)]
pub enum WebIdentity {
    Missing,
    /// This text.
    Text(&'static str),
    /// A token for this audience, issued and expiring this many seconds ago and from now.
    Token(&'static str, i64, i64),
}

/// A fault and the expected verdict.
pub struct Scenario {
    /// Name of its test.
    pub name: &'static str,
    pub broken: Break,
    pub check: CheckId,
    pub mode: M,
    pub status: Status,
}

/// Returns the scenario with this name.
pub fn scenario(name: &str) -> &'static Scenario {
    let named = SCENARIOS.iter().find(|scenario| scenario.name == name);
    named.unwrap_or_else(|| panic!("no scenario is named {name}"))
}

// `$d` is a dollar sign: the inner macro's own variables need one.
macro_rules! scenarios {
    (($d:tt) $($name:ident: $broken:expr => $check:ident $mode:ident $status:ident;)+) => {
        /// All scenarios.
        pub const SCENARIOS: &[Scenario] = &[
            $(Scenario {
                name: stringify!($name),
                broken: $broken,
                check: CheckId::$check,
                mode: M::$mode,
                status: Status::$status,
            },)+
        ];

        /// Calls a macro with the names of all scenarios, to generate a test for each.
        #[macro_export]
        macro_rules! for_each_scenario {
            ($d with:ident) => {
                $d with! { $($name)+ }
            };
        }
    };
}

scenarios! {
    ($)
    // === dns ===
    a_name_that_does_not_exist: Break::Name(CASTAI, "nxdomain") => Dns NetDnsNxdomain Failing;
    a_resolver_that_fails: Break::Name(CASTAI, "servfail") => Dns NetDnsServfail Failing;
    a_resolver_that_refuses: Break::Name(CASTAI, "refused") => Dns NetDnsServfail Failing;
    a_resolver_that_is_silent: Break::Name(CASTAI, "silent") => Dns NetDnsTimeout Failing;
    a_name_without_an_address: Break::Name(CASTAI, "no-address") => Dns NetDnsNoAddress Failing;
    a_name_that_only_the_exporter_asks_for: Break::Name(KUBERNETES, "nxdomain") => Dns NetDnsNxdomain Warning;

    // === apiserver: network and TLS ===
    an_api_server_whose_name_does_not_exist: Break::Name(KUBERNETES, "nxdomain") => Apiserver NetDnsNxdomain Warning;
    an_api_server_whose_resolver_fails: Break::Name(KUBERNETES, "servfail") => Apiserver NetDnsServfail Warning;
    an_api_server_whose_resolver_is_silent: Break::Name(KUBERNETES, "silent") => Apiserver NetDnsTimeout Warning;
    an_api_server_whose_name_has_no_address: Break::Name(KUBERNETES, "no-address") => Apiserver NetDnsNoAddress Warning;
    an_api_server_that_swallows_syn: Break::Api("tcp-hang") => Apiserver NetConnectTimeout Failing;
    an_api_server_that_refuses: Break::Api("refused") => Apiserver NetRefused Failing;
    an_api_server_without_a_route: Break::ApiAddress("224.0.0.1") => Apiserver NetUnreachable Failing;
    an_api_server_that_resets: Break::Api("reset-on-hello") => Apiserver NetReset Failing;
    an_api_server_that_closes_instead_of_answering: Break::Api("http-close") => Apiserver NetReset Failing;
    an_api_server_behind_an_unreachable_proxy: Break::ProxyToApi("refused") => Apiserver ProxyUnreachable Failing;
    an_api_server_behind_a_proxy_that_wants_credentials: Break::ProxyToApi("407") => Apiserver ProxyAuthRequired Failing;
    an_api_server_behind_a_proxy_that_denies: Break::ProxyToApi("403") => Apiserver ProxyDenied Failing;
    an_api_server_that_hangs_in_the_handshake: Break::Api("tls-hang") => Apiserver TlsHandshakeTimeout Failing;
    an_api_server_whose_large_packets_are_lost: Break::Api("tls-hang-partial") => Apiserver TlsHandshakeTimeout Failing;
    an_api_server_with_a_foreign_ca: Break::Api("cert-foreign-ca") => Apiserver TlsUnknownAuthority Failing;
    an_api_server_with_a_self_signed_certificate: Break::Api("cert-self-signed") => Apiserver TlsUnknownAuthority Failing;
    an_api_server_behind_tls_inspection: Break::Api("cert-intercepted") => Apiserver TlsIntercepted Failing;
    an_api_server_with_an_expired_certificate: Break::Api("cert-expired") => Apiserver TlsExpired Failing;
    an_api_server_from_the_future: Break::Api("cert-not-yet-valid") => Apiserver TlsNotYetValid Failing;
    an_api_server_with_anothers_certificate: Break::Api("cert-wrong-name") => Apiserver TlsHostnameMismatch Failing;
    an_api_server_that_sends_an_alert: Break::Api("tls-alert") => Apiserver TlsProtocol Failing;
    an_api_server_that_speaks_old_tls: Break::Api("tls-version") => Apiserver TlsProtocol Failing;
    an_api_server_that_speaks_plain_http: Break::Api("tls-plain-http") => Apiserver TlsProtocol Failing;
    an_api_server_that_speaks_noise_for_tls: Break::Api("tls-noise") => Apiserver TlsProtocol Failing;
    an_api_server_with_a_huge_chain: Break::Api("cert-huge") => Apiserver TlsProtocol Failing;
    an_api_server_that_does_not_answer: Break::Api("http-hang") => Apiserver HttpTimeout Failing;
    an_api_server_that_drips_its_headers: Break::Api("drip-head") => Apiserver HttpTimeout Failing;
    an_api_server_that_drips_its_body: Break::Api("drip-body") => Apiserver HttpTimeout Failing;
    an_api_server_that_speaks_http_0_9: Break::Api("http-0-9") => Apiserver HttpProtocol Failing;
    an_api_server_that_speaks_noise: Break::Api("noise") => Apiserver HttpProtocol Failing;
    an_api_server_with_endless_headers: Break::Api("endless-headers") => Apiserver HttpProtocol Failing;
    an_api_server_with_huge_headers: Break::Api("huge-headers") => Apiserver HttpProtocol Failing;
    an_api_server_whose_answer_is_cut: Break::Api("truncated") => Apiserver HttpProtocol Failing;

    // === apiserver: responses ===
    an_api_server_of_two_that_refuses: Break::OneEndpoint("refused") => Apiserver K8sEndpointDown Failing;
    an_api_server_of_two_that_hangs: Break::OneEndpoint("tls-hang") => Apiserver K8sEndpointDown Failing;
    an_api_server_of_two_that_is_not_ready: Break::OneEndpoint("not-ready") => Apiserver K8sEndpointDown Failing;
    a_token_that_is_not_accepted: Break::Api("unauthorized") => Apiserver K8sUnauthorized Failing;
    a_token_that_has_ended: Break::Token(Some("e30.eyJleHAiOjE3MDAwMDAwMDB9.c2ln")) => Apiserver K8sTokenExpired Failing;
    a_token_that_is_not_mounted: Break::Token(None) => Apiserver K8sTokenMissing Failing;
    an_account_without_rights: Break::Api("forbidden") => Apiserver K8sRbacForbidden Failing;
    a_token_that_is_taken_off_on_the_way: Break::Api("anonymous-forbidden") => Apiserver K8sAnonymousForbidden Failing;
    an_api_server_that_throttles: Break::Api("throttled") => Apiserver K8sThrottled Failing;
    an_api_server_without_its_database: Break::Api("etcd-timeout") => Apiserver K8sEtcdError Failing;
    an_api_server_without_its_leader: Break::Api("etcd-leader-changed") => Apiserver K8sEtcdError Failing;
    an_api_server_with_an_error: Break::Api("server-error") => Apiserver K8sServerError Failing;
    an_api_server_that_is_not_ready: Break::Api("not-ready") => Apiserver K8sServerError Failing;
    an_api_server_that_answers_a_page: Break::Api("html:200") => Apiserver K8sUnexpectedBody Failing;
    a_load_balancer_that_answers_a_page: Break::Api("html:502") => Apiserver K8sUnexpectedBody Failing;
    an_api_server_with_a_slow_handshake: Break::Api("tls-slow:1200ms") => Apiserver K8sSlow Failing;
    an_api_server_with_a_slow_answer: Break::Api("response-slow:1200ms") => Apiserver K8sSlow Failing;
    an_api_server_at_a_port_that_is_none: Break::Env("KUBERNETES_SERVICE_PORT", "99999") => Apiserver AgentConfigInvalid Failing;

    // === castai_api: network and TLS ===
    cast_ai_whose_name_does_not_exist: Break::Name(CASTAI, "nxdomain") => CastaiApi NetDnsNxdomain Failing;
    cast_ai_whose_resolver_fails: Break::Name(CASTAI, "servfail") => CastaiApi NetDnsServfail Failing;
    cast_ai_whose_resolver_is_silent: Break::Name(CASTAI, "silent") => CastaiApi NetDnsTimeout Failing;
    cast_ai_whose_name_has_no_address: Break::Name(CASTAI, "no-address") => CastaiApi NetDnsNoAddress Failing;
    cast_ai_that_swallows_syn: Break::Castai("tcp-hang") => CastaiApi NetConnectTimeout Failing;
    cast_ai_that_refuses: Break::Castai("refused") => CastaiApi NetRefused Failing;
    cast_ai_without_a_route: Break::Name(CASTAI, "address:224.0.0.1") => CastaiApi NetUnreachable Failing;
    cast_ai_that_resets: Break::Castai("reset") => CastaiApi NetReset Failing;
    cast_ai_that_resets_upon_its_name: Break::Castai("reset-on-hello") => CastaiApi NetReset Failing;
    cast_ai_that_closes_at_once: Break::Castai("close") => CastaiApi NetReset Failing;
    a_proxy_that_is_gone: Break::Proxy("refused") => CastaiApi ProxyUnreachable Failing;
    a_proxy_that_never_answers: Break::Proxy("hang") => CastaiApi ProxyUnreachable Failing;
    a_proxy_that_speaks_noise: Break::Proxy("noise") => CastaiApi ProxyUnreachable Failing;
    a_proxy_that_wants_credentials: Break::Proxy("407") => CastaiApi ProxyAuthRequired Failing;
    a_proxy_that_denies: Break::Proxy("403") => CastaiApi ProxyDenied Failing;
    a_proxy_that_denies_with_a_page: Break::Proxy("squid") => CastaiApi ProxyDenied Failing;
    a_proxy_that_answers_in_cast_ais_place: Break::Proxy("block-page-via") => CastaiApi ProxyBlockPage Failing;
    a_proxy_with_its_own_certificate: Break::Proxy("block-page") => CastaiApi TlsIntercepted Failing;
    a_tunnel_that_leads_nowhere: Break::Proxy("tunnel-hang") => CastaiApi TlsHandshakeTimeout Failing;
    cast_ai_that_refuses_behind_a_proxy: Break::CastaiBehindProxy("token-invalid") => CastaiApi CastaiTokenInvalid Failing;
    cast_ai_that_hangs_in_the_handshake: Break::Castai("tls-hang") => CastaiApi TlsHandshakeTimeout Failing;
    cast_ai_whose_large_packets_are_lost: Break::Castai("tls-hang-partial") => CastaiApi TlsHandshakeTimeout Failing;
    cast_ai_with_a_foreign_ca: Break::Castai("cert-foreign-ca") => CastaiApi TlsUnknownAuthority Failing;
    cast_ai_without_its_intermediate: Break::Castai("cert-missing-intermediate") => CastaiApi TlsUnknownAuthority Failing;
    cast_ai_behind_tls_inspection: Break::Castai("cert-intercepted") => CastaiApi TlsIntercepted Failing;
    cast_ai_with_an_expired_certificate: Break::Castai("cert-expired") => CastaiApi TlsExpired Failing;
    cast_ai_from_the_future: Break::Castai("cert-not-yet-valid") => CastaiApi TlsNotYetValid Failing;
    cast_ai_with_anothers_certificate: Break::Castai("cert-wrong-name") => CastaiApi TlsHostnameMismatch Failing;
    cast_ai_that_sends_an_alert: Break::Castai("tls-alert") => CastaiApi TlsProtocol Failing;
    cast_ai_that_speaks_plain_http: Break::Castai("tls-plain-http") => CastaiApi TlsProtocol Failing;
    cast_ai_that_does_not_answer: Break::Castai("http-hang") => CastaiApi HttpTimeout Failing;
    cast_ai_that_drips: Break::Castai("drip-body") => CastaiApi HttpTimeout Failing;
    cast_ai_that_goes_round_in_interim_answers: Break::Castai("endless-interim") => CastaiApi HttpTimeout Failing;
    cast_ai_that_speaks_http_0_9: Break::Castai("http-0-9") => CastaiApi HttpProtocol Failing;
    cast_ai_that_speaks_noise: Break::Castai("noise") => CastaiApi HttpProtocol Failing;
    cast_ai_whose_answer_is_cut: Break::Castai("truncated") => CastaiApi HttpProtocol Failing;

    // === castai_api: responses ===
    an_edge_that_blocks: Break::Castai("waf") => CastaiApi CastaiWafBlocked Failing;
    an_edge_that_limits: Break::Castai("waf-rate-limited") => CastaiApi CastaiWafBlocked Failing;
    a_key_that_is_not_set: Break::NoEnv("API_KEY") => CastaiApi CastaiKeyMissing Failing;
    a_key_with_a_line_feed: Break::Env("API_KEY", "secret-key\n") => CastaiApi CastaiKeyMalformed Failing;
    a_key_that_was_revoked: Break::Castai("token-invalid") => CastaiApi CastaiTokenInvalid Failing;
    a_key_of_another_cluster: Break::Castai("forbidden") => CastaiApi CastaiForbidden Failing;
    a_cluster_that_was_deleted: Break::Castai("cluster-not-found") => CastaiApi CastaiClusterNotFound Failing;
    an_api_address_that_is_none: Break::Env("API_URL", ":::") => CastaiApi AgentConfigInvalid Failing;
    a_certificate_that_is_a_path: Break::Env("TLS_CA_CERT_FILE", "/etc/ssl/ca.pem") => CastaiApi AgentConfigInvalid Failing;
    cast_ai_that_limits: Break::Castai("rate-limited") => CastaiApi CastaiRateLimited Failing;
    cast_ai_that_finds_fault_with_the_request: Break::Castai("client-error") => CastaiApi CastaiClientError Failing;
    cast_ai_that_is_slow: Break::Castai("response-slow:1200ms") => CastaiApi CastaiSlow Failing;
    cast_ai_with_an_error: Break::Castai("server-error") => CastaiApi CastaiServerError Failing;
    cast_ai_that_is_not_available: Break::Castai("unavailable") => CastaiApi CastaiServerError Failing;
    cast_ai_that_answers_a_page: Break::Castai("html-ok") => CastaiApi CastaiUnexpectedBody Failing;
    cast_ai_that_answers_without_an_id: Break::Castai("json-without-id") => CastaiApi CastaiUnexpectedBody Failing;
    cast_ai_that_leads_in_circles: Break::Castai("redirect-loop") => CastaiApi CastaiUnexpectedBody Failing;

    // === imds ===
    instance_metadata_that_refuses: Break::Imds("refused") => Imds AwsImdsUnreachable Warning;
    instance_metadata_that_swallows_syn: Break::Imds("tcp-hang") => Imds AwsImdsUnreachable Warning;
    instance_metadata_that_resets: Break::Imds("reset") => Imds AwsImdsUnreachable Warning;
    instance_metadata_that_never_answers: Break::Imds("hang") => Imds AwsImdsUnreachable Warning;
    instance_metadata_behind_one_hop_too_many: Break::Imds("hop-limit-required") => Imds AwsImdsHopLimit Warning;
    instance_metadata_whose_token_gets_lost: Break::Imds("hop-limit") => Imds AwsImdsHopLimit Warning;
    instance_metadata_that_wants_a_token_and_gives_none: Break::Imds("token-required") => Imds AwsImdsTokenRequired Warning;
    instance_metadata_that_is_disabled: Break::Imds("disabled") => Imds AwsImdsDisabled Warning;
    a_node_without_a_role: Break::Imds("no-role") => Imds AwsImdsNoRole Warning;
    a_node_whose_role_ec2_may_not_take: Break::Imds("role-trust") => Imds AwsImdsRoleTrust Warning;
    a_node_whose_role_has_an_unknown_code: Break::Imds("role-code") => Imds AwsImdsServerError Warning;
    instance_metadata_with_an_error: Break::Imds("server-error") => Imds AwsImdsServerError Warning;
    instance_metadata_that_throttles: Break::Imds("throttled") => Imds AwsImdsServerError Warning;
    instance_metadata_that_answers_a_page: Break::Imds("html-ok") => Imds AwsImdsServerError Warning;
    instance_metadata_that_speaks_noise: Break::Imds("noise") => Imds AwsImdsServerError Warning;
    instance_metadata_that_loses_a_header: Break::Imds("header-lost") => Imds AwsImdsServerError Warning;
    discovery_without_instance_metadata: Break::Discovery("refused") => Imds AwsImdsUnreachable Failing;
    discovery_behind_one_hop_too_many: Break::Discovery("hop-limit-required") => Imds AwsImdsHopLimit Failing;
    discovery_whose_token_gets_lost: Break::Discovery("hop-limit") => Imds AwsImdsHopLimit Warning;
    discovery_whose_token_gets_lost_and_must_not: Break::DiscoveryByTokens("hop-limit") => Imds AwsImdsHopLimit Failing;
    discovery_without_a_region: Break::Discovery("no-region") => Imds AwsImdsServerError Failing;

    // === aws_credentials: the node's role ===
    a_role_behind_no_instance_metadata: Break::Imds("refused") => AwsCredentials AwsImdsUnreachable Failing;
    a_role_behind_one_hop_too_many: Break::Imds("hop-limit-required") => AwsCredentials AwsImdsHopLimit Failing;
    a_role_behind_a_missing_token: Break::Imds("token-required") => AwsCredentials AwsImdsTokenRequired Failing;
    a_role_behind_disabled_instance_metadata: Break::Imds("disabled") => AwsCredentials AwsImdsDisabled Failing;
    a_role_that_is_not_there: Break::Imds("no-role") => AwsCredentials AwsImdsNoRole Failing;
    a_role_that_may_not_be_taken: Break::Imds("role-trust") => AwsCredentials AwsImdsRoleTrust Failing;
    a_role_behind_an_error: Break::Imds("server-error") => AwsCredentials AwsImdsServerError Failing;

    // === aws_credentials: configured credentials ===
    no_credentials_at_all: Break::Env("AWS_EC2_METADATA_DISABLED", "true") => AwsCredentials AwsNoCredentials Failing;
    a_server_of_credentials_somewhere: Break::Env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/") => AwsCredentials AwsNoCredentials Failing;
    a_key_without_its_secret: Break::Env("AWS_ACCESS_KEY_ID", "AKIALABLABLABLABLAB1") => AwsCredentials AwsKeyIncomplete Warning;
    a_secret_without_its_key: Break::Env("AWS_SECRET_ACCESS_KEY", "secret") => AwsCredentials AwsKeyIncomplete Warning;
    half_a_key_and_nothing_else: Break::Envs(&[("AWS_ACCESS_KEY_ID", Some("AKIALABLABLABLABLAB1")), ("AWS_EC2_METADATA_DISABLED", Some("true"))]) => AwsCredentials AwsKeyIncomplete Failing;
    a_profile_that_is_nowhere: Break::Env("AWS_PROFILE", "nowhere") => AwsCredentials AwsProfileInvalid Failing;
    a_bundle_that_is_nowhere: Break::Env("AWS_CA_BUNDLE", "/nowhere/bundle.pem") => AwsCredentials AwsCaBundleInvalid Failing;
    a_bundle_without_a_certificate: Break::Env("AWS_CA_BUNDLE", "/dev/null") => AwsCredentials AwsCaBundleInvalid Failing;
    a_web_identity_without_a_role: Break::Env("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token") => AwsCredentials AwsIrsaRoleArnMissing Failing;
    a_web_identity_without_its_token: Break::Irsa(WebIdentity::Missing) => AwsCredentials AwsIrsaTokenFileMissing Failing;
    a_web_identity_with_an_empty_token: Break::Irsa(WebIdentity::Text("\n")) => AwsCredentials AwsIrsaTokenInvalid Failing;
    a_web_identity_with_something_else: Break::Irsa(WebIdentity::Text("no token")) => AwsCredentials AwsIrsaTokenInvalid Failing;
    a_web_identity_that_is_over: Break::Irsa(WebIdentity::Token("sts.amazonaws.com", -90_000, -60)) => AwsCredentials AwsIrsaTokenExpired Failing;
    a_web_identity_that_is_nearly_over: Break::Irsa(WebIdentity::Token("sts.amazonaws.com", -82_000, 4_000)) => AwsCredentials AwsIrsaTokenExpired Warning;
    a_web_identity_for_the_api_server: Break::Irsa(WebIdentity::Token("https://kubernetes.default.svc", -60, 3_600)) => AwsCredentials AwsIrsaWrongAudience Failing;
    a_pod_identity_without_its_token: Break::PodIdentity(None) => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    a_pod_identity_with_an_empty_token: Break::PodIdentity(Some("")) => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    a_pod_identity_whose_agent_refuses: Break::PodIdentityAgent("refused") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    a_pod_identity_whose_agent_swallows_syn: Break::PodIdentityAgent("tcp-hang") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    a_pod_identity_whose_agent_never_answers: Break::PodIdentityAgent("http-hang") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    a_pod_identity_whose_agent_speaks_noise: Break::PodIdentityAgent("noise") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    a_page_in_the_place_of_pod_identity: Break::PodIdentityAgent("html:200") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    a_gateway_in_the_place_of_pod_identity: Break::PodIdentityAgent("html:502") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    a_pod_identity_at_another_address: Break::PodIdentityAgent("other-address") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    a_pod_identity_that_gives_half_a_key: Break::PodIdentityAgent("missing-secret") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    a_pod_identity_that_gives_something_else: Break::PodIdentityAgent("other-document") => AwsCredentials AwsPodIdentityAgentUnreachable Failing;
    a_pod_identity_whose_role_eks_may_not_take: Break::PodIdentityAgent("denied") => AwsCredentials AwsPodIdentityDenied Failing;
    a_pod_identity_without_an_association: Break::PodIdentityAgent("no-association") => AwsCredentials AwsPodIdentityNoAssociation Failing;
    a_pod_identity_whose_token_gets_lost: Break::PodIdentityAgent("token-lost") => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    a_pod_identity_whose_token_eks_does_not_take: Break::PodIdentityAgent("token-invalid") => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    a_pod_identity_whose_token_is_over_for_eks: Break::PodIdentityAgent("token-expired") => AwsCredentials AwsPodIdentityTokenInvalid Failing;
    a_pod_identity_that_throttles: Break::PodIdentityAgent("throttled") => AwsCredentials AwsPodIdentityThrottled Warning;
    a_pod_identity_that_eks_throttles: Break::PodIdentityAgent("service-throttled") => AwsCredentials AwsPodIdentityThrottled Warning;
    a_pod_identity_that_cannot_reach_eks: Break::PodIdentityAgent("backend-unreachable") => AwsCredentials AwsPodIdentityBackendUnreachable Failing;
    a_pod_identity_before_an_error_of_eks: Break::PodIdentityAgent("backend-error") => AwsCredentials AwsPodIdentityBackendUnreachable Failing;
    a_pod_identity_before_an_eks_that_is_away: Break::PodIdentityAgent("backend-unavailable") => AwsCredentials AwsPodIdentityBackendUnreachable Failing;
    a_pod_identity_that_gives_what_is_over: Break::PodIdentityAgent("expired-credentials") => AwsCredentials AwsPodIdentityBackendUnreachable Failing;
    a_role_that_came_after_the_pod: Break::LateRole(&[]) => AwsCredentials AwsIrsaNotInjected Failing;
    a_role_that_came_after_the_pod_beside_a_key: Break::LateRole(&[("AWS_ACCESS_KEY_ID", lab::aws::KEY_ID), ("AWS_SECRET_ACCESS_KEY", lab::aws::SECRET)]) => AwsCredentials AwsIrsaNotInjected Warning;
    a_pod_identity_that_the_agent_does_not_know: Break::PodIdentityOf("v0.93.0") => AwsCredentials AwsPodIdentityUnsupportedByAgentSdk Failing;

    // === gce_metadata ===
    google_metadata_that_refuses: Break::Gce("refused") => GceMetadata GcpMetadataUnreachable Failing;
    google_metadata_that_swallows_syn: Break::Gce("tcp-hang") => GceMetadata GcpMetadataUnreachable Failing;
    google_metadata_that_never_answers: Break::Gce("http-hang") => GceMetadata GcpMetadataUnreachable Failing;
    google_metadata_that_resets: Break::Gce("reset") => GceMetadata GcpMetadataUnreachable Failing;
    google_metadata_that_speaks_noise: Break::Gce("noise") => GceMetadata GcpMetadataUnreachable Failing;
    google_metadata_with_an_error: Break::Gce("server-error") => GceMetadata GcpMetadataUnreachable Failing;
    a_node_without_a_cluster_name: Break::Gce("no-cluster-name") => GceMetadata GcpMetadataAttrMissing Failing;
    a_node_with_an_empty_cluster_name: Break::Gce("empty-cluster-name") => GceMetadata GcpMetadataAttrMissing Failing;
    a_node_in_a_zone_without_a_region: Break::Gce("odd-zone") => GceMetadata GcpMetadataAttrMissing Failing;
    google_metadata_that_loses_a_header: Break::Gce("header-lost") => GceMetadata GcpMetadataHeaderMissing Failing;
    somebody_else_in_google_metadatas_place: Break::Gce("other-server") => GceMetadata GcpMetadataHeaderMissing Failing;
    a_page_in_google_metadatas_place: Break::Gce("html:200") => GceMetadata GcpMetadataHeaderMissing Failing;
    a_pod_that_is_nobody_to_google: Break::Gce("no-service-account") => GceMetadata GcpMetadataNoSa Warning;
    google_metadata_that_limits: Break::Gce("rate-limited") => GceMetadata GcpMetadataRateLimited Failing;
    google_metadata_that_is_not_available: Break::Gce("unavailable") => GceMetadata GcpMetadataRateLimited Failing;

    // === azure_imds ===
    azure_metadata_that_refuses: Break::AzureImds("refused") => AzureImds AzureImdsUnreachable Failing;
    azure_metadata_that_swallows_syn: Break::AzureImds("tcp-hang") => AzureImds AzureImdsUnreachable Failing;
    azure_metadata_that_never_answers: Break::AzureImds("http-hang") => AzureImds AzureImdsUnreachable Failing;
    azure_metadata_that_is_slow: Break::AzureImds("response-slow:600ms") => AzureImds AzureImdsUnreachable Failing;
    azure_metadata_with_an_error: Break::AzureImds("server-error") => AzureImds AzureImdsUnreachable Failing;
    azure_metadata_that_is_being_updated: Break::AzureImds("gone") => AzureImds AzureImdsUnreachable Failing;
    azure_metadata_that_answers_a_page: Break::AzureImds("html:200") => AzureImds AzureImdsUnreachable Failing;
    azure_metadata_without_a_subscription: Break::AzureImds("no-subscription") => AzureImds AzureImdsUnreachable Failing;
    azure_metadata_that_is_guarded: Break::AzureImds("restricted") => AzureImds AzureImdsRestricted Failing;
    azure_metadata_that_loses_a_header: Break::AzureImds("header-lost") => AzureImds AzureImdsBadRequest Failing;
    azure_metadata_of_another_version: Break::AzureImds("version-unknown") => AzureImds AzureImdsBadRequest Failing;
    azure_metadata_that_limits: Break::AzureImds("rate-limited") => AzureImds AzureImdsRateLimited Failing;
    // === sts_identity: network and TLS, for web identity ===
    sts_whose_name_is_nxdomain: Break::Name(STS, "nxdomain") => StsIdentity NetDnsNxdomain Warning;
    ec2_whose_name_is_nxdomain: Break::Name(EC2, "nxdomain") => Ec2Api NetDnsNxdomain Failing;
    sts_whose_name_is_servfail: Break::Name(STS, "servfail") => StsIdentity NetDnsServfail Warning;
    ec2_whose_name_is_servfail: Break::Name(EC2, "servfail") => Ec2Api NetDnsServfail Failing;
    sts_whose_name_is_silent: Break::Name(STS, "silent") => StsIdentity NetDnsTimeout Warning;
    ec2_whose_name_is_silent: Break::Name(EC2, "silent") => Ec2Api NetDnsTimeout Failing;
    sts_whose_name_is_no_address: Break::Name(STS, "no-address") => StsIdentity NetDnsNoAddress Warning;
    ec2_whose_name_is_no_address: Break::Name(EC2, "no-address") => Ec2Api NetDnsNoAddress Failing;
    sts_without_a_route: Break::Name(STS, "address:224.0.0.1") => StsIdentity NetUnreachable Warning;
    ec2_without_a_route: Break::Name(EC2, "address:224.0.0.1") => Ec2Api NetUnreachable Failing;
    sts_that_swallows_syn: Break::StsForRole("tcp-hang") => StsIdentity NetConnectTimeout Failing;
    sts_that_refuses: Break::StsForRole("refused") => StsIdentity NetRefused Failing;
    sts_that_resets: Break::StsForRole("reset-on-hello") => StsIdentity NetReset Failing;
    sts_that_hangs_in_the_handshake: Break::StsForRole("tls-hang") => StsIdentity TlsHandshakeTimeout Failing;
    sts_that_has_a_foreign_ca: Break::StsForRole("cert-foreign-ca") => StsIdentity TlsUnknownAuthority Failing;
    sts_that_is_inspected: Break::StsForRole("cert-intercepted") => StsIdentity TlsIntercepted Failing;
    sts_that_has_an_expired_certificate: Break::StsForRole("cert-expired") => StsIdentity TlsExpired Failing;
    sts_that_comes_from_the_future: Break::StsForRole("cert-not-yet-valid") => StsIdentity TlsNotYetValid Failing;
    sts_that_has_anothers_certificate: Break::StsForRole("cert-wrong-name") => StsIdentity TlsHostnameMismatch Failing;
    sts_that_sends_an_alert: Break::StsForRole("tls-alert") => StsIdentity TlsProtocol Failing;
    sts_that_does_not_answer: Break::StsForRole("http-hang") => StsIdentity HttpTimeout Failing;
    sts_that_speaks_noise: Break::StsForRole("noise") => StsIdentity HttpProtocol Failing;
    sts_that_is_cut_off: Break::StsForRole("truncated") => StsIdentity HttpProtocol Failing;
    ec2_that_swallows_syn: Break::Ec2("tcp-hang") => Ec2Api NetConnectTimeout Failing;
    ec2_that_refuses: Break::Ec2("refused") => Ec2Api NetRefused Failing;
    ec2_that_resets: Break::Ec2("reset-on-hello") => Ec2Api NetReset Failing;
    ec2_that_hangs_in_the_handshake: Break::Ec2("tls-hang") => Ec2Api TlsHandshakeTimeout Failing;
    ec2_that_has_a_foreign_ca: Break::Ec2("cert-foreign-ca") => Ec2Api TlsUnknownAuthority Failing;
    ec2_that_is_inspected: Break::Ec2("cert-intercepted") => Ec2Api TlsIntercepted Failing;
    ec2_that_has_an_expired_certificate: Break::Ec2("cert-expired") => Ec2Api TlsExpired Failing;
    ec2_that_comes_from_the_future: Break::Ec2("cert-not-yet-valid") => Ec2Api TlsNotYetValid Failing;
    ec2_that_has_anothers_certificate: Break::Ec2("cert-wrong-name") => Ec2Api TlsHostnameMismatch Failing;
    ec2_that_sends_an_alert: Break::Ec2("tls-alert") => Ec2Api TlsProtocol Failing;
    ec2_that_does_not_answer: Break::Ec2("http-hang") => Ec2Api HttpTimeout Failing;
    ec2_that_speaks_noise: Break::Ec2("noise") => Ec2Api HttpProtocol Failing;
    ec2_that_is_cut_off: Break::Ec2("truncated") => Ec2Api HttpProtocol Failing;
    a_proxy_before_sts_gone: Break::ProxyToAws(STS, "refused") => StsIdentity ProxyUnreachable Failing;
    a_proxy_before_sts_wanting_credentials: Break::ProxyToAws(STS, "407") => StsIdentity ProxyAuthRequired Failing;
    a_proxy_before_sts_denying: Break::ProxyToAws(STS, "403") => StsIdentity ProxyDenied Failing;
    a_proxy_before_ec2_gone: Break::ProxyToAws(EC2, "refused") => Ec2Api ProxyUnreachable Failing;
    a_proxy_before_ec2_wanting_credentials: Break::ProxyToAws(EC2, "407") => Ec2Api ProxyAuthRequired Failing;
    a_proxy_before_ec2_denying: Break::ProxyToAws(EC2, "403") => Ec2Api ProxyDenied Failing;
    an_endpoint_that_is_no_url: Break::Env("AWS_ENDPOINT_URL_STS", "sts.lab") => StsIdentity AgentConfigInvalid Failing;
    an_endpoint_of_another_kind: Break::Env("AWS_ENDPOINT_URL_EC2", "ftp://ec2.lab") => Ec2Api AgentConfigInvalid Failing;

    // === sts_identity: responses for web identity ===
    a_role_that_does_not_trust_the_token: Break::StsForRole("trust-denied") => StsIdentity AwsIrsaTrustDenied Failing;
    an_issuer_that_the_account_does_not_know: Break::StsForRole("no-oidc-provider") => StsIdentity AwsIrsaOidcProviderMissing Failing;
    an_audience_that_the_provider_does_not_list: Break::StsForRole("wrong-audience") => StsIdentity AwsIrsaWrongAudience Failing;
    an_audience_of_ones_own: Break::Irsa(WebIdentity::Token("mine", -60, 86_000)) => StsIdentity AwsIrsaWrongAudience Failing;
    an_issuer_whose_keys_are_not_public: Break::StsForRole("no-verification-key") => StsIdentity AwsIrsaTokenInvalid Failing;
    an_issuer_with_another_thumbprint: Break::StsForRole("thumbprint") => StsIdentity AwsIrsaTokenInvalid Failing;
    an_issuer_that_rejects_the_token: Break::StsForRole("idp-rejected") => StsIdentity AwsIrsaTokenInvalid Failing;
    a_token_that_is_over_for_sts: Break::StsForRole("web-identity-expired") => StsIdentity AwsIrsaTokenExpired Failing;
    an_issuer_that_sts_cannot_reach: Break::StsForRole("idp-unreachable") => StsIdentity AwsIrsaIdpUnreachable Failing;
    sts_that_throttles: Break::StsForRole("throttled") => StsIdentity AwsStsThrottled Failing;
    sts_with_an_error: Break::StsForRole("internal-failure") => StsIdentity AwsStsServerError Failing;
    sts_that_is_not_available: Break::StsForRole("unavailable") => StsIdentity AwsStsServerError Failing;
    sts_that_answers_a_page: Break::StsForRole("html:200") => StsIdentity ProxyBlockPage Failing;
    sts_that_is_slow: Break::StsForRole("response-slow:1200ms") => StsIdentity AwsSlow Warning;
    a_region_where_sts_is_not_active: Break::StsForRole("region-disabled") => StsIdentity AwsRegionNotEnabled Failing;
    a_role_of_a_profile_that_trusts_nobody: Break::ProfileRole => StsIdentity AwsStsDenied Failing;

    // === sts_identity: responses for an access key ===
    an_endpoint_policy_before_sts: Break::Sts("caller-denied-vpce") => StsIdentity AwsStsDenied Warning;
    an_organisation_before_sts: Break::Sts("caller-denied-scp") => StsIdentity AwsStsDenied Warning;
    sts_that_nobody_needs_and_refuses: Break::Sts("refused") => StsIdentity NetRefused Warning;
    sts_that_nobody_needs_and_throttles: Break::Sts("throttled") => StsIdentity AwsStsThrottled Warning;
    sts_that_names_nobody: Break::Sts("no-identity") => StsIdentity ProxyBlockPage Warning;
    a_key_that_aws_does_not_know: Break::Keys("AKIANOBODYNOBODYNOBO", "lab/user/secret/access/key/0123456789abc") => StsIdentity AwsKeyInvalid Failing;
    a_key_with_a_line_feed_in_its_id: Break::Keys("AKIALABLABLABLABLAB1\n", "lab/user/secret/access/key/0123456789abc") => StsIdentity AwsKeyInvalid Failing;
    a_key_with_anothers_secret: Break::Keys("AKIALABLABLABLABLAB1", "not/the/secret") => StsIdentity AwsKeySecretWrong Failing;
    a_key_with_a_line_feed_in_its_secret: Break::Keys("AKIALABLABLABLABLAB1", "lab/user/secret/access/key/0123456789abc\n") => StsIdentity AwsKeySecretWrong Failing;
    a_signature_that_lost_a_part: Break::Sts("signature-incomplete") => StsIdentity AwsKeySecretWrong Failing;
    a_session_that_is_over: Break::Sts("expired-token") => StsIdentity AwsSessionExpired Failing;
    a_clock_that_sts_does_not_accept: Break::Sts("clock:+600s") => StsIdentity AwsClockSkew Failing;
    an_account_that_is_not_the_clusters: Break::Env("EKS_ACCOUNT_ID", "210987654321") => StsIdentity AwsAccountMismatch Failing;
    keys_that_shadow_a_role: Break::KeysBesideRole => StsIdentity AwsRoleMismatch Warning;
    a_role_that_was_changed_after_the_pod: Break::ChangedRole => StsIdentity AwsRoleMismatch Warning;

    // === ec2_api ===
    a_caller_whom_no_policy_allows_ec2: Break::Ec2("denied-identity-policy") => Ec2Api Ec2DeniedIdentityPolicy Failing;
    a_caller_whom_a_policy_denies_ec2: Break::Ec2("denied-explicit") => Ec2Api Ec2DeniedExplicitIdentity Failing;
    an_organisation_that_denies_ec2: Break::Ec2("denied-scp") => Ec2Api Ec2DeniedScp Failing;
    an_organisation_that_does_not_allow_ec2: Break::Ec2("denied-scp-implicit") => Ec2Api Ec2DeniedScp Failing;
    an_organisation_that_names_its_policy: Break::Ec2("denied-scp-by-name") => Ec2Api Ec2DeniedScp Failing;
    a_resource_control_policy_that_denies_ec2: Break::Ec2("denied-rcp") => Ec2Api Ec2DeniedRcp Failing;
    a_boundary_that_does_not_allow_ec2: Break::Ec2("denied-boundary") => Ec2Api Ec2DeniedBoundary Failing;
    a_boundary_that_denies_ec2: Break::Ec2("denied-boundary-explicit") => Ec2Api Ec2DeniedBoundary Failing;
    a_session_policy_without_ec2: Break::Ec2("denied-session-policy") => Ec2Api Ec2DeniedSessionPolicy Failing;
    a_session_policy_against_ec2: Break::Ec2("denied-session-policy-explicit") => Ec2Api Ec2DeniedSessionPolicy Failing;
    a_resource_policy_without_ec2: Break::Ec2("denied-resource-policy") => Ec2Api Ec2DeniedResourcePolicy Failing;
    a_resource_policy_against_ec2: Break::Ec2("denied-resource-policy-explicit") => Ec2Api Ec2DeniedResourcePolicy Failing;
    an_endpoint_policy_without_ec2: Break::Ec2("denied-vpce") => Ec2Api Ec2DeniedVpcePolicy Failing;
    an_endpoint_policy_against_ec2: Break::Ec2("denied-vpce-explicit") => Ec2Api Ec2DeniedVpcePolicy Failing;
    ec2_that_denies_without_a_reason: Break::Ec2("denied-without-reason") => Ec2Api Ec2DeniedUnspecified Failing;
    ec2_that_encodes_its_reason: Break::Ec2("denied-encoded") => Ec2Api Ec2DeniedUnspecified Failing;
    a_stand_in_that_denies_ec2: Break::Ec2("denied-by-emulator") => Ec2Api Ec2DeniedUnspecified Failing;
    ec2_that_throttles: Break::Ec2("throttled") => Ec2Api Ec2Throttled Failing;
    ec2_that_throttles_in_other_words: Break::Ec2("throttling") => Ec2Api Ec2Throttled Failing;
    ec2_with_an_error: Break::Ec2("internal-error") => Ec2Api Ec2ServerError Failing;
    ec2_that_is_not_available: Break::Ec2("unavailable") => Ec2Api Ec2ServerError Failing;
    ec2_that_answers_a_page_with_200: Break::Ec2("html:200") => Ec2Api Ec2UnexpectedBody Failing;
    ec2_that_answers_a_page_with_403: Break::Ec2("html:403") => Ec2Api Ec2UnexpectedBody Failing;
    ec2_that_answers_another_question: Break::Ec2("other-document") => Ec2Api Ec2UnexpectedBody Failing;
    ec2_that_is_slow: Break::Ec2("response-slow:1200ms") => Ec2Api AwsSlow Warning;
    ec2_that_does_not_believe_the_key: Break::Ec2("auth-failure") => Ec2Api AwsAuthFailureAmbiguous Failing;
    ec2_for_which_the_session_is_over: Break::Ec2("request-expired") => Ec2Api AwsSessionExpired Failing;
    ec2_whose_clock_is_another: Break::Ec2("clock:+600s") => Ec2Api AwsClockSkew Failing;
    a_region_that_is_not_switched_on: Break::Ec2("opt-in-required") => Ec2Api AwsRegionNotEnabled Failing;
    ec2_that_shows_nothing: Break::Ec2("empty-set") => Ec2Api Ec2InstanceNotVisible Failing;
    ec2_that_knows_no_instance: Break::NoInstances => Ec2Api Ec2InstanceNotVisible Failing;
    ec2_that_does_not_know_the_id: Break::Ec2("instance-not-found") => Ec2Api Ec2InstanceNotVisible Failing;
    an_instance_without_the_clusters_tag: Break::Ec2InDiscovery("no-tags") => Ec2Api Ec2TagsMissing Failing;
    ec2_asked_in_the_wrong_region: Break::InAnotherRegion => Ec2Api Ec2RegionWrong Failing;

    // === cluster_metadata ===
    a_cluster_without_its_region: Break::NoEnv("EKS_REGION") => ClusterMetadata AgentConfigEnvMissing Failing;
    a_cluster_with_an_empty_name: Break::Env("EKS_CLUSTER_NAME", "") => ClusterMetadata AgentConfigEnvMissing Failing;
    an_account_that_became_a_number: Break::Env("EKS_ACCOUNT_ID", "1.23456789012e+11") => ClusterMetadata MetadataAccountMalformed Warning;
    an_account_with_a_digit_too_few: Break::Env("EKS_ACCOUNT_ID", "12345678901") => ClusterMetadata MetadataAccountMalformed Failing;
    a_cluster_that_nobody_tells_of: Break::Envs(&[
        ("EKS_ACCOUNT_ID", None),
        ("EKS_REGION", None),
        ("EKS_CLUSTER_NAME", None),
        ("AWS_EC2_METADATA_DISABLED", Some("true")),
        ("AWS_ACCESS_KEY_ID", Some("AKIALABLABLABLABLAB1")),
        ("AWS_SECRET_ACCESS_KEY", Some("secret")),
    ]) => ClusterMetadata MetadataUnresolvable Failing;
    an_aks_cluster_without_its_subscription: Break::DiscoveredAgent("aks", &[("AKS_LOCATION", "westeurope"), ("AKS_NODE_RESOURCE_GROUP", "MC_lab")]) => ClusterMetadata AgentConfigEnvMissing Failing;
    a_kops_cluster_without_its_state_store: Break::DiscoveredAgent("kops", &[("KOPS_CSP", "aws"), ("KOPS_REGION", "eu-central-1"), ("KOPS_CLUSTER_NAME", "lab")]) => ClusterMetadata AgentConfigEnvMissing Failing;
    an_openshift_cluster_without_its_id: Break::DiscoveredAgent("openshift", &[("OPENSHIFT_CSP", "aws"), ("OPENSHIFT_INTERNAL_ID", "")]) => ClusterMetadata AgentConfigEnvMissing Failing;
    a_gke_cluster_with_a_variable_of_eks: Break::Envs(&[("PROVIDER", Some("gke")), ("EKS_CLUSTER_NAME", None)]) => ClusterMetadata AgentConfigEnvMissing Failing;
    a_cluster_of_ones_own_without_its_name: Break::DiscoveredAgent("selfhostedec2", &[("SELFHOSTEDEC2_REGION", "eu-central-1"), ("SELFHOSTEDEC2_ACCOUNT_ID", "123456789012")]) => ClusterMetadata AgentConfigEnvMissing Warning;

    a_cluster_in_another_region: Break::InAnotherRegion => ClusterMetadata MetadataRegionMismatch Failing;
    a_cluster_of_another_name: Break::Env("EKS_CLUSTER_NAME", "other") => ClusterMetadata MetadataClusterNameMismatch Warning;
    // === control_plane_access ===
    a_firewall_of_eks_that_does_not_know_cast_ai: Break::Eks("blocked") => ControlPlaneAccess CpfwBlocked Failing;
    a_firewall_of_eks_with_many_networks: Break::EksInDiscovery("blocked-by-long-list") => ControlPlaneAccess CpfwBlocked Failing;
    a_control_plane_of_eks_without_an_address: Break::Eks("private") => ControlPlaneAccess CpfwPrivateOnly Warning;
    a_firewall_of_gke_that_does_not_know_cast_ai: Break::Gke("blocked") => ControlPlaneAccess CpfwBlocked Failing;
    a_firewall_of_gke_with_many_networks: Break::Gke("blocked-by-long-list") => ControlPlaneAccess CpfwBlocked Failing;
    a_control_plane_of_gke_without_an_address: Break::Gke("private") => ControlPlaneAccess CpfwPrivateOnly Warning;
    a_firewall_of_aks_that_does_not_know_cast_ai: Break::Aks("blocked") => ControlPlaneAccess CpfwBlocked Failing;
    a_firewall_of_aks_with_a_service_tag: Break::Aks("blocked-with-service-tag") => ControlPlaneAccess CpfwBlocked Failing;
    a_control_plane_of_aks_without_an_address: Break::Aks("private") => ControlPlaneAccess CpfwPrivateOnly Warning;

    // === clock ===
    a_clock_that_is_ten_minutes_off: Break::Clocks("clock:+600s") => Clock ClockSkew Failing;
    a_clock_that_is_a_minute_off: Break::Clocks("clock:-60s") => Clock ClockSkew Warning;

    // === cluster_status ===
    a_cluster_that_does_not_respond: Break::Cluster("agentStatus", "\"non-responding\"") => ClusterStatus CastaiNotResponding Failing;
    a_cluster_that_waits_for_its_agent: Break::Cluster("agentStatus", "\"waiting-connection\"") => ClusterStatus CastaiNotResponding Failing;
    a_cluster_that_is_disconnected: Break::Cluster("agentStatus", "\"disconnected\"") => ClusterStatus CastaiDisconnected Failing;
    a_cluster_whose_snapshots_get_lost: Break::Cluster("agentSnapshotReceivedAt", "\"2025-07-01T09:00:00Z\"") => ClusterStatus CastaiAcceptedButStale Failing;
    a_cluster_that_cast_ai_cannot_work_on: Break::Cluster("status", "\"failed\"") => ClusterStatus CastaiReconcileFailed Failing;
    a_cluster_that_cast_ai_hardly_works_on: Break::Cluster("status", "\"warning\"") => ClusterStatus CastaiReconcileFailed Warning;
    a_control_plane_that_cast_ai_does_not_reach: Break::Cluster("reconcileError", "\"No access to Kubernetes API server, please check your firewall settings\"") => ClusterStatus CastaiReconcileFailed Warning;
    // === agent_health ===
    an_agent_whose_ports_are_closed: Break::Agent("refused") => AgentHealth AgentHealthUnreachable Failing;
    an_agent_that_never_answers: Break::Agent("hang") => AgentHealth AgentHealthUnreachable Failing;
    an_agent_that_has_not_started: Break::Agent("not-started") => AgentHealth AgentNotReadyInitialising Failing;
    an_agent_that_initialises: Break::Agent("initialising") => AgentHealth AgentNotReadyInitialising Failing;
    an_agent_that_delivers_nothing: Break::Agent("overdue") => AgentHealth AgentUnhealthy Failing;
    an_agent_that_could_not_initialise: Break::Agent("hard-timeout") => AgentHealth AgentUnhealthy Failing;
    another_server_on_the_agents_port: Break::Agent("other-server") => AgentHealth AgentPortTaken Failing;
    a_page_on_the_agents_port: Break::Agent("html") => AgentHealth AgentPortTaken Failing;
    a_health_port_that_is_none: Break::Env("HEALTHZ_PORT", "none") => AgentHealth AgentConfigInvalid Failing;
    an_agent_without_a_lease: Break::Lease(None) => AgentHealth AgentNoLeader Failing;
    an_agent_that_nobody_leads: Break::Lease(Some((None, 60))) => AgentHealth AgentNoLeader Failing;
    a_leader_that_is_dead: Break::Lease(Some((Some("6f1c"), 40))) => AgentHealth AgentLeaseStale Failing;
    an_agent_that_the_api_server_does_not_know: Break::Meets("401") => AgentHealth K8sUnauthorized Warning;
    an_agent_that_may_not_read: Break::Meets("403") => AgentHealth K8sRbacForbidden Warning;
    an_agent_that_is_throttled: Break::Meets("429") => AgentHealth K8sThrottled Warning;
    an_agent_that_meets_errors: Break::Meets("503") => AgentHealth K8sServerError Warning;
    an_agent_that_gets_no_answer: Break::Meets("<error>") => AgentHealth K8sNoAnswer Warning;

    // === cluster_status, by the cluster id in the ConfigMap ===
    a_cluster_that_is_gone_by_the_agents_own_id: Break::ClusterOfConfigMap("00000000-0000-4000-8000-000000000000") => ClusterStatus CastaiClusterNotFound Failing;
}
