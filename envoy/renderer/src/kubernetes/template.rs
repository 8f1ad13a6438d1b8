//! Texts with places in them, and scalars for these places.

use crate::json::pretty;

/// Puts values into the places of a template: `<name>`. One that has a line for itself takes several lines, each as far in as it
/// stands, or none, which leaves no line.
///
/// Values are not looked through for places. They are scalars, or made of such by a template.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    template.lines().map(|line| filled(line, values)).collect()
}

/// A line with its values, and the break behind it.
fn filled(line: &str, values: &[(&str, &str)]) -> String {
    let value = |name: &str| values.iter().find(|(place, _)| *place == name).map(|(_, value)| *value);
    let text = line.trim_start();
    let alone = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).and_then(value);
    if let (Some(lines), Some(indent)) = (alone, line.strip_suffix(text)) {
        return lines.lines().flat_map(|line| [indent, line, "\n"]).collect();
    }
    let mut filled = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('<') {
        filled.push_str(before);
        let place = behind.split_once('>').and_then(|(name, behind)| Some((value(name)?, behind)));
        if place.is_none() {
            filled.push('<');
        }
        let (value, behind) = place.unwrap_or(("", behind));
        filled.push_str(value);
        rest = behind;
    }
    filled + rest + "\n"
}

/// A text as a scalar of YAML: as it is where each reader takes it for this text, else in quotes.
///
/// A reader of YAML 1.1, as Kubernetes is one, takes `no` for a truth value and `1:30` for a number.
pub fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '*' | '|');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_word = WORDS.contains(&text.to_ascii_lowercase().as_str());
    if begins && text.chars().all(is_plain) && !is_word { text.to_owned() } else { quoted(text) }
}

/// A text as a string of JSON, which YAML reads as well.
pub fn quoted(text: &str) -> String {
    pretty(&serde_json::Value::from(text).to_string())
}

/// Several of them, in one line.
pub fn scalars(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    texts.into_iter().map(|text| scalar(text.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn values_stand_in_their_places() {
        let values = [("a", "1"), ("lines", "x\n  y\n"), ("none", ""), ("hostile", "<a>")];
        let cases = [
            ("a: <a>, <a>", "a: 1, 1\n"),
            ("  <lines>\nend", "  x\n    y\nend\n"),
            ("a:\n  <none>\nb", "a:\nb\n"),
            ("a: {<none>}", "a: {}\n"),
            ("<unknown> < <hostile>", "<unknown> < <a>\n"),
            ("<hostile>", "<a>\n"),
            ("<", "<\n"),
        ];
        for (template, expected) in cases {
            assert_eq!(fill(template, &values), expected, "{template}");
        }
    }

    #[test]
    fn a_scalar_is_read_as_its_text() {
        let texts = [
            "a",
            "no",
            "Yes",
            "NULL",
            "y",
            "1",
            "1e3",
            "0x1",
            "1:30",
            "a:b",
            "a: b",
            "a #b",
            "#",
            "*",
            "*a",
            "a*",
            "-",
            "- a",
            "~",
            "",
            " ",
            "{",
            "a}",
            "a,b",
            "'",
            "\"",
            "\\",
            "\n",
            "a\n- b",
            "é",
            "\u{85}",
            "\u{2028}",
            "/a/*",
            "a|b",
            "|",
            "%",
            "@a",
            "`",
            "!a",
            "&a",
            "?",
            "<a>",
            "2001-01-01",
            ".inf",
            "=",
            "<<",
        ];
        for text in texts {
            let written = format!("a: {{ b: {}, {}: c }}", scalar(text), scalar(text));
            let read: Value = serde_saphyr::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
            assert_eq!((&read["a"]["b"], &read["a"][text]), (&Value::from(text), &Value::from("c")), "{written}");
        }
        for text in ["no", "Off", "y", "1:30", "0o7", "1_000", "*"] {
            assert_eq!(scalar(text), format!("{text:?}"), "as readers of YAML 1.1 need it");
        }
    }
}
