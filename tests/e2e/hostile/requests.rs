//! What a request costs where the action gets it whole (`parameters: "http"`): what its body becomes is bounded like the body,
//! and no VM traps.

use serde_json::json;

use super::{BESIDES, Gateway, MIB, megabytes};
use testbed::client::Session;
use testbed::script;
use testbed::upstream::Upstream;

use crate::stage::Plan;

/// The attribute `max_req_body_size`, and with it what the listener takes.
const LISTENER: usize = 64 * MIB;

/// The most that a call has.
const LIMIT: usize = 50 * MIB;

/// The sizes of bodies, in bytes.
const SIZES: [usize; 3] = [4 * MIB, 16 * MIB, 40 * MIB];

/// A byte that a body is full of, and what the action gets for each.
type Shape = (&'static str, &'static str, u8, usize);

const SHAPES: [Shape; 5] = [
    ("a form that is not UTF-8", "application/x-www-form-urlencoded", 0xff, 3),
    ("a form of empty fields", "application/x-www-form-urlencoded", b'&', 0),
    ("a text of NUL", "text/plain", 0, 6),
    ("a text that is not UTF-8", "text/plain", 0xff, 3),
    ("bytes", "application/octet-stream", 0, 2),
];

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for shape in SHAPES {
        let name = format!("hostile::memory_of_a_request::{}", shape.0.replace(' ', "_"));
        plan.test_alone(&name, move || costs(shape));
    }
}

fn costs((about, content_type, byte, each): Shape) {
    let openwhisk = Upstream::start(script::result("{}"));
    let mut wrong = Vec::new();
    for size in SIZES {
        let gateway = Gateway::new(&openwhisk, json!({ "parameters": "http", "max_req_body_size": LISTENER }));
        let mut session = Session::connect(gateway.port).expect("something listens");
        let mut ask = |size: usize| {
            let reply = session.post_as(content_type, "/hello", &vec![byte; size]).expect(about);
            (reply.status, String::from_utf8_lossy(&reply.body).into_owned())
        };
        assert_eq!(ask(1).0, 200, "{about}");
        let memory = gateway.memory();
        memory.forget_peak();
        let (status, body) = ask(size);
        let peak = memory.peak();
        println!("{about:40} {:3} MB: {status}, {:4} MB more", megabytes(size as u64), megabytes(peak));
        let becomes = if each == 2 { size.div_ceil(3) * 4 } else { size * each };
        let expected = if becomes > LIMIT { 413 } else { 200 };
        if status != expected {
            wrong.push(format!("{status} for {size} bytes: {body:.200}"));
        }
        if peak > 3 * size.max(becomes.min(LIMIT)) as u64 + BESIDES {
            wrong.push(format!("{size} bytes cost {peak}"));
        }
        gateway.check();
    }
    assert_eq!(wrong, Vec::<String>::new(), "{about}");
}
