//! Lifecycle configurations: stored, checked, and shown as the expiration of objects.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::schema::TimestampFormat;
use cloudtwin_smithy::{AwsError, Document, Timestamp};
use cloudtwin_store::StoreError;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::{
    BucketLifecycleConfiguration, DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput,
    GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput, LifecycleRule,
    PutBucketLifecycleConfigurationInput, PutBucketLifecycleConfigurationOutput, Tag, errors,
};
use crate::bucket_config::configs::{self, Kind};
use crate::errors::{invalid_argument, invalid_request, malformed_xml};
use crate::state::{BUCKETS, Bucket, StoredObject};
use crate::versions;

const DAY_SECONDS: i64 = 86_400;
const MAX_RULES: usize = 1000;
const ID_CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The second configuration of the kind: the least size of objects that change their storage class.
const MINIMUM_SIZE: &str = "transition-default-minimum-object-size";
const USUAL_MINIMUM_SIZE: &str = "all_storage_classes_128K";

/// `PutBucketLifecycleConfiguration`
pub(crate) async fn put(
    ctx: Ctx,
    input: PutBucketLifecycleConfigurationInput,
) -> Result<PutBucketLifecycleConfigurationOutput, AwsError> {
    let minimum = input.transition_default_minimum_object_size.as_deref().unwrap_or(USUAL_MINIMUM_SIZE);
    let mut configuration = input.lifecycle_configuration.ok_or_else(malformed_xml)?;
    for rule in &mut configuration.rules {
        rule.id.get_or_insert_with(|| ctx.random_text(ID_CHARACTERS, 48));
    }
    let document = configs::document(&ctx, &configuration)?;
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            if !matches!(minimum, USUAL_MINIMUM_SIZE | "varies_by_storage_class") {
                return Err(invalid_request(format!(
                    "Invalid TransitionDefaultMinimumObjectSize found: {minimum}"
                )));
            }
            check(&configuration)?;
            bucket.has_lifecycle = true;
            tx.put(&BUCKETS, bucket.name.as_str(), &bucket)?;
            configs::put(tx, &bucket, Kind::Lifecycle, "", &document)?;
            configs::put(tx, &bucket, Kind::Lifecycle, MINIMUM_SIZE, &Document::from(minimum))?;
            Ok(PutBucketLifecycleConfigurationOutput {
                transition_default_minimum_object_size: Some(minimum.to_owned()),
            })
        })
        .await
}

fn check(configuration: &BucketLifecycleConfiguration) -> Result<(), AwsError> {
    if configuration.rules.is_empty() || configuration.rules.len() > MAX_RULES {
        return Err(malformed_xml());
    }
    let mut ids = std::collections::BTreeSet::new();
    for rule in &configuration.rules {
        if !ids.insert(rule.id.as_deref()) {
            return Err(crate::errors::invalid_argument_name(
                "Rule ID must be unique. Found same ID for more than one rule",
                "ID",
            ));
        }
        check_rule(rule)?;
    }
    Ok(())
}

