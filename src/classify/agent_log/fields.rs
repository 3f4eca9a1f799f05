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
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (plain, &text[at + 1..]),
            '\\' => match characters.next() {
                Some((_, 'n')) => plain.push('\n'),
                Some((_, 't')) => plain.push('\t'),
                Some((_, 'r')) => plain.push('\r'),
                Some((_, escaped @ ('"' | '\\'))) => plain.push(escaped),
                Some((_, other)) => plain.extend(['\\', other]),
                None => plain.push('\\'),
            },
            _ => plain.push(character),
        }
    }
    (plain, "")
}
