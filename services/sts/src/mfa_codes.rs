//! Codes of MFA devices, which callers send along with `AssumeRole` and `GetSessionToken`.

use cloudtwin_core::Ctx;
use cloudtwin_core::mfa::{self, MfaFailure};
use cloudtwin_smithy::AwsError;

fn denied(message: &str) -> AwsError {
    AwsError::new("AccessDenied", 403, message)
}

/// Checks the code that a caller sends along, if one does, and uses it up. The time at which it was right, in
/// milliseconds since 1970.
pub(crate) async fn check(
    ctx: &Ctx,
    serial_number: Option<String>,
    code: Option<String>,
) -> Result<Option<i64>, AwsError> {
    let (serial_number, code) = match (serial_number, code) {
        (None, None) => return Ok(None),
        (Some(serial_number), Some(code)) => (serial_number, code),
        _ => {
            return Err(denied(
                "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
            ));
        }
    };
    let now = ctx.now().as_millis();
    let owner = ctx.caller().user_id.as_str();
    ctx.db()
        .write(|tx| Ok::<_, AwsError>(mfa::verify(tx, owner, &serial_number, &code, now)?))
        .await?
        .map(|()| Some(now))
        .map_err(|failure| match failure {
            MfaFailure::UnknownDevice => denied(
                "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial \
                 number is valid and associated with this user.",
            ),
            MfaFailure::WrongCode => {
                denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
            }
        })
}
