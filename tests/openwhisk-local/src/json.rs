//! JSON as the controller reads it: the same refusals in the same words, without recursion over input.
//!
//! Source: spray-json 1.3.5 JsonParser.scala, ParserInput.scala

mod print;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

pub use print::printed;

/// Deeper nesting is refused. Messages wrap what they carry, so less is too deep for them.
pub const DEEPEST: usize = 1000;
/// Longer numbers are refused.
const LONGEST_NUMBER: usize = 100;

/// An object whose values keep the text they are printed in.
pub type Object = BTreeMap<String, Box<RawValue>>;

/// What is wrong with a text, in the words of the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError(String);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads one value.
///
/// # Errors
/// No JSON, or JSON that the controller refuses.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    depth(text)?;
    let text = printed(text);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    // The depth is limited by now, and the server's threads have the stack for it.
    deserializer.disable_recursion_limit();
    Value::deserialize(&mut deserializer).map_err(|error| JsonError(error.to_string()))
}

/// Reads an object, and leaves its values in text.
///
/// # Errors
/// As `parse`; also if it is not an object.
pub fn parse_object(text: &str) -> Result<Object, JsonError> {
    depth(text)?;
    if !text.trim_start().starts_with('{') {
        return Err(JsonError(String::from("JSON object expected")));
    }
    serde_json::from_str(&printed(text)).map_err(|error| JsonError(error.to_string()))
}

/// How many levels there are, a value in the innermost brackets being one more.
///
/// # Errors
/// The controller does not take this text for JSON.
pub fn depth(text: &str) -> Result<usize, JsonError> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.space();
    reader.value()?;
    if reader.peek().is_some() { Err(reader.unexpected("end-of-input", reader.at)) } else { Ok(reader.depth) }
}

