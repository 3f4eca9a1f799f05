//! Tables: columns from labels and values, their order, colours and links.

use serde_json::{Map, Value, json};

use crate::alerting::dashboards::panel::{Panel, ResultFormat, link_json, mappings, override_for};

impl Panel {
    /// A table: one row per series, with labels or named values as columns.
    pub(in crate::alerting::dashboards) fn table(
        title: &str,
        description: &str,
        expr: String,
        columns: &'static [&'static str],
    ) -> Self {
        let panel = Self::new("table", title, description, "short", (12, 8));
        Self {
            columns,
            ..panel.with_query(expr, "", ResultFormat::Table)
        }
    }

    /// Shows the values of the only query of a table in a column with this header.
    pub(in crate::alerting::dashboards) fn value_column(mut self, header: &'static str) -> Self {
        for query in &mut self.queries {
            query.header = Some(header);
        }
        self
    }

    /// Adds a query to a table: its values become a column with this header, in the row with the
    /// same labels.
    pub(in crate::alerting::dashboards) fn joined_column(
        mut self,
        header: &'static str,
        expr: String,
    ) -> Self {
        self = self.with_query(expr, "", ResultFormat::Table);
        if let Some(query) = self.queries.last_mut() {
            query.header = Some(header);
        }
        self
    }

    /// Sorts a table by these columns, highest value first.
    pub(in crate::alerting::dashboards) fn sorted_by(
        mut self,
        columns: &'static [&'static str],
    ) -> Self {
        self.sorted_by = columns;
        self
    }

    /// Splits a table into pages, and lets viewers filter its columns.
    pub(in crate::alerting::dashboards) fn paged(mut self) -> Self {
        self.paged = true;
        self
    }

    /// Shows the numbers of a table column as words with a colour.
    pub(in crate::alerting::dashboards) fn column_words(
        mut self,
        column: &str,
        words: &[(u8, &str, &str)],
    ) -> Self {
        let words = mappings(
            words
                .iter()
                .map(|(value, text, colour)| (value.to_string(), *text, *colour)),
        );
        self.overrides.push(override_for(
            column,
            &[
                json!({"id": "custom.cellOptions", "value": {"type": "color-text"}}),
                json!({"id": "custom.align", "value": "left"}),
                json!({"id": "mappings", "value": words}),
            ],
        ));
        self
    }

    /// Replaces the values of a table column with texts, which may be long.
    pub(in crate::alerting::dashboards) fn column_texts(
        mut self,
        column: &str,
        texts: impl Iterator<Item = (String, String)>,
    ) -> Self {
        let options: Map<String, Value> = texts
            .map(|(value, text)| (value, json!({"text": text})))
            .collect();
        self.overrides.push(override_for(
            column,
            &[
                json!({"id": "custom.cellOptions", "value": {"type": "auto", "wrapText": true}}),
                // Its name in newer versions of Grafana.
                json!({"id": "custom.wrapText", "value": true}),
                json!({"id": "mappings", "value": [{"options": options, "type": "value"}]}),
            ],
        ));
        self
    }

    /// Hides a table column, to which links may still refer.
    pub(in crate::alerting::dashboards) fn hidden_column(mut self, column: &str) -> Self {
        self.overrides.push(override_for(
            column,
            &[
                json!({"id": "custom.hidden", "value": true}),
                // Its name in newer versions of Grafana.
                json!({"id": "custom.hideFrom", "value": {"legend": true, "tooltip": true, "viz": true}}),
            ],
        ));
        self
    }

    /// Sets the text of empty cells in a table column; otherwise it is that of an empty table.
    pub(in crate::alerting::dashboards) fn empty_cells(mut self, column: &str, text: &str) -> Self {
        self.overrides.push(override_for(
            column,
            &[json!({"id": "noValue", "value": text})],
        ));
        self
    }

    /// Sets the unit of a table column.
    pub(in crate::alerting::dashboards) fn column_unit(
        mut self,
        column: &'static str,
        unit: &'static str,
    ) -> Self {
        self.units.push((column, unit));
        self
    }

    /// Colours the numbers of a table column: the first colour below the limit, the second from it
    /// on.
    pub(in crate::alerting::dashboards) fn column_threshold(
        mut self,
        column: &str,
        (below, limit, above): (&str, f64, &str),
    ) -> Self {
        let steps = json!([{"color": below, "value": null}, {"color": above, "value": limit}]);
        self.overrides.push(override_for(
            column,
            &[
                json!({"id": "custom.cellOptions", "value": {"type": "color-text"}}),
                json!({"id": "thresholds", "value": {"mode": "absolute", "steps": steps}}),
            ],
        ));
        self
    }

    /// Sets the width of a table column in pixels.
    pub(in crate::alerting::dashboards) fn column_width(
        mut self,
        column: &str,
        width: u32,
    ) -> Self {
        self.overrides.push(override_for(
            column,
            &[json!({"id": "custom.width", "value": width})],
        ));
        self
    }

    /// Adds a link to a table column.
    pub(in crate::alerting::dashboards) fn column_link(
        mut self,
        column: &str,
        title: &str,
        url: &str,
    ) -> Self {
        self.overrides.push(override_for(
            column,
            &[json!({"id": "links", "value": [link_json(title, url)]})],
        ));
        self
    }

    /// Links a table column to a page of the runbooks. Without a base URL there is no link, because
    /// a relative one would lead into Grafana.
    pub(in crate::alerting::dashboards) fn runbook_link(
        self,
        base: &str,
        column: &str,
        title: &str,
        page: &str,
    ) -> Self {
        if base.is_empty() {
            return self;
        }
        self.column_link(column, title, &format!("{base}/{page}.md"))
    }

    /// Joins the queries of a table, and names, orders and hides its columns.
    pub(super) fn transformations(&self) -> Value {
        let joined = self.queries.len() > 1;
        let renamed: Vec<(String, &str)> = self
            .queries
            .iter()
            .zip('A'..)
            .filter_map(|(query, id)| {
                let field = if joined {
                    format!("Value #{id}")
                } else {
                    "Value".to_owned()
                };
                Some((field, query.header?))
            })
            .collect();
        let field = |column: &str| {
            renamed
                .iter()
                .find(|(_, header)| *header == column)
                .map_or_else(|| column.to_owned(), |(field, _)| field.clone())
        };
        let hidden = ["Time", "__name__"]
            .into_iter()
            .chain(renamed.is_empty().then_some("Value"));
        let excluded: Map<String, Value> =
            hidden.map(|name| (name.to_owned(), json!(true))).collect();
        let order: Map<String, Value> = self
            .columns
            .iter()
            .zip(0..)
            .map(|(column, index)| (field(column), json!(index)))
            .collect();
        let names: Map<String, Value> = renamed
            .iter()
            .map(|(field, header)| (field.clone(), json!(header)))
            .collect();
        let organize = json!({"id": "organize", "options": {"excludeByName": excluded, "indexByName": order, "renameByName": names}});
        if joined {
            json!([{"id": "merge", "options": {}}, organize])
        } else {
            json!([organize])
        }
    }
}
