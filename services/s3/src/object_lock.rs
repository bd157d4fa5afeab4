//! Object lock: retention and legal holds of versions, and the configuration of buckets.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{StoreError, Tx};

use crate::api::{
    self, DefaultRetention as DefaultRetentionShape, GetObjectLegalHoldInput, GetObjectLegalHoldOutput,
    GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput, GetObjectRetentionInput,
    GetObjectRetentionOutput, ObjectLockConfiguration, ObjectLockLegalHold, ObjectLockRetention,
    ObjectLockRule, PutObjectLegalHoldInput, PutObjectLegalHoldOutput, PutObjectLockConfigurationInput,
    PutObjectLockConfigurationOutput, PutObjectRetentionInput, PutObjectRetentionOutput, errors,
};
use crate::errors::{invalid_argument, invalid_argument_name, invalid_request, malformed_xml};
use crate::state::{BUCKETS, Bucket, DefaultRetention, Lock, StoredObject, Versioning};
use crate::versions;

const DAY_SECONDS: i64 = 86_400;

/// The lock headers of an upload.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Requested<'a> {
    pub(crate) mode: Option<&'a str>,
    pub(crate) retain_until: Option<Timestamp>,
    pub(crate) legal_hold: Option<&'a str>,
}

/// The lock headers among an input's members.
macro_rules! requested_lock {
    ($input:expr) => {
        $crate::object_lock::Requested {
            mode: $input.object_lock_mode.as_deref(),
            retain_until: $input.object_lock_retain_until_date,
            legal_hold: $input.object_lock_legal_hold_status.as_deref(),
        }
    };
}
pub(crate) use requested_lock;

/// Shows a version's lock in an output.
macro_rules! show_lock {
    ($output:expr, $object:expr) => {
        $output.object_lock_mode = $object.lock.mode.clone();
        $output.object_lock_retain_until_date = $object.lock.retain_until;
        $output.object_lock_legal_hold_status = $object.lock.legal_hold.clone();
    };
}
pub(crate) use show_lock;

impl Requested<'_> {
    /// How the new version will be locked, with the bucket's default.
    ///
    /// # Errors
    /// `InvalidArgument` or `InvalidRequest`.
    pub(crate) fn resolve(&self, bucket: &Bucket, now: Timestamp) -> Result<Lock, AwsError> {
        let given = self.mode.is_some() || self.retain_until.is_some() || self.legal_hold.is_some();
        if given && !bucket.object_lock {
            return Err(invalid_request("Bucket is missing Object Lock Configuration"));
        }
        match (self.mode, self.retain_until) {
            (Some(_), None) => {
                return Err(invalid_argument_name(
                    "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
                    "x-amz-object-lock-retain-until-date",
                ));
            }
            (None, Some(_)) => {
                return Err(invalid_argument_name(
                    "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
                    "x-amz-object-lock-mode",
                ));
            }
            (Some(mode), Some(_)) if !is_mode(mode) => {
                return Err(invalid_argument("Unknown wormMode directive.", "x-amz-object-lock-mode", mode));
            }
            (Some(_), Some(until)) if until <= now => {
                return Err(invalid_argument_name(
                    "The retain until date must be in the future!",
                    "x-amz-object-lock-retain-until-date",
                ));
            }
            _ => {}
        }
        if let Some(hold) = self.legal_hold
            && !matches!(hold, "ON" | "OFF")
        {
            return Err(invalid_argument(
                "Legal Hold must be either of 'ON' or 'OFF'",
                "x-amz-object-lock-legal-hold",
                hold,
            ));
        }
        let mut lock = Lock {
            mode: self.mode.map(str::to_owned),
            retain_until: self.retain_until,
            legal_hold: self.legal_hold.map(str::to_owned),
        };
        if lock.mode.is_none()
            && let Some(default) = &bucket.default_retention
        {
            let days = match (default.days, default.years) {
                (Some(days), _) => i64::from(days),
                (None, Some(years)) => i64::from(years) * 365,
                (None, None) => 0,
            };
            lock.mode = Some(default.mode.clone());
            lock.retain_until = Some(Timestamp::from_seconds(now.seconds + days * DAY_SECONDS));
        }
        Ok(lock)
    }
}

fn is_mode(mode: &str) -> bool {
    matches!(mode, "GOVERNANCE" | "COMPLIANCE")
}

/// The refusal of a deletion or of a shorter retention.
fn protected() -> AwsError {
    errors::ACCESS_DENIED.with("Access Denied because object protected by object lock.")
}

