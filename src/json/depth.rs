//! How deeply JSON nests, of a text that need not be any.

/// Whether some bytes that are read as JSON nest more than `most` levels.
///
/// Bytes that are not JSON count as far as a parser may get with them. Where they are not UTF-8 a parser may take the
/// quote behind a broken character for a part of it: then both ways of reading count.
///
/// Source: observed on a real `OpenWhisk`, where the byte `e9` before the quote that ends a string swallows it.
#[must_use]
pub fn is_deeper(json: &[u8], most: usize) -> bool {
    json.len() > most
        && brackets(json) > most
        && (nests_deeper(json, most, |_| 0)
            || std::str::from_utf8(json).is_err() && nests_deeper(json, most, bytes_behind))
}

/// How many opening brackets there are, counted eight bytes at a time.
fn brackets(json: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // `[` and `{` differ in one bit.
    let is_bracket = |byte: &u8| byte | 0x20 == b'{';
    let (words, rest) = json.as_chunks::<8>();
    let of_words = words.iter().map(|word| {
        // A byte is 0 if it is a bracket. Then, and only then, its highest bit stays 0.
        let others = (u64::from_le_bytes(*word) | (EACH << 5)) ^ (EACH * 0x7b);
        let is_other = ((others & (EACH * 0x7f)).wrapping_add(EACH * 0x7f)) | others;
        usize::try_from((!is_other & (EACH << 7)).count_ones()).unwrap_or(usize::MAX)
    });
    of_words.fold(rest.iter().filter(|byte| is_bracket(byte)).count(), usize::saturating_add)
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
    fn brackets_are_counted_wherever_they_stand() {
        let every_byte: Vec<u8> = (0..=255).collect();
        assert_eq!(brackets(&every_byte), 2);
        for length in 0..20 {
            let (all, none) = (vec![b'{'; length], vec![b'\x5a'; length]);
            assert_eq!((brackets(&all), brackets(&none)), (length, 0), "{length} bytes");
        }
        assert_eq!(brackets(b"\xfb\xdb\x7b\x5b\xfb\xdb\x7b\x5b[]{}"), 6);
    }

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
