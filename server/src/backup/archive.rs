//! The archive itself: tar, with the SHA-256 of each file in a list at its end.
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};

use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::SUMS;

/// Writes an archive.
pub(super) struct Writer<W: Write> {
    tar: Builder<W>,
    sums: String,
    made_at: u64,
}

impl<W: Write> Writer<W> {
    /// An archive whose files are dated so, in seconds since 1970.
    pub(super) fn new(to: W, made_at: u64) -> Self {
        Self { tar: Builder::new(to), sums: String::new(), made_at }
    }

    /// Adds a file of so many bytes.
    pub(super) fn add(&mut self, name: &str, length: u64, content: impl Read) -> io::Result<()> {
        let mut hashed = Hashed::new(content.take(length));
        self.append(name, length, &mut hashed)?;
        if hashed.length != length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
        }
        self.sums.push_str(&format!("{}  {name}\n", hashed.sum()));
        Ok(())
    }

    /// Ends the archive with the list of what is in it.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let sums = std::mem::take(&mut self.sums);
        self.append(SUMS, sums.len() as u64, &mut sums.as_bytes())?;
        self.tar.into_inner()
    }

    fn append(&mut self, name: &str, length: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(length);
        header.set_mode(0o600);
        header.set_mtime(self.made_at);
        self.tar.append_data(&mut header, name, content)
    }
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It ends before its end.
    #[error("it is cut short")]
    Short,
    /// Something is in it that no backup has.
    #[error("`{name}` does not belong into a backup")]
    Foreign {
        /// What it is called.
        name: String,
    },
    /// A file is not as it was.
    #[error("`{name}` is damaged")]
    Damaged {
        /// Which one.
        name: String,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[source] io::Error),
    /// What is in it cannot be put on the disk.
    #[error("{0}")]
    Unpack(#[source] io::Error),
}

/// Reads an archive to its end and gives each file to `unpack`, which reads all of it and says with
/// [`ArchiveError::Foreign`] what it does not know. What it has made of them counts only once this has returned.
pub(super) fn read(
    from: impl Read,
    mut unpack: impl FnMut(&str, &mut dyn Read) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let mut archive = Archive::new(from);
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for entry in archive.entries().map_err(ArchiveError::Read)? {
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_file = entry.header().entry_type() == EntryType::Regular;
        if !is_file || found.contains_key(&name) {
            return Err(ArchiveError::Foreign { name });
        }
        if name == SUMS {
            return compare(found, entry);
        }
        let declared = entry.size();
        let mut hashed = Hashed::new(&mut entry);
        unpack(&name, &mut hashed)?;
        if hashed.length != declared {
            return Err(ArchiveError::Short);
        }
        let sum = hashed.sum();
        found.insert(name, sum);
    }
    Err(ArchiveError::Short)
}

/// What a broken archive looks like to who reads on.
pub(super) fn broken(error: io::Error) -> ArchiveError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        ArchiveError::Short
    } else {
        ArchiveError::Read(error)
    }
}

/// Whether the list names what was found, and nothing else.
fn compare(mut found: BTreeMap<String, String>, mut list: impl Read) -> Result<(), ArchiveError> {
    for line in BufReader::new(&mut list).lines() {
        let line = line.map_err(broken)?;
        let Some((sum, name)) = line.split_once("  ") else {
            return Err(ArchiveError::Damaged { name: SUMS.to_owned() });
        };
        if found.remove(name).is_none_or(|found| found != sum) {
            return Err(ArchiveError::Damaged { name: name.to_owned() });
        }
    }
    match found.pop_first() {
        // the list itself may have been cut
        Some((name, _)) => Err(ArchiveError::Damaged { name }),
        None => Ok(()),
    }
}

/// Reads, and counts and hashes what was read.
struct Hashed<R> {
    from: R,
    length: u64,
    hash: Sha256,
}

impl<R> Hashed<R> {
    fn new(from: R) -> Self {
        Self { from, length: 0, hash: Sha256::new() }
    }

    fn sum(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.hash.update(&into[..count]);
        self.length += count as u64;
        Ok(count)
    }
}

/// Copies all of it.
pub(super) fn copy(from: &mut dyn Read, to: &mut impl Write) -> Result<(), ArchiveError> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count]).map_err(ArchiveError::Unpack)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), 0);
        writer.add("one", 700, &[7; 700][..]).unwrap();
        writer.add("two", 0, &[][..]).unwrap();
        writer.finish().unwrap()
    }

    fn read_all(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
        let mut files = BTreeMap::new();
        read(bytes, |name, content| {
            let mut bytes = Vec::new();
            copy(content, &mut bytes)?;
            files.insert(name.to_owned(), bytes);
            Ok(())
        })?;
        Ok(files)
    }

    #[test]
    fn what_was_written_is_read() {
        let files = read_all(&archive()).unwrap();
        assert_eq!(files["one"], [7; 700]);
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn an_archive_that_is_cut_anywhere_is_refused() {
        let whole = archive();
        // behind the list are two empty blocks, and before it its padding
        let end = whole.len() - 1024;
        let list = end - 512;
        for length in (0..list).step_by(64).chain([list, list + 70, list + 135]) {
            let read = read_all(&whole[..length]);
            assert!(read.is_err(), "{length} of {}", whole.len());
        }
    }

    #[test]
    fn an_archive_with_a_byte_that_is_not_as_it_was_is_refused() {
        let whole = archive();
        let mut refused = 0;
        for at in 0..whole.len() - 1024 {
            let mut bad = whole.clone();
            bad[at] ^= 0x20;
            match read_all(&bad) {
                Err(_) => refused += 1,
                // what is no content: owners, times, padding
                Ok(files) => assert_eq!(files, read_all(&whole).unwrap(), "{at}"),
            }
        }
        assert!(refused > 700, "{refused}");
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        let mut writer = Writer::new(Vec::new(), 0);
        assert!(writer.add("one", 700, &[7; 699][..]).is_err());
    }
}
