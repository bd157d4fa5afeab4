//! Uploads from HTML forms.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html>

mod form;

use std::collections::BTreeMap;

use cloudtwin_core::authorize::Access;
use cloudtwin_core::credentials;
use cloudtwin_core::{Caller, Ctx};
use cloudtwin_sigv4::{
    AuthError, ChecksumAlgorithm, ErrorFamily, FormFields, PostPolicy, PostSignature, SigningKeyCache,
};
use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::codec::xml::{Tree, XmlDeserializer};
use cloudtwin_smithy::shape::{DecodeReport, ReadShape};
use cloudtwin_store::StoreError;
use time::OffsetDateTime;

use crate::acl;
use crate::api::{PostObjectInput, PostObjectOutput, Tagging};
use crate::body;
use crate::buckets::object_url;
use crate::checksums::{self, Plan};
use crate::conditions::WriteConditions;
use crate::encryption::{self, show_encryption};
use crate::errors::{access_denied, invalid_argument, malformed_xml, precondition_failed};
use crate::metadata;
use crate::notification::events::Event;
use crate::object_lock;
use crate::objects::put::Write;
use crate::state::{Content, StoredObject, SystemHeaders};
use crate::tagging::{self, Tagged};
use crate::versions::{self, Made};
use form::{FormReader, boundary};

const USER_METADATA: &str = "x-amz-meta-";

/// The fields before the file, and the file's name.
struct Form {
    fields: Vec<(String, String)>,
    filename: String,
}

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        FormFields(&self.fields).get(name)
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }
}

/// `POST Object`
pub(crate) async fn post_object(ctx: Ctx, input: PostObjectInput) -> Result<PostObjectOutput, AwsError> {
    let bucket = ctx.db().read(|tx| versions::bucket(tx, &input.bucket, None))?;
    let content_type = input.content_type.as_deref().unwrap_or_default();
    let boundary = boundary(content_type).ok_or_else(|| {
        precondition_failed("Bucket POST must be of the enclosure-type multipart/form-data")
    })?;
    let mut reader = FormReader::new(input.body.take(), &boundary);
    let form = read_fields(&mut reader).await?;
    let Signed { caller, policy } = authenticate(&ctx, &form, &input.bucket)?;
    let template = form.get("key").ok_or_else(|| missing_field("key"))?;
    let key = template.replace("${filename}", &form.filename);
    metadata::check_key(&key)?;
    authorize(&ctx, &caller, &form, &bucket.name, &key).await?;
    let made = Made::now(&ctx);
    let requested = encryption::Requested {
        algorithm: form.get("x-amz-server-side-encryption"),
        kms_key_id: form.get("x-amz-server-side-encryption-aws-kms-key-id"),
        context: form.get("x-amz-server-side-encryption-context"),
        bucket_key: None,
        customer: encryption::CustomerHeaders {
            algorithm: form.get("x-amz-server-side-encryption-customer-algorithm"),
            key: form.get("x-amz-server-side-encryption-customer-key"),
            key_md5: form.get("x-amz-server-side-encryption-customer-key-MD5"),
        },
    };
    let (encryption, customer_key) = requested.resolve(&bucket)?;
    let acl = acl::Requested { canned: form.get("acl"), grants: Vec::new() };
    let mut object = StoredObject {
        modified: made.modified(),
        storage_class: metadata::storage_class(form.get("x-amz-storage-class"))?,
        encryption,
        customer_key,
        lock: object_lock::Requested::default().resolve(&bucket, made.at)?,
        acl: acl.for_object(&ctx, &bucket)?,
        tags: form.get("tagging").map(tags).transpose()?.unwrap_or_default(),
        headers: SystemHeaders {
            cache_control: form.owned("Cache-Control"),
            content_disposition: form.owned("Content-Disposition"),
            content_encoding: form.owned("Content-Encoding"),
            content_language: form.owned("Content-Language"),
            content_type: form.owned("Content-Type"),
            expires: form.owned("Expires"),
            website_redirect_location: form.owned("x-amz-website-redirect-location"),
        },
        metadata: user_metadata(&form),
        ..StoredObject::default()
    };
    let given = ChecksumAlgorithm::ALL.map(|algorithm| (algorithm, form.get(algorithm.header())));
    let plan = Plan::of(given, form.get("x-amz-checksum-algorithm"), checksums::DEFAULT)?;
    let received = body::receive(&ctx, reader.into_stream(), form.get("Content-MD5"), &plan, None).await?;
    if let Some(policy) = &policy {
        policy.check_length(received.size).map_err(|error| error.answer())?;
    }
    object.etag = received.etag();
    object.size = received.size;
    object.checksum = Some(checksums::stored(&received.checksum));
    object.content = Content::Whole(received.staged.payload().clone());
    let conditions = WriteConditions::default();
    let write = Write { key: &key, owner: None, conditions, event: Event::Post, made };
    let (_, object) = write.commit(&ctx, &bucket, object, &[received.staged]).await?;
    Ok(answer(&ctx, &form, &input.bucket, &key, &object))
}

