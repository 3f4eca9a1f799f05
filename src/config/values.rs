//! Parsers of single values: durations, addresses, ports, links. Pure.

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::config::sourced_value::InvalidValue;
use crate::redaction::scrubbed;

const NANOSECONDS: u128 = 1;
const SECOND: u128 = 1_000_000_000;
const UNITS: &[(&str, u128)] = &[
    ("ns", NANOSECONDS),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];

/// Parses a duration in Go's format: `15s`, `1m30s`, `500ms`, `1.5h`; never negative.
pub fn duration(text: &str) -> Result<Duration, InvalidValue> {
    let wrong = |why: &str| {
        InvalidValue::new(
            format!("{} {why}", shown(text)),
            "write a duration such as 15s, 1m30s or 500ms",
        )
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.starts_with('-') {
        return Err(wrong("is negative"));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(wrong("is not a duration"));
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(|| wrong("has no unit"))?;
        let (number, after) = rest.split_at(end);
        let (unit, size) = UNITS
            .iter()
            .filter(|(unit, _)| after.starts_with(unit))
            .max_by_key(|(unit, _)| unit.len())
            .ok_or_else(|| wrong("is not a duration"))?;
        let nanoseconds = scaled(number, *size).ok_or_else(|| wrong("is not a duration"))?;
        total = total
            .checked_add(nanoseconds)
            .ok_or_else(|| wrong("is too long"))?;
        rest = &after[unit.len()..];
    }
    // Go counts nanoseconds in 63 bits.
    i64::try_from(total).map_err(|_| wrong("is too long"))?;
    let whole = u64::try_from(total / SECOND).map_err(|_| wrong("is too long"))?;
    let part = u32::try_from(total % SECOND).map_err(|_| wrong("is too long"))?;
    Ok(Duration::new(whole, part))
}

/// Multiplies a decimal number by a unit.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && part.is_empty() || part.contains('.') || whole.len() > 20 {
        return None;
    }
    let mut value = if whole.is_empty() {
        0
    } else {
        whole.parse::<u128>().ok()?.checked_mul(unit)?
    };
    let mut scale = unit;
    for digit in part.bytes() {
        scale /= 10;
        value += scale * u128::from(digit - b'0');
    }
    Some(value)
}

/// Parses a duration within inclusive bounds.
pub fn duration_within(
    text: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, InvalidValue> {
    let value = duration(text)?;
    if value < least || value > most {
        return Err(InvalidValue::new(
            format!("{} is out of range", shown(text)),
            format!("from {} to {}", compact(least), compact(most)),
        ));
    }
    Ok(value)
}

/// Formats a duration as people write it.
pub fn compact(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    let mut text = String::new();
    for (size, unit) in [(3600, "h"), (60, "m"), (1, "s")] {
        let count = if unit == "h" {
            seconds / size
        } else {
            seconds / size % 60
        };
        if count > 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    if millis > 0 || text.is_empty() {
        let _ = write!(text, "{millis}ms");
    }
    text
}

/// Parses a port from 1 to 65535.
pub fn port(text: &str) -> Result<u16, InvalidValue> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(InvalidValue::new(
            format!("{} is not a port", shown(text)),
            "a port is a number from 1 to 65535",
        )),
    }
}

/// Parses a listen address as Go exporters write it: `:9878`, `127.0.0.1:9878`, `[::1]:9878`,
/// `localhost:9878`.
pub fn listen_address(text: &str) -> Result<SocketAddr, InvalidValue> {
    let right = "write :9878, 127.0.0.1:9878 or [::1]:9878";
    let wrong = || InvalidValue::new(format!("{} is not a listen address", shown(text)), right);
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse::<u16>().map_err(|_| {
        InvalidValue::new(
            format!("{} has no port from 0 to 65535", shown(text)),
            right,
        )
    })?;
    let address = match host {
        "" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        _ => match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(v6) => IpAddr::V6(v6.parse().map_err(|_| wrong())?),
            None => IpAddr::V4(host.parse().map_err(|_| wrong())?),
        },
    };
    Ok(SocketAddr::new(address, port))
}

/// Parses the address of a server with an optional port.
pub fn server_address(text: &str, usual: Option<u16>) -> Result<SocketAddr, InvalidValue> {
    if let Ok(address) = text.parse::<SocketAddr>()
        && address.port() > 0
    {
        return Ok(address);
    }
    if let (Ok(address), Some(port)) = (text.parse::<IpAddr>(), usual) {
        return Ok(SocketAddr::new(address, port));
    }
    let right = if usual.is_some() {
        "write 10.0.0.10, 10.0.0.10:53 or [fd00::a]:53"
    } else {
        "write 10.0.0.1:443"
    };
    Err(InvalidValue::new(
        format!("{} is not an IP address with a port", shown(text)),
        right,
    ))
}

/// Parses a DNS name with an optional port.
pub fn host_and_port(text: &str, usual: u16) -> Result<(String, u16), InvalidValue> {
    let (host, port_text) = text.rsplit_once(':').unwrap_or((text, ""));
    let port = if text.contains(':') {
        port(port_text)?
    } else {
        usual
    };
    if is_name(host) {
        Ok((host.trim_end_matches('.').to_owned(), port))
    } else {
        Err(InvalidValue::new(
            format!("{} is not a DNS name", shown(text)),
            "write a name such as kubernetes.default.svc",
        ))
    }
}

/// Returns whether this can be a DNS name.
pub fn is_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    !host.is_empty()
        && host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// Parses an absolute `http` or `https` URL without credentials, query or fragment.
pub fn link(text: &str) -> Result<url::Url, InvalidValue> {
    let right = "write an address such as https://example.com/path";
    let url = url::Url::parse(text).map_err(|error| {
        InvalidValue::new(format!("{} is not a URL: {error}", shown(text)), right)
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(InvalidValue::new(
            format!("{} has the scheme {}", shown(text), url.scheme()),
            right,
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidValue::new(
            "it contains a user name or password",
            right,
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(InvalidValue::new(
            format!("{} has a query or fragment", shown(text)),
            right,
        ));
    }
    Ok(url)
}

/// Parses one word of a closed list.
pub fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, InvalidValue> {
    words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            InvalidValue::new(
                format!("{} is unknown", shown(text)),
                format!("one of {}", known.join(", ")),
            )
        })
}

/// Formats a value for a sentence: quoted, truncated, on one line, without secrets.
pub fn shown(text: &str) -> String {
    let text = scrubbed(text);
    let cut: String = text.chars().take(100).collect();
    let ellipsis = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{ellipsis}")
}
