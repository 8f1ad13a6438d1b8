//! What must hold for the parameters of an action, of whatever request.

use std::rc::Rc;

use arbitrary::Arbitrary;
use openwhisk_filter::call::request::Request;
use openwhisk_filter::call::{Call, CallTemplate};
use openwhisk_filter::error::Error;
use openwhisk_filter::proxy::Proxy;
use openwhisk_filter::reply::Reply;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::Held;
use crate::encode::encode_fields;
use crate::input::{Header, Line, Mode, Rest, settings, told};
use crate::json::{Entries, is_json};
use crate::memory;
use crate::naive::{self, CREDENTIALS, Refused, Whole};
use crate::reply;

/// A request, and the configuration as far as it matters.
#[derive(Arbitrary, Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The attribute `mode`.
    pub mode: Mode,
    /// Whether the attribute `parameters` is `"http"`.
    pub http: bool,
    /// Which of [`CREDENTIALS`] the attribute `forward_headers` names.
    pub forwarded: [bool; 3],
    /// Whether it is `"raw"` instead.
    pub raw: bool,
    /// Whether the attribute `repeated` is `"list"`.
    pub list: bool,
    /// The attribute `path_template`, if it may have that value.
    pub path_template: Line,
    /// The attribute `bind` as JSON, if it may have that value.
    pub bind: Line,
    /// The attribute `path_prefix`, if it may have that value.
    pub path_prefix: Line,
    /// The method of the request.
    pub method: Line,
    /// Its path and query.
    pub path: Line,
    /// Its headers.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Rest,
}

encode_fields!(Asked {
    mode,
    http,
    forwarded,
    raw,
    list,
    path_template,
    bind,
    path_prefix,
    method,
    path,
    headers,
    body
});

/// A third of the bytes that a field of a list needs besides its own.
const PLACE: usize = 24;

impl Asked {
    /// The attribute `parameters`.
    const fn parameters(&self) -> &'static str {
        match (self.http, self.raw) {
            (false, _) => "body",
            (true, false) => "http",
            (true, true) => "raw",
        }
    }
}

/// Checks the parameters of a request.
///
/// # Panics
/// Where something does not hold.
pub fn payload(input: &Asked) {
    crate::require(check_asked(input), input);
}

fn check_asked(input: &Asked) -> Held {
    let forwarded = CREDENTIALS.iter().zip(input.forwarded).filter(|(_, is_forwarded)| *is_forwarded);
    let forwarded: Vec<_> = forwarded.map(|(name, _)| *name).collect();
    let mut attributes = json!({
        "mode": input.mode.word(),
        "parameters": input.parameters(),
        "forward_headers": forwarded,
        "repeated": if input.list { "list" } else { "last" },
    });
    let further = [
        ("path_prefix", input.path_prefix.text().into()),
        ("path_template", input.path_template.text().into()),
        ("bind", serde_json::from_str(&input.bind.text()).unwrap_or_default()),
    ];
    for (name, value) in further {
        let mut with = attributes.clone();
        if let Value::Object(with) = &mut with {
            with.insert(name.to_owned(), value);
        }
        if settings(with.clone()).is_some() {
            attributes = with;
        }
    }
    let settings = settings(attributes.clone()).ok_or("the configuration is refused")?;
    let text = |name| attributes.get(name).and_then(Value::as_str);
    let whole = Whole {
        is_raw: input.raw,
        is_list: input.list,
        path_prefix: text("path_prefix").unwrap_or_default().trim_end_matches('/'),
        forwarded: &forwarded,
        path_template: text("path_template"),
        bind: attributes.get("bind").and_then(Value::as_object).cloned().unwrap_or_default(),
    };
    let pseudo = [(":method", &input.method), (":path", &input.path)];
    let headers: Vec<_> = pseudo
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.0.clone()))
        .chain(input.headers.iter().map(told))
        .collect();
    let size = headers
        .iter()
        .fold(input.body.0.len(), |size, (name, value)| size.saturating_add(name.len()).saturating_add(value.len()));
    // A list has a place for each field.
    let fields = headers.iter().flat_map(|(_, value)| value).chain(&input.body.0).filter(|byte| **byte == b'&').count();
    let size = size.saturating_add(if input.list { fields.saturating_mul(PLACE) } else { 0 });
    let request = Request::from_headers(headers);
    let run = || openwhisk_filter::call::parameters::parameters(&settings, &request, input.body.0.clone());
    let (made, needed) = memory::of(run)?;
    memory::check(needed, size.saturating_add(made.as_ref().map_or(0, Vec::len)))?;
    check(input, &whole, &request, &made)?;
    match made {
        Ok(parameters) => {
            let template = Rc::new(CallTemplate::new(&settings));
            crate::call::check(&Call::new(template, Proxy::Envoy, request, parameters), &settings)
        }
        Err(error) => {
            let reply = Reply::for_error(&error, request.id());
            reply::check(&reply, Proxy::Apisix)?;
            reply::check_error(&error, &reply, request.id())
        }
    }
}

