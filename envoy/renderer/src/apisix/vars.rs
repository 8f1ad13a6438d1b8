//! Conditions of routes that are no path and no host: `methods` and `vars`.

use serde_json::Value;

use crate::route::{Field, Matched};

/// The methods that a router of `APISIX` knows.
///
/// Source: api7/lua-resty-radixtree `lib/resty/radixtree.lua`, `METHODS`.
const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PURGE"];

/// The headers, with a dash at the end all that begin so, that Envoy sets, joins or takes away before it looks at routes,
/// or that nginx does not keep as they come.
const OF_THE_PROXY: &[&str] = &[
    "host",
    "x-forwarded-",
    "x-envoy-",
    "x-request-id",
    "x-real-ip",
    "forwarded",
    "connection",
    "keep-alive",
    "proxy-",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "expect",
    "via",
];

/// Parts of names of headers whose values are secrets.
const OF_SECRETS: &[&str] = &["auth", "cookie", "key", "token", "secret", "pass", "credential", "signature"];

/// How long a list of values may be: they become one regular expression, of about as many steps, for which
/// `re2.max_program_size.error_level` is twice as large.
const LARGEST: usize = 32_768;

/// Why a condition on a header is not the same in Envoy.
///
/// Source: nginx 1.23, whose variables join the lines of a header; apache/apisix `apisix/cli/config.lua`,
/// `underscores_in_headers`. A real Envoy was asked.
pub const NEARLY: &str = "envoy looks at each line of a header that comes twice, where apisix joins them, and knows no \
                          `X_NAME` for `X-NAME`";

/// Reads `methods`. None are all.
///
/// # Errors
/// A sentence about what is wrong.
pub fn methods(value: &Value) -> Result<Option<Matched>, String> {
    let expected = || format!("expected a list of {}", METHODS.join(", "));
    let methods = value.as_array().ok_or_else(expected)?;
    let known = |value: &Value| {
        let method = METHODS.iter().find(|method| value.as_str() == Some(method));
        method.map(|method| (*method).to_owned()).ok_or_else(expected)
    };
    let methods = methods.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    Ok((!methods.is_empty()).then_some(Matched { field: Field::Method, values: methods }))
}

/// Reads `vars`: a list of conditions that all hold.
///
/// Source: api7/lua-resty-expr `lib/resty/expr/v1.lua`. The values of conditions may be secrets, and are not shown.
///
/// # Errors
/// A sentence about what no route of Envoy can say.
pub fn conditions(value: &Value) -> Result<Vec<Matched>, String> {
    let inexact = || {
        "no match of a route in envoy says the same but for `[\"request_method\", \"==\", TEXT]` and \
         `[\"request_method\", \"in\", [TEXT, …]]`; a matcher tree or an rbac filter may"
            .to_owned()
    };
    let conditions = value.as_array().ok_or_else(inexact)?;
    let condition = |condition: &Value| {
        let [Value::String(variable), Value::String(operator), operand] = condition.as_array()?.as_slice() else {
            return None;
        };
        let field = field(variable)?;
        let texts = match (operator.as_str(), operand) {
            ("==", Value::String(_)) => std::slice::from_ref(operand),
            ("in" | "IN", Value::Array(operands)) if !operands.is_empty() => operands.as_slice(),
            _ => return None,
        };
        let texts = texts.iter().map(|text| text.as_str().filter(|text| is_value(text)).map(str::to_owned));
        Some(Matched { field, values: texts.collect::<Option<_>>()? })
    };
    let matched = conditions.iter().map(|one| condition(one).ok_or_else(inexact)).collect::<Result<Vec<_>, _>>()?;
    let length = |matched: &Matched| matched.values.iter().map(|value| value.len().saturating_add(1)).sum::<usize>();
    match matched.iter().filter(|matched| matched.values.len() > 1).map(length).find(|length| *length > LARGEST) {
        Some(length) => {
            Err(format!("lists values with {length} characters, and a `|` behind each, expected at most {LARGEST}"))
        }
        None => Ok(matched),
    }
}

