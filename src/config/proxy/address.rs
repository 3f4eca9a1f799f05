//! A proxy's address, as Go's `url.Parse` and `net/http` take it.

use crate::config::proxy::{Meaning, Proxy};
use crate::config::secret::Secret;
use crate::config::values::is_name;
use crate::config::written::Wrong;

const RIGHT: &str = "write http://host:port or https://host:port";

/// What Go makes of it. The value is not shown: it may hold a password.
pub(super) fn meaning(text: &str) -> Meaning {
    let (scheme, rest) = match split(text) {
        Some((scheme, rest)) if !authority(rest).is_empty() => (scheme.to_ascii_lowercase(), rest),
        // No URL with a host: Go puts http:// before it.
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
        return Meaning::Ignored(Wrong::new(
            "is no address: Go ignores it and goes without a proxy",
            RIGHT,
        ));
    }
    let usual = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        "socks5" | "socks5h" => {
            return Meaning::NotProbed(Wrong::new("is a SOCKS proxy, which is not probed", RIGHT));
        }
        other => {
            return Meaning::Fails(Wrong::new(
                format!("has the scheme {other}, which no proxy has"),
                RIGHT,
            ));
        }
    };
    let Some((host, port)) = host_and_port(address) else {
        return Meaning::Ignored(Wrong::new(
            "is no address: Go ignores it and goes without a proxy",
            RIGHT,
        ));
    };
    let port = match port {
        "" => usual,
        digits => match digits.parse::<u16>() {
            Ok(port) if port > 0 => port,
            _ => {
                return Meaning::Fails(Wrong::new(
                    format!("has the port {digits}"),
                    "a port from 1 to 65535",
                ));
            }
        },
    };
    if !host.contains(':') && !is_name(host) {
        return Meaning::Fails(Wrong::new(
            "has a host that is neither a name nor an address",
            RIGHT,
        ));
    }
    let credentials = user.map(|user| {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        Secret::new(format!("{}:{}", decoded(name), decoded(password)))
    });
    Meaning::Through(Proxy {
        tls: scheme == "https",
        host: host.to_owned(),
        port,
        credentials,
    })
}

/// Scheme and what follows `://`.
fn split(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let proper = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    proper.then_some((scheme, rest))
}

/// Everything up to path, query or fragment.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Host without brackets, and the digits of the port.
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

/// With `%41` and the like undone.
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
