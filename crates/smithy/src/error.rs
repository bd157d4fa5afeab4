//! Errors: what a codec says of bad input, and what AWS says to a caller.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::document::Document;
use crate::schema::Schema;

/// What a codec found wrong in an input, in its own words. A protocol turns it into the error
/// that its services answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecError {
    /// What was found.
    pub kind: CodecErrorKind,
    /// A sentence for the caller.
    pub message: String,
}

/// The kinds of [`CodecError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecErrorKind {
    /// The bytes are not of the format (broken JSON, XML, CBOR, percent encoding).
    Syntax,
    /// The format is right, but a value has the wrong type or is out of its type's range.
    Type,
    /// The media type of the body is not the operation's.
    MediaType,
    /// No media type that the operation can answer is acceptable to the caller.
    NotAcceptable,
    /// Nesting, length or count is beyond what the server reads.
    TooLarge,
    /// An output could not be written; never the caller's fault.
    Output,
}

impl CodecError {
    /// Broken syntax.
    pub fn syntax(message: impl Into<String>) -> Self {
        Self { kind: CodecErrorKind::Syntax, message: message.into() }
    }

    /// A value of the wrong type.
    pub fn type_mismatch(message: impl Into<String>) -> Self {
        Self { kind: CodecErrorKind::Type, message: message.into() }
    }

    /// An error of another kind.
    pub fn new(kind: CodecErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CodecError {}

/// An error that a model declares.
#[derive(Debug)]
pub struct ErrorShape {
    /// The error's structure.
    pub schema: &'static Schema,
    /// The code on the wire.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whether the caller is at fault.
    pub sender: bool,
    /// The code in `x-amzn-query-error`, where it differs.
    pub query_code: Option<&'static str>,
}

impl ErrorShape {
    /// This error with `message`.
    pub fn with(&'static self, message: impl Into<String>) -> AwsError {
        let mut error = AwsError::new(self.code, self.status, message);
        error.0.shape = Some(self);
        error.0.sender = self.sender;
        error
    }
}

#[derive(Clone, Debug)]
struct Inner {
    code: Cow<'static, str>,
    status: u16,
    message: String,
    sender: bool,
    shape: Option<&'static ErrorShape>,
    fields: Vec<(Cow<'static, str>, Document)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// An error as AWS answers it: code, message, HTTP status, and the further members that some
/// errors have. One word wide, because every handler returns it.
#[derive(Clone, Debug)]
pub struct AwsError(Box<Inner>);

impl AwsError {
    /// An error that need not be in the model. Statuses below 500 blame the caller.
    pub fn new(code: impl Into<Cow<'static, str>>, status: u16, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code: code.into(),
            status,
            message: message.into(),
            sender: status < 500,
            shape: None,
            fields: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// Adds a member (`BucketName`, `CancellationReasons` …).
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Document>) -> Self {
        self.0.fields.push((name.into(), value.into()));
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The code on the wire.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The message; empty for errors that AWS answers without one.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the caller is at fault.
    pub fn is_sender(&self) -> bool {
        self.0.sender
    }

    /// The model's declaration, if it has one.
    pub fn shape(&self) -> Option<&'static ErrorShape> {
        self.0.shape
    }

    /// The code in `x-amzn-query-error`.
    pub fn query_code(&self) -> &str {
        self.0.shape.and_then(|shape| shape.query_code).unwrap_or(&self.0.code)
    }

    /// The further members.
    pub fn fields(&self) -> &[(Cow<'static, str>, Document)] {
        &self.0.fields
    }

    /// The further headers.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0.headers
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl std::error::Error for AwsError {}
