//! What others on the same worker feel of a large result: a measurement for docs/evidence.md, with no limit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Gateway, MIB};
use testbed::client::Session;
use testbed::script::result;
use testbed::upstream::Upstream;

use crate::stage::Plan;

/// How large the results are, in bytes. What is felt of the first is the machine's.
const SIZES: [usize; 5] = [1000, 64 << 10, MIB, 4 * MIB, 16 * MIB];

/// What they are made of.
const SHAPES: [(&str, &str, &str, &str); 4] = [
    ("one text", "{\"a\":\"", "x", "\"}"),
    ("many names", "{\"a\":0", ",\"\":0", "}"),
    ("a body of escapes", "{\"body\":\"", "\\u00e9", "\"}"),
    ("a body of base64", "{\"isBase64Encoded\":true,\"body\":\"", "AAAA", "\"}"),
];

/// How often each is asked for.
const TIMES: usize = 7;

/// How long a client rests between its requests.
const REST: Duration = Duration::from_millis(1);

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("hostile::others_are_served_while_a_large_result_comes", felt);
}

fn felt() {
    for (about, before, unit, after) in SHAPES {
        let openwhisk = Upstream::start(Arc::new(move |call, connection| {
            let size: usize = String::from_utf8_lossy(&call.body).parse().unwrap_or_default();
            let count = size.saturating_sub(before.len() + after.len()) / unit.len();
            result([before, &unit.repeat(count), after].concat())(call, connection)
        }));
        let gateway = Gateway::with(&openwhisk, json!({}), 1, |_| {});
        for size in SIZES {
            let mut delays: Vec<_> = (0..TIMES).map(|_| longest(gateway.port, size)).collect();
            delays.sort_unstable();
            println!("{about:20} {size:8} bytes: others wait {:6} us", delays[TIMES / 2].as_micros());
        }
        gateway.check();
    }
}

/// The longest that another client waited for a reply of Envoy itself while a result of this size came.
fn longest(port: u16, size: usize) -> Duration {
    let (is_over, is_served) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(2)));
    let (ends, served) = (Arc::clone(&is_over), Arc::clone(&is_served));
    let other = thread::spawn(move || {
        let mut session = Session::connect(port).expect("something listens");
        assert_eq!(session.post("/elsewhere", b"").expect("a reply").status, 404);
        served.wait();
        let mut longest = Duration::ZERO;
        while !ends.load(Ordering::SeqCst) {
            let asked = Instant::now();
            assert_eq!(session.post("/elsewhere", b"").expect("a reply").status, 404);
            longest = longest.max(asked.elapsed());
            thread::sleep(REST);
        }
        longest
    });
    let mut session = Session::connect(port).expect("something listens");
    is_served.wait();
    let reply = session.post("/hello", size.to_string().as_bytes()).expect("a reply");
    is_over.store(true, Ordering::SeqCst);
    assert_eq!(reply.status, 200);
    other.join().expect("all replies")
}