fn check_rule(rule: &LifecycleRule) -> Result<(), AwsError> {
    if rule.filter.is_none() == rule.prefix.is_none()
        || !matches!(rule.status.as_str(), "Enabled" | "Disabled")
    {
        return Err(malformed_xml());
    }
    let does_nothing = rule.expiration.is_none()
        && rule.transitions.is_none()
        && rule.noncurrent_version_expiration.is_none()
        && rule.noncurrent_version_transitions.is_none()
        && rule.abort_incomplete_multipart_upload.is_none();
    if does_nothing {
        return Err(invalid_request("At least one action needs to be specified in a rule"));
    }
    if let Some(filter) = &rule.filter {
        let given = [
            filter.prefix.is_some(),
            filter.tag.is_some(),
            filter.object_size_greater_than.is_some(),
            filter.object_size_less_than.is_some(),
            filter.and.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() > 1 {
            return Err(malformed_xml());
        }
        let tags = filter.and.as_ref().and_then(|and| and.tags.as_deref()).unwrap_or_default();
        let mut keys: Vec<&str> = tags.iter().map(|tag| tag.key.as_str()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return Err(invalid_request("Duplicate Tag Keys are not allowed."));
        }
    }
    if let Some(expiration) = &rule.expiration {
        let given = [
            expiration.date.is_some(),
            expiration.days.is_some(),
            expiration.expired_object_delete_marker.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            return Err(malformed_xml());
        }
        if expiration.days.is_some_and(|days| days < 1) {
            return Err(invalid_argument(
                "'Days' for Expiration action must be a positive integer",
                "Days",
                &expiration.days.unwrap_or_default().to_string(),
            ));
        }
        check_midnight(expiration.date)?;
    }
    for transition in rule.transitions.iter().flatten() {
        if transition.storage_class.is_none() {
            return Err(malformed_xml());
        }
        check_midnight(transition.date)?;
    }
    match &rule.noncurrent_version_expiration {
        Some(expiration)
            if expiration.noncurrent_days.is_none() && expiration.newer_noncurrent_versions.is_none() =>
        {
            Err(malformed_xml())
        }
        _ => Ok(()),
    }
}

fn check_midnight(date: Option<Timestamp>) -> Result<(), AwsError> {
    match date {
        Some(date) if date.seconds % DAY_SECONDS != 0 => Err(invalid_argument(
            "'Date' must be at midnight GMT",
            "Date",
            &date.format(TimestampFormat::DateTime),
        )),
        _ => Ok(()),
    }
}

/// `GetBucketLifecycleConfiguration`
pub(crate) async fn get(
    ctx: Ctx,
    input: GetBucketLifecycleConfigurationInput,
) -> Result<GetBucketLifecycleConfigurationOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let (found, minimum) = ctx.db().read::<_, AwsError, _>(|tx| {
        versions::bucket(tx, &input.bucket, owner)?;
        let found = configs::read(tx, &input.bucket, Kind::Lifecycle, "")?;
        Ok((found, configs::read(tx, &input.bucket, Kind::Lifecycle, MINIMUM_SIZE)?))
    })?;
    let Some(found) = found else {
        return Err(errors::NO_SUCH_LIFECYCLE_CONFIGURATION
            .with("The lifecycle configuration does not exist")
            .field("BucketName", input.bucket));
    };
    let found: BucketLifecycleConfiguration = configs::shape(&ctx, &found)?;
    Ok(GetBucketLifecycleConfigurationOutput {
        rules: Some(found.rules),
        transition_default_minimum_object_size: minimum
            .as_ref()
            .and_then(Document::as_str)
            .map(str::to_owned),
    })
}

/// `DeleteBucketLifecycle`
pub(crate) async fn delete(
    ctx: Ctx,
    input: DeleteBucketLifecycleInput,
) -> Result<DeleteBucketLifecycleOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            bucket.has_lifecycle = false;
            tx.put(&BUCKETS, bucket.name.as_str(), &bucket)?;
            configs::remove(tx, &bucket.name, Kind::Lifecycle, "")?;
            configs::remove(tx, &bucket.name, Kind::Lifecycle, MINIMUM_SIZE)?;
            Ok(DeleteBucketLifecycleOutput::default())
        })
        .await
}

