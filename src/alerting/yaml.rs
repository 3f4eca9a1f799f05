//! YAML as the generated files need it: maps, lists, quoted texts and blocks, and nothing that has to be guessed.

use std::fmt::Write;

/// A YAML value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Yaml {
    /// A word or a number that needs no quotes: a duration, a whole number, `true`.
    Plain(String),
    /// A text, quoted.
    Text(String),
    /// Lines that are kept as they stand.
    Block(String),
    /// A list.
    List(Vec<Yaml>),
    /// A map in the order of its entries.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// A word that needs no quotes.
    pub fn plain(word: impl Into<String>) -> Self {
        Self::Plain(word.into())
    }

    /// A text, quoted.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of quoted texts.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// A map in the order of its entries.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        )
    }

    /// The document, ending in a line feed.
    pub fn document(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text.trim_start_matches('\n').trim_end().to_owned() + "\n"
    }

    /// Writes what follows `key:` or `-`.
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

    /// The first entry of a map stands on the line of its dash.
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
    text.write_fmt(words).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_back_as_it_was_meant() {
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
