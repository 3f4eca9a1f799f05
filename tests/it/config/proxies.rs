//! Tests of proxy settings by Go's rules, with the cases of Go's documentation.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use castai_health_exporter::config::agent::proxy::ProxyError;
use castai_health_exporter::config::{ProxyRules, Secret};
use url::Url;

use crate::golden_entries::assert_problems;

/// Returns the proxy for a URL, or `direct`.
fn proxy_for(variables: &[(&str, &str)], target: &str) -> String {
    let (rules, _) = rules(variables);
    let url = Url::parse(target).unwrap();
    let host = url.host_str().unwrap().trim_matches(['[', ']']);
    match rules.proxy_for(
        url.scheme() == "https",
        host,
        url.port_or_known_default().unwrap(),
    ) {
        None => "direct".to_owned(),
        Some(Ok(proxy)) => {
            format!(
                "{}://{}:{}",
                if proxy.tls { "https" } else { "http" },
                proxy.host,
                proxy.port
            )
        }
        Some(Err(ProxyError::Broken(_))) => "invalid".to_owned(),
        Some(Err(ProxyError::NotProbed(_))) => "not probed".to_owned(),
    }
}

fn rules(variables: &[(&str, &str)]) -> (ProxyRules, String) {
    let value = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let (rules, problems) = ProxyRules::from_environment(value);
    (rules, problems.to_string())
}

#[test]
fn proxy_urls_are_parsed_like_go_does() {
    for (proxy, expected) in [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        (
            "cache.corp.example.com:1234",
            "http://cache.corp.example.com:1234",
        ),
        ("cache.corp.example.com", "http://cache.corp.example.com:80"),
        ("localhost", "http://localhost:80"),
        (
            "https://cache.corp.example.com",
            "https://cache.corp.example.com:443",
        ),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://127.0.0.1:8080", "https://127.0.0.1:8080"),
        ("HTTP://proxy:3128/", "http://proxy:3128"),
        ("http://[fd00::1]:3128", "http://fd00::1:3128"),
        ("user:password@proxy:3128", "http://proxy:3128"),
        ("", "direct"),
    ] {
        assert_eq!(
            proxy_for(&[("HTTP_PROXY", proxy)], "http://example.com"),
            expected,
            "{proxy}"
        );
    }
}

#[test]
fn http_and_https_proxy_apply_to_their_scheme() {
    let both = [
        ("HTTP_PROXY", "http.proxy.tld"),
        ("HTTPS_PROXY", "https://secure.proxy.tld"),
    ];
    assert_eq!(
        proxy_for(&both, "http://insecure.tld/"),
        "http://http.proxy.tld:80"
    );
    assert_eq!(
        proxy_for(&both, "https://secure.tld/"),
        "https://secure.proxy.tld:443"
    );
    assert_eq!(proxy_for(&both[..1], "https://secure.tld/"), "direct");
}

#[test]
fn upper_case_proxy_variable_wins_and_empty_one_is_ignored() {
    let target = "https://example.com";
    assert_eq!(
        proxy_for(
            &[("HTTPS_PROXY", "upper"), ("https_proxy", "lower")],
            target
        ),
        "http://upper:80"
    );
    assert_eq!(
        proxy_for(&[("HTTPS_PROXY", ""), ("https_proxy", "lower")], target),
        "http://lower:80"
    );
    assert_eq!(
        proxy_for(
            &[("https_proxy", "lower"), ("no_proxy", "example.com")],
            target
        ),
        "direct"
    );
}

#[test]
fn cgi_environment_ignores_http_proxy() {
    let cgi = [
        ("HTTP_PROXY", "http://10.1.2.3:8080"),
        ("HTTPS_PROXY", "https://secure.proxy.tld"),
        ("REQUEST_METHOD", "PUT"),
    ];
    assert_eq!(proxy_for(&cgi, "http://example.com"), "invalid");
    assert_eq!(
        proxy_for(&cgi, "https://secure.tld/"),
        "https://secure.proxy.tld:443"
    );
}

