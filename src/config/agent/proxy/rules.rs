//! The proxy environment variables as rules.

use crate::config::agent::proxy::address;
use crate::config::agent::proxy::no_proxy::NoProxy;
use crate::config::agent::proxy::setting::{Proxy, ProxyError, ProxySetting};
use crate::config::config_error::ConfigErrors;
use crate::config::sourced_value::{InvalidValue, SourcedValue};

/// `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` as Go reads them.
#[derive(Clone, Debug, Default)]
pub struct ProxyRules {
    http: Option<Result<Proxy, ProxyError>>,
    https: Option<Result<Proxy, ProxyError>>,
    exceptions: NoProxy,
    cgi: bool,
}

impl ProxyRules {
    /// Reads the rules from an environment, with the invalid values in it.
    ///
    /// The upper-case name takes precedence over the lower-case one; an empty value counts as
    /// unset.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> (Self, ConfigErrors) {
        let either = |upper: &str| {
            [upper.to_owned(), upper.to_ascii_lowercase()]
                .into_iter()
                .find_map(|name| {
                    variable(&name)
                        .filter(|value| !value.is_empty())
                        .map(|value| SourcedValue::variable(&name, &value))
                })
        };
        let mut problems = ConfigErrors::default();
        let mut proxy = |upper: &str| {
            let written = either(upper)?;
            match address::meaning(&written.value) {
                ProxySetting::Through(proxy) => Some(Ok(proxy)),
                ProxySetting::Fails(wrong) => {
                    let problem = written.problem(wrong);
                    problems.0.push(problem.clone());
                    Some(Err(ProxyError::Broken(problem)))
                }
                ProxySetting::NotProbed(wrong) => {
                    let problem = written.problem(wrong);
                    problems.0.push(problem.clone());
                    Some(Err(ProxyError::NotProbed(problem)))
                }
                ProxySetting::Ignored(wrong) => {
                    problems.0.push(written.problem(wrong));
                    None
                }
            }
        };
        let cgi = variable("REQUEST_METHOD").is_some_and(|method| !method.is_empty());
        let mut http = proxy("HTTP_PROXY");
        let https = proxy("HTTPS_PROXY");
        if cgi && http.is_some() {
            let wrong = InvalidValue::new(
                "Go rejects HTTP_PROXY if REQUEST_METHOD is set, as in a CGI program",
                "remove REQUEST_METHOD, or HTTP_PROXY",
            );
            http = Some(Err(ProxyError::Broken(
                SourcedValue::variable("REQUEST_METHOD", "").problem(wrong),
            )));
        }
        let exceptions = NoProxy::parse(
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

    /// Returns the proxy for a target, or why its rule cannot be followed; `None` means a direct
    /// connection.
    ///
    /// An IPv6 address is given without brackets.
    pub fn proxy_for(
        &self,
        https: bool,
        host: &str,
        port: u16,
    ) -> Option<&Result<Proxy, ProxyError>> {
        let proxy = if https {
            self.https.as_ref()
        } else {
            self.http.as_ref()
        }?;
        let refused = self.cgi && !https;
        (refused || !self.exceptions.hold(host, port)).then_some(proxy)
    }
}

impl Proxy {
    /// Parses the `proxy-url` of a kubeconfig. The text is never shown: it may contain a password.
    ///
    /// # Errors
    /// The error; unlike Go's rules for the environment, client-go requires the scheme.
    pub fn from_url(text: &str) -> Result<Self, InvalidValue> {
        match address::meaning(text) {
            ProxySetting::Through(_) if !text.contains("://") => Err(InvalidValue::new(
                "has no scheme",
                "write http://host:port or https://host:port",
            )),
            ProxySetting::Through(proxy) => Ok(proxy),
            ProxySetting::Ignored(wrong) => {
                Err(InvalidValue::new("is not an address", wrong.right))
            }
            ProxySetting::Fails(wrong) | ProxySetting::NotProbed(wrong) => Err(wrong),
        }
    }
}
