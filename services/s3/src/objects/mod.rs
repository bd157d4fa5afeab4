//! Objects: uploads, downloads, deletions.

pub(crate) mod attributes;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod head;
pub(crate) mod put;
mod selection;
