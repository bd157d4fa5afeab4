//! Bytes in and out: uploads become payloads while they are hashed, contents become streams.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use cloudtwin_core::Ctx;
use cloudtwin_sigv4::{Checksum, ChecksumAlgorithm, Hasher};
use cloudtwin_smithy::{AwsError, ByteStream, StreamError};
use cloudtwin_store::{BlobReader, Payload, ReadTx, Snapshot, Staged, StoreError};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use md5::{Digest, Md5};
use tokio::task::{JoinError, JoinHandle};

use crate::api::errors;
use crate::checksums::Plan;
use crate::state::{Content, Segment};

/// An upload that has arrived in full.
pub(crate) struct Received {
    /// Keep it until the transaction is committed.
    pub(crate) staged: Staged,
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Checksum,
    /// A second checksum, where one was asked for.
    pub(crate) extra: Option<Checksum>,
}

impl Received {
    /// The MD5 in hexadecimal: the entity tag of a simple upload.
    pub(crate) fn etag(&self) -> String {
        hex(&self.md5)
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        text
    })
}

/// The bytes of `Content-MD5`.
///
/// # Errors
/// `InvalidDigest`.
fn parse_md5(header: &str) -> Result<[u8; 16], AwsError> {
    let bytes = BASE64_STANDARD.decode(header).ok();
    bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).ok_or_else(|| {
        errors::INVALID_DIGEST.with("The Content-MD5 you specified was invalid.").field("ContentMD5", header)
    })
}

/// The largest object or part that one request may bring: 5 GiB.
const MAX_UPLOAD: u64 = 5 << 30;

/// Receives an upload, hashes it and compares the result with what the client said of it.
///
/// # Errors
/// `InvalidDigest`, `BadDigest`, `EntityTooLarge`, what the stream's own rules say, and what the
/// store reports.
pub(crate) async fn receive(
    ctx: &Ctx,
    mut body: ByteStream,
    content_md5: Option<&str>,
    plan: &Plan,
    extra: Option<ChecksumAlgorithm>,
) -> Result<Received, AwsError> {
    let expected_md5 = content_md5.map(parse_md5).transpose()?;
    let mut writer = ctx.blobs().writer();
    let mut digesting = Digesting::new(Digests {
        md5: Md5::new(),
        hasher: plan.hasher(),
        extra: extra.map(ChecksumAlgorithm::hasher),
    });
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error {
            StreamError::Aws(error) => error,
            StreamError::Io(_) => errors::INCOMPLETE_BODY
                .with("You did not provide the number of bytes specified by the Content-Length HTTP header"),
        })?;
        match frame.into_data() {
            Ok(bytes) => {
                digesting =
                    digesting.update(bytes.clone()).await.map_err(|error| ctx.internal_error(&error))?;
                writer.write(bytes).await?;
                if writer.len() > MAX_UPLOAD {
                    return Err(errors::ENTITY_TOO_LARGE
                        .with("Your proposed upload exceeds the maximum allowed size")
                        .field("ProposedSize", i64::try_from(writer.len()).unwrap_or(i64::MAX))
                        .field("MaxSizeAllowed", i64::try_from(MAX_UPLOAD).unwrap_or(i64::MAX)));
                }
            }
            Err(frame) => {
                if let Ok(found) = frame.into_trailers() {
                    trailers = found;
                }
            }
        }
    }
    let digests = digesting.finish().await.map_err(|error| ctx.internal_error(&error))?;
    let Digests { md5, hasher, extra } = *digests;
    let md5: [u8; 16] = md5.finalize().into();
    if let Some(expected) = expected_md5
        && expected != md5
    {
        return Err(bad_md5(&expected, &md5));
    }
    let checksum = hasher.finish();
    plan.verify(&checksum, &trailers)?;
    let size = writer.len();
    let staged = writer.finish().await?;
    Ok(Received { staged, size, md5, checksum, extra: extra.map(Hasher::finish) })
}

