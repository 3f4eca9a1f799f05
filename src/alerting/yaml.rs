//! Writes YAML: maps in order, lists, quoted strings and literal blocks.

use std::fmt::Write;

/// A YAML value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Yaml {
    /// A scalar without quotes: a duration, a number, `true`.
    Plain(String),
    /// A quoted string.
    Text(String),
    /// A literal block, which keeps its line breaks.
    Block(String),
    /// A list.
    List(Vec<Yaml>),
    /// A map, in the order of its entries.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// A scalar without quotes.
    pub fn plain(word: impl Into<String>) -> Self {
        Self::Plain(word.into())
    }

    /// A quoted string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of quoted strings.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// A map, in the order of its entries.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        )
    }

    /// Returns the document with a final newline.
    pub fn document(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text.trim_start_matches('\n').trim_end().to_owned() + "\n"
    }

    /// Writes the value after `key:` or `-`.
    fn write(&self, text: &mut String, depth: usize) {
        let pad = "  ".repeat(depth);
        match self {
            Self::Plain(word) => push(text, format_args!(" {word}\n")),
            Self::Text(words) => push(
                text,
                format_args!(" '{}'\n", words.replace('\'', "''").replace('\n', " ")),
            ),
            Self::Block(lines) => {
                text.push_str(" |\n");
                for line in lines.lines() {
                    push(text, format_args!("{pad}{line}\n"));
                }
            }
            Self::List(items) if items.is_empty() => text.push_str(" []\n"),
            Self::Map(entries) if entries.is_empty() => text.push_str(" {}\n"),
            Self::List(items) => {
                text.push('\n');
                for item in items {
                    push(text, format_args!("{pad}-"));
                    item.write_in_item(text, depth);
                }
            }
            Self::Map(entries) => {
                text.push('\n');
                for (key, value) in entries {
                    push(text, format_args!("{pad}{key}:"));
                    value.write(text, depth + 1);
                }
            }
        }
    }

    /// Writes a list item; the first entry of a map is on the line of the dash.
    fn write_in_item(&self, text: &mut String, depth: usize) {
        let Self::Map(entries) = self else {
            return self.write(text, depth + 1);
        };
        let pad = "  ".repeat(depth + 1);
        for (i, (key, value)) in entries.iter().enumerate() {
            if i == 0 {
                push(text, format_args!(" {key}:"));
            } else {
                push(text, format_args!("{pad}{key}:"));
            }
            value.write(text, depth + 2);
        }
    }
}

fn push(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words).expect("writing to a string succeeds");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_round_trips() {
        let rule = Yaml::map([
            ("alert", Yaml::plain("A")),
            ("expr", Yaml::Block("a\n  or\nb".to_owned())),
            (
                "labels",
                Yaml::map([("said", Yaml::text("it's: \"so\" # {{ $value }}"))]),
            ),
            ("none", Yaml::List(Vec::new())),
        ]);
        let text = Yaml::map([("groups", Yaml::List(vec![rule, Yaml::texts(["x"])]))]).document();
        let read: serde_json::Value = serde_saphyr::from_str(&text).expect("it is YAML");
        let rule = &read["groups"][0];
        assert_eq!(rule["expr"], "a\n  or\nb\n");
        assert_eq!(rule["labels"]["said"], "it's: \"so\" # {{ $value }}");
        assert_eq!(rule["none"], serde_json::json!([]));
        assert_eq!(read["groups"][1], serde_json::json!(["x"]));
    }
}
