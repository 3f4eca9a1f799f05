//! Break exactly one thing, see exactly that root, heal it, see everything `ok` again.
//!
//! One row per (check, mode); the catalogue's test holds that no pair is missing here.

use std::fs;

use castai_health_exporter::catalogue::Check;
use castai_health_exporter::catalogue::FailureMode as M;
use castai_health_exporter::catalogue::Status;
use lab::ApiFault;
use lab::CastAiFault;
use lab::DnsFault;
use lab::ProxyFault;

use crate::support::world::CASTAI;
use crate::support::world::KUBERNETES;
use crate::support::world::World;

/// What is broken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Break {
    /// All addresses of the API server.
    Api(&'static str),
    /// The first of two addresses behind the service.
    OneEndpoint(&'static str),
    /// CAST AI, reached straight.
    Castai(&'static str),
    /// CAST AI, reached through a proxy.
    CastaiBehindProxy(&'static str),
    /// The proxy on the way to CAST AI.
    Proxy(&'static str),
    /// The proxy on the way to the API server, because `NO_PROXY` lacks the service's address.
    ProxyToApi(&'static str),
    /// One name.
    Name(&'static str, &'static str),
    /// The address of the API server is one that no route leads to.
    ApiAddress(&'static str),
    /// One variable of the agent's environment.
    Env(&'static str, &'static str),
    /// One variable of the agent's environment is gone.
    NoEnv(&'static str),
    /// The mounted token.
    Token(Option<&'static str>),
    /// The clocks of all servers.
    Clocks(&'static str),
}

/// One scenario: what is broken, and what has to be said.
pub(crate) struct Scenario {
    pub(crate) broken: Break,
    pub(crate) check: Check,
    pub(crate) mode: M,
    pub(crate) status: Status,
}

macro_rules! scenarios {
    ($($name:ident: $broken:expr => $check:ident $mode:ident $status:ident;)+) => {
        /// All of them.
        pub(crate) const SCENARIOS: &[Scenario] = &[
            $(Scenario { broken: $broken, check: Check::$check, mode: M::$mode, status: Status::$status },)+
        ];

        $(
            #[tokio::test]
            async fn $name() {
                play(&Scenario { broken: $broken, check: Check::$check, mode: M::$mode, status: Status::$status }).await;
            }
        )+
    };
}

scenarios! {
    // === dns ===
    a_name_that_does_not_exist: Break::Name(CASTAI, "nxdomain") => Dns NetDnsNxdomain Failing;
    a_resolver_that_fails: Break::Name(CASTAI, "servfail") => Dns NetDnsServfail Failing;
    a_resolver_that_refuses: Break::Name(CASTAI, "refused") => Dns NetDnsServfail Failing;
    a_resolver_that_is_silent: Break::Name(CASTAI, "silent") => Dns NetDnsTimeout Failing;
    a_name_without_an_address: Break::Name(CASTAI, "no-address") => Dns NetDnsNoAddress Failing;
    a_name_that_only_the_exporter_asks_for: Break::Name(KUBERNETES, "nxdomain") => Dns NetDnsNxdomain Warning;

    // === apiserver: the way ===
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
    an_api_server_with_anothers_certificate: Break::Api("cert-other-name") => Apiserver TlsHostnameMismatch Failing;
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

    // === apiserver: what it answers ===
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
    an_api_server_with_a_slow_answer: Break::Api("answer-slow:1200ms") => Apiserver K8sSlow Failing;
    an_api_server_at_a_port_that_is_none: Break::Env("KUBERNETES_SERVICE_PORT", "99999") => Apiserver AgentConfigInvalid Failing;

    // === castai_api: the way ===
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
    cast_ai_without_its_intermediate: Break::Castai("cert-incomplete") => CastaiApi TlsUnknownAuthority Failing;
    cast_ai_behind_tls_inspection: Break::Castai("cert-intercepted") => CastaiApi TlsIntercepted Failing;
    cast_ai_with_an_expired_certificate: Break::Castai("cert-expired") => CastaiApi TlsExpired Failing;
    cast_ai_from_the_future: Break::Castai("cert-not-yet-valid") => CastaiApi TlsNotYetValid Failing;
    cast_ai_with_anothers_certificate: Break::Castai("cert-other-name") => CastaiApi TlsHostnameMismatch Failing;
    cast_ai_that_sends_an_alert: Break::Castai("tls-alert") => CastaiApi TlsProtocol Failing;
    cast_ai_that_speaks_plain_http: Break::Castai("tls-plain-http") => CastaiApi TlsProtocol Failing;
    cast_ai_that_does_not_answer: Break::Castai("http-hang") => CastaiApi HttpTimeout Failing;
    cast_ai_that_drips: Break::Castai("drip-body") => CastaiApi HttpTimeout Failing;
    cast_ai_that_goes_round_in_interim_answers: Break::Castai("endless-interim") => CastaiApi HttpTimeout Failing;
    cast_ai_that_speaks_http_0_9: Break::Castai("http-0-9") => CastaiApi HttpProtocol Failing;
    cast_ai_that_speaks_noise: Break::Castai("noise") => CastaiApi HttpProtocol Failing;
    cast_ai_whose_answer_is_cut: Break::Castai("truncated") => CastaiApi HttpProtocol Failing;

    // === castai_api: what it answers ===
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
    cast_ai_that_is_slow: Break::Castai("answer-slow:1200ms") => CastaiApi CastaiSlow Failing;
    cast_ai_with_an_error: Break::Castai("server-error") => CastaiApi CastaiServerError Failing;
    cast_ai_that_is_not_available: Break::Castai("unavailable") => CastaiApi CastaiServerError Failing;
    cast_ai_that_answers_a_page: Break::Castai("html-ok") => CastaiApi CastaiUnexpectedBody Failing;
    cast_ai_that_answers_without_an_id: Break::Castai("json-without-id") => CastaiApi CastaiUnexpectedBody Failing;
    cast_ai_that_leads_in_circles: Break::Castai("redirect-loop") => CastaiApi CastaiUnexpectedBody Failing;

    // === clock ===
    a_clock_that_is_ten_minutes_off: Break::Clocks("clock:+600s") => Clock ClockSkew Failing;
    a_clock_that_is_a_minute_off: Break::Clocks("clock:-60s") => Clock ClockSkew Warning;
}

/// Breaks, looks, heals, looks.
async fn play(scenario: &Scenario) {
    let mut world = match scenario.broken {
        Break::Proxy(_) | Break::CastaiBehindProxy(_) => World::behind_a_proxy(),
        _ => World::start(),
    };
    world.assert_healthy().await;
    let healthy = world.env.clone();
    break_world(&mut world, scenario.broken).await;
    let root = world.assert_root(scenario.check, scenario.mode, scenario.status).await;
    assert!(!crate::support::world::evidence(&root).is_empty());
    heal(&mut world, healthy).await;
    world.assert_healthy().await;
}

async fn break_world(world: &mut World, broken: Break) {
    match broken {
        Break::Api(fault) => world.api.set(fault.parse::<ApiFault>().unwrap()).await,
        Break::OneEndpoint(fault) => world.api.endpoints()[0].set(fault.parse::<ApiFault>().unwrap()).await,
        Break::Castai(fault) | Break::CastaiBehindProxy(fault) => {
            world.castai.set(fault.parse::<CastAiFault>().unwrap()).await;
        }
        Break::Proxy(fault) => world.proxy.set(fault.parse::<ProxyFault>().unwrap()).await,
        Break::ProxyToApi(fault) => {
            world.proxy.set(fault.parse::<ProxyFault>().unwrap()).await;
            // Go sends loopback addresses through no proxy, so the service gets a name here.
            world.dns.add("apiserver.lab", world.api.addr().ip());
            world.env.insert("NO_PROXY".to_owned(), format!("{CASTAI},{KUBERNETES}"));
            world.env.insert("KUBERNETES_SERVICE_HOST".to_owned(), "apiserver.lab".to_owned());
            world.set_env("HTTPS_PROXY", &format!("http://proxy.lab:{}", world.proxy.addr().port()));
        }
        Break::Name(name, fault) => world.dns.set_for(name, fault.parse::<DnsFault>().unwrap()),
        Break::ApiAddress(address) => world.set_env("KUBERNETES_SERVICE_HOST", address),
        Break::Env(name, value) => world.set_env(name, value),
        Break::NoEnv(name) => world.unset_env(name),
        Break::Token(None) => fs::remove_file(world.mounted("token")).unwrap(),
        Break::Token(Some(token)) => fs::write(world.mounted("token"), token).unwrap(),
        Break::Clocks(fault) => {
            world.api.set(fault.parse::<ApiFault>().unwrap()).await;
            world.castai.set(fault.parse::<CastAiFault>().unwrap()).await;
        }
    }
}

async fn heal(world: &mut World, healthy: std::collections::BTreeMap<String, String>) {
    world.api.heal().await;
    world.castai.heal().await;
    world.dns.heal();
    world.proxy.heal().await;
    fs::write(world.mounted("token"), lab::TOKEN).unwrap();
    world.restore_env(healthy);
}

#[tokio::test]
async fn a_proxy_that_is_not_probed_is_unknown_and_says_so() {
    let mut world = World::start();
    world.set_env("HTTPS_PROXY", "socks5://proxy.lab:1080");
    let standings = world.look().await;
    let castai = standings.iter().find(|standing| standing.check == Check::CastaiApi).unwrap();
    assert_eq!(castai.status(), Status::Unknown);
    assert!(crate::support::world::evidence(castai).contains("SOCKS"));
}
