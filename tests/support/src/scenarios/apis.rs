//! Faults of the names, the API server and CAST AI.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};

use super::Scenario;
use crate::injected_fault::InjectedFault;
use crate::lab_cluster::{CASTAI, KUBERNETES};

scenarios! {
    ($) for_each_apis_scenario
    // === dns ===
    dns_name_is_nxdomain: InjectedFault::DnsName(CASTAI, "nxdomain") => Dns NetDnsNxdomain Failing;
    dns_resolver_responds_servfail: InjectedFault::DnsName(CASTAI, "servfail") => Dns NetDnsServfail Failing;
    dns_resolver_responds_refused: InjectedFault::DnsName(CASTAI, "refused") => Dns NetDnsServfail Failing;
    dns_resolver_times_out: InjectedFault::DnsName(CASTAI, "silent") => Dns NetDnsTimeout Failing;
    dns_name_has_no_address: InjectedFault::DnsName(CASTAI, "no-address") => Dns NetDnsNoAddress Failing;
    dns_failure_of_unused_name_is_a_warning: InjectedFault::DnsName(KUBERNETES, "nxdomain") => Dns NetDnsNxdomain Warning;

    // === apiserver: network and TLS ===
    apiserver_name_is_nxdomain: InjectedFault::DnsName(KUBERNETES, "nxdomain") => Apiserver NetDnsNxdomain Warning;
    apiserver_name_is_servfail: InjectedFault::DnsName(KUBERNETES, "servfail") => Apiserver NetDnsServfail Warning;
    apiserver_name_times_out_in_dns: InjectedFault::DnsName(KUBERNETES, "silent") => Apiserver NetDnsTimeout Warning;
    apiserver_name_has_no_address: InjectedFault::DnsName(KUBERNETES, "no-address") => Apiserver NetDnsNoAddress Warning;
    apiserver_drops_syn: InjectedFault::Apiserver("tcp-hang") => Apiserver NetConnectTimeout Failing;
    apiserver_refuses_connections: InjectedFault::Apiserver("refused") => Apiserver NetRefused Failing;
    apiserver_is_unroutable: InjectedFault::ApiserverAddress("224.0.0.1") => Apiserver NetUnreachable Failing;
    apiserver_resets_connections: InjectedFault::Apiserver("reset-on-hello") => Apiserver NetReset Failing;
    apiserver_closes_before_response: InjectedFault::Apiserver("http-close") => Apiserver NetReset Failing;
    apiserver_proxy_is_unreachable: InjectedFault::ProxyToApiserver("refused") => Apiserver ProxyUnreachable Failing;
    apiserver_proxy_responds_407: InjectedFault::ProxyToApiserver("407") => Apiserver ProxyAuthRequired Failing;
    apiserver_proxy_responds_502: InjectedFault::ProxyToApiserver("502") => Apiserver ProxyBadGateway Failing;
    apiserver_proxy_responds_403: InjectedFault::ProxyToApiserver("403") => Apiserver ProxyDenied Failing;
    apiserver_hangs_in_tls_handshake: InjectedFault::Apiserver("tls-hang") => Apiserver TlsHandshakeTimeout Failing;
    apiserver_loses_large_packets_mtu: InjectedFault::Apiserver("tls-hang-partial") => Apiserver TlsHandshakeTimeout Failing;
    apiserver_has_unknown_ca: InjectedFault::Apiserver("cert-foreign-ca") => Apiserver TlsUnknownAuthority Failing;
    apiserver_has_self_signed_certificate: InjectedFault::Apiserver("cert-self-signed") => Apiserver TlsUnknownAuthority Failing;
    apiserver_is_tls_inspected: InjectedFault::Apiserver("cert-intercepted") => Apiserver TlsIntercepted Failing;
    apiserver_has_expired_certificate: InjectedFault::Apiserver("cert-expired") => Apiserver TlsExpired Failing;
    apiserver_certificate_is_not_yet_valid: InjectedFault::Apiserver("cert-not-yet-valid") => Apiserver TlsNotYetValid Failing;
    apiserver_certificate_has_other_hostname: InjectedFault::Apiserver("cert-wrong-name") => Apiserver TlsHostnameMismatch Failing;
    apiserver_sends_tls_alert: InjectedFault::Apiserver("tls-alert") => Apiserver TlsProtocol Failing;
    apiserver_supports_only_old_tls: InjectedFault::Apiserver("tls-version") => Apiserver TlsProtocol Failing;
    apiserver_serves_plain_http: InjectedFault::Apiserver("tls-plain-http") => Apiserver TlsProtocol Failing;
    apiserver_sends_garbage_in_tls_handshake: InjectedFault::Apiserver("tls-noise") => Apiserver TlsProtocol Failing;
    apiserver_sends_huge_certificate_chain: InjectedFault::Apiserver("cert-huge") => Apiserver TlsProtocol Failing;
    apiserver_does_not_respond: InjectedFault::Apiserver("http-hang") => Apiserver HttpTimeout Failing;
    apiserver_drips_headers: InjectedFault::Apiserver("drip-head") => Apiserver HttpTimeout Failing;
    apiserver_drips_body: InjectedFault::Apiserver("drip-body") => Apiserver HttpTimeout Failing;
    apiserver_speaks_http_0_9: InjectedFault::Apiserver("http-0-9") => Apiserver HttpProtocol Failing;
    apiserver_sends_garbage: InjectedFault::Apiserver("noise") => Apiserver HttpProtocol Failing;
    apiserver_sends_endless_headers: InjectedFault::Apiserver("endless-headers") => Apiserver HttpProtocol Failing;
    apiserver_sends_huge_headers: InjectedFault::Apiserver("huge-headers") => Apiserver HttpProtocol Failing;
    apiserver_truncates_response: InjectedFault::Apiserver("truncated") => Apiserver HttpProtocol Failing;

    // === apiserver: responses ===
    apiserver_endpoint_refuses_connections: InjectedFault::OneEndpoint("refused") => Apiserver K8sEndpointDown Failing;
    apiserver_endpoint_hangs_in_tls_handshake: InjectedFault::OneEndpoint("tls-hang") => Apiserver K8sEndpointDown Failing;
    apiserver_endpoint_is_not_ready: InjectedFault::OneEndpoint("not-ready") => Apiserver K8sEndpointDown Failing;
    apiserver_rejects_token: InjectedFault::Apiserver("unauthorized") => Apiserver K8sUnauthorized Failing;
    apiserver_token_is_expired: InjectedFault::Token(Some("e30.eyJleHAiOjE3MDAwMDAwMDB9.c2ln")) => Apiserver K8sTokenExpired Failing;
    apiserver_token_is_not_mounted: InjectedFault::Token(None) => Apiserver K8sTokenMissing Failing;
    apiserver_rbac_forbids: InjectedFault::Apiserver("forbidden") => Apiserver K8sRbacForbidden Failing;
    apiserver_token_is_stripped_anonymous: InjectedFault::Apiserver("anonymous-forbidden") => Apiserver K8sAnonymousForbidden Failing;
    apiserver_throttles_requests: InjectedFault::Apiserver("throttled") => Apiserver K8sThrottled Failing;
    apiserver_loses_etcd: InjectedFault::Apiserver("etcd-timeout") => Apiserver K8sEtcdError Failing;
    apiserver_etcd_leader_changes: InjectedFault::Apiserver("etcd-leader-changed") => Apiserver K8sEtcdError Failing;
    apiserver_etcd_hangs: InjectedFault::Apiserver("etcd-hang") => Apiserver K8sEtcdError Failing;
    apiserver_storage_hangs_although_etcd_is_ready: InjectedFault::Apiserver("storage-hang") => Apiserver HttpTimeout Failing;
    apiserver_responds_500: InjectedFault::Apiserver("server-error") => Apiserver K8sServerError Failing;
    apiserver_is_not_ready: InjectedFault::Apiserver("not-ready") => Apiserver K8sServerError Failing;
    apiserver_responds_with_html: InjectedFault::Apiserver("html:200") => Apiserver K8sUnexpectedBody Failing;
    apiserver_load_balancer_responds_502: InjectedFault::Apiserver("html:502") => Apiserver K8sUnexpectedBody Failing;
    apiserver_has_slow_tls_handshake: InjectedFault::Apiserver("tls-slow:1200ms") => Apiserver K8sSlow Failing;
    apiserver_responds_slowly: InjectedFault::Apiserver("response-slow:1200ms") => Apiserver K8sSlow Failing;
    apiserver_port_is_invalid: InjectedFault::Env("KUBERNETES_SERVICE_PORT", "99999") => Apiserver AgentConfigInvalid Failing;

    // === castai_api: network and TLS ===
    castai_name_is_nxdomain: InjectedFault::DnsName(CASTAI, "nxdomain") => CastaiApi NetDnsNxdomain Failing;
    castai_name_is_servfail: InjectedFault::DnsName(CASTAI, "servfail") => CastaiApi NetDnsServfail Failing;
    castai_name_times_out_in_dns: InjectedFault::DnsName(CASTAI, "silent") => CastaiApi NetDnsTimeout Failing;
    castai_name_has_no_address: InjectedFault::DnsName(CASTAI, "no-address") => CastaiApi NetDnsNoAddress Failing;
    castai_drops_syn: InjectedFault::Castai("tcp-hang") => CastaiApi NetConnectTimeout Failing;
    castai_refuses_connections: InjectedFault::Castai("refused") => CastaiApi NetRefused Failing;
    castai_is_unroutable: InjectedFault::DnsName(CASTAI, "address:224.0.0.1") => CastaiApi NetUnreachable Failing;
    castai_resets_connections: InjectedFault::Castai("reset") => CastaiApi NetReset Failing;
    castai_resets_after_sni: InjectedFault::Castai("reset-on-hello") => CastaiApi NetReset Failing;
    castai_closes_immediately: InjectedFault::Castai("close") => CastaiApi NetReset Failing;
    castai_proxy_refuses_connections: InjectedFault::Proxy("refused") => CastaiApi ProxyUnreachable Failing;
    castai_proxy_does_not_respond: InjectedFault::Proxy("hang") => CastaiApi ProxyUnreachable Failing;
    castai_proxy_sends_garbage: InjectedFault::Proxy("noise") => CastaiApi ProxyUnreachable Failing;
    castai_proxy_responds_407: InjectedFault::Proxy("407") => CastaiApi ProxyAuthRequired Failing;
    castai_proxy_responds_502: InjectedFault::Proxy("502") => CastaiApi ProxyBadGateway Failing;
    castai_proxy_responds_403: InjectedFault::Proxy("403") => CastaiApi ProxyDenied Failing;
    castai_proxy_responds_403_with_squid_page: InjectedFault::Proxy("squid") => CastaiApi ProxyDenied Failing;
    castai_proxy_sends_block_page: InjectedFault::Proxy("block-page-via") => CastaiApi ProxyBlockPage Failing;
    castai_proxy_intercepts_tls: InjectedFault::Proxy("block-page") => CastaiApi TlsIntercepted Failing;
    castai_proxy_tunnel_hangs: InjectedFault::Proxy("tunnel-hang") => CastaiApi TlsHandshakeTimeout Failing;
    castai_rejects_key_behind_proxy: InjectedFault::CastaiBehindProxy("token-invalid") => CastaiApi CastaiTokenInvalid Failing;
    castai_hangs_in_tls_handshake: InjectedFault::Castai("tls-hang") => CastaiApi TlsHandshakeTimeout Failing;
    castai_loses_large_packets_mtu: InjectedFault::Castai("tls-hang-partial") => CastaiApi TlsHandshakeTimeout Failing;
    castai_has_unknown_ca: InjectedFault::Castai("cert-foreign-ca") => CastaiApi TlsUnknownAuthority Failing;
    castai_omits_intermediate_certificate: InjectedFault::Castai("cert-missing-intermediate") => CastaiApi TlsUnknownAuthority Failing;
    castai_is_tls_inspected: InjectedFault::Castai("cert-intercepted") => CastaiApi TlsIntercepted Failing;
    castai_has_expired_certificate: InjectedFault::Castai("cert-expired") => CastaiApi TlsExpired Failing;
    castai_certificate_is_not_yet_valid: InjectedFault::Castai("cert-not-yet-valid") => CastaiApi TlsNotYetValid Failing;
    castai_certificate_has_other_hostname: InjectedFault::Castai("cert-wrong-name") => CastaiApi TlsHostnameMismatch Failing;
    castai_sends_tls_alert: InjectedFault::Castai("tls-alert") => CastaiApi TlsProtocol Failing;
    castai_serves_plain_http: InjectedFault::Castai("tls-plain-http") => CastaiApi TlsProtocol Failing;
    castai_does_not_respond: InjectedFault::Castai("http-hang") => CastaiApi HttpTimeout Failing;
    castai_drips_body: InjectedFault::Castai("drip-body") => CastaiApi HttpTimeout Failing;
    castai_sends_endless_1xx_responses: InjectedFault::Castai("endless-interim") => CastaiApi HttpProtocol Failing;
    castai_speaks_http_0_9: InjectedFault::Castai("http-0-9") => CastaiApi HttpProtocol Failing;
    castai_sends_garbage: InjectedFault::Castai("noise") => CastaiApi HttpProtocol Failing;
    castai_truncates_response: InjectedFault::Castai("truncated") => CastaiApi HttpProtocol Failing;

    // === castai_api: responses ===
    castai_waf_blocks_request: InjectedFault::Castai("waf") => CastaiApi CastaiWafBlocked Failing;
    castai_waf_rate_limits: InjectedFault::Castai("waf-rate-limited") => CastaiApi CastaiWafBlocked Failing;
    castai_edge_forbids_with_its_bare_page: InjectedFault::Castai("edge-page:403") => CastaiApi CastaiWafBlocked Failing;
    castai_edge_rate_limits_with_its_bare_page: InjectedFault::Castai("edge-page:429") => CastaiApi CastaiWafBlocked Failing;
    castai_nginx_rejects_key: InjectedFault::Castai("nginx-page:401") => CastaiApi CastaiTokenInvalid Failing;
    castai_nginx_forbids: InjectedFault::Castai("nginx-page:403") => CastaiApi CastaiForbidden Failing;
    castai_nginx_rate_limits: InjectedFault::Castai("nginx-page:429") => CastaiApi CastaiRateLimited Failing;
    castai_api_key_is_missing: InjectedFault::UnsetEnv("API_KEY") => CastaiApi CastaiKeyMissing Failing;
    castai_api_key_has_trailing_newline: InjectedFault::Env("API_KEY", "secret-key\n") => CastaiApi CastaiKeyMalformed Failing;
    castai_api_key_is_revoked: InjectedFault::Castai("token-invalid") => CastaiApi CastaiTokenInvalid Failing;
    castai_api_key_is_forbidden: InjectedFault::Castai("forbidden") => CastaiApi CastaiForbidden Failing;
    castai_cluster_is_deleted: InjectedFault::Castai("cluster-not-found") => CastaiApi CastaiClusterNotFound Failing;
    castai_api_url_is_invalid: InjectedFault::Env("API_URL", ":::") => CastaiApi AgentConfigInvalid Failing;
    castai_ca_variable_holds_a_path: InjectedFault::Env("TLS_CA_CERT_FILE", "/etc/ssl/ca.pem") => CastaiApi AgentConfigInvalid Failing;
    castai_rate_limits_requests: InjectedFault::Castai("rate-limited") => CastaiApi CastaiRateLimited Failing;
    castai_responds_400: InjectedFault::Castai("client-error") => CastaiApi CastaiClientError Failing;
    castai_responds_slowly: InjectedFault::Castai("response-slow:1200ms") => CastaiApi CastaiSlow Failing;
    castai_responds_500: InjectedFault::Castai("server-error") => CastaiApi CastaiServerError Failing;
    castai_responds_503: InjectedFault::Castai("unavailable") => CastaiApi CastaiServerError Failing;
    castai_responds_with_html: InjectedFault::Castai("html-ok") => CastaiApi CastaiUnexpectedBody Failing;
    castai_responds_without_cluster_id: InjectedFault::Castai("json-without-id") => CastaiApi CastaiUnexpectedBody Failing;
    castai_redirects_in_a_loop: InjectedFault::Castai("redirect-loop") => CastaiApi CastaiUnexpectedBody Failing;
}
