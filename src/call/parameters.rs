//! What the action receives: the client's body, or a whole request in the way of `OpenWhisk`'s web actions.
//!
//! Source: apache/openwhisk@1fae641 `core/controller/WebActions.scala`, `Context` and `extractEntityAndProcessRequest`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode;
use serde_json::value::RawValue;

use crate::call::form::{Fields, Form, MOST_FIELDS, NoGroups};
use crate::call::request::Request;
use crate::config::bind::RESERVED;
use crate::config::settings::{LARGEST_BODY, Mode, Parameters, Repeated, Settings, Whole, WholeBody};
use crate::error::Error;
use crate::header::{CREDENTIALS, OF_A_CONNECTION};
use crate::json::OutOfMemory;
use crate::json::depth::is_deeper;
use crate::json::walk::entries;
use crate::json::writer::{NoRoom, ObjectWriter};
use crate::media_type::{MediaType, is_raw_text};

/// As many bytes as the parameters of a request without a body usually has at most.
const SIZE: usize = 1024;

/// The parameter that holds a body which is neither an object nor a form.
const BODY: &str = "__ow_body";

/// The parameter that says whether it is in base64, of a raw request.
const IS_BASE64: &str = "__ow_isBase64Encoded";

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
        (Mode::Metadata | Mode::Poll, _) => Ok(Vec::new()),
        (_, Parameters::Body) => check_depth(&body, DEEPEST).map(|()| body),
        (_, Parameters::Whole(whole)) => WholeRequest { request, body: &body, whole }.parameters(settings.body_limit()),
    }
}

/// A request, and how it becomes parameters.
struct WholeRequest<'a> {
    request: &'a Request,
    body: &'a [u8],
    whole: &'a Whole,
}

/// What a body becomes.
#[derive(Clone, Copy)]
enum Becomes {
    /// Nothing: there is none.
    Nothing,
    /// One parameter, of this text.
    Text,
    /// One parameter, in base64.
    Base64,
    /// The parameters of a form.
    Form,
    /// The parameters of JSON.
    Json,
}

impl<'a> WholeRequest<'a> {
    /// The parameters: a JSON object. What the body becomes may have `limit` bytes at most.
    ///
    /// A name may stand in it twice: the last one counts, so a field of the body wins over the query, one of the path over
    /// both, and one of the route over all.
    /// Source: spray-json, with which `OpenWhisk` reads it.
    fn parameters(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let becomes = self.becomes();
        let size = match becomes {
            Becomes::Base64 => base64::encoded_len(self.body.len(), true).unwrap_or(usize::MAX),
            _ => self.body.len(),
        };
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        if size > most {
            return Err(Error::ParametersTooLarge { limit });
        }
        let mut parameters = ObjectWriter::of_size(size.saturating_add(SIZE))?;
        self.add_all(&mut parameters, becomes, most).map_err(|error| match error {
            Refusal::NoRoom(NoRoom::Limit) => Error::ParametersTooLarge { limit },
            Refusal::NoRoom(NoRoom::Memory) => Error::OutOfMemory,
            Refusal::Of(error) => error,
        })?;
        let parameters = parameters.finish().map_err(|_| Error::OutOfMemory)?;
        // With what is not of the body: the query, and the headers.
        let is_too_large = u64::try_from(parameters.len()).unwrap_or(u64::MAX) > LARGEST_BODY;
        if is_too_large { Err(Error::ParametersTooLarge { limit: LARGEST_BODY }) } else { Ok(parameters) }
    }

    /// What becomes of the body.
    fn becomes(&self) -> Becomes {
        let content_type = self.request.content_type();
        match self.whole.body {
            WholeBody::Raw if self.body.is_empty() => Becomes::Text,
            WholeBody::Raw if is_raw_text(content_type) && std::str::from_utf8(self.body).is_ok() => Becomes::Text,
            WholeBody::Raw => Becomes::Base64,
            WholeBody::Fields => match MediaType::of(content_type) {
                MediaType::Text | MediaType::Binary if self.body.is_empty() && !content_type.is_empty() => {
                    Becomes::Text
                }
                _ if self.body.is_empty() => Becomes::Nothing,
                MediaType::Form => Becomes::Form,
                MediaType::Json => Becomes::Json,
                MediaType::Text => Becomes::Text,
                MediaType::Binary => Becomes::Base64,
            },
        }
    }

