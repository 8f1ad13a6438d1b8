//! How deeply JSON nests, of a text that need not be any.

/// Whether some bytes that are read as JSON nest more than `most` levels.
///
/// Bytes that are not JSON count as far as a parser may get with them. Where they are not UTF-8 a parser may take the
/// quote behind a broken character for a part of it: then both ways of reading count.
///
/// Source: observed on a real `OpenWhisk`, where the byte `e9` before the quote that ends a string swallows it.
#[must_use]
pub fn is_deeper(json: &[u8], most: usize) -> bool {
    let brackets = json.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    brackets > most
        && (nests_deeper(json, most, |_| 0)
            || std::str::from_utf8(json).is_err() && nests_deeper(json, most, bytes_behind))
}

/// `behind` says how many bytes belong to the byte before them.
fn nests_deeper(json: &[u8], most: usize, behind: impl Fn(u8) -> usize) -> bool {
    let (mut depth, mut is_in_string) = (0_usize, false);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_in_string = !is_in_string,
            b'\\' if is_in_string => _ = bytes.next(),
            b'[' | b'{' if !is_in_string => depth = depth.saturating_add(1),
            b']' | b'}' if !is_in_string => depth = depth.saturating_sub(1),
            byte if *byte < 0x80 => {}
            byte => _ = behind(*byte).checked_sub(1).and_then(|count| bytes.nth(count)),
        }
        if depth > most {
            return true;
        }
    }
    false
}

/// How many bytes belong to a character whose first byte this is, behind that.
const fn bytes_behind(first: u8) -> usize {
    match first {
        0xc0..0xe0 => 1,
        0xe0..0xf0 => 2,
        0xf0..0xf8 => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_brackets_outside_of_strings() {
        let cases: &[(&[u8], bool)] = &[
            (b"", false),
            (b"[[[]]]", false),
            (b"[[[[]]]]", true),
            (b"{\"a\":{\"a\":{\"a\":1}}}", false),
            (b"{\"a\":{\"a\":{\"a\":{}}}}", true),
            (b"[[[[", true),
            (b"[{\"a\":[{", true),
            (b"[[],[],[],[],[]]", false),
            (b"]]]][[[", false),
            (b"[\"[[[[[[\"]", false),
            (b"[\"\\\"[[[[[[\"]", false),
            (b"[\"\\\\\",[[[]]]]", true),
            ("[\"é[[[[\",[[]]]".as_bytes(), false),
            ("[\"é\",[[[]]]]".as_bytes(), true),
            // To one parser a name ends at the second quote, to another at the third.
            (b"{\"\xe9\":\":[[[", true),
            (b"{\"\xe9\":[[[", true),
            (b"{\"\xff\":\"[[[\"}", false),
        ];
        for (json, expected) in cases {
            assert_eq!(is_deeper(json, 3), *expected, "{}", json.escape_ascii());
        }
    }
}
