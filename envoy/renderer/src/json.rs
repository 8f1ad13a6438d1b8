//! JSON as text: laid out without a change of what it says.

use std::iter::Peekable;
use std::str::Chars;

/// Lays valid JSON out over lines. Strings and numbers keep their text, but for characters that YAML does not print,
/// which get escaped.
pub fn pretty(json: &str) -> String {
    let mut layout = Layout { text: String::with_capacity(json.len()), depth: 0 };
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_ascii_whitespace() => {}
            '"' => layout.string(&mut chars),
            '{' | '[' => {
                layout.text.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    layout.text.push(end);
                } else {
                    layout.depth = layout.depth.saturating_add(1);
                    layout.new_line();
                }
            }
            '}' | ']' => {
                layout.depth = layout.depth.saturating_sub(1);
                layout.new_line();
                layout.text.push(c);
            }
            ',' => {
                layout.text.push(c);
                layout.new_line();
            }
            ':' => layout.text.push_str(": "),
            c => layout.text.push(c),
        }
    }
    layout.text
}

struct Layout {
    text: String,
    depth: usize,
}

impl Layout {
    fn new_line(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }

    /// Takes what is left of a string.
    fn string(&mut self, chars: &mut Peekable<Chars<'_>>) {
        self.text.push('"');
        while let Some(c) = chars.next() {
            match c {
                '\\' => self.text.extend([Some(c), chars.next()].into_iter().flatten()),
                c if is_unprintable(c) => {
                    let escaped = format!("\\u{:04x}", u32::from(c));
                    self.text.push_str(&escaped);
                }
                c => self.text.push(c),
            }
            if c == '"' {
                break;
            }
        }
    }
}

/// What YAML does not take as it is, or may take as the end of a line.
///
/// Source: YAML 1.2.2, production 1 (`c-printable`); YAML 1.1, section 4.2 (line breaks).
fn is_unprintable(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_says_the_same() {
        let cases = [
            ("{}", "{}"),
            ("{ \n }", "{}"),
            (r#"{"b":1.0,"a":[]}"#, "{\n  \"b\": 1.0,\n  \"a\": []\n}"),
            (r#"{"a":["x", {"b" : 1e2 }]}"#, "{\n  \"a\": [\n    \"x\",\n    {\n      \"b\": 1e2\n    }\n  ]\n}"),
            (r#"{"a":"{,:[\"\\"}"#, "{\n  \"a\": \"{,:[\\\"\\\\\"\n}"),
            ("[\"\u{85}\u{7f}\u{2028}ü\"]", "[\n  \"\\u0085\\u007f\\u2028ü\"\n]"),
        ];
        for (json, expected) in cases {
            let pretty = pretty(json);
            assert_eq!(pretty, expected);
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            assert_eq!(read(&pretty), read(json));
        }
    }
}
