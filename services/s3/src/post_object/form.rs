//! `multipart/form-data` (RFC 7578), read as it arrives: fields first, then the file as a stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use cloudtwin_smithy::{AwsError, ByteStream, StreamError};
use http_body::{Body, Frame};
use memchr::memmem;

use crate::api::errors;

/// The most that the fields before the file can be long together, in bytes.
const MAX_FIELDS: usize = 20_000;
/// The most that the headers of one part can be long.
const MAX_HEADERS: usize = 8 * 1024;

/// A form on its way.
pub(super) struct FormReader {
    body: ByteStream,
    buffer: BytesMut,
    /// What stands between parts.
    delimiter: Vec<u8>,
    ended: bool,
}

/// What a part says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    pub(super) name: String,
    pub(super) filename: Option<String>,
}

fn malformed() -> AwsError {
    errors::MALFORMED_POST_REQUEST
        .with("The body of your POST request is not well-formed multipart/form-data.")
}

/// The boundary in a `Content-Type` header; `None` when it is no form's.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let mut pieces = content_type.split(';');
    if !pieces.next()?.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = pieces.find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

impl FormReader {
    /// A reader of `body`, whose parts stand between `boundary`s.
    pub(super) fn new(body: ByteStream, boundary: &str) -> Self {
        // The first boundary need not stand behind an empty line; with one in front all are alike.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        Self { body, buffer, delimiter: format!("\r\n--{boundary}").into_bytes(), ended: false }
    }

    /// Reads more into the buffer; `false` at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, StreamError>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(Ok(false)),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.buffer.extend_from_slice(&bytes);
                        return Poll::Ready(Ok(true));
                    }
                }
            }
        }
    }

    async fn fill(&mut self) -> Result<(), AwsError> {
        match poll_fn(|cx| self.poll_fill(cx)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(malformed()),
            Err(StreamError::Aws(error)) => Err(error),
            Err(StreamError::Io(_)) => Err(malformed()),
        }
    }

    /// The bytes of the current part that are certain; `None` when the next delimiter has been reached.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        loop {
            let certain = match memmem::find(&self.buffer, &self.delimiter) {
                Some(0) => return Poll::Ready(Ok(None)),
                Some(at) => at,
                None => (self.buffer.len() + 1).saturating_sub(self.delimiter.len()),
            };
            if certain > 0 {
                return Poll::Ready(Ok(Some(self.buffer.split_to(certain).freeze())));
            }
            if !ready!(self.poll_fill(cx))? {
                return Poll::Ready(Err(StreamError::Aws(malformed())));
            }
        }
    }

    /// Goes on to the next part; `None` behind the last.
    ///
    /// # Errors
    /// `MalformedPOSTRequest`.
    pub(super) async fn next_part(&mut self) -> Result<Option<PartHead>, AwsError> {
        if self.ended {
            return Ok(None);
        }
        while memmem::find(&self.buffer, &self.delimiter) != Some(0) {
            // What stands before the first delimiter, or was left of a part.
            match poll_fn(|cx| self.poll_data(cx)).await {
                Ok(_) => {}
                Err(StreamError::Aws(error)) => return Err(error),
                Err(StreamError::Io(_)) => return Err(malformed()),
            }
        }
        self.buffer.advance(self.delimiter.len());
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            self.ended = true;
            return Ok(None);
        }
        let end = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > MAX_HEADERS {
                return Err(malformed());
            }
            self.fill().await?;
        };
        let head = self.buffer.split_to(end + 4);
        parse_head(&String::from_utf8_lossy(&head)).ok_or_else(malformed).map(Some)
    }

    /// The whole text of the current part, which may be `budget` bytes long at most.
    ///
    /// # Errors
    /// `MalformedPOSTRequest`, `MaxPostPreDataLengthExceeded`.
    pub(super) async fn text(&mut self, budget: &mut usize) -> Result<String, AwsError> {
        let mut text = Vec::new();
        loop {
            match poll_fn(|cx| self.poll_data(cx)).await {
                Ok(Some(bytes)) => {
                    *budget = budget.checked_sub(bytes.len()).ok_or_else(|| {
                        AwsError::new(
                            "MaxPostPreDataLengthExceeded",
                            400,
                            "Your POST request fields preceding the upload file were too large.",
                        )
                        .field("MaxPostPreDataLengthBytes", MAX_FIELDS as i64)
                    })?;
                    text.extend_from_slice(&bytes);
                }
                Ok(None) => return Ok(String::from_utf8_lossy(&text).into_owned()),
                Err(StreamError::Aws(error)) => return Err(error),
                Err(StreamError::Io(_)) => return Err(malformed()),
            }
        }
    }

    /// How long the fields can be.
    pub(super) fn budget() -> usize {
        MAX_FIELDS
    }

    /// The rest of the current part, as a body.
    pub(super) fn into_stream(self) -> ByteStream {
        ByteStream::from_body(FilePart(self))
    }
}

/// Name and file name in a part's headers.
fn parse_head(head: &str) -> Option<PartHead> {
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let mut part = PartHead::default();
    for parameter in parameters(disposition) {
        let (name, value) = parameter;
        match name.to_ascii_lowercase().as_str() {
            "name" => part.name = value,
            "filename" => part.filename = Some(value),
            _ => {}
        }
    }
    (!part.name.is_empty()).then_some(part)
}

/// `name=value` and `name="value"` between semicolons, which may also stand within quotes.
fn parameters(header: &str) -> Vec<(String, String)> {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for c in header.chars() {
        match c {
            _ if escaped => {
                piece.push(c);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => pieces.push(std::mem::take(&mut piece)),
            _ => piece.push(c),
        }
    }
    pieces.push(piece);
    pieces
        .iter()
        .filter_map(|piece| piece.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

struct FilePart(FormReader);

impl Body for FilePart {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let data = ready!(self.get_mut().0.poll_data(cx));
        Poll::Ready(data.transpose().map(|bytes| bytes.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    #[tokio::test]
    async fn fields_come_before_the_file() {
        let form = "--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nmy key\r\n--B\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"a;b.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\nhello\r\n--A\r\n\r\n--B--\r\n";
        let mut reader = FormReader::new(ByteStream::from(form.to_owned()), "B");
        let mut budget = FormReader::budget();
        assert_eq!(reader.next_part().await.unwrap().unwrap().name, "key");
        assert_eq!(reader.text(&mut budget).await.unwrap(), "my key");
        let file = reader.next_part().await.unwrap().unwrap();
        assert_eq!((file.name.as_str(), file.filename.as_deref()), ("file", Some("a;b.txt")));
        let bytes = reader.into_stream().collect().await.unwrap().to_bytes();
        assert_eq!(&bytes[..], b"hello\r\n--A\r\n");
    }

    #[test]
    fn boundaries_stand_in_the_content_type() {
        assert_eq!(boundary("multipart/form-data; boundary=\"x y\"").as_deref(), Some("x y"));
        assert_eq!(boundary("text/html; charset=UTF-8; boundary=x"), None);
        assert_eq!(boundary("multipart/form-data"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end_somehow(bytes in proptest::collection::vec(proptest::sample::select(b"\r\n-B;=\"x:".to_vec()), 0..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let mut reader = FormReader::new(ByteStream::from(bytes), "B");
                let mut budget = FormReader::budget();
                while let Ok(Some(_)) = reader.next_part().await {
                    if reader.text(&mut budget).await.is_err() {
                        break;
                    }
                }
            });
        }
    }
}