/// The parameters of a request are those that docs/functions.md promises.
fn check(input: &Asked, whole: &Whole<'_>, request: &Request, made: &Result<Vec<u8>, Error>) -> Held {
    let body = &input.body.0;
    if matches!(input.mode, Mode::Metadata | Mode::Poll) {
        ensure!(*made == Ok(Vec::new()), "a question with a body: {made:?}");
        return Ok(());
    }
    if let Err(error @ Error::NestedTooDeeply { limit }) = made {
        let brackets = body.iter().filter(|byte| b"[{".contains(byte)).count();
        ensure!(brackets >= *limit, "{brackets} brackets are too many levels");
        ensure!(error.status().as_u16() == 400, "the status is {}", error.status().as_str());
        return Ok(());
    }
    if let Some(deepest) = made.as_ref().ok().and_then(|made| naive::depth(made)) {
        ensure!(deepest <= 200, "JSON with {deepest} levels goes out");
    }
    if !input.http {
        ensure!(made.as_ref() == Ok(body), "another body than the client's: {made:?}");
        return Ok(());
    }
    if let Err(Error::TooManyFields { most }) = made {
        let count = [body, &input.path.0].map(|text| text.split(|byte| *byte == b'&').count()).into_iter().max();
        ensure!(input.list && count > Some(*most), "{count:?} fields are too many");
        return Ok(());
    }
    match made {
        Ok(parameters) => {
            let text = std::str::from_utf8(parameters).map_err(|error| format!("the parameters: {error}"))?;
            structure(text, request, body, whole)
                .and_then(|()| compare(Ok(text), request, body, whole))
                .map_err(|wrong| format!("{wrong}\nthe parameters: {text}"))
        }
        Err(error) => {
            let refused = match error {
                Error::MalformedBody { .. } => Refused::Malformed,
                Error::ReservedParameter => Refused::Reserved,
                other => return Err(format!("an error that is not the client's: {other}")),
            };
            ensure!(error.status().as_u16() == 400, "the status is {}", error.status().as_str());
            compare(Err(refused), request, body, whole)
        }
    }
}

/// The parameters by themselves, of whatever depth and with whatever names.
fn structure(parameters: &str, request: &Request, body: &[u8], whole: &Whole<'_>) -> Held {
    ensure!(is_json(parameters.as_bytes()), "no JSON");
    let entries = Entries::read(parameters).ok_or("no JSON object")?;
    let known = ["__ow_method", "__ow_headers", "__ow_path", "__ow_query", "__ow_body", "__ow_isBase64Encoded"];
    for (place, name) in known.into_iter().enumerate() {
        let count = entries.of(name).len();
        let is_right = match place {
            0..4 => count == 1,
            4 => count == 1 || count == 0 && !whole.is_raw,
            _ => count == usize::from(whole.is_raw),
        };
        ensure!(is_right, "{name} is there {count} times");
    }
    let strange = entries.0.iter().find(|(name, _)| name.starts_with("__ow_") && !known.contains(&name.as_str()));
    ensure!(strange.is_none(), "the client sets a parameter of the filter: {strange:?}");

    let headers: Map<String, Value> = entries
        .of("__ow_headers")
        .first()
        .and_then(|headers| serde_json::from_str(headers).ok())
        .ok_or("__ow_headers is no object")?;
    for (name, value) in &headers {
        ensure!(value.is_string(), "the header {name} is no string");
        let is_withheld = CREDENTIALS.contains(&name.as_str()) && !whole.forwarded.contains(&name.as_str());
        ensure!(!is_withheld, "the action sees the header {name}");
        ensure!(!name.starts_with(':'), "the action sees the pseudo header {name}");
    }

    // The fields of a JSON body stand there as the client wrote them, at the end but for those of path and route, so that they
    // win over the others.
    let of_path = whole.path_template.and_then(|template| naive::in_path(template, request.path_and_query().0));
    let behind = of_path.map_or(0, |of_path| of_path.len()).saturating_add(whole.bind.len());
    let before = entries.0.get(..entries.0.len().saturating_sub(behind)).unwrap_or_default();
    let text = std::str::from_utf8(body).unwrap_or_default();
    let fields =
        Entries::read(text).filter(|_| !whole.is_raw && naive::is_json(request.content_type())).map(|fields| fields.0);
    let texts = |entries: &[(String, &RawValue)]| -> Vec<_> {
        entries.iter().map(|(name, value)| (name.clone(), value.get().to_owned())).collect()
    };
    let fields = texts(&fields.unwrap_or_default());
    let at_the_end = texts(before.rchunks(fields.len().max(1)).next().unwrap_or_default());
    let is_kept = fields.is_empty() || at_the_end == fields;
    ensure!(is_kept, "the fields of the body are {fields:?}, the last parameters {at_the_end:?}");
    Ok(())
}

/// The parameters are those of the naive implementation.
fn compare(made: Result<&str, Refused>, request: &Request, body: &[u8], whole: &Whole<'_>) -> Held {
    let Some(expected) = naive::parameters(request.headers(), body, whole) else { return Ok(()) };
    match (made, expected) {
        (Ok(parameters), Ok(expected)) => {
            let parameters: Map<String, Value> =
                serde_json::from_str(parameters).map_err(|error| format!("the parameters: {error}"))?;
            ensure!(parameters == expected, "expected {}", Value::Object(expected));
        }
        (Err(made), Err(expected)) => ensure!(made == expected, "expected {expected:?}, got {made:?}"),
        (Ok(_), Err(expected)) => return Err(format!("expected {expected:?}")),
        (Err(made), Ok(expected)) => return Err(format!("expected {}, got {made:?}", Value::Object(expected))),
    }
    Ok(())
}
