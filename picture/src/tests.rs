//! Known answers for each kind, and what must hold for any bytes.
use std::format;
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn png_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[..], kind, content, b"crc!"].concat()
}

fn png(width: u32, height: u32, more: &[Vec<u8>]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let end = [png_chunk(b"IDAT", &[1; 30]), png_chunk(b"IEND", b"")].concat();
    [b"\x89PNG\r\n\x1a\n", &*png_chunk(b"IHDR", &header), &more.concat(), &end].concat()
}

fn gif(width: u16, height: u16, frames: &[(u16, u16)]) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    bytes.extend(b"\x81\0\0abcdefABCDEF"); // four colours
    bytes.extend(b"!\xfe\x07a place\x03,,,\0"); // a comment
    for (width, height) in frames {
        bytes.extend(b"!\xf9\x04\0\0\0\0\0,\0\0\0\0");
        bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
        bytes.extend(b"\x80RGBrgb\x02\x03abc\x01;\0"); // two colours of its own
    }
    bytes.push(b';');
    bytes
}

fn jpeg(width: u16, height: u16, marker: u8) -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xe1\0\x0aExif\xff\xc0\0\0\xff\xff\xc4\0\x03\0junk\xff".to_vec();
    bytes.extend([0xff, marker, 0, 11, 8]);
    bytes.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
    bytes.extend(b"\x01\x01\x11\0\xff\xda\0\x02scan\xff\xc0\0\x0b\x08\xff\xff\xff\xff\xff\xd9");
    bytes
}

fn riff_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    let pad: &[u8] = if content.len() % 2 == 1 { &[0] } else { &[] };
    [kind, &length[..], content, pad].concat()
}

fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [b"RIFF", &u32::try_from(body.len() + 4).unwrap().to_le_bytes()[..], b"WEBP", &body].concat()
}

fn canvas(width: u32, height: u32) -> Vec<u8> {
    let sides = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    riff_chunk(b"VP8X", &[&[0b10, 0, 0, 0][..], &sides].concat())
}

fn frame(width: u32, height: u32) -> Vec<u8> {
    let sides = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    riff_chunk(b"ANMF", &[&[0; 6][..], &sides, &[100, 0, 0, 0], b"VP8 pixels!"].concat())
}

fn lossy(width: u16, height: u16) -> Vec<u8> {
    let sides = [(width | 0x4000).to_le_bytes(), height.to_le_bytes()].concat();
    riff_chunk(b"VP8 ", &[&[0, 0, 0, 0x9d, 0x01, 0x2a][..], &sides, b"pixels"].concat())
}

fn lossless(width: u32, height: u32) -> Vec<u8> {
    let sides = ((width - 1) | (height - 1) << 14 | 1 << 28).to_le_bytes();
    riff_chunk(b"VP8L", &[&[0x2f][..], &sides, b"pixels"].concat())
}

fn samples() -> Vec<(Vec<u8>, Facts)> {
    let facts = |kind, width, height, frames| Facts { kind, width, height, frames };
    let (declared, one) =
        (png_chunk(b"acTL", &[0, 0, 0, 7, 0, 0, 0, 0]), png_chunk(b"fcTL", &[0; 26]));
    let lie = png_chunk(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]);
    let comment = png_chunk(b"tEXt", b"IHDR acTL");
    [
        (png(640, 400, &[]), facts(Kind::Png, 640, 400, 1)),
        (png(64, 40, &[comment, declared]), facts(Kind::Png, 64, 40, 7)),
        (png(64, 40, &[lie, one.clone(), one.clone(), one]), facts(Kind::Png, 64, 40, 3)),
        (gif(20, 10, &[(20, 10)]), facts(Kind::Gif, 20, 10, 1)),
        (gif(20, 10, &[(5, 5), (300, 1), (1, 1)]), facts(Kind::Gif, 300, 10, 3)),
        (gif(0, 0, &[(3, 4)]), facts(Kind::Gif, 3, 4, 1)),
        (jpeg(1600, 1200, 0xc0), facts(Kind::Jpeg, 1600, 1200, 1)),
        (jpeg(7, 9, 0xc2), facts(Kind::Jpeg, 7, 9, 1)),
        (webp(&[lossy(320, 200)]), facts(Kind::WebP, 320, 200, 1)),
        (webp(&[lossless(16_384, 3)]), facts(Kind::WebP, 16_384, 3, 1)),
        (
            webp(&[canvas(70_000, 5), riff_chunk(b"ICCP", b"odd"), lossy(9, 9)]),
            facts(Kind::WebP, 70_000, 9, 1),
        ),
        (
            webp(&[canvas(8, 8), riff_chunk(b"ANIM", &[0; 6]), frame(8, 8), frame(9, 4)]),
            facts(Kind::WebP, 9, 8, 2),
        ),
    ]
    .into()
}

#[test]
fn a_picture_is_known_by_its_bytes() {
    for (bytes, facts) in samples() {
        assert_eq!(check(&bytes), Ok(facts));
    }
}

#[test]
fn what_is_no_picture_is_none() {
    for bytes in [
        &b""[..],
        b"<svg xmlns='http://www.w3.org/2000/svg'><use href='#a'/></svg>",
        b"<html>",
        b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0",
        b"\0\0\0\x1cftypavif\0\0\0\0",
        b"\x89PNG",
        b"\x89PNG\r\n\x1a\n and what follows, which is no header",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"\xff\xd8\xff\xd9",
        b"GIF88a\x01\0\x01\0\0\0\0;",
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0",
        b"RIFF\x24\0\0\0WEBPVP8 \x02\0\0\0\0\0",
    ] {
        assert_eq!(check(bytes), Err(PictureError::NoPicture), "{bytes:?}");
    }
    for bytes in [png(0, 5, &[]), gif(0, 5, &[]), jpeg(5, 0, 0xc0), webp(&[lossy(0, 1)])] {
        assert_eq!(check(&bytes), Err(PictureError::NoPicture), "a side of 0: {bytes:?}");
    }
}

