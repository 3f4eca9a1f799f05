//! Settings of the HTTP server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::exporter::server::{OpenRoute, OpenRoutes, WebSettings};
use crate::config::exporter::web::WebConfig;
use crate::config::load::sources::Sources;
use crate::config::sourced_value::{InvalidValue, SourcedValue};
use crate::config::values;

const LISTEN: &str = ":9878";
const MOST_ADDRESSES: usize = 8;
const OPEN_ROUTES: &[(&str, OpenRoute)] = &[
    ("health", OpenRoute::Health),
    ("metrics", OpenRoute::Metrics),
];

impl Sources<'_> {
    pub(super) fn web(&mut self) -> WebSettings {
        let config_file = self.web_config_file();
        let external_url = self.setting(
            "--web.external-url",
            self.flags.web_external_url.as_deref(),
            "web.external_url",
            values::link,
        );
        let route_prefix = self.setting(
            "--web.route-prefix",
            self.flags.web_route_prefix.as_deref(),
            "web.route_prefix",
            route_prefix,
        );
        let lifecycle = self.key("web.enable_lifecycle", |text| Ok(text == "true"));
        WebSettings {
            listen: self.listen(),
            route_prefix: route_prefix
                .or_else(|| {
                    external_url
                        .as_ref()
                        .map(|url| url.path().trim_end_matches('/').to_owned())
                })
                .unwrap_or_default(),
            external_url,
            config_file,
            open_routes: self.open_routes(),
            enable_lifecycle: self
                .flags
                .web_enable_lifecycle
                .or(lifecycle)
                .unwrap_or(false),
        }
    }

    fn listen(&mut self) -> Vec<SocketAddr> {
        let mut written = self
            .file
            .many("web.listen_address")
            .map(<[SourcedValue]>::to_vec)
            .unwrap_or_default();
        if !self.flags.web_listen_address.is_empty() {
            for shadowed in &written {
                shadowed.noting(&mut self.problems, values::listen_address);
            }
            let typed = &self.flags.web_listen_address;
            written = typed
                .iter()
                .map(|text| SourcedValue::flag("--web.listen-address", text))
                .collect();
        }
        if written.is_empty() {
            written.push(SourcedValue::flag("--web.listen-address", LISTEN));
        }
        let mut addresses = Vec::new();
        for written in &written {
            let Some(address) = written.noting(&mut self.problems, values::listen_address) else {
                continue;
            };
            if addresses.contains(&address) && address.port() != 0 {
                let what = format!("{} is listed twice", values::shown(&written.value));
                self.problems
                    .0
                    .push(written.problem(InvalidValue::new(what, "list each address once")));
            } else if addresses.len() == MOST_ADDRESSES {
                let wrong = InvalidValue::new(
                    format!("lists more than {MOST_ADDRESSES} addresses"),
                    "write fewer",
                );
                self.problems.0.push(written.problem(wrong));
                break;
            } else {
                addresses.push(address);
            }
        }
        addresses
    }

    fn open_routes(&mut self) -> OpenRoutes {
        let meaning = |text: &str| values::word(text, OPEN_ROUTES);
        let written = self.keys("web.open_routes", OPEN_ROUTES.len(), meaning);
        let typed = &self.flags.web_open_route;
        if typed.is_empty() {
            return written.unwrap_or_default().into_iter().collect();
        }
        let typed = typed
            .iter()
            .map(|text| SourcedValue::flag("--web.open-route", text));
        typed
            .filter_map(|route| route.noting(&mut self.problems, meaning))
            .collect()
    }

    /// Returns the path of the web configuration file, which must be valid.
    fn web_config_file(&mut self) -> Option<PathBuf> {
        let written = self.path("web.config_file");
        let typed = self
            .flags
            .web_config_file
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty());
        let path = typed.map(Path::to_owned).or(written)?;
        if let Err(problems) = WebConfig::read(&path) {
            self.problems.0.extend(problems.0);
        }
        Some(path)
    }
}

/// Parses a route prefix: empty, or `/…` without a trailing slash.
fn route_prefix(text: &str) -> Result<String, InvalidValue> {
    let right = "write a path such as /castai";
    let trimmed = text.trim_matches('/');
    let valid = trimmed
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte))
        && !trimmed.split('/').any(|part| part == "." || part == "..")
        && !trimmed.contains("//");
    if !valid {
        return Err(InvalidValue::new(
            format!("{} is not a path", values::shown(text)),
            right,
        ));
    }
    Ok(if trimmed.is_empty() {
        String::new()
    } else {
        format!("/{trimmed}")
    })
}
