//! Grafana dashboards: one cluster in detail and an overview of all clusters.
//!
//! Panels with metrics that are not published yet are left out.

mod agent_health;
mod failure_texts;
mod fleet;
mod layout;
mod panel;
mod root_causes;
mod status;

use serde_json::Value;

use crate::alerting::file::{DASHBOARDS, GeneratedFile};
use crate::alerting::generator_options::GeneratorOptions;

/// Longest line with several values in a dashboard's file …
const LINE_BYTES: usize = 120;
/// … and the depth from which values stay in one line, such as the texts of a column.
const MAX_DEPTH: usize = 9;

/// Returns both dashboards.
pub fn files(settings: &GeneratorOptions<'_>) -> [GeneratedFile; 2] {
    let file = |name: &str, dashboard: &Value| GeneratedFile {
        path: format!("{DASHBOARDS}/{name}.json"),
        contents: written(dashboard, 0) + "\n",
    };
    [
        file("agent-health", &agent_health::dashboard(settings)),
        file("fleet", &fleet::dashboard(settings)),
    ]
}

/// Returns JSON in which what fits into a line stays in one.
fn written(value: &Value, depth: usize) -> String {
    let in_line = value.to_string();
    if depth + in_line.len() <= LINE_BYTES || depth >= MAX_DEPTH {
        return in_line;
    }
    let (open, parts, close) = match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                format!(
                    "{}: {}",
                    Value::from(name.as_str()),
                    written(value, depth + 1)
                )
            };
            ('{', fields.iter().map(field).collect::<Vec<_>>(), '}')
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| written(item, depth + 1));
            ('[', items.collect(), ']')
        }
        _ => return in_line,
    };
    let (inner, outer) = (" ".repeat(depth + 1), " ".repeat(depth));
    let parts = parts.join(&format!(",\n{inner}"));
    format!("{open}\n{inner}{parts}\n{outer}{close}")
}
