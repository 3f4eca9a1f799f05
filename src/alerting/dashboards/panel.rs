//! One panel: what it asks, and how it is drawn.

mod json;

use serde_json::{Value, json};

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
    /// A table's columns from left to right.
    columns: &'static [&'static str],
    /// What holds for single columns or lines.
    overrides: Vec<Value>,
    stacked: bool,
    by_name: bool,
    decimals: Option<u8>,
    /// The least and the most that the axis shows when less is to be seen.
    axis: (Option<f64>, Option<f64>),
    /// What stands there when there is nothing.
    otherwise: Option<&'static str>,
}

/// The data source that the reader has chosen.
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
            targets: Vec::new(),
            mappings: Vec::new(),
            thresholds: vec![(None, "text")],
            links: Vec::new(),
            columns: &[],
            overrides: Vec::new(),
            stacked: false,
            by_name: false,
            decimals: None,
            axis: (None, None),
            otherwise: None,
        }
    }

    /// One number that answers a question.
    pub(super) fn stat(title: &str, description: &str, unit: &'static str, expr: String) -> Self {
        Self::new("stat", title, description, unit, (4, 4)).asking(expr, "", Form::Instant)
    }

    /// Lines over time.
    pub(super) fn lines(
        title: &str,
        description: &str,
        unit: &'static str,
        expr: String,
        legend: &str,
    ) -> Self {
        Self::new("timeseries", title, description, unit, (8, 8)).asking(expr, legend, Form::Range)
    }

    /// Coloured bars over time.
    pub(super) fn states(title: &str, description: &str, expr: String, legend: &str) -> Self {
        Self::new("state-timeline", title, description, "short", (24, 9)).asking(
            expr,
            legend,
            Form::Range,
        )
    }

    /// How often something took how long.
    pub(super) fn heatmap(title: &str, description: &str, expr: String) -> Self {
        Self::new("heatmap", title, description, "s", (8, 8)).asking(expr, "{{le}}", Form::Heatmap)
    }

    /// One row for each series, with these labels, or `Value`, as columns.
    pub(super) fn table(
        title: &str,
        description: &str,
        expr: String,
        columns: &'static [&'static str],
    ) -> Self {
        let panel = Self::new("table", title, description, "short", (12, 8));
        Self {
            columns,
            ..panel.asking(expr, "", Form::Table)
        }
    }

    /// One more query.
    pub(super) fn and(self, expr: String, legend: &str) -> Self {
        self.asking(expr, legend, Form::Range)
    }

    fn asking(mut self, expr: String, legend: &str, form: Form) -> Self {
        self.targets.push(Target {
            expr,
            legend: legend.to_owned(),
            form,
        });
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
        self.thresholds
            .extend(steps.iter().map(|(value, colour)| (Some(*value), *colour)));
        self
    }

    /// Red, and from these values on other colours.
    pub(super) fn red_until(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.thresholds = vec![(None, "red")];
        self.thresholds
            .extend(steps.iter().map(|(value, colour)| (Some(*value), *colour)));
        self
    }

    /// A value, its word and its colour.
    pub(super) fn worded(mut self, words: &[(u8, &str, &str)]) -> Self {
        self.mappings = mappings(
            words
                .iter()
                .map(|(value, text, colour)| (value.to_string(), *text, *colour)),
        );
        self
    }

    /// The words of a table's column in their colours.
    pub(super) fn coloured(mut self, column: &str, words: &[(&str, &str)]) -> Self {
        let words = mappings(
            words
                .iter()
                .map(|(word, colour)| ((*word).to_owned(), *word, *colour)),
        );
        let text = json!({"id": "custom.cellOptions", "value": {"type": "color-text"}});
        self.overrides.push(only_for(
            column,
            &[text, json!({"id": "mappings", "value": words})],
        ));
        self
    }

    /// Lines that keep their colours whatever else is drawn.
    pub(super) fn painted(mut self, lines: &[(&str, &str)]) -> Self {
        self.overrides.extend(lines.iter().map(|(line, colour)| {
            only_for(
                line,
                &[json!({"id": "color", "value": {"fixedColor": colour, "mode": "fixed"}})],
            )
        }));
        self
    }

    /// A column for words that are longer than others.
    pub(super) fn wide(mut self, column: &str) -> Self {
        self.overrides.push(only_for(
            column,
            &[json!({"id": "custom.width", "value": 300})],
        ));
        self
    }

    /// Where a click on a table's column leads.
    pub(super) fn linked_at(mut self, column: &str, title: &str, url: &str) -> Self {
        self.overrides.push(only_for(
            column,
            &[json!({"id": "links", "value": [link(title, url)]})],
        ));
        self
    }

    /// So many digits behind the point.
    pub(super) fn decimals(mut self, decimals: u8) -> Self {
        self.decimals = Some(decimals);
        self
    }

    /// The axis shows at least this much, so that nothing looks like something.
    pub(super) fn at_least(mut self, from: f64, to: f64) -> Self {
        self.axis = (Some(from), Some(to));
        self
    }

    /// The axis begins at zero.
    pub(super) fn beginning_at_zero(mut self) -> Self {
        self.axis.0 = Some(0.0);
        self
    }

    /// What stands there when nothing is answered.
    pub(super) fn otherwise(mut self, text: &'static str) -> Self {
        self.otherwise = Some(text);
        self
    }

    /// The name of a series of a panel that has no legend of its own.
    pub(super) fn named(mut self, legend: &str) -> Self {
        for target in &mut self.targets {
            legend.clone_into(&mut target.legend);
        }
        self
    }

    /// Where a click leads.
    pub(super) fn linked(mut self, title: &str, url: &str) -> Self {
        self.links.push(link(title, url));
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
}

/// Properties of one column or line.
fn only_for(name: &str, properties: &[Value]) -> Value {
    json!({"matcher": {"id": "byName", "options": name}, "properties": properties})
}

fn link(title: &str, url: &str) -> Value {
    json!({"targetBlank": true, "title": title, "url": url})
}

/// Values, or words, with the text and the colour that stand for each.
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
