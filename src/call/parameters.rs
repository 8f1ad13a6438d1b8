//! What the action receives: the client's body, or a whole request in the way of `OpenWhisk`'s web actions.
//!
//! Source: apache/openwhisk@1fae641 `core/controller/WebActions.scala`, `Context` and `extractEntityAndProcessRequest`.

use std::collections::BTreeMap;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::call::form::Form;
use crate::call::request::Request;
use crate::config::settings::{LARGEST_BODY, Mode, Parameters, Settings};
use crate::error::Error;
use crate::header::{CREDENTIALS, OF_A_CONNECTION};
use crate::json::OutOfMemory;
use crate::json::depth::is_deeper;
use crate::json::walk::entries;
use crate::json::writer::{NoRoom, ObjectWriter};
use crate::media_type::MediaType;

/// Begins the names of the parameters that tell of the request itself.
///
/// Source: apache/openwhisk@1fae641 `core/controller/WebActions.scala`, `WebApiDirectives`. It refuses six names that begin so; to refuse them all keeps room for more.
const RESERVED: &str = "__ow_";

/// As many bytes as the parameters of a request without a body usually has at most.
const SIZE: usize = 1024;

/// The parameter that holds a body which is neither an object nor a form.
const BODY: &str = "__ow_body";

/// What stands around the value of a field and at the end of an object, in bytes: `,"__ow_body":"…"}`.
const FIELD: usize = 16;

/// How many levels the JSON for an action may nest.
///
/// Source: observed on a real `OpenWhisk`: one body of 700 levels, 2 kB, ended the server (a stack overflow while it
/// printed its message), and exactly 1000 levels are lost: no answer, no record, and a slot of its concurrency limit held.
/// 450 levels never hurt.
const DEEPEST: usize = 200;

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

/// The body of the call to `OpenWhisk`, from a request and its body, in bytes.
///
/// An invocation gets the client's body byte for byte as the action's parameters, or an object made of the whole
/// request; no body stands for no parameters. A question for metadata has no body.
///
/// Source: apache/openwhisk@1fae641 `core/controller/RestAPIs.scala`: an empty entity counts as `{}`.
///
/// # Errors
/// An [`Error`] of the client, if no parameters can be made of the request.
pub fn parameters(settings: &Settings, request: &Request, body: Vec<u8>) -> Result<Vec<u8>, Error> {
    match (settings.mode(), settings.parameters()) {
        (Mode::Metadata, _) => Ok(Vec::new()),
        (_, Parameters::Body) => check_depth(&body, DEEPEST).map(|()| body),
        (_, Parameters::Http { path_prefix, forward_headers }) => {
            WholeRequest { request, body: &body, path_prefix, forward_headers }.parameters(settings.body_limit())
        }
    }
}

/// A request, and how it becomes parameters.
struct WholeRequest<'a> {
    request: &'a Request,
    body: &'a [u8],
    /// A beginning of the path that the action does not see, without a slash at its end.
    path_prefix: &'a str,
    /// Those of [`CREDENTIALS`] that it does see.
    forward_headers: &'a [&'static str],
}

impl<'a> WholeRequest<'a> {
    /// The parameters: a JSON object. What the body becomes may have `limit` bytes at most.
    ///
    /// A name may stand in it twice: the last one counts, so a field of the body wins over the query.
    /// Source: spray-json, with which `OpenWhisk` reads it.
    fn parameters(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let media_type = MediaType::of(self.request.content_type());
        let size = match media_type {
            MediaType::Binary => base64::encoded_len(self.body.len(), true).unwrap_or(usize::MAX),
            MediaType::Form | MediaType::Json | MediaType::Text => self.body.len(),
        };
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        if size > most {
            return Err(Error::ParametersTooLarge { limit });
        }
        let mut parameters = ObjectWriter::of_size(size.saturating_add(SIZE))?;
        self.add_all(&mut parameters, media_type, most).map_err(|error| match error {
            Refusal::NoRoom(NoRoom::Limit) => Error::ParametersTooLarge { limit },
            Refusal::NoRoom(NoRoom::Memory) => Error::OutOfMemory,
            Refusal::Of(error) => error,
        })?;
        let parameters = parameters.finish().map_err(|_| Error::OutOfMemory)?;
        // With what is not of the body: the query, and the headers.
        let is_too_large = u64::try_from(parameters.len()).unwrap_or(u64::MAX) > LARGEST_BODY;
        if is_too_large { Err(Error::ParametersTooLarge { limit: LARGEST_BODY }) } else { Ok(parameters) }
    }

