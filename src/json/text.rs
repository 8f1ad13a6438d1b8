//! The text of a JSON string, without asking for memory that may not be there.

use std::borrow::Cow;

/// Why a JSON string has no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoText {
    /// It is no string, or an escape in it stands for half of a character.
    HalfCharacter,
    /// There is not enough memory for it.
    OutOfMemory,
}

/// The text of a string that is JSON, with its quotes. Borrowed where there is no escape; else as long at most as the
/// string is.
pub fn text_of(json: &str) -> Result<Cow<'_, str>, NoText> {
    let inside = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(NoText::HalfCharacter)?;
    let Some((mut plain, mut escaped)) = inside.split_once('\\') else { return Ok(inside.into()) };
    let mut text = String::new();
    // No escape is shorter than what it stands for, so the text grows no further.
    text.try_reserve_exact(inside.len()).map_err(|_| NoText::OutOfMemory)?;
    loop {
        text.push_str(plain);
        let (character, rest) = unescape(escaped).ok_or(NoText::HalfCharacter)?;
        text.push(character);
        let Some(next) = rest.split_once('\\') else {
            text.push_str(rest);
            return Ok(text.into());
        };
        (plain, escaped) = next;
    }
}

/// The character that an escape stands for, and what comes after it. The backslash has been taken.
///
/// Source: RFC 8259 section 7.
fn unescape(escaped: &str) -> Option<(char, &str)> {
    let mut chars = escaped.chars();
    let character = match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unit(chars.as_str()),
        itself => itself,
    };
    Some((character, chars.as_str()))
}

/// The character of one or two escaped units of UTF-16. The first `\u` has been taken.
fn unit(digits: &str) -> Option<(char, &str)> {
    let take = |text: &'_ str| -> Option<u16> { u16::from_str_radix(text, 16).ok() };
    let (first, rest) = digits.split_at_checked(4)?;
    let first = take(first)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, rest));
    }
    let (second, rest) = rest.strip_prefix("\\u")?.split_at_checked(4)?;
    let character = char::decode_utf16([first, take(second)?]).next()?.ok()?;
    Some((character, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_serde_json_reads() {
        let cases = [
            r#""""#,
            r#""plain é 😀""#,
            r#""a\nb\t\r\b\f\"\\\/c""#,
            r#""\u0041\u00e9\u20AC\ud83d\ude00\u0000""#,
            r#""\\u0041\\""#,
            r#""\ud800""#,
            r#""\ud800x""#,
            r#""\ud800\n""#,
            r#""\ud800\u0041""#,
            r#""\udc00""#,
            r#""\udc00\ud800""#,
            r#""\ud83d\ude00\ud83d""#,
        ];
        for json in cases {
            let expected = serde_json::from_str::<String>(json).ok();
            assert_eq!(text_of(json).ok().as_deref(), expected.as_deref(), "{json}");
        }
        assert!(matches!(text_of(r#""plain""#), Ok(Cow::Borrowed("plain"))));
        assert_eq!(text_of("7"), Err(NoText::HalfCharacter));
    }
}
