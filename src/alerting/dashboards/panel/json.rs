//! The JSON model of a panel, as Grafana reads it.

use serde_json::{Value, json};

use crate::alerting::dashboards::panel::{Panel, Query, ResultFormat, data_source, override_for};

impl Panel {
    pub(in crate::alerting::dashboards) fn json(&self, id: u32, x: u32, y: u32) -> Value {
        let targets: Vec<Value> = self
            .queries
            .iter()
            .zip('A'..)
            .map(|(target, id)| target.json(id))
            .collect();
        let steps: Vec<Value> = self
            .thresholds
            .iter()
            .map(|(value, color)| json!({"color": color, "value": value}))
            .collect();
        let colour = match self.kind {
            "timeseries" => json!({"mode": "palette-classic"}),
            // With thresholds, Grafana merges a timeline's values and drops their mappings.
            "state-timeline" => json!({"fixedColor": "text", "mode": "fixed"}),
            _ => json!({"mode": "thresholds"}),
        };
        let mut defaults = json!({
            "color": colour,
            "custom": self.custom(),
            "links": self.links,
            "mappings": self.mappings,
            "thresholds": {"mode": "absolute", "steps": steps},
        });
        if let Some(decimals) = self.decimals {
            defaults["decimals"] = json!(decimals);
        }
        if let Some(text) = self.no_value {
            defaults["noValue"] = json!(text);
        }
        let mut overrides = self.overrides.clone();
        if self.kind == "table" {
            // A unit on all columns would format account ids as numbers.
            overrides.extend(self.queries.iter().filter_map(|query| {
                let header = query.header?;
                let own = self.units.iter().find(|(column, _)| *column == header);
                let unit = own.map_or(self.unit, |(_, unit)| unit);
                Some(override_for(
                    header,
                    &[json!({"id": "unit", "value": unit})],
                ))
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
            panel["transformations"] = self.transformations();
        }
        panel
    }

    fn custom(&self) -> Value {
        match self.kind {
            "timeseries" => {
                let limits = if self.thresholds.len() > 1 {
                    "line"
                } else {
                    "off"
                };
                let mut custom = json!({
                    "drawStyle": "line", "fillOpacity": if self.stacked { 30 } else { 5 }, "lineWidth": 1,
                    "showPoints": "never",
                    "spanNulls": false,
                    "stacking": {"group": "A", "mode": if self.stacked { "normal" } else { "none" }},
                    "thresholdsStyle": {"mode": limits},
                });
                for (side, value) in [
                    ("axisSoftMin", self.soft_axis.0),
                    ("axisSoftMax", self.soft_axis.1),
                ] {
                    if let Some(value) = value {
                        custom[side] = json!(value);
                    }
                }
                custom
            }
            "state-timeline" => json!({"fillOpacity": 80, "lineWidth": 0}),
            "table" if self.paged => json!({"filterable": true}),
            _ => json!({}),
        }
    }

    fn options(&self) -> Value {
        let legend =
            json!({"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true});
        match self.kind {
            "stat" => json!({
                "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
                "textMode": if self.show_name { "name" } else { "auto" }, "wideLayout": true,
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
                let sorted: Vec<Value> = self
                    .sorted_by
                    .iter()
                    .map(|column| json!({"desc": true, "displayName": column}))
                    .collect();
                json!({
                    "cellHeight": "sm",
                    "footer": {"countRows": false, "enablePagination": self.paged, "fields": "", "reducer": ["sum"], "show": false},
                    "showHeader": true, "sortBy": sorted,
                })
            }
            _ => json!({"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}),
        }
    }
}

impl Query {
    fn json(&self, id: char) -> Value {
        let format = match self.format {
            ResultFormat::Table => "table",
            ResultFormat::Heatmap => "heatmap",
            ResultFormat::Range | ResultFormat::Instant => "time_series",
        };
        let instant = matches!(self.format, ResultFormat::Instant | ResultFormat::Table);
        json!({
            "datasource": data_source(), "editorMode": "code", "expr": self.expr, "format": format,
            "instant": instant, "legendFormat": self.legend, "range": !instant, "refId": id.to_string(),
        })
    }
}
