//! Request routing: from a path to a route. Pure.

use crate::config::OpenRoutes;

/// A route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route<'a> {
    Page,
    Metrics,
    Status,
    History,
    Healthy,
    Ready,
    Reload,
    /// The list of all runbooks.
    Runbooks,
    /// The runbook of an alert as a page.
    Runbook(&'a str),
    /// The same under the name of its file, as links in alerts have it.
    RunbookFile(&'a str),
    /// `/runbooks` without its trailing slash.
    RedirectToRunbooks,
    /// The prefix without its trailing slash, or the root above the prefix.
    RedirectToPage,
    Unknown,
}

impl<'a> Route<'a> {
    /// Returns the route of a path below the prefix.
    pub(super) fn of(path: &'a str, prefix: &str) -> Self {
        let below = match path.strip_prefix(prefix) {
            Some("") => return Self::RedirectToPage,
            Some(below) if below.starts_with('/') => below,
            _ if path == "/" => return Self::RedirectToPage,
            _ => return Self::Unknown,
        };
        match below {
            "/" => Self::Page,
            "/metrics" => Self::Metrics,
            "/api/v1/status" => Self::Status,
            "/api/v1/history" => Self::History,
            "/-/healthy" => Self::Healthy,
            "/-/ready" => Self::Ready,
            "/-/reload" => Self::Reload,
            "/runbooks" => Self::RedirectToRunbooks,
            "/runbooks/" => Self::Runbooks,
            _ => below
                .strip_prefix("/runbooks/")
                .and_then(Self::runbook)
                .unwrap_or(Self::Unknown),
        }
    }

    fn runbook(name: &'a str) -> Option<Self> {
        let alert = name.strip_suffix(".md").unwrap_or(name);
        let is_name = !alert.is_empty() && alert.bytes().all(|b| b.is_ascii_alphanumeric());
        is_name.then_some(if alert == name {
            Self::Runbook(alert)
        } else {
            Self::RunbookFile(alert)
        })
    }

    /// Returns whether the route requires no authentication.
    pub(super) const fn is_open(self, open: OpenRoutes) -> bool {
        match self {
            Self::Healthy | Self::Ready => open.health,
            Self::Metrics => open.metrics,
            _ => false,
        }
    }

    /// Returns the allowed methods, as the `Allow` header lists them.
    pub(super) const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Reload => &["POST", "PUT"],
            _ => &["GET", "HEAD"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_matched_below_the_prefix() {
        for (path, prefix, route) in [
            ("/", "", Route::Page),
            ("/metrics", "", Route::Metrics),
            ("/metrics/", "", Route::Unknown),
            ("/castai", "/castai", Route::RedirectToPage),
            ("/", "/castai", Route::RedirectToPage),
            ("/castai/", "/castai", Route::Page),
            ("/castai/metrics", "/castai", Route::Metrics),
            ("/castaimetrics", "/castai", Route::Unknown),
            ("/metrics", "/castai", Route::Unknown),
            ("/runbooks/CastaiDown", "", Route::Runbook("CastaiDown")),
            (
                "/runbooks/CastaiDown.md",
                "",
                Route::RunbookFile("CastaiDown"),
            ),
            ("/runbooks/../x", "", Route::Unknown),
            ("/runbooks/.md", "", Route::Unknown),
            ("/runbooks/", "", Route::Runbooks),
            ("/runbooks", "", Route::RedirectToRunbooks),
            ("/api/v1/history", "", Route::History),
        ] {
            assert_eq!(Route::of(path, prefix), route, "{path} below {prefix}");
        }
    }
}