/// Checks that a version may be deleted.
///
/// # Errors
/// `AccessDenied`.
pub(crate) fn check_deletion(object: &StoredObject, bypass: bool, now: Timestamp) -> Result<(), AwsError> {
    let lock = &object.lock;
    if lock.legal_hold.as_deref() == Some("ON") {
        return Err(protected());
    }
    let locked = lock.retain_until.is_some_and(|until| until > now);
    match lock.mode.as_deref() {
        Some("COMPLIANCE") if locked => Err(protected()),
        Some("GOVERNANCE") if locked && !bypass => Err(protected()),
        _ => Ok(()),
    }
}

/// Refuses `x-amz-bypass-governance-retention` where nothing can be locked.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn check_bypass(bucket: &Bucket, bypass: Option<bool>) -> Result<(), AwsError> {
    if bypass.is_some() && !bucket.object_lock {
        return Err(invalid_argument_name(
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
            "x-amz-bypass-governance-retention",
        ));
    }
    Ok(())
}

fn check_enabled(bucket: &Bucket) -> Result<(), AwsError> {
    if bucket.object_lock {
        return Ok(());
    }
    Err(invalid_request("Bucket is missing Object Lock Configuration"))
}

fn no_lock() -> AwsError {
    errors::NO_SUCH_OBJECT_LOCK_CONFIGURATION
        .with("The specified object does not have a ObjectLock configuration")
}

/// `PutObjectRetention`
pub(crate) async fn put_object_retention(
    ctx: Ctx,
    input: PutObjectRetentionInput,
) -> Result<PutObjectRetentionOutput, AwsError> {
    let now = ctx.now();
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let found = versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "PUT");
            check_enabled(&bucket)?;
            let (place, mut object) = found?;
            let retention = input.retention.as_ref().ok_or_else(malformed_xml)?;
            let (mode, until) = (retention.mode.clone(), retention.retain_until_date);
            if mode.is_some() != until.is_some() || mode.as_deref().is_some_and(|mode| !is_mode(mode)) {
                return Err(malformed_xml());
            }
            if let Some(until) = until
                && until < now
            {
                return Err(invalid_argument(
                    "The retain until date must be in the future!",
                    "RetainUntilDate",
                    &pacific(until),
                ));
            }
            let active = object.lock.retain_until.is_some_and(|until| until > now);
            let shortened = until.is_none_or(|until| object.lock.retain_until.is_some_and(|old| until < old));
            let bypass = input.bypass_governance_retention == Some(true);
            match object.lock.mode.as_deref() {
                Some("COMPLIANCE") if active && (shortened || mode.as_deref() != Some("COMPLIANCE")) => {
                    return Err(protected());
                }
                Some("GOVERNANCE") if active && shortened && !bypass => return Err(protected()),
                _ => {}
            }
            (object.lock.mode, object.lock.retain_until) = (mode, until);
            versions::update(tx, &bucket.name, &input.key, place, &object)?;
            Ok(PutObjectRetentionOutput::default())
        })
        .await
}

/// A date as this one error of S3 prints it: in the time of Seattle, without daylight saving.
fn pacific(at: Timestamp) -> String {
    let local = Timestamp::from_seconds(at.seconds - 8 * 3600);
    let text = local.format(cloudtwin_smithy::schema::TimestampFormat::HttpDate);
    let parts: Vec<&str> = text.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [weekday, day, month, year, time, ..] => format!("{weekday} {month} {day} {time} PST {year}"),
        _ => text,
    }
}

/// `GetObjectRetention`
pub(crate) async fn get_object_retention(
    ctx: Ctx,
    input: GetObjectRetentionInput,
) -> Result<GetObjectRetentionOutput, AwsError> {
    ctx.db().read(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        check_enabled(&bucket)?;
        let (_, object) = versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "GET")?;
        let Lock { mode: Some(mode), retain_until, .. } = object.lock else { return Err(no_lock()) };
        let retention = ObjectLockRetention {
            mode: Some(mode),
            retain_until_date: retain_until,
            ..ObjectLockRetention::default()
        };
        Ok(GetObjectRetentionOutput { retention: Some(retention) })
    })
}

/// `PutObjectLegalHold`
pub(crate) async fn put_object_legal_hold(
    ctx: Ctx,
    input: PutObjectLegalHoldInput,
) -> Result<PutObjectLegalHoldOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let found = versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "PUT");
            let status = input.legal_hold.as_ref().and_then(|hold| hold.status.as_deref());
            let Some(status @ ("ON" | "OFF")) = status else { return Err(malformed_xml()) };
            check_enabled(&bucket)?;
            let (place, mut object) = found?;
            object.lock.legal_hold = Some(status.to_owned());
            versions::update(tx, &bucket.name, &input.key, place, &object)?;
            Ok(PutObjectLegalHoldOutput::default())
        })
        .await
}

