//! Fields of logfmt and klog lines: `key=value` and quoted texts.

/// Iterator over consecutive `key=value` fields; stops at anything else, which remains.
pub(super) struct Fields<'a>(pub(super) &'a str);

impl Iterator for Fields<'_> {
    type Item = (String, String);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.0.trim_start();
        let key = line
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
            .count();
        let (key, behind) = line.split_at_checked(key)?;
        let value = behind.strip_prefix('=').filter(|_| !key.is_empty())?;
        let (value, rest) = if value.starts_with('"') {
            quoted(value)
        } else if let Some(block) = value.strip_prefix("<\n") {
            // klog writes a text of several lines between `<` and ` >`.
            let (block, rest) = block.split_once("\n >").unwrap_or((block, ""));
            (block.to_owned(), rest)
        } else {
            let end = value.find(' ').unwrap_or(value.len());
            (value[..end].to_owned(), &value[end..])
        };
        self.0 = rest;
        Some((key.to_owned(), value))
    }
}

/// Returns the unescaped quoted text at the start, and the rest; an unclosed quote extends to the
/// end.
pub(super) fn quoted(text: &str) -> (String, &str) {
    let mut plain = String::new();
    let mut rest = text.get(1..).unwrap_or_default();
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        let is_end = rest.as_bytes()[at] == b'"';
        rest = &rest[at + 1..];
        if is_end {
            return (plain, rest);
        }
        let mut characters = rest.chars();
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some(escaped @ ('"' | '\\')) => plain.push(escaped),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
        rest = characters.as_str();
    }
    plain.push_str(rest);
    (plain, "")
}
