//! Requests that get what they ask for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::bootstrap::PLAIN;
use crate::case::{Case, Kind, Tickets};
use crate::expected::Expected;
use crate::random::{any_bytes, word};
use crate::request::Request;
use crate::script::{Script, bytes, large};
use crate::ticket::Ticket;

const JSON: &str = "application/json";

/// The size of the largest text in a body: with all around it a little less than the filter takes.
const MOST: usize = 1_048_000;

/// One of them.
pub fn case(random: &mut Rng, tickets: impl Tickets) -> Case {
    let (request, expected) = match random.usize(1..=100) {
        1..=35 => echo(random, &tickets(Script::Echo)),
        36..=40 => echo(random, &tickets(Script::StrangeHeader)),
        41..=65 => whole(random, &tickets(Script::Echo)),
        66..=70 => activation(random, &tickets(Script::Echo)),
        71..=75 => {
            let ticket = tickets(Script::Accepted);
            let body = json!({ "activationId": ticket.activation_id() }).to_string();
            (post("/async", &ticket).body(object(random, &ticket)), Expected::json(202, body).about(&ticket))
        }
        76..=79 => {
            let ticket = tickets(Script::Echo);
            let metadata = json!({ "name": "metadata", "ticket": ticket.to_string() }).to_string();
            (with_id("GET", "/metadata", &ticket), Expected::json(200, metadata))
        }
        80..=81 => {
            let ticket = tickets(Script::Large);
            (post("/echo", &ticket), Expected::json(200, large(&ticket)).about(&ticket))
        }
        82..=86 => {
            let ticket = tickets(Script::Text);
            let expected = Expected::bytes(201, "text/plain; charset=UTF-8", ticket.to_string())
                .header("x-ticket", ticket.to_string());
            (post("/echo", &ticket), expected.header("set-cookie", "a=1").header("set-cookie", "b=2").about(&ticket))
        }
        87..=91 => {
            let ticket = tickets(Script::Bytes);
            (post("/echo", &ticket), Expected::bytes(206, "image/png", bytes(&ticket)).about(&ticket))
        }
        92..=93 => {
            let ticket = tickets(Script::Empty);
            (post("/echo", &ticket), Expected::nothing(204).header("x-ticket", ticket.to_string()).about(&ticket))
        }
        94..=95 => {
            let ticket = tickets(Script::GatewayHeaders);
            let body = json!({ "ticket": ticket.to_string() }).to_string();
            (post("/echo", &ticket), Expected::json(200, body).header("x-ticket", ticket.to_string()).about(&ticket))
        }
        96..=97 => {
            let ticket = tickets(Script::Pauses);
            (post("/echo", &ticket), Expected::json(200, "{\"echo\":null}").about(&ticket))
        }
        _ => (with_id("GET", "/plain", &tickets(Script::Echo)), Expected::bytes(200, "text/plain", PLAIN)),
    };
    Case::answered(Kind::Good, request, expected, random)
}

/// A request with its ticket, and a header that nobody may hand on.
pub fn with_id(method: &'static str, target: impl Into<Vec<u8>>, ticket: &Ticket) -> Request {
    Request::new(method, target).header("x-request-id", ticket.to_string()).header("x-soak", ticket.to_string())
}

/// A request with a method that may have a body.
pub fn post(target: &str, ticket: &Ticket) -> Request {
    with_id("POST", target, ticket)
}

/// A JSON object that nobody else sends. Some are as large as can be, so that no larger one comes after the warm-up.
pub fn object(random: &mut Rng, ticket: &Ticket) -> String {
    let size = match random.usize(1..=400) {
        1..=2 => MOST,
        3..=20 => random.usize(1000..=60_000),
        _ => random.usize(0..=300),
    };
    json!({ "ticket": ticket.to_string(), "number": 1.5, "text": word(random, size), "list": [null, true] }).to_string()
}

/// The request with a body, in chunks or not.
fn sent(request: Request, body: impl Into<Vec<u8>>, random: &mut Rng) -> Request {
    let request = request.body(body);
    if random.usize(..4) == 0 { request.chunked(Rng::with_seed(random.u64(..))) } else { request }
}

