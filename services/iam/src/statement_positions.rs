//! Where the statements of a policy stand in its text, as the simulator tells it: lines and columns from 1. A
//! statement begins behind the character before it (`[` or `,`), or behind its own `{` where it is not in a list,
//! and ends behind its `}`.

use crate::api::Position;

/// Beginnings and ends of the statements of a document, which is JSON.
pub(crate) fn statement_positions(document: &str) -> Vec<(Position, Position)> {
    let mut found = Vec::new();
    let mut start = None;
    // Whether `Statement` is a list: how deep its statements are.
    let mut statements_at = None;
    let mut depth = 0_usize;
    let mut texts = Texts::default();
    let (mut line, mut column) = (1, 1);
    for character in document.chars() {
        column += 1;
        let here = || Position { line: Some(line), column: Some(column) };
        match character {
            '\n' => (line, column) = (line + 1, 1),
            _ if texts.take(character) => {}
            '{' | '[' => {
                let is_value = depth == 1 && texts.last == "Statement" && statements_at.is_none();
                depth += 1;
                if is_value {
                    statements_at = Some(if character == '[' { 3 } else { 2 });
                    start = Some(here());
                }
            }
            '}' | ']' => {
                let is_end = character == '}' && statements_at == Some(depth);
                if let Some(start) = start.take_if(|_| is_end) {
                    found.push((start, here()));
                }
                depth = depth.saturating_sub(1);
                if depth < 2 {
                    // Whatever follows is no statement any more.
                    statements_at = statements_at.map(|_| usize::MAX);
                }
            }
            ',' if statements_at == Some(depth + 1) => start = Some(here()),
            _ => {}
        }
    }
    found
}

/// The strings of a text in JSON.
#[derive(Default)]
struct Texts {
    /// The latest one, which a colon after it makes a name.
    last: String,
    open: bool,
    escaped: bool,
}

impl Texts {
    /// Whether a character belongs to a string.
    fn take(&mut self, character: char) -> bool {
        if !self.open {
            if character == '"' {
                self.open = true;
                self.last.clear();
            }
            return character == '"';
        }
        match character {
            _ if self.escaped => self.escaped = false,
            '\\' => self.escaped = true,
            '"' => {
                self.open = false;
                return true;
            }
            _ => {}
        }
        self.last.push(character);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn positions(document: &str) -> Vec<[i32; 4]> {
        let numbers = |(start, end): (Position, Position)| {
            [start.line, start.column, end.line, end.column].map(Option::unwrap_or_default)
        };
        statement_positions(document).into_iter().map(numbers).collect()
    }

    #[test]
    fn statements_are_where_aws_sees_them() {
        // As recorded from AWS.
        let one = r#"{"Version": "2012-10-17", "Statement": {"Sid": "", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}}"#;
        assert_eq!(positions(one), [[1, 41, 1, 113]]);
        let administrator = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}";
        assert_eq!(positions(administrator), [[3, 17, 8, 6]]);
    }

    #[test]
    fn each_statement_has_its_place() {
        let two =
            r#"{"Id":"Statement","Statement":[{"Condition":{"a":{"b":["}"]}}},{"Sid":"]"}],"Version":""}"#;
        assert_eq!(positions(two), [[1, 32, 1, 63], [1, 64, 1, 75]]);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[{}\\[\\]\",:\\\\a\n]{0,60}") {
            let _ = statement_positions(&text);
        }
    }
}
