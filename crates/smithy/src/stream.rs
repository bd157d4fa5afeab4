//! Bodies that may be longer than memory.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

/// Why a body could not be read to its end.
///
/// A stream that enforces rules of its own (chunk signatures, declared lengths) ends with an
/// [`StreamError::Aws`], so that the client sees the AWS error of that rule.
#[derive(Debug)]
pub enum StreamError {
    /// The connection or the file below the stream failed.
    Io(std::io::Error),
    /// The content broke a rule of the service.
    Aws(crate::AwsError),
}

impl std::fmt::Display for StreamError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the body could not be read: {error}"),
            Self::Aws(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for StreamError {}

impl From<std::io::Error> for StreamError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = StreamError> + Send>>;

#[derive(Default)]
enum Inner {
    #[default]
    Empty,
    Full(Bytes),
    Body(BoxBody),
}

/// A body: empty, in memory, or a stream that is read once.
///
/// It is `Sync` and can be taken through a shared reference, because outputs are encoded by
/// reference and their one stream then moves into the HTTP response.
#[derive(Default)]
pub struct ByteStream(Mutex<Inner>);

impl ByteStream {
    /// A body without a byte.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body that is streamed from `body`.
    pub fn from_body(body: impl Body<Data = Bytes, Error = StreamError> + Send + 'static) -> Self {
        Self(Mutex::new(Inner::Body(Box::pin(body))))
    }

    /// Moves the content out and leaves an empty body behind.
    pub fn take(&self) -> Self {
        Self(Mutex::new(std::mem::take(&mut *self.0.lock())))
    }

    /// This body with `first` before it.
    #[must_use]
    pub fn after(self, first: Bytes) -> Self {
        Self::from_body(Chain { first: Some(first).filter(|first| !first.is_empty()), rest: self })
    }

    /// The content, when it is in memory already.
    pub fn as_bytes(&self) -> Option<Bytes> {
        match &*self.0.lock() {
            Inner::Empty => Some(Bytes::new()),
            Inner::Full(bytes) => Some(bytes.clone()),
            Inner::Body(_) => None,
        }
    }
}

impl From<Bytes> for ByteStream {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::empty() } else { Self(Mutex::new(Inner::Full(bytes))) }
    }
}

impl From<Vec<u8>> for ByteStream {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for ByteStream {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl std::fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.0.lock() {
            Inner::Empty => f.write_str("ByteStream(empty)"),
            Inner::Full(bytes) => write!(f, "ByteStream({} bytes)", bytes.len()),
            Inner::Body(_) => f.write_str("ByteStream(streamed)"),
        }
    }
}

impl Body for ByteStream {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let inner = self.get_mut().0.get_mut();
        match inner {
            Inner::Body(body) => body.as_mut().poll_frame(cx),
            Inner::Full(_) => match std::mem::take(inner) {
                Inner::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                _ => Poll::Ready(None),
            },
            Inner::Empty => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &*self.0.lock() {
            Inner::Empty => true,
            Inner::Full(_) => false,
            Inner::Body(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.0.lock() {
            Inner::Empty => SizeHint::with_exact(0),
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Body(body) => body.size_hint(),
        }
    }
}

/// Some bytes, then another body.
struct Chain {
    first: Option<Bytes>,
    rest: ByteStream,
}

impl Body for Chain {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let this = self.get_mut();
        match this.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Pin::new(&mut this.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        let mut hint = self.rest.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + first);
        }
        hint.set_lower(hint.lower() + first);
        hint
    }
}
