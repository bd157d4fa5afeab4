//! Uploads in one request.

use std::sync::Arc;

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{Staged, Tx};

use crate::acl;
use crate::api::{PutObjectInput, PutObjectOutput};
use crate::body;
use crate::checksums::{self, Plan, given_checksums, show_checksum};
use crate::conditions::WriteConditions;
use crate::encryption::{requested_encryption, show_encryption};
use crate::lifecycle::expiration;
use crate::metadata::{self, system_headers};
use crate::notification::events::{Event, Notifier};
use crate::object_lock::requested_lock;
use crate::state::{Bucket, Content, OBJECTS, StoredObject};
use crate::tagging;
use crate::versions::{self, Made};

/// `PutObject`
pub(crate) async fn put_object(ctx: Ctx, mut input: PutObjectInput) -> Result<PutObjectOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    // Looked up before the body is read, so that a refusal does not wait for it.
    let bucket = ctx.db().read(|tx| versions::shared_bucket(tx, &input.bucket, owner))?;
    metadata::check_key(&input.key)?;
    let conditions = WriteConditions {
        if_match: input.if_match.as_deref(),
        if_none_match: input.if_none_match.as_deref(),
    };
    conditions.validate()?;
    if input.write_offset_bytes.is_some() {
        return Err(crate::errors::not_implemented("x-amz-write-offset-bytes"));
    }
    let made = Made::now(&ctx);
    let plan = Plan::of(given_checksums!(input), input.checksum_algorithm.as_deref(), checksums::DEFAULT)?;
    let (encryption, customer_key) = requested_encryption!(input).resolve(&bucket)?;
    let mut object = StoredObject {
        modified: made.modified(),
        storage_class: metadata::storage_class(input.storage_class.as_deref())?,
        encryption,
        customer_key,
        lock: requested_lock!(input).resolve(&bucket, made.at)?,
        acl: acl::requested!(input).for_object(&ctx, &bucket)?,
        tags: input.tagging.as_deref().map(tagging::of_header).transpose()?.unwrap_or_default(),
        headers: system_headers!(input),
        metadata: metadata::user_metadata(input.metadata.take())?,
        ..StoredObject::default()
    };
    let received = body::receive(&ctx, input.body.take(), input.content_md5.as_deref(), &plan, None).await?;
    object.etag = received.etag();
    object.size = received.size;
    object.checksum = Some(checksums::stored(&received.checksum));
    object.content = Content::Whole(received.staged.payload().clone());
    let write = Write { key: &input.key, owner, conditions, event: Event::Put, made };
    let (bucket, object) = write.commit(&ctx, &bucket, object, &[received.staged]).await?;
    let mut output = PutObjectOutput {
        e_tag: Some(format!("\"{}\"", object.etag)),
        version_id: versions::written_header(&object),
        expiration: expiration(&ctx, &bucket, &input.key, &object)?,
        ssekms_encryption_context: object.encryption.context.clone(),
        ..PutObjectOutput::default()
    };
    show_checksum!(output, &object.checksum);
    show_encryption!(output, object);
    Ok(output)
}

/// The end of every upload: the transaction that makes the object current.
pub(crate) struct Write<'a> {
    pub(crate) key: &'a str,
    pub(crate) owner: Option<&'a str>,
    pub(crate) conditions: WriteConditions<'a>,
    pub(crate) event: Event,
    pub(crate) made: Made,
}

impl Write<'_> {
    /// Commits `object`, whose bytes are kept by `_staged` until then.
    ///
    /// # Errors
    /// `PreconditionFailed`, `NoSuchKey`, `NoSuchBucket`; what the store reports.
    pub(crate) async fn commit(
        &self,
        ctx: &Ctx,
        bucket: &Bucket,
        object: StoredObject,
        _staged: &[Staged],
    ) -> Result<(Arc<Bucket>, StoredObject), AwsError> {
        let notifier = Notifier::of(ctx, bucket, self.key)?;
        ctx.db().write(|tx| self.within(tx, &bucket.name, &object, &notifier)).await
    }

    /// The same within a transaction that does more.
    ///
    /// # Errors
    /// As [`Write::commit`].
    pub(crate) fn within(
        &self,
        tx: &mut Tx<'_>,
        bucket: &str,
        object: &StoredObject,
        notifier: &Notifier,
    ) -> Result<(Arc<Bucket>, StoredObject), AwsError> {
        let bucket = versions::shared_bucket(tx, bucket, self.owner)?;
        let current = tx.get(&OBJECTS, (bucket.name.as_str(), self.key))?;
        let visible = current.as_ref().filter(|current| !current.delete_marker);
        self.conditions.check(self.key, visible.map(|current| current.etag.as_str()))?;
        let object = versions::put(tx, &bucket, self.key, current, object.clone(), self.made)?;
        notifier.emit(tx, self.event, &object)?;
        Ok((bucket, object))
    }
}
