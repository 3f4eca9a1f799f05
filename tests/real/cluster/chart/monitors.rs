//! Tests of the objects that make a Prometheus scrape the exporter.

use serde_json::{Value, json};

use super::rendered::Rendered;
use super::values::POD_MONITOR_VALUES;
use crate::support::helm::Helm;

const SECURE: [&str; 7] = [
    "web.tls.enabled=true",
    "web.tls.secretName=certificate",
    "web.basicAuth.enabled=true",
    "web.basicAuth.users.scraper=$2b$05$3GgujIqQ0ILxGf35QUfPIeLxhBPvQNPIXwN48dsyh5V3fTKw.WeZW",
    "web.routePrefix=/castai",
    "podMonitor.tlsConfig.serverName=exporter",
    "podMonitor.basicAuth.username.key=user",
];

fn endpoints(monitor: &Value) -> &Vec<Value> {
    monitor["spec"]["podMetricsEndpoints"].as_array().unwrap()
}

#[tokio::test]
async fn pod_monitor_has_the_values_of_other_charts() {
    let rendered = Rendered::with(&Helm::latest(), POD_MONITOR_VALUES).await;
    let monitor = rendered.one("PodMonitor");
    assert_eq!(monitor["apiVersion"], "monitoring.coreos.com/v1");
    assert_eq!(monitor["metadata"]["namespace"], "monitoring");
    let spec = &monitor["spec"];
    assert_eq!(spec["jobLabel"], "app");
    assert_eq!(spec["podTargetLabels"], json!(["team"]));
    assert_eq!(spec["sampleLimit"], 1000);
    assert_eq!(spec["labelNameLengthLimit"], 100);
    assert_eq!(spec["labelValueLengthLimit"], 1000);
    assert_eq!(spec["attachMetadata"], json!({"node": true}));
    assert_eq!(
        endpoints(monitor),
        &[json!({
            "port": "health-metrics", "path": "/metrics", "interval": "1m30s",
            "scheme": "https", "honorLabels": true, "proxyUrl": "http://proxy",
            "honorTimestamps": false, "followRedirects": false, "enableHttp2": true,
            "filterRunning": false, "params": {"verbose": ["yes"]},
            "authorization": {"credentials": {"key": "token"}},
            "oauth2": {
                "clientId": {"secret": {"key": "id"}}, "clientSecret": {"key": "secret"},
                "tokenUrl": "https://example.com",
            },
            "bearerTokenSecret": {"key": "token"},
            "relabelings": [{"targetLabel": "node"}], "metricRelabelings": [{"action": "drop"}],
        })]
    );
}

#[tokio::test]
async fn additional_labels_of_other_charts_select_the_objects() {
    let values = [
        "podMonitor.enabled=true",
        "podMonitor.additionalLabels.release=prometheus",
        "prometheusRule.enabled=true",
        "prometheusRule.additionalLabels.release=prometheus",
    ];
    let rendered = Rendered::with(&Helm::latest(), &values).await;
    let rules = rendered.of_kind("PrometheusRule");
    assert!(!rules.is_empty());
    for object in rules.into_iter().chain([rendered.one("PodMonitor")]) {
        assert_eq!(object["metadata"]["labels"]["release"], "prometheus");
    }
}

#[tokio::test]
async fn secured_companion_and_plain_sidecars_have_one_endpoint_each() {
    let values = [
        &SECURE[..],
        &["podMonitor.enabled=true", "sidecar.enabled=true"],
    ]
    .concat();
    let rendered = Rendered::with(&Helm::latest(), &values).await;
    let [companion, sidecars] = endpoints(rendered.one("PodMonitor")).as_slice() else {
        panic!("two endpoints");
    };
    assert_eq!(companion["scheme"], "https");
    assert_eq!(companion["basicAuth"], json!({"username": {"key": "user"}}));
    assert_eq!(companion["relabelings"][0]["action"], "keep");
    assert_eq!(sidecars["scheme"], "http");
    assert_eq!(sidecars.get("basicAuth"), None);
    assert_eq!(sidecars["relabelings"][0]["action"], "drop");
    for endpoint in [companion, sidecars] {
        assert_eq!(endpoint["path"], "/castai/metrics");
    }
    let alone = [&SECURE[..], &["podMonitor.enabled=true"]].concat();
    let rendered = Rendered::with(&Helm::latest(), &alone).await;
    assert_eq!(endpoints(rendered.one("PodMonitor")).len(), 1);
}

