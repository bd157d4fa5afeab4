//! Encoded authorisation failure messages: what EC2 appends to a denial, and `sts:DecodeAuthorizationMessage`
//! reads.
//!
//! A message tells of policies that the caller may not be allowed to see, so it is sealed: DEFLATE, then
//! AES-256-GCM with a key that the installation keeps, then URL-safe Base64. The account is authenticated with
//! it: nobody reads what was answered to another account. When the whole state is reset, the key goes too, and
//! messages from before cannot be read any more.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cloudtwin_store::{Db, StoreError, Table};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::Value;

use crate::cloud::Cloud;

/// How long an encoded message can be: what `sts:DecodeAuthorizationMessage` takes.
const LONGEST: usize = 10_240;

/// How long a decoded message can be, in bytes.
const LONGEST_DECODED: u64 = 256 << 10;

/// Members that a message can do without, in the order in which they are left out of one that is too long.
const DISPENSABLE: [&[&str]; 3] =
    [&["context", "conditions", "items"], &["failures", "items"], &["matchedStatements", "items"]];

/// The installation's key, under its only key `messages`.
const KEYS: Table<[u8; 32]> = Table::global("core/message-keys");

fn existing_key(db: &Db) -> Result<Option<[u8; 32]>, StoreError> {
    db.scoped("", "").read(|tx| tx.get(&KEYS, "messages"))
}

/// The key, made when it is first needed.
async fn key(db: &Db) -> Result<[u8; 32], StoreError> {
    if let Some(key) = existing_key(db)? {
        return Ok(key);
    }
    let mut made = [0_u8; 32];
    for (half, random) in made.chunks_exact_mut(16).zip([crate::cloud::random(), crate::cloud::random()]) {
        half.copy_from_slice(&random.to_be_bytes());
    }
    db.scoped("", "")
        .write(|tx| match tx.get(&KEYS, "messages")? {
            // Somebody else was faster.
            Some(key) => Ok(key),
            None => tx.put(&KEYS, "messages", &made).map(|()| made),
        })
        .await
}

fn sealing_key(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

/// Seals a message for `account`. `nonce` must be another one every time.
fn seal(key: &[u8; 32], account: &str, nonce: [u8; NONCE_LEN], message: &Value) -> Option<String> {
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(message.to_string().as_bytes()).ok()?;
    let mut sealed = deflate.finish().ok()?;
    let aad = Aad::from(account.as_bytes());
    sealing_key(key)?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).ok()?;
    let mut bytes = nonce.to_vec();
    bytes.extend(sealed);
    Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// The text of a message that was sealed for `account`; `None` for anything else.
fn open(key: &[u8; 32], account: &str, encoded: &str) -> Option<String> {
    if encoded.len() > LONGEST {
        return None;
    }
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let packed = sealing_key(key)?.open_in_place(nonce, Aad::from(account.as_bytes()), sealed).ok()?;
    let mut text = String::new();
    let read = DeflateDecoder::new(&*packed).take(LONGEST_DECODED + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= LONGEST_DECODED).then_some(text)
}

/// Empties the list at `path`.
fn empty(message: &mut Value, path: &[&str]) {
    let found = path.iter().try_fold(message, |value, name| value.get_mut(name));
    if let Some(Value::Array(items)) = found {
        items.clear();
    }
}

impl Cloud {
    /// Encodes what is to be said of a denial to a caller of `account`:
    /// `{"allowed":false,"explicitDeny":…,"matchedStatements":{"items":[…]},"failures":{"items":[…]},
    /// "context":{"principal":…,"action":…,"resource":…,"conditions":{"items":[…]}}}`. What would become too
    /// long to be decoded loses its lists, the least important first.
    ///
    /// # Errors
    /// What the store reports.
    pub async fn encode_authorization_message(
        &self,
        account: &str,
        message: &Value,
    ) -> Result<String, StoreError> {
        let key = key(self.db()).await?;
        let mut message = message.clone();
        let mut shortenings = DISPENSABLE.iter();
        loop {
            let mut nonce = [0_u8; NONCE_LEN];
            let random = crate::cloud::random().to_be_bytes();
            nonce.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
            let sealed = seal(&key, account, nonce, &message).unwrap_or_default();
            if sealed.len() <= LONGEST {
                return Ok(sealed);
            }
            match shortenings.next() {
                Some(path) => empty(&mut message, path),
                // One text of ten thousand random characters; nothing of it is worth keeping.
                None => message = serde_json::json!({"allowed": false}),
            }
        }
    }

    /// The text of a message that was encoded for `account`; `None` for anything else.
    ///
    /// # Errors
    /// What the store reports.
    pub fn decode_authorization_message(
        &self,
        account: &str,
        encoded: &str,
    ) -> Result<Option<String>, StoreError> {
        Ok(existing_key(self.db())?.and_then(|key| open(&key, account, encoded)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::CloudConfig;

    const KEY: [u8; 32] = [7; 32];

    #[tokio::test]
    async fn a_message_is_read_by_its_account_only() {
        let cloud = Cloud::start(Db::ephemeral().unwrap(), CloudConfig::default(), Vec::new());
        let message = json!({"allowed": false, "explicitDeny": true});
        let encoded = cloud.encode_authorization_message("000000000000", &message).await.unwrap();
        assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        let decoded = cloud.decode_authorization_message("000000000000", &encoded).unwrap();
        assert_eq!(decoded.as_deref(), Some(r#"{"allowed":false,"explicitDeny":true}"#));
        assert_eq!(cloud.decode_authorization_message("111111111111", &encoded).unwrap(), None);
        assert_ne!(cloud.encode_authorization_message("000000000000", &message).await.unwrap(), encoded);
        cloud.stop();
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_is_shortened() {
        let cloud = Cloud::start(Db::ephemeral().unwrap(), CloudConfig::default(), Vec::new());
        let items: Vec<String> =
            (0..2_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string()).collect();
        let message = json!({
            "explicitDeny": false,
            "context": {"action": "ec2:RunInstances", "conditions": {"items": items}}
        });
        let encoded = cloud.encode_authorization_message("000000000000", &message).await.unwrap();
        let decoded = cloud.decode_authorization_message("000000000000", &encoded).unwrap().unwrap();
        assert_eq!(
            decoded,
            r#"{"explicitDeny":false,"context":{"action":"ec2:RunInstances","conditions":{"items":[]}}}"#
        );
        cloud.stop();
    }

    #[test]
    fn what_was_touched_is_not_read() {
        let sealed = seal(&KEY, "0", [1; NONCE_LEN], &json!({"allowed": false})).unwrap();
        assert!(open(&KEY, "0", &sealed).is_some());
        for index in 0..sealed.len() {
            let mut touched = sealed.clone().into_bytes();
            touched[index] = if touched[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(&KEY, "0", &String::from_utf8(touched).unwrap()), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            prop_assert_eq!(open(&KEY, "0", &text), None);
        }
    }
}
