//! `x-amz-content-sha256`: how a signature covers the body.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html>

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use cloudtwin_smithy::StreamError;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest, Sha256};

use crate::error::{AuthError, ContentSha256Mismatch};
use crate::error_answer::ErrorFamily;
use crate::hex::{self, Hex64};

/// SHA-256 of nothing, in hexadecimal.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What `x-amz-content-sha256` says of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentSha256 {
    /// `UNSIGNED-PAYLOAD`: nothing.
    Unsigned,
    /// The digest of the whole body.
    Digest([u8; 32]),
    /// The body is `aws-chunked`.
    Streaming(Streaming),
}

/// The literals that announce an `aws-chunked` body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`: every chunk is signed.
    Signed,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`: chunks and trailers are signed.
    SignedTrailer,
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`: unsigned chunks, and trailers.
    UnsignedTrailer,
    /// `STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD`: chunks signed by SigV4a.
    EcdsaSigned,
    /// `STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER`: the same with trailers.
    EcdsaSignedTrailer,
}

impl Streaming {
    const ALL: [Self; 5] = [
        Self::Signed,
        Self::SignedTrailer,
        Self::UnsignedTrailer,
        Self::EcdsaSigned,
        Self::EcdsaSignedTrailer,
    ];

    /// The literal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Self::SignedTrailer => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Self::UnsignedTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            Self::EcdsaSigned => "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
            Self::EcdsaSignedTrailer => "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
        }
    }

    /// Whether trailers follow the chunks.
    pub fn has_trailers(self) -> bool {
        matches!(self, Self::SignedTrailer | Self::UnsignedTrailer | Self::EcdsaSignedTrailer)
    }
}

impl ContentSha256 {
    /// The digest of `body`.
    pub fn digest_of(body: &[u8]) -> Self {
        Self::Digest(Sha256::digest(body).into())
    }

    /// Reads the header; `None` for anything but a digest or a known literal.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "UNSIGNED-PAYLOAD" {
            return Some(Self::Unsigned);
        }
        if let Some(streaming) = Streaming::ALL.into_iter().find(|streaming| streaming.as_str() == text) {
            return Some(Self::Streaming(streaming));
        }
        hex::decode_32(&text.to_ascii_lowercase()).map(Self::Digest)
    }
}

/// A body that ends with `XAmzContentSHA256Mismatch` when it is not the one that was signed.
///
/// The digest is only known at the end, so readers must not act on the content before the
/// stream has ended well.
#[derive(Debug)]
pub struct DigestCheckedBody<B> {
    inner: B,
    hash: Sha256,
    expected: [u8; 32],
    done: bool,
}

impl<B> DigestCheckedBody<B> {
    /// Checks `inner` against the digest of [`ContentSha256::Digest`].
    pub fn new(inner: B, expected: [u8; 32]) -> Self {
        Self { inner, hash: Sha256::new(), expected, done: false }
    }
}

impl<B> Body for DigestCheckedBody<B>
where
    B: Body<Data = Bytes, Error = StreamError> + Unpin,
{
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let this = self.get_mut();
        if this.done {
            return Poll::Ready(None);
        }
        let polled = std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx));
        Poll::Ready(match polled {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.hash.update(data);
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                this.done = true;
                Some(Err(error))
            }
            None => {
                this.done = true;
                check_digest(&this.expected, &std::mem::take(&mut this.hash).finalize().into())
                    .err()
                    .map(|error| Err(StreamError::Aws(error.answer(ErrorFamily::S3))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

pub(crate) fn check_digest(claimed: &[u8; 32], computed: &[u8; 32]) -> Result<(), AuthError> {
    if claimed == computed {
        return Ok(());
    }
    Err(AuthError::ContentSha256Mismatch(Box::new(ContentSha256Mismatch {
        client_computed: Hex64::encode(claimed).to_string(),
        server_computed: Hex64::encode(computed).to_string(),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudtwin_smithy::ByteStream;
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;

    #[test]
    fn a_body_that_was_changed_on_the_way_ends_with_an_error() {
        let signed = Sha256::digest(b"hello").into();
        let read = |content: &'static str| {
            let body = ByteStream::from(Bytes::from_static(content.as_bytes()));
            DigestCheckedBody::new(body, signed).collect().now_or_never().unwrap()
        };
        assert_eq!(read("hello").unwrap().to_bytes(), "hello");
        let StreamError::Aws(error) = read("hullo").unwrap_err() else { panic!() };
        assert_eq!((error.code(), error.status()), ("XAmzContentSHA256Mismatch", 400));
    }

    #[test]
    fn only_digests_and_known_literals_are_read() {
        assert_eq!(ContentSha256::parse(EMPTY_SHA256), Some(ContentSha256::digest_of(b"")));
        for streaming in Streaming::ALL {
            assert_eq!(ContentSha256::parse(streaming.as_str()), Some(ContentSha256::Streaming(streaming)));
        }
        for text in ["", "STREAMING-NOTHING", "e3b0", "unsigned-payload"] {
            assert_eq!(ContentSha256::parse(text), None, "{text}");
        }
    }
}
