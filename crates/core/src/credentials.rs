//! Access keys that this cloud has issued. IAM and STS write them, authentication reads them.
//!
//! Invariant: a key that was ever issued never becomes an unknown one, which would make it the root of an
//! account. Rows go (a while after a session has ended, and when state is reset), so the key's id itself tells
//! that it was issued here: see [`is_ours`].

use std::sync::Arc;

use cloudtwin_sigv4::AuthError;
use cloudtwin_store::{IndexKeys, ReadTx, StoreError, Table};
use serde::{Deserialize, Serialize};

use crate::caller::Caller;

/// An access key and whom it stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credential {
    /// The secret.
    pub secret_access_key: String,
    /// The token that must come with temporary keys.
    pub session_token: Option<String>,
    /// When a temporary key ends, in milliseconds since 1970.
    pub expires: Option<i64>,
    /// Whether the key may be used (`Active`).
    pub active: bool,
    /// Whom it stands for.
    pub caller: Caller,
}

/// Every long-term access key that was issued, by its id.
pub const CREDENTIALS: Table<Credential> = Table::global("iam/credentials");

/// The keys of sessions, by their ids. They are STS's: when its state is reset, every session ends.
pub const SESSION_CREDENTIALS: Table<Credential> = Table::global("sts/credentials")
    .index("by_expiry", |credential: &Credential| IndexKeys::one(credential.expires.unwrap_or(i64::MAX)));

/// What temporary keys begin with.
pub const TEMPORARY_PREFIX: &str = "ASIA";

/// The row of an access key that was issued.
///
/// # Errors
/// What the store reports.
pub fn find(tx: &ReadTx<'_>, key_id: &str) -> Result<Option<Arc<Credential>>, StoreError> {
    if key_id.starts_with(TEMPORARY_PREFIX) {
        tx.get_shared(&SESSION_CREDENTIALS, key_id)
    } else {
        tx.get_shared(&CREDENTIALS, key_id)
    }
}

/// Whether the holder of a key may use it at `now` (milliseconds since 1970), with the session token that came
/// with it. `credential` is what [`find`] found; an id that was never issued is no error.
///
/// # Errors
/// `InvalidClientTokenId`, `InvalidToken` or `ExpiredToken`, in the words of a family of services.
pub fn check(
    key_id: &str,
    credential: Option<&Credential>,
    token: Option<&str>,
    now: i64,
) -> Result<(), AuthError> {
    let token = token.filter(|token| !token.is_empty());
    let sent = || token.unwrap_or_default().to_owned();
    let unknown = || AuthError::UnknownAccessKey(key_id.to_owned());
    let Some(credential) = credential else {
        return match (is_ours(key_id), token) {
            (false, _) => Ok(()),
            (true, Some(_)) if key_id.starts_with(TEMPORARY_PREFIX) => Err(AuthError::ExpiredToken(sent())),
            (true, _) => Err(unknown()),
        };
    };
    if !credential.active || (credential.session_token.is_some() && token.is_none()) {
        return Err(unknown());
    }
    if credential.session_token.as_deref() != token {
        return Err(AuthError::InvalidToken(sent()));
    }
    if credential.expires.is_some_and(|expires| expires <= now) {
        return Err(AuthError::ExpiredToken(sent()));
    }
    Ok(())
}

/// When and where an access key was last used: what `iam:GetAccessKeyLastUsed` answers. Written at
/// most once a minute per key, because it is written by every call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastUsed {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The signing name of the service.
    pub service: String,
    /// The region.
    pub region: String,
}

/// The last use of each issued access key, by its id.
pub const LAST_USED: Table<LastUsed> = Table::global("iam/credentials-last-used");

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The account that an access key id encodes: bits 1 to 40 after the four-letter prefix, as AWS
/// does it since 2019. `None` for ids of another form.
pub fn account_of_key(key_id: &str) -> Option<String> {
    let mut number = 0_u64;
    for byte in key_id.as_bytes().get(4..14)? {
        let digit = BASE32.iter().position(|letter| letter == byte)?;
        number = number << 5 | digit as u64;
    }
    // 50 bits were read: 48 of them are the six bytes that hold the account, whose first bit is
    // unused and whose last seven belong to the rest of the id.
    let account = (number >> 2 & 0x7fff_ffff_ff80) >> 7;
    (account < 1_000_000_000_000).then(|| format!("{account:012}"))
}

/// How many letters follow the prefix of an access key's id.
const KEY_LETTERS: u32 = 16;

/// How many of an access key's last bits are a check of those before them.
const CHECK_BITS: u32 = 15;

