//! Request routing: from a path to a route. Pure.

/// A route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route<'a> {
    Page,
    Metrics,
    Status,
    Healthy,
    Ready,
    Reload,
    Runbook(&'a str),
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
            "/-/healthy" => Self::Healthy,
            "/-/ready" => Self::Ready,
            "/-/reload" => Self::Reload,
            _ => match below
                .strip_prefix("/runbooks/")
                .map(|name| name.strip_suffix(".md").unwrap_or(name))
            {
                Some(name)
                    if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()) =>
                {
                    Self::Runbook(name)
                }
                _ => Self::Unknown,
            },
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
            ("/runbooks/CastaiDown.md", "", Route::Runbook("CastaiDown")),
            ("/runbooks/../x", "", Route::Unknown),
            ("/runbooks/", "", Route::Unknown),
        ] {
            assert_eq!(Route::of(path, prefix), route, "{path} below {prefix}");
        }
    }
}