/// The text of a body. Bytes that are no UTF-8 become U+FFFD, as many at once as their first one announces.
pub fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(lead) = rest.first() {
        let announced = match lead {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => 1,
        };
        let (character, after) = rest.split_at_checked(announced).unwrap_or((rest, &[]));
        text.push_str(str::from_utf8(character).unwrap_or("\u{fffd}"));
        rest = after;
    }
    Cow::Owned(text)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        match self.peek() {
            Some(c) if wanted(c) => {
                self.at = self.at.saturating_add(c.len_utf8());
                true
            }
            _ => false,
        }
    }

    fn space(&mut self) {
        while self.next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r')) {}
    }

    fn require(&mut self, wanted: char) -> Result<(), JsonError> {
        if self.next_if(|c| c == wanted) { Ok(()) } else { Err(self.unexpected(&format!("'{wanted}'"), self.at)) }
    }

    /// One value and the space behind it. `open` holds the brackets that wait for their end.
    fn value(&mut self) -> Result<(), JsonError> {
        let mut open: Vec<char> = Vec::new();
        loop {
            if open.len() >= DEEPEST {
                return Err(JsonError(format!(
                    "JSON input nested too deeply:JSON input was nested more deeply than the configured limit of maxNesting = {DEEPEST}"
                )));
            }
            self.depth = self.depth.max(open.len().saturating_add(1));
            let complete = match self.peek() {
                Some('{') => self.opened('}', &mut open)?,
                Some('[') => self.opened(']', &mut open)?,
                Some('"') => self.string().map(|()| true)?,
                Some('-' | '0'..='9') => self.number().map(|()| true)?,
                _ => self.word().map(|()| true)?,
            };
            if complete && !self.closed(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Enters brackets up to where a value is due; true if they are empty.
    fn opened(&mut self, end: char, open: &mut Vec<char>) -> Result<bool, JsonError> {
        self.next_if(|_| true);
        self.space();
        if self.next_if(|c| c == end) {
            self.space();
            return Ok(true);
        }
        open.push(end);
        if end == '}' {
            self.key()?;
        }
        Ok(false)
    }

    /// Behind a value: closes what ends here; true if another value is due.
    fn closed(&mut self, open: &mut Vec<char>) -> Result<bool, JsonError> {
        while let Some(end) = open.last().copied() {
            if self.next_if(|c| c == ',') {
                self.space();
                if end == '}' {
                    self.key()?;
                }
                return Ok(true);
            }
            self.require(end)?;
            self.space();
            open.pop();
        }
        Ok(false)
    }

    fn key(&mut self) -> Result<(), JsonError> {
        self.string()?;
        self.require(':')?;
        self.space();
        Ok(())
    }

    fn word(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        let word = match self.peek() {
            Some('f') => "false",
            Some('n') => "null",
            Some('t') => "true",
            _ => return Err(self.unexpected("JSON Value", start)),
        };
        for wanted in word.chars() {
            if !self.next_if(|c| c == wanted) {
                return Err(self.unexpected("JSON Value", start));
            }
        }
        self.space();
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.next_if(|c| c == '-');
        if !self.next_if(|c| c == '0') {
            self.digits()?;
        }
        if self.next_if(|c| c == '.') {
            self.digits()?;
        }
        if self.next_if(|c| matches!(c, 'e' | 'E')) {
            self.next_if(|c| matches!(c, '-' | '+'));
            self.digits()?;
        }
        let length = self.at.saturating_sub(start);
        if length > LONGEST_NUMBER {
            let head = self.text.get(start..).unwrap_or_default().get(..20).unwrap_or_default();
            return Err(JsonError(format!(
                "Number too long:The number starting with '{head}' had {length} characters which is more than the allowed limit maxNumberCharacters = {LONGEST_NUMBER}. If this is legit input consider increasing the limit."
            )));
        }
        self.space();
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.next_if(|c| c.is_ascii_digit()) {
            return Err(self.unexpected("DIGIT", self.at));
        }
        while self.next_if(|c| c.is_ascii_digit()) {}
        Ok(())
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.require('"')?;
        loop {
            if self.next_if(|c| c >= ' ' && c != '"' && c != '\\') {
                continue;
            }
            if !self.next_if(|c| c == '\\') {
                break;
            }
            if self.next_if(|c| c == 'u') {
                for _ in 0..4 {
                    if !self.next_if(|c| c.is_ascii_hexdigit()) {
                        return Err(self.unexpected("hex digit", self.at));
                    }
                }
            } else if !self.next_if(|c| matches!(c, '"' | '/' | '\\' | 'b' | 'f' | 'n' | 'r' | 't')) {
                return Err(self.unexpected("JSON escape sequence", self.at));
            }
        }
        self.require('"')?;
        self.space();
        Ok(())
    }

    /// The controller counts in bytes what it stands before, outside of strings takes a byte for a character, and counts
    /// the UTF-16 units of the lines before it.
    fn unexpected(&self, expected: &str, mark: usize) -> JsonError {
        let found = match self.rest().bytes().next() {
            None => String::from("end-of-input"),
            Some(byte) if byte.is_ascii_control() => format!("character '\\u{byte:04x}'"),
            Some(byte) => format!("character '{}'", char::from(byte)),
        };
        let (mut number, mut start, mut at) = (1_usize, 0, 0_usize);
        let mut line = String::new();
        for c in self.text.chars() {
            at = at.saturating_add(c.len_utf16());
            if c != '\n' {
                line.push(if c.is_control() { '?' } else { c });
            } else if mark < at {
                break;
            } else {
                line.clear();
                (number, start) = (number.saturating_add(1), at);
            }
        }
        let indent = mark.saturating_sub(start);
        JsonError(format!(
            "Unexpected {found} at input index {mark} (line {number}, position {}), expected {expected}:\n{line}\n{}^\n",
            indent.saturating_add(1),
            " ".repeat(indent)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_in_the_words_of_the_controller() {
        let cases = [
            ("abc", "Unexpected character 'a' at input index 0 (line 1, position 1), expected JSON Value:\nabc\n^\n"),
            ("  ", "Unexpected end-of-input at input index 2 (line 1, position 3), expected JSON Value:\n  \n  ^\n"),
            (
                "{\"a\":1",
                "Unexpected end-of-input at input index 6 (line 1, position 7), expected '}':\n{\"a\":1\n      ^\n",
            ),
            (
                "{\n\"a\":1,}",
                "Unexpected character '}' at input index 8 (line 2, position 7), expected '\"':\n\"a\":1,}\n      ^\n",
            ),
            (
                "{} x",
                "Unexpected character 'x' at input index 3 (line 1, position 4), expected end-of-input:\n{} x\n   ^\n",
            ),
            ("[1", "Unexpected end-of-input at input index 2 (line 1, position 3), expected ']':\n[1\n  ^\n"),
            ("[01]", "Unexpected character '1' at input index 2 (line 1, position 3), expected ']':\n[01]\n  ^\n"),
            (
                "[nul]",
                "Unexpected character ']' at input index 1 (line 1, position 2), expected JSON Value:\n[nul]\n ^\n",
            ),
            (
                "\"\\x\"",
                "Unexpected character 'x' at input index 2 (line 1, position 3), expected JSON escape sequence:\n\"\\x\"\n  ^\n",
            ),
            (
                "\"é😀\" x",
                "Unexpected character 'x' at input index 9 (line 1, position 10), expected end-of-input:\n\"é😀\" x\n         ^\n",
            ),
            (
                "[\"é\",\n1,ü]",
                "Unexpected character 'Ã' at input index 9 (line 2, position 4), expected JSON Value:\n1,ü]\n   ^\n",
            ),
            ("-", "Unexpected end-of-input at input index 1 (line 1, position 2), expected DIGIT:\n-\n ^\n"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text:?}");
        }
        assert_eq!(parse_object("[]").unwrap_err().to_string(), "JSON object expected");
    }

    #[test]
    fn nesting_stops_at_a_thousand() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(999)).is_ok());
        assert!(parse(&nested(1000)).unwrap_err().to_string().starts_with("JSON input nested too deeply:"));
        assert!(parse(&nested(1_000_000)).is_err());
        assert!(parse(&format!("[{}]", "9".repeat(100))).is_ok());
        assert!(parse(&format!("[{}]", "9".repeat(101))).unwrap_err().to_string().starts_with("Number too long:"));
        let after_others = parse(&format!("[\"éééé\",12{}]", "3".repeat(99))).unwrap_err().to_string();
        assert!(after_others.contains("starting with '12333333333333333333' had 101 characters"), "{after_others}");
    }

    #[test]
    fn an_object_has_the_text_of_its_values() {
        let object = parse_object(" {\"b\":1e999,\"a\":1.0,\"b\":1e998} ").unwrap();
        let texts: Vec<(&str, &str)> = object.iter().map(|(key, value)| (key.as_str(), value.get())).collect();
        assert_eq!(texts, [("a", "1.0"), ("b", "1E+998")]);
    }

    #[test]
    fn depth_counts_the_innermost_value() {
        for (text, levels) in [("1", 1), ("[]", 1), ("[1]", 2), ("{\"a\":[[]],\"b\":1}", 3), ("[[[1]],[]]", 4)] {
            assert_eq!(depth(text), Ok(levels), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        let cases: &[(&[u8], &str)] = &[
            ("ü😀".as_bytes(), "ü😀"),
            (b"\"\xffa\"", "\"\u{fffd}a\""),
            (b"\"\xe9\"}x", "\"\u{fffd}x"),
            (b"\xed\xa0\x80a", "\u{fffd}a"),
            (b"a\xf0", "a\u{fffd}"),
        ];
        for (bytes, text) in cases {
            assert_eq!(decoded(bytes), *text, "{bytes:?}");
        }
    }
}
