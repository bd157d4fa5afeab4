//! `ListObjectVersions`.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StartsWith, StoreError};

use super::common_prefix;
use super::encoding::Encoding;
use super::objects::{MAX_KEYS, given, limit};
use crate::acl::owner_id;
use crate::api::{
    CommonPrefix, DeleteMarkerEntry, ListObjectVersionsInput, ListObjectVersionsOutput, ObjectVersion, Owner,
};
use crate::errors::invalid_argument;
use crate::state::{LISTED_OBJECTS, LISTED_VERSIONS, ListedObject, age_key};
use crate::versions;

/// One entry of the listing.
enum Item {
    Version { key: String, latest: bool, version: ListedObject },
    Prefix(String),
}

struct Page {
    items: Vec<Item>,
    truncated: bool,
}

struct Walk<'a> {
    bucket: &'a str,
    prefix: &'a str,
    delimiter: Option<&'a str>,
    key_marker: Option<&'a str>,
    version_id_marker: Option<&'a str>,
    limit: usize,
}

impl Walk<'_> {
    /// The number of the version that the marker names, below which the listing goes on in its key.
    fn below(&self, tx: &ReadTx<'_>) -> Result<Option<u64>, StoreError> {
        let (Some(key), Some(id)) = (self.key_marker, self.version_id_marker) else { return Ok(None) };
        match versions::seq_of(id) {
            Some(seq) => Ok(Some(seq)),
            None => Ok(versions::locate(tx, self.bucket, key, Some(id))?.map(|(_, version)| version.seq)),
        }
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Page, StoreError> {
        let mut page = Page { items: Vec::new(), truncated: false };
        if self.limit == 0 {
            return Ok(page);
        }
        let below = self.below(tx)?;
        let mut rows = tx.prefix(&LISTED_OBJECTS, (self.bucket, StartsWith(self.prefix)))?;
        if let Some(marker) = self.key_marker {
            let start = (self.bucket, marker);
            rows = if below.is_some() { rows.from(start) } else { rows.after(start) };
        }
        while let Some(entry) = rows.next_entry() {
            let entry = entry?;
            let (_, key) = entry.key()?;
            if let Some(common) = common_prefix(&key, self.prefix, self.delimiter) {
                let listed = self.key_marker.is_some_and(|marker| marker.starts_with(common));
                if !listed && !self.push(&mut page, || Item::Prefix(common.to_owned())) {
                    return Ok(page);
                }
                rows.skip_prefix((self.bucket, StartsWith(common)));
                continue;
            }
            let below = below.filter(|_| self.key_marker == Some(key.as_str()));
            let current = entry.value()?;
            if below.is_none_or(|below| current.seq < below) {
                let version = || Item::Version { key: key.clone(), latest: true, version: current };
                if !self.push(&mut page, version) {
                    return Ok(page);
                }
            }
            let mut older = tx.prefix(&LISTED_VERSIONS, (self.bucket, key.as_str()))?;
            if let Some(below) = below {
                older = older.after((self.bucket, key.as_str(), age_key(below)));
            }
            for version in older.values() {
                let version = version?;
                if !self.push(&mut page, || Item::Version { key: key.clone(), latest: false, version }) {
                    return Ok(page);
                }
            }
        }
        Ok(page)
    }

    /// Adds an entry, or notes that there are more than the page holds.
    fn push(&self, page: &mut Page, item: impl FnOnce() -> Item) -> bool {
        if page.items.len() == self.limit {
            page.truncated = true;
            return false;
        }
        page.items.push(item());
        true
    }
}

/// `ListObjectVersions`
pub(crate) async fn list_object_versions(
    ctx: Ctx,
    input: ListObjectVersionsInput,
) -> Result<ListObjectVersionsOutput, AwsError> {
    let encoding = Encoding::of(input.encoding_type.as_deref())?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let key_marker = input.key_marker.as_deref().unwrap_or_default();
    let version_id_marker = input.version_id_marker.as_deref().unwrap_or_default();
    if key_marker.is_empty() && !version_id_marker.is_empty() {
        return Err(invalid_argument(
            "A version-id marker cannot be specified without a key marker.",
            "version-id-marker",
            version_id_marker,
        ));
    }
    let limit = limit(input.max_keys)?;
    let delimiter = given(input.delimiter.as_deref());
    let (bucket, page) = ctx.db().read::<_, AwsError, _>(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let walk = Walk {
            bucket: &input.bucket,
            prefix,
            delimiter,
            key_marker: given(Some(key_marker)),
            version_id_marker: given(Some(version_id_marker)),
            limit,
        };
        Ok((bucket, walk.run(tx)?))
    })?;
    let (next_key, next_version) = match page.items.last().filter(|_| page.truncated) {
        Some(Item::Version { key, version, .. }) => {
            let id = version.version_id.clone().unwrap_or_else(|| "null".to_owned());
            (Some(encoding.write(key)), Some(id))
        }
        Some(Item::Prefix(common)) => (Some(encoding.write(common)), None),
        None => (None, None),
    };
    let owner = || Some(Owner { id: Some(owner_id(&bucket.account)), display_name: None });
    let (mut found, mut markers, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
    for item in page.items {
        let (key, latest, version) = match item {
            Item::Prefix(common) => {
                prefixes.push(CommonPrefix { prefix: Some(encoding.write(&common)) });
                continue;
            }
            Item::Version { key, latest, version } => (encoding.write(&key), latest, version),
        };
        let version_id = Some(version.version_id.unwrap_or_else(|| "null".to_owned()));
        if version.delete_marker {
            markers.push(DeleteMarkerEntry {
                owner: owner(),
                key: Some(key),
                version_id,
                is_latest: Some(latest),
                last_modified: Some(version.modified),
            });
        } else {
            found.push(ObjectVersion {
                e_tag: Some(format!("\"{}\"", version.etag)),
                checksum_type: version.checksum.as_ref().map(|checksum| checksum.kind().to_owned()),
                checksum_algorithm: version.checksum.map(|checksum| vec![checksum.algorithm]),
                size: i64::try_from(version.size).ok(),
                storage_class: Some(version.storage_class),
                key: Some(key),
                version_id,
                is_latest: Some(latest),
                last_modified: Some(version.modified),
                owner: owner(),
                restore_status: None,
            });
        }
    }
    Ok(ListObjectVersionsOutput {
        prefix: Some(encoding.write(prefix)),
        key_marker: Some(encoding.write(key_marker)),
        version_id_marker: Some(version_id_marker.to_owned()),
        next_key_marker: next_key,
        next_version_id_marker: next_version,
        max_keys: Some(i32::try_from(limit).unwrap_or(MAX_KEYS)),
        delimiter: delimiter.map(|delimiter| encoding.write(delimiter)),
        is_truncated: Some(page.truncated),
        versions: (!found.is_empty()).then_some(found),
        delete_markers: (!markers.is_empty()).then_some(markers),
        common_prefixes: (!prefixes.is_empty()).then_some(prefixes),
        name: Some(input.bucket),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}
