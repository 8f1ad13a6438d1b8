//! Requests that should not be.

use fastrand::Rng;
use serde_json::json;

use crate::bootstrap::SMALL;
use crate::case::{Case, Kind, Then, Tickets};
use crate::expected::Expected;
use crate::good::{post, with_id};
use crate::random::{any_bytes, word};
use crate::request::Request;
use crate::script::Script;
use crate::ticket::Ticket;
use crate::upstream::NOBODYS;

const RESERVED: &str = "Request defines parameters that are not allowed (e.g., reserved properties).";

/// One of them.
pub fn case(random: &mut Rng, tickets: impl Tickets) -> Case {
    let ticket = &tickets(Script::Echo);
    let (request, expected) = match random.usize(1..=12) {
        1 => malformed(random, ticket),
        2 => (post("/http?a=1&__ow_user=root", ticket), Expected::says(400, RESERVED, ticket)),
        3 => {
            let request = post("/http", ticket).header("content-type", "application/json");
            let body =
                *random.choice(&["{\"__ow_method\":\"get\"}", "{\"a\":1,\"\\u005f_ow_\":2}"]).expect("not empty");
            (request.body(body), Expected::says(400, RESERVED, ticket))
        }
        4 => {
            let size = random.usize(SMALL + 1..=8 * SMALL);
            let request = post("/small", ticket).body(any_bytes(random, size));
            let request = if random.bool() { request.chunked(random.clone()) } else { request };
            let sentence = format!("the body of the request is larger than {SMALL} bytes");
            (request, Expected::says(413, &sentence, ticket))
        }
        5 => refused_by_openwhisk(random, ticket),
        6 => strange_headers(random, ticket),
        7 => strange_id(random),
        8 => long_query(random, ticket),
        9 => {
            let request = post("/echo", ticket).header("x-long", word(random, 70_000));
            return refused_by_envoy(&request.bytes().0, 431);
        }
        10 => deep(random, ticket),
        11 => {
            let request = post("/echo", ticket).body(vec![b' '; 1_300_000]);
            let request = if random.bool() { request.chunked(random.clone()) } else { request };
            return refused_by_envoy(&request.bytes().0, 413);
        }
        _ => {
            let size = random.usize(0..=2000);
            // The first one is no line end: Envoy waits for what comes behind those.
            return refused_by_envoy(&[b"\xff", any_bytes(random, size).as_slice(), b"\r\n\r\n"].concat(), 400);
        }
    };
    Case::answered(Kind::Hostile, request, expected, random)
}

fn malformed(random: &mut Rng, ticket: &Ticket) -> (Request, Expected) {
    let bodies: [&[u8]; 7] = [b"{", b"{\"a\":}", b"{\"a\":1}}", b"[1,]", b"\xff\xfe", b"{\"a\":\"\n\"}", b"\0"];
    let request = post("/http", ticket)
        .header("content-type", "application/json")
        .body(*random.choice(&bodies).expect("not empty"));
    (request, Expected::says(400, "the body of the request is not JSON: ", ticket).and_more())
}

/// With the body as parameters it is `OpenWhisk` that finds them malformed.
fn refused_by_openwhisk(random: &mut Rng, ticket: &Ticket) -> (Request, Expected) {
    let size = random.usize(0..=5000);
    let body = [b"\xff", any_bytes(random, size).as_slice()].concat();
    let error = json!({ "error": "The request content was malformed.", "code": ticket.to_string() });
    (post("/echo", ticket).body(body), Expected::json(400, error.to_string()))
}

/// Bytes that are not UTF-8, credentials, and headers of the connection.
fn strange_headers(random: &mut Rng, ticket: &Ticket) -> (Request, Expected) {
    let odd: Vec<u8> = any_bytes(random, 20).iter().map(|byte| byte | 0x80).collect();
    let request = with_id("GET", "/credentials", ticket)
        .header("x-odd", odd.clone())
        .header("authorization", "Basic c2VjcmV0")
        .header("proxy-authorization", "Basic c2VjcmV0")
        .header("cookie", "a=1")
        .header("te", "trailers");
    let headers = json!({
        "host": "gateway.example", "x-request-id": ticket.to_string(), "x-soak": ticket.to_string(), "cookie": "a=1",
        "x-forwarded-proto": "http", "x-envoy-external-address": "127.0.0.1", "x-odd": String::from_utf8_lossy(&odd),
    });
    let parameters =
        json!({ "__ow_method": "get", "__ow_path": "/credentials", "__ow_query": "", "__ow_headers": headers });
    (request, Expected::value(200, json!({ "echo": parameters })).about(ticket))
}

/// A request id that cannot be handed on.
fn strange_id(random: &mut Rng) -> (Request, Expected) {
    let id: Vec<u8> = any_bytes(random, 20).iter().map(|byte| byte | 0x80).collect();
    let request = |path| Request::new("POST", path).header("x-request-id", id);
    if random.bool() {
        let sentence = format!("the body of the request is larger than {SMALL} bytes");
        return (
            request("/small").body(any_bytes(random, SMALL + 1)),
            Expected::says(413, &sentence, &NOBODYS).without_code(),
        );
    }
    let body = json!({ "unique": word(random, 20) }).to_string();
    let expected = Expected::json(200, format!("{{\"echo\":{body}}}")).about(&NOBODYS);
    (request("/echo").body(body), expected)
}

/// As much as Envoy takes.
fn long_query(random: &mut Rng, ticket: &Ticket) -> (Request, Expected) {
    let value = word(random, 50_000);
    let query = format!("a={value}&{}", "b=%&".repeat(500));
    let headers = json!({
        "host": "gateway.example", "x-request-id": ticket.to_string(), "x-soak": ticket.to_string(),
        "x-forwarded-proto": "http", "x-envoy-external-address": "127.0.0.1",
    });
    let parameters = json!({
        "a": value, "b": "%", "__ow_method": "get", "__ow_path": "", "__ow_query": query, "__ow_headers": headers,
    });
    (
        with_id("GET", format!("/http?{query}"), ticket),
        Expected::value(200, json!({ "echo": parameters })).about(ticket),
    )
}

/// JSON of any depth is handed on.
fn deep(random: &mut Rng, ticket: &Ticket) -> (Request, Expected) {
    let depth = random.usize(1..=100);
    let value = format!("{{\"deep\":{}\"{ticket}\"{}}}", "[".repeat(depth), "]".repeat(depth));
    (post("/echo", ticket).body(value.clone()), Expected::json(200, format!("{{\"echo\":{value}}}")).about(ticket))
}

/// Envoy answers and closes before it has taken all of it, so that the client may not get the answer.
fn refused_by_envoy(bytes: &[u8], status: u16) -> Case {
    let then = Then::Peek(Expected::of_envoy(status));
    Case { kind: Kind::Hostile, method: "POST", bytes: bytes.to_vec(), close: true, then }
}
