//! Tables for people.

/// Draws rows in columns; without a header when that is empty.
pub(crate) fn draw(header: &[&str], rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).chain([header.len()]).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |cells: &[&str]| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = String::new();
    if !header.is_empty() {
        text += &line(header);
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        text += &line(&rules.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for row in rows {
        text += &line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let rows = [vec!["s3".to_owned(), "running".to_owned()], vec!["dynamodb".to_owned(), "x".to_owned()]];
        assert_eq!(
            draw(&["Service", "Status"], &rows),
            "Service   Status\n--------  -------\ns3        running\ndynamodb  x\n"
        );
    }
}
