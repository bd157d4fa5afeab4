//! The names that generated code uses.

pub use std::collections::BTreeMap;

pub use bytes::Bytes;

pub use crate::authorization as authz;
pub use crate::document::Document;
pub use crate::error::{CodecError, ErrorShape};
pub use crate::schema::*;
pub use crate::shape::*;
pub use crate::stream::ByteStream;
pub use crate::timestamp::Timestamp;
