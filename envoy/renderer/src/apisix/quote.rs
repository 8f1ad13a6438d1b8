//! Texts of `APISIX` in messages: short, and without what could be a key in the wrong place.

/// How much of a text is shown, in characters: as much as the filter shows.
const QUOTED: usize = 64;

/// A text in quotes, cut.
pub fn quoted(text: &str) -> String {
    let count = text.chars().count();
    let rest = if count > QUOTED { format!("… ({count} characters)") } else { String::new() };
    format!("{:?}{rest}", text.chars().take(QUOTED).collect::<String>())
}

/// Whether a text could be a key in the wrong place: `user:key`, or the value of `authorization`.
pub fn could_be_key(text: &str) -> bool {
    let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    text.contains(':') || begins("Basic ") || begins("Bearer ")
}

/// What a text is, unless it could be a key.
pub fn found(text: &str) -> String {
    match text {
        _ if text.contains(':') => "holds a colon".to_owned(),
        _ if could_be_key(text) => "begins as a key does".to_owned(),
        _ => format!("is {}", quoted(text)),
    }
}

/// A name of a field or a plugin, escaped. None if it is none: it could be a key, or is this long.
pub fn name(text: &str) -> Option<String> {
    let is_name = !could_be_key(text) && text.chars().count() <= QUOTED;
    is_name.then(|| text.escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_names_are_shown_if_they_are_some() {
        let (exact, long) = ("é".repeat(64), "é".repeat(65));
        assert_eq!(quoted("a\nb"), "\"a\\nb\"");
        assert_eq!(quoted(&exact), format!("\"{exact}\""));
        assert_eq!(quoted(&long), format!("\"{exact}\"… (65 characters)"));
        assert_eq!(name("a\nb"), Some("a\\nb".to_owned()));
        assert_eq!(name(&exact), Some(exact));
        assert_eq!(found("a b"), "is \"a b\"");
        for text in ["Bearer wonderland", "basic d29uZGVybGFuZA=="] {
            assert_eq!(found(text), "begins as a key does", "{text}");
        }
        for text in ["user:key", "Bearer wonderland", &long] {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
