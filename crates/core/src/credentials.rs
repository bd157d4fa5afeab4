//! Access keys that this cloud has issued. IAM and STS write them, authentication reads them.

use cloudtwin_store::Table;
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

/// Every access key that was issued, by its id.
pub const CREDENTIALS: Table<Credential> = Table::global("iam/credentials");

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

/// A new id of AWS's form, which encodes the account: `prefix` (`AKIA`, `ASIA`, `AIDA`, `AROA` …) and
/// `letters` letters of base 32 (16 for access keys, 17 for entities). What the account leaves free is taken
/// from `random`.
pub fn id_of_account(prefix: &str, letters: u32, account: &str, random: u128) -> String {
    // The first bit says that an account follows; it takes the next forty.
    let free = (5 * letters.min(25)).saturating_sub(41);
    let account = account.parse::<u64>().unwrap_or_default() & 0xff_ffff_ffff;
    let head = u128::from(1 << 40 | account) << free;
    let number = head | (random & ((1 << free) - 1));
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
    fn the_account_is_read_from_the_key() {
        // The example of AWS's users: the key ASIAQNZGKIQY56JQ7WML belongs to 029608264753.
        assert_eq!(account_of_key("ASIAQNZGKIQY56JQ7WML").as_deref(), Some("029608264753"));
        assert_eq!(account_of_key("test"), None);
    }
}
