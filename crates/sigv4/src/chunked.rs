//! `aws-chunked` bodies, read incrementally.
//!
//! ```text
//! 10000;chunk-signature=…\r\n
//! <65536 bytes>\r\n
//! 0;chunk-signature=…\r\n
//! x-amz-checksum-crc32c:…\r\n
//! x-amz-trailer-signature:…\r\n
//! \r\n
//! ```
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use cloudtwin_smithy::{AwsError, StreamError};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest, Sha256};

use crate::checksum::{Checksum, ChecksumAlgorithm, Hasher};
use crate::chunk_signing::ChunkSigning;
use crate::content_sha256::Streaming;
use crate::error::SignatureMismatch;
use crate::error_answer::s3_mismatch;

/// The shortest chunk that another chunk may follow, in bytes.
pub const MIN_CHUNK: u64 = 8192;

/// The longest line that is read: a chunk's size and its signature are far shorter.
const MAX_LINE: usize = 1024;
/// More trailers than any client sends: one checksum and its signature.
const MAX_TRAILERS: usize = 16;

const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Why a body is not well-formed, or not the one that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// The framing is broken, or the body ended too early.
    IncompleteBody,
    /// The content is not as long as `x-amz-decoded-content-length` says.
    LengthMismatch,
    /// A chunk followed one shorter than [`MIN_CHUNK`].
    InvalidChunkSize {
        /// The number of the chunk that followed, from 1.
        chunk: u64,
        /// The length of the short one, in bytes.
        size: u64,
    },
    /// A chunk or the trailers were not signed by the caller.
    SignatureMismatch(Box<SignatureMismatch>),
    /// The trailers are not those that `x-amz-trailer` announces.
    MalformedTrailer,
    /// The trailing checksum is not one of its algorithm.
    InvalidChecksum(ChecksumAlgorithm),
    /// The content has another checksum than its trailer says.
    BadDigest(ChecksumAlgorithm),
}

impl ChunkError {
    /// The error that S3 answers.
    pub fn answer(&self) -> AwsError {
        match self {
            Self::IncompleteBody => {
                AwsError::new("IncompleteBody", 400, "The request body terminated unexpectedly")
            }
            Self::LengthMismatch => AwsError::new(
                "IncompleteBody",
                400,
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            ),
            Self::InvalidChunkSize { chunk, size } => AwsError::new(
                "InvalidChunkSizeError",
                400,
                "Only the last chunk is allowed to have a size less than 8192 bytes",
            )
            .field("Chunk", chunk.to_string())
            .field("BadChunkSize", size.to_string()),
            Self::SignatureMismatch(mismatch) => s3_mismatch(mismatch),
            Self::MalformedTrailer => AwsError::new(
                "MalformedTrailerError",
                400,
                "The request contained trailing data that was not well-formed \
                 or did not conform to our published schema.",
            ),
            Self::InvalidChecksum(algorithm) => AwsError::new(
                "InvalidRequest",
                400,
                format!("Value for {} trailing header is invalid.", algorithm.header()),
            ),
            Self::BadDigest(algorithm) => AwsError::new(
                "BadDigest",
                400,
                format!("The {} you specified did not match the calculated checksum.", algorithm.as_str()),
            ),
        }
    }
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.answer())
    }
}

impl std::error::Error for ChunkError {}

/// How a body is to be read.
#[derive(Clone, Debug)]
pub struct ChunkedOptions {
    /// `x-amz-decoded-content-length`: the length of the content, in bytes.
    pub decoded_length: u64,
    /// What `x-amz-content-sha256` announces.
    pub streaming: Streaming,
    /// What signatures are checked with; without it they are only parsed. Ignored for unsigned
    /// chunks.
    pub signing: Option<ChunkSigning>,
    /// The checksum that `x-amz-trailer` announces.
    pub trailer: Option<ChecksumAlgorithm>,
}