/// The body of the request as parameters, byte for byte.
fn echo(random: &mut Rng, ticket: &Ticket) -> (Request, Expected) {
    let path = random.choice(&["/echo", "/echo/below?query=1", "/small"]).expect("not empty");
    let body = if *path == "/small" { json!([ticket.to_string()]).to_string() } else { object(random, ticket) };
    let expected = Expected::json(200, format!("{{\"echo\":{body}}}")).about(ticket);
    (sent(post(path, ticket), body, random), expected)
}

fn activation(random: &mut Rng, ticket: &Ticket) -> (Request, Expected) {
    let body = object(random, ticket);
    let id = ticket.activation_id();
    let record = format!("{{\"activationId\":\"{id}\",\"response\":{{\"echo\":{body}}}}}");
    (sent(post("/activation", ticket), body, random), Expected::json(200, record).about(ticket))
}

/// The whole request as parameters.
fn whole(random: &mut Rng, ticket: &Ticket) -> (Request, Expected) {
    let method = *random.choice(&["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]).expect("not empty");
    let path = format!("/{}/a%20b", word(random, 5));
    let (query, mut parameters) = query(random, ticket);
    let (mut request, mut headers) = (with_id(method, format!("/http{path}?{query}"), ticket), Map::new());
    for (name, value) in
        [("x-request-id", ticket.to_string()), ("x-soak", ticket.to_string()), ("host", "gateway.example".to_owned())]
    {
        headers.insert(name.to_owned(), value.into());
    }
    headers.insert("x-forwarded-proto".to_owned(), "http".into());
    headers.insert("x-envoy-external-address".to_owned(), "127.0.0.1".into());
    if !matches!(method, "GET" | "HEAD" | "DELETE") {
        let (content_type, body, fields) = body(random, ticket);
        parameters.extend(fields);
        headers.insert("content-type".to_owned(), content_type.into());
        request = sent(request.header("content-type", content_type), body, random);
    }
    parameters.insert("__ow_method".to_owned(), method.to_ascii_lowercase().into());
    parameters.insert("__ow_path".to_owned(), path.into());
    parameters.insert("__ow_query".to_owned(), query.into());
    parameters.insert("__ow_headers".to_owned(), headers.into());
    let expected = Expected::value(200, json!({ "echo": parameters })).about(ticket);
    (request, if method == "HEAD" { expected.only_head() } else { expected })
}

/// A body and the parameters it makes, with its type. Some are as large as can be.
fn body(random: &mut Rng, ticket: &Ticket) -> (&'static str, Vec<u8>, Map<String, Value>) {
    let size = if random.usize(..20) == 0 { MOST } else { random.usize(1..=300) };
    let text = word(random, size);
    let (content_type, body, fields) = match random.usize(1..=4) {
        1 => {
            let fields = json!({ "ticket": ticket.to_string(), "text": text, "n": [1.5] });
            (JSON, fields.to_string().into_bytes(), fields)
        }
        2 => {
            let form = format!("ticket={ticket}&text=none&text=%C3%BC+{text}");
            let fields = json!({ "ticket": ticket.to_string(), "text": format!("ü {text}") });
            ("application/x-www-form-urlencoded", form.into_bytes(), fields)
        }
        3 => ("text/plain", text.clone().into_bytes(), json!({ "__ow_body": text })),
        _ => {
            // In base64 they are a third larger, and may then be no larger than a body.
            let bytes = any_bytes(random, size.min(MOST / 4 * 3));
            let fields = json!({ "__ow_body": STANDARD.encode(&bytes) });
            ("application/octet-stream", bytes, fields)
        }
    };
    (content_type, body, fields.as_object().expect("an object").clone())
}

/// A query and the parameters it makes.
fn query(random: &mut Rng, ticket: &Ticket) -> (String, Map<String, Value>) {
    let mut query = format!("query-ticket={ticket}");
    let mut parameters = Map::new();
    parameters.insert("query-ticket".to_owned(), ticket.to_string().into());
    for _ in 0..random.usize(0..=5) {
        let (name, size) = (word(random, 3), random.usize(0..=12));
        let value = any_bytes(random, size);
        query.extend(["&", &name, "="]);
        query.extend(value.iter().map(|byte| format!("%{byte:02x}")));
        parameters.insert(name, String::from_utf8_lossy(&value).into());
    }
    (query, parameters)
}
