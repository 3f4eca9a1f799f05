//! The web configuration file in the exporter-toolkit schema: TLS, client certificates, headers and
//! basic authentication.
//!
//! Relative paths start in the file's directory. Only HTTP/1.1 is served, whatever `http2` says.

mod client_auth;
mod file_version;
mod pem;
mod rate_limit;
mod tls;

use std::path::Path;
use std::str::FromStr;

pub use file_version::FileVersion;
pub use rate_limit::RateLimit;
pub use tls::Tls;

use crate::config::config_error::ConfigErrors;
use crate::config::exporter::file;
use crate::config::exporter::file::File;
use crate::config::exporter::keys::{Key, Kind};
use crate::config::secret::Secret;
use crate::config::sourced_value::{InvalidValue, SourcedValue};
use crate::config::values;

/// Settings of the web configuration file.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// TLS, if configured.
    pub tls: Option<Tls>,
    /// Headers added to every response.
    pub headers: Vec<(String, String)>,
    /// Users with bcrypt hashes; if empty, no authentication is required.
    pub users: Vec<(String, Secret)>,
    /// Limit of the requests of all clients together, if configured.
    pub rate_limit: Option<RateLimit>,
}

/// The keys of this file.
pub const KEYS: &[Key] = &[
    key(
        "tls_server_config.cert_file",
        Kind::Text,
        "Certificate chain, PEM.",
    ),
    key(
        "tls_server_config.key_file",
        Kind::Text,
        "Private key, PEM.",
    ),
    key(
        "tls_server_config.cert",
        Kind::Text,
        "The chain itself, as an alternative to cert_file.",
    ),
    key(
        "tls_server_config.key",
        Kind::Text,
        "The key itself, as an alternative to key_file.",
    ),
    key(
        "tls_server_config.client_auth_type",
        Kind::Text,
        "Client certificate policy.",
    ),
    key(
        "tls_server_config.client_ca_file",
        Kind::Text,
        "Certificate authorities of client certificates, PEM.",
    ),
    key(
        "tls_server_config.client_ca",
        Kind::Text,
        "The authorities themselves, as an alternative to client_ca_file.",
    ),
    key(
        "tls_server_config.client_allowed_sans",
        Kind::Texts,
        "Subject alternative names, one of which a client's certificate must have.",
    ),
    key(
        "tls_server_config.min_version",
        Kind::Text,
        "TLS12 or TLS13.",
    ),
    key(
        "tls_server_config.max_version",
        Kind::Text,
        "TLS12 or TLS13.",
    ),
    key(
        "tls_server_config.cipher_suites",
        Kind::Texts,
        "Cipher suites of TLS 1.2.",
    ),
    key(
        "tls_server_config.curve_preferences",
        Kind::Texts,
        "Elliptic curves, in order of preference.",
    ),
    key(
        "tls_server_config.prefer_server_cipher_suites",
        Kind::Switch,
        "No effect, as in Go.",
    ),
    key(
        "http_server_config.http2",
        Kind::Switch,
        "No effect: only HTTP/1.1 is served.",
    ),
    key(
        "http_server_config.headers.<name>",
        Kind::Scalar,
        "A header added to every response.",
    ),
    key(
        "rate_limit.interval",
        Kind::Duration,
        "Time per request of all clients together; 0 disables the limit.",
    ),
    key(
        "rate_limit.burst",
        Kind::Number,
        "Requests that may exceed the interval at once.",
    ),
    key(
        "basic_auth_users.<name>",
        Kind::Text,
        "A user's password as a bcrypt hash.",
    ),
];

const fn key(path: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key {
        path,
        kind,
        default: "none",
        meaning,
    }
}

/// Headers that may be set, with their allowed values; an empty list allows any.
const HEADERS: &[(&str, &[&str])] = &[
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

/// A higher cost keeps a core busy for minutes per password.
const MAX_BCRYPT_COST: u32 = 18;

impl WebConfig {
    /// Reads the file and every file it references, and reports all errors at once.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        let shown = path.display().to_string();
        let text = file::read_text(path).map_err(|wrong| {
            ConfigErrors(vec![
                SourcedValue::flag("--web.config.file", &shown).problem(wrong),
            ])
        })?;
        Self::parse(&shown, &text, path.parent().unwrap_or(Path::new("")))
    }

    /// Parses the text of a file in this directory.
    pub fn parse(origin: &str, text: &str, folder: &Path) -> Result<Self, ConfigErrors> {
        let (file, mut problems) = File::parse(origin, text, KEYS);
        let tls = tls::read(&file, folder, &mut problems);
        let rate_limit = rate_limit::read(&file, &mut problems);
        let mut headers = Vec::new();
        for (name, written) in file.named("http_server_config.headers") {
            headers.extend(written.noting(&mut problems, |value| header(name, value)));
        }
        let mut users = Vec::new();
        for (name, written) in file.named("basic_auth_users") {
            users.extend(
                written
                    .noting(&mut problems, hash)
                    .map(|hash| (name.to_owned(), hash)),
            );
        }
        if problems.is_empty() {
            Ok(Self {
                tls,
                headers,
                users,
                rate_limit,
            })
        } else {
            Err(problems)
        }
    }
}

fn header(name: &str, value: &str) -> Result<(String, String), InvalidValue> {
    let Some((_, allowed)) = HEADERS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<_> = HEADERS.iter().map(|(name, _)| *name).collect();
        return Err(InvalidValue::new(
            "cannot be set",
            format!("one of {}", known.join(", ")),
        ));
    };
    if !allowed.is_empty() && !allowed.contains(&value) {
        let what = format!("{} is not a valid value", values::shown(value));
        return Err(InvalidValue::new(
            what,
            format!("one of {}", allowed.join(", ")),
        ));
    }
    if value.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(InvalidValue::new(
            "holds a control character",
            "write it in one line",
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses a bcrypt hash; errors never show it.
fn hash(text: &str) -> Result<Secret, InvalidValue> {
    let right = "hash the password with bcrypt, for example htpasswd -nBC 10 ''";
    let parts = bcrypt::HashParts::from_str(text)
        .map_err(|_| InvalidValue::new("is not a bcrypt hash", right))?;
    if parts.get_cost() > MAX_BCRYPT_COST {
        return Err(InvalidValue::new(
            format!("has the cost {}", parts.get_cost()),
            format!("at most {MAX_BCRYPT_COST}"),
        ));
    }
    Ok(Secret::new(text))
}
