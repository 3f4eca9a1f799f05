//! A Grafana panel: its queries and options.

mod json;
mod table;

use serde_json::{Value, json};

/// A query.
pub(super) struct Query {
    pub(super) expr: String,
    legend: String,
    format: ResultFormat,
    /// Header of the column with the values, in a table that shows them.
    header: Option<&'static str>,
}

/// Format of the result.
#[derive(Clone, Copy, Eq, PartialEq)]
enum ResultFormat {
    Range,
    Instant,
    Table,
    Heatmap,
}

/// A panel.
pub(super) struct Panel {
    kind: &'static str,
    title: String,
    description: String,
    unit: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) queries: Vec<Query>,
    mappings: Vec<Value>,
    /// Values from which a colour applies; the first has none.
    thresholds: Vec<(Option<f64>, &'static str)>,
    links: Vec<Value>,
    /// Columns of a table, left to right.
    columns: &'static [&'static str],
    /// Columns that a table is sorted by, highest value first.
    sorted_by: &'static [&'static str],
    /// Whether a table has pages instead of a scroll bar.
    paged: bool,
    /// Units of table columns that differ from that of the panel.
    units: Vec<(&'static str, &'static str)>,
    /// Overrides for single columns or series.
    overrides: Vec<Value>,
    stacked: bool,
    show_name: bool,
    decimals: Option<u8>,
    /// Minimum and maximum of the axis unless the values exceed them.
    soft_axis: (Option<f64>, Option<f64>),
    /// Text of a panel without data.
    no_value: Option<&'static str>,
}

/// Returns the data source selected in the dashboard.
pub(super) fn data_source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

impl Panel {
    fn new(
        kind: &'static str,
        title: &str,
        description: &str,
        unit: &'static str,
        size: (u32, u32),
    ) -> Self {
        Self {
            kind,
            title: title.to_owned(),
            description: description.to_owned(),
            unit,
            width: size.0,
            height: size.1,
            queries: Vec::new(),
            mappings: Vec::new(),
            thresholds: vec![(None, "text")],
            links: Vec::new(),
            columns: &[],
            sorted_by: &[],
            paged: false,
            units: Vec::new(),
            overrides: Vec::new(),
            stacked: false,
            show_name: false,
            decimals: None,
            soft_axis: (None, None),
            no_value: None,
        }
    }

    /// A single number.
    pub(super) fn stat(title: &str, description: &str, unit: &'static str, expr: String) -> Self {
        Self::new("stat", title, description, unit, (4, 4)).with_query(
            expr,
            "",
            ResultFormat::Instant,
        )
    }

    /// A time series.
    pub(super) fn lines(
        title: &str,
        description: &str,
        unit: &'static str,
        expr: String,
        legend: &str,
    ) -> Self {
        Self::new("timeseries", title, description, unit, (8, 8)).with_query(
            expr,
            legend,
            ResultFormat::Range,
        )
    }

    /// A state timeline.
    pub(super) fn states(title: &str, description: &str, expr: String, legend: &str) -> Self {
        Self::new("state-timeline", title, description, "short", (24, 9)).with_query(
            expr,
            legend,
            ResultFormat::Range,
        )
    }

    /// A heatmap of durations.
    pub(super) fn heatmap(title: &str, description: &str, expr: String) -> Self {
        Self::new("heatmap", title, description, "s", (8, 8)).with_query(
            expr,
            "{{le}}",
            ResultFormat::Heatmap,
        )
    }

    /// Adds a query.
    pub(super) fn query(self, expr: String, legend: &str) -> Self {
        self.with_query(expr, legend, ResultFormat::Range)
    }

    fn with_query(mut self, expr: String, legend: &str, format: ResultFormat) -> Self {
        self.queries.push(Query {
            expr,
            legend: legend.to_owned(),
            format,
            header: None,
        });
        self
    }

    /// Sets the size on a grid of 24 columns.
    pub(super) fn sized(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// Colours the value green, and differently from these values on.
    pub(super) fn thresholds_from_green(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.thresholds = vec![(None, "green")];
        self.thresholds
            .extend(steps.iter().map(|(value, colour)| (Some(*value), *colour)));
        self
    }

    /// Colours the value red, and differently from these values on.
    pub(super) fn thresholds_from_red(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.thresholds = vec![(None, "red")];
        self.thresholds
            .extend(steps.iter().map(|(value, colour)| (Some(*value), *colour)));
        self
    }

    /// Shows values as text with a colour.
    pub(super) fn value_mappings(mut self, words: &[(u8, &str, &str)]) -> Self {
        self.mappings = mappings(
            words
                .iter()
                .map(|(value, text, colour)| (value.to_string(), *text, *colour)),
        );
        self
    }

    /// Gives series fixed colours.
    pub(super) fn series_colours(mut self, lines: &[(&str, &str)]) -> Self {
        self.overrides.extend(lines.iter().map(|(line, colour)| {
            override_for(
                line,
                &[json!({"id": "color", "value": {"fixedColor": colour, "mode": "fixed"}})],
            )
        }));
        self
    }

    /// Sets the number of decimals.
    pub(super) fn decimals(mut self, decimals: u8) -> Self {
        self.decimals = Some(decimals);
        self
    }

    /// Sets the smallest range of the axis, so that small changes look small.
    pub(super) fn soft_axis(mut self, from: f64, to: f64) -> Self {
        self.soft_axis = (Some(from), Some(to));
        self
    }

    /// Starts the axis at zero.
    pub(super) fn axis_from_zero(mut self) -> Self {
        self.soft_axis.0 = Some(0.0);
        self
    }

    /// Sets the text of a panel without data.
    pub(super) fn no_value(mut self, text: &'static str) -> Self {
        self.no_value = Some(text);
        self
    }

    /// Names the series of a panel without a legend.
    pub(super) fn legend(mut self, legend: &str) -> Self {
        for query in &mut self.queries {
            legend.clone_into(&mut query.legend);
        }
        self
    }

    /// Adds a link.
    pub(super) fn link(mut self, title: &str, url: &str) -> Self {
        self.links.push(link_json(title, url));
        self
    }

    /// Stacks the series.
    pub(super) fn stacked(mut self) -> Self {
        self.stacked = true;
        self
    }

    /// Shows the names of the series instead of their values.
    pub(super) fn show_name(mut self) -> Self {
        self.show_name = true;
        self
    }
}

/// Returns an override for one column or series.
fn override_for(name: &str, properties: &[Value]) -> Value {
    json!({"matcher": {"id": "byName", "options": name}, "properties": properties})
}

fn link_json(title: &str, url: &str) -> Value {
    json!({"targetBlank": true, "title": title, "url": url})
}

/// Returns value mappings: each value with its text and colour.
fn mappings<'a>(words: impl Iterator<Item = (String, &'a str, &'a str)>) -> Vec<Value> {
    let options: serde_json::Map<String, Value> = words
        .zip(0..)
        .map(|((value, text, colour), index)| {
            (
                value,
                json!({"color": colour, "index": index, "text": text}),
            )
        })
        .collect();
    vec![json!({"options": options, "type": "value"})]
}
