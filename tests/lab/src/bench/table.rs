//! Table of figures and their limits.

use std::fmt;

/// Measured figures, and notes about the environment.
#[derive(Debug, Default)]
pub(crate) struct Table {
    notes: Vec<String>,
    rows: Vec<Row>,
}

/// A measured figure.
#[derive(Debug)]
pub(crate) struct Row {
    label: String,
    figure: f64,
    unit: &'static str,
    limit: Option<f64>,
    remark: String,
}

// === impl Table ===

impl Table {
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn rows(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.rows.extend(rows);
    }

    pub(crate) fn is_within_limits(&self) -> bool {
        self.rows.iter().all(Row::is_within_limit)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        writeln!(f)?;
        let head = ["", "measured", "limit", "", ""].map(str::to_owned);
        let lines: Vec<_> = [head]
            .into_iter()
            .chain(self.rows.iter().map(Row::cells))
            .collect();
        let width = |column: usize| {
            lines
                .iter()
                .map(|cells| cells[column].chars().count())
                .max()
                .unwrap_or_default()
        };
        let (first, second, third) = (width(0), width(1), width(2));
        for [label, measured, limit, verdict, remark] in &lines {
            let line = format!(
                "{label:first$}  {measured:>second$}  {limit:>third$}  {verdict:4}  {remark}"
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

// === impl Row ===

impl Row {
    /// Creates a row with a figure that must not exceed its limit.
    pub(crate) fn limited(
        label: impl Into<String>,
        figure: impl Figure,
        limit: impl Figure,
        unit: &'static str,
    ) -> Self {
        let row = Self::unlimited(label, figure, unit);
        Self {
            limit: Some(limit.to_f64()),
            ..row
        }
    }

    /// Creates a row with a figure without a limit.
    pub(crate) fn unlimited(
        label: impl Into<String>,
        figure: impl Figure,
        unit: &'static str,
    ) -> Self {
        Self {
            label: label.into(),
            figure: figure.to_f64(),
            unit,
            limit: None,
            remark: String::new(),
        }
    }

    /// Adds a remark.
    pub(crate) fn with(self, remark: impl Into<String>) -> Self {
        Self {
            remark: remark.into(),
            ..self
        }
    }

    /// A figure that could not be measured (NaN) exceeds every limit.
    fn is_within_limit(&self) -> bool {
        self.limit.is_none_or(|limit| self.figure <= limit)
    }

    fn cells(&self) -> [String; 5] {
        let number = |figure: f64| {
            format!("{} {}", number(figure), self.unit)
                .trim_end()
                .to_owned()
        };
        let verdict = match self.limit {
            None => "",
            Some(_) if self.is_within_limit() => "pass",
            Some(_) => "FAIL",
        };
        let limit = self.limit.map(number).unwrap_or_default();
        [
            self.label.clone(),
            number(self.figure),
            limit,
            verdict.to_owned(),
            self.remark.clone(),
        ]
    }
}

/// A type of figure.
pub(crate) trait Figure {
    fn to_f64(self) -> f64;
}

impl Figure for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

impl Figure for u64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "sizes and counts are far below 2^52"
    )]
    fn to_f64(self) -> f64 {
        self as f64
    }
}

/// Formats counts without and measurements with significant decimals.
fn number(figure: f64) -> String {
    if figure.fract() == 0.0 && figure.abs() >= 1.0 || figure >= 1000.0 {
        format!("{figure:.0}")
    } else if figure >= 10.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_above_the_limit_and_nan_fail() {
        let within = |figure: f64| Row::limited("memory", figure, 9.0, "MiB").is_within_limit();
        assert!(within(9.0) && !within(9.01) && !within(f64::NAN));
        assert!(Row::unlimited("memory", 1e9, "MiB").is_within_limit());
    }

    #[test]
    fn table_aligns_figure_limit_and_verdict() {
        let mut table = Table::default();
        table.note("two cores".to_owned());
        table.row(Row::limited("size", 1234_u64, 9000_u64, "bytes"));
        table.row(Row::limited("time", 2.5, 2.0, "ms").with("median"));
        let lines = [
            "two cores",
            "",
            "        measured       limit",
            "size  1234 bytes  9000 bytes  pass",
        ];
        let text = format!(
            "{}\ntime     2.50 ms        2 ms  FAIL  median\n",
            lines.join("\n")
        );
        assert_eq!(table.to_string(), text);
    }
}
