//! Layout of a dashboard: rows, panels, variables and links.

use serde_json::{Value, json};

use crate::alerting::dashboards::panel;
use crate::alerting::dashboards::panel::Panel;
use crate::catalogue::metric::METRICS;

/// The metric that each exporter publishes once.
pub(super) const INFO: &str = "castai_health_exporter_info";
/// Label matchers of every query about one cluster.
pub(super) const SELECTED: &str = "cluster=~\"$cluster\",namespace=~\"$namespace\",job=~\"$job\"";

/// A row and its panels.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) collapsed: bool,
    pub(super) panels: Vec<Panel>,
}

/// Properties of a dashboard.
pub(super) struct Dashboard {
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) variables: Vec<Value>,
}

pub(super) fn render(dashboard: Dashboard, rows: Vec<Row>) -> Value {
    let mut variables = vec![data_source()];
    variables.extend(dashboard.variables);
    json!({
        "annotations": {"list": [{
            "builtIn": 0,
            "datasource": panel::data_source(),
            "enable": true,
            "expr": "ALERTS{alertname=~\"Castai.+\",alertstate=\"firing\",severity=\"critical\",cluster=~\"$cluster\"}",
            "iconColor": "red",
            "name": "Critical alerts",
            "titleFormat": "{{alertname}}",
            "textFormat": "{{cluster}} {{check}} {{mode}}",
        }]},
        "description": dashboard.description,
        "editable": false,
        "graphTooltip": 1,
        "links": [{
            "asDropdown": false,
            "icon": "external link",
            "includeVars": true,
            "keepTime": true,
            "tags": ["castai-health"],
            "targetBlank": false,
            "title": "Dashboards",
            "tooltip": "",
            "type": "dashboards",
            "url": "",
        }],
        "panels": arrange(rows),
        "refresh": "30s",
        "schemaVersion": 39,
        "tags": ["castai-health"],
        "templating": {"list": variables},
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "title": dashboard.title,
        "uid": dashboard.uid,
    })
}

/// Places rows below each other and panels from left to right on 24 columns.
fn arrange(rows: Vec<Row>) -> Vec<Value> {
    let mut all = Vec::new();
    let mut top = 0;
    let mut id = 1;
    for row in rows {
        let panels: Vec<Panel> = row.panels.into_iter().filter(is_published).collect();
        if panels.is_empty() {
            continue;
        }
        let at = json!({"h": 1, "w": 24, "x": 0, "y": top});
        let row_id = id;
        (top, id) = (top + 1, id + 1);
        let (mut left, mut highest) = (0, 0);
        let mut inside = Vec::new();
        for panel in panels {
            if left + panel.width > 24 {
                (left, top, highest) = (0, top + highest, 0);
            }
            inside.push(panel.json(id, left, top));
            (left, highest, id) = (left + panel.width, highest.max(panel.height), id + 1);
        }
        top += highest;
        let head = |panels: Vec<Value>| {
            json!({
                "collapsed": row.collapsed, "gridPos": at, "id": row_id, "panels": panels, "title": row.title,
                "type": "row",
            })
        };
        if row.collapsed {
            all.push(head(inside));
        } else {
            all.push(head(Vec::new()));
            all.extend(inside);
        }
    }
    all
}

/// Returns whether the catalogue has every metric that the panel queries.
fn is_published(panel: &Panel) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let known = |name: &str| {
        let plain = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        METRICS.iter().any(|metric| {
            let full = metric.full_name();
            full == name || plain == Some(full.as_str())
        })
    };
    let names = panel
        .queries
        .iter()
        .flat_map(|query| query.expr.split(move |c: char| !word(c)));
    names
        .filter(|name| name.starts_with("castai_health_"))
        .all(known)
}

fn data_source() -> Value {
    json!({
        "current": {}, "hide": 0, "includeAll": false, "label": "Data source", "multi": false, "name": "datasource",
        "options": [], "query": "prometheus", "refresh": 1, "regex": "", "type": "datasource",
    })
}

/// Returns a variable with the values of a label.
pub(super) fn variable(label: &str, of: &str, all: &str) -> Value {
    let query = format!("label_values({of}, {label})");
    json!({
        "allValue": all, "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
        "datasource": panel::data_source(), "definition": query, "hide": 0, "includeAll": true, "label": label,
        "multi": true, "name": label, "options": [],
        "query": {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2, "regex": "", "sort": 1, "type": "query",
    })
}

/// Returns a variable with these values; the first ones are selected.
pub(super) fn choice(name: &str, label: &str, values: &[&str], selected: usize) -> Value {
    let options: Vec<Value> = values
        .iter()
        .zip(0..)
        .map(|(value, i)| json!({"selected": i < selected, "text": value, "value": value}))
        .collect();
    json!({
        "allValue": ".+",
        "current": {"selected": true, "text": values[..selected], "value": values[..selected]},
        "hide": 0, "includeAll": true, "label": label, "multi": true, "name": name, "options": options,
        "query": values.join(","), "type": "custom",
    })
}
