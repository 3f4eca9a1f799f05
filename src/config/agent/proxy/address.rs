//! Proxy URLs as Go's `url.Parse` and `net/http` read them.

use crate::config::agent::proxy::setting::{Proxy, ProxySetting};
use crate::config::secret::Secret;
use crate::config::sourced_value::InvalidValue;
use crate::config::values::is_name;

const RIGHT: &str = "write http://host:port or https://host:port";

/// Parses a proxy URL as Go does. The value is never shown: it may contain a password.
pub(super) fn meaning(text: &str) -> ProxySetting {
    let (scheme, rest) = match split(text) {
        Some((scheme, rest)) if !authority(rest).is_empty() => (scheme.to_ascii_lowercase(), rest),
        // Go prepends `http://` to anything that is not a URL with a host.
        _ => ("http".to_owned(), text),
    };
    let authority = authority(rest);
    let (user, address) = match authority.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, authority),
    };
    if text
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b' ')
        || address.is_empty()
    {
        return ProxySetting::Ignored(InvalidValue::new(
            "is not an address: Go ignores it and connects without a proxy",
            RIGHT,
        ));
    }
    let usual = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        "socks5" | "socks5h" => {
            return ProxySetting::NotProbed(InvalidValue::new(
                "is a SOCKS proxy, which the exporter does not support",
                RIGHT,
            ));
        }
        other => {
            return ProxySetting::Fails(InvalidValue::new(
                format!("has the scheme {other}, which is not valid for a proxy"),
                RIGHT,
            ));
        }
    };
    let Some((host, port)) = host_and_port(address) else {
        return ProxySetting::Ignored(InvalidValue::new(
            "is not an address: Go ignores it and connects without a proxy",
            RIGHT,
        ));
    };
    let port = match port {
        "" => usual,
        digits => match digits.parse::<u16>() {
            Ok(port) if port > 0 => port,
            _ => {
                return ProxySetting::Fails(InvalidValue::new(
                    format!("has the invalid port {digits}"),
                    "a port from 1 to 65535",
                ));
            }
        },
    };
    if !host.contains(':') && !is_name(host) {
        return ProxySetting::Fails(InvalidValue::new(
            "has a host that is neither a name nor an address",
            RIGHT,
        ));
    }
    let credentials = user.map(|user| {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        let plain = decoded(password);
        // The password is secret without the name, and as the variable writes it.
        let parts = vec![password.to_owned(), plain.clone(), user.to_owned()];
        Secret::with_parts(format!("{}:{plain}", decoded(name)), parts)
    });
    ProxySetting::Through(Proxy {
        tls: scheme == "https",
        host: host.to_owned(),
        port,
        credentials,
    })
}

/// Splits a URL into its scheme and what follows `://`.
fn split(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let proper = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    proper.then_some((scheme, rest))
}

/// Returns everything before path, query or fragment.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Splits an authority into the host, without brackets, and the digits of the port.
fn host_and_port(address: &str) -> Option<(&str, &str)> {
    let (host, port) = if let Some(inside) = address.strip_prefix('[') {
        let (host, after) = inside.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        if after.is_empty() {
            (host, "")
        } else {
            (host, after.strip_prefix(':')?)
        }
    } else {
        let (host, port) = address.split_once(':').unwrap_or((address, ""));
        (host, port)
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !host.is_empty()).then_some((host, port))
}

/// Decodes percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
