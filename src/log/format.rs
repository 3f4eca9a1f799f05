//! Log line format: `key=value` or one JSON object, with the same keys in the same order.

use std::fmt;
use std::fmt::Write;

use jiff::{Timestamp, Unit};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;
use crate::redaction::scrubbed;
use crate::report::evidence::single_line;

/// Writes `time`, `level`, `msg`, then the event's own fields.
pub(super) struct Lines(pub(super) LogFormat);

/// The fields of one event, in order.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let now = Timestamp::now();
        let line = fields.lead(&now, *event.metadata().level(), event.metadata().target());
        writer.write_str(&rendered(self.0, &line))
    }
}

/// Returns the line about lines that were dropped because standard error was blocked.
pub(super) fn dropped_lines(format: LogFormat, count: u64) -> String {
    let fields = Fields {
        message: "log lines dropped: standard error was blocked".to_owned(),
        rest: vec![("dropped", Value::from(count))],
    };
    let target = env!("CARGO_CRATE_NAME");
    rendered(format, &fields.lead(&Timestamp::now(), Level::WARN, target))
}

fn rendered(format: LogFormat, line: &[(&'static str, Value)]) -> String {
    let mut text = match format {
        LogFormat::Logfmt => logfmt(line),
        LogFormat::Json => json(line),
    };
    text.push('\n');
    text
}

impl Fields {
    fn lead(self, now: &Timestamp, level: Level, target: &str) -> Vec<(&'static str, Value)> {
        let now = now.round(Unit::Millisecond).unwrap_or(*now);
        let mut line = vec![
            ("time", Value::from(format!("{now:.3}"))),
            ("level", Value::from(level.as_str().to_ascii_lowercase())),
            ("msg", Value::from(self.message)),
        ];
        line.extend(self.rest);
        if !target.starts_with(env!("CARGO_CRATE_NAME")) {
            line.push(("source", Value::from(target)));
        }
        line
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => self.rest.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(scrubbed(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_str(field, &value.to_string());
    }
}

fn logfmt(line: &[(&'static str, Value)]) -> String {
    let mut text = String::new();
    for (i, (key, value)) in line.iter().enumerate() {
        let space = if i > 0 { " " } else { "" };
        let value = match value {
            Value::String(value) => quoted(&single_line(value)),
            other => other.to_string(),
        };
        write!(text, "{space}{key}={value}").expect("a string takes everything");
    }
    text
}

/// Quotes a value that a logfmt parser would otherwise split or misread.
fn quoted(value: &str) -> String {
    let plain = |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '"' | '=' | '\\'));
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn json(line: &[(&'static str, Value)]) -> String {
    let pairs: Vec<String> = line
        .iter()
        .map(|(key, value)| format!("{}:{value}", Value::from(*key)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(value: &str) -> [(&'static str, Value); 2] {
        [
            ("level", Value::from("info")),
            ("evidence", Value::from(value)),
        ]
    }

    #[test]
    fn plain_value_is_not_quoted() {
        assert_eq!(logfmt(&line("ok")), "level=info evidence=ok");
    }

    #[test]
    fn ambiguous_value_is_quoted_and_escaped() {
        assert_eq!(logfmt(&line("")), r#"level=info evidence="""#);
        assert_eq!(logfmt(&line("a=b")), r#"level=info evidence="a=b""#);
        assert_eq!(
            logfmt(&line(r#"say "hi" \n"#)),
            r#"level=info evidence="say \"hi\" \\n""#
        );
    }

    #[test]
    fn control_characters_cannot_inject_a_line_or_escape_sequence() {
        assert_eq!(
            logfmt(&line("a\nlevel=error\u{1b}[2J")),
            r#"level=info evidence="a level=error[2J""#
        );
        assert_eq!(
            json(&line("a\n\"b\"\u{1b}")),
            r#"{"level":"info","evidence":"a\n\"b\"\u001b"}"#
        );
    }

    #[test]
    fn library_line_has_its_source() {
        let fields = Fields {
            message: "hello".to_owned(),
            rest: Vec::new(),
        };
        let lead = fields.lead(&Timestamp::UNIX_EPOCH, tracing::Level::WARN, "hyper::proto");
        assert_eq!(
            logfmt(&lead),
            "time=1970-01-01T00:00:00.000Z level=warn msg=hello source=hyper::proto"
        );
    }
}
