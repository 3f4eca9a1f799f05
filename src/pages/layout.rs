//! The frame of every page: head, navigation, footer, style and script.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::exporter::{REVISION, VERSION};
use crate::pages::tone::{Tone, shapes};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const PRODUCT: &str = "CAST AI health exporter";
/// Seconds after which a browser without scripts loads the status page again.
const RELOAD_SECONDS: &str = "15";

/// The policy of every page: its own style and script by their hashes, nothing else. The script
/// fetches the page again, and the icon in the browser's tab is part of the page.
static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let mut policy =
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      connect-src 'self'; img-src data:"
            .to_owned();
    for (kind, text) in [("style", STYLE), ("script", SCRIPT)] {
        write!(policy, "; {kind}-src 'sha256-{}'", hash(text))
            .expect("writing to a string succeeds");
    }
    policy
});

/// Returns the value of `Content-Security-Policy` for every page.
pub fn content_security_policy() -> &'static str {
    &CONTENT_SECURITY_POLICY
}

/// A page without its frame.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    pub(super) tone: Tone,
    /// Whether the page shows the present and loads itself again.
    pub(super) is_live: bool,
    /// Path from this page to the status page: links are relative, so that they work behind every
    /// proxy.
    pub(super) root: &'a str,
    pub(super) main: Markup,
}

impl Page<'_> {
    pub(super) fn html(self) -> String {
        let root = self.root;
        let links = [
            ("runbooks/", "Runbooks"),
            ("metrics", "Metrics"),
            ("api/v1/status", "Status (JSON)"),
            ("api/v1/history", "History (JSON)"),
        ];
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content={ (VERSION) "-" (REVISION) };
                    title { (self.title) " · " (PRODUCT) }
                    link rel="icon" href=(self.tone.tab_icon());
                    style { (PreEscaped(STYLE)) }
                    @if self.is_live {
                        noscript { meta http-equiv="refresh" content=(RELOAD_SECONDS); }
                    }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    (shapes())
                    header.site {
                        a.product href={ (root) "./" } { (PRODUCT) }
                        nav aria-label="Site" {
                            ul { @for (path, name) in links { li { a href={ (root) (path) } { (name) } } } }
                        }
                    }
                    main #main tabindex="-1" data-live[self.is_live] { (self.main) }
                    footer.site {
                        p { (PRODUCT) " " (VERSION) ", revision " (REVISION) }
                        p.live #live role="status" {}
                        button.pause type="button" aria-pressed="false" { "Pause updates" }
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        };
        page.into_string()
    }
}
