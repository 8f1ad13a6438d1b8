//! Writes a JSON object field by field, without asking for memory that may not be there.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io;

use serde::Serializer as _;
use serde_json::Serializer;

/// There is not enough memory for the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// A JSON object up to its last field.
#[derive(Debug)]
pub struct ObjectWriter {
    json: Bytes,
    is_empty: bool,
}

impl ObjectWriter {
    /// An object without fields that should take up about so many bytes.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn of_size(size: usize) -> Result<Self, OutOfMemory> {
        let mut json = Vec::new();
        json.try_reserve(size).map_err(|_| OutOfMemory)?;
        Ok(Self { json: Bytes(json), is_empty: true })
    }

    /// Adds a text.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn text(&mut self, name: &str, value: &str) -> Result<(), OutOfMemory> {
        self.name(name)?;
        self.json.text(value)
    }

    /// Adds bytes as a text: U+FFFD stands for what is not UTF-8.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn lossy(&mut self, name: &str, value: &[u8]) -> Result<(), OutOfMemory> {
        self.name(name)?;
        match std::str::from_utf8(value) {
            Ok(text) => self.json.text(text),
            Err(_) => self.json.shown(&Lossy(value)),
        }
    }

    /// Adds what something shows, as a text.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn shown(&mut self, name: &str, value: &dyn fmt::Display) -> Result<(), OutOfMemory> {
        self.name(name)?;
        self.json.shown(value)
    }

    /// Adds an object of texts.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn object(&mut self, name: &str, fields: BTreeMap<&str, &[u8]>) -> Result<(), OutOfMemory> {
        self.name(name)?;
        let is_empty = std::mem::replace(&mut self.is_empty, true);
        for (name, value) in fields {
            self.lossy(name, value)?;
        }
        self.end()?;
        self.is_empty = is_empty;
        Ok(())
    }

    /// Adds a value that is JSON.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn json(&mut self, name: &str, value: &str) -> Result<(), OutOfMemory> {
        self.name(name)?;
        self.json.add(value.as_bytes())
    }

    /// Adds what stands between the braces of another object.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn fields(&mut self, fields: &str) -> Result<(), OutOfMemory> {
        if fields.trim_ascii().is_empty() {
            return Ok(());
        }
        self.begin()?;
        self.json.add(fields.as_bytes())
    }

    /// The whole object.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn finish(mut self) -> Result<Vec<u8>, OutOfMemory> {
        self.end()?;
        Ok(self.json.0)
    }

    fn name(&mut self, name: &str) -> Result<(), OutOfMemory> {
        self.begin()?;
        self.json.text(name)?;
        self.json.add(b":")
    }

    fn end(&mut self) -> Result<(), OutOfMemory> {
        self.json.add(if self.is_empty { b"{}" } else { b"}" })
    }

    fn begin(&mut self) -> Result<(), OutOfMemory> {
        self.json.add(if self.is_empty { b"{" } else { b"," })?;
        self.is_empty = false;
        Ok(())
    }
}

/// Bytes that grow only as far as there is memory: a filter without any would take the whole worker with it.
#[derive(Debug)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn add(&mut self, bytes: &[u8]) -> Result<(), OutOfMemory> {
        self.0.try_reserve(bytes.len()).map_err(|_| OutOfMemory)?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds a JSON string.
    fn text(&mut self, text: &str) -> Result<(), OutOfMemory> {
        Serializer::new(self).serialize_str(text).map_err(|_| OutOfMemory)
    }

    /// Adds a JSON string, in pieces as the text comes.
    fn shown(&mut self, text: &dyn fmt::Display) -> Result<(), OutOfMemory> {
        Serializer::new(self).collect_str(text).map_err(|_| OutOfMemory)
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
        self.add(bytes).map_err(|OutOfMemory| io::ErrorKind::OutOfMemory)?;
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
        object.text("a\"", "\n\u{1}é").expect("memory");
        object.object("b", BTreeMap::from([("x", &b"1\xff"[..]), ("y", b"2")])).expect("memory");
        object.object("c", BTreeMap::new()).expect("memory");
        object.json("d", "[1.0, null]").expect("memory");
        object.fields(" ").expect("memory");
        object.fields("\"e\": 1, \"e\":2 ").expect("memory");
        let json = String::from_utf8(object.finish().expect("memory")).expect("UTF-8");
        let expected = r#"{"a\"":"\n\u0001é","b":{"x":"1\u{fffd}","y":"2"},"c":{},"d":[1.0, null],"e": 1, "e":2 }"#;
        let expected = expected.replace("\\u{fffd}", "\u{fffd}");
        assert_eq!(json, expected);
        assert_eq!(ObjectWriter::of_size(9).and_then(ObjectWriter::finish), Ok(b"{}".to_vec()));
        let mut first = ObjectWriter::of_size(0).expect("memory");
        first.object("a", BTreeMap::new()).expect("memory");
        first.shown("b", &7).expect("memory");
        assert_eq!(first.finish(), Ok(br#"{"a":{},"b":"7"}"#.to_vec()));
        let mut fields = ObjectWriter::of_size(0).expect("memory");
        fields.fields("\"a\":1").expect("memory");
        assert_eq!(fields.finish(), Ok(br#"{"a":1}"#.to_vec()));
    }
}
