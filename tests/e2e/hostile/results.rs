//! What a result costs: the process grows by three times its bytes and a constant at most, whatever it is made of, and no VM
//! traps.

use std::sync::Arc;

use corpus::Reply;
use serde_json::json;

use super::{BESIDES, Gateway, MIB, megabytes};
use testbed::client::Session;
use testbed::script::answer;
use testbed::upstream::Upstream;

use crate::stage::Plan;

/// The largest answer that is read.
const LARGEST: usize = 16 * MIB;

/// The sizes of answers, in bytes.
const SIZES: [usize; 3] = [MIB, 4 * MIB, LARGEST];

const STATUS_CODE: &str = "`statusCode` must be a whole number from 200 to 599";
const HEADER_SIZE: &str = "`headers` must not be more than 93 lines or 60000 bytes";

/// An answer of `OpenWhisk` that is as large as it should be.
#[derive(Clone, Copy)]
struct Shape {
    about: &'static str,
    status: u16,
    text: Text,
    gets: Gets,
}

/// As often as there is room, `unit`s and then as many `close`s, with something around them.
#[derive(Clone, Copy)]
struct Text {
    before: &'static str,
    unit: &'static [u8],
    close: &'static str,
    after: &'static str,
}

/// What the client gets.
#[derive(Clone, Copy)]
enum Gets {
    /// 502 with this sentence.
    Error(&'static str),
    /// The answer as it is.
    AsItIs,
    /// The value of `body` as it stands in the answer.
    Body,
    /// This for each unit.
    Each(&'static [u8]),
}

impl Text {
    const fn new(before: &'static str, unit: &'static [u8], after: &'static str) -> Self {
        Self { before, unit, close: "", after }
    }

    /// How often its unit fits in.
    const fn count(&self, size: usize) -> usize {
        (size - self.before.len() - self.after.len()) / (self.unit.len() + self.close.len())
    }

    fn bytes(&self, size: usize) -> Vec<u8> {
        let count = self.count(size);
        let (units, closes) = (self.unit.repeat(count), self.close.repeat(count));
        [self.before.as_bytes(), &units, closes.as_bytes(), self.after.as_bytes()].concat()
    }
}

fn shapes() -> Vec<Shape> {
    let result = |about, text, gets| Shape { about, status: 200, text, gets };
    let of = Text::new;
    let nested = |before, after| Text { before, unit: b"[", close: "]", after };
    vec![
        result("plain", of("{\"a\":\"", b"x", "\"}"), Gets::AsItIs),
        result("plain, of many names", of("{", b"\"\":0,", "\"a\":0}"), Gets::AsItIs),
        result("plain, a name of escapes", of("{\"", b"\\n", "\":0}"), Gets::AsItIs),
        result("plain, nested", nested("", ""), Gets::AsItIs),
        result(
            "nested without an end",
            of("", b"[", ""),
            Gets::Error("the answer with status 200 is not one of openwhisk's API"),
        ),
        result("a statusCode of objects", of("{\"statusCode\":[", b"{\"\":0},", "0]}"), Gets::Error(STATUS_CODE)),
        result("a statusCode that is a text", of("{\"statusCode\":\"", b"2", "\"}"), Gets::Error(STATUS_CODE)),
        result("headers of one name", of("{\"headers\":{\"a\":[", b"0,", "0]}}"), Gets::Error(HEADER_SIZE)),
        result("headers of many names", of("{\"headers\":{", b"\"a\":0,", "\"a\":0}}"), Gets::Error(HEADER_SIZE)),
        result("headers of objects", of("{\"headers\":{\"a\":{", b"\"\":0,", "\"\":0}}}"), Gets::Error(HEADER_SIZE)),
        result("headers with a long value", of("{\"headers\":{\"a\":\"", b"x", "\"}}"), Gets::Error(HEADER_SIZE)),
        result("a body of escapes", of("{\"body\":\"", b"\\u00e9", "\"}"), Gets::Each("\u{e9}".as_bytes())),
        result("a body of short escapes", of("{\"body\":\"", b"\\n", "\"}"), Gets::Each(b"\n")),
        result("a body of base64", of("{\"isBase64Encoded\":true,\"body\":\"", b"AAAA", "\"}"), Gets::Each(&[0, 0, 0])),
        result("a nested body", nested("{\"body\":", "}"), Gets::Body),
        result(
            "not UTF-8",
            of("", b"\xff", ""),
            Gets::Error("the answer with status 200 is not one of openwhisk's API"),
        ),
        Shape {
            about: "an error with a statusCode of objects",
            status: 502,
            text: of("{\"error\":{\"statusCode\":[", b"{\"\":0},", "0]}}"),
            gets: Gets::Error(STATUS_CODE),
        },
        Shape {
            about: "an error of many names",
            status: 502,
            text: of("{\"error\":{", b"\"\":0,", "\"\":0}}"),
            gets: Gets::AsItIs,
        },
    ]
}

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for shape in shapes() {
        let name = format!("hostile::memory_of_a_result::{}", shape.about.replace(", ", " ").replace(' ', "_"));
        plan.test_alone(&name, move || costs(shape));
    }
    plan.test_alone("hostile::memory_of_a_result::larger_than_is_read", too_large);
}

/// Answers with bytes of the shape, as many as the client asks for.
fn openwhisk(shape: Shape) -> Upstream {
    Upstream::start(Arc::new(move |call, connection| {
        let size = String::from_utf8_lossy(&call.body).parse().unwrap_or_default();
        let headers = [("content-type", "application/json"), ("x-openwhisk-activation-id", "1")];
        connection.send(&answer(shape.status, &headers, &shape.text.bytes(size)))
    }))
}

fn costs(shape: Shape) {
    let openwhisk = openwhisk(shape);
    let gateway = Gateway::new(&openwhisk, json!({}));
    // One connection is one worker, whose memory is that of the largest answer so far.
    let mut session = Session::connect(gateway.port).expect("something listens");
    let ask = |session: &mut Session, size: usize| session.post("/hello", size.to_string().as_bytes());
    ask(&mut session, 1000).unwrap_or_else(|error| panic!("the first request: {error}"));
    let memory = gateway.memory();
    let mut wrong = Vec::new();
    for size in SIZES {
        memory.forget_peak();
        let reply = ask(&mut session, size);
        let peak = memory.peak();
        println!("{:40} {:3} MB: {:4} MB more", shape.about, megabytes(size as u64), megabytes(peak));
        if peak > 3 * size as u64 + BESIDES {
            wrong.push(format!("{size} bytes cost {peak}"));
        }
        match reply {
            Ok(reply) => wrong.extend(shape.check(size, &reply).err()),
            Err(error) => {
                wrong.push(format!("no reply to {size} bytes: {error}"));
                session = Session::connect(gateway.port).expect("something listens");
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "{}", shape.about);
    gateway.check();
}

impl Shape {
    /// Whether a reply is what the client should get for an answer of this size.
    fn check(&self, size: usize, reply: &Reply) -> Result<(), String> {
        let expected = match self.gets {
            Gets::Error(sentence) => {
                let body = String::from_utf8_lossy(&reply.body);
                let is_so = reply.status == 502 && body.contains(sentence);
                return if is_so { Ok(()) } else { Err(format!("{size} bytes: {} {body:.200}", reply.status)) };
            }
            Gets::AsItIs => self.text.bytes(size),
            Gets::Body => {
                let around = self.text.before.len() + self.text.after.len();
                Text { before: "", after: "", ..self.text }.bytes(size - around)
            }
            Gets::Each(unit) => unit.repeat(self.text.count(size)),
        };
        let is_so = reply.status == self.status && reply.body == expected;
        let found = || String::from_utf8_lossy(&reply.body[..reply.body.len().min(100)]).into_owned();
        if is_so { Ok(()) } else { Err(format!("{size} bytes: {} {} {}", reply.status, reply.body.len(), found())) }
    }
}

/// What is above the stated size is not read at all.
fn too_large() {
    let shape = shapes()[0];
    let openwhisk = openwhisk(shape);
    let gateway = Gateway::new(&openwhisk, json!({}));
    let mut session = Session::connect(gateway.port).expect("something listens");
    let mut ask = |size: usize| session.post("/hello", size.to_string().as_bytes()).expect("a reply");
    assert_eq!(ask(1000).status, 200);
    let memory = gateway.memory();
    memory.forget_peak();
    let reply = ask(LARGEST + 1);
    let peak = memory.peak();
    let body = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 502, "{body}");
    assert!(body.contains("the answer of openwhisk is larger than 16777216 bytes"), "{body}");
    assert!(body.contains("\"activationId\":\"1\""), "{body}");
    println!("{:40} {:3} MB: {:4} MB more", "larger than is read", megabytes(LARGEST as u64 + 1), megabytes(peak));
    assert!(peak <= LARGEST as u64 + BESIDES, "{peak} bytes");
    assert_eq!(ask(1000).status, 200);
    gateway.check();
}
