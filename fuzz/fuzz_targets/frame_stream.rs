//! Any bytes in any chunks give the same frames and the same error.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mig33_fuzz::frame_stream(input));
