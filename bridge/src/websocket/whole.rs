//! What nearly every frame is: there in full, and a message by itself, or the close. It is read where it stands, with no copy.
//!
//! All others are left to the codec of tungstenite, which puts together what comes in parts, and names what is wrong.
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::close::NO_CODE;

/// The first byte of a frame that is a whole text or binary message (RFC 6455 section 5.2): the last of its message, and
/// no extension.
const WHOLE_TEXT: u8 = 0x81;
const WHOLE_BINARY: u8 = 0x82;
/// The first byte of a close.
const CLOSE: u8 = 0x88;
/// In the second byte: the content is masked, as a client's has to be.
const MASKED: u8 = 0x80;
/// Lengths that stand for the length in the two or eight bytes behind them.
const LENGTH_OF_TWO: u8 = 126;
const LENGTH_OF_EIGHT: u8 = 127;
/// Bytes of a mask.
const MASK: usize = 4;

/// A message that one frame has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole<'a> {
    pub(super) is_text: bool,
    pub(super) content: &'a [u8],
    /// What comes behind the frame.
    pub(super) rest: &'a mut [u8],
}

/// The whole message that `bytes` begin with, unmasked; or the bytes as they are, where they begin with anything else, or
/// it has more than `max` bytes.
pub(super) fn split(bytes: &mut [u8], max: usize) -> Result<Whole<'_>, &mut [u8]> {
    let Some(Header { is_text, mask, start, end }) = Header::read(bytes, max) else {
        return Err(bytes);
    };
    let (frame, rest) = bytes.split_at_mut(end);
    let content = frame.get_mut(start..).unwrap_or_default();
    unmask(content, mask);
    Ok(Whole { is_text, content, rest })
}

/// A close, and how it is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    /// The same frame without a mask (RFC 6455 section 5.5.1).
    pub(super) answer: Vec<u8>,
}

/// The close that `bytes` begin with; none where it is not there in full, or there is anything wrong with it.
pub(super) fn close(bytes: &[u8]) -> Option<Close> {
    let ([CLOSE, length, mask @ ..], behind) = bytes.split_first_chunk::<{ 2 + MASK }>()? else {
        return None;
    };
    let length = length.checked_sub(MASKED).filter(|length| *length < LENGTH_OF_TWO)?;
    let mut content = behind.get(..usize::from(length))?.to_vec();
    unmask(&mut content, *mask);
    let code = match content.split_first_chunk() {
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            let is_right = CloseCode::from(code).is_allowed() && str::from_utf8(reason).is_ok();
            is_right.then_some(code)?
        }
        None => content.is_empty().then_some(NO_CODE)?,
    };
    Some(Close { code, answer: [&[CLOSE, length], content.as_slice()].concat() })
}

struct Header {
    is_text: bool,
    mask: [u8; MASK],
    /// Where the content begins and ends.
    start: usize,
    end: usize,
}

impl Header {
    /// None where the frame is not there in full, is no message by itself, or is not allowed.
    fn read(bytes: &[u8], max: usize) -> Option<Self> {
        let is_text = match *bytes.first()? {
            WHOLE_TEXT => true,
            WHOLE_BINARY => false,
            _ => return None,
        };
        let behind = bytes.get(2..)?;
        let (length, length_len) = match bytes.get(1)?.checked_sub(MASKED)? {
            LENGTH_OF_TWO => (u64::from(u16::from_be_bytes(*behind.first_chunk()?)), 2),
            LENGTH_OF_EIGHT => (u64::from_be_bytes(*behind.first_chunk()?), 8),
            length => (u64::from(length), 0),
        };
        let mask = *behind.get(length_len..)?.first_chunk()?;
        let start = 2 + length_len + MASK;
        let length = usize::try_from(length).ok().filter(|length| *length <= max)?;
        let end = start + length;
        (end <= bytes.len()).then_some(Self { is_text, mask, start, end })
    }
}

/// Takes the mask off (RFC 6455 section 5.3), eight bytes at a time.
fn unmask(content: &mut [u8], mask: [u8; MASK]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = content.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use mig33_codec::MAX_PACKET;

    use super::*;

    fn split(bytes: &mut [u8]) -> Result<Whole<'_>, &mut [u8]> {
        super::split(bytes, MAX_PACKET)
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        // RFC 6455 section 5.7: a single-frame masked text message, and what comes behind it
        let mut bytes = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58rest";
        let whole = split(&mut bytes).unwrap();
        assert!(whole.is_text);
        assert_eq!((whole.content, &*whole.rest), (&b"Hello"[..], &b"rest"[..]));
    }

    #[test]
    fn lengths_of_all_three_forms_are_read_and_any_length_is_unmasked() {
        for length in [0, 1, 7, 8, 9, 125, 126, 300, 65_535, 65_536, MAX_PACKET] {
            let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mask = [9, 8, 7, 250];
            let mut frame = vec![WHOLE_BINARY];
            match length {
                0..=125 => frame.push(MASKED | length as u8),
                126..=0xffff => {
                    frame.push(MASKED | LENGTH_OF_TWO);
                    frame.extend((length as u16).to_be_bytes());
                }
                _ => {
                    frame.push(MASKED | LENGTH_OF_EIGHT);
                    frame.extend((length as u64).to_be_bytes());
                }
            }
            frame.extend(mask);
            frame.extend(content.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            let whole = split(&mut frame).unwrap();
            assert!(!whole.is_text && whole.rest.is_empty());
            assert_eq!(whole.content, content, "{length} bytes");
        }
    }

    #[test]
    fn a_close_is_answered_with_itself() {
        let close = |bytes: &[u8]| super::close(bytes).map(|close| (close.code, close.answer));
        let frame = b"\x88\x85\x01\x02\x03\x04\x02\xebbye";
        assert_eq!(close(frame), Some((1001, b"\x88\x05\x03\xe9a}d".to_vec())));
        assert_eq!(close(b"\x88\x80\x01\x02\x03\x04more"), Some((NO_CODE, b"\x88\0".to_vec())));
        for cut in 0..frame.len() {
            assert_eq!(close(&frame[..cut]), None, "cut at {cut}");
        }
        for wrong in [
            // not masked, in parts, half a code, a code that is never sent, a reason that is no UTF-8
            &b"\x88\x02\x03\xe9\0\0\0\0"[..],
            b"\x08\x82\0\0\0\0\x03\xe9",
            b"\x88\x81\0\0\0\0\x03",
            b"\x88\x82\0\0\0\0\x03\xed",
            b"\x88\x83\0\0\0\0\x03\xe9\xff",
        ] {
            assert_eq!(close(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_not_whole_is_left_as_it_is() {
        let mut whole = *b"\x82\x83\x01\x02\x03\x04abc";
        for cut in 0..whole.len() {
            let mut part = whole[..cut].to_vec();
            assert_eq!(split(&mut part).unwrap_err(), &whole[..cut], "cut at {cut}");
        }
        assert!(split(&mut whole).is_ok());
        let others = [
            // not masked, not the last of its message, a continuation, a ping, a bit that nobody has given a meaning
            &b"\x82\x03\x01\x02\x03\x04abc"[..],
            b"\x02\x83\x01\x02\x03\x04abc",
            b"\x80\x83\x01\x02\x03\x04abc",
            b"\x89\x83\x01\x02\x03\x04abc",
            b"\xc2\x83\x01\x02\x03\x04abc",
            // a length that no packet has
            b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04",
        ];
        for other in others {
            assert_eq!(split(&mut other.to_vec()).unwrap_err(), other);
        }
    }
}
