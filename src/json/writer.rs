//! Writes a JSON object field by field, without asking for memory that may not be there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::{io, iter};

use serde::Serializer as _;
use serde_json::Serializer;

/// There is not enough memory for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// Why an object cannot grow any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// It would be larger than it may be.
    Limit,
    /// There is not enough memory.
    Memory,
}

/// A JSON object up to its last field.
#[derive(Debug)]
pub struct ObjectWriter {
    json: Bytes,
    is_empty: bool,
}

impl ObjectWriter {
    /// An object without fields that should take up about so many bytes.
    pub fn of_size(size: usize) -> Result<Self, OutOfMemory> {
        let mut all = Vec::new();
        all.try_reserve(size).map_err(|_| OutOfMemory)?;
        Ok(Self { json: Bytes { all, limit: usize::MAX, is_full: false }, is_empty: true })
    }

    /// From here on it may grow by so many bytes.
    pub const fn limit(&mut self, more: usize) {
        self.json.limit = self.json.all.len().saturating_add(more);
    }

    /// Adds bytes as a text: U+FFFD stands for what is not UTF-8.
    pub fn lossy(&mut self, name: &str, value: &[u8]) -> Result<(), NoRoom> {
        self.name(name)?;
        self.json.lossy(value)
    }

    /// The same with a name that need not be UTF-8 either.
    pub fn lossy_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), NoRoom> {
        self.begin()?;
        self.json.lossy(name)?;
        self.json.add(b":")?;
        self.json.lossy(value)
    }

    /// Adds bytes as a text, or where there are several as an array of texts.
    pub fn lossy_fields(&mut self, name: &[u8], values: &mut dyn Iterator<Item = &[u8]>) -> Result<(), NoRoom> {
        let first = values.next().unwrap_or_default();
        let Some(second) = values.next() else { return self.lossy_field(name, first) };
        self.begin()?;
        self.json.lossy(name)?;
        self.json.add(b":[")?;
        self.json.lossy(first)?;
        for value in iter::once(second).chain(values) {
            self.json.add(b",")?;
            self.json.lossy(value)?;
        }
        self.json.add(b"]")
    }

    /// Adds what something shows, as a text.
    pub fn shown(&mut self, name: &str, value: &dyn fmt::Display) -> Result<(), NoRoom> {
        self.name(name)?;
        self.json.shown(value)
    }

    /// Adds an object of texts.
    pub fn object(&mut self, name: &str, fields: BTreeMap<&str, Cow<'_, [u8]>>) -> Result<(), NoRoom> {
        self.name(name)?;
        let is_empty = std::mem::replace(&mut self.is_empty, true);
        for (name, value) in fields {
            self.lossy(name, &value)?;
        }
        self.end()?;
        self.is_empty = is_empty;
        Ok(())
    }

    /// Adds a value that is JSON.
    pub fn json(&mut self, name: &str, value: &str) -> Result<(), NoRoom> {
        self.name(name)?;
        self.json.add(value.as_bytes())
    }

    /// Adds what stands between the braces of another object.
    pub fn fields(&mut self, fields: &str) -> Result<(), NoRoom> {
        if fields.trim_ascii().is_empty() {
            return Ok(());
        }
        self.begin()?;
        self.json.add(fields.as_bytes())
    }

    /// The whole object.
    pub fn finish(mut self) -> Result<Vec<u8>, NoRoom> {
        self.end()?;
        Ok(self.json.all)
    }

    fn name(&mut self, name: &str) -> Result<(), NoRoom> {
        self.begin()?;
        self.json.text(name)?;
        self.json.add(b":")
    }

    fn end(&mut self) -> Result<(), NoRoom> {
        self.json.add(if self.is_empty { b"{}" } else { b"}" })
    }

    fn begin(&mut self) -> Result<(), NoRoom> {
        self.json.add(if self.is_empty { b"{" } else { b"," })?;
        self.is_empty = false;
        Ok(())
    }
}

/// Bytes that grow only as far as they may and as there is memory: a filter without any would take the whole worker with
/// it.
#[derive(Debug)]
struct Bytes {
    all: Vec<u8>,
    limit: usize,
    /// Whether the limit was what kept them from growing.
    is_full: bool,
}

