//! CAST AI's responses, as received and as its components log them.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::html::is_html;
use crate::classify::rule::contains_any;
use crate::classify::text::Text;

/// Body of a 400 response that makes the agent start over.
const CONTINUITY: &str = "invalid continuity token";

/// An HTTP response from CAST AI's address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// `Content-Type` header; if unknown, the body's shape decides.
    pub content_type: Option<&'a str>,
    /// `X-Castai-Request-Id` header, set by the application itself.
    pub request_id: Option<&'a str>,
    /// All headers as one text, if known; searched for marks of proxies and filters.
    pub headers: &'a str,
    /// The body, or its start.
    pub body: &'a str,
}

/// Returns the mode of a response from CAST AI's address; `None` if it is healthy.
pub fn castai_answer(answer: &Answer<'_>) -> Option<FailureMode> {
    if answer.body.contains(CONTINUITY) {
        return Some(M::CastaiContinuityToken);
    }
    let html = is_html(answer.content_type, answer.body);
    let by_application = answer.request_id.is_some_and(|id| !id.is_empty());
    if html && !by_application {
        return Some(page(answer));
    }
    Some(match answer.status {
        200..=299 if html => M::CastaiUnexpectedBody,
        200..=299 => return None,
        401 => M::CastaiTokenInvalid,
        // Cloudflare says so in one plain line.
        403 | 429 if answer.body.trim_start().starts_with("error code: 1") => M::CastaiWafBlocked,
        403 => M::CastaiForbidden,
        404 if is_json(answer.body) || by_application => M::CastaiClusterNotFound,
        404 => M::CastaiUnexpectedBody,
        407 => M::ProxyAuthRequired,
        429 => M::CastaiRateLimited,
        400..=499 => M::CastaiClientError,
        500..=599 => M::CastaiServerError,
        _ => M::CastaiUnexpectedBody,
    })
}

/// Returns the mode of a page in place of CAST AI's JSON.
fn page(answer: &Answer<'_>) -> FailureMode {
    let has = |marks: &[&str]| {
        contains_any(&answer.body.to_lowercase(), marks)
            || contains_any(&answer.headers.to_lowercase(), marks)
    };
    if answer.status == 407 {
        return M::ProxyAuthRequired;
    }
    if has(PROXY_MARKS) {
        return M::ProxyBlockPage;
    }
    let body = answer.body.to_lowercase();
    // Every response that passes the edge has its headers.
    let by_edge = has(EDGE_PAGE_MARKS) && !has(EDGE_MARKS) && !contains_any(&body, WAF_MARKS);
    match answer.status {
        // The edge checks the key before it forwards a request, and answers with its own page.
        401 => M::CastaiTokenInvalid,
        403 if by_edge => M::CastaiForbidden,
        429 if by_edge => M::CastaiRateLimited,
        403 | 429 => M::CastaiWafBlocked,
        500..=599 if has(EDGE_MARKS) => M::CastaiWafBlocked,
        500..=599 => M::CastaiServerError,
        _ => M::CastaiUnexpectedBody,
    }
}

fn is_json(body: &str) -> bool {
    body.trim_start().starts_with(['{', '['])
}

/// Returns the mode of a log text with `status_code=… body=…`; without `status_code=` there was no
/// response.
pub(super) fn log_text(text: Text<'_>) -> Option<FailureMode> {
    let (before, behind) = text.split_once("status_code=").or_else(|| {
        // Terraform's provider.
        text.split_once("expected status code 200, received: status=")
    })?;
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    let status: u16 = behind[..digits].parse().ok()?;
    let body = text
        .part(&behind[digits..])
        .split_once("body=")
        .map_or("", |(_, body)| body);
    let request_id = text
        .part(before)
        .split_once("request_id=")
        .map(|(_, id)| id.trim_matches(['"', '\\', ' ']));
    let mode = castai_answer(&Answer {
        status,
        request_id,
        body,
        ..Answer::default()
    })?;
    // A registration does not name a cluster yet, so its 404 is not about one, unless it says so.
    let about_cluster =
        !text.contains("requesting castai api") || body.to_lowercase().contains("cluster");
    Some(if mode == M::CastaiClusterNotFound && !about_cluster {
        M::CastaiClientError
    } else {
        mode
    })
}

/// Marks of proxies and web filters, in lower case.
const PROXY_MARKS: &[&str] = &[
    "zscaler",
    "squid",
    "blue coat",
    "bluecoat",
    "proxysg",
    "netskope",
    "forcepoint",
    "websense",
    "fortiguard",
    "fortigate",
    "palo alto networks",
    "sophos",
    "mcafee web gateway",
    "cisco umbrella",
    "opendns",
    "check point",
    "barracuda",
    "sonicwall",
    "iboss",
    "web filter",
    "url filtering",
    "your organization",
    "your organisation",
    "company policy",
    "corporate policy",
    "acceptable use",
    "captive portal",
];

/// The footer of the edge's own pages, in lower case.
const EDGE_PAGE_MARKS: &[&str] = &["<center>nginx", "<center>openresty", "<address>nginx"];

/// Products that filter requests before the edge, in lower case.
const WAF_MARKS: &[&str] = &[
    "cloudflare",
    "cloudfront",
    "akamai",
    "incapsula",
    "imperva",
    "sucuri",
    "mod_security",
    "modsecurity",
    "web application firewall",
];

/// Block messages of the edge in front of CAST AI, in lower case. Its other pages mean that CAST AI
/// behind it does not respond.
const EDGE_MARKS: &[&str] = &[
    "just a moment",
    "attention required",
    "request blocked",
    "access denied",
    "you have been blocked",
    "captcha",
];
