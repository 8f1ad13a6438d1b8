//! Whole numbers in JSON, which may be written as floats.

use serde_json::Value;

/// A whole number from 0 to 2^53; `60000.0` is one too.
///
/// Source: `APISIX` hands a configuration over through cjson, which writes whole numbers as floats.
#[must_use]
pub fn whole_number(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        let is_whole = number.fract() == 0.0 && (0.0..=EXACT).contains(&number);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole and in range in the line above"
        )]
        is_whole.then_some(number as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        let cases = [
            ("0", Some(0)),
            ("60000", Some(60_000)),
            ("60000.0", Some(60_000)),
            ("6e4", Some(60_000)),
            ("1.5", None),
            ("-1", None),
            ("-0.0", Some(0)),
            ("1e300", None),
            ("\"1\"", None),
            ("true", None),
            ("null", None),
        ];
        for (json, expected) in cases {
            let value: Value = serde_json::from_str(json).expect(json);
            assert_eq!(whole_number(&value), expected, "{json}");
        }
    }
}
