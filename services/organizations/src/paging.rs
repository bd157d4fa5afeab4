//! Lists in pages: `NextToken`, `MaxResults`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_smithy::AwsError;

use crate::errors;

/// How many items a page has when the caller does not say, and at most.
const DEFAULT_MAX_RESULTS: usize = 20;

/// The page of `items` after the one that `token` names, and what asks for the next. `key` names an item; if the
/// named one is gone, the list goes on at the first with a greater key.
pub(crate) fn page<T>(
    mut items: Vec<T>,
    key: impl Fn(&T) -> &str,
    token: Option<&str>,
    max_results: Option<i32>,
) -> Result<(Vec<T>, Option<String>), AwsError> {
    if let Some(token) = token {
        let last = STANDARD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| errors::invalid_value("INVALID_NEXT_TOKEN"))?;
        let start = match items.iter().position(|item| key(item) == last) {
            Some(found) => found + 1,
            None => items.iter().position(|item| key(item) > last.as_str()).unwrap_or(items.len()),
        };
        items.drain(..start);
    }
    let max = max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(DEFAULT_MAX_RESULTS);
    if items.len() <= max {
        return Ok((items, None));
    }
    items.truncate(max);
    let token = items.last().map(|item| STANDARD.encode(key(item)));
    Ok((items, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_page_by_page() {
        let items = || vec!["b", "a", "c"];
        let (first, token) = page(items(), |item| item, None, Some(2)).unwrap();
        assert_eq!(first, ["b", "a"]);
        let (last, end) = page(items(), |item| item, token.as_deref(), Some(2)).unwrap();
        assert_eq!((last, end), (vec!["c"], None));
        let gone = page(vec!["b", "c"], |item| item, token.as_deref(), None).unwrap();
        assert_eq!(gone.0, ["b", "c"]);
        assert_eq!(page(items(), |item| item, Some("%"), None).unwrap_err().code(), "InvalidInputException");
    }
}
