//! The codec against the spec: the catalogue, the captures, every packet cut everywhere, and streams in any chunks.
mod arbitrary;
mod captures;
mod catalogue;
mod lossless;
mod streams;