    /// Adds what a request tells, and what its body becomes.
    fn add_all(&self, parameters: &mut ObjectWriter, becomes: Becomes, most: usize) -> Result<(), Refusal> {
        let (path, query) = self.request.path_and_query();
        let (path_prefix, repeated) = (self.whole.path_prefix.as_str(), self.whole.repeated);
        parameters.lossy("__ow_method", &self.request.method().to_ascii_lowercase())?;
        parameters.object("__ow_headers", self.headers())?;
        parameters.lossy("__ow_path", path_within(path, path_prefix))?;
        parameters.lossy("__ow_query", query)?;
        match self.whole.body {
            WholeBody::Raw => {
                let is_base64 = matches!(becomes, Becomes::Base64);
                parameters.json(IS_BASE64, if is_base64 { "true" } else { "false" })?;
            }
            WholeBody::Fields => add_form(parameters, query, repeated)?,
        }
        parameters.limit(most.saturating_add(FIELD));
        match becomes {
            Becomes::Nothing => {}
            Becomes::Form => add_form(parameters, self.body, repeated)?,
            Becomes::Json => add_json(parameters, self.body)?,
            Becomes::Text => parameters.lossy(BODY, self.body)?,
            Becomes::Base64 => parameters.shown(BODY, &Base64Display::new(self.body, &STANDARD))?,
        }
        parameters.limit(usize::MAX);
        let of_path = self.whole.path_template.as_ref().and_then(|template| template.parameters(path));
        for (name, value) in of_path.unwrap_or_default() {
            parameters.lossy_field(name.as_bytes(), &decode_path(value)?)?;
        }
        Ok(parameters.fields(self.whole.bind.reveal())?)
    }

    /// The headers that the action sees: of those with the same name the last, or all in one.
    fn headers(&self) -> BTreeMap<&'a str, Cow<'a, [u8]>> {
        let mut headers = BTreeMap::<_, Cow<'_, [u8]>>::new();
        for (name, value) in self.request.headers() {
            let name = match name.as_str() {
                ":authority" => "host",
                pseudo if pseudo.starts_with(':') => continue,
                name => name,
            };
            let is_withheld = CREDENTIALS.contains(&name) && !self.whole.forward_headers.contains(&name);
            if is_withheld || OF_A_CONNECTION.contains(&name) {
                continue;
            }
            match headers.get_mut(name) {
                // Source: RFC 9110 section 5.3, RFC 6265 section 4.2.1. APISIX tells the host twice.
                Some(all) if self.whole.repeated == Repeated::List && name != "host" => {
                    let all = all.to_mut();
                    all.extend_from_slice(if name == "cookie" { b"; " } else { b", " });
                    all.extend_from_slice(value);
                }
                _ => _ = headers.insert(name, value.into()),
            }
        }
        headers
    }
}

/// What comes behind the prefix. A path that does not begin with it is taken whole.
fn path_within<'p>(path: &'p [u8], prefix: &str) -> &'p [u8] {
    match path.strip_prefix(prefix.as_bytes()) {
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => rest,
        _ => path,
    }
}

/// What a part of a path stands for.
fn decode_path(part: &[u8]) -> Result<Vec<u8>, OutOfMemory> {
    let mut decoded = Vec::new();
    decoded.try_reserve_exact(part.len()).map_err(|_| OutOfMemory)?;
    decoded.extend(percent_decode(part));
    Ok(decoded)
}

