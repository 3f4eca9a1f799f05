//! Text before a log line: colours, and the stamps of the tools that collect and print logs.

use std::borrow::Cow;

/// Longest text before a log line that is searched for its start.
const MAX_PREFIX_BYTES: usize = 160;

/// Removes colour codes; borrows if there are none.
pub(super) fn without_colours(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return Cow::Borrowed(line);
    }
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        let parameters = behind.strip_prefix('[').unwrap_or(behind);
        let end = parameters
            .bytes()
            .take_while(|byte| byte.is_ascii_digit() || *byte == b';')
            .count();
        rest = parameters.get(end + 1..).unwrap_or_default();
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Returns the line behind the prefixes of kubectl, stern, docker-compose, syslog, journald and
/// CRI, and whether one of them was a time.
pub(super) fn without_prefix(line: &str) -> (&str, bool) {
    if let Some(at) = structured_start(line) {
        return (&line[at..], false);
    }
    let mut rest = line;
    let mut dated = false;
    // Each collector adds one prefix; more than four are never seen.
    for _ in 0..4 {
        let before = rest;
        if rest.starts_with("[pod/") {
            rest = rest.split_once("] ").map_or(rest, |(_, behind)| behind);
        }
        if let Some(behind) = behind_rfc3339(rest) {
            dated = true;
            rest = ["stderr F ", "stdout F ", "stderr P ", "stdout P "]
                .iter()
                .find_map(|stream| behind.strip_prefix(stream))
                .unwrap_or(behind);
        }
        rest = behind_syslog(rest)
            .or_else(|| behind_unit(rest))
            .or_else(|| behind_bar(rest))
            .or_else(|| behind_pod(rest))
            .unwrap_or(rest)
            .trim_start();
        if rest.len() == before.len() {
            break;
        }
    }
    (rest, dated)
}

/// Returns where a structured line starts within the first bytes.
fn structured_start(line: &str) -> Option<usize> {
    let window = line.len().min(MAX_PREFIX_BYTES);
    let bytes = line.as_bytes();
    let mut boundary = true;
    for (at, byte) in bytes[..window].iter().enumerate() {
        let starts = boundary
            && match byte {
                b't' => starts_a_record(&bytes[at..]),
                b'l' => bytes[at..].starts_with(b"level="),
                b'I' | b'W' | b'E' | b'F' => is_klog(&bytes[at..]),
                b'{' => at > 0 && is_log_json(&line[at..]),
                _ => false,
            };
        if starts {
            return Some(at);
        }
        boundary = matches!(byte, b' ' | b'\t' | b':' | b'|');
    }
    None
}

fn starts_a_record(bytes: &[u8]) -> bool {
    bytes.starts_with(b"time=\"") || bytes.starts_with(b"time=2") || bytes.starts_with(b"ts=2")
}

/// Returns whether a line starts like klog's `E1122 13:04:54.148702`.
pub(super) fn is_klog(bytes: &[u8]) -> bool {
    bytes.len() > 13
        && matches!(bytes[0], b'I' | b'W' | b'E' | b'F')
        && bytes[1..5].iter().all(u8::is_ascii_digit)
        && bytes[5] == b' '
        && bytes[6..8].iter().all(u8::is_ascii_digit)
        && bytes[8] == b':'
}

fn is_log_json(text: &str) -> bool {
    let head = text.get(..MAX_PREFIX_BYTES).unwrap_or(text);
    text.trim_end().ends_with('}')
        && ["\"level\"", "\"severity\"", "\"lvl\"", "\"ts\"", "\"msg\""]
            .iter()
            .any(|key| head.contains(key))
}

/// Returns the text behind `2026-11-22T13:05:12.123456789Z `.
fn behind_rfc3339(line: &str) -> Option<&str> {
    let (first, rest) = line.split_once([' ', '\t'])?;
    is_rfc3339(first).then_some(rest)
}

fn is_rfc3339(word: &str) -> bool {
    let bytes = word.as_bytes();
    (20..=40).contains(&bytes.len())
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[..4].iter().all(u8::is_ascii_digit)
}

/// Returns the text behind `<30>Nov 22 13:05:12 node-1 `.
fn behind_syslog(line: &str) -> Option<&str> {
    const MONTHS: &str = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    let line = match line.strip_prefix('<') {
        Some(rest) => {
            let (priority, rest) = rest.split_once('>')?;
            let is_priority = priority.len() < 4 && priority.bytes().all(|b| b.is_ascii_digit());
            is_priority.then_some(rest)?
        }
        None => line,
    };
    let (month, rest) = line.split_once(' ')?;
    if month.len() != 3 || !MONTHS.contains(month) {
        return None;
    }
    let (day, rest) = rest.trim_start().split_once(' ')?;
    let (time, rest) = rest.split_once(' ')?;
    let is_date = day.len() < 3 && day.bytes().all(|b| b.is_ascii_digit()) && time.contains(':');
    let (_, behind_host) = is_date.then_some(rest)?.split_once(' ')?;
    Some(behind_host)
}

/// Returns the text behind `containerd[889]: ` or `node-1 containerd[889]: `.
fn behind_unit(line: &str) -> Option<&str> {
    if !line.contains(']') {
        return None;
    }
    let (before, rest) = line.split_once("]: ")?;
    let (unit, pid) = before.rsplit_once('[')?;
    let is_unit = unit.len() < 100 && unit.split(' ').count() <= 2 && !unit.contains(['"', '=']);
    let is_pid = !pid.is_empty() && pid.len() < 64 && !pid.contains(' ');
    (is_unit && is_pid && !unit.is_empty()).then_some(rest)
}

/// Returns the text behind docker-compose's `agent-1  | ` or Terraform's `│ `.
fn behind_bar(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix(['│', '╷', '╵']) {
        return Some(rest.trim_start());
    }
    if !line.contains('|') && !line.contains('│') {
        return None;
    }
    if let Some((before, rest)) = line.split_once("]: │ ")
        && before.starts_with('[')
    {
        return Some(rest);
    }
    let (name, rest) = line.split_once(" | ")?;
    let name = name.trim_end();
    let is_name = !name.is_empty()
        && name.len() < 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name.then_some(rest)
}

/// Returns the text behind stern's `castai-agent-5559cfb4b6-92rkm agent `.
fn behind_pod(line: &str) -> Option<&str> {
    let (pod, rest) = line.split_once(' ')?;
    let (container, rest) = rest.split_once(' ')?;
    let is_label = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)
            })
    };
    let (owner, suffix) = pod.rsplit_once('-')?;
    let is_generated = suffix.len() == 5 && owner.contains('-');
    (is_generated && is_label(pod) && is_label(container)).then_some(rest)
}
