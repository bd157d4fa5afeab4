//! Signing keys: `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::collections::HashMap;

use hmac::Mac;
use parking_lot::RwLock;
use sha2::{Digest, Sha256};

use crate::hex::{self, Hex64};

pub(crate) type HmacSha256 = hmac::Hmac<Sha256>;

/// A key derived for one secret, day, region and service.
///
/// It holds the HMAC state after the key has been absorbed, so that signing costs no key schedule.
#[derive(Clone)]
pub struct SigningKey(HmacSha256);

impl SigningKey {
    /// Derives the key. `date` is `YYYYMMDD`.
    pub fn derive(secret_access_key: &str, date: &str, region: &str, service: &str) -> Self {
        let mut secret = String::with_capacity(4 + secret_access_key.len());
        secret.push_str("AWS4");
        secret.push_str(secret_access_key);
        let mut key = mac(secret.as_bytes());
        for step in [date, region, service, "aws4_request"] {
            key.update(step.as_bytes());
            key = mac(&key.finalize().into_bytes());
        }
        Self(key)
    }

    /// The signature of `string_to_sign`.
    pub fn sign(&self, string_to_sign: &[u8]) -> Hex64 {
        let mut mac = self.0.clone();
        mac.update(string_to_sign);
        Hex64::encode(&mac.finalize().into_bytes().into())
    }

    /// Whether `signature` (lower-case hexadecimal) is that of `string_to_sign`, compared in a
    /// time that does not depend on where the two differ.
    pub fn verifies(&self, string_to_sign: &[u8], signature: &str) -> bool {
        let Some(expected) = hex::decode_32(signature) else { return false };
        let mut mac = self.0.clone();
        mac.update(string_to_sign);
        mac.verify(&expected.into()).is_ok()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

fn mac(key: &[u8]) -> HmacSha256 {
    // HMAC hashes keys longer than its block and pads shorter ones (RFC 2104), so every length
    // is valid; the fallback only satisfies the signature of `new_from_slice`.
    HmacSha256::new_from_slice(key).unwrap_or_else(|_| HmacSha256::new(&Default::default()))
}

/// Keys derived before. A key serves a whole day of one caller's requests to one service, and
/// its derivation costs more than all the rest of a small request's verification.
///
/// Entries are found by a SHA-256 of secret and scope: no secret is kept, and one caller's
/// cached key can never be found with another's secret.
#[derive(Debug, Default)]
pub struct SigningKeyCache(RwLock<HashMap<[u8; 32], SigningKey>>);

/// Days × regions × services × callers of a local cloud stay far below; a caller who invents
/// scopes only makes everybody derive again.
const CAPACITY: usize = 1024;

impl SigningKeyCache {
    /// The key of this scope, derived at most once while it stays cached.
    pub fn key(&self, secret_access_key: &str, date: &str, region: &str, service: &str) -> SigningKey {
        let mut hash = Sha256::new();
        for part in [secret_access_key, date, region, service] {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let id: [u8; 32] = hash.finalize().into();
        if let Some(key) = self.0.read().get(&id) {
            return key.clone();
        }
        let key = SigningKey::derive(secret_access_key, date, region, service);
        let mut keys = self.0.write();
        if keys.len() >= CAPACITY {
            keys.clear();
        }
        keys.insert(id, key.clone());
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_key_signs_the_documented_string() {
        let cache = SigningKeyCache::default();
        let string_to_sign = "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n\
                              7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972";
        for _ in 0..2 {
            let key = cache.key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3");
            let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
            assert_eq!(key.sign(string_to_sign.as_bytes()).as_str(), signature);
            assert!(key.verifies(string_to_sign.as_bytes(), signature));
            assert!(!key.verifies(string_to_sign.as_bytes(), &signature.to_uppercase()));
            assert!(!key.verifies(b"", signature));
        }
        assert_eq!(cache.0.read().len(), 1);
    }

    #[test]
    fn the_cache_stays_small_whatever_scopes_are_invented() {
        let cache = SigningKeyCache::default();
        for n in 0..CAPACITY + 10 {
            cache.key("secret", "20130524", &n.to_string(), "s3");
        }
        assert!(cache.0.read().len() <= CAPACITY);
    }
}
