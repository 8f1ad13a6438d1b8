//! The fields of a query or of a form, decoded without asking for memory that may not be there.
//!
//! Source: WHATWG URL, section 5.1 (`application/x-www-form-urlencoded` parsing).

use std::collections::BinaryHeap;

use percent_encoding::percent_decode;

use crate::json::OutOfMemory;

/// The name and value of a field, as bytes that need not be UTF-8.
pub type Field<'a> = (&'a [u8], &'a [u8]);

/// A form that is walked field by field. What it decodes is kept in two buffers, one field at a time.
#[derive(Debug)]
pub struct Form<'a> {
    rest: Option<&'a [u8]>,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl<'a> Form<'a> {
    /// The form with this text.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self { rest: Some(text), name: Vec::new(), value: Vec::new() }
    }

    /// The next field; `None` behind the last.
    pub fn next_field(&mut self) -> Result<Option<Field<'_>>, OutOfMemory> {
        while let Some(rest) = self.rest {
            let mut parts = rest.splitn(2, |byte| *byte == b'&');
            let field = parts.next().unwrap_or_default();
            self.rest = parts.next();
            if field.is_empty() {
                continue;
            }
            let mut parts = field.splitn(2, |byte| *byte == b'=');
            decode(parts.next().unwrap_or_default(), &mut self.name)?;
            decode(parts.next().unwrap_or_default(), &mut self.value)?;
            return Ok(Some((&self.name, &self.value)));
        }
        Ok(None)
    }
}

/// How many fields a form may have whose repeated fields are put together.
pub const MOST_FIELDS: usize = 16_384;

/// Why the fields of a form cannot be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoGroups {
    /// There are more than [`MOST_FIELDS`].
    TooMany,
    /// There is not enough memory.
    Memory,
}

/// The decoded fields of a form, as one text.
#[derive(Debug, Default)]
pub struct Fields {
    /// All names and values.
    decoded: Vec<u8>,
    /// Where each name and each value ends in it.
    ends: Vec<(usize, usize)>,
}

impl Fields {
    /// Decodes the fields of a form.
    pub fn of(text: &[u8]) -> Result<Self, NoGroups> {
        let mut fields = Self::default();
        // No field is longer than what it stands for.
        fields.decoded.try_reserve(text.len()).map_err(|_| NoGroups::Memory)?;
        let mut form = Form::new(text);
        while let Some((name, value)) = form.next_field().map_err(|_| NoGroups::Memory)? {
            if fields.ends.len() == MOST_FIELDS {
                return Err(NoGroups::TooMany);
            }
            fields.ends.try_reserve(1).map_err(|_| NoGroups::Memory)?;
            fields.decoded.extend_from_slice(name);
            let end_of_name = fields.decoded.len();
            fields.decoded.extend_from_slice(value);
            fields.ends.push((end_of_name, fields.decoded.len()));
        }
        Ok(fields)
    }

    /// Calls `each` with every name and its values, of which there is one at least, in their order.
    pub fn each_group<E: From<OutOfMemory>>(
        &self,
        mut each: impl FnMut(&[u8], &mut dyn Iterator<Item = &[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut begin = 0;
        // A heap, because the code that sorts a slice is many times larger.
        let mut heap = BinaryHeap::new();
        heap.try_reserve_exact(self.ends.len()).map_err(|_| OutOfMemory)?;
        for (index, (name, value)) in self.ends.iter().copied().enumerate() {
            let bytes = |from: usize, to: usize| self.decoded.get(from..to).unwrap_or_default();
            heap.push((bytes(begin, name), index, bytes(name, value)));
            begin = value;
        }
        for group in heap.into_sorted_vec().chunk_by(|(one, ..), (other, ..)| one == other) {
            let name = group.first().map_or(&[][..], |(name, ..)| *name);
            each(name, &mut group.iter().map(|(.., value)| *value))?;
        }
        Ok(())
    }
}

/// Puts what a text stands for into a buffer. Never more bytes than the text has.
fn decode(text: &[u8], decoded: &mut Vec<u8>) -> Result<(), OutOfMemory> {
    decoded.clear();
    decoded.try_reserve(text.len()).map_err(|_| OutOfMemory)?;
    for (index, part) in text.split(|byte| *byte == b'+').enumerate() {
        if index > 0 {
            decoded.push(b' ');
        }
        decoded.extend(percent_decode(part));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_one_by_one() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("&&", &[]),
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("a", &[("a", "")]),
            ("=x&=", &[("", "x"), ("", "")]),
            ("a=b=c", &[("a", "b=c")]),
            ("a+b=c%20d%2B+", &[("a b", "c d+ ")]),
            ("%zz=%&%4=%4", &[("%zz", "%"), ("%4", "%4")]),
            ("%2+0=%2%30", &[("%2 0", "%20")]),
            ("a=%26%3D&&b", &[("a", "&="), ("b", "")]),
        ];
        for (text, expected) in cases {
            let mut form = Form::new(text.as_bytes());
            let mut fields = Vec::new();
            while let Some((name, value)) = form.next_field().expect("memory") {
                fields.push([name, value].map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
            }
            let expected: Vec<_> = expected.iter().map(|(name, value)| [*name, *value].map(str::to_owned)).collect();
            assert_eq!(fields, expected, "{text}");
        }
    }
}