/// The check of a key's id: what its other 65 bits come to. It is no secret, and needs none: whoever makes up
/// an id that passes is refused, and nobody gains by that.
fn check_of(number: u128) -> u128 {
    // The mixing function of SplitMix64, on both halves: every bit of the id bears on every bit of the check.
    let mix = |half: u64| {
        let half = (half ^ half >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let half = (half ^ half >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        half ^ half >> 31
    };
    let (high, low) = ((number >> 64) as u64, number as u64);
    u128::from(mix(low ^ mix(high ^ 0x636c_6f75_6474_7769)) >> (64 - CHECK_BITS))
}

/// Whether an access key's id is one that a Cloudtwin has made, this one or another, whether or not anything
/// else is known of it any more. One in 32,768 of AWS's own ids looks so too.
pub fn is_ours(key_id: &str) -> bool {
    let Some(letters) = key_id.as_bytes().get(4..).filter(|letters| letters.len() == KEY_LETTERS as usize)
    else {
        return false;
    };
    let mut number = 0_u128;
    for byte in letters {
        let Some(digit) = BASE32.iter().position(|letter| letter == byte) else { return false };
        number = number << 5 | digit as u128;
    }
    // The first bit says that an account follows: our ids have it always.
    number >> (5 * KEY_LETTERS - 1) == 1 && number & ((1 << CHECK_BITS) - 1) == check_of(number >> CHECK_BITS)
}

/// A new id of AWS's form, which encodes the account: `prefix` (`AKIA`, `ASIA`, `AIDA`, `AROA` …) and
/// `letters` letters of base 32 (16 for access keys, 17 for entities). What the account leaves free is taken
/// from `random`; access keys carry a check beside ([`is_ours`]), which leaves 24 bits: whoever makes them
/// has to look whether they are taken.
pub fn id_of_account(prefix: &str, letters: u32, account: &str, random: u128) -> String {
    // The first bit says that an account follows; it takes the next forty.
    let free = (5 * letters.min(25)).saturating_sub(41);
    let account = account.parse::<u64>().unwrap_or_default() & 0xff_ffff_ffff;
    let head = u128::from(1 << 40 | account) << free;
    let mut number = head | (random & ((1 << free) - 1));
    if letters == KEY_LETTERS {
        number = (number >> CHECK_BITS) << CHECK_BITS | check_of(number >> CHECK_BITS);
    }
    let letter = |index: u32| {
        let digit = number >> (5 * index) & 31;
        BASE32.get(digit as usize).map_or('A', |letter| char::from(*letter))
    };
    prefix.chars().chain((0..letters.min(25)).rev().map(letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_written_into_new_ids() {
        for account in ["000000000000", "029608264753", "123456789012", "999999999999"] {
            for (prefix, letters) in [("AKIA", 16), ("AROA", 17)] {
                let id = id_of_account(prefix, letters, account, 0x1234_5678_9abc_def0_1234_5678_9abc_def0);
                assert_eq!(id.len(), 4 + letters as usize);
                assert!(id.starts_with(prefix));
                assert_eq!(account_of_key(&id).as_deref(), Some(account), "{id}");
            }
        }
        assert!(id_of_account("AKIA", 16, "000000000000", 0).starts_with("AKIAQAAAAAAA"));
    }

    #[test]
    fn an_issued_key_is_told_from_others_by_its_id() {
        let random = |seed: u128| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        for seed in 1..2_000 {
            let id = id_of_account("ASIA", 16, "123456789012", random(seed));
            assert!(is_ours(&id), "{id}");
            // Any other last letter is not ours.
            let (head, last) = id.split_at(19);
            let other = if last == "A" { "B" } else { "A" };
            assert!(!is_ours(&format!("{head}{other}")));
        }
        for other in ["test", "", "123456789012", "AKIAIOSFODNN7EXAMPLE", "ASIAQNZGKIQY56JQ7WML"] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn a_key_whose_row_is_gone_stays_refused() {
        let session = id_of_account("ASIA", 16, "000000000000", 7);
        let long_term = id_of_account("AKIA", 16, "000000000000", 7);
        assert!(matches!(check(&session, None, Some("token"), 0), Err(AuthError::ExpiredToken(_))));
        assert!(matches!(check(&session, None, None, 0), Err(AuthError::UnknownAccessKey(_))));
        assert!(matches!(check(&long_term, None, None, 0), Err(AuthError::UnknownAccessKey(_))));
        assert!(check("test", None, None, 0).is_ok());
    }

    #[test]
    fn the_account_is_read_from_the_key() {
        // The example of AWS's users: the key ASIAQNZGKIQY56JQ7WML belongs to 029608264753.
        assert_eq!(account_of_key("ASIAQNZGKIQY56JQ7WML").as_deref(), Some("029608264753"));
        assert_eq!(account_of_key("test"), None);
    }
}