#[test]
fn no_proxy_matches_like_go_does() {
    let list = "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, \
                2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64";
    for (host, straight) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("127.0.0.2", true),
        ("[::1]", true),
        ("[::2]", false),
        ("192.168.1.1", true),
        ("192.168.1.2", false),
        ("192.168.1.3", true),
        ("192.168.1.4", false),
        ("10.0.0.2", true),
        ("10.0.0.4", false),
        ("[2001:db8::52:0:1]", true),
        ("[2001:db8::52:0:2]", false),
        ("[2001:db8::52:0:3]", true),
        ("[2002:db8:a::123]", true),
        ("[fe80::424b:c8be:1643:a1b6]", false),
        ("barbaz.net", false),
        ("www.barbaz.net", true),
        ("foobar.com", true),
        ("FOOBAR.com", true),
        ("www.foobar.com", true),
        ("foofoobar.com", false),
        ("baz.com", false),
        ("localhost.net", false),
        ("local.localhost", false),
        ("barbarbaz.net", false),
        ("wildcard.io", false),
        ("nested.wildcard.io", true),
        ("awildcard.io", false),
    ] {
        let target = format!("http://{host}:80");
        let expected = if straight {
            "direct"
        } else {
            "http://proxy:80"
        };
        assert_eq!(
            proxy_for(&[("HTTP_PROXY", "proxy"), ("NO_PROXY", list)], &target),
            expected,
            "{host}"
        );
        assert_eq!(
            proxy_for(&[("HTTP_PROXY", "proxy"), ("NO_PROXY", "*")], &target),
            "direct",
            "{host}"
        );
    }
}

#[test]
fn no_proxy_entries_are_parsed_like_go_does() {
    for (list, target, straight) in [
        ("example.com", "http://example.com/", true),
        (".example.com", "http://example.com/", false),
        ("ample.com", "http://example.com/", false),
        ("example.com", "http://foo.example.com/", true),
        ("example.com:8080", "http://example.com/", false),
        ("example.com:80", "http://example.com/", true),
        (".示例.com", "http://www.示例.com", true),
        ("xn--fsq092h.com", "http://www.示例.com", true),
        ("示例.com", "http://www.xn--fsq092h.com", true),
        (":1", "http://example.com", false),
        ("  ,, ,", "http://example.com", false),
        ("0.0.0.0/0", "http://10.1.2.3", true),
        ("::/0", "http://10.1.2.3", false),
        ("10.0.0.0/33", "http://10.0.0.1", false),
        ("::ffff:10.0.0.1", "http://10.0.0.1", true),
        (
            "kubernetes.default.svc,10.96.0.0/12",
            "http://10.96.0.1",
            true,
        ),
    ] {
        let expected = if straight {
            "direct"
        } else {
            "http://proxy:80"
        };
        assert_eq!(
            proxy_for(&[("HTTP_PROXY", "proxy"), ("NO_PROXY", list)], target),
            expected,
            "{list} {target}"
        );
    }
    let (rules, _) = rules(&[("HTTP_PROXY", "proxy"), ("NO_PROXY", "example.com")]);
    assert!(
        rules.proxy_for(false, "1000::%.example.com", 123).is_some(),
        "a zone is no domain"
    );
}

#[test]
fn unusable_proxy_is_reported_without_its_password() {
    let mut all = String::new();
    for (proxy, outcome) in [
        ("socks5://127.0.0.1", "not probed"),
        ("foo://host", "invalid"),
        ("http://user:hidden@proxy:99999", "invalid"),
    ] {
        assert_eq!(
            proxy_for(&[("HTTPS_PROXY", proxy)], "https://example.com"),
            outcome
        );
        all += &rules(&[("HTTPS_PROXY", proxy)]).1;
        all.push('\n');
    }
    // Go ignores these silently and connects directly.
    for proxy in [
        "http://user:hidden@proxy x:80",
        "http://proxy:port",
        "http://[::1",
        "pro\nxy",
    ] {
        assert_eq!(
            proxy_for(&[("HTTPS_PROXY", proxy)], "https://example.com"),
            "direct",
            "{proxy:?}"
        );
        all += &rules(&[("HTTPS_PROXY", proxy)]).1;
        all.push('\n');
    }
    assert!(!all.contains("hidden"), "{all}");
    assert_problems("proxy", &all);
}

#[test]
fn proxy_password_is_decoded_and_never_shown() {
    let (rules, _) = rules(&[("HTTPS_PROXY", "http://me:p%40ss:word@proxy:3128")]);
    let proxy = rules
        .proxy_for(true, "example.com", 443)
        .unwrap()
        .as_ref()
        .unwrap();
    assert_eq!(proxy.credentials, Some(Secret::new("me:p@ss:word")));
    assert!(!format!("{rules:?}").contains("word"));
}
