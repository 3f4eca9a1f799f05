//! Which requests go through which proxy, by Go's rules (`golang.org/x/net/http/httpproxy`).

mod address;
mod exceptions;

use exceptions::Exceptions;

use crate::config::problem::{Problem, Problems};
use crate::config::secret::Secret;
use crate::config::written::{Written, Wrong};

/// `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` as Go reads them.
#[derive(Clone, Debug, Default)]
pub struct ProxyRules {
    http: Option<Result<Proxy, Obstacle>>,
    https: Option<Result<Proxy, Obstacle>>,
    exceptions: Exceptions,
    cgi: bool,
}

/// A proxy that is asked for a tunnel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proxy {
    /// Whether the connection to the proxy itself is TLS (`https://…`).
    pub tls: bool,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `user:password` of the URL, for `Proxy-Authorization: Basic`.
    pub credentials: Option<Secret>,
}

/// Why a proxy's address leads nowhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Obstacle {
    /// The agent cannot use it either.
    Broken(Problem),
    /// The agent can, the exporter cannot.
    NotProbed(Problem),
}

/// What Go makes of a proxy's address.
enum Meaning {
    /// It goes through this proxy.
    Through(Proxy),
    /// Go fails.
    Fails(Wrong),
    /// Go goes where the exporter cannot go.
    NotProbed(Wrong),
    /// Go cannot read it and goes straight, without a word.
    Ignored(Wrong),
}

impl Proxy {
    /// The proxy that a kubeconfig's `proxy-url` names. The text is not shown: it may hold a password.
    ///
    /// # Errors
    /// What is wrong with it; client-go, unlike Go's own rules for the environment, needs the scheme.
    pub fn from_url(text: &str) -> Result<Self, Wrong> {
        match address::meaning(text) {
            Meaning::Through(_) if !text.contains("://") => Err(Wrong::new(
                "has no scheme",
                "write http://host:port or https://host:port",
            )),
            Meaning::Through(proxy) => Ok(proxy),
            Meaning::Ignored(wrong) => Err(Wrong::new("is no address", wrong.right)),
            Meaning::Fails(wrong) | Meaning::NotProbed(wrong) => Err(wrong),
        }
    }
}

impl ProxyRules {
    /// The rules of an environment, and what in it makes no sense.
    ///
    /// The upper-case name goes before the lower-case one; an empty value is none.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> (Self, Problems) {
        let either = |upper: &str| {
            [upper.to_owned(), upper.to_ascii_lowercase()]
                .into_iter()
                .find_map(|name| {
                    variable(&name)
                        .filter(|value| !value.is_empty())
                        .map(|value| Written::variable(&name, &value))
                })
        };
        let mut problems = Problems::default();
        let mut proxy = |upper: &str| {
            let written = either(upper)?;
            match address::meaning(&written.value) {
                Meaning::Through(proxy) => Some(Ok(proxy)),
                Meaning::Fails(wrong) => {
                    let problem = written.problem(wrong);
                    problems.0.push(problem.clone());
                    Some(Err(Obstacle::Broken(problem)))
                }
                Meaning::NotProbed(wrong) => {
                    let problem = written.problem(wrong);
                    problems.0.push(problem.clone());
                    Some(Err(Obstacle::NotProbed(problem)))
                }
                Meaning::Ignored(wrong) => {
                    problems.0.push(written.problem(wrong));
                    None
                }
            }
        };
        let cgi = variable("REQUEST_METHOD").is_some_and(|method| !method.is_empty());
        let mut http = proxy("HTTP_PROXY");
        let https = proxy("HTTPS_PROXY");
        if cgi && http.is_some() {
            let wrong = Wrong::new(
                "Go refuses HTTP_PROXY where REQUEST_METHOD is set, as in a CGI program",
                "remove REQUEST_METHOD, or HTTP_PROXY",
            );
            http = Some(Err(Obstacle::Broken(
                Written::variable("REQUEST_METHOD", "").problem(wrong),
            )));
        }
        let exceptions = Exceptions::parse(
            &either("NO_PROXY")
                .map(|written| written.value)
                .unwrap_or_default(),
        );
        (
            Self {
                http,
                https,
                exceptions,
                cgi,
            },
            problems,
        )
    }

    /// The proxy for a target, or why the rule for it cannot be followed; `None` goes straight.
    ///
    /// An IPv6 address stands without brackets.
    pub fn proxy_for(
        &self,
        https: bool,
        host: &str,
        port: u16,
    ) -> Option<&Result<Proxy, Obstacle>> {
        let proxy = if https {
            self.https.as_ref()
        } else {
            self.http.as_ref()
        }?;
        let refused = self.cgi && !https;
        (refused || !self.exceptions.hold(host, port)).then_some(proxy)
    }
}
