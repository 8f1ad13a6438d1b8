//! Writes a JSON object field by field, without asking for memory that may not be there.

use std::collections::BTreeMap;
use std::fmt;
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
    /// An object without fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { json: Bytes(Vec::new()), is_empty: true }
    }

    /// Adds a text.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn text(&mut self, name: &str, value: &dyn fmt::Display) -> Result<(), OutOfMemory> {
        self.name(name)?;
        self.json.text(value)
    }

    /// Adds an object of texts.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn object<T: fmt::Display>(&mut self, name: &str, fields: BTreeMap<&str, T>) -> Result<(), OutOfMemory> {
        let mut object = Self::new();
        for (name, value) in fields {
            object.text(name, &value)?;
        }
        self.name(name)?;
        self.json.add(&object.finish()?)
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
        self.json.add(if self.is_empty { b"{}" } else { b"}" })?;
        Ok(self.json.0)
    }

    fn name(&mut self, name: &str) -> Result<(), OutOfMemory> {
        self.begin()?;
        self.json.text(&name)?;
        self.json.add(b":")
    }

    fn begin(&mut self) -> Result<(), OutOfMemory> {
        self.json.add(if self.is_empty { b"{" } else { b"," })?;
        self.is_empty = false;
        Ok(())
    }
}

impl Default for ObjectWriter {
    fn default() -> Self {
        Self::new()
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

    /// Adds a JSON string, in pieces as the text comes.
    fn text(&mut self, text: &dyn fmt::Display) -> Result<(), OutOfMemory> {
        Serializer::new(self).collect_str(text).map_err(|_| OutOfMemory)
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
        let mut object = ObjectWriter::new();
        object.text("a\"", &"\n\u{1}é").expect("memory");
        object.object("b", BTreeMap::from([("x", 1), ("y", 2)])).expect("memory");
        object.object("c", BTreeMap::<&str, &str>::new()).expect("memory");
        object.json("d", "[1.0, null]").expect("memory");
        object.fields(" ").expect("memory");
        object.fields("\"e\": 1, \"e\":2 ").expect("memory");
        let json = String::from_utf8(object.finish().expect("memory")).expect("UTF-8");
        let expected = r#"{"a\"":"\n\u0001é","b":{"x":"1","y":"2"},"c":{},"d":[1.0, null],"e": 1, "e":2 }"#;
        assert_eq!(json, expected);
        assert_eq!(ObjectWriter::new().finish(), Ok(b"{}".to_vec()));
        let mut fields = ObjectWriter::new();
        fields.fields("\"a\":1").expect("memory");
        assert_eq!(fields.finish(), Ok(br#"{"a":1}"#.to_vec()));
    }
}
