//! The exporter's configuration file. Only values of known keys are shown, if their form is
//! harmless.

use serde_json::{Map, Value};

use crate::bundle::allowed_values::{Form, redacted};
use crate::bundle::archive::{CollectedFile, Content};
use crate::bundle::learned_secrets::LearnedSecrets;
use crate::bundle::sources::objects::ObjectLists;
use crate::config::exporter::keys::KEYS;

/// Forms of values that are shown.
const FORMS: &[Form] = &[Form::Scalar, Form::Path, Form::Name, Form::Hosts];

/// Returns the configuration files in the `ConfigMaps` of exporters.
pub(in crate::bundle) fn of_config_maps(
    lists: &ObjectLists,
    learned: &mut LearnedSecrets,
) -> Vec<CollectedFile> {
    let files = lists.configurations.iter();
    files
        .map(|(map, key, text)| file(&format!("{map}-{key}.json"), text, learned))
        .collect()
}

/// Returns the configuration file of this process.
pub(in crate::bundle) fn of_this_process(
    text: &str,
    learned: &mut LearnedSecrets,
) -> CollectedFile {
    file("this-process.json", text, learned)
}

fn file(name: &str, text: &str, learned: &mut LearnedSecrets) -> CollectedFile {
    let content = match serde_saphyr::from_str::<Value>(text) {
        Ok(value) => Content::Objects(vec![reduced(&[], &value, learned)]),
        Err(_invalid) => Content::Text(format!("not YAML: {}\n", redacted(text))),
    };
    CollectedFile::new(
        &["configuration", name],
        "configuration of the exporter, values of known keys only",
        content,
    )
}

fn reduced(path: &[&str], value: &Value, learned: &mut LearnedSecrets) -> Value {
    match value {
        Value::Object(fields) => {
            let mut kept = Map::new();
            for (key, value) in fields {
                let path = [path, &[key.as_str()]].concat();
                kept.insert(key.clone(), reduced(&path, value, learned));
            }
            kept.into()
        }
        Value::Array(values) => values
            .iter()
            .map(|value| reduced(path, value, learned))
            .collect(),
        Value::String(text) => shown(path, text, learned).into(),
        // A PIN or a password of digits, for example.
        Value::Number(number) if !is_known(path) => redacted(&number.to_string()).into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn shown(path: &[&str], text: &str, learned: &mut LearnedSecrets) -> String {
    let form = if text.contains("://") {
        &[Form::Origin]
    } else {
        FORMS
    };
    let shown = is_known(path)
        .then(|| form.iter().find_map(|form| form.shown(text)))
        .flatten();
    shown.unwrap_or_else(|| {
        learned.learn(path.last().unwrap_or(&""), text);
        redacted(text)
    })
}

fn is_known(path: &[&str]) -> bool {
    KEYS.iter()
        .any(|key| key.paths().iter().any(|known| known == path))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_known_keys_with_harmless_values_are_shown() {
        let text = "scope: cluster\nlog: { level: debug }\ncastai:\n  api_url: https://u:hunter2@api.cast.ai/x\n\
                    dns: { nameservers: ['10.0.0.10:53'] }\nchecks: { dns: { interval: 15s } }\n\
                    password: hunter2\npin: 12345678\nagent: { namespace: 'Tr0ub4dor And 3' }\n";
        let mut learned = LearnedSecrets::default();
        let Content::Objects(values) = file("x", text, &mut learned).content else {
            panic!("it is YAML")
        };
        assert_eq!(
            values,
            [json!({
                "scope": "cluster", "log": { "level": "debug" },
                "castai": { "api_url": "https://api.cast.ai" },
                "dns": { "nameservers": ["10.0.0.10:53"] },
                "checks": { "dns": { "interval": "15s" } },
                "password": "(redacted, 7 characters)", "pin": "(redacted, 8 characters)",
                "agent": { "namespace": "(redacted, 15 characters)" },
            })]
        );
    }
}
