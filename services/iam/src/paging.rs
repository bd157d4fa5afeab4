//! Lists in pages: `Marker`, `MaxItems`, `IsTruncated`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_smithy::AwsError;

use crate::errors;

/// How many items a page has when the caller does not say.
const DEFAULT_MAX_ITEMS: usize = 100;

/// One page of a list.
pub(crate) struct Page<T> {
    /// The items on it.
    pub(crate) items: Vec<T>,
    /// What asks for the next page, if there is one.
    pub(crate) marker: Option<String>,
}

impl<T> Page<T> {
    /// Whether there is more.
    pub(crate) fn is_truncated(&self) -> Option<bool> {
        Some(self.marker.is_some())
    }
}

/// The page of `items` that begins after the item that `marker` names. `key` names an item within the list; if
/// the named item is gone, the list goes on at the first one with a greater key.
pub(crate) fn page<T>(
    mut items: Vec<T>,
    key: impl Fn(&T) -> String,
    marker: Option<&str>,
    max_items: Option<i32>,
) -> Result<Page<T>, AwsError> {
    if let Some(marker) = marker {
        let last = decode(marker)?;
        let start = match items.iter().position(|item| key(item) == last) {
            Some(found) => found + 1,
            None => items.iter().position(|item| key(item) > last).unwrap_or(items.len()),
        };
        items.drain(..start);
    }
    let max = max_items.and_then(|max| usize::try_from(max).ok()).unwrap_or(DEFAULT_MAX_ITEMS);
    if items.len() <= max {
        return Ok(Page { items, marker: None });
    }
    items.truncate(max);
    let marker = items.last().map(|item| STANDARD.encode(key(item)));
    Ok(Page { items, marker })
}

fn decode(marker: &str) -> Result<String, AwsError> {
    STANDARD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| errors::validation(format!("Invalid Marker: {marker}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(items: &[&str], max: i32) -> Vec<Vec<String>> {
        let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        let (mut pages, mut marker) = (Vec::new(), None);
        loop {
            let page = page(items.clone(), Clone::clone, marker.as_deref(), Some(max)).unwrap();
            pages.push(page.items);
            marker = page.marker;
            if marker.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn a_list_is_read_page_by_page() {
        assert_eq!(pages(&["b", "a", "c"], 2), [vec!["b", "a"], vec!["c"]]);
        assert_eq!(pages(&["a", "b"], 2), [["a", "b"]]);
        assert_eq!(pages(&[], 2), [Vec::<String>::new()]);
    }

    #[test]
    fn a_list_goes_on_when_its_last_item_is_gone() {
        let marker = page(vec!["a", "b", "c"], |s| (*s).to_owned(), None, Some(2)).unwrap().marker;
        let next = page(vec!["a", "c"], |s| (*s).to_owned(), marker.as_deref(), Some(2)).unwrap();
        assert_eq!(next.items, ["c"]);
        assert!(page(vec!["a"], |s| (*s).to_owned(), Some("%"), None).is_err());
    }
}