/// Reads the fields up to the file.
async fn read_fields(reader: &mut FormReader) -> Result<Form, AwsError> {
    let mut fields = Vec::new();
    let mut budget = FormReader::budget();
    while let Some(part) = reader.next_part().await? {
        if part.name.eq_ignore_ascii_case("file") {
            // Some browsers send the whole path.
            let filename = part.filename.as_deref().unwrap_or_default();
            let filename = filename.rsplit(['/', '\\']).next().unwrap_or_default();
            // A file that is a mere field has no name to put into the key.
            let filename = if part.filename.is_some() { filename } else { "${filename}" };
            return Ok(Form { fields, filename: filename.to_owned() });
        }
        let text = reader.text(&mut budget).await?;
        fields.push((part.name, text));
    }
    Err(invalid_argument("POST requires exactly one file upload per request.", "file", "0"))
}

fn missing_field(name: &str) -> AwsError {
    invalid_argument(
        &format!(
            "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
        ),
        name,
        "",
    )
}

/// Who signed a form.
struct Signed {
    caller: Caller,
    /// What the form may say; `None` where nobody signed it.
    policy: Option<PostPolicy>,
}

/// Requires what the upload needs of whoever signed the form.
async fn authorize(ctx: &Ctx, caller: &Caller, form: &Form, bucket: &str, key: &str) -> Result<(), AwsError> {
    let arn = format!("arn:aws:s3:::{bucket}/{key}");
    let keys = [
        ("s3:x-amz-acl", "acl"),
        ("s3:x-amz-server-side-encryption", "x-amz-server-side-encryption"),
        ("s3:x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-aws-kms-key-id"),
        ("s3:x-amz-storage-class", "x-amz-storage-class"),
    ];
    let mut further = Vec::new();
    if form.get("acl").is_some() {
        further.push("s3:PutObjectAcl");
    }
    let tags = form.get("tagging").map(tags).transpose()?.unwrap_or_default();
    if !tags.is_empty() {
        further.push("s3:PutObjectTagging");
    }
    for (index, action) in ["s3:PutObject"].into_iter().chain(further).enumerate() {
        let mut access = Access::new(action, arn.as_str());
        access.dependent = index > 0;
        for (name, field) in keys {
            if let Some(value) = form.get(field) {
                access = access.key(name, value.to_owned());
            }
        }
        if !tags.is_empty() {
            let names: Vec<String> = tags.iter().map(|(name, _)| name.clone()).collect();
            access = access.key("s3:RequestObjectTagKeys", names);
            for (name, value) in &tags {
                access = access.key(format!("s3:RequestObjectTag/{name}"), value.clone());
            }
        }
        ctx.authorize_caller(caller, &access).await?;
    }
    Ok(())
}

