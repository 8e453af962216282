//! What a block holds besides integers: text, lists and arrays, as slices of the packet.
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

/// A string of the wire: UTF-8, but kept byte for byte where it is not (spec/wire.md section 2).
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Bytes);

impl Text {
    /// The bytes as they came.
    #[must_use]
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// A text that is known when the program is built.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text for display: bytes that are not UTF-8 are shown as U+FFFD. Copies only then.
    #[must_use]
    pub fn as_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The bytes as they came.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_str())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

/// Strings joined by the character `SEPARATOR`; one at the end is allowed and kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List<const SEPARATOR: char>(Text);

impl<const SEPARATOR: char> List<SEPARATOR> {
    /// The bytes as they came.
    #[must_use]
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self(Text(bytes))
    }

    /// The bytes as they came.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0.0
    }

    /// The entries, empty ones left out. A line feed separates too, as some servers of today write
    /// (spec/wire.md section 9).
    #[must_use]
    pub fn entries(&self) -> Vec<String> {
        let text = self.0.as_str();
        text.split([SEPARATOR, '\n']).filter(|entry| !entry.is_empty()).map(String::from).collect()
    }
}

impl<const SEPARATOR: char, S: AsRef<str>> FromIterator<S> for List<SEPARATOR> {
    fn from_iter<I: IntoIterator<Item = S>>(entries: I) -> Self {
        let mut joined = String::new();
        for entry in entries {
            if !joined.is_empty() {
                joined.push(SEPARATOR);
            }
            joined.push_str(entry.as_ref());
        }
        Self(joined.into())
    }
}

/// UTF-8 strings separated by a zero byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StringArray(Bytes);

impl StringArray {
    /// The bytes as they came.
    #[must_use]
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes as they came.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The strings in order, empty ones included (arrays of one packet are parallel); no bytes are no strings.
    #[must_use]
    pub fn entries(&self) -> Vec<Text> {
        if self.0.is_empty() {
            return Vec::new();
        }
        self.0.split(|byte| *byte == 0).map(|entry| Text(self.0.slice_ref(entry))).collect()
    }
}

impl<S: AsRef<str>> FromIterator<S> for StringArray {
    fn from_iter<I: IntoIterator<Item = S>>(entries: I) -> Self {
        let mut joined = Vec::new();
        for (at, entry) in entries.into_iter().enumerate() {
            if at > 0 {
                joined.push(0);
            }
            joined.extend_from_slice(entry.as_ref().as_bytes());
        }
        Self(joined.into())
    }
}

/// Values of one byte each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct U8Array(Bytes);

impl U8Array {
    /// The bytes as they came.
    #[must_use]
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The values, which are the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

/// Big-endian values of eight bytes, back to back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct U64Array(Bytes);

impl U64Array {
    /// The array in these bytes; nothing when their number is no multiple of eight.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Option<Self> {
        bytes.len().is_multiple_of(8).then_some(Self(bytes))
    }

    /// The bytes as they came.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The values in order.
    pub fn values(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.as_chunks::<8>().0.iter().map(|value| u64::from_be_bytes(*value))
    }
}

impl FromIterator<u64> for U64Array {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
        Self(values.into_iter().flat_map(u64::to_be_bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn text_that_is_no_utf8_is_shown_and_kept() {
        let text = Text::from_bytes(Bytes::from_static(b"a\xffb"));
        assert_eq!(format!("{text}"), "a\u{fffd}b");
        assert_eq!(text.as_bytes().as_ref(), b"a\xffb");
    }

    #[test]
    fn lists_allow_one_more_separator_and_line_feeds() {
        let list = List::<';'>::from_bytes(Bytes::from_static(b"a;b;"));
        assert_eq!(list.entries(), ["a", "b"]);
        assert_eq!(List::<';'>::from_bytes(Bytes::from_static(b"a\nb")).entries(), ["a", "b"]);
        assert_eq!(List::<';'>::from_iter(["a", "b"]).as_bytes().as_ref(), b"a;b");
        assert!(List::<';'>::default().entries().is_empty());
    }

    #[test]
    fn arrays_read_what_they_wrote() {
        let strings = StringArray::from_iter(["a", "", "b"]);
        assert_eq!(strings.as_bytes().as_ref(), b"a\0\0b");
        assert_eq!(strings.entries(), ["a", "", "b"]);
        let numbers = U64Array::from_iter([1, u64::MAX]);
        assert_eq!(numbers.values().collect::<Vec<_>>(), [1, u64::MAX]);
        assert_eq!(U64Array::from_bytes(Bytes::from_static(&[0; 9])), None);
    }
}
