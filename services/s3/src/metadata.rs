//! Headers that are stored with objects: what is accepted, and how it is given back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cloudtwin_smithy::AwsError;

use crate::api::errors;
use crate::state::STANDARD;

/// The longest key, in bytes.
const MAX_KEY: usize = 1024;

/// The most bytes that names and values of user metadata can have together.
const MAX_METADATA: usize = 2048;

/// Storage classes that a client can choose.
const STORAGE_CLASSES: &[&str] = &[
    STANDARD,
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
    "SNOW",
];

/// The headers among an input's members that are stored as they came.
macro_rules! system_headers {
    ($input:expr) => {
        $crate::state::SystemHeaders {
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input
                .content_encoding
                .take()
                .and_then(|encoding| cloudtwin_sigv4::without_aws_chunked(&encoding)),
            content_language: $input.content_language.take(),
            content_type: $input.content_type.take().filter(|content_type| !content_type.is_empty()),
            expires: $input.expires.take(),
            website_redirect_location: $input.website_redirect_location.take(),
        }
    };
}
pub(crate) use system_headers;

/// Gives stored headers back in an output.
macro_rules! show_headers {
    ($output:expr, $object:expr) => {{
        let headers = &$object.headers;
        $output.cache_control = headers.cache_control.clone();
        $output.content_disposition = headers.content_disposition.clone();
        $output.content_encoding = headers.content_encoding.clone();
        $output.content_language = headers.content_language.clone();
        $output.content_type =
            Some(headers.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned()));
        $output.expires = headers.expires.clone();
        $output.website_redirect_location = headers.website_redirect_location.clone();
    }};
}
pub(crate) use show_headers;

/// Overrides headers of an output with `response-*` parameters of an input.
macro_rules! override_headers {
    ($output:expr, $input:expr) => {
        if $input.response_cache_control.is_some() {
            $output.cache_control = $input.response_cache_control.take();
        }
        if $input.response_content_disposition.is_some() {
            $output.content_disposition = $input.response_content_disposition.take();
        }
        if $input.response_content_encoding.is_some() {
            $output.content_encoding = $input.response_content_encoding.take();
        }
        if $input.response_content_language.is_some() {
            $output.content_language = $input.response_content_language.take();
        }
        if $input.response_content_type.is_some() {
            $output.content_type = $input.response_content_type.take();
        }
        if let Some(expires) = $input.response_expires {
            $output.expires = Some(expires.format(cloudtwin_smithy::schema::TimestampFormat::HttpDate));
        }
    };
}
pub(crate) use override_headers;

/// Checks the key of a new object.
///
/// # Errors
/// `KeyTooLongError`.
pub(crate) fn check_key(key: &str) -> Result<(), AwsError> {
    if key.len() <= MAX_KEY {
        return Ok(());
    }
    Err(errors::KEY_TOO_LONG_ERROR
        .with("Your key is too long")
        .field("Size", key.len() as i64)
        .field("MaxSizeAllowed", MAX_KEY as i64))
}

/// The storage class of a new object.
///
/// # Errors
/// `InvalidStorageClass`.
pub(crate) fn storage_class(requested: Option<&str>) -> Result<String, AwsError> {
    let class = requested.unwrap_or(STANDARD);
    if STORAGE_CLASSES.contains(&class) {
        return Ok(class.to_owned());
    }
    Err(errors::INVALID_STORAGE_CLASS
        .with("The storage class you specified is not valid")
        .field("StorageClassRequested", class))
}

/// User metadata as it is stored: names in lower case, values decoded.
///
/// # Errors
/// `MetadataTooLarge`.
pub(crate) fn user_metadata(
    metadata: Option<BTreeMap<String, String>>,
) -> Result<BTreeMap<String, String>, AwsError> {
    let Some(metadata) = metadata else { return Ok(BTreeMap::new()) };
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_METADATA {
        return Err(errors::METADATA_TOO_LARGE
            .with("Your metadata headers exceed the maximum allowed metadata size")
            .field("Size", size as i64)
            .field("MaxSizeAllowed", MAX_METADATA as i64));
    }
    Ok(metadata.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), decode(&value))).collect())
}

/// User metadata as headers carry it.
pub(crate) fn shown(metadata: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    if metadata.is_empty() {
        return None;
    }
    Some(metadata.iter().map(|(name, value)| (name.clone(), encode(value))).collect())
}

/// Decodes a value that is one encoded word (RFC 2047), as S3 does.
fn decode(value: &str) -> String {
    let word = value.strip_prefix("=?").and_then(|word| word.strip_suffix("?="));
    let Some(word) = word else { return value.to_owned() };
    let mut parts = word.splitn(3, '?');
    let (Some(charset), Some(encoding), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return value.to_owned();
    };
    if !charset.eq_ignore_ascii_case("utf-8") {
        return value.to_owned();
    }
    let bytes = match encoding {
        "B" | "b" => BASE64_STANDARD.decode(text).ok(),
        "Q" | "q" => Some(decode_quoted(text)),
        _ => None,
    };
    bytes.map_or_else(|| value.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn decode_quoted(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'_' => bytes.push(b' '),
            b'=' => {
                let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    Some(decoded) => {
                        bytes.push(decoded);
                        rest = after.get(2..).unwrap_or_default();
                    }
                    None => bytes.push(b'='),
                }
            }
            _ => bytes.push(*byte),
        }
    }
    bytes
}

/// Whether a character cannot stand in a header as it is.
fn is_special(c: char) -> bool {
    !matches!(c, '\r' | '\n' | '\t' | ' '..='~')
}

/// Encodes a value with other characters than ASCII's as an encoded word: quoted when most of it is
/// ASCII, else in Base64.
fn encode(value: &str) -> String {
    let special = value.chars().filter(|c| is_special(*c)).count();
    if special == 0 {
        return value.to_owned();
    }
    if value.chars().count() - special <= special {
        return format!("=?UTF-8?B?{}?=", BASE64_STANDARD.encode(value));
    }
    let mut text = String::from("=?UTF-8?Q?");
    for byte in value.bytes() {
        match byte {
            b' ' => text.push('_'),
            b'=' | b'_' | b'?' | 0..=31 | 127.. => text.push_str(&format!("={byte:02X}")),
            _ => text.push(char::from(byte)),
        }
    }
    text.push_str("?=");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn metadata_beyond_ascii_is_encoded_as_s3_does() {
        assert_eq!(encode("abc"), "abc");
        assert_eq!(encode("ÄMÄZÕÑ S3"), "=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?=");
        assert_eq!(
            encode("test_—_file%E2%80%94_é_2?.pdf"),
            "=?UTF-8?Q?test=5F=E2=80=94=5Ffile%E2%80%94=5F=C3=A9=5F2=3F.pdf?="
        );
        assert_eq!(encode("\0\u{1}\u{2}\u{3}"), "=?UTF-8?B?AAECAw==?=");
        assert_eq!(decode("=?UTF-8?Q?actually-ascii?="), "actually-ascii");
    }

    proptest! {
        #[test]
        fn encoded_values_come_back(value in "\\PC{0,20}") {
            let encoded = encode(&value);
            if encoded != value {
                prop_assert!(encoded.is_ascii());
                prop_assert_eq!(decode(&encoded), value);
            }
        }
    }
}
