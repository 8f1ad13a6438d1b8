//! Headers, as lists of bytes and on their way through the filter's memory.

use std::fmt;

/// Headers in their order, duplicates kept, names compared in any case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Vec<u8>, Vec<u8>)>);

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.0.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
    }

    /// The value of the first header of this name.
    #[must_use]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn remove(&mut self, name: &[u8]) {
        self.0.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
    }

    /// The form that crosses the border.
    ///
    /// Source: proxy-wasm/spec `abi-versions/v0.2.1`, "serialized map": the count, the sizes of each pair, then
    /// each name and value with a NUL behind it; little-endian.
    pub(crate) fn serialized(&self) -> Vec<u8> {
        let mut bytes = size(self.len()).to_vec();
        for (name, value) in self.iter() {
            bytes.extend(size(name.len()));
            bytes.extend(size(value.len()));
        }
        for part in self.iter().flat_map(|(name, value)| [name, value]) {
            bytes.extend_from_slice(part);
            bytes.push(0);
        }
        bytes
    }

    /// Reads that form; no bytes are no headers.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::new());
        }
        let (count, mut rest) = take_size(bytes)?;
        let mut sizes = Vec::new();
        for _ in 0..count {
            let (name, after) = take_size(rest)?;
            let (value, after) = take_size(after)?;
            sizes.push((name, value));
            rest = after;
        }
        let mut headers = Self::new();
        for (name_size, value_size) in sizes {
            let (name, after) = take(rest, name_size)?;
            let (value, after) = take(after, value_size)?;
            headers.push(name, value);
            rest = after;
        }
        Some(headers)
    }
}

fn size(size: usize) -> [u8; 4] {
    u32::try_from(size).expect("the memory of a filter is not larger").to_le_bytes()
}

fn take_size(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (size, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_le_bytes(*size)).ok()?, rest))
}

fn take(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (part, rest) = bytes.split_at_checked(size)?;
    Some((part, rest.strip_prefix(&[0])?))
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::new();
        headers.extend(pairs);
        headers
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        pairs.into_iter().for_each(|(name, value)| self.push(name, value));
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
        f.debug_list().entries(self.iter().map(|(name, value)| (shown(name), shown(value)))).finish()
    }
}

/// Whether a header may have this name.
///
/// Source: RFC 9110 section 5.6.2, `token`.
pub(crate) fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// Whether a value stays on its line.
pub(crate) fn is_one_line(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_serialized_is_read_again() {
        let cases: [&[(&str, &[u8])]; 4] =
            [&[], &[("a", b"")], &[("a", b"1"), ("A", b"\xff\0")], &[("", b"x"), (":path", b"/")]];
        for case in cases {
            let headers: Headers = case.iter().copied().collect();
            assert_eq!(Headers::parse(&headers.serialized()), Some(headers), "{case:?}");
        }
        assert_eq!(Headers::parse(b""), Some(Headers::new()));
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let whole = Headers::from_iter([("name", "value")]).serialized();
        for size in 1..whole.len() {
            assert_eq!(Headers::parse(whole.get(..size).expect("within")), None, "{size} bytes");
        }
    }

    #[test]
    fn names_and_values_follow_the_rules() {
        for name in ["", ":status", "a b", "a:", "ä", "a\n"] {
            assert!(!is_token(name.as_bytes()), "{name:?}");
        }
        assert!(is_token(b"x-openwhisk_id.1"));
        for value in ["a\r", "\n", "a\0b"] {
            assert!(!is_one_line(value.as_bytes()), "{value:?}");
        }
        assert!(is_one_line(b"\xff \t"));
    }
}
