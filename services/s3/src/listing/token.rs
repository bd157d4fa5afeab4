//! Continuation tokens: where a listing goes on, unreadable and bound to nothing else.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// What every token begins with, so that other text is not taken for one.
const MAGIC: &[u8] = b"1\0";

/// A token for the last thing that was listed.
pub(crate) fn encode(last: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([MAGIC, last.as_bytes()].concat())
}

/// What was listed last; `None` if the token is none of ours.
pub(crate) fn decode(token: &str) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes.strip_prefix(MAGIC)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tokens_come_back(last in "\\PC*", junk in "\\PC*") {
            prop_assert_eq!(decode(&encode(&last)), Some(last));
            let _ = decode(&junk);
        }
    }
}
