//! The rows of S3: buckets, what is configured on them, objects with their versions, uploads.

use std::collections::BTreeMap;

use bytes::Bytes;
use cloudtwin_smithy::{Document, Timestamp};
use cloudtwin_store::{BlobRef, IndexKeys, Payload, Table};
use serde::{Deserialize, Serialize};

/// Buckets, by name: names are unique among all accounts.
pub(crate) const BUCKETS: Table<Bucket> =
    Table::global("s3/buckets").index("by_account", |bucket: &Bucket| IndexKeys::one(&bucket.account));

/// Configurations of buckets, by bucket, kind and id (empty where a bucket has only one).
pub(crate) const CONFIGS: Table<Document, (String, String, String)> = Table::global("s3/bucket_configs");

/// The current version of each object (also if it is a delete marker), by bucket and key.
pub(crate) const OBJECTS: Table<StoredObject, (String, String)> =
    Table::global("s3/objects").blobs(StoredObject::blobs);

/// The current versions as listings need them: the same rows, without bytes.
pub(crate) const LISTED_OBJECTS: Table<ListedObject, (String, String)> =
    Table::global("s3/objects").blobs(|_| Vec::new());

/// Versions that are no longer current, by bucket, key and age: the newest first (see [`age_key`]).
pub(crate) const VERSIONS: Table<StoredObject, (String, String, u64)> =
    Table::global("s3/versions").blobs(StoredObject::blobs);

/// The same rows, without bytes.
pub(crate) const LISTED_VERSIONS: Table<ListedObject, (String, String, u64)> =
    Table::global("s3/versions").blobs(|_| Vec::new());

/// Multipart uploads under way, by bucket, key and upload id.
pub(crate) const UPLOADS: Table<Upload, (String, String, String)> = Table::global("s3/uploads");

/// Parts of uploads under way, by upload id and part number.
pub(crate) const PARTS: Table<UploadedPart, (String, u32)> = Table::global("s3/parts")
    .blobs(|part: &UploadedPart| part.segments.iter().filter_map(Segment::blob).collect());

/// Where a version with this number stands among its key's versions: the newest first.
pub(crate) const fn age_key(seq: u64) -> u64 {
    u64::MAX - seq
}

/// Whether a field need not be written, because absent means the same.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// The account that owns it.
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) versioning: Versioning,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) mfa_delete: Option<String>,
    #[serde(default)]
    pub(crate) object_lock: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) default_retention: Option<DefaultRetention>,
    #[serde(default)]
    pub(crate) encryption: Encryption,
    /// Whether somebody configured `encryption`.
    #[serde(default)]
    pub(crate) encryption_configured: bool,
    /// `BucketOwnerEnforced` …; `None` after the controls were deleted.
    #[serde(default)]
    pub(crate) ownership: Option<String>,
    /// Whether there is a notification configuration.
    #[serde(default)]
    pub(crate) notifies: bool,
    /// Whether there is a lifecycle configuration.
    #[serde(default)]
    pub(crate) has_lifecycle: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) acl: Option<Document>,
}

impl Bucket {
    /// `arn:aws:s3:::name`.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.name)
    }
}

/// Whether a bucket keeps versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    /// It never has.
    #[default]
    Never,
    Enabled,
    Suspended,
}

impl Versioning {
    /// The `Status` in answers.
    pub(crate) fn status(self) -> Option<&'static str> {
        match self {
            Self::Never => None,
            Self::Enabled => Some("Enabled"),
            Self::Suspended => Some("Suspended"),
        }
    }
}

/// How long new objects of a bucket are locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefaultRetention {
    pub(crate) mode: String,
    pub(crate) days: Option<i32>,
    pub(crate) years: Option<i32>,
}

/// How an object is encrypted by the server, or will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub(crate) algorithm: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) kms_key_id: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) context: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) bucket_key: Option<bool>,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { algorithm: "AES256".to_owned(), kms_key_id: None, context: None, bucket_key: None }
    }
}

impl Encryption {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// A customer's own key: only its digest is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CustomerKey {
    pub(crate) algorithm: String,
    /// Base64 of the key's MD5.
    pub(crate) key_md5: String,
}

/// One version of an object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredObject {
    /// The number of this version among those of its key; later versions have higher ones.
    pub(crate) seq: u64,
    /// On the current version: the number of the older version with the id `null`, if there is one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) older_null: Option<u64>,
    /// `None` for the version with the id `null`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) version_id: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) delete_marker: bool,
    pub(crate) modified: Timestamp,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) content: Content,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) checksum: Option<StoredChecksum>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) parts: Vec<PartSummary>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) headers: SystemHeaders,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default = "standard", skip_serializing_if = "is_standard")]
    pub(crate) storage_class: String,
    #[serde(default, skip_serializing_if = "Encryption::is_usual")]
    pub(crate) encryption: Encryption,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) customer_key: Option<CustomerKey>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) tags: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) lock: Lock,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) acl: Option<Document>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) restored_until: Option<Timestamp>,
}

/// The storage class of objects that name none.
pub(crate) const STANDARD: &str = "STANDARD";

fn standard() -> String {
    STANDARD.to_owned()
}

fn is_standard(class: &str) -> bool {
    class == STANDARD
}

impl StoredObject {
    fn blobs(&self) -> Vec<BlobRef> {
        match &self.content {
            Content::Whole(payload) => payload.blobs(),
            Content::Segments(segments) => segments.iter().filter_map(Segment::blob).collect(),
        }
    }

    /// The version's id, `null` included.
    pub(crate) fn id(&self) -> &str {
        self.version_id.as_deref().unwrap_or("null")
    }

