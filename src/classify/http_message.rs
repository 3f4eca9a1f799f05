//! HTTP responses as text, split into status, headers and body.

/// Splits `HTTP/1.1 403 Forbidden …`, `HTTP 403: …` or `403 Forbidden …` into status, headers and
/// body.
pub(super) fn parts(text: &str) -> Option<(u16, &str, &str)> {
    let text = text.trim_start();
    let behind = match text.strip_prefix("HTTP") {
        Some(rest) => rest.split_once(' ')?.1,
        None => text,
    };
    let status = behind
        .get(..3)?
        .parse()
        .ok()
        .filter(|status| (100..=599).contains(status))?;
    if behind[3..].starts_with(|next: char| next.is_ascii_alphanumeric()) {
        return None;
    }
    let Some((_, rest)) = behind.split_once('\n') else {
        // On a single line, the body begins where JSON or a page does.
        return Some((
            status,
            "",
            behind.find(['{', '<']).map_or("", |at| &behind[at..]),
        ));
    };
    if let Some(body) = rest
        .strip_prefix("\r\n")
        .or_else(|| rest.strip_prefix('\n'))
    {
        return Some((status, "", body));
    }
    let (headers, body) = rest
        .split_once("\r\n\r\n")
        .or_else(|| rest.split_once("\n\n"))
        .unwrap_or((rest, ""));
    Some((status, headers, body))
}
