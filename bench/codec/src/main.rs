//! `codec-instructions CASE ROUNDS`: does one thing so many times, for callgrind to count. Without arguments it lists
//! the cases with how many packets a round has.
//!
//! What the program itself costs is what it counts with 0 rounds; the rest, divided, is the case's. `cargo xtask bench
//! instructions` does that.

use std::hint::black_box;
use std::process::ExitCode;

use bytes::{Bytes, BytesMut};
use mig33_bench_codec as samples;
use mig33_codec::packets::Packet;
use mig33_codec::{Decoder, Encode, Frame, Parts};

/// What is counted.
#[derive(Clone, Copy)]
enum Work {
    /// Bytes of the wire to frames.
    Frame,
    /// Bytes of the wire to packets.
    Both,
    /// Packets to bytes.
    Encode,
    /// Packets to parts.
    EncodeParts,
}

const WORKS: [(&str, Work); 4] = [
    ("decode_frame", Work::Frame),
    ("decode_both", Work::Both),
    ("encode", Work::Encode),
    ("encode_parts", Work::EncodeParts),
];
/// What it is done with.
type Sample = (&'static str, fn() -> Vec<Packet>);

const SAMPLES: [Sample; 4] = [
    ("message", || vec![samples::message().into()]),
    ("contact", || vec![samples::contact().into()]),
    ("picture", || vec![samples::picture().into()]),
    ("stream", samples::packets),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((case, rounds)) = args.first().zip(args.get(1).and_then(|text| text.parse().ok()))
    else {
        list();
        return ExitCode::SUCCESS;
    };
    for (work_name, work) in WORKS {
        for (sample_name, sample) in SAMPLES {
            if *case == format!("{work_name}.{sample_name}") {
                run(work, &sample(), rounds);
                return ExitCode::SUCCESS;
            }
        }
    }
    eprintln!("error: there is no case {case}");
    ExitCode::FAILURE
}

fn list() {
    for (work, _) in WORKS {
        for (sample, packets) in SAMPLES {
            println!("{work}.{sample} {}", packets().len());
        }
    }
}

fn run(work: Work, packets: &[Packet], rounds: usize) {
    let mut bytes = BytesMut::new();
    for packet in packets {
        packet.encode_into(0, &mut bytes).expect("a sample is small enough");
    }
    // one packet comes whole, many come as a socket gives them
    let chunks = match packets {
        [_] => vec![bytes.split().freeze()],
        _ => samples::segments(&bytes),
    };
    let mut parts = Parts::new();
    for _ in 0..rounds {
        match work {
            Work::Frame => each_frame(&chunks, |frame| {
                black_box(&frame);
            }),
            Work::Both => each_frame(&chunks, |frame| {
                black_box(&Packet::decode(&frame).expect("it was encoded by us"));
            }),
            Work::Encode => {
                bytes.clear();
                for packet in packets {
                    packet.encode_into(0, &mut bytes).expect("a sample is small enough");
                }
                black_box(&bytes);
            }
            Work::EncodeParts => {
                parts.clear();
                for packet in packets {
                    packet.encode_parts(0, &mut parts).expect("a sample is small enough");
                }
                black_box(&parts);
            }
        }
    }
}

fn each_frame(chunks: &[Bytes], mut seen: impl FnMut(Frame)) {
    let mut decoder = Decoder::new();
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Some(frame) = decoder.next_frame().expect("it was encoded by us") {
            seen(frame);
        }
    }
}
