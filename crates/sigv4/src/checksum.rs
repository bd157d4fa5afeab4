//! Checksums of S3 objects, computed while they stream by.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use smallvec::SmallVec;
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

/// The header that names the algorithm whose checksum a request carries.
pub const SDK_CHECKSUM_ALGORITHM: &str = "x-amz-sdk-checksum-algorithm";
/// The header that names the algorithm of a multipart upload.
pub const CHECKSUM_ALGORITHM: &str = "x-amz-checksum-algorithm";
/// The header that says how the checksums of parts become that of the object.
pub const CHECKSUM_TYPE: &str = "x-amz-checksum-type";
/// The header that asks for checksums in answers (`ENABLED`).
pub const CHECKSUM_MODE: &str = "x-amz-checksum-mode";
/// The header that names the trailer of an `aws-chunked` body.
pub const TRAILER: &str = "x-amz-trailer";
/// The header with the Base64 of the body's MD5 (RFC 1864).
pub const CONTENT_MD5: &str = "content-md5";

/// The algorithms that S3 offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChecksumAlgorithm {
    /// CRC-32 (ISO HDLC).
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32C,
    /// CRC-64/NVME, S3's default.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// MD5.
    Md5,
    /// XXH64.
    XxHash64,
    /// XXH3, 64 bits.
    XxHash3,
    /// XXH3, 128 bits.
    XxHash128,
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32C,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Md5,
        Self::XxHash64,
        Self::XxHash3,
        Self::XxHash128,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32C => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Md5 => "MD5",
            Self::XxHash64 => "XXHASH64",
            Self::XxHash3 => "XXHASH3",
            Self::XxHash128 => "XXHASH128",
        }
    }

    /// The header or trailer that carries the checksum.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32C => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
            Self::Md5 => "x-amz-checksum-md5",
            Self::XxHash64 => "x-amz-checksum-xxhash64",
            Self::XxHash3 => "x-amz-checksum-xxhash3",
            Self::XxHash128 => "x-amz-checksum-xxhash128",
        }
    }

    /// Reads the name in the API. SDKs send it in lower case, too.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    }

    /// The algorithm whose checksum this header carries.
    pub fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
    }

    /// The length of a checksum, in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32C => 4,
            Self::Crc64Nvme | Self::XxHash64 | Self::XxHash3 => 8,
            Self::Md5 | Self::XxHash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Whether the checksum of a multipart object can be that of its whole content.
    pub fn supports_full_object(self) -> bool {
        self.crc().is_some()
    }

    /// Whether it can be the checksum of its parts' checksums.
    pub fn supports_composite(self) -> bool {
        self != Self::Crc64Nvme
    }

    /// A new hasher.
    pub fn hasher(self) -> Hasher {
        Hasher(match self {
            Self::Crc32 | Self::Crc32C | Self::Crc64Nvme => {
                State::Crc(self, crc_fast::Digest::new(self.crc().unwrap_or(CrcAlgorithm::Crc32IsoHdlc)))
            }
            Self::Sha1 => State::Sha1(Sha1::new()),
            Self::Sha256 => State::Sha256(Sha256::new()),
            Self::Sha512 => State::Sha512(Sha512::new()),
            Self::Md5 => State::Md5(Md5::new()),
            Self::XxHash64 => State::XxHash64(XxHash64::with_seed(0)),
            Self::XxHash3 => State::XxHash3(Box::new(XxHash3_64::new())),
            Self::XxHash128 => State::XxHash128(Box::new(XxHash3_128::new())),
        })
    }

    /// The checksum of `data`.
    pub fn checksum(self, data: &[u8]) -> Checksum {
        let mut hasher = self.hasher();
        hasher.update(data);
        hasher.finish()
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32C => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            _ => None,
        }
    }
}

/// A checksum: the bytes that travel as Base64.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    bytes: SmallVec<[u8; 32]>,
}

impl Checksum {
    /// A checksum of the right length.
    pub fn from_bytes(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algorithm.length()).then(|| Self { algorithm, bytes: bytes.into() })
    }

    /// Reads Base64; `None` when it is none, or of another length.
    pub fn parse(algorithm: ChecksumAlgorithm, base64: &str) -> Option<Self> {
        Self::from_bytes(algorithm, &BASE64_STANDARD.decode(base64).ok()?)
    }

    /// The algorithm.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Base64, as headers carry it.
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(&self.bytes)
    }

    fn crc(&self) -> u64 {
        self.bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn of_crc(algorithm: ChecksumAlgorithm, crc: u64) -> Self {
        let bytes = crc.to_be_bytes();
        let unused = bytes.len().saturating_sub(algorithm.length());
        Self { algorithm, bytes: bytes.iter().skip(unused).copied().collect() }
    }
}

/// The `COMPOSITE` checksum of a multipart object: that of its parts' checksums, and their
/// number. Written `Base64-N`.
pub fn composite<'a>(
    algorithm: ChecksumAlgorithm,
    parts: impl IntoIterator<Item = &'a Checksum>,
) -> (Checksum, usize) {
    let mut hasher = algorithm.hasher();
    let mut count = 0;
    for part in parts {
        hasher.update(part.as_bytes());
        count += 1;
    }
    (hasher.finish(), count)
}

/// The `FULL_OBJECT` checksum of a multipart object, from its parts' checksums and lengths.
/// `None` where the algorithm cannot, or a part has another algorithm.
pub fn full_object<'a>(
    algorithm: ChecksumAlgorithm,
    parts: impl IntoIterator<Item = (&'a Checksum, u64)>,
) -> Option<Checksum> {
    let crc = algorithm.crc()?;
    let mut whole = algorithm.checksum(b"").crc();
    for (part, length) in parts {
        if part.algorithm != algorithm {
            return None;
        }
        // The combination of nothing is not what the library makes of it.
        if length > 0 {
            whole = crc_fast::checksum_combine(crc, whole, part.crc(), length);
        }
    }
    Some(Checksum::of_crc(algorithm, whole))
}

