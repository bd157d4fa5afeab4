//! Wire formats: each implements [`crate::ShapeSerializer`] and [`crate::ShapeDeserializer`]
//! once, for all shapes.

pub mod cbor;
pub mod document;
pub mod form;
pub mod json;
pub mod xml;
