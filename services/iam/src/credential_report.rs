//! The credential report: every user's credentials as a table in CSV.

use bytes::Bytes;
use cloudtwin_core::Ctx;
use cloudtwin_core::credentials::LAST_USED;
use cloudtwin_core::mfa::MFA_DEVICES;
use cloudtwin_smithy::schema::TimestampFormat;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Table};
use serde::{Deserialize, Serialize};

use crate::api::errors::{CREDENTIAL_REPORT_EXPIRED_EXCEPTION, CREDENTIAL_REPORT_NOT_PRESENT_EXCEPTION};
use crate::api::{
    GenerateCredentialReportInput, GenerateCredentialReportOutput, GetCredentialReportInput,
    GetCredentialReportOutput,
};
use crate::mfa_devices;
use crate::state::{ACCOUNT, ACCOUNTS, AccessKey, PasswordPolicy, SigningCertificate, USERS, User};
use crate::users::ROOT_CREATED;

/// For how long a report is good, in seconds: four hours.
const VALIDITY: i64 = 4 * 3_600;

const COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,\
    access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
    access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,\
    access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

const NOTHING: &str = "N/A";
const NOT_SUPPORTED: &str = "not_supported";

/// A report.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Report {
    generated: Timestamp,
    content: String,
}

/// The latest report of each account; the only row has the key [`REPORT`].
const REPORTS: Table<Report> = Table::account("iam/credential-report");
const REPORT: &str = "report";

impl Report {
    fn is_good(&self, now: Timestamp) -> bool {
        now.seconds - self.generated.seconds < VALIDITY
    }
}

pub(crate) async fn generate_credential_report(
    ctx: Ctx,
    _: GenerateCredentialReportInput,
) -> Result<GenerateCredentialReportOutput, AwsError> {
    let now = Timestamp::from_seconds(ctx.now().seconds);
    // The report is made at once; who asks again is told that it is there.
    let is_there = ctx
        .db()
        .write(|tx| {
            if tx.get(&REPORTS, REPORT)?.is_some_and(|report| report.is_good(now)) {
                return Ok(true);
            }
            let report = Report { generated: now, content: content(tx)? };
            tx.put(&REPORTS, REPORT, &report)?;
            Ok::<_, StoreError>(false)
        })
        .await?;
    let (state, description) = if is_there {
        ("COMPLETE", None)
    } else {
        ("STARTED", Some("No report exists. Starting a new report generation task".to_owned()))
    };
    Ok(GenerateCredentialReportOutput { state: Some(state.to_owned()), description })
}

pub(crate) async fn get_credential_report(
    ctx: Ctx,
    _: GetCredentialReportInput,
) -> Result<GetCredentialReportOutput, AwsError> {
    let report = ctx.db().read(|tx| tx.get(&REPORTS, REPORT))?.ok_or_else(|| {
        CREDENTIAL_REPORT_NOT_PRESENT_EXCEPTION
            .with("Credential report does not exist. To generate one, use GenerateCredentialReport.")
    })?;
    if !report.is_good(ctx.now()) {
        return Err(CREDENTIAL_REPORT_EXPIRED_EXCEPTION
            .with("The most recent credential report has expired. To generate a new one, use GenerateCredentialReport."));
    }
    Ok(GetCredentialReportOutput {
        content: Some(Bytes::from(report.content)),
        report_format: Some("text/csv".to_owned()),
        generated_time: Some(report.generated),
    })
}

fn content(tx: &ReadTx<'_>) -> Result<String, StoreError> {
    let account = tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default();
    let mut lines = vec![COLUMNS.to_owned()];
    let mut root = vec![
        "<root_account>".to_owned(),
        format!("arn:aws:iam::{}:root", tx.account()),
        date(ROOT_CREATED),
        NOT_SUPPORTED.to_owned(),
        "no_information".to_owned(),
        NOT_SUPPORTED.to_owned(),
        NOT_SUPPORTED.to_owned(),
        (mfa_devices::owned(tx, tx.account())? > 0).to_string(),
    ];
    keys(tx, &account.access_keys, &mut root)?;
    certificates(&[], &mut root);
    lines.push(root.join(","));
    for user in tx.scan(&USERS)?.values() {
        lines.push(line(tx, &user?, account.password_policy.as_ref())?.join(","));
    }
    Ok(lines.join("\n"))
}

fn line(tx: &ReadTx<'_>, user: &User, policy: Option<&PasswordPolicy>) -> Result<Vec<String>, StoreError> {
    let mut line = vec![user.name.clone(), user.arn(tx.account()), date(user.created)];
    match &user.login_profile {
        Some(profile) => {
            let changed = profile.changed.unwrap_or(profile.created);
            let rotation = policy.and_then(|policy| policy.max_age).map_or(NOTHING.to_owned(), |days| {
                date(Timestamp::from_seconds(changed.seconds + i64::from(days) * 86_400))
            });
            // Nobody signs in with a password here.
            line.extend(["true".to_owned(), "no_information".to_owned(), date(changed), rotation]);
        }
        None => line.extend(["false", NOTHING, NOTHING, NOTHING].map(str::to_owned)),
    }
    let has_mfa = tx.index_scan(&MFA_DEVICES, "by_owner", &user.id)?.entries().next().transpose()?.is_some();
    line.push(has_mfa.to_string());
    keys(tx, &user.access_keys, &mut line)?;
    certificates(&user.signing_certificates, &mut line);
    Ok(line)
}

fn keys(tx: &ReadTx<'_>, keys: &[AccessKey], line: &mut Vec<String>) -> Result<(), StoreError> {
    for index in 0..2 {
        let Some(key) = keys.get(index) else {
            line.extend(["false", NOTHING, NOTHING, NOTHING, NOTHING].map(str::to_owned));
            continue;
        };
        line.extend([key.active.to_string(), date(key.created)]);
        match tx.get(&LAST_USED, &key.id)? {
            Some(used) => line.extend([date(Timestamp::from_millis(used.at)), used.region, used.service]),
            None => line.extend([NOTHING, NOTHING, NOTHING].map(str::to_owned)),
        }
    }
    Ok(())
}

fn certificates(certificates: &[SigningCertificate], line: &mut Vec<String>) {
    for index in 0..2 {
        match certificates.get(index) {
            Some(certificate) => line.extend([certificate.active.to_string(), date(certificate.uploaded)]),
            None => line.extend(["false", NOTHING].map(str::to_owned)),
        }
    }
}

/// `2026-11-22T19:49:53+00:00`.
fn date(time: Timestamp) -> String {
    Timestamp::from_seconds(time.seconds).format(TimestampFormat::DateTime).replace('Z', "+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_columns_of_aws() {
        assert_eq!(COLUMNS.split(',').count(), 22);
        assert_eq!(date(Timestamp::from_seconds(0)), "1970-01-01T00:00:00+00:00");
    }
}
