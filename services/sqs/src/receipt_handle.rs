//! Receipt handles: opaque to clients, and new for each receive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

/// What a receipt handle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReceiptHandle {
    /// [`crate::state::Queue::id`].
    pub(crate) queue_id: u64,
    /// The message's number in its queue.
    pub(crate) number: u64,
    /// Random; the message keeps the latest one.
    pub(crate) nonce: u64,
}

/// AWS's handles begin with these bytes, `AQEB` in base64.
const PREFIX: [u8; 3] = [1, 1, 1];
const FIELDS: usize = 8;
const LENGTH: usize = PREFIX.len() + 4 * FIELDS + 1;

impl ReceiptHandle {
    /// The text that clients get.
    pub(crate) fn encode(self) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&PREFIX);
        bytes.extend_from_slice(&self.nonce.to_be_bytes());
        // Handles that differ in one number only should not look alike.
        bytes.extend_from_slice(&(self.queue_id ^ self.nonce).to_be_bytes());
        bytes.extend_from_slice(&(self.number ^ self.nonce.rotate_left(32)).to_be_bytes());
        bytes.extend_from_slice(&self.check());
        STANDARD.encode(bytes)
    }

    /// Reads the text; `None` if it is no handle.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        if text.len() > LENGTH.div_ceil(3) * 4 {
            return None;
        }
        let bytes = STANDARD.decode(text).ok()?;
        let rest = bytes.strip_prefix(&PREFIX)?;
        let (nonce, rest) = rest.split_first_chunk::<FIELDS>()?;
        let (queue_id, rest) = rest.split_first_chunk::<FIELDS>()?;
        let (number, check) = rest.split_first_chunk::<FIELDS>()?;
        let nonce = u64::from_be_bytes(*nonce);
        let handle = Self {
            queue_id: u64::from_be_bytes(*queue_id) ^ nonce,
            number: u64::from_be_bytes(*number) ^ nonce.rotate_left(32),
            nonce,
        };
        (handle.check() == check).then_some(handle)
    }

    /// Tells handles from other base64. It is no protection: who may receive a message may as well
    /// make up a handle of it.
    fn check(self) -> [u8; FIELDS + 1] {
        let mut md5 = Md5::new();
        for field in [self.queue_id, self.number, self.nonce] {
            md5.update(field.to_be_bytes());
        }
        let digest: [u8; 16] = md5.finalize().into();
        let mut check = [0; FIELDS + 1];
        check.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        check
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn handles_are_read_back(queue_id: u64, number: u64, nonce: u64) {
            let handle = ReceiptHandle { queue_id, number, nonce };
            let text = handle.encode();
            prop_assert!(text.starts_with("AQEB") && !text.ends_with('='));
            prop_assert_eq!(ReceiptHandle::decode(&text), Some(handle));
        }

        #[test]
        fn other_texts_are_refused(text in "\\PC{0,80}") {
            prop_assert_eq!(ReceiptHandle::decode(&text), None);
        }
    }
}
