//! Lists for people: aligned columns, two spaces apart, nothing else.

use std::fmt;

use serde_json::Value;

/// Rows under a heading.
pub struct Columns<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Columns<N> {
    /// With the heading's words, which stand in capitals.
    pub fn new(heading: [&str; N]) -> Self {
        Self {
            rows: vec![heading.map(str::to_uppercase)],
        }
    }

    /// Adds a row. What is empty is shown as `-`, so that a column can be cut out; what would break the line or steer a
    /// terminal is escaped.
    pub fn push(&mut self, row: [String; N]) {
        self.rows.push(row.map(|cell| match cell.as_str() {
            "" => "-".to_owned(),
            cell => printable(cell),
        }));
    }
}

/// A value of the API as a cell.
pub fn word(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The text without control characters.
pub fn printable(text: &str) -> String {
    let shown = text.chars().map(|c| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    shown.collect()
}

impl<const N: usize> fmt::Display for Columns<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: [usize; N] = std::array::from_fn(width);
        for row in &self.rows {
            let cells = row.iter().zip(widths);
            let line: String = cells
                .map(|(cell, width)| format!("{cell:width$}  "))
                .collect();
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut columns = Columns::new(["name", "state"]);
        columns.push(["web".into(), "ready".into()]);
        columns.push(["a longer one".into(), String::new()]);
        assert_eq!(
            columns.to_string(),
            "NAME          STATE\nweb           ready\na longer one  -\n"
        );
    }

    #[test]
    fn what_proxies_call_themselves_can_not_steer_the_terminal() {
        let mut columns = Columns::new(["node"]);
        columns.push(["\u{1b}[2Jgone\nroot".into()]);
        assert_eq!(columns.to_string(), "NODE\n\\u{1b}[2Jgone\\nroot\n");
    }
}
