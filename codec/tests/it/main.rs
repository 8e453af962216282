//! The codec against the spec: the catalogue, the captures, every packet cut everywhere, streams in any chunks, and
//! what it may allocate.
mod allocations;
mod arbitrary;
mod captures;
mod catalogue;
mod fuzz;
mod lossless;
#[allow(unreachable_pub, reason = "it is a library to the fuzz targets")]
#[path = "../../../fuzz/src/lib.rs"]
mod properties;
mod streams;