/// `GetObjectLegalHold`
pub(crate) async fn get_object_legal_hold(
    ctx: Ctx,
    input: GetObjectLegalHoldInput,
) -> Result<GetObjectLegalHoldOutput, AwsError> {
    ctx.db().read(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        check_enabled(&bucket)?;
        let (_, object) = versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "GET")?;
        let status = object.lock.legal_hold.ok_or_else(no_lock)?;
        Ok(GetObjectLegalHoldOutput { legal_hold: Some(ObjectLockLegalHold { status: Some(status) }) })
    })
}

/// `PutObjectLockConfiguration`
pub(crate) async fn put_object_lock_configuration(
    ctx: Ctx,
    input: PutObjectLockConfigurationInput,
) -> Result<PutObjectLockConfigurationOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let configuration = input.object_lock_configuration.as_ref().ok_or_else(malformed_xml)?;
            if configuration.object_lock_enabled.as_deref() != Some("Enabled") {
                return Err(malformed_xml());
            }
            let default = configuration.rule.as_ref().map(default_retention).transpose()?;
            if bucket.versioning != Versioning::Enabled {
                return Err(errors::INVALID_BUCKET_STATE.with(
                    "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
                ));
            }
            bucket.object_lock = true;
            bucket.default_retention = default;
            put_bucket(tx, &bucket)?;
            Ok(PutObjectLockConfigurationOutput::default())
        })
        .await
}

fn put_bucket(tx: &mut Tx<'_>, bucket: &Bucket) -> Result<(), StoreError> {
    tx.put(&BUCKETS, bucket.name.as_str(), bucket)
}

fn default_retention(rule: &ObjectLockRule) -> Result<DefaultRetention, AwsError> {
    let retention = rule.default_retention.as_ref().ok_or_else(malformed_xml)?;
    let mode = retention.mode.clone().filter(|mode| is_mode(mode)).ok_or_else(malformed_xml)?;
    if retention.days.is_some() == retention.years.is_some() {
        return Err(malformed_xml());
    }
    if retention.days.or(retention.years).is_some_and(|count| count < 1) {
        return Err(invalid_argument_name(
            "Default retention period must be a positive integer value.",
            "days",
        ));
    }
    Ok(DefaultRetention { mode, days: retention.days, years: retention.years })
}

/// `GetObjectLockConfiguration`
pub(crate) async fn get_object_lock_configuration(
    ctx: Ctx,
    input: GetObjectLockConfigurationInput,
) -> Result<GetObjectLockConfigurationOutput, AwsError> {
    ctx.db().read(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        if !bucket.object_lock {
            return Err(errors::OBJECT_LOCK_CONFIGURATION_NOT_FOUND_ERROR
                .with("Object Lock configuration does not exist for this bucket")
                .field("BucketName", input.bucket.as_str()));
        }
        let rule = bucket.default_retention.map(|default| api::ObjectLockRule {
            default_retention: Some(DefaultRetentionShape {
                mode: Some(default.mode),
                days: default.days,
                years: default.years,
                ..DefaultRetentionShape::default()
            }),
        });
        Ok(GetObjectLockConfigurationOutput {
            object_lock_configuration: Some(ObjectLockConfiguration {
                object_lock_enabled: Some("Enabled".to_owned()),
                rule,
            }),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_and_retention_keep_versions() {
        let now = Timestamp::from_seconds(1000);
        let locked = |mode: &str, until| StoredObject {
            lock: Lock {
                mode: Some(mode.to_owned()),
                retain_until: Some(Timestamp::from_seconds(until)),
                legal_hold: None,
            },
            ..StoredObject::default()
        };
        assert!(check_deletion(&locked("GOVERNANCE", 2000), false, now).is_err());
        assert!(check_deletion(&locked("GOVERNANCE", 2000), true, now).is_ok());
        assert!(check_deletion(&locked("COMPLIANCE", 2000), true, now).is_err());
        assert!(check_deletion(&locked("COMPLIANCE", 1000), false, now).is_ok());
    }

    #[test]
    fn one_error_knows_the_time_in_seattle() {
        assert_eq!(pacific(Timestamp::from_seconds(1_577_836_800)), "Tue Dec 31 16:00:00 PST 2019");
    }
}