    /// The storage class as headers show it: not at all when it is the usual one.
    pub(crate) fn storage_class_header(&self) -> Option<String> {
        (self.storage_class != STANDARD).then(|| self.storage_class.clone())
    }

    /// Whether the object has to be restored before it can be read.
    pub(crate) fn is_archived(&self) -> bool {
        matches!(self.storage_class.as_str(), "GLACIER" | "DEEP_ARCHIVE")
    }
}

/// What listings show of a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ListedObject {
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) version_id: Option<String>,
    #[serde(default)]
    pub(crate) delete_marker: bool,
    pub(crate) modified: Timestamp,
    pub(crate) etag: String,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) checksum: Option<StoredChecksum>,
    #[serde(default = "standard")]
    pub(crate) storage_class: String,
    #[serde(default)]
    pub(crate) restored_until: Option<Timestamp>,
}

/// Where an object's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// In one piece.
    Whole(Payload),
    /// One after the other, as multipart uploads put them together.
    Segments(Vec<Segment>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Whole(Payload::default())
    }
}

impl Content {
    /// The pieces that hold the bytes from `start` to `end` (exclusive).
    pub(crate) fn slice(&self, start: u64, end: u64) -> Vec<Segment> {
        let mut slices = Vec::new();
        let mut at = 0;
        let mut take = |segment: &Segment| {
            let (from, to) = (start.max(at), end.min(at + segment.len));
            if from < to {
                slices.push(segment.slice(from - at, to - at));
            }
            at += segment.len;
        };
        match self {
            Self::Whole(payload) => take(&Segment::whole(payload.clone())),
            Self::Segments(segments) => segments.iter().for_each(&mut take),
        }
        slices
    }
}

/// A range of bytes of a payload. Copying a range of an object copies no bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub(crate) payload: Payload,
    pub(crate) start: u64,
    pub(crate) len: u64,
}

impl Segment {
    /// All of a payload.
    pub(crate) fn whole(payload: Payload) -> Self {
        let len = payload.len();
        Self { payload, start: 0, len }
    }

    fn blob(&self) -> Option<BlobRef> {
        match &self.payload {
            Payload::Inline(_) => None,
            Payload::Blob(blob) => Some(blob.clone()),
        }
    }

    /// A range of this range, which must lie within it.
    fn slice(&self, from: u64, to: u64) -> Self {
        let start = self.start + from;
        let len = to - from;
        match &self.payload {
            // Bytes in rows are cut, so that no row keeps more than it shows.
            Payload::Inline(bytes) => Self::whole(Payload::Inline(cut(bytes, start, len))),
            Payload::Blob(_) => Self { payload: self.payload.clone(), start, len },
        }
    }

    /// The bytes, when they are in the row.
    pub(crate) fn inline(&self) -> Option<Bytes> {
        match &self.payload {
            Payload::Inline(bytes) => Some(cut(bytes, self.start, self.len)),
            Payload::Blob(_) => None,
        }
    }
}

/// `len` bytes from `start` on, or what there is of them.
fn cut(bytes: &Bytes, start: u64, len: u64) -> Bytes {
    let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(start)..at(start.saturating_add(len)))
}

/// The checksum that an object was stored with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredChecksum {
    /// `CRC32` …
    pub(crate) algorithm: String,
    /// Base64; a composite one ends in `-` and the number of parts.
    pub(crate) value: String,
    /// Whether it is made of the parts' checksums.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) composite: bool,
}

impl StoredChecksum {
    /// `FULL_OBJECT` or `COMPOSITE`.
    pub(crate) fn kind(&self) -> &'static str {
        if self.composite { "COMPOSITE" } else { "FULL_OBJECT" }
    }
}

/// What remains of a part when its upload is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartSummary {
    pub(crate) number: u32,
    pub(crate) size: u64,
    /// Base64, in the object's algorithm; only where the upload named one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) checksum: Option<String>,
}

/// Headers that are stored and given back as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SystemHeaders {
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) content_language: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) content_type: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) expires: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) website_redirect_location: Option<String>,
}

/// What keeps a version from being deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lock {
    /// `GOVERNANCE` or `COMPLIANCE`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) mode: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) retain_until: Option<Timestamp>,
    /// `ON` or `OFF`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) legal_hold: Option<String>,
}

/// A multipart upload under way.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) initiated: Timestamp,
    /// What the object will be, but for its content.
    pub(crate) object: StoredObject,
    /// Who began it: id and name.
    pub(crate) initiator: (String, String),
    /// The algorithm that the client asked for.
    pub(crate) algorithm: Option<String>,
    /// `COMPOSITE` or `FULL_OBJECT`, where there is an algorithm.
    pub(crate) checksum_type: Option<String>,
    /// The number of the version that was current at the beginning: a conditional completion
    /// conflicts with writes since then.
    #[serde(default)]
    pub(crate) found: Option<u64>,
}

/// A part of an upload under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UploadedPart {
    pub(crate) modified: Timestamp,
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) segments: Vec<Segment>,
    /// The part's checksum: in the upload's algorithm, else CRC-64/NVME.
    pub(crate) checksum: StoredChecksum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cross_the_borders_of_segments() {
        let piece = |text: &'static str| Segment::whole(Payload::Inline(Bytes::from_static(text.as_bytes())));
        let content = Content::Segments(vec![piece("abc"), piece("defg"), piece("h")]);
        let text = |start, end| {
            let slices = content.slice(start, end);
            slices
                .iter()
                .flat_map(|slice| slice.inline().unwrap().to_vec())
                .map(char::from)
                .collect::<String>()
        };
        assert_eq!(text(0, 8), "abcdefgh");
        assert_eq!(text(2, 5), "cde");
        assert_eq!(text(7, 8), "h");
        assert_eq!(text(3, 3), "");
    }
}
