//! Where the statements of a document stand, as simulations tell it.

/// A place in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters from 1.
    pub column: usize,
}

/// Where each statement of a policy starts and ends: right after its opening and its closing brace,
/// which is what `SimulateCustomPolicy` calls its positions.
///
/// The document is one that [`Policy::parse`](crate::Policy::parse) takes; of another, the positions mean nothing.
///
/// ```
/// let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
/// let positions = cloudtwin_policy::statement_positions(document);
/// assert_eq!((positions[0].0.line, positions[0].0.column), (1, 38));
/// assert_eq!((positions[0].1.line, positions[0].1.column), (1, 83));
/// ```
#[must_use]
pub fn statement_positions(document: &str) -> Vec<(Position, Position)> {
    let mut positions = Vec::new();
    let mut at = Position { line: 1, column: 1 };
    let (mut depth, mut start) = (0_usize, None);
    // The text that is being read, if one is, and the last one that was.
    let (mut text, mut escaped, mut last, mut key) = (None::<String>, false, String::new(), String::new());
    let mut in_list = false;
    for character in document.chars() {
        at.column += 1;
        if character == '\n' {
            at = Position { line: at.line + 1, column: 1 };
        }
        if let Some(read) = &mut text {
            match character {
                '"' if !escaped => last = text.take().unwrap_or_default(),
                character if depth == 1 => read.push(character),
                _ => {}
            }
            escaped = character == '\\' && !escaped;
            continue;
        }
        match character {
            '"' => text = Some(String::new()),
            ':' if depth == 1 => key = std::mem::take(&mut last),
            '{' | '[' => {
                depth += 1;
                let of_statement = key == "Statement";
                if depth == 2 && character == '[' {
                    in_list = of_statement;
                } else if of_statement && character == '{' && depth == if in_list { 3 } else { 2 } {
                    start = Some((depth, at));
                }
            }
            '}' | ']' => {
                if let Some((_, from)) = start.filter(|(opened, _)| *opened == depth) {
                    positions.push((from, at));
                    start = None;
                }
                depth = depth.saturating_sub(1);
                in_list &= depth > 1;
            }
            _ => {}
        }
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_found_wherever_they_stand() {
        let document = "{\n  \"Id\": \"{\\\"Statement\\\":[{\",\n  \"Statement\": [\n    {\"Sid\": \"a}\", \"Condition\": {\"Bool\": {}}},\n    {\n    }\n  ],\n  \"Version\": \"2012-10-17\"\n}";
        let positions = statement_positions(document);
        let place = |line, column| Position { line, column };
        assert_eq!(positions, [(place(4, 6), place(4, 45)), (place(5, 6), place(6, 6))]);
    }

    #[test]
    fn where_there_are_no_statements_there_are_no_positions() {
        for document in ["", "[[{", "}}]]", "{\"Statement\":[]}"] {
            assert!(statement_positions(document).is_empty(), "{document}");
        }
    }
}