impl ChunkedOptions {
    /// Reads the headers that announce the body.
    ///
    /// # Errors
    /// S3's error when the length is missing, or the trailer is none that S3 knows.
    pub fn of_headers(
        headers: &HeaderMap,
        streaming: Streaming,
        signing: Option<ChunkSigning>,
    ) -> Result<Self, AwsError> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let decoded_length =
            text("x-amz-decoded-content-length").and_then(|length| length.parse().ok()).ok_or_else(|| {
                AwsError::new("MissingContentLength", 411, "You must provide the Content-Length HTTP header.")
            })?;
        let trailer = match text("x-amz-trailer").filter(|trailer| !trailer.is_empty()) {
            None => None,
            Some(name) => Some(ChecksumAlgorithm::of_header(name).ok_or_else(|| {
                AwsError::new(
                    "InvalidRequest",
                    400,
                    "The value specified in the x-amz-trailer header is not supported",
                )
            })?),
        };
        Ok(Self { decoded_length, streaming, signing, trailer })
    }
}

#[derive(Debug)]
enum State {
    /// In the line of a chunk's size.
    Size,
    /// In a chunk's data.
    Data { remaining: u64 },
    /// In the `\r\n` after it; `read` of its bytes are read.
    DataEnd { read: usize },
    /// In the lines after the last chunk.
    Trailers,
    /// At the end.
    Done,
}

/// The state machine that reads a body, however it is cut into buffers. It holds one line.
#[derive(Debug)]
pub struct ChunkedDecoder {
    options: ChunkedOptions,
    state: State,
    line: Vec<u8>,
    signature: String,
    chunk_hash: Sha256,
    checksum: Option<Hasher>,
    chunks: u64,
    previous_size: Option<u64>,
    decoded: u64,
    trailer_lines: usize,
    trailer: Option<(ChecksumAlgorithm, String)>,
    trailer_signature: Option<String>,
}

impl ChunkedDecoder {
    /// A decoder at the start of a body.
    pub fn new(options: ChunkedOptions) -> Self {
        Self {
            checksum: options.trailer.map(ChecksumAlgorithm::hasher),
            options,
            state: State::Size,
            line: Vec::new(),
            signature: String::new(),
            chunk_hash: Sha256::new(),
            chunks: 0,
            previous_size: None,
            decoded: 0,
            trailer_lines: 0,
            trailer: None,
            trailer_signature: None,
        }
    }

