//! Any frame reads to a packet, or to an error that names a block of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mig33_fuzz::typed_decode(input));
