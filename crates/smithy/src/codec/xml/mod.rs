//! XML as the query, EC2 and REST-XML protocols use it.
//!
//! Reading makes a bounded [`Tree`] first, because flattened lists may be scattered among other
//! elements and attributes belong to the structure that is read. Writing goes straight into a
//! string.
//!
//! Names are matched without their namespace prefix, as AWS's services do.

mod read;
mod text;
mod tree;
mod write;

pub use read::XmlDeserializer;
pub(crate) use read::decode_blob;
pub(crate) use text::{not_a, parse_bool, parse_float, parse_integer};
pub use tree::{NodeId, Tree};
pub use write::{XmlSerializer, XmlStyle};

#[cfg(test)]
mod tests;