/// Adds the fields of a query or form.
fn add_form(parameters: &mut ObjectWriter, form: &[u8], repeated: Repeated) -> Result<(), Refusal> {
    let check =
        |name: &[u8]| if name.starts_with(RESERVED.as_bytes()) { Err(Error::ReservedParameter) } else { Ok(()) };
    if repeated == Repeated::List {
        let fields = Fields::of(form).map_err(|error| match error {
            NoGroups::TooMany => Refusal::Of(Error::TooManyFields { most: MOST_FIELDS }),
            NoGroups::Memory => Refusal::NoRoom(NoRoom::Memory),
        })?;
        return fields.each_group(|name, values| {
            check(name)?;
            Ok(parameters.lossy_fields(name, values)?)
        });
    }
    let mut fields = Form::new(form);
    while let Some((name, value)) = fields.next_field()? {
        check(name)?;
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
        let (path_prefix, forward_headers) = (path_prefix.to_owned(), forward_headers.to_vec());
        WholeRequest { request, body, whole: &Whole { path_prefix, forward_headers, ..usual() } }.parameters(LIMIT)
    }

    /// How a whole request becomes parameters where nothing else is said.
    fn usual() -> Whole {
        let Parameters::Whole(whole) = settings(r#", "parameters": "http""#).parameters().clone() else {
            panic!("not the whole request")
        };
        whole
    }

    /// What the action receives of a request with these attributes, as JSON.
    fn received(attributes: &str, path: &str, content_type: &str, body: &[u8]) -> Result<Value, Error> {
        let settings = settings(attributes);
        let made = super::parameters(&settings, &request(path, content_type), body.to_vec())?;
        Ok(serde_json::from_slice(&made)
            .unwrap_or_else(|error| panic!("{error}: {:?}", made.escape_ascii().to_string())))
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
    fn a_raw_body_is_one_parameter_with_all_its_bytes() {
        let cases: &[(&str, &[u8], &str, bool)] = &[
            ("", b"", "", false),
            ("application/json", b"", "", false),
            ("image/png", b"", "", false),
            ("application/json", br#" {"a" : "\u0041"} "#, "IHsiYSIgOiAiXHUwMDQxIn0g", true),
            ("application/json; charset=utf-8", b"{}", "e30=", true),
            ("application/json; foo=bar", b"{}", "{}", false),
            ("application/json;", b"{}", "e30=", true),
            ("application/problem+json", b"{}", "{}", false),
            ("application/hal+json", b"{}", "e30=", true),
            ("application/hal+json; charset=utf-8", b"{}", "{}", false),
            ("application/x-www-form-urlencoded", b"a=1&a=2&__ow_body=x", "a=1&a=2&__ow_body=x", false),
            ("text/plain; charset=latin1", "é\r\n\0".as_bytes(), "é\r\n\0", false),
            ("TEXT/PLAIN", b"\xff", "/w==", true),
            ("text/x-yaml", b"a", "YQ==", true),
            ("image/png; charset=utf-8", b"a", "YQ==", true),
            ("image/svg+xml", b"<svg/>", "PHN2Zy8+", true),
            ("multipart/form-data; boundary=x", b"a", "YQ==", true),
            ("", b"a", "YQ==", true),
            ("nonsense", b"a", "YQ==", true),
        ];
        for (content_type, body, expected, is_base64) in cases {
            let made = received(r#", "parameters": "raw""#, "/?a=1&__ow_x=2", content_type, body).expect("valid");
            let shown = body.escape_ascii();
            assert_eq!(made["__ow_body"], *expected, "{content_type} {shown}");
            assert_eq!(made["__ow_isBase64Encoded"], *is_base64, "{content_type} {shown}");
            assert_eq!(
                (made["__ow_method"].as_str(), made["__ow_query"].as_str()),
                (Some("patch"), Some("a=1&__ow_x=2"))
            );
            assert_eq!(made.as_object().map(serde_json::Map::len), Some(6), "nothing is taken apart: {made}");
        }
    }

    #[test]
    fn the_path_and_the_route_have_parameters_too() {
        let template = r#", "parameters": "http", "path_template": "/orders/{id}/{rest*}""#;
        let bind = r#", "parameters": "http", "bind": {"stage": "prod", "n": [1, {"a": null}], "k": "$ENVY"}"#;
        let both = r#", "parameters": "http", "path_template": "/{id}", "bind": {"id": 7}"#;
        let raw = r#", "parameters": "raw", "path_template": "/{id}", "bind": {"stage": true}"#;
        let cases: &[(&str, &str, &str, Value)] = &[
            (
                template,
                "/orders/a%2Fb+c/x/%C3%BC?id=2",
                r#"{"id": 3, "rest": 4}"#,
                json!({"id": "a/b+c", "rest": "x/ü"}),
            ),
            (template, "/orders/%ff/", "{}", json!({"id": "\u{fffd}", "rest": ""})),
            (
                bind,
                "/?stage=dev&n=1",
                r#"{"k": 1, "m": 2}"#,
                json!({"stage": "prod", "n": [1, {"a": null}], "k": "$ENVY", "m": 2}),
            ),
            (both, "/1?id=2", r#"{"id": 3}"#, json!({"id": 7})),
            (
                raw,
                "/1?id=2",
                "{}",
                json!({"id": "1", "stage": true, "__ow_body": "e30=", "__ow_isBase64Encoded": true}),
            ),
        ];
        for (attributes, path, body, expected) in cases {
            let Value::Object(mut made) = received(attributes, path, JSON, body.as_bytes()).expect(path) else {
                panic!("{path}")
            };
            for name in ["method", "headers", "path", "query"] {
                assert!(made.remove(&format!("__ow_{name}")).is_some(), "{name} is missing in {made:?}");
            }
            assert_eq!(Value::Object(made), *expected, "{attributes} {path}");
        }
    }

    #[test]
    fn fields_that_come_several_times_may_be_a_list() {
        let list = r#", "parameters": "http", "repeated": "list""#;
        let cases: &[(&str, &str, &str, Value)] = &[
            ("/?a=1", "", "", json!({"a": "1"})),
            ("/?a=1&b=x&a=2&%61=3", "", "", json!({"a": ["1", "2", "3"], "b": "x"})),
            ("/?a=&a", "", "", json!({"a": ["", ""]})),
            ("/?=1&=2", "", "", json!({"": ["1", "2"]})),
            ("/?a=%ff&a=%C3%BC", "", "", json!({"a": ["\u{fffd}", "ü"]})),
            ("/?a=1&a=2&b=1&b=2", FORM, "b=3&c=4&c=5", json!({"a": ["1", "2"], "b": "3", "c": ["4", "5"]})),
            ("/?a=1&a=2", JSON, r#"{"a": "x"}"#, json!({"a": "x"})),
        ];
        for (path, content_type, body, expected) in cases {
            let Value::Object(mut made) = received(list, path, content_type, body.as_bytes()).expect(path) else {
                panic!("{path}")
            };
            made.retain(|name, _| !name.starts_with("__ow_"));
            assert_eq!(Value::Object(made), *expected, "{path} {body}");
        }
        for (count, expected) in [(10_000, Ok(10_000)), (MOST_FIELDS, Ok(MOST_FIELDS)), (MOST_FIELDS + 1, Err(400))] {
            let form = "a=1&".repeat(count);
            let made = received(list, "/", FORM, form.as_bytes()).map_err(|error| error.status().as_u16());
            assert_eq!(made.map(|made| made["a"].as_array().map_or(1, Vec::len)), expected, "{count} fields");
        }
        assert_eq!(received(list, "/?a=1&__ow_body=2", "", b""), Err(Error::ReservedParameter));
    }

    #[test]
    fn headers_that_come_several_times_may_be_one() {
        let lines = [
            ("host", "gateway"),
            ("x-a", "1"),
            ("cookie", "a=b"),
            ("x-a", "2, 3"),
            ("cookie", "c=d"),
            ("x-b", "4"),
            ("x-a", ""),
            (":authority", "gateway"),
        ];
        let lines = lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let request = Request::from_headers(lines);
        for (repeated, expected) in [
            ("last", json!({"host": "gateway", "x-a": "", "cookie": "c=d", "x-b": "4"})),
            ("list", json!({"host": "gateway", "x-a": "1, 2, 3, ", "cookie": "a=b; c=d", "x-b": "4"})),
        ] {
            for parameters in ["http", "raw"] {
                let attributes = format!(
                    r#", "parameters": "{parameters}", "repeated": "{repeated}", "forward_headers": ["cookie"]"#
                );
                let made = super::parameters(&settings(&attributes), &request, Vec::new()).expect("valid");
                let made: Value = serde_json::from_slice(&made).expect("JSON");
                assert_eq!(made["__ow_headers"], expected, "{parameters} {repeated}");
            }
        }
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
