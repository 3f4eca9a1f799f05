//! The names of the chart's values, for its message about an unknown one.
//!
//! A JSON schema can reject an unknown name but cannot suggest the right one, and Helm's templates
//! cannot read the schema.

use castai_health_exporter::alerting::file::GeneratedFile;
use serde_json::{Map, Value};

/// Path of the schema of the chart's values.
pub(crate) const SCHEMA: &str = "deploy/chart/values.schema.json";
const PATH: &str = "deploy/chart/files/values.json";

/// Returns the names, given the schema.
pub(crate) fn file(schema: &str) -> GeneratedFile {
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let names = names(&schema);
    GeneratedFile {
        path: PATH.to_owned(),
        contents: format!("{names:#}\n"),
    }
}

/// Returns the properties of an object that is complete, else null.
///
/// An object whose `additionalProperties` are set is free, or the schema itself rejects what it
/// does not list.
fn names(schema: &Value) -> Value {
    match (schema.get("properties"), schema.get("additionalProperties")) {
        (Some(Value::Object(properties)), None) => {
            let entries = properties.iter();
            let named = entries.map(|(name, below)| (name.clone(), names(below)));
            Value::Object(named.collect::<Map<String, Value>>())
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_complete_objects_list_their_names() {
        let schema = json!({"properties": {
            "image": {"type": "object", "properties": {"tag": {"type": "string"}}},
            "affinity": {"type": "object"},
            "config": {"properties": {"log": {}}, "additionalProperties": true},
            "secret": {"properties": {"name": {}}, "additionalProperties": false},
        }});
        let wanted =
            json!({"image": {"tag": null}, "affinity": null, "config": null, "secret": null});
        assert_eq!(names(&schema), wanted);
    }

    #[test]
    fn every_default_value_is_in_the_schema() {
        let schema = include_str!("../../../deploy/chart/values.schema.json");
        let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
        let values = include_str!("../../../deploy/chart/values.yaml");
        let top = |line: &&str| line.starts_with(|first: char| first.is_ascii_lowercase());
        let documented: Vec<&str> = values
            .lines()
            .filter(top)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name)
            .collect();
        let mut known: Vec<&str> = schema["properties"]
            .as_object()
            .expect("the schema has properties")
            .keys()
            .map(String::as_str)
            .collect();
        let mut sorted = documented.clone();
        sorted.sort_unstable();
        known.sort_unstable();
        assert_eq!(sorted, known);
    }
}