/// What a variable of nginx is in a request, if it is just that in Envoy.
fn field(variable: &str) -> Option<Field> {
    if variable == "request_method" {
        return Some(Field::Method);
    }
    let name = variable.strip_prefix("http_")?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let name = name.replace('_', "-");
    let is_changed =
        OF_THE_PROXY.iter().any(|header| name == *header || (header.ends_with('-') && name.starts_with(header)));
    let is_secret = OF_SECRETS.iter().any(|part| name.contains(part));
    (is_name && !is_changed && !is_secret).then_some(Field::Header(name))
}

/// Whether a header may have this value: something, in visible ASCII, without spaces around it, and without what stands
/// between the values of a header that comes twice.
fn is_value(text: &str) -> bool {
    let is_part = |byte: u8| byte != b',' && (byte.is_ascii_graphic() || byte == b' ');
    !text.is_empty() && text.trim() == text && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matched(field: Field, values: &[&str]) -> Matched {
        Matched { field, values: values.iter().map(|value| (*value).to_owned()).collect() }
    }

    #[test]
    fn methods_are_those_of_the_router() {
        assert_eq!(methods(&json!([])), Ok(None));
        let both = matched(Field::Method, &["GET", "PURGE"]);
        assert_eq!(methods(&json!(["GET", "PURGE"])), Ok(Some(both)));
        for wrong in [json!("GET"), json!(["get"]), json!(["GET", 1]), json!(null), json!({})] {
            assert!(methods(&wrong).is_err_and(|error| error.starts_with("expected a list of GET, ")), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_the_same_in_envoy_is_taken() {
        let version = || Field::Header("x-version".to_owned());
        let cases = [
            (json!([]), vec![]),
            (json!([["http_x_version", "==", "2"]]), vec![matched(version(), &["2"])]),
            (json!([["http_tenant", "==", "a"]]), vec![matched(Field::Header("tenant".to_owned()), &["a"])]),
            (json!([["http_x_version", "in", ["1", "a b"]]]), vec![matched(version(), &["1", "a b"])]),
            (
                json!([["request_method", "==", "GET"], ["http_x_version", "==", "2"]]),
                vec![matched(Field::Method, &["GET"]), matched(version(), &["2"])],
            ),
        ];
        for (vars, expected) in cases {
            assert_eq!(conditions(&vars), Ok(expected), "{vars}");
        }
        for vars in [
            json!({}),
            json!("x"),
            json!(["OR", ["http_x", "==", "a"], ["http_x", "==", "b"]]),
            json!([["http_x", "~=", "a"]]),
            json!([["http_x", "!", "==", "a"]]),
            json!([["http_x", "~~", "a"]]),
            json!([["http_x", "==", 1]]),
            json!([["http_x", "==", ""]]),
            json!([["http_x", "==", " a"]]),
            json!([["http_x", "==", "a, b"]]),
            json!([["http_x", "==", "ü"]]),
            json!([["http_x", "in", []]]),
            json!([["http_x", "in", ["a", 1]]]),
            json!([["http_", "==", "a"]]),
            json!([["http_X", "==", "a"]]),
            json!([["http_host", "==", "a"]]),
            json!([["http_x_forwarded_for", "==", "10.0.0.1"]]),
            json!([["http_authorization", "==", "Bearer s3cret"]]),
            json!([["http_x_api_key", "==", "s3cret"]]),
            json!([["arg_x", "==", "a"]]),
            json!([["remote_addr", "==", "127.0.0.1"]]),
            json!([["uri", "==", "/a"]]),
            json!([["http_x", "==", "a"], ["cookie_x", "==", "b"]]),
        ] {
            let error = conditions(&vars).expect_err("inexact");
            assert!(error.starts_with("no match of a route") && !error.contains("s3cret"), "{vars}: {error}");
        }
    }

    #[test]
    fn only_as_many_values_are_taken_as_envoy_takes() {
        let values = |count: usize| json!([["http_x", "in", vec!["s3cret0"; count]]]);
        assert!(conditions(&values(4096)).is_ok());
        let expected = "lists values with 32776 characters, and a `|` behind each, expected at most 32768";
        assert_eq!(conditions(&values(4097)), Err(expected.to_owned()));
    }
}
