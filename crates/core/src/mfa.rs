//! MFA devices: the rows that IAM writes, and the check of a code that STS makes.
//!
//! Codes are those of RFC 6238 (TOTP) with HMAC-SHA-1, six digits and steps of thirty seconds, by the
//! cloud's clock.

use cloudtwin_smithy::Timestamp;
use cloudtwin_store::{StoreError, Table, Tx};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;

/// How long a code is valid, in milliseconds.
const STEP_MILLIS: i64 = 30_000;

/// How many steps a device's clock may be off when a code is checked.
const TOLERANCE: i64 = 1;

/// How many steps a device's clock may be off when it is assigned or synchronised.
const SYNCHRONISABLE: i64 = 40;

/// An MFA device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaDevice {
    /// `arn:aws:iam::ACCOUNT:mfa/PATH/NAME` for a virtual device; what is printed on a hardware device. Also
    /// the row's key.
    pub serial_number: String,
    /// The shared secret. A hardware device's is known to its maker only, so here it is its serial number.
    pub seed: Vec<u8>,
    /// When it was assigned.
    pub enabled: Option<Timestamp>,
    /// Whose it is: the unique id of a user (`AIDA…`), or the account for the root. This is the
    /// [`Caller::user_id`](crate::Caller::user_id) of both. `None` before it is assigned.
    pub owner: Option<String>,
    /// How many steps its clock is ahead.
    #[serde(default)]
    pub drift: i64,
    /// The last step whose code was taken: a code is good once.
    #[serde(default)]
    pub last_step: Option<i64>,
    /// Tags, in the order in which they were added.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
}

/// The MFA devices of each account, by serial number.
pub const MFA_DEVICES: Table<MfaDevice> = Table::account("iam/mfa-devices")
    .index("by_owner", |device: &MfaDevice| cloudtwin_store::IndexKeys::maybe(device.owner.as_ref()));

/// Why a code was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MfaFailure {
    /// There is no such device, or it is not the caller's.
    UnknownDevice,
    /// The code is not the device's at this time, or it was used before.
    WrongCode,
}

/// Checks the code that a caller reads from a device: `SerialNumber` and `TokenCode` of `sts:GetSessionToken`
/// and `sts:AssumeRole`. The code is used up when it is right. `owner` is the
/// [`Caller::user_id`](crate::Caller::user_id) of the user or root, `now` the cloud's time in milliseconds. The
/// transaction is of the account that the device belongs to.
///
/// # Errors
/// What the store reports.
pub fn verify(
    tx: &mut Tx<'_>,
    owner: &str,
    serial_number: &str,
    code: &str,
    now: i64,
) -> Result<Result<(), MfaFailure>, StoreError> {
    let Some(mut device) = tx.get(&MFA_DEVICES, serial_number)? else {
        return Ok(Err(MfaFailure::UnknownDevice));
    };
    if device.owner.as_deref() != Some(owner) {
        return Ok(Err(MfaFailure::UnknownDevice));
    }
    let Some(step) = device.step_of(code, now) else { return Ok(Err(MfaFailure::WrongCode)) };
    device.last_step = Some(step);
    tx.put(&MFA_DEVICES, serial_number, &device)?;
    Ok(Ok(()))
}

impl MfaDevice {
    /// The step of an unused code, if it is one of now.
    fn step_of(&self, code: &str, now: i64) -> Option<i64> {
        let middle = now.div_euclid(STEP_MILLIS) + self.drift;
        (middle - TOLERANCE..=middle + TOLERANCE)
            .find(|step| self.last_step.is_none_or(|last| *step > last) && self.code(*step) == code)
    }

    /// Takes two codes that the device shows one after the other, and learns from them how its clock goes.
    /// Says whether they are its codes.
    pub fn synchronise(&mut self, first: &str, second: &str, now: i64) -> bool {
        let middle = now.div_euclid(STEP_MILLIS);
        // Nearest first, so that a chance match far away does not win.
        let steps = (0..=SYNCHRONISABLE).flat_map(|off| [middle + off, middle - off]);
        let found = steps.into_iter().find(|step| self.code(*step) == first && self.code(step + 1) == second);
        let Some(found) = found else { return false };
        let ahead = found + 1 - middle;
        self.drift = if ahead.abs() <= TOLERANCE { 0 } else { ahead };
        true
    }

    /// The code that the device shows at `now`, in milliseconds since 1970.
    pub fn code_at(&self, now: i64) -> String {
        self.code(now.div_euclid(STEP_MILLIS) + self.drift)
    }

    /// The code of a step: RFC 4226, section 5.3.
    fn code(&self, step: i64) -> String {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.seed) else { return String::new() };
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest.last().copied().unwrap_or_default() & 15);
        let chosen = digest.iter().skip(offset).take(4);
        let number = chosen.fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> MfaDevice {
        MfaDevice {
            serial_number: "arn:aws:iam::000000000000:mfa/phone".to_owned(),
            seed: b"12345678901234567890".to_vec(),
            enabled: None,
            owner: None,
            drift: 0,
            last_step: None,
            tags: Vec::new(),
        }
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, SHA-1; its codes have eight digits, of which these are the last six.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(device().code_at(seconds * 1000), code);
        }
    }

    #[test]
    fn a_device_is_synchronised_by_two_codes_in_order() {
        let now = 1_700_000_000_000;
        let mut own = device();
        let code = |offset: i64| device().code_at(now + offset * STEP_MILLIS);
        assert!(!own.synchronise(&code(1), &code(0), now));
        assert!(!own.synchronise(&code(0), &code(2), now));
        assert!(own.synchronise(&code(-1), &code(0), now));
        assert_eq!(own.drift, 0);
        assert!(own.synchronise(&code(0), &code(1), now));
        assert_eq!(own.drift, 0);
        assert!(own.synchronise(&code(19), &code(20), now));
        assert_eq!(own.drift, 20);
        assert_eq!(own.step_of(&code(20), now), Some(now / STEP_MILLIS + 20));
        assert!(own.step_of(&code(0), now).is_none());
    }

    #[test]
    fn a_code_is_good_once() {
        let now = 1_700_000_000_000;
        let mut own = device();
        let code = own.code_at(now);
        own.last_step = own.step_of(&code, now);
        assert!(own.last_step.is_some());
        assert!(own.step_of(&code, now).is_none());
        assert!(own.step_of(&own.code_at(now + STEP_MILLIS), now).is_some());
    }
}
