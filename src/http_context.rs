//! A whole request as the parameters of an action, in the way of `OpenWhisk`'s web actions.
//!
//! Source: apache/openwhisk `core/controller/WebActions.scala`, `Context` and `extractEntityAndProcessRequest`.

use std::collections::BTreeMap;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::form::Form;
use crate::media_type::MediaType;
use crate::object::entries;
use crate::object_writer::{NoRoom, ObjectWriter, OutOfMemory};
use crate::request::Request;

/// Begins the names that the context itself uses.
///
/// Source: `WebApiDirectives`. It refuses six names that begin so; to refuse them all keeps room for more.
const RESERVED: &str = "__ow_";

/// Headers with the client's credentials, which an action sees only if it is configured.
pub const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization", "cookie"];

/// Headers that belong to the connection or to how the body was sent.
///
/// Source: RFC 9110 section 7.6.1 and 8.6.
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
];

/// As many bytes as the context of a request without a body usually has at most.
const SIZE: usize = 1024;

/// The name of what is no object and no form.
const BODY: &str = "__ow_body";

/// What stands around the value of a field and at the end of an object, in bytes: `,"__ow_body":"…"}`.
const FIELD: usize = 16;

/// Why a request becomes no parameters.
enum Refusal {
    NoRoom(NoRoom),
    Of(Error),
}

impl From<NoRoom> for Refusal {
    fn from(room: NoRoom) -> Self {
        Self::NoRoom(room)
    }
}

impl From<OutOfMemory> for Refusal {
    fn from(_: OutOfMemory) -> Self {
        Self::NoRoom(NoRoom::Memory)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Of(error)
    }
}

/// How a request becomes parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpContext {
    path_prefix: String,
    forwarded: Vec<&'static str>,
}

impl HttpContext {
    /// With a beginning of the path that the action does not see (`path_prefix`; a slash at its end means nothing), and
    /// those of [`CREDENTIALS`] that it does see (`forward_headers`).
    #[must_use]
    pub fn new(path_prefix: &str, forwarded: Vec<&'static str>) -> Self {
        Self { path_prefix: path_prefix.trim_end_matches('/').to_owned(), forwarded }
    }

    /// The beginning of the path that the action does not see, without a slash at its end.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// Those of [`CREDENTIALS`] that the action sees.
    #[must_use]
    pub fn forwarded(&self) -> &[&'static str] {
        &self.forwarded
    }

    /// The parameters for a request with this body: a JSON object. What the body becomes may have `limit` bytes at most.
    ///
    /// A name may stand in it twice: the last one counts, so a field of the body wins over the query.
    /// Source: spray-json, with which `OpenWhisk` reads it.
    ///
    /// # Errors
    /// An [`Error`] of the client: a body that should be JSON and is not, a name that is reserved, or a body that is
    /// too large for the memory there is.
    pub fn parameters(&self, request: &Request, body: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        let media_type = MediaType::of(request.content_type());
        let size = match media_type {
            MediaType::Binary => base64::encoded_len(body.len(), true).unwrap_or(usize::MAX),
            MediaType::Form | MediaType::Json | MediaType::Text => body.len(),
        };
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        if size > most {
            return Err(Error::ParametersTooLarge { limit });
        }
        let mut parameters = ObjectWriter::of_size(size.saturating_add(SIZE))?;
        self.add_all(&mut parameters, request, body, (media_type, most)).map_err(|error| match error {
            Refusal::NoRoom(NoRoom::Limit) => Error::ParametersTooLarge { limit },
            Refusal::NoRoom(NoRoom::Memory) => Error::OutOfMemory,
            Refusal::Of(error) => error,
        })?;
        parameters.finish().map_err(|_| Error::OutOfMemory)
    }

