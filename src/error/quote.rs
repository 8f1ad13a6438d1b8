//! The beginning of a text that somebody else chose, for an error or a log.

/// How many characters of a value an error quotes.
pub const QUOTED: usize = 64;

/// How many characters of an answer an error keeps for the log.
pub const ANSWER_QUOTED: usize = 200;

/// How many characters of an error of an action the log gets where the client gets none: a stack has some 700.
pub const HIDDEN_QUOTED: usize = 1000;

/// The first characters of a text, so many at most.
#[must_use]
pub fn beginning(text: &str, most: usize) -> &str {
    let end = text.char_indices().nth(most).map_or(text.len(), |(index, _)| index);
    text.get(..end).unwrap_or(text)
}

/// The beginning of an answer of somebody else, to be shown with escapes.
#[must_use]
pub fn beginning_of_answer(body: &[u8]) -> String {
    // No character is longer than four bytes.
    let enough = body.get(..ANSWER_QUOTED.saturating_mul(4)).unwrap_or(body);
    beginning(&String::from_utf8_lossy(enough), ANSWER_QUOTED).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_behind_a_whole_character() {
        for (text, most, expected) in [("", 2, ""), ("aé", 2, "aé"), ("éèê", 2, "éè"), ("é", 0, "")] {
            assert_eq!(beginning(text, most), expected, "{most} of {text:?}");
        }
    }
}
