//! Markdown that is safe inside a table cell.

/// Escapes text for a table cell.
pub(crate) fn escape_cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('<', "&lt;")
        .replace('\n', " ")
}
