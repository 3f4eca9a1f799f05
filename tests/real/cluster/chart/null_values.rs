//! Tests of values without content: `resources:` with nothing but comments below it is null, and
//! Helm then removes the default.

use std::fs;

use serde_json::Value;

use super::rendered::Rendered;
use super::template;
use crate::support::helm::{CHART, Helm};

/// Values that switch on every template.
const EVERYTHING: [&str; 6] = [
    "sidecar.enabled=true",
    "podMonitor.enabled=true",
    "podMonitoring.enabled=true",
    "prometheusRule.enabled=true",
    "dashboards.enabled=true",
    "networkPolicy.from[0].podSelector.matchLabels.a=b",
];

/// Returns the settings that make each value null that the schema does not require.
fn nulls(schema: &Value, prefix: &str) -> Vec<String> {
    let required = schema["required"].as_array();
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|one| one == name));
    let properties = schema["properties"].as_object().unwrap();
    let of = |(name, below): (&String, &Value)| {
        let complete = below["properties"].is_object() && below["additionalProperties"].is_null();
        if complete {
            nulls(below, &format!("{prefix}{name}."))
        } else if is_required(name) {
            Vec::new()
        } else {
            vec![format!("{prefix}{name}=null")]
        }
    };
    properties.iter().flat_map(of).collect()
}

#[tokio::test]
async fn every_value_that_is_not_required_may_be_null() {
    let schema = fs::read_to_string(format!("{CHART}/values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let nulls = nulls(&schema, "");
    assert!(nulls.len() > 100, "{nulls:?}");
    assert!(nulls.contains(&"resources=null".to_owned()));
    for helm in Helm::both() {
        let values = nulls.iter().map(String::as_str);
        let values: Vec<&str> = values
            .filter(|value| *value != "networkPolicy.from=null")
            .chain(EVERYTHING)
            .collect();
        let rendered = template(&helm, &values).await.unwrap();
        let rendered = Rendered::parse(&rendered);
        for kind in [
            "Deployment",
            "PodMonitor",
            "NetworkPolicy",
            "MutatingAdmissionPolicy",
        ] {
            assert!(!rendered.of_kind(kind).is_empty(), "{kind}");
        }
    }
}
