//! Passwords of users, kept so that they can be compared and not be read.

use cloudtwin_core::Ctx;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How often the hash of a password is iterated.
const ROUNDS: u32 = 10_000;

/// A salted hash of a password: PBKDF2 with HMAC-SHA-256 (RFC 8018), one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PasswordHash {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl PasswordHash {
    /// The hash of a new password.
    pub(crate) fn new(ctx: &Ctx, password: &str) -> Self {
        let salt = ctx.random().to_be_bytes();
        Self { salt, hash: derive(&salt, password) }
    }

    /// Whether this is the password's hash.
    pub(crate) fn is_of(&self, password: &str) -> bool {
        // Whether it takes as long for a wrong password as for the right one does not matter: what is compared
        // are hashes.
        derive(&self.salt, password) == self.hash
    }
}

fn derive(salt: &[u8; 16], password: &str) -> [u8; 32] {
    let Ok(keyed) = Hmac::<Sha256>::new_from_slice(password.as_bytes()) else { return [0; 32] };
    let mut first = keyed.clone();
    first.update(salt);
    first.update(&1_u32.to_be_bytes());
    let mut block: [u8; 32] = first.finalize().into_bytes().into();
    let mut hash = block;
    for _ in 1..ROUNDS {
        let mut next = keyed.clone();
        next.update(&block);
        block = next.finalize().into_bytes().into();
        for (sum, byte) in hash.iter_mut().zip(block) {
            *sum ^= byte;
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_has_its_hash() {
        let salt = *b"0123456789abcdef";
        let kept = PasswordHash { salt, hash: derive(&salt, "Passw0rd!") };
        assert!(kept.is_of("Passw0rd!"));
        assert!(!kept.is_of("passw0rd!"));
        assert_ne!(derive(b"0123456789abcdeF", "Passw0rd!"), kept.hash);
    }
}
