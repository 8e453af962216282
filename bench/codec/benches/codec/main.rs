//! How long the codec takes, beside protobuf (prost) and a plain copy of the same bytes. `cargo xtask bench codec`.
//!
//! `decode_frame` is from bytes to frames, `decode_typed` from frames to packets, `decode_both` from bytes to packets.
//! prost's packets stand in an envelope with its length before it, which is the least that a stream of them needs:
//! `decode_prost` is from bytes to packets, `decode_opaque_prost` leaves the content of an envelope unread, as we do
//! with a frame's.
//!
//! All of `encode*` keep their buffer from one round to the next. `encode` and `encode_prost` copy the picture into it.
//! `encode_parts` does not: it puts a share of the picture between two small parts, which a vectored write then hands to
//! the socket; the round includes giving the share back. prost has nothing of the kind, since it writes to one buffer.

mod protobuf;

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use divan::Bencher;
use divan::counter::BytesCount;
use mig33_bench_codec as samples;
use mig33_codec::packets::Packet;
use mig33_codec::{Decoder, Encode, Frame, Parts};

use self::protobuf::{Envelope, Opaque};

fn main() {
    divan::main();
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
enum Sample {
    Message,
    Contact,
    Picture,
    Stream,
}

const SAMPLES: [Sample; 4] = [Sample::Message, Sample::Contact, Sample::Picture, Sample::Stream];

impl Sample {
    /// A hundred of a kind, so that the clock's own time does not count.
    fn packets(self) -> Vec<Packet> {
        match self {
            Self::Message => vec![samples::message().into(); 100],
            Self::Contact => vec![samples::contact().into(); 100],
            Self::Picture => vec![samples::picture().into(); 100],
            Self::Stream => samples::packets(),
        }
    }

    fn frames(self) -> Vec<Frame> {
        let packets = self.packets();
        packets.iter().map(|packet| packet.encode(0).expect("a sample is small enough")).collect()
    }

    fn chunks(self) -> Vec<Bytes> {
        self.cut(self.frames().iter().map(Frame::to_bytes).collect())
    }

    fn protobuf(self) -> Vec<Bytes> {
        let packets = self.packets();
        self.cut(packets.iter().map(|packet| written(&protobuf::envelope(packet))).collect())
    }

    fn opaque_protobuf(self) -> Vec<Bytes> {
        let frames = self.frames();
        self.cut(frames.iter().map(|frame| written(&protobuf::opaque(frame))).collect())
    }

    /// Packets of one kind come one by one, the stream as a socket gives it.
    fn cut(self, packets: Vec<Bytes>) -> Vec<Bytes> {
        match self {
            Self::Message | Self::Contact | Self::Picture => packets,
            Self::Stream => samples::segments(&packets.concat()),
        }
    }

    /// Bytes on the wire in our format: throughput counts these for all, so that it compares like time.
    fn wire_len(self) -> BytesCount {
        BytesCount::new(self.frames().iter().map(Frame::wire_len).sum::<usize>())
    }
}

#[divan::bench(args = SAMPLES)]
fn decode_frame(bencher: Bencher<'_, '_>, sample: Sample) {
    let chunks = sample.chunks();
    bencher.counter(sample.wire_len()).bench_local(|| {
        each_frame(&chunks, |frame| {
            black_box(&frame);
        });
    });
}

#[divan::bench(args = SAMPLES)]
fn decode_opaque_prost(bencher: Bencher<'_, '_>, sample: Sample) {
    let chunks = sample.opaque_protobuf();
    bencher.counter(sample.wire_len()).bench_local(|| each_message::<Opaque>(sample, &chunks));
}

#[divan::bench(args = SAMPLES)]
fn decode_typed(bencher: Bencher<'_, '_>, sample: Sample) {
    let frames = sample.frames();
    bencher.counter(sample.wire_len()).bench_local(|| {
        for frame in &frames {
            black_box(&Packet::decode(frame).expect("it was encoded by us"));
        }
    });
}

#[divan::bench(args = SAMPLES)]
fn decode_both(bencher: Bencher<'_, '_>, sample: Sample) {
    let chunks = sample.chunks();
    bencher.counter(sample.wire_len()).bench_local(|| {
        each_frame(&chunks, |frame| {
            black_box(&Packet::decode(&frame).expect("it was encoded by us"));
        });
    });
}

#[divan::bench(args = SAMPLES)]
fn decode_prost(bencher: Bencher<'_, '_>, sample: Sample) {
    let chunks = sample.protobuf();
    bencher.counter(sample.wire_len()).bench_local(|| each_message::<Envelope>(sample, &chunks));
}

#[divan::bench(args = SAMPLES)]
fn encode(bencher: Bencher<'_, '_>, sample: Sample) {
    let packets = sample.packets();
    let mut out = BytesMut::new();
    bencher.counter(sample.wire_len()).bench_local(|| {
        out.clear();
        for packet in &packets {
            packet.encode_into(0, &mut out).expect("a sample is small enough");
        }
        black_box(&out);
    });
}

#[divan::bench(args = SAMPLES)]
fn encode_parts(bencher: Bencher<'_, '_>, sample: Sample) {
    let packets = sample.packets();
    let mut parts = Parts::new();
    bencher.counter(sample.wire_len()).bench_local(|| {
        parts.clear();
        for packet in &packets {
            packet.encode_parts(0, &mut parts).expect("a sample is small enough");
        }
        black_box(&parts);
    });
}

#[divan::bench(args = SAMPLES)]
fn encode_prost(bencher: Bencher<'_, '_>, sample: Sample) {
    let packets: Vec<Envelope> = sample.packets().iter().map(protobuf::envelope).collect();
    let mut out = BytesMut::new();
    bencher.counter(sample.wire_len()).bench_local(|| {
        out.clear();
        packets.iter().for_each(|packet| write(packet, &mut out));
        black_box(&out);
    });
}

#[divan::bench(args = SAMPLES)]
fn memcpy(bencher: Bencher<'_, '_>, sample: Sample) {
    let chunks = sample.chunks();
    let mut out = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
    bencher.counter(sample.wire_len()).bench_local(|| {
        out.clear();
        chunks.iter().for_each(|chunk| out.extend_from_slice(chunk));
        black_box(&out);
    });
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

/// As one would with prost, each sample in the way that is faster.
fn each_message<M: prost::Message + Default>(sample: Sample, chunks: &[Bytes]) {
    let seen = |message: M| {
        black_box(&message);
    };
    let read = match sample {
        Sample::Message | Sample::Contact | Sample::Picture => protobuf::decode_whole(chunks, seen),
        Sample::Stream => protobuf::decode_stream(chunks, seen),
    };
    read.expect("it was encoded by prost");
}

fn write(message: &impl prost::Message, out: &mut BytesMut) {
    message.encode_length_delimited(out).expect("a BytesMut grows");
}

fn written(message: &impl prost::Message) -> Bytes {
    message.encode_length_delimited_to_vec().into()
}
