//! Listings: by seeking over what they leave out, never by reading everything.

pub(crate) mod encoding;
pub(crate) mod objects;
pub(crate) mod token;
pub(crate) mod versions;
mod walk;

pub(crate) use walk::common_prefix;