/// A checksum in the making.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Crc(ChecksumAlgorithm, crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
    Md5(Md5),
    XxHash64(XxHash64),
    XxHash3(Box<XxHash3_64>),
    XxHash128(Box<XxHash3_128>),
}

impl Hasher {
    /// Adds the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        use std::hash::Hasher as _;
        match &mut self.0 {
            State::Crc(_, digest) => digest.update(data),
            State::Sha1(digest) => digest.update(data),
            State::Sha256(digest) => digest.update(data),
            State::Sha512(digest) => digest.update(data),
            State::Md5(digest) => digest.update(data),
            State::XxHash64(digest) => digest.write(data),
            State::XxHash3(digest) => digest.write(data),
            State::XxHash128(digest) => digest.write(data),
        }
    }

    /// The checksum of all bytes.
    pub fn finish(self) -> Checksum {
        use std::hash::Hasher as _;
        let (algorithm, bytes): (_, SmallVec<[u8; 32]>) = match self.0 {
            State::Crc(algorithm, digest) => return Checksum::of_crc(algorithm, digest.finalize()),
            State::Sha1(digest) => (ChecksumAlgorithm::Sha1, digest.finalize().as_slice().into()),
            State::Sha256(digest) => (ChecksumAlgorithm::Sha256, digest.finalize().as_slice().into()),
            State::Sha512(digest) => (ChecksumAlgorithm::Sha512, digest.finalize().as_slice().into()),
            State::Md5(digest) => (ChecksumAlgorithm::Md5, digest.finalize().as_slice().into()),
            State::XxHash64(digest) => {
                (ChecksumAlgorithm::XxHash64, digest.finish().to_be_bytes().as_slice().into())
            }
            State::XxHash3(digest) => {
                (ChecksumAlgorithm::XxHash3, digest.finish().to_be_bytes().as_slice().into())
            }
            State::XxHash128(digest) => {
                (ChecksumAlgorithm::XxHash128, digest.finish_128().to_be_bytes().as_slice().into())
            }
        };
        Checksum { algorithm, bytes }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_algorithm_gives_its_known_checksum() {
        for (algorithm, expected) in [
            (ChecksumAlgorithm::Crc32, "z3mWAA=="),
            (ChecksumAlgorithm::Crc32C, "rxvjPA=="),
            (ChecksumAlgorithm::Crc64Nvme, "dYnI3/Fh0gM="),
            (ChecksumAlgorithm::Sha1, "8O8FwCfmd5fCbCBvH09mrKMVoHU="),
            (ChecksumAlgorithm::Sha256, "OoSow5X4zTIPl27MtdFdYT+9O3C367C75+Cb2MFtRBc="),
            (
                ChecksumAlgorithm::Sha512,
                "uiz+VuENyLjzFxWrdmbN/NdIdldj/V3saJF6FsckcYu6xu26fM0CfAaTySaoFJmIdI2m5wbYMJxtShQ1PXk3Tg==",
            ),
            (ChecksumAlgorithm::Md5, "EtWtthXtCk3RxUiXKw+ydw=="),
            (ChecksumAlgorithm::XxHash64, "McmxUfNFLUs="),
            (ChecksumAlgorithm::XxHash3, "tLh+aNltTM4="),
            (ChecksumAlgorithm::XxHash128, "MXqrLVobrQkTBf82+7i9AQ=="),
        ] {
            let checksum = algorithm.checksum(b"the object data");
            assert_eq!(checksum.to_base64(), expected, "{algorithm:?}");
            assert_eq!(Checksum::parse(algorithm, expected), Some(checksum));
            assert_eq!(Checksum::parse(algorithm, "AA=="), None);
            assert_eq!(ChecksumAlgorithm::parse(&algorithm.as_str().to_lowercase()), Some(algorithm));
            assert_eq!(ChecksumAlgorithm::of_header(algorithm.header()), Some(algorithm));
        }
    }

    #[test]
    fn composite_checksums_count_their_parts() {
        let parts = [ChecksumAlgorithm::Sha256.checksum(b"a"), ChecksumAlgorithm::Sha256.checksum(b"b")];
        let (checksum, count) = composite(ChecksumAlgorithm::Sha256, &parts);
        let concatenated: Vec<u8> = parts.iter().flat_map(|part| part.as_bytes().to_vec()).collect();
        assert_eq!(checksum, ChecksumAlgorithm::Sha256.checksum(&concatenated));
        assert_eq!(count, 2);
    }

    proptest! {
        #[test]
        fn full_object_checksums_are_those_of_the_whole(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6)
        ) {
            for algorithm in ChecksumAlgorithm::ALL {
                let sums: Vec<_> =
                    parts.iter().map(|part| (algorithm.checksum(part), part.len() as u64)).collect();
                let whole = full_object(algorithm, sums.iter().map(|(sum, length)| (sum, *length)));
                let expected = algorithm.checksum(&parts.concat());
                prop_assert_eq!(whole, algorithm.supports_full_object().then_some(expected));
            }
        }

        #[test]
        fn cutting_the_input_changes_nothing(data in proptest::collection::vec(any::<u8>(), 0..2000), at in 0..2000usize) {
            let at = at.min(data.len());
            for algorithm in ChecksumAlgorithm::ALL {
                let mut hasher = algorithm.hasher();
                hasher.update(&data[..at]);
                hasher.update(&data[at..]);
                prop_assert_eq!(hasher.finish(), algorithm.checksum(&data));
            }
        }
    }
}
