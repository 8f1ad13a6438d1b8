//! Inputs that are worth to begin with: those of the golden cases and configurations.

use std::path::Path;

use corpus::{Answer, Case, Fault, Wrong};
use serde_json::Value;

use crate::encode::Encode as _;
use crate::input::{Header, Line, Mode, Rest};
use crate::naive::{CREDENTIALS, ID};
use crate::payload::Asked;
use crate::reply::{Answered, Head};
use crate::traffic::{Event, Read, Scope, Traffic};

/// The largest seed, in bytes: a fuzzer gets nowhere with long ones.
const LARGEST: usize = 4096;

/// The name of a fuzz target, and an input for it.
pub type Seed = (&'static str, Vec<u8>);

/// All seeds that are not too large, for the golden cases and configurations in this folder.
///
/// # Errors
/// A file cannot be read.
pub fn all(tests: &Path) -> Result<Vec<Seed>, Wrong> {
    let cases = corpus::cases(&tests.join("golden"))?;
    let configurations = corpus::configurations(&tests.join("configurations.yaml"))?;
    let configurations = configurations.into_iter().map(|configuration| ("configuration", configuration.bytes));
    let all = cases.iter().flat_map(of_case).chain(configurations).chain(others());
    Ok(all.filter(|(_, bytes)| bytes.len() <= LARGEST).collect())
}

/// The inputs of a golden case.
fn of_case(case: &Case) -> Vec<Seed> {
    let mut seeds = vec![("configuration", case.config_json("openwhisk").into_bytes())];
    if is_whole(case) {
        seeds.push(("payload", asked(case).encoded()));
    }
    if let Some(Answer::Whole { status, headers, body }) = &case.answer {
        seeds.extend(
            [false, true].map(|is_apisix| ("reply", answered(case, is_apisix, *status, headers, body).encoded())),
        );
    }
    seeds.push(("exchange", traffic(case).encoded()));
    seeds
}

fn text<'a>(case: &'a Case, attribute: &str) -> &'a str {
    case.config.get(attribute).and_then(Value::as_str).unwrap_or_default()
}

fn is_whole(case: &Case) -> bool {
    ["http", "raw"].contains(&text(case, "parameters"))
}

fn mode(case: &Case) -> Mode {
    match text(case, "mode") {
        "activation" => Mode::Activation,
        "metadata" => Mode::Metadata,
        "async" => Mode::Async,
        "poll" => Mode::Poll,
        _ if case.config.get("result") == Some(&Value::Bool(false)) => Mode::Metadata,
        _ => Mode::Result,
    }
}

fn line(text: &str) -> Line {
    Line(text.as_bytes().to_vec())
}

fn headers(case: &Case) -> Vec<Header> {
    case.request.headers.iter().map(|(name, value)| (line(name), Line(value.clone()))).collect()
}

fn head(status: u16, headers: &[(String, String)]) -> Head {
    let value = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| line(value));
    Head { status, id: value(ID), content_type: value("content-type"), is_upstreams: true }
}

fn answered(case: &Case, is_apisix: bool, status: u16, headers: &[(String, String)], body: &[u8]) -> Answered {
    Answered {
        is_apisix,
        mode: mode(case),
        accept: text(case, "on_timeout") == "accept",
        plain: text(case, "response") == "plain",
        location: case.config.contains_key("location"),
        package: case.config.contains_key("package"),
        request_id: line("7"),
        head: head(status, headers),
        body: Rest(body.to_vec()),
    }
}

fn asked(case: &Case) -> Asked {
    let forwarded = case.config.get("forward_headers").and_then(Value::as_array);
    let is_forwarded = |name: &str| forwarded.is_some_and(|names| names.iter().any(|each| each == name));
    Asked {
        mode: mode(case),
        http: true,
        forwarded: CREDENTIALS.map(is_forwarded),
        raw: text(case, "parameters") == "raw",
        list: text(case, "repeated") == "list",
        path_template: line(text(case, "path_template")),
        bind: case.config.get("bind").map(|bind| line(&bind.to_string())).unwrap_or_default(),
        path_prefix: line(text(case, "path_prefix")),
        method: line(&case.request.method),
        path: line(&case.request.path),
        headers: headers(case),
        body: Rest(case.request.body.clone()),
    }
}