    /// Adds what a request tells, and what its body becomes.
    fn add_all(
        &self,
        parameters: &mut ObjectWriter,
        request: &Request,
        body: &[u8],
        (media_type, most): (MediaType, usize),
    ) -> Result<(), Refusal> {
        let (path, query) = request.path_and_query();
        parameters.lossy("__ow_method", &request.method().to_ascii_lowercase())?;
        parameters.object("__ow_headers", self.headers(request))?;
        parameters.lossy("__ow_path", self.path_within(path))?;
        parameters.lossy("__ow_query", query)?;
        add_form(parameters, query)?;
        parameters.limit(most.saturating_add(FIELD));
        match media_type {
            _ if body.is_empty() => {}
            MediaType::Form => add_form(parameters, body)?,
            MediaType::Json => add_json(parameters, body)?,
            MediaType::Text => parameters.lossy(BODY, body)?,
            MediaType::Binary => parameters.shown(BODY, &Base64Display::new(body, &STANDARD))?,
        }
        Ok(())
    }

    /// What comes behind the prefix. A path that does not begin with it is taken whole.
    fn path_within<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        match path.strip_prefix(self.path_prefix.as_bytes()) {
            Some(rest) if rest.is_empty() || rest.starts_with(b"/") => rest,
            _ => path,
        }
    }

    /// The headers that the action sees: of those with the same name the last.
    fn headers<'a>(&self, request: &'a Request) -> BTreeMap<&'a str, &'a [u8]> {
        let mut headers = BTreeMap::new();
        for (name, value) in request.headers() {
            let name = match name.as_str() {
                ":authority" => "host",
                pseudo if pseudo.starts_with(':') => continue,
                name => name,
            };
            let is_withheld = CREDENTIALS.contains(&name) && !self.forwarded.contains(&name);
            if !is_withheld && !OF_THE_CONNECTION.contains(&name) {
                headers.insert(name, value.as_slice());
            }
        }
        headers
    }
}

/// Adds the fields of a query or form.
fn add_form(parameters: &mut ObjectWriter, form: &[u8]) -> Result<(), Refusal> {
    let mut fields = Form::new(form);
    while let Some((name, value)) = fields.next_field()? {
        if name.starts_with(RESERVED.as_bytes()) {
            return Err(Error::ReservedParameter.into());
        }
        parameters.lossy_field(name, value)?;
    }
    Ok(())
}

/// Adds the fields of a JSON object as they stand in it. Any other JSON becomes one field.
fn add_json(parameters: &mut ObjectWriter, body: &[u8]) -> Result<(), Refusal> {
    let json = std::str::from_utf8(body).map_err(|reason| Error::MalformedBody { reason: reason.to_string() })?;
    let trimmed = json.trim_matches([' ', '\t', '\n', '\r']);
    let Some(fields) = trimmed.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        check(json)?;
        return Ok(parameters.json(BODY, trimmed)?);
    };
    let mut is_reserved = false;
    let walked = entries(json, |name, _| is_reserved |= name.starts_with(RESERVED.as_bytes()));
    if walked.is_err() {
        check(json)?;
    }
    if is_reserved { Err(Error::ReservedParameter.into()) } else { Ok(parameters.fields(fields)?) }
}

