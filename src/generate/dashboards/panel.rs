//! One panel: what it asks, and how it is drawn.

use serde_json::Value;
use serde_json::json;

use crate::catalogue::Status;

/// One query.
pub(super) struct Target {
    pub(super) expr: String,
    legend: String,
    form: Form,
}

/// How the answer is wanted.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Form {
    Range,
    Instant,
    Table,
    Heatmap,
}

/// One panel.
pub(super) struct Panel {
    kind: &'static str,
    title: String,
    description: String,
    unit: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) targets: Vec<Target>,
    mappings: Vec<Value>,
    /// Values from which a colour holds; the first has none.
    thresholds: Vec<(Option<f64>, &'static str)>,
    links: Vec<Value>,
    hidden: &'static [&'static str],
    stacked: bool,
    by_name: bool,
}

/// The data source that the reader has chosen.
pub(super) fn data_source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

impl Panel {
    fn new(kind: &'static str, title: &str, description: &str, unit: &'static str, size: (u32, u32)) -> Self {
        Self {
            kind,
            title: title.to_owned(),
            description: description.to_owned(),
            unit,
            width: size.0,
            height: size.1,
            targets: Vec::new(),
            mappings: Vec::new(),
            thresholds: vec![(None, "text")],
            links: Vec::new(),
            hidden: &[],
            stacked: false,
            by_name: false,
        }
    }

    /// One number that answers a question.
    pub(super) fn stat(title: &str, description: &str, unit: &'static str, expr: String) -> Self {
        Self::new("stat", title, description, unit, (4, 4)).asking(expr, "", Form::Instant)
    }

    /// Lines over time.
    pub(super) fn lines(title: &str, description: &str, unit: &'static str, expr: String, legend: &str) -> Self {
        Self::new("timeseries", title, description, unit, (8, 8)).asking(expr, legend, Form::Range)
    }

    /// Coloured bars over time.
    pub(super) fn states(title: &str, description: &str, expr: String, legend: &str) -> Self {
        Self::new("state-timeline", title, description, "short", (24, 9)).asking(expr, legend, Form::Range)
    }

    /// How often something took how long.
    pub(super) fn heatmap(title: &str, description: &str, expr: String) -> Self {
        Self::new("heatmap", title, description, "s", (8, 8)).asking(expr, "{{le}}", Form::Heatmap)
    }