/// One request from its beginning to its end, in the way it happens on Envoy.
fn traffic(case: &Case) -> Traffic {
    let number = |attribute: &str| case.config.get(attribute).and_then(Value::as_u64);
    let body = &case.request.body;
    let pseudo = [(":method", &case.request.method), (":path", &case.request.path)];
    let pseudo = pseudo.map(|(name, value)| (line(name), line(value)));
    let begin = Event::Headers {
        route: None,
        headers: pseudo.into_iter().chain(headers(case)).collect(),
        is_all: body.is_empty(),
    };
    let size = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let middle = Event::Body { size, is_all: true, read: Read::Whole(Line(body.clone())) };
    let end = case.answer.as_ref().map(|answer| match answer {
        Answer::Whole { status, headers, body } => {
            Event::Answer { head: head(*status, headers), body: Line(body.clone()) }
        }
        Answer::Fault(Fault::Unreachable | Fault::Closed) => of_envoy(503),
        Answer::Fault(Fault::Silent) => of_envoy(504),
        Answer::Fault(Fault::BrokenOff) => Event::Silence(0),
        Answer::Fault(Fault::UnknownUpstream) => Event::Unknown,
    });
    let middle = (!body.is_empty()).then_some(middle);
    Traffic {
        is_apisix: false,
        scope: Scope::Every,
        mode: mode(case),
        http: is_whole(case),
        accept: text(case, "on_timeout") == "accept",
        raw: text(case, "parameters") == "raw",
        timing: case.config.contains_key("server_timing"),
        keepalive: if case.config.get("keepalive") == Some(&Value::Bool(false)) { 0 } else { 5 },
        limit: number("max_req_body_size").and_then(|limit| u16::try_from(limit).ok()).unwrap_or(u16::MAX),
        events: [Some(begin), middle, end].into_iter().flatten().map(|event| (0, event)).collect(),
    }
}

/// An answer that Envoy makes itself.
fn of_envoy(status: u16) -> Event {
    let head = Head { status, id: None, content_type: Some(line("text/plain")), is_upstreams: false };
    Event::Answer { head, body: line("upstream connect error or disconnect/reset before headers") }
}

/// Inputs that no golden case has.
fn others() -> Vec<Seed> {
    let headers = |route: &str| Event::Headers { route: Some(line(route)), headers: Vec::new(), is_all: false };
    let end = || Event::Trailers { read: Read::Whole(line("{}")) };
    let answer = || Event::Answer { head: head(200, &[]), body: line("{}") };
    let traffic = |is_apisix, scope, keepalive, events| Traffic {
        is_apisix,
        scope,
        mode: Mode::Result,
        http: false,
        accept: false,
        raw: false,
        timing: false,
        keepalive,
        limit: 8,
        events,
    };
    let one = vec![(0, headers("a")), (0, Event::Body { size: 2, is_all: false, read: Read::Nothing }), (0, end())];
    let three = vec![
        (0, headers("a")),
        (1, headers("b")),
        (2, headers("c")),
        (0, end()),
        (1, end()),
        (2, end()),
        (0, answer()),
        (1, Event::Gone),
        (2, Event::Unavailable),
        (1, headers("b")),
        (1, end()),
        (1, answer()),
    ];
    let many_lines = format!(r#"{{"headers":{{"a":[{}1]}}}}"#, "1,".repeat(999));
    let body = Rest(many_lines.into_bytes());
    let answered = Answered { request_id: line("7"), head: head(200, &[]), body, ..Answered::default() };
    vec![
        ("exchange", traffic(false, Scope::Routes, 1, three.clone()).encoded()),
        ("exchange", traffic(false, Scope::Every, 1, three.clone()).encoded()),
        ("exchange", traffic(true, Scope::Every, 0, three.clone()).encoded()),
        ("exchange", traffic(true, Scope::Routes, 1, three).encoded()),
        ("exchange", traffic(true, Scope::Every, 1, one.clone()).encoded()),
        ("exchange", traffic(false, Scope::None, 1, one.clone()).encoded()),
        ("exchange", traffic(false, Scope::Routes, 1, vec![(0, headers("x")), (0, end()), (0, answer())]).encoded()),
        ("reply", answered.encoded()),
        (
            "configuration",
            br#"{"api_host":"http://alice:wonderland@ow","service_token":"wonderland","routes":{"a":{"action":"b",
                "path_prefix":"/a","service_token":["wonderland"]}},"servce_token":"alice:wonderland"}"#
                .to_vec(),
        ),
        (
            "configuration",
            br#"{"api_host":"https://ow:8443/x/","service_token":"$ENV://TOKEN","namespace":"_","package":"p",
                "ssl_verify":false,"keepalive_pool":2,"keepalive_timeout":1000.0,"routes":{
                "a":{"action":"b","mode":"async","parameters":"http","path_prefix":"/a/","forward_headers":["Cookie"],
                "retries":5},
                "c":{"action":"d","api_host":"http://[::1]:3233","service_token":"alice:wonderland","result":false,
                "on_timeout":"accept","timeout":1,"max_req_body_size":1,"upstream":"u"}}}"#
                .to_vec(),
        ),
    ]
}