/// What is computed of an upload.
struct Digests {
    md5: Md5,
    hasher: Hasher,
    extra: Option<Hasher>,
}

impl Digests {
    fn update(&mut self, pieces: Vec<Bytes>) {
        for bytes in pieces {
            self.md5.update(&bytes);
            self.hasher.update(&bytes);
            if let Some(extra) = &mut self.extra {
                extra.update(&bytes);
            }
        }
    }
}

/// How much is gathered before it is handed to another thread, in bytes: as much as is written at a time.
const GATHERED: usize = 256 << 10;

/// Digests at work. MD5 alone takes longer than everything else that is done to an upload, so those of long ones
/// are computed on another thread, while the next bytes arrive, are checked and written.
struct Digesting {
    work: Work,
    gathered: Vec<Bytes>,
    len: usize,
}

enum Work {
    Idle(Box<Digests>),
    Busy(JoinHandle<Box<Digests>>),
}

impl Work {
    async fn idle(self) -> Result<Box<Digests>, JoinError> {
        match self {
            Self::Idle(digests) => Ok(digests),
            Self::Busy(job) => job.await,
        }
    }
}

impl Digesting {
    fn new(digests: Digests) -> Self {
        Self { work: Work::Idle(Box::new(digests)), gathered: Vec::new(), len: 0 }
    }

    async fn update(mut self, bytes: Bytes) -> Result<Self, JoinError> {
        self.len += bytes.len();
        self.gathered.push(bytes);
        if self.len < GATHERED {
            return Ok(self);
        }
        let mut digests = self.work.idle().await?;
        let job = tokio::task::spawn_blocking(move || {
            digests.update(self.gathered);
            digests
        });
        Ok(Self { work: Work::Busy(job), gathered: Vec::new(), len: 0 })
    }

    async fn finish(self) -> Result<Box<Digests>, JoinError> {
        let mut digests = self.work.idle().await?;
        digests.update(self.gathered);
        Ok(digests)
    }
}

fn bad_md5(expected: &[u8; 16], md5: &[u8; 16]) -> AwsError {
    errors::BAD_DIGEST
        .with("The Content-MD5 you specified did not match what we received.")
        .field("ExpectedDigest", hex(expected))
        .field("CalculatedDigest", BASE64_STANDARD.encode(md5))
}

/// Content that is ready to be sent: opened within the transaction that found it.
pub(crate) enum Opened {
    Bytes(Bytes),
    Blob(BlobReader),
    /// Too many pieces to open all at once: a view that keeps them until they are.
    Many(Box<Pieces>),
}

/// Pieces that are opened one after the other.
pub(crate) struct Pieces {
    segments: std::vec::IntoIter<Segment>,
    remaining: u64,
    current: Option<BlobReader>,
    view: Snapshot,
}

/// Opens the bytes from `start` to `end` of a content. `None` when a snapshot is needed, which the
/// caller has to provide ([`open_pieces`]).
///
/// # Errors
/// What the store reports.
pub(crate) fn open(
    tx: &ReadTx<'_>,
    content: &Content,
    start: u64,
    end: u64,
) -> Result<Option<Opened>, StoreError> {
    if let Content::Whole(Payload::Inline(bytes)) = content
        && start == 0
        && end == bytes.len() as u64
    {
        return Ok(Some(Opened::Bytes(bytes.clone())));
    }
    let mut slices = content.slice(start, end);
    if slices.len() > 1 {
        return Ok(None);
    }
    let Some(segment) = slices.pop() else { return Ok(Some(Opened::Bytes(Bytes::new()))) };
    Ok(Some(match (segment.inline(), &segment.payload) {
        (None, Payload::Blob(blob)) => {
            Opened::Blob(tx.open_blob(blob)?.range(segment.start..segment.start + segment.len))
        }
        (bytes, _) => Opened::Bytes(bytes.unwrap_or_default()),
    }))
}