/// `x-amz-expiration` of an object: when which rule will remove it.
///
/// # Errors
/// What the store reports.
pub(crate) fn expiration(
    ctx: &Ctx,
    bucket: &Bucket,
    key: &str,
    object: &StoredObject,
) -> Result<Option<String>, AwsError> {
    if !bucket.has_lifecycle {
        return Ok(None);
    }
    let found =
        ctx.db().read::<_, StoreError, _>(|tx| configs::read(tx, &bucket.name, Kind::Lifecycle, ""))?;
    let Some(found) = found else { return Ok(None) };
    let configuration: BucketLifecycleConfiguration = configs::shape(ctx, &found)?;
    let due = configuration
        .rules
        .iter()
        .filter(|rule| rule.status == "Enabled" && applies(rule, key, object))
        .filter_map(|rule| Some((expiry(rule, object.modified)?, rule)))
        .min_by_key(|(at, _)| *at);
    Ok(due.map(|(at, rule)| {
        let id = utf8_percent_encode(rule.id.as_deref().unwrap_or_default(), ID_ENCODED);
        format!("expiry-date=\"{}\", rule-id=\"{id}\"", at.format(TimestampFormat::HttpDate))
    }))
}

/// Rule ids are URL-encoded in the header.
const ID_ENCODED: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// When a rule removes an object that was modified at `modified`.
fn expiry(rule: &LifecycleRule, modified: Timestamp) -> Option<Timestamp> {
    let expiration = rule.expiration.as_ref()?;
    if let Some(date) = expiration.date {
        return Some(date);
    }
    // The midnight after so many days.
    let due = modified.seconds + i64::from(expiration.days?) * DAY_SECONDS;
    Some(Timestamp::from_seconds((due + DAY_SECONDS - 1).div_euclid(DAY_SECONDS) * DAY_SECONDS))
}

/// Whether a rule is about an object.
fn applies(rule: &LifecycleRule, key: &str, object: &StoredObject) -> bool {
    let starts = |prefix: Option<&str>| prefix.is_none_or(|prefix| key.starts_with(prefix));
    let tagged = |tag: &Tag| object.tags.iter().any(|(key, value)| *key == tag.key && *value == tag.value);
    let size = i64::try_from(object.size).unwrap_or(i64::MAX);
    let sized = |above: Option<i64>, below: Option<i64>| {
        above.is_none_or(|above| size > above) && below.is_none_or(|below| size < below)
    };
    let Some(filter) = &rule.filter else { return starts(rule.prefix.as_deref()) };
    let and = filter.and.as_ref().is_none_or(|and| {
        starts(and.prefix.as_deref())
            && and.tags.iter().flatten().all(tagged)
            && sized(and.object_size_greater_than, and.object_size_less_than)
    });
    and && starts(filter.prefix.as_deref())
        && filter.tag.as_ref().is_none_or(tagged)
        && sized(filter.object_size_greater_than, filter.object_size_less_than)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{LifecycleExpiration, LifecycleRuleFilter};

    fn rule(prefix: &str, days: i32) -> LifecycleRule {
        LifecycleRule {
            id: Some("r".to_owned()),
            status: "Enabled".to_owned(),
            filter: Some(LifecycleRuleFilter { prefix: Some(prefix.to_owned()), ..Default::default() }),
            expiration: Some(LifecycleExpiration { days: Some(days), ..Default::default() }),
            ..LifecycleRule::default()
        }
    }

    #[test]
    fn objects_expire_at_midnight() {
        let at = |seconds| expiry(&rule("", 1), Timestamp::from_seconds(seconds)).unwrap().seconds;
        assert_eq!(at(0), DAY_SECONDS);
        assert_eq!(at(1), 2 * DAY_SECONDS);
    }

    #[test]
    fn rules_are_about_what_their_filter_says() {
        let object = StoredObject::default();
        assert!(applies(&rule("logs/", 1), "logs/a", &object));
        assert!(!applies(&rule("logs/", 1), "data/a", &object));
    }

    #[test]
    fn contradictory_rules_are_malformed() {
        assert!(check_rule(&rule("", 7)).is_ok());
        let mut both = rule("", 7);
        both.prefix = Some(String::new());
        assert_eq!(check_rule(&both).unwrap_err().code(), "MalformedXML");
        let mut neither = rule("", 7);
        neither.filter = None;
        assert_eq!(check_rule(&neither).unwrap_err().code(), "MalformedXML");
    }
}
