//! JSON as the controller writes it, whatever text it came in.
//!
//! Source: spray-json 1.3.5 JsonPrinter.scala, JsValue.scala (`JsObject` is a sorted map); Java's `BigDecimal.toString`

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The same JSON with the keys of every object sorted by their UTF-16 code units, without space, with numbers as Java
/// prints decimals, and with `?` for half of a surrogate pair. A text that is no JSON is left as it is.
pub fn printed(text: &str) -> String {
    let text = without_halves(text);
    let mut out = String::with_capacity(text.len());
    match write(text.trim(), &mut out) {
        Ok(()) => out,
        Err(_) => text,
    }
}

fn write(text: &str, out: &mut String) -> serde_json::Result<()> {
    match text.as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            let mut before = '{';
            for (key, value) in &fields {
                out.push(before);
                out.push_str(&serde_json::to_string(key)?);
                out.push(':');
                write(value.get(), out)?;
                before = ',';
            }
            out.push_str(if fields.is_empty() { "{}" } else { "}" });
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            let mut before = '[';
            for item in &items {
                out.push(before);
                write(item.get(), out)?;
                before = ',';
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Some(b'"') => out.push_str(&serde_json::to_string(&serde_json::from_str::<String>(text)?)?),
        Some(b'-' | b'0'..=b'9') => out.push_str(&decimal(text)),
        _ => out.push_str(text),
    }
    Ok(())
}

/// An escape that stands for half of a pair has no bytes in UTF-8; Java writes a question mark for it.
fn without_halves(text: &str) -> String {
    let unit = |escape: &str| u16::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        let second = escape.get(5..).and_then(|next| unit(next.strip_prefix('\\')?));
        let length = match (unit(escape), second) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 11,
            (Some(0xd800..=0xdfff), _) => {
                out.push('?');
                rest = escape.get(5..).unwrap_or_default();
                continue;
            }
            _ => escape.chars().next().map_or(0, char::len_utf8),
        };
        let (kept, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        out.push('\\');
        out.push_str(kept);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Plain digits, unless the exponent is positive or the number is smaller than a millionth.
fn decimal(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let (sign, digits) = match digits.trim_start_matches('0') {
        "" => ("", "0"),
        digits => (sign, digits),
    };
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let scale = length(fraction).saturating_sub(exponent.parse().unwrap_or(0));
    let magnitude = length(digits).saturating_sub(1).saturating_sub(scale);
    match usize::try_from(scale) {
        Ok(scale) if magnitude >= -6 => {
            let padded = format!("{digits:0>width$}", width = scale.saturating_add(1));
            let (whole, fraction) = padded.split_at_checked(padded.len().saturating_sub(scale)).unwrap_or_default();
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{sign}{whole}{point}{fraction}")
        }
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or_default();
            let point = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{point}{rest}E{magnitude:+}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_anew() {
        let cases = [
            (
                "{\"b\":{\"9\":1,\"10\":2},\"a\":[{\"z\":1,\"Z\":2}]}",
                "{\"a\":[{\"Z\":2,\"z\":1}],\"b\":{\"10\":2,\"9\":1}}",
            ),
            (" { \"a\" : [ 1 , true , null ] , \"b\" : { } } ", "{\"a\":[1,true,null],\"b\":{}}"),
            ("{\"a\":1,\"a\":2}", "{\"a\":2}"),
            // By code unit the pair of an emoji comes before U+FF5E, by character behind it.
            ("{\"\u{ff5e}\":1,\"\u{1f600}\":2}", "{\"\u{1f600}\":2,\"\u{ff5e}\":1}"),
            ("[\"\\u00e4\\/\\u0001\\b\\\"\\\\\u{7f}\"]", "[\"ä/\\u0001\\b\\\"\\\\\u{7f}\"]"),
            (
                "[\"\\ud800\",\"\\udc00x\",\"\\ud83d\\ude00\",\"\\\\ud800\",\"\\ud800\\u0041\"]",
                "[\"?\",\"?x\",\"😀\",\"\\\\ud800\",\"?A\"]",
            ),
            ("{\"\\ud800\":1}", "{\"?\":1}"),
        ];
        for (text, expected) in cases {
            assert_eq!(printed(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_those_of_java() {
        let cases = [
            ("1", "1"),
            ("-1.50", "-1.50"),
            ("1.2e+22", "1.2E+22"),
            ("1e21", "1E+21"),
            ("1e400", "1E+400"),
            ("1e-7", "1E-7"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("123e-2", "1.23"),
            ("1.2345678901234568e+29", "1.2345678901234568E+29"),
            ("100000000000000000000", "100000000000000000000"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("0e5", "0E+5"),
        ];
        for (text, expected) in cases {
            assert_eq!(decimal(text), expected, "{text}");
        }
    }
}
