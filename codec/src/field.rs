//! How one block's content becomes a value and back: leniently in, strictly out (spec/wire.md section 2).
use bytes::{BufMut, Bytes, BytesMut};

use crate::{FieldKind, FieldProblem, List, Secret, StringArray, Text, U8Array, U64Array};

/// A type that a field of a packet can have.
pub(crate) trait Field: Sized {
    const KIND: FieldKind;
    const VALUES: Option<&'static str> = None;
    const SECRET: bool = false;
    /// Bytes of an integer as the catalogue has it; 0 for what is none.
    const WIDTH: usize = 0;

    fn read(content: Bytes) -> Result<Self, FieldProblem>;
    /// Bytes of the content as the catalogue has it.
    fn len(&self) -> usize;
    fn write(&self, out: &mut BytesMut);
    /// The value of an integer.
    fn integer(&self) -> u64 {
        0
    }
}

/// Reads an integer of 1, 2, 4 or 8 bytes by value, whatever the catalogue says of its width.
pub(crate) fn read_integer(content: &[u8], max: u64) -> Result<u64, FieldProblem> {
    if !matches!(content.len(), 1 | 2 | 4 | 8) {
        return Err(FieldProblem::IntegerLength);
    }
    let value = content.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    if value > max {
        return Err(FieldProblem::OutOfRange { value, max });
    }
    Ok(value)
}

macro_rules! integer_fields {
    ($($ty:ident $kind:ident)+) => { $(
        impl Field for $ty {
            const KIND: FieldKind = FieldKind::$kind;
            const WIDTH: usize = size_of::<$ty>();

            fn read(content: Bytes) -> Result<Self, FieldProblem> {
                let value = read_integer(&content, u64::from($ty::MAX))?;
                // the maximum was checked one line above
                Ok(value as $ty)
            }

            fn len(&self) -> usize {
                Self::WIDTH
            }

            fn write(&self, out: &mut BytesMut) {
                out.put_slice(&self.to_be_bytes());
            }

            fn integer(&self) -> u64 {
                u64::from(*self)
            }
        }
    )+ };
}

integer_fields! { u8 U8 u16 U16 u32 U32 u64 U64 }

impl Field for bool {
    const KIND: FieldKind = FieldKind::Bool;
    const WIDTH: usize = 1;

    fn read(content: Bytes) -> Result<Self, FieldProblem> {
        Ok(read_integer(&content, 1)? == 1)
    }

    fn len(&self) -> usize {
        1
    }

    fn write(&self, out: &mut BytesMut) {
        out.put_u8(u8::from(*self));
    }

    fn integer(&self) -> u64 {
        u64::from(*self)
    }
}

macro_rules! byte_fields {
    ($($ty:ty, $kind:expr, $read:expr, $bytes:expr;)+) => { $(
        impl Field for $ty {
            const KIND: FieldKind = $kind;

            fn read(content: Bytes) -> Result<Self, FieldProblem> {
                let read: fn(Bytes) -> Result<Self, FieldProblem> = $read;
                read(content)
            }

            fn len(&self) -> usize {
                let bytes: fn(&Self) -> &Bytes = $bytes;
                bytes(self).len()
            }

            fn write(&self, out: &mut BytesMut) {
                let bytes: fn(&Self) -> &Bytes = $bytes;
                out.put_slice(bytes(self));
            }
        }
    )+ };
}

byte_fields! {
    Bytes, FieldKind::Bytes, Ok, |bytes| bytes;
    Text, FieldKind::Text, |content| Ok(Self::from_bytes(content)), Self::as_bytes;
    List<';'>, FieldKind::List(';'), |content| Ok(Self::from_bytes(content)), Self::as_bytes;
    List<' '>, FieldKind::List(' '), |content| Ok(Self::from_bytes(content)), Self::as_bytes;
    StringArray, FieldKind::StringArray, |content| Ok(Self::from_bytes(content)), Self::as_bytes;
    U8Array, FieldKind::U8Array, |content| Ok(Self::from_bytes(content)), Self::as_bytes;
    U64Array, FieldKind::U64Array, |content| Self::from_bytes(content).ok_or(FieldProblem::ArrayLength), Self::as_bytes;
}

impl<T: Field> Field for Secret<T> {
    const KIND: FieldKind = T::KIND;
    const VALUES: Option<&'static str> = T::VALUES;
    const SECRET: bool = true;
    const WIDTH: usize = T::WIDTH;

    fn read(content: Bytes) -> Result<Self, FieldProblem> {
        T::read(content).map(Self::new)
    }

    fn len(&self) -> usize {
        self.expose().len()
    }

    fn write(&self, out: &mut BytesMut) {
        self.expose().write(out);
    }

    fn integer(&self) -> u64 {
        self.expose().integer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_by_value_in_any_width() {
        assert_eq!(u8::read(Bytes::from_static(&[0, 0, 0, 4])), Ok(4));
        assert_eq!(u64::read(Bytes::from_static(&[7])), Ok(7));
        assert_eq!(u16::read(Bytes::from_static(&[1, 0])), Ok(256));
        assert_eq!(
            u8::read(Bytes::from_static(&[1, 0])),
            Err(FieldProblem::OutOfRange { value: 256, max: 255 })
        );
        for length in [0, 3, 5, 6, 7, 9] {
            assert_eq!(
                u64::read(Bytes::from(alloc::vec![0; length])),
                Err(FieldProblem::IntegerLength)
            );
        }
        assert_eq!(
            bool::read(Bytes::from_static(&[2])),
            Err(FieldProblem::OutOfRange { value: 2, max: 1 })
        );
    }
}