/// Opens a content of several pieces, which are in `view`.
pub(crate) fn open_pieces(view: Snapshot, content: &Content, start: u64, end: u64) -> Opened {
    let segments = content.slice(start, end);
    let remaining = segments.iter().map(|segment| segment.len).sum();
    Opened::Many(Box::new(Pieces { segments: segments.into_iter(), remaining, current: None, view }))
}

impl Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            if let Some(reader) = &mut self.current {
                if let Some(bytes) = reader.next_chunk().await? {
                    return Ok(Some(bytes));
                }
                self.current = None;
            }
            let Some(segment) = self.segments.next() else { return Ok(None) };
            match (segment.inline(), &segment.payload) {
                (None, Payload::Blob(blob)) => {
                    let reader = self.view.at("", "").open_blob(blob)?;
                    self.current = Some(reader.range(segment.start..segment.start + segment.len));
                }
                (bytes, _) => return Ok(bytes),
            }
        }
    }
}

impl From<Opened> for ByteStream {
    fn from(opened: Opened) -> Self {
        match opened {
            Opened::Bytes(bytes) => Self::from(bytes),
            Opened::Blob(reader) => {
                let remaining = reader.remaining();
                Self::from_body(Stream { remaining, state: State::idle(Source::Blob(reader)) })
            }
            Opened::Many(pieces) => {
                let remaining = pieces.remaining;
                Self::from_body(Stream { remaining, state: State::idle(Source::Many(pieces)) })
            }
        }
    }
}

enum Source {
    Blob(BlobReader),
    Many(Box<Pieces>),
}

impl Source {
    /// The next bytes, and the source again.
    async fn step(mut self) -> (Self, Result<Option<Bytes>, StoreError>) {
        let step = match &mut self {
            Self::Blob(reader) => reader.next_chunk().await,
            Self::Many(pieces) => pieces.next().await,
        };
        (self, step)
    }
}

type Step = Pin<Box<dyn Future<Output = (Source, Result<Option<Bytes>, StoreError>)> + Send>>;

enum State {
    Reading(Step),
    Done,
}

impl State {
    fn idle(source: Source) -> Self {
        Self::Reading(Box::pin(source.step()))
    }
}

/// A content as the body of an answer.
struct Stream {
    remaining: u64,
    state: State,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let this = self.get_mut();
        let State::Reading(step) = &mut this.state else { return Poll::Ready(None) };
        let (source, result) = ready!(step.as_mut().poll(cx));
        Poll::Ready(match result {
            Ok(Some(bytes)) => {
                this.remaining = this.remaining.saturating_sub(bytes.len() as u64);
                this.state = if this.remaining == 0 { State::Done } else { State::idle(source) };
                Some(Ok(Frame::data(bytes)))
            }
            Ok(None) => {
                this.state = State::Done;
                None
            }
            Err(error) => {
                this.state = State::Done;
                Some(Err(StreamError::Io(std::io::Error::other(error))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Done)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// What was computed of stored bytes.
pub(crate) struct Hashed {
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Checksum,
}

/// Reads the bytes from `start` to `end` of a stored content and hashes them.
///
/// # Errors
/// What the store reports.
pub(crate) async fn hash(
    ctx: &Ctx,
    content: &Content,
    start: u64,
    end: u64,
    algorithm: ChecksumAlgorithm,
) -> Result<Hashed, AwsError> {
    let view = ctx.db().db().snapshot()?;
    let mut stream = ByteStream::from(open_pieces(view, content, start, end));
    let mut md5 = Md5::new();
    let mut hasher = algorithm.hasher();
    while let Some(frame) = stream.frame().await {
        let frame = frame.map_err(|error| ctx.internal_error(&error))?;
        if let Ok(bytes) = frame.into_data() {
            md5.update(&bytes);
            hasher.update(&bytes);
        }
    }
    Ok(Hashed { md5: md5.finalize().into(), checksum: hasher.finish() })
}
