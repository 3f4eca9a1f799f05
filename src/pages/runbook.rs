//! Runbooks as HTML, from the Markdown that `generate` writes.
//!
//! Invariant: raw HTML in the Markdown becomes text, except the anchors and comments of the
//! generator.

use maud::{PreEscaped, html};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

use crate::pages::layout::Page;
use crate::pages::tone::Tone;

/// Renders a runbook, or the list of all runbooks.
pub fn html(title: &str, markdown: &str) -> String {
    let main = html! { article.runbook { (PreEscaped(article(markdown))) } };
    Page {
        title,
        tone: Tone::Info,
        is_live: false,
        root: "../",
        main,
    }
    .html()
}

fn article(markdown: &str) -> String {
    let mut events = Vec::new();
    let mut anchors: Vec<String> = Vec::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Html(raw) | Event::InlineHtml(raw) => match generated(&raw) {
                Some(Generated::Anchor(id)) => anchors.push(id.to_owned()),
                Some(Generated::Nothing) => {}
                None => events.push(Event::Text(raw)),
            },
            Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
            // A paragraph of nothing but anchors.
            Event::SoftBreak if is_start(events.last()) => {}
            Event::End(TagEnd::Paragraph) if is_start(events.last()) => {
                events.pop();
            }
            Event::Start(Tag::Heading { level, .. }) => {
                // The last anchor is the heading's own; others lead here from another name.
                let id = anchors.pop().map(CowStr::from);
                for other in anchors.drain(..) {
                    let anchor = html! { span id=(other) {} };
                    events.push(Event::Html(anchor.into_string().into()));
                }
                events.push(Event::Start(Tag::Heading {
                    level,
                    id,
                    classes: Vec::new(),
                    attrs: Vec::new(),
                }));
            }
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => events.push(Event::Start(Tag::Link {
                link_type,
                dest_url: page_link(&dest_url).into(),
                title,
                id,
            })),
            // A long command scrolls, also by keyboard.
            Event::Start(Tag::CodeBlock(_)) => {
                events.push(Event::Html("<pre tabindex=\"0\"><code>".into()));
            }
            Event::End(TagEnd::CodeBlock) => events.push(Event::Html("</code></pre>".into())),
            other => events.push(other),
        }
    }
    let mut html = String::with_capacity(markdown.len() * 2);
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    html
}

fn is_start(event: Option<&Event<'_>>) -> bool {
    matches!(event, Some(Event::Start(Tag::Paragraph)))
}

/// HTML that the generator of the runbooks writes.
enum Generated<'a> {
    Anchor(&'a str),
    Nothing,
}

fn generated(raw: &str) -> Option<Generated<'_>> {
    let raw = raw.trim();
    if raw.is_empty() || raw == "</a>" || is_comment(raw) {
        return Some(Generated::Nothing);
    }
    let id = raw.strip_prefix("<a id=\"")?;
    let id = id
        .strip_suffix("\"></a>")
        .or_else(|| id.strip_suffix("\">"))?;
    let is_plain = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then_some(Generated::Anchor(id))
}

fn is_comment(raw: &str) -> bool {
    let comment = raw
        .strip_prefix("<!--")
        .and_then(|rest| rest.strip_suffix("-->"));
    comment.is_some_and(|comment| !comment.contains("-->"))
}

/// Returns the link to a page instead of its Markdown; links that could run a script lead nowhere.
fn page_link(destination: &str) -> String {
    let is_web = destination.starts_with("https://") || destination.starts_with("http://");
    if is_web {
        return destination.to_owned();
    }
    if destination.contains(':') {
        return "#".to_owned();
    }
    let (path, anchor) = destination.split_once('#').unwrap_or((destination, ""));
    let path = path.strip_suffix(".md").unwrap_or(path);
    if anchor.is_empty() {
        path.to_owned()
    } else {
        format!("{path}#{anchor}")
    }
}