#[tokio::test]
async fn google_has_a_monitor_per_kind_of_pod() {
    let values = [
        "podMonitoring.enabled=true",
        "podMonitoring.interval=30s",
        "sidecar.enabled=true",
        "agent.namespace=elsewhere",
    ];
    let rendered = Rendered::with(&Helm::latest(), &values).await;
    let monitors = rendered.of_kind("PodMonitoring");
    let namespaces: Vec<&Value> = monitors
        .iter()
        .map(|one| &one["metadata"]["namespace"])
        .collect();
    assert_eq!(namespaces, ["castai-agent", "elsewhere"]);
    let selected: Vec<&Value> = monitors
        .iter()
        .map(|one| &one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"])
        .collect();
    assert_eq!(selected, ["castai-health-exporter", "castai-agent"]);
    for monitor in monitors {
        assert_eq!(monitor["spec"]["endpoints"][0]["interval"], "30s");
        assert_eq!(monitor["spec"]["endpoints"][0]["port"], "health-metrics");
    }
}

#[tokio::test]
async fn service_is_headless_and_selects_the_companion() {
    let rendered = Rendered::with(&Helm::latest(), &["service.annotations.a=b"]).await;
    let service = rendered.one("Service");
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(
        service["spec"]["selector"],
        rendered.one("Deployment")["spec"]["selector"]["matchLabels"]
    );
    assert_eq!(service["metadata"]["annotations"]["a"], "b");
    let without = Rendered::with(&Helm::latest(), &["service.enabled=false"]).await;
    assert!(without.of_kind("Service").is_empty());
}

#[tokio::test]
async fn pods_with_a_password_have_no_scrape_annotations() {
    let annotations = async |values: &[&str]| {
        let rendered = Rendered::with(&Helm::latest(), values).await;
        rendered.one("Deployment")["spec"]["template"]["metadata"]["annotations"].clone()
    };
    assert_eq!(annotations(&SECURE[2..4]).await, Value::Null);
    let tls = annotations(&SECURE[..2]).await;
    assert_eq!(tls["prometheus.io/scheme"], "https");
    assert_eq!(
        annotations(&["podMonitoring.enabled=true"]).await,
        Value::Null
    );
}

#[tokio::test]
async fn dashboards_have_namespace_folder_and_links() {
    let values = [
        "dashboards.enabled=true",
        "dashboards.namespace=grafana",
        "dashboards.folder=CAST AI",
        "dashboards.baseUrl=https://grafana.example.com/",
        "prometheusRule.enabled=true",
    ];
    let rendered = Rendered::with(&Helm::latest(), &values).await;
    let dashboards = rendered.of_kind("ConfigMap");
    assert_eq!(dashboards.len(), 2);
    for dashboard in dashboards {
        assert_eq!(dashboard["metadata"]["namespace"], "grafana");
        assert_eq!(
            dashboard["metadata"]["annotations"]["grafana_folder"],
            "CAST AI"
        );
    }
    let rules = rendered.of_kind("PrometheusRule");
    let alerts = rules.iter().flat_map(|object| {
        let groups = object["spec"]["groups"].as_array().unwrap().iter();
        groups.flat_map(|group| group["rules"].as_array().unwrap())
    });
    let mut linked = 0;
    for alert in alerts.filter(|rule| rule.get("alert").is_some()) {
        let url = alert["annotations"]["dashboard_url"].as_str().unwrap();
        assert_eq!(
            url,
            "https://grafana.example.com/d/castai-agent-health?var-cluster={{ $labels.cluster | urlquery }}&var-namespace={{ $labels.namespace | urlquery }}"
        );
        linked += 1;
    }
    assert!(linked > 50, "{linked}");
}

#[tokio::test]
async fn dashboards_link_to_the_runbooks_of_the_values_or_nowhere() {
    let helm = Helm::latest();
    for (base, sections) in [("", 0), ("https://runbooks.example.com/castai/", 1)] {
        let base_value = format!("prometheusRule.runbookBaseUrl={base}");
        let values = ["dashboards.enabled=true", &base_value];
        let rendered = Rendered::with(&helm, &values).await;
        for object in rendered.of_kind("ConfigMap") {
            let files = object["data"].as_object().unwrap();
            for (name, text) in files {
                let text = text.as_str().unwrap();
                let parsed: Value = serde_json::from_str(text).unwrap();
                assert!(parsed["panels"].is_array(), "{name}");
                assert!(!text.contains("runbooks.invalid"), "{name} with {base}");
                let link = "https://runbooks.example.com/castai/${__data.fields.page}";
                let wanted = sections * usize::from(name == "agent-health.json");
                assert_eq!(text.matches(link).count(), wanted, "{name} with {base}");
            }
        }
        assert_eq!(rendered.of_kind("ConfigMap").len(), 2);
    }
}
