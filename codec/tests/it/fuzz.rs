//! The fuzz targets without a fuzzer: over their seeds, and a fixed number of mutations of them. `cargo xtask fuzz`
//! goes on where this ends.
use std::fs;
use std::path::{Path, PathBuf};

use mig33_codec::catalogue;

use crate::arbitrary::{full_frame, stream};
use crate::captures;
use crate::properties;

/// Mutations that each target is tried with.
const MUTATIONS: usize = 5_000;

#[test]
fn frame_stream() {
    run("streams", properties::frame_stream);
}

#[test]
fn typed_decode() {
    run("packets", properties::typed_decode);
}

#[test]
fn round_trip() {
    run("packets", properties::round_trip);
}

/// With `UPDATE_SEEDS=1` in the environment they are written.
#[test]
fn seeds_are_the_captures_and_one_of_every_packet() {
    let mut missing = Vec::new();
    for (path, bytes) in seeds() {
        let path = folder(path.0).join(path.1);
        if std::env::var_os("UPDATE_SEEDS").is_some() {
            fs::write(&path, &bytes).expect("the seeds can be written");
        }
        if fs::read(&path).ok().as_ref() != Some(&bytes) {
            missing.push(path);
        }
    }
    assert!(missing.is_empty(), "run with UPDATE_SEEDS=1: {missing:?}");
}

/// Runs a target over the seeds in a folder and over what becomes of them.
fn run(seeds: &str, target: fn(&[u8])) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder(seeds))
        .expect("there are seeds")
        .map(|entry| entry.expect("a seed").path())
        .collect();
    paths.sort();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for path in &paths {
        let seed = fs::read(path).expect("a seed");
        target(&seed);
        for _ in 0..MUTATIONS.div_ceil(paths.len()) {
            target(&random.mutation(&seed));
        }
    }
    assert!(!paths.is_empty());
}

/// Names and content of the seeds.
fn seeds() -> Vec<((&'static str, String), Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut all = Vec::new();
    for packet in catalogue() {
        let frame = full_frame(packet);
        seeds.push((("packets", packet.name.to_lowercase()), frame.to_bytes().to_vec()));
        all.push(frame);
    }
    let capture = captures::login_j2me().to_vec();
    seeds.push((("packets", "capture_login_j2me".into()), capture.clone()));
    // how many lengths of chunks, the lengths, the stream
    let chunked =
        |lengths: &[u8], stream: &[u8]| [&[lengths.len() as u8], lengths, stream].concat();
    seeds.push((("streams", "capture_byte_by_byte".into()), chunked(&[1], &capture)));
    for (name, lengths, frames) in [
        ("whole", &[][..], &all[..8]),
        ("small_chunks", &[1, 7, 30, 2], &all[8..24]),
        ("large_chunks", &[0, 255, 3, 250], &all),
        ("no_packets", &[9], &[]),
    ] {
        seeds.push((("streams", name.into()), chunked(lengths, &stream(frames))));
    }
    let mut cut = chunked(&[5], &stream(&all[..4]));
    cut.pop();
    seeds.push((("streams", "cut_off".into()), cut));
    seeds
}

fn folder(seeds: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(seeds)
}

/// Numbers that look random and are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// A few bytes changed, cut out, doubled or put in.
    fn mutation(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(9)).min(bytes.len());
            match self.below(5) {
                0 => drop(bytes.drain(at..end)),
                1 => {
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                2 => bytes.insert(at, self.below(256) as u8),
                3 => bytes.truncate(bytes.len() - self.below(9).min(bytes.len())),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = [0, 1, 2, 8, 255, *byte ^ 1, *byte ^ 128][self.below(7)];
                    }
                }
            }
        }
        bytes
    }
}
