//! Going through the keys of a bucket.

use cloudtwin_store::{ReadTx, StartsWith, StoreError};

use crate::state::{LISTED_OBJECTS, ListedObject};

/// What is asked for.
pub(super) struct Walk<'a> {
    pub(super) bucket: &'a str,
    pub(super) prefix: &'a str,
    pub(super) delimiter: Option<&'a str>,
    /// Keys up to this one, and common prefixes that it begins with, have been listed.
    pub(super) after: Option<&'a str>,
    pub(super) limit: usize,
}

/// One entry of a listing.
pub(super) enum Item {
    Object(String, ListedObject),
    Prefix(String),
}

/// A page.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    pub(super) truncated: bool,
}

impl Page {
    /// The key or prefix with which the page ends.
    pub(super) fn last(&self) -> Option<&str> {
        self.items.last().map(|item| match item {
            Item::Object(text, _) | Item::Prefix(text) => text.as_str(),
        })
    }
}

/// The common prefix that `key` is rolled up in.
pub(crate) fn common_prefix<'k>(key: &'k str, prefix: &str, delimiter: Option<&str>) -> Option<&'k str> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.get(prefix.len()..)?;
    let end = prefix.len() + rest.find(delimiter)? + delimiter.len();
    key.get(..end)
}

impl Walk<'_> {
    /// Lists current versions that are not delete markers.
    pub(super) fn objects(&self, tx: &ReadTx<'_>) -> Result<Page, StoreError> {
        let mut page = Page { items: Vec::new(), truncated: false };
        if self.limit == 0 {
            return Ok(page);
        }
        let mut rows = tx.prefix(&LISTED_OBJECTS, (self.bucket, StartsWith(self.prefix)))?;
        if let Some(after) = self.after {
            rows = rows.after((self.bucket, after));
        }
        while let Some(entry) = rows.next_entry() {
            let entry = entry?;
            let (_, key) = entry.key()?;
            let rolled_up = common_prefix(&key, self.prefix, self.delimiter);
            if let Some(common) = rolled_up
                && self.after.is_some_and(|after| after.starts_with(common))
            {
                rows.skip_prefix((self.bucket, StartsWith(common)));
                continue;
            }
            let object = entry.value()?;
            if object.delete_marker {
                continue;
            }
            if page.items.len() == self.limit {
                page.truncated = true;
                break;
            }
            match rolled_up {
                Some(common) => {
                    page.items.push(Item::Prefix(common.to_owned()));
                    rows.skip_prefix((self.bucket, StartsWith(common)));
                }
                None => page.items.push(Item::Object(key, object)),
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_roll_up_behind_the_prefix() {
        assert_eq!(common_prefix("a/b/c", "", Some("/")), Some("a/"));
        assert_eq!(common_prefix("a/b/c", "a/", Some("/")), Some("a/b/"));
        assert_eq!(common_prefix("a/b/c", "a/b/", Some("/")), None);
        assert_eq!(common_prefix("a/b/c", "a", Some("/b")), Some("a/b"));
        assert_eq!(common_prefix("abc", "", Some("")), None);
        assert_eq!(common_prefix("äöü", "ä", Some("ü")), Some("äöü"));
    }
}
