//! What was read and is written again reads as the same packet.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mig33_fuzz::round_trip(input));
