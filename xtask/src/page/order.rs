//! Puts the functions of the page's WebAssembly into the order of their bytes: those that begin alike stand beside each
//! other then, and the page compresses to 1.5 KB less.

use anyhow::{Context, Result, bail, ensure};

/// Bytes before the first section: what it is, and the version of the format.
const PREAMBLE: usize = 8;
/// The numbers of sections that are read here.
const CUSTOM: u8 = 0;
const IMPORT: u8 = 2;
const CODE: u8 = 10;
/// The part of the name section that holds functions' names.
const FUNCTION_NAMES: u8 = 1;

/// The same module, in which the functions' names are their places in that order: wasm-opt sorts by name, and leaves the
/// names out afterwards.
pub(super) fn named_by_place(wasm: &[u8]) -> Result<Vec<u8>> {
    ensure!(wasm.starts_with(b"\0asm"), "no WebAssembly");
    let (preamble, sections) = wasm.split_at_checked(PREAMBLE).context("no WebAssembly")?;
    let mut named = preamble.to_vec();
    let (mut imported, mut bodies) = (0, Vec::new());
    let mut rest = Reader(sections);
    while !rest.0.is_empty() {
        let (id, content) = (rest.byte()?, rest.sized()?);
        let mut reader = Reader(content);
        match id {
            CUSTOM if reader.sized()? == b"name" => continue,
            IMPORT => imported = functions_among(reader)?,
            CODE => {
                bodies = (0..reader.number()?).map(|_| reader.sized()).collect::<Result<_>>()?
            }
            _ => {}
        }
        put_section(&mut named, id, content);
    }
    put_section(&mut named, CUSTOM, &name_section(imported, &bodies));
    Ok(named)
}

/// How many functions are imported, which is how many imports there are: wasm-bindgen imports nothing else.
fn functions_among(mut imports: Reader<'_>) -> Result<u32> {
    let count = imports.number()?;
    for _ in 0..count {
        let (_module, _name) = (imports.sized()?, imports.sized()?);
        ensure!(imports.byte()? == 0, "an import that is no function");
        imports.number()?;
    }
    Ok(count)
}

fn name_section(imported: u32, bodies: &[&[u8]]) -> Vec<u8> {
    let mut order: Vec<u32> = (0..).take(bodies.len()).collect();
    order.sort_by_key(|at| bodies.get(*at as usize));
    let mut places = vec![0; bodies.len()];
    for (place, at) in order.iter().enumerate() {
        places[*at as usize] = place;
    }
    let mut names = Vec::new();
    put_number(&mut names, bodies.len());
    for (at, place) in places.iter().enumerate() {
        put_number(&mut names, at + imported as usize);
        put_sized(&mut names, format!("{place:08}").as_bytes());
    }
    let mut section = Vec::new();
    put_sized(&mut section, b"name");
    put_section(&mut section, FUNCTION_NAMES, &names);
    section
}

fn put_section(into: &mut Vec<u8>, id: u8, content: &[u8]) {
    into.push(id);
    put_sized(into, content);
}

fn put_sized(into: &mut Vec<u8>, bytes: &[u8]) {
    put_number(into, bytes.len());
    into.extend_from_slice(bytes);
}

/// LEB128: seven bits a byte, the lowest first.
fn put_number(into: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        into.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    into.push(number as u8);
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.0.split_first().context("WebAssembly that ends too early")?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u32> {
        let mut number = 0;
        for shift in (0..u32::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        bail!("WebAssembly with a number that does not end")
    }

    /// A number, and as many bytes.
    fn sized(&mut self) -> Result<&'a [u8]> {
        let count = self.number()? as usize;
        let (taken, rest) =
            self.0.split_at_checked(count).context("WebAssembly that ends too early")?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One import, three functions of which the last comes first, names from before.
    fn module() -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        put_section(&mut wasm, 1, &[1, 0x60, 0, 0]);
        put_section(&mut wasm, IMPORT, &[1, 1, b'm', 1, b'f', 0, 0]);
        put_section(&mut wasm, 3, &[3, 0, 0, 0]);
        put_section(&mut wasm, CODE, &[3, 2, 0, 0x0b, 3, 1, 1, 0x0b, 3, 0, 1, 0x0b]);
        put_section(&mut wasm, CUSTOM, b"\x04name\x01\x04\x01\x00\x01x");
        wasm
    }

    #[test]
    fn functions_are_named_by_the_order_of_their_bytes() -> Result<()> {
        let wasm = module();
        let named = named_by_place(&wasm)?;

        let before = wasm.len() - b"\0\x0b\x04name\x01\x04\x01\x00\x01x".len();
        assert_eq!(named[..before], wasm[..before], "everything else stays");
        let mut names = b"\x04name\x01\x1f\x03".to_vec();
        for (index, place) in [(1, 1), (2, 2), (3, 0)] {
            names.push(index);
            put_sized(&mut names, format!("{place:08}").as_bytes());
        }
        let mut section = Vec::new();
        put_section(&mut section, CUSTOM, &names);
        assert_eq!(named[before..], section);
        // their own names were left out, so it stays as it is
        assert_eq!(named_by_place(&named)?, named);
        Ok(())
    }

    #[test]
    fn what_is_cut_anywhere_is_an_error_or_a_module_that_ends_there() {
        let wasm = module();
        let ends: Vec<usize> =
            (0..wasm.len()).filter(|end| named_by_place(&wasm[..*end]).is_ok()).collect();
        // after the preamble and after each section
        assert_eq!(ends, [8, 14, 23, 29, 43]);
    }

    #[test]
    fn a_long_number_is_read_as_it_is_written() -> Result<()> {
        for number in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x0fff_ffff] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(Reader(&bytes).number()? as usize, number);
        }
        assert!(Reader(&[0x80; 6]).number().is_err());
        Ok(())
    }
}