    /// Takes framing and the next run of content off the front of `input`. `None` when `input`
    /// is used up. The content is a slice of `input`, never a copy.
    ///
    /// Content is given out before all of its chunk's signature is checked: it must not be acted
    /// on before [`ChunkedDecoder::finish`] succeeds.
    ///
    /// # Errors
    /// The body is broken; the decoder must not be used again.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, ChunkError> {
        while !input.is_empty() {
            match self.state {
                State::Size => {
                    if self.read_line(input)? {
                        self.chunk_header()?;
                    }
                }
                State::Data { remaining } => {
                    let length = usize::try_from(remaining).unwrap_or(usize::MAX).min(input.len());
                    let data = input.split_to(length);
                    self.content(&data, remaining - length as u64)?;
                    return Ok(Some(data));
                }
                State::DataEnd { read } => {
                    let expected = if read == 0 { b'\r' } else { b'\n' };
                    if input.get_u8() != expected {
                        return Err(ChunkError::IncompleteBody);
                    }
                    self.state = if read == 0 { State::DataEnd { read: 1 } } else { State::Size };
                }
                State::Trailers => {
                    if self.read_line(input)? {
                        self.trailer_line()?;
                    }
                }
                State::Done => {
                    // Some clients close with one line break too many.
                    if !matches!(input.get_u8(), b'\r' | b'\n') {
                        return Err(ChunkError::IncompleteBody);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Ends the body and gives its trailers.
    ///
    /// # Errors
    /// [`ChunkError::IncompleteBody`] when it is not at its end.
    pub fn finish(&mut self) -> Result<HeaderMap, ChunkError> {
        match self.state {
            State::Done => {}
            // All that is signed has come; some clients leave the last line break out.
            State::Trailers
                if self.line.is_empty()
                    && (self.trailer_signature.is_some() || !self.options.streaming.has_trailers()) =>
            {
                self.end_of_trailers()?;
            }
            _ => return Err(ChunkError::IncompleteBody),
        }
        let mut trailers = HeaderMap::new();
        if let Some((algorithm, value)) = &self.trailer {
            let value = HeaderValue::from_str(value).map_err(|_| ChunkError::MalformedTrailer)?;
            trailers.insert(HeaderName::from_static(algorithm.header()), value);
        }
        Ok(trailers)
    }

    /// Moves bytes of `input` to the line; whether that completed it.
    fn read_line(&mut self, input: &mut Bytes) -> Result<bool, ChunkError> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(input.len(), |end| end + 1);
        if self.line.len() + length > MAX_LINE {
            return Err(ChunkError::IncompleteBody);
        }
        self.line.extend_from_slice(&input.split_to(length));
        Ok(end.is_some())
    }

    fn chunk_header(&mut self) -> Result<(), ChunkError> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
        let line = line.ok_or(ChunkError::IncompleteBody)?;
        let (size, extension) = match line.split_once(';') {
            Some((size, extension)) => (size, Some(extension)),
            None => (line, None),
        };
        // `from_str_radix` would accept a sign.
        if !size.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(ChunkError::IncompleteBody);
        }
        let size = u64::from_str_radix(size, 16).map_err(|_| ChunkError::IncompleteBody)?;
        if self.options.streaming != Streaming::UnsignedTrailer {
            let signature = extension.and_then(|extension| extension.strip_prefix("chunk-signature="));
            signature.ok_or(ChunkError::IncompleteBody)?.clone_into(&mut self.signature);
        }

        self.chunks += 1;
        if let (Some(short @ ..MIN_CHUNK), 1..) = (self.previous_size, size) {
            return Err(ChunkError::InvalidChunkSize { chunk: self.chunks, size: short });
        }
        self.previous_size = Some(size);
        self.decoded = self.decoded.checked_add(size).ok_or(ChunkError::LengthMismatch)?;
        if self.decoded > self.options.decoded_length {
            return Err(ChunkError::LengthMismatch);
        }
        if size > 0 {
            self.state = State::Data { remaining: size };
            return Ok(());
        }
        self.end_of_chunk()?;
        if self.decoded != self.options.decoded_length {
            return Err(ChunkError::LengthMismatch);
        }
        self.state = State::Trailers;
        Ok(())
    }

    fn content(&mut self, data: &[u8], remaining: u64) -> Result<(), ChunkError> {
        if self.signing().is_some() {
            self.chunk_hash.update(data);
        }
        if let Some(checksum) = &mut self.checksum {
            checksum.update(data);
        }
        if remaining > 0 {
            self.state = State::Data { remaining };
            return Ok(());
        }
        self.state = State::DataEnd { read: 0 };
        self.end_of_chunk()
    }

    fn end_of_chunk(&mut self) -> Result<(), ChunkError> {
        let digest = self.chunk_hash.finalize_reset().into();
        let signature = std::mem::take(&mut self.signature);
        match self.signing() {
            Some(signing) => signing.verify_chunk(digest, &signature).map_err(ChunkError::SignatureMismatch),
            None => Ok(()),
        }
    }

    fn signing(&mut self) -> Option<&mut ChunkSigning> {
        match self.options.streaming {
            Streaming::Signed | Streaming::SignedTrailer => self.options.signing.as_mut(),
            _ => None,
        }
    }

    fn trailer_line(&mut self) -> Result<(), ChunkError> {
        let line = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&line).map_err(|_| ChunkError::MalformedTrailer)?.trim_end();
        if line.is_empty() {
            // Some clients follow the documentation's layout, which has empty lines between the
            // last chunk, the trailers and their signature.
            let signature_follows =
                self.options.streaming == Streaming::SignedTrailer && self.trailer_signature.is_none();
            return if signature_follows { self.count_trailer_line() } else { self.end_of_trailers() };
        }
        if !self.options.streaming.has_trailers() {
            return Err(ChunkError::IncompleteBody);
        }
        self.count_trailer_line()?;
        let (name, value) = line.split_once(':').ok_or(ChunkError::MalformedTrailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == TRAILER_SIGNATURE && self.trailer_signature.is_none() {
            self.trailer_signature = Some(value.to_owned());
            return Ok(());
        }
        let announced = self.options.trailer.filter(|algorithm| algorithm.header() == name);
        match (announced, &self.trailer, &self.trailer_signature) {
            (Some(algorithm), None, None) => {
                self.trailer = Some((algorithm, value.to_owned()));
                Ok(())
            }
            _ => Err(ChunkError::MalformedTrailer),
        }
    }

    fn count_trailer_line(&mut self) -> Result<(), ChunkError> {
        self.trailer_lines += 1;
        if self.trailer_lines > MAX_TRAILERS { Err(ChunkError::MalformedTrailer) } else { Ok(()) }
    }

    fn end_of_trailers(&mut self) -> Result<(), ChunkError> {
        self.state = State::Done;
        if !self.options.streaming.has_trailers() {
            return Ok(());
        }
        if self.options.trailer.is_some() && self.trailer.is_none() {
            return Err(ChunkError::MalformedTrailer);
        }
        if self.options.streaming == Streaming::SignedTrailer {
            let signature = self.trailer_signature.take().ok_or(ChunkError::IncompleteBody)?;
            let lines = match &self.trailer {
                Some((algorithm, value)) => format!("{}:{value}\n", algorithm.header()),
                None => String::new(),
            };
            if let Some(signing) = self.signing() {
                signing.verify_trailers(&lines, &signature).map_err(ChunkError::SignatureMismatch)?;
            }
        }
        if let (Some((algorithm, value)), Some(hasher)) = (&self.trailer, self.checksum.take()) {
            let claimed =
                Checksum::parse(*algorithm, value).ok_or(ChunkError::InvalidChecksum(*algorithm))?;
            if claimed != hasher.finish() {
                return Err(ChunkError::BadDigest(*algorithm));
            }
        }
        Ok(())
    }
}

/// The content of an `aws-chunked` body. Its trailers come as a trailers frame.
#[derive(Debug)]
pub struct ChunkedBody<B> {
    inner: B,
    decoder: ChunkedDecoder,
    buffer: Bytes,
    done: bool,
}

impl<B> ChunkedBody<B> {
    /// Decodes `inner`.
    pub fn new(inner: B, options: ChunkedOptions) -> Self {
        Self { inner, decoder: ChunkedDecoder::new(options), buffer: Bytes::new(), done: false }
    }
}

impl<B> Body for ChunkedBody<B>
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
        loop {
            match this.decoder.decode(&mut this.buffer) {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(None) => {}
                Err(error) => {
                    this.done = true;
                    return Poll::Ready(Some(Err(StreamError::Aws(error.answer()))));
                }
            }
            match std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => this.buffer = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    this.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    this.done = true;
                    return Poll::Ready(match this.decoder.finish() {
                        Ok(trailers) if trailers.is_empty() => None,
                        Ok(trailers) => Some(Ok(Frame::trailers(trailers))),
                        Err(error) => Some(Err(StreamError::Aws(error.answer()))),
                    });
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_upper(self.decoder.options.decoded_length);
        hint
    }
}

/// `Content-Encoding` without `aws-chunked`, which describes the transfer and not the object;
/// `None` when nothing is left.
pub fn without_aws_chunked(content_encoding: &str) -> Option<String> {
    let codings: Vec<&str> = content_encoding
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!codings.is_empty()).then(|| codings.join(","))
}
