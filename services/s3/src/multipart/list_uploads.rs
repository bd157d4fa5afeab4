//! The uploads under way in a bucket.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StartsWith};

use crate::acl::owner_id;
use crate::api::{
    CommonPrefix, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload, Owner,
};
use crate::errors::invalid_argument;
use crate::listing::common_prefix;
use crate::listing::encoding::Encoding;
use crate::state::{UPLOADS, Upload};
use crate::versions;

const MAX_UPLOADS: i32 = 1000;

enum Item {
    Upload(String, String, Box<Upload>),
    Prefix(String),
}

struct Walk<'a> {
    bucket: &'a str,
    prefix: &'a str,
    delimiter: Option<&'a str>,
    key_marker: Option<&'a str>,
    upload_id_marker: Option<&'a str>,
    limit: usize,
}

impl Walk<'_> {
    fn run(&self, tx: &ReadTx<'_>) -> Result<(Vec<Item>, bool), AwsError> {
        let mut items = Vec::new();
        let mut rows = tx.prefix(&UPLOADS, (self.bucket, StartsWith(self.prefix)))?;
        match (self.key_marker, self.upload_id_marker) {
            (Some(key), Some(upload_id)) => {
                if !tx.contains(&UPLOADS, (self.bucket, key, upload_id))? {
                    return Err(invalid_argument("Invalid uploadId marker", "upload-id-marker", upload_id));
                }
                rows = rows.after((self.bucket, key, upload_id));
            }
            // A key without an upload of its own: behind all of its uploads, whose ids are ASCII.
            (Some(key), None) => rows = rows.after((self.bucket, key, "\u{7f}")),
            (None, _) => {}
        }
        while let Some(entry) = rows.next_entry() {
            let entry = entry?;
            let (_, key, upload_id) = entry.key()?;
            let rolled_up = common_prefix(&key, self.prefix, self.delimiter);
            if let Some(common) = rolled_up
                && self.key_marker.is_some_and(|marker| marker.starts_with(common))
            {
                rows.skip_prefix((self.bucket, StartsWith(common)));
                continue;
            }
            if items.len() == self.limit {
                return Ok((items, self.limit > 0));
            }
            match rolled_up {
                Some(common) => {
                    items.push(Item::Prefix(common.to_owned()));
                    rows.skip_prefix((self.bucket, StartsWith(common)));
                }
                None => items.push(Item::Upload(key, upload_id, Box::new(entry.value()?))),
            }
        }
        Ok((items, false))
    }
}

/// `ListMultipartUploads`
pub(crate) async fn list_multipart_uploads(
    ctx: Ctx,
    input: ListMultipartUploadsInput,
) -> Result<ListMultipartUploadsOutput, AwsError> {
    let encoding = Encoding::of(input.encoding_type.as_deref())?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (key_marker, upload_id_marker) = (given(&input.key_marker), given(&input.upload_id_marker));
    // Alone it means nothing.
    let upload_id_marker = upload_id_marker.filter(|_| key_marker.is_some());
    let (prefix, delimiter) = (given(&input.prefix), given(&input.delimiter));
    let max_uploads = input.max_uploads.unwrap_or(MAX_UPLOADS).min(MAX_UPLOADS);
    let limit = usize::try_from(max_uploads).map_err(|_| {
        invalid_argument(
            "Argument max-uploads must be an integer between 0 and 2147483647",
            "max-uploads",
            &max_uploads.to_string(),
        )
    })?;
    let (bucket, (items, truncated)) = ctx.db().read::<_, AwsError, _>(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let walk = Walk {
            bucket: &input.bucket,
            prefix: prefix.as_deref().unwrap_or_default(),
            delimiter: delimiter.as_deref(),
            key_marker: key_marker.as_deref(),
            upload_id_marker: upload_id_marker.as_deref(),
            limit,
        };
        Ok((bucket, walk.run(tx)?))
    })?;
    let (next_key, next_id) = match items.last() {
        Some(Item::Upload(key, upload_id, _)) => (encoding.write(key), upload_id.clone()),
        _ => (String::new(), String::new()),
    };
    let (mut uploads, mut prefixes) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Prefix(common) => prefixes.push(CommonPrefix { prefix: Some(encoding.write(&common)) }),
            Item::Upload(key, upload_id, upload) => {
                let (id, name) = upload.initiator;
                uploads.push(MultipartUpload {
                    upload_id: Some(upload_id),
                    key: Some(encoding.write(&key)),
                    initiated: Some(upload.initiated),
                    storage_class: Some(upload.object.storage_class),
                    owner: Some(Owner { id: Some(owner_id(&bucket.account)), display_name: None }),
                    initiator: Some(Initiator { id: Some(id), display_name: Some(name) }),
                    checksum_algorithm: upload.algorithm,
                    checksum_type: upload.checksum_type,
                    version_id: None,
                });
            }
        }
    }
    Ok(ListMultipartUploadsOutput {
        key_marker: Some(key_marker.map_or_else(String::new, |marker| encoding.write(&marker))),
        upload_id_marker: Some(upload_id_marker.unwrap_or_default()),
        next_key_marker: Some(next_key),
        next_upload_id_marker: Some(next_id),
        prefix: prefix.map(|prefix| encoding.write(&prefix)),
        delimiter: delimiter.map(|delimiter| encoding.write(&delimiter)),
        max_uploads: Some(max_uploads),
        is_truncated: Some(truncated),
        uploads: (!uploads.is_empty()).then_some(uploads),
        common_prefixes: (!prefixes.is_empty()).then_some(prefixes),
        bucket: Some(input.bucket),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}