    /// Adds what a request tells, and what its body becomes.
    fn add_all(&self, parameters: &mut ObjectWriter, media_type: MediaType, most: usize) -> Result<(), Refusal> {
        let (path, query) = self.request.path_and_query();
        parameters.lossy("__ow_method", &self.request.method().to_ascii_lowercase())?;
        parameters.object("__ow_headers", self.headers())?;
        parameters.lossy("__ow_path", self.path_within(path))?;
        parameters.lossy("__ow_query", query)?;
        add_form(parameters, query)?;
        parameters.limit(most.saturating_add(FIELD));
        let has_type = !self.request.content_type().is_empty();
        match media_type {
            MediaType::Text | MediaType::Binary if self.body.is_empty() && has_type => parameters.lossy(BODY, b"")?,
            _ if self.body.is_empty() => {}
            MediaType::Form => add_form(parameters, self.body)?,
            MediaType::Json => add_json(parameters, self.body)?,
            MediaType::Text => parameters.lossy(BODY, self.body)?,
            MediaType::Binary => parameters.shown(BODY, &Base64Display::new(self.body, &STANDARD))?,
        }
        Ok(())
    }

    /// What comes behind the prefix. A path that does not begin with it is taken whole.
    fn path_within<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        match path.strip_prefix(self.path_prefix.as_bytes()) {
            Some(rest) if rest.is_empty() || rest.starts_with(b"/") => rest,
            _ => path,
        }
    }

    /// The headers that the action sees: of those with the same name the last.
    fn headers(&self) -> BTreeMap<&'a str, &'a [u8]> {
        let mut headers = BTreeMap::new();
        for (name, value) in self.request.headers() {
            let name = match name.as_str() {
                ":authority" => "host",
                pseudo if pseudo.starts_with(':') => continue,
                name => name,
            };
            let is_withheld = CREDENTIALS.contains(&name) && !self.forward_headers.contains(&name);
            if !is_withheld && !OF_A_CONNECTION.contains(&name) {
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
        // It becomes the value of a field.
        check_depth(body, DEEPEST.saturating_sub(1))?;
        check(json)?;
        return Ok(parameters.json(BODY, trimmed)?);
    };
    check_depth(body, DEEPEST)?;
    let mut is_reserved = false;
    let walked = entries(json, |name, _| is_reserved |= name.starts_with(RESERVED.as_bytes()));
    if walked.is_err() {
        check(json)?;
    }
    if is_reserved { Err(Error::ReservedParameter.into()) } else { Ok(parameters.fields(fields)?) }
}

/// Refuses JSON that nests more than `most` levels.
fn check_depth(json: &[u8], most: usize) -> Result<(), Error> {
    if is_deeper(json, most) { Err(Error::NestedTooDeeply { limit: DEEPEST }) } else { Ok(()) }
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
    use crate::config::settings::tests::settings;

    const JSON: &str = "application/json";
    const LIMIT: u64 = 1 << 20;
    const FORM: &str = "application/x-www-form-urlencoded";

    /// The parameters made of a whole request.
    fn whole(
        request: &Request,
        body: &[u8],
        path_prefix: &str,
        forward_headers: &[&'static str],
    ) -> Result<Vec<u8>, Error> {
        WholeRequest { request, body, path_prefix, forward_headers }.parameters(LIMIT)
    }

    fn request(path: &str, content_type: &str) -> Request {
        let headers = [(":method", "PATCH"), (":path", path), ("content-type", content_type)];
        let headers = headers.iter().filter(|(_, value)| !value.is_empty());
        Request::from_headers(headers.map(|(name, value)| ((*name).to_owned(), (*value).into())).collect())
    }

    fn parameters(query: &str, content_type: &str, body: &[u8]) -> Result<Value, Error> {
        let bytes = whole(&request(&format!("/?{query}"), content_type), body, "/api", &[])?;
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
            ("", "text/plain", b"", json!({"__ow_body": ""})),
            ("", "image/png", b"", json!({"__ow_body": ""})),
            ("", FORM, b"", json!({})),
            ("", "", b"", json!({})),
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
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(199), "]".repeat(199));
        let bodies = [
            r#"{"n": 1e999, "m": 123456789012345678901234567890.10}"#,
            r#"{"\ud800": "\udfff", "a": 1, "a": 2}"#,
            r#"["\ud800", 1.0]"#,
            &deep,
        ];
        for body in bodies {
            let bytes = whole(&request("/?b=1", JSON), body.as_bytes(), "/api", &[]).expect(body);
            let text = String::from_utf8(bytes).expect("UTF-8");
            let kept = body.trim_start_matches('{').trim_end_matches('}');
            assert!(text.contains(kept) && text.ends_with('}'), "{text:.200}");
            assert!(crate::json::is_json(&text), "{text:.200}");
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
    fn no_json_goes_out_that_is_nested_more_than_200_levels() {
        let arrays = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let in_an_object = |levels: usize| format!("{{\"a\":{}}}", arrays(levels - 1));
        let body = "";
        let http = r#", "parameters": "http""#;
        let cases = [
            (body, "", arrays(200), true),
            (body, "", arrays(199), true),
            (body, "", arrays(201), false),
            (body, "", arrays(900), false),
            (body, "", arrays(1000), false),
            (body, "", in_an_object(200), true),
            (body, "", in_an_object(201), false),
            (body, "", "[".repeat(100_000), false),
            (r#", "mode": "async""#, JSON, in_an_object(201), false),
            (r#", "mode": "activation""#, JSON, in_an_object(201), false),
            (r#", "mode": "metadata""#, JSON, in_an_object(201), true),
            (http, JSON, in_an_object(200), true),
            (http, JSON, in_an_object(201), false),
            // With the object around it these are as many.
            (http, JSON, arrays(199), true),
            (http, "application/x+json; a=b", arrays(200), false),
            (http, "text/plain", arrays(900), true),
            (http, "", arrays(900), true),
            (http, FORM, format!("a={}", arrays(900)), true),
        ];
        for (attributes, content_type, body, accepted) in cases {
            let made = super::parameters(&settings(attributes), &request("/", content_type), body.clone().into());
            let is_expected = if accepted { made.is_ok() } else { made == Err(Error::NestedTooDeeply { limit: 200 }) };
            assert!(is_expected, "{attributes} {content_type} {body:.20}: {made:?}");
        }
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
            let bytes = whole(&request(sent, ""), b"", "/api", &[]).expect(sent);
            let parameters: Value = serde_json::from_slice(&bytes).expect("JSON");
            assert_eq!(parameters["__ow_path"], path, "{sent}");
            assert_eq!(parameters["__ow_query"], query, "{sent}");
            assert_eq!(parameters["__ow_method"], "patch", "{sent}");
        }
        let bytes = whole(&request("/api/a", ""), b"", "", &[]).expect("valid");
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
            let bytes = whole(&request, b"", "", forwarded).expect("valid");
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

    #[test]
    fn what_the_action_gets_depends_on_mode_and_parameters() {
        let http = r#"{"__ow_headers":{},"__ow_method":"","__ow_path":"","__ow_query":"","__ow_body":"eA=="}"#;
        let cases = [
            ("", "x", "x"),
            ("", "{\"a\": 1}\n", "{\"a\": 1}\n"),
            ("", "", ""),
            (r#", "mode": "activation""#, "x", "x"),
            (r#", "mode": "async""#, "x", "x"),
            (r#", "mode": "metadata""#, "x", ""),
            (r#", "parameters": "http""#, "x", http),
            (r#", "parameters": "http", "mode": "async""#, "x", http),
            (r#", "parameters": "http", "mode": "metadata""#, "x", ""),
        ];
        for (attributes, body, expected) in cases {
            let made = super::parameters(&settings(attributes), &Request::default(), body.into()).expect(attributes);
            let as_json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
            let is_same = made == expected.as_bytes()
                || (as_json(&made).is_some() && as_json(&made) == as_json(expected.as_bytes()));
            assert!(is_same, "{attributes:?}, {body:?}: {:?}", made.escape_ascii().to_string());
        }
        assert_eq!(super::parameters(&settings(""), &Request::default(), b"\xff\0".to_vec()), Ok(b"\xff\0".to_vec()));
    }
}
