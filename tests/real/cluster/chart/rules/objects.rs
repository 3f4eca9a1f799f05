//! The rules of a rendered chart.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ENABLED;
use crate::cluster::chart::rendered::Rendered;
use crate::support::helm::Helm;

/// A chart rendered with its rules.
pub(super) struct Objects(Rendered);

impl Objects {
    /// Renders the chart with its rules and these values.
    pub(super) async fn render(helm: &Helm, values: &[&str]) -> Self {
        Self(Rendered::with(helm, &[&[ENABLED], values].concat()).await)
    }

    pub(super) fn of_kind(&self, kind: &str) -> Vec<&Value> {
        self.0.of_kind(kind)
    }

    pub(super) fn rule_objects(&self) -> Vec<&Value> {
        self.of_kind("PrometheusRule")
    }

    /// Returns the groups by name.
    pub(super) fn groups(&self) -> BTreeMap<String, Value> {
        let groups = self.rule_objects().into_iter().flat_map(|object| {
            let groups = object["spec"]["groups"].as_array().unwrap();
            assert!(!groups.is_empty(), "{object}");
            groups
        });
        let by_name = |group: &Value| (group["name"].as_str().unwrap().to_owned(), group.clone());
        groups.map(by_name).collect()
    }

    /// Returns the rules that are alerts.
    pub(super) fn alerts(&self) -> Vec<Value> {
        let rules = self.groups().into_values().flat_map(|mut group| {
            let rules = group["rules"].as_array_mut().unwrap();
            std::mem::take(rules)
        });
        rules.filter(|rule| rule.get("alert").is_some()).collect()
    }

    /// Returns the rules of an alert.
    pub(super) fn alert(&self, name: &str) -> Vec<Value> {
        let mut rules = self.alerts();
        rules.retain(|rule| rule["alert"] == name);
        rules
    }

    pub(super) fn alert_names(&self) -> BTreeSet<String> {
        let name = |rule: &Value| rule["alert"].as_str().unwrap().to_owned();
        self.alerts().iter().map(name).collect()
    }

    /// Returns the arguments of the companion.
    pub(super) fn companion_arguments(&self) -> Vec<String> {
        self.0.arguments()
    }
}
