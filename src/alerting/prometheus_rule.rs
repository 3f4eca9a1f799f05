//! The rules as `PrometheusRule` objects: one per group, to stay below the size limit of `kubectl apply`.

use crate::alerting::rules::group::Group;
use crate::alerting::time_scale::TimeScale;
use crate::alerting::yaml::Yaml;

/// Returns one YAML document per group.
pub fn documents(groups: &[Group]) -> String {
    let documents: Vec<String> = groups.iter().map(document).collect();
    documents.join("---\n")
}

fn document(group: &Group) -> String {
    let metadata = Yaml::map([
        (
            "name",
            Yaml::plain(format!("castai-health-{}", group.name.replace('_', "-"))),
        ),
        ("namespace", Yaml::plain("castai-agent")),
        (
            "labels",
            Yaml::map([(
                "app.kubernetes.io/name",
                Yaml::plain("castai-health-exporter"),
            )]),
        ),
    ]);
    Yaml::map([
        ("apiVersion", Yaml::plain("monitoring.coreos.com/v1")),
        ("kind", Yaml::plain("PrometheusRule")),
        ("metadata", metadata),
        (
            "spec",
            Yaml::map([("groups", Yaml::List(vec![group.yaml(TimeScale::REAL_TIME)]))]),
        ),
    ])
    .document()
}