/// Checks signature and policy of a form. One without either is nobody's.
fn authenticate(ctx: &Ctx, form: &Form, bucket: &str) -> Result<Signed, AwsError> {
    let refuse = |error: AuthError| error.answer(ErrorFamily::S3);
    let fields = FormFields(&form.fields);
    let signature = PostSignature::of(fields).map_err(refuse)?;
    let policy = form.get("policy");
    let (signature, text) = match (signature, policy) {
        (None, None) => return Ok(Signed { caller: ctx.caller().clone(), policy: None }),
        (None, Some(_)) => return Err(access_denied()),
        (Some(_), None) => return Err(missing_field("policy")),
        (Some(signature), Some(text)) => (signature, text),
    };
    let key_id = signature.access_key_id();
    let issued = ctx.db().read::<_, StoreError, _>(|tx| credentials::find(tx, key_id))?;
    let token = form.get("x-amz-security-token");
    credentials::check(key_id, issued.as_deref(), token, ctx.now().as_millis()).map_err(refuse)?;
    let secret = match &issued {
        Some(credential) => Some(credential.secret_access_key.as_str()),
        None if ctx.config().verify_unknown_keys => Some("test"),
        None => None,
    };
    if let Some(secret) = secret {
        signature.verify(text, &SigningKeyCache::default(), secret).map_err(refuse)?;
    }
    let policy = PostPolicy::parse(text).map_err(|error| error.answer())?;
    let now =
        OffsetDateTime::from_unix_timestamp(ctx.now().seconds).map_err(|error| ctx.internal_error(&error))?;
    policy.check(fields, bucket, now).map_err(|error| error.answer())?;
    let unknown = || refuse(AuthError::UnknownAccessKey(key_id.to_owned()));
    let caller = ctx.cloud().caller_of_key(key_id)?.ok_or_else(unknown)?;
    Ok(Signed { caller, policy: Some(policy) })
}

/// Tags in a document, of which anything unknown is left out.
fn tags(document: &str) -> Result<Vec<(String, String)>, AwsError> {
    let tree = Tree::parse(document.as_bytes()).map_err(|_| malformed_xml())?;
    let mut report = DecodeReport::default();
    let tagging =
        Tagging::read_shape(&mut XmlDeserializer::new(&tree, &mut report)).map_err(|_| malformed_xml())?;
    tagging::check(&tagging.tag_set, Tagged::Object)?;
    let mut tags: Vec<_> = tagging.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect();
    tags.sort();
    Ok(tags)
}

/// User metadata, which forms send as plain text.
fn user_metadata(form: &Form) -> BTreeMap<String, String> {
    let named = form.fields.iter().filter_map(|(name, value)| {
        let name = name.to_ascii_lowercase();
        Some((name.strip_prefix(USER_METADATA)?.to_owned(), value.clone()))
    });
    named.collect()
}

/// The answer that the form asks for.
fn answer(ctx: &Ctx, form: &Form, bucket: &str, key: &str, object: &StoredObject) -> PostObjectOutput {
    let etag = format!("\"{}\"", object.etag);
    let location = object_url(ctx, bucket, key);
    let mut output = PostObjectOutput {
        e_tag_header: Some(etag.clone()),
        version_id: versions::written_header(object),
        ..PostObjectOutput::default()
    };
    show_encryption!(output, object);
    let redirect = form.get("success_action_redirect").or(form.get("redirect"));
    if let Some(redirect) = redirect.and_then(|redirect| redirect.parse::<http::Uri>().ok())
        && redirect.scheme().is_some()
        && redirect.authority().is_some()
    {
        let escape = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let separator = if redirect.query().is_some() { '&' } else { '?' };
        let query = format!("bucket={}&key={}&etag={}", escape(bucket), escape(key), escape(&etag));
        output.location_header = Some(format!("{redirect}{separator}{query}"));
        output.status_code = Some(303);
        return output;
    }
    output.location_header = Some(location.clone());
    output.status_code = Some(match form.get("success_action_status") {
        Some("200") => 200,
        Some("201") => {
            output.location = Some(location);
            output.bucket = Some(bucket.to_owned());
            output.key = Some(key.to_owned());
            output.e_tag = Some(etag);
            201
        }
        _ => 204,
    });
    output
}