/// Whether a text is JSON, and if not why.
fn check(json: &str) -> Result<(), Error> {
    let read: Result<&RawValue, _> = serde_json::from_str(json);
    read.map(|_| ()).map_err(|reason| Error::MalformedBody { reason: reason.to_string() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const JSON: &str = "application/json";
    const LIMIT: u64 = 1 << 20;
    const FORM: &str = "application/x-www-form-urlencoded";

    fn context() -> HttpContext {
        HttpContext::new("/api/", Vec::new())
    }

    fn request(path: &str, content_type: &str) -> Request {
        let headers = [(":method", "PATCH"), (":path", path), ("content-type", content_type)];
        let headers = headers.iter().filter(|(_, value)| !value.is_empty());
        Request::from_headers(headers.map(|(name, value)| ((*name).to_owned(), (*value).into())).collect())
    }

    fn parameters(query: &str, content_type: &str, body: &[u8]) -> Result<Value, Error> {
        let bytes = context().parameters(&request(&format!("/?{query}"), content_type), body, LIMIT)?;
        let Value::Object(mut parameters) = serde_json::from_slice(&bytes).expect("JSON") else {
            panic!("{:?} is no object", bytes.escape_ascii().to_string());
        };
        for name in ["method", "headers", "path", "query"] {
            assert!(parameters.remove(&format!("__ow_{name}")).is_some(), "{name} is missing in {parameters:?}");
        }
        Ok(parameters.into())
    }

    #[test]
    fn query_and_body_become_parameters() {
        let cases: &[(&str, &str, &[u8], Value)] = &[
            ("", "", b"", json!({})),
            ("a=1&b=", "", b"", json!({"a": "1", "b": ""})),
            ("a&&=x", "", b"", json!({"a": "", "": "x"})),
            ("a=1&a=2", "", b"", json!({"a": "2"})),
            ("a+b=c%20d%2B+%zz%", "", b"", json!({"a b": "c d+ %zz%"})),
            ("a=%ff", "", b"", json!({"a": "\u{fffd}"})),
            ("a=%C3%BC", "", b"", json!({"a": "ü"})),
            ("a=1&b=2", FORM, b"a=3&c=4&c=5", json!({"a": "3", "b": "2", "c": "5"})),
            ("a=1&b=2", JSON, br#"{"a": [3], "c": null}"#, json!({"a": [3], "b": "2", "c": null})),
            ("a=1", "application/x+json", br#"{"\u0061": 2}"#, json!({"a": 2})),
            ("a=1", JSON, b" { } ", json!({"a": "1"})),
            ("a=1", JSON, b"", json!({"a": "1"})),
            ("a=1", JSON, b" [1, 2]", json!({"a": "1", "__ow_body": [1, 2]})),
            ("", JSON, b"null", json!({"__ow_body": null})),
            ("", JSON, b"\"x\"", json!({"__ow_body": "x"})),
            ("", "text/plain", b"a\xffb", json!({"__ow_body": "a\u{fffd}b"})),
            ("", "image/svg+xml", b"<svg/>", json!({"__ow_body": "<svg/>"})),
            ("", "image/png", b"\0\xff", json!({"__ow_body": "AP8="})),
            ("", "", b"x", json!({"__ow_body": "eA=="})),
            ("", "text/plain", b"", json!({})),
        ];
        for (query, content_type, body, expected) in cases {
            let shown = body.escape_ascii().to_string();
            assert_eq!(
                parameters(query, content_type, body).as_ref(),
                Ok(expected),
                "{query:?} {content_type} {shown}"
            );
        }
    }

    #[test]
    fn what_the_body_says_stays_as_it_is() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let bodies = [
            r#"{"n": 1e999, "m": 123456789012345678901234567890.10}"#,
            r#"{"\ud800": "\udfff", "a": 1, "a": 2}"#,
            r#"["\ud800", 1.0]"#,
            &deep,
        ];
        for body in bodies {
            let bytes = context().parameters(&request("/?b=1", JSON), body.as_bytes(), LIMIT).expect(body);
            let text = String::from_utf8(bytes).expect("UTF-8");
            let kept = body.trim_start_matches('{').trim_end_matches('}');
            assert!(text.contains(kept) && text.ends_with('}'), "{text:.200}");
            assert!(crate::outcome::is_json(&text), "{text:.200}");
        }
    }

    #[test]
    fn no_parameters_are_made_of_what_is_malformed_or_reserved() {
        let malformed: &[&[u8]] = &[
            b"{",
            b"x",
            b" ",
            b"{} {}",
            b"{\"a\"}",
            b"{}}",
            b"{\"a\":1,}",
            b"{a:1}",
            b"\"\xff\"",
            b"[1",
            b"\xef\xbb\xbf{}",
            b"{\"a\nb\": 1}",
            b"{\"a\tb\": {}}",
            b"{\"\0\": 1}",
            b"{\"a\": \"\n\"}",
        ];
        for body in malformed {
            let outcome = parameters("", JSON, body);
            let shown = body.escape_ascii();
            assert!(matches!(outcome, Err(Error::MalformedBody { .. })), "{shown}: {outcome:?}");
        }
        let reserved: &[(&str, &str, &[u8])] = &[
            ("__ow_method=get", "", b""),
            ("a=1&__ow_x", "", b""),
            ("%5f_ow_user=x", "", b""),
            ("", FORM, b"__ow_body=x"),
            ("", JSON, br#"{"__ow_headers": {}}"#),
            ("", JSON, br#"{"a": 1, "\u005f_ow_headers": {}}"#),
        ];
        for (query, content_type, body) in reserved {
            let shown = body.escape_ascii();
            assert_eq!(parameters(query, content_type, body), Err(Error::ReservedParameter), "{query:?} {shown}");
        }
        assert!(parameters("__OW_method=get&_ow_a=1", JSON, br#"{"a": {"__ow_user": 1}}"#).is_ok());
    }

    #[test]
    fn the_path_begins_behind_the_prefix() {
        let cases = [
            ("/api/a%2Fb/?c=1", "/a%2Fb/", "c=1"),
            ("/api", "", ""),
            ("/api?", "", ""),
            ("/api/", "/", ""),
            ("/apis/a", "/apis/a", ""),
            ("/API/a", "/API/a", ""),
            ("/v1/api/a?%zz", "/v1/api/a", "%zz"),
            ("*", "*", ""),
        ];
        for (sent, path, query) in cases {
            let bytes = context().parameters(&request(sent, ""), b"", LIMIT).expect(sent);
            let parameters: Value = serde_json::from_slice(&bytes).expect("JSON");
            assert_eq!(parameters["__ow_path"], path, "{sent}");
            assert_eq!(parameters["__ow_query"], query, "{sent}");
            assert_eq!(parameters["__ow_method"], "patch", "{sent}");
        }
        let whole = HttpContext::new("", Vec::new());
        let bytes = whole.parameters(&request("/api/a", ""), b"", LIMIT).expect("valid");
        let parameters: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(parameters["__ow_path"], "/api/a");
    }

    #[test]
    fn credentials_and_the_connection_stay_out_of_the_headers() {
        let sent: &[(&str, &[u8])] = &[
            (":authority", b"gateway"),
            (":scheme", b"http"),
            ("accept", b"*/*"),
            ("x-two", b"1"),
            ("x-two", b"2"),
            ("x-raw", b"a\xff"),
            ("connection", b"close"),
            ("te", b"trailers"),
            ("transfer-encoding", b"chunked"),
            ("content-length", b"3"),
            ("authorization", b"Bearer x"),
            ("proxy-authorization", b"Basic x"),
            ("cookie", b"a=b"),
        ];
        let sent: Vec<_> = sent.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        let request = Request::from_headers(sent);
        let headers = |forwarded: &[&'static str]| {
            let context = HttpContext::new("", forwarded.to_vec());
            let bytes = context.parameters(&request, b"", LIMIT).expect("valid");
            serde_json::from_slice::<Value>(&bytes).expect("JSON")["__ow_headers"].clone()
        };
        let usual = json!({"host": "gateway", "accept": "*/*", "x-two": "2", "x-raw": "a\u{fffd}"});
        assert_eq!(headers(&[]), usual);
        let mut with_cookie = usual;
        with_cookie["cookie"] = json!("a=b");
        assert_eq!(headers(&["cookie"]), with_cookie);
        assert_eq!(headers(CREDENTIALS)["authorization"], "Bearer x");
        assert_eq!(headers(CREDENTIALS)["proxy-authorization"], "Basic x");
    }
}