#[test]
fn the_pixels_of_all_frames_count() {
    let frames = |count: u32| {
        let content = [count.to_be_bytes(), [0; 4]].concat();
        png(1000, 1000, &[png_chunk(b"acTL", &content)])
    };
    for (allowed, refused) in [
        (png(8000, 5000, &[]), png(8000, 5001, &[])),
        (png(1, 1, &[]), png(u32::MAX, u32::MAX, &[])),
        (frames(40), frames(u32::MAX)),
        (frames(40), frames(41)),
        (gif(1000, 1000, &[(1, 1); 40]), gif(1000, 1000, &[(1, 1); 41])),
        (gif(1, 1, &[(1, 1); 200]), gif(1, 1, &[(1, 1), (65_535, 65_535)])),
        (jpeg(8000, 5000, 0xc0), jpeg(20_000, 20_000, 0xc0)),
        (webp(&[lossless(8000, 5000)]), webp(&[lossy(16_383, 16_383)])),
        (webp(&[canvas(10, 10), lossy(10, 10)]), webp(&[canvas(1 << 24, 1 << 24)])),
        (
            webp(&[canvas(2000, 2000), frame(1, 1)]),
            webp(&[canvas(2000, 2000), vec_of(frame(1, 1), 11)]),
        ),
    ] {
        assert!(check(&allowed).is_ok());
        assert_eq!(check(&refused), Err(PictureError::TooManyPixels));
    }
}

fn vec_of(chunk: Vec<u8>, count: usize) -> Vec<u8> {
    std::iter::repeat_n(chunk, count).flatten().collect()
}

#[test]
fn what_is_not_shown_is_cut_out() {
    let place = b"38.7223 N, 9.1393 W";
    let has_place = |bytes: &[u8]| bytes.windows(place.len()).any(|part| part == place);
    let colours = png_chunk(b"gAMA", &[0, 0, 0, 1]);
    let png_notes =
        [b"eXIf", b"tEXt", b"iTXt", b"zTXt", b"tIME", b"prVt"].map(|kind| png_chunk(kind, place));
    let said = |label: &[u8]| [b"!", label, &[19], place, &[0]].concat();
    let gif_of = |notes: &[u8]| {
        let picture = gif(20, 10, &[(20, 10), (5, 5)]);
        let looping = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0";
        // behind screen and colours, in place of the comment there
        [&picture[..25], looping, notes, &picture[40..]].concat()
    };
    let flags = |flags: u8| {
        let mut chunk = canvas(9, 9);
        chunk[8] = flags;
        chunk
    };
    let (exif, xmp) = (riff_chunk(b"EXIF", place), riff_chunk(b"XMP ", place));
    for (kind, with, without) in [
        (
            Kind::Png,
            png(3, 2, &[vec_of(colours.clone(), 1), png_notes.concat()]),
            png(3, 2, &[colours]),
        ),
        (Kind::Gif, gif_of(&[said(b"\xfe"), said(b"\xff"), said(b"\x01")].concat()), gif_of(b"")),
        (
            Kind::WebP,
            webp(&[flags(0b1_1110), frame(9, 9), exif.clone(), xmp]),
            webp(&[flags(0b1_0010), frame(9, 9)]),
        ),
        (Kind::WebP, webp(&[lossy(9, 9), exif]), webp(&[lossy(9, 9)])),
    ] {
        let behind = [&with[..], place].concat();
        assert!(has_place(&with) && check(&with).is_ok());
        assert_eq!(strip(kind, &behind).as_deref(), Some(&without[..]), "{kind:?}");
        assert_eq!(check(&without).map(|facts| facts.kind), Ok(kind));
        assert_eq!(strip(kind, &with[..with.len() - 1]), None, "{kind:?} that is cut off");
    }
    assert_eq!(strip(Kind::Jpeg, &jpeg(3, 2, 0xc0)), None);
}

/// Pictures with some bytes replaced, cut off somewhere.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let samples: Vec<Vec<u8>> = samples().into_iter().map(|(bytes, _)| bytes).collect();
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (prop::sample::select(samples), changes, any::<prop::sample::Index>()).prop_map(
        |(mut bytes, changes, end)| {
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(end.index(bytes.len() + 1));
            bytes
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_the_same(bytes in prop_oneof![broken(), vec(any::<u8>(), 0..200)], lengths in vec(1_usize..20, 1..8)) {
        let mut inspector = Inspector::new();
        let (mut rest, mut result) = (&bytes[..], Ok(()));
        for length in lengths.iter().cycle() {
            if rest.is_empty() || result.is_err() {
                break;
            }
            let (piece, later) = rest.split_at((*length).min(rest.len()));
            result = inspector.update(piece);
            rest = later;
        }
        for kind in [Kind::Png, Kind::Gif, Kind::WebP] {
            let stripped = strip(kind, &bytes);
            prop_assert!(stripped.as_ref().is_none_or(|stripped| stripped.len() <= bytes.len()));
            let again = stripped.as_ref().map(|stripped| strip(kind, stripped));
            prop_assert_eq!(again.unwrap_or_default(), stripped, "it stays as it is");
        }
        prop_assert_eq!(result.and_then(|()| inspector.finish()), check(&bytes), "{}", format!("{bytes:?}"));
    }
}
