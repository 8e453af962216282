//! How one block's content becomes a value and back: leniently in, strictly out (spec/wire.md section 2).
use bytes::Bytes;

use crate::frame::{BlockSlice, block_header};
use crate::{
    BLOCK_HEADER_LEN, FieldKind, FieldProblem, List, Output, Secret, StringArray, Text, U8Array,
    U64Array,
};

/// A type that a field of a packet can have.
pub(crate) trait Field: Sized {
    const KIND: FieldKind;
    const VALUES: Option<&'static str> = None;
    const SECRET: bool = false;
    /// Bytes of an integer as the catalogue has it; 0 for what is none.
    const WIDTH: usize = 0;

    /// Reads a block into an empty field: put there straight, since a value that passes through a result is copied
    /// from one place to the next.
    fn read(block: &BlockSlice<'_>, field: &mut Option<Self>) -> Result<(), FieldProblem>;
    /// Bytes of the content as the catalogue has it.
    fn len(&self) -> usize;
    /// Appends the field as block `id`, as the catalogue has it.
    fn write_block<O: Output>(&self, id: u16, out: &mut O);
}

/// Reads an integer of 1, 2, 4 or 8 bytes by value, whatever the catalogue says of its width.
pub(crate) fn read_integer(content: &[u8], max: u64) -> Result<u64, FieldProblem> {
    let value = match *content {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_be_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_be_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => return Err(FieldProblem::IntegerLength),
    };
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

            fn read(block: &BlockSlice<'_>, field: &mut Option<Self>) -> Result<(), FieldProblem> {
                let value = read_integer(block.content, u64::from($ty::MAX))?;
                // the maximum was checked one line above
                *field = Some(value as $ty);
                Ok(())
            }

            fn len(&self) -> usize {
                Self::WIDTH
            }

            fn write_block<O: Output>(&self, id: u16, out: &mut O) {
                let mut block = [0; BLOCK_HEADER_LEN + Self::WIDTH];
                let (header, content) = block.split_at_mut(BLOCK_HEADER_LEN);
                header.copy_from_slice(&block_header(id, Self::WIDTH));
                content.copy_from_slice(&self.to_be_bytes());
                out.put_copy(&block);
            }
        }
    )+ };
}

integer_fields! { u8 U8 u16 U16 u32 U32 u64 U64 }

impl Field for bool {
    const KIND: FieldKind = FieldKind::Bool;
    const WIDTH: usize = 1;

    fn read(block: &BlockSlice<'_>, field: &mut Option<Self>) -> Result<(), FieldProblem> {
        *field = Some(read_integer(block.content, 1)? == 1);
        Ok(())
    }

    fn len(&self) -> usize {
        1
    }

    fn write_block<O: Output>(&self, id: u16, out: &mut O) {
        u8::from(*self).write_block(id, out);
    }
}

macro_rules! byte_fields {
    ($($ty:ty, $kind:expr, $new:expr, $bytes:expr;)+) => { $(
        impl Field for $ty {
            const KIND: FieldKind = $kind;

            fn read(block: &BlockSlice<'_>, field: &mut Option<Self>) -> Result<(), FieldProblem> {
                *field = Some($new(block.to_bytes()));
                Ok(())
            }

            fn len(&self) -> usize {
                let bytes: fn(&Self) -> &Bytes = $bytes;
                bytes(self).len()
            }

            fn write_block<O: Output>(&self, id: u16, out: &mut O) {
                let bytes: fn(&Self) -> &Bytes = $bytes;
                out.put_block(id, bytes(self));
            }
        }
    )+ };
}

byte_fields! {
    Bytes, FieldKind::Bytes, Self::from, |bytes| bytes;
    Text, FieldKind::Text, Self::from_bytes, Self::as_bytes;
    List<';'>, FieldKind::List(';'), Self::from_bytes, Self::as_bytes;
    List<' '>, FieldKind::List(' '), Self::from_bytes, Self::as_bytes;
    StringArray, FieldKind::StringArray, Self::from_bytes, Self::as_bytes;
    U8Array, FieldKind::U8Array, Self::from_bytes, Self::as_bytes;
}

impl Field for U64Array {
    const KIND: FieldKind = FieldKind::U64Array;

    fn read(block: &BlockSlice<'_>, field: &mut Option<Self>) -> Result<(), FieldProblem> {
        *field = Some(Self::from_bytes(block.to_bytes()).ok_or(FieldProblem::ArrayLength)?);
        Ok(())
    }

    fn len(&self) -> usize {
        self.as_bytes().len()
    }

    fn write_block<O: Output>(&self, id: u16, out: &mut O) {
        out.put_block(id, self.as_bytes());
    }
}

impl<T: Field> Field for Secret<T> {
    const KIND: FieldKind = T::KIND;
    const VALUES: Option<&'static str> = T::VALUES;
    const SECRET: bool = true;
    const WIDTH: usize = T::WIDTH;

    fn read(block: &BlockSlice<'_>, field: &mut Option<Self>) -> Result<(), FieldProblem> {
        let mut value = None;
        T::read(block, &mut value)?;
        *field = value.map(Self::new);
        Ok(())
    }

    fn len(&self) -> usize {
        self.expose().len()
    }

    fn write_block<O: Output>(&self, id: u16, out: &mut O) {
        self.expose().write_block(id, out);
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::*;
    use crate::{Command, Frame};

    /// What a block with this content reads as.
    fn read<F: Field>(content: &[u8]) -> Result<F, FieldProblem> {
        let mut params = BytesMut::from(&[0, 1, 0, 0, 0, content.len() as u8][..]);
        params.put_slice(content);
        let frame = Frame::new(Command::OK, 0, params.freeze()).unwrap();
        let mut field = None;
        F::read(&frame.slices().next().unwrap(), &mut field)?;
        Ok(field.unwrap())
    }

    #[test]
    fn integers_are_read_by_value_in_any_width() {
        assert_eq!(read::<u8>(&[0, 0, 0, 4]), Ok(4));
        assert_eq!(read::<u64>(&[7]), Ok(7));
        assert_eq!(read::<u16>(&[1, 0]), Ok(256));
        assert_eq!(read::<u8>(&[1, 0]), Err(FieldProblem::OutOfRange { value: 256, max: 255 }));
        for length in [0, 3, 5, 6, 7, 9] {
            assert_eq!(read::<u64>(&[0; 9][..length]), Err(FieldProblem::IntegerLength));
        }
        assert_eq!(read::<bool>(&[2]), Err(FieldProblem::OutOfRange { value: 2, max: 1 }));
    }
}
