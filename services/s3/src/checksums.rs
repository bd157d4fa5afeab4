//! Which checksum an upload is checked by, and stored with.

use cloudtwin_sigv4::{Checksum, ChecksumAlgorithm, Hasher};
use cloudtwin_smithy::AwsError;
use http::HeaderMap;

use crate::api::errors;
use crate::errors::invalid_request;
use crate::state::StoredChecksum;

/// The members of an input that carry checksums, with their algorithms.
macro_rules! given_checksums {
    ($input:expr) => {{
        use cloudtwin_sigv4::ChecksumAlgorithm as A;
        [
            (A::Crc32, $input.checksum_crc32.as_deref()),
            (A::Crc32C, $input.checksum_crc32c.as_deref()),
            (A::Crc64Nvme, $input.checksum_crc64nvme.as_deref()),
            (A::Sha1, $input.checksum_sha1.as_deref()),
            (A::Sha256, $input.checksum_sha256.as_deref()),
            (A::Sha512, $input.checksum_sha512.as_deref()),
            (A::Md5, $input.checksum_md5.as_deref()),
            (A::XxHash64, $input.checksum_xxhash64.as_deref()),
            (A::XxHash3, $input.checksum_xxhash3.as_deref()),
            (A::XxHash128, $input.checksum_xxhash128.as_deref()),
        ]
    }};
}
pub(crate) use given_checksums;

/// Sets the member of an output that an algorithm's checksum belongs into.
macro_rules! set_checksum {
    ($output:expr, $algorithm:expr, $value:expr) => {{
        let value = Some($value.to_owned());
        match $algorithm {
            "CRC32" => $output.checksum_crc32 = value,
            "CRC32C" => $output.checksum_crc32c = value,
            "CRC64NVME" => $output.checksum_crc64nvme = value,
            "SHA1" => $output.checksum_sha1 = value,
            "SHA256" => $output.checksum_sha256 = value,
            "SHA512" => $output.checksum_sha512 = value,
            "MD5" => $output.checksum_md5 = value,
            "XXHASH64" => $output.checksum_xxhash64 = value,
            "XXHASH3" => $output.checksum_xxhash3 = value,
            "XXHASH128" => $output.checksum_xxhash128 = value,
            _ => {}
        }
    }};
}
pub(crate) use set_checksum;

/// Sets an output's checksum and its type.
macro_rules! show_checksum {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            $crate::checksums::set_checksum!($output, checksum.algorithm.as_str(), checksum.value);
            $output.checksum_type = Some(checksum.kind().to_owned());
        }
    };
}
pub(crate) use show_checksum;

/// What to compute of an upload, and what to compare it with.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) algorithm: ChecksumAlgorithm,
    /// From a header; trailers come later.
    pub(crate) expected: Option<Checksum>,
    /// Whether the client named the algorithm, in whatever way.
    pub(crate) named: bool,
}

/// The algorithm of objects whose upload names none.
pub(crate) const DEFAULT: ChecksumAlgorithm = ChecksumAlgorithm::Crc64Nvme;

/// The algorithm that a header names.
///
/// # Errors
/// `InvalidRequest` for an unknown one.
pub(crate) fn algorithm(name: &str) -> Result<ChecksumAlgorithm, AwsError> {
    ChecksumAlgorithm::parse(name).ok_or_else(|| {
        invalid_request("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
    })
}

/// The one checksum among the headers of a request, as sent.
///
/// # Errors
/// `InvalidRequest` when there are several.
pub(crate) fn single<'a>(
    given: impl IntoIterator<Item = (ChecksumAlgorithm, Option<&'a str>)>,
) -> Result<Option<(ChecksumAlgorithm, &'a str)>, AwsError> {
    let mut found = given.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value?)));
    let first = found.next();
    match found.next() {
        Some(_) => Err(invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )),
        None => Ok(first),
    }
}

/// The error for a checksum that is not Base64 of the right length.
pub(crate) fn invalid_value(algorithm: ChecksumAlgorithm) -> AwsError {
    invalid_request(format!("Value for {} header is invalid.", algorithm.header()))
}