    /// One row for each series, without these columns.
    pub(super) fn table(title: &str, description: &str, expr: String, hidden: &'static [&'static str]) -> Self {
        let panel = Self::new("table", title, description, "short", (12, 8));
        Self { hidden, ..panel.asking(expr, "", Form::Table) }
    }

    /// One more query.
    pub(super) fn and(self, expr: String, legend: &str) -> Self {
        self.asking(expr, legend, Form::Range)
    }

    fn asking(mut self, expr: String, legend: &str, form: Form) -> Self {
        self.targets.push(Target { expr, legend: legend.to_owned(), form });
        self
    }

    /// On a grid of 24 columns.
    pub(super) fn sized(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// Green, and from these values on other colours.
    pub(super) fn green_until(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.thresholds = vec![(None, "green")];
        self.thresholds.extend(steps.iter().map(|(value, colour)| (Some(*value), *colour)));
        self
    }

    /// Red, and from these values on other colours.
    pub(super) fn red_until(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.thresholds = vec![(None, "red")];
        self.thresholds.extend(steps.iter().map(|(value, colour)| (Some(*value), *colour)));
        self
    }

    /// A value, its word and its colour.
    pub(super) fn worded(mut self, words: &[(u8, &str, &str)]) -> Self {
        let options: serde_json::Map<String, Value> = words
            .iter()
            .enumerate()
            .map(|(i, (value, text, colour))| (value.to_string(), json!({"color": colour, "index": i, "text": text})))
            .collect();
        self.mappings = vec![json!({"options": options, "type": "value"})];
        self
    }

    /// Where a click leads.
    pub(super) fn linked(mut self, title: &str, url: &str) -> Self {
        self.links.push(json!({"targetBlank": true, "title": title, "url": url}));
        self
    }

    /// The lines add up.
    pub(super) fn stacked(mut self) -> Self {
        self.stacked = true;
        self
    }

    /// The names of the series are the answer, not their values.
    pub(super) fn by_name(mut self) -> Self {
        self.by_name = true;
        self
    }

    pub(super) fn json(&self, id: u32, x: u32, y: u32) -> Value {
        let targets: Vec<Value> = self.targets.iter().zip('A'..).map(|(target, id)| target.json(id)).collect();
        let steps: Vec<Value> =
            self.thresholds.iter().map(|(value, color)| json!({"color": color, "value": value})).collect();
        let colour = if self.kind == "timeseries" { "palette-classic" } else { "thresholds" };
        let mut defaults = json!({
            "color": {"mode": colour},
            "custom": self.custom(),
            "links": self.links,
            "mappings": self.mappings,
            "thresholds": {"mode": "absolute", "steps": steps},
        });
        let mut overrides = Vec::new();
        if self.kind == "table" {
            // A unit for all columns would make numbers of account ids.
            overrides.push(json!({
                "matcher": {"id": "byName", "options": "Value"},
                "properties": [{"id": "unit", "value": self.unit}],
            }));
        } else {
            defaults["unit"] = json!(self.unit);
        }
        let mut panel = json!({
            "datasource": data_source(),
            "description": self.description,
            "fieldConfig": {"defaults": defaults, "overrides": overrides},
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "id": id,
            "options": self.options(),
            "targets": targets,
            "title": self.title,
            "type": self.kind,
        });
        if self.kind == "table" {
            let excluded: serde_json::Map<String, Value> =
                ["Time", "__name__"].iter().chain(self.hidden).map(|name| ((*name).to_owned(), json!(true))).collect();
            panel["transformations"] = json!([{"id": "organize", "options": {"excludeByName": excluded, "indexByName": {}, "renameByName": {}}}]);
        }
        panel
    }

    fn custom(&self) -> Value {
        match self.kind {
            "timeseries" => {
                let limits = if self.thresholds.len() > 1 { "line" } else { "off" };
                json!({
                    "drawStyle": "line", "fillOpacity": if self.stacked { 30 } else { 5 }, "lineWidth": 1,
                    "showPoints": "never",
                    "spanNulls": false,
                    "stacking": {"group": "A", "mode": if self.stacked { "normal" } else { "none" }},
                    "thresholdsStyle": {"mode": limits},
                })
            }
            "state-timeline" => json!({"fillOpacity": 80, "lineWidth": 0}),
            _ => json!({}),
        }
    }

    fn options(&self) -> Value {
        let legend = json!({"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true});
        match self.kind {
            "stat" => json!({
                "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
                "textMode": if self.by_name { "name" } else { "auto" }, "wideLayout": true,
            }),
            "state-timeline" => json!({
                "alignValue": "left", "legend": legend, "mergeValues": true, "rowHeight": 0.85, "showValue": "auto",
                "tooltip": {"mode": "single", "sort": "none"},
            }),
            "heatmap" => json!({
                "calculate": false, "cellGap": 1,
                "color": {"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": false, "scale": "exponential", "scheme": "Oranges", "steps": 64},
                "exemplars": {"color": "rgba(255,0,255,0.7)"}, "filterValues": {"le": 1e-9},
                "legend": {"show": true}, "rowsFrame": {"layout": "auto"}, "showValue": "never",
                "tooltip": {"mode": "single", "showColorScale": false, "yHistogram": false},
                "yAxis": {"axisPlacement": "left", "reverse": false, "unit": self.unit},
            }),
            "table" => {
                json!({"cellHeight": "sm", "footer": {"countRows": false, "fields": "", "reducer": ["sum"], "show": false}, "showHeader": true})
            }
            _ => json!({"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}),
        }
    }
}

impl Target {
    fn json(&self, id: char) -> Value {
        let format = match self.form {
            Form::Table => "table",
            Form::Heatmap => "heatmap",
            Form::Range | Form::Instant => "time_series",
        };
        let instant = matches!(self.form, Form::Instant | Form::Table);
        json!({
            "datasource": data_source(), "editorMode": "code", "expr": self.expr, "format": format,
            "instant": instant, "legendFormat": self.legend, "range": !instant, "refId": id.to_string(),
        })
    }
}

/// A status as a number, for bars over time: the worse the higher.
pub(super) fn status_code(status: Status) -> u8 {
    match status {
        Status::NotApplicable => 0,
        Status::Ok => 1,
        Status::Unknown => 2,
        Status::Warning => 3,
        Status::Failing => 4,
    }
}

/// The worst status, by these labels.
pub(super) fn worst_status(by: &str, selected: &str) -> String {
    let terms: Vec<String> = Status::ALL
        .iter()
        .map(|status| {
            format!("{} * castai_health_check_status{{{selected},status=\"{status}\"}}", status_code(*status))
        })
        .collect();
    format!("max by ({by}) ({})", terms.join(" + ignoring (status) "))
}

/// Words and colours of [`worst_status`].
pub(super) const STATUS_WORDS: &[(u8, &str, &str)] = &[
    (0, "not applicable", "#5f6368"),
    (1, "ok", "green"),
    (2, "unknown", "blue"),
    (3, "warning", "orange"),
    (4, "failing", "red"),
];
