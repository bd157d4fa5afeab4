//! Reading request bodies: into memory with a limit, or as a stream that checks itself.

use bytes::{Bytes, BytesMut};
use cloudtwin_sigv4::{ChunkedBody, ChunkedOptions, ContentSha256, DigestCheckedBody};
use cloudtwin_smithy::{AwsError, ByteStream, StreamError};
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::authenticate::Authenticated;

/// Why a body could not be collected.
pub(crate) enum CollectError {
    /// It is longer than the limit.
    TooLarge,
    /// Reading it failed.
    Stream(StreamError),
}

/// Reads a body into memory.
pub(crate) async fn collect(mut body: ByteStream, limit: usize) -> Result<Bytes, CollectError> {
    if let Some(bytes) = body.as_bytes() {
        return if bytes.len() > limit { Err(CollectError::TooLarge) } else { Ok(bytes) };
    }
    if body.size_hint().lower() > limit as u64 {
        return Err(CollectError::TooLarge);
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(CollectError::Stream)?.into_data() else { continue };
        let length = first.as_ref().map_or(0, Bytes::len) + rest.len() + data.len();
        if length > limit {
            return Err(CollectError::TooLarge);
        }
        match &first {
            // Most bodies are one frame, which then is not copied.
            None => first = Some(data),
            Some(_) => rest.extend_from_slice(&data),
        }
    }
    let first = first.unwrap_or_default();
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

/// The content of a streamed body: without `aws-chunked` framing, and checked against what the
/// signature says of it.
pub(crate) fn content(
    headers: &HeaderMap,
    authenticated: &Authenticated,
    body: ByteStream,
) -> Result<ByteStream, AwsError> {
    let announced = headers
        .get("x-amz-content-sha256")
        .and_then(|value| value.to_str().ok())
        .and_then(ContentSha256::parse);
    match authenticated.content.or(announced) {
        Some(ContentSha256::Streaming(streaming)) => {
            let options = ChunkedOptions::of_headers(headers, streaming, authenticated.chunks.clone())?;
            Ok(ByteStream::from_body(ChunkedBody::new(body, options)))
        }
        Some(ContentSha256::Digest(expected)) => {
            Ok(ByteStream::from_body(DigestCheckedBody::new(body, expected)))
        }
        Some(ContentSha256::Unsigned) | None => Ok(body),
    }
}
