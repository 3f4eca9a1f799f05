//! The file of the exporter-toolkit's schema: TLS, client certificates, headers and basic authentication.
//!
//! Relative paths begin in the file's own folder. Only HTTP/1.1 is served, whatever `http2` says.

mod clients;
mod stamp;
mod tls;

use std::path::Path;
use std::str::FromStr;

pub use stamp::Stamp;
pub use tls::Tls;

use crate::config::file::File;
use crate::config::keys::{Key, Kind};
use crate::config::problem::Problems;
use crate::config::secret::Secret;
use crate::config::written::{Written, Wrong};
use crate::config::{file, values};

/// What the file asks for.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// TLS, unless the file asks for none.
    pub tls: Option<Tls>,
    /// Headers on every answer.
    pub headers: Vec<(String, String)>,
    /// Who may ask, with bcrypt hashes; nobody is asked for a password when it is empty.
    pub users: Vec<(String, Secret)>,
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
        "The chain itself, instead of cert_file.",
    ),
    key(
        "tls_server_config.key",
        Kind::Text,
        "The key itself, instead of key_file.",
    ),
    key(
        "tls_server_config.client_auth_type",
        Kind::Text,
        "What is asked of clients.",
    ),
    key(
        "tls_server_config.client_ca_file",
        Kind::Text,
        "Authorities of client certificates, PEM.",
    ),
    key(
        "tls_server_config.client_ca",
        Kind::Text,
        "The authorities themselves, instead of client_ca_file.",
    ),
    key(
        "tls_server_config.client_allowed_sans",
        Kind::Texts,
        "Names of which a client's certificate must have one.",
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
        "Curves, the preferred first.",
    ),
    key(
        "tls_server_config.prefer_server_cipher_suites",
        Kind::Switch,
        "Without effect, as in Go.",
    ),
    key(
        "http_server_config.http2",
        Kind::Switch,
        "Without effect: only HTTP/1.1 is served.",
    ),
    key(
        "http_server_config.headers.<name>",
        Kind::Text,
        "A header on every answer.",
    ),
    key(
        "basic_auth_users.<name>",
        Kind::Text,
        "A user's password, hashed by bcrypt.",
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

/// Headers that may be set, with the values they may have; none listed is any.
const HEADERS: &[(&str, &[&str])] = &[
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

/// A cost beyond this keeps a core busy for seconds per request.
const MOST_COST: u32 = 15;

impl WebConfig {
    /// Reads the file and every file it names, and says of everything at once what is wrong.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        let shown = path.display().to_string();
        let text = file::read_text(path).map_err(|wrong| {
            Problems(vec![
                Written::flag("--web.config.file", &shown).problem(wrong),
            ])
        })?;
        Self::parse(&shown, &text, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads the text of a file that lies in this folder.
    pub fn parse(origin: &str, text: &str, folder: &Path) -> Result<Self, Problems> {
        let (file, mut problems) = File::parse(origin, text, KEYS);
        let tls = tls::read(&file, folder, &mut problems);
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
            })
        } else {
            Err(problems)
        }
    }
}

fn header(name: &str, value: &str) -> Result<(String, String), Wrong> {
    let Some((_, allowed)) = HEADERS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<_> = HEADERS.iter().map(|(name, _)| *name).collect();
        return Err(Wrong::new(
            "cannot be set",
            format!("one of {}", known.join(", ")),
        ));
    };
    if !allowed.is_empty() && !allowed.contains(&value) {
        let what = format!("{} is no value of it", values::shown(value));
        return Err(Wrong::new(what, format!("one of {}", allowed.join(", "))));
    }
    if value.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Wrong::new(
            "holds a control character",
            "write it in one line",
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A bcrypt hash; neither it nor what stands in its place is shown.
fn hash(text: &str) -> Result<Secret, Wrong> {
    let right = "hash the password with bcrypt, for example htpasswd -nBC 10 ''";
    let parts =
        bcrypt::HashParts::from_str(text).map_err(|_| Wrong::new("is no bcrypt hash", right))?;
    if parts.get_cost() > MOST_COST {
        return Err(Wrong::new(
            format!("has the cost {}", parts.get_cost()),
            format!("at most {MOST_COST}"),
        ));
    }
    Ok(Secret::new(text))
}