impl Bytes {
    fn add(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        if self.limit.saturating_sub(self.all.len()) < bytes.len() {
            self.is_full = true;
            return Err(NoRoom::Limit);
        }
        let (length, capacity) = (self.all.len(), self.all.capacity());
        let needed = length.saturating_add(bytes.len());
        if needed > capacity {
            // Twice as much, as a vector would, but no more than is allowed.
            let wanted = capacity.saturating_mul(2).min(self.limit).max(needed);
            self.all.try_reserve_exact(wanted.saturating_sub(length)).map_err(|_| NoRoom::Memory)?;
        }
        self.all.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds a JSON string.
    fn text(&mut self, text: &str) -> Result<(), NoRoom> {
        let written = Serializer::new(&mut *self).serialize_str(text);
        written.map_err(|_| self.no_room())
    }

    /// Adds a JSON string of bytes: U+FFFD stands for what is not UTF-8.
    fn lossy(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text),
            Err(_) => self.shown(&Lossy(bytes)),
        }
    }

    /// Adds a JSON string, in pieces as the text comes.
    fn shown(&mut self, text: &dyn fmt::Display) -> Result<(), NoRoom> {
        let written = Serializer::new(&mut *self).collect_str(text);
        written.map_err(|_| self.no_room())
    }

    /// What kept them from growing, which a serializer does not hand on.
    const fn no_room(&self) -> NoRoom {
        if self.is_full { NoRoom::Limit } else { NoRoom::Memory }
    }
}

/// Bytes as text; what is not UTF-8 is replaced.
struct Lossy<'a>(&'a [u8]);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

impl io::Write for &mut Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_one_another() {
        let mut object = ObjectWriter::of_size(0).expect("memory");
        object.lossy("a\"", "\n\u{1}é".as_bytes()).expect("memory");
        object.object("b", BTreeMap::from([("x", b"1\xff"[..].into()), ("y", b"2"[..].into())])).expect("memory");
        object.object("c", BTreeMap::new()).expect("memory");
        object.json("d", "[1.0, null]").expect("memory");
        object.fields(" ").expect("memory");
        object.fields("\"e\": 1, \"e\":2 ").expect("memory");
        let json = String::from_utf8(object.finish().expect("memory")).expect("UTF-8");
        let expected = r#"{"a\"":"\n\u0001é","b":{"x":"1\u{fffd}","y":"2"},"c":{},"d":[1.0, null],"e": 1, "e":2 }"#;
        let expected = expected.replace("\\u{fffd}", "\u{fffd}");
        assert_eq!(json, expected);
        assert_eq!(ObjectWriter::of_size(9).expect("memory").finish(), Ok(b"{}".to_vec()));
        let mut first = ObjectWriter::of_size(0).expect("memory");
        first.object("a", BTreeMap::new()).expect("memory");
        first.shown("b", &7).expect("memory");
        assert_eq!(first.finish(), Ok(br#"{"a":{},"b":"7"}"#.to_vec()));
        let mut fields = ObjectWriter::of_size(0).expect("memory");
        fields.fields("\"a\":1").expect("memory");
        assert_eq!(fields.finish(), Ok(br#"{"a":1}"#.to_vec()));
    }

    #[test]
    fn an_object_grows_no_further_than_it_may() {
        for (limit, expected) in [(0, Err(NoRoom::Limit)), (13, Err(NoRoom::Limit)), (14, Ok(()))] {
            let mut texts = ObjectWriter::of_size(0).expect("memory");
            texts.lossy("a", b"not counted").expect("memory");
            texts.limit(limit);
            assert_eq!(texts.lossy("b", b"\0x"), expected, "{limit} bytes");
        }
        let mut lossy = ObjectWriter::of_size(0).expect("memory");
        lossy.limit(1000);
        assert_eq!(lossy.lossy("a", &[0xff; 1000]), Err(NoRoom::Limit), "three bytes for each");
        let mut json = ObjectWriter::of_size(0).expect("memory");
        json.limit(3);
        assert_eq!(json.fields("\"a\":1"), Err(NoRoom::Limit));
    }
}