impl Plan {
    /// Reads the headers of an upload. `given` are the checksums among them, `named` is
    /// `x-amz-sdk-checksum-algorithm`, `fallback` the algorithm when there is nothing else.
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub(crate) fn of<'a>(
        given: impl IntoIterator<Item = (ChecksumAlgorithm, Option<&'a str>)>,
        named: Option<&str>,
        fallback: ChecksumAlgorithm,
    ) -> Result<Self, AwsError> {
        if let Some((algorithm, value)) = single(given)? {
            let expected = Checksum::parse(algorithm, value).ok_or_else(|| invalid_value(algorithm))?;
            return Ok(Self { algorithm, expected: Some(expected), named: true });
        }
        let Some(name) = named else { return Ok(Self { algorithm: fallback, expected: None, named: false }) };
        let algorithm = ChecksumAlgorithm::parse(name)
            .ok_or_else(|| invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid."))?;
        Ok(Self { algorithm, expected: None, named: true })
    }

    /// A hasher for the body.
    pub(crate) fn hasher(&self) -> Hasher {
        self.algorithm.hasher()
    }

    /// Compares what was computed with what the client sent, in headers or `trailers`.
    ///
    /// # Errors
    /// `BadDigest`, or `InvalidRequest` for a malformed trailer.
    pub(crate) fn verify(&self, computed: &Checksum, trailers: &HeaderMap) -> Result<(), AwsError> {
        let trailer = trailers.get(self.algorithm.header());
        let trailer = match trailer {
            None => None,
            Some(value) => Some(
                value
                    .to_str()
                    .ok()
                    .and_then(|text| Checksum::parse(self.algorithm, text.trim()))
                    .ok_or_else(|| invalid_value(self.algorithm))?,
            ),
        };
        match self.expected.as_ref().or(trailer.as_ref()) {
            Some(expected) if expected != computed => Err(mismatch(self.algorithm.as_str())),
            _ => Ok(()),
        }
    }
}

/// The checksum of a whole body differs from the one sent.
pub(crate) fn mismatch(algorithm: &str) -> AwsError {
    errors::BAD_DIGEST.with(format!("The {algorithm} you specified did not match the calculated checksum."))
}

/// A checksum as rows keep it.
pub(crate) fn stored(checksum: &Checksum) -> StoredChecksum {
    StoredChecksum {
        algorithm: checksum.algorithm().as_str().to_owned(),
        value: checksum.to_base64(),
        composite: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_has_one_checksum_at_most() {
        let none: [(ChecksumAlgorithm, Option<&str>); 0] = [];
        assert_eq!(Plan::of(none, None, DEFAULT).unwrap().algorithm, ChecksumAlgorithm::Crc64Nvme);
        assert!(Plan::of(none, Some("crc32"), DEFAULT).unwrap().named);
        let two = [(ChecksumAlgorithm::Crc32, Some("AAAAAA==")), (ChecksumAlgorithm::Sha1, Some("x"))];
        assert!(Plan::of(two, None, DEFAULT).is_err());
        let bad = [(ChecksumAlgorithm::Crc32, Some("test"))];
        let error = Plan::of(bad, None, DEFAULT).unwrap_err();
        assert_eq!(error.message(), "Value for x-amz-checksum-crc32 header is invalid.");
    }

    #[test]
    fn trailers_are_compared_too() {
        let none: [(ChecksumAlgorithm, Option<&str>); 0] = [];
        let plan = Plan::of(none, Some("CRC32"), DEFAULT).unwrap();
        let computed = ChecksumAlgorithm::Crc32.checksum(b"hello");
        let mut trailers = HeaderMap::new();
        assert!(plan.verify(&computed, &trailers).is_ok());
        trailers.insert("x-amz-checksum-crc32", "AAAAAA==".parse().unwrap());
        assert_eq!(plan.verify(&computed, &trailers).unwrap_err().code(), "BadDigest");
        trailers.insert("x-amz-checksum-crc32", computed.to_base64().parse().unwrap());
        assert!(plan.verify(&computed, &trailers).is_ok());
    }
}
