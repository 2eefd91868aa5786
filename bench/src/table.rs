//! Tables in Markdown that also read well in a terminal.

/// Columns as wide as their widest cell; numbers to the right. The first is text, and the last unless it has numbers only.
pub(crate) fn aligned(heads: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([head.chars().count(), 3]).max().unwrap_or(3)
        })
        .collect();
    let is_number = |row: &Vec<String>| row.last().is_some_and(|cell| cell.parse::<f64>().is_ok());
    let ends_in_numbers = rows.iter().all(is_number);
    let is_text = |column: usize| column == 0 || (column + 1 == heads.len() && !ends_in_numbers);
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.enumerate().map(|(column, cell)| {
            let width = widths[column];
            match is_text(column) {
                true => format!(" {cell:width$} "),
                false => format!(" {cell:>width$} "),
            }
        });
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        let dashes = "-".repeat(*width);
        match is_text(column) {
            true => format!("-{dashes}-"),
            false => format!("-{dashes}:"),
        }
    });
    let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
    let mut text = line(&mut heads.iter().copied()) + &rule;
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_numbers_stand_to_the_right() {
        let rows = [["nginx", "7", ""].map(str::to_owned).to_vec()];
        assert_eq!(
            aligned(&["", "failed", "how"], &rows),
            "|       | failed | how |\n|-------|-------:|-----|\n| nginx |      7 |     |\n"
        );
    }
}
