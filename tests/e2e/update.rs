//! Configurations that change while requests are under way.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use corpus::Reply;
use serde_json::{Value, json};
use testbed::PATIENCE;
use testbed::client::{Session, get};
use testbed::envoy::Options;
use testbed::script::Script;
use testbed::upstream::Upstream;

use crate::discovery::{Discovered, Discovery, SITE};
use crate::load::{Got, Load, Request, count, echoes};
use crate::stage::Plan;

/// How often the configuration changes under load; as often again without a wait in between.
const UPDATES: usize = 10;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for (discovery, name) in [(Discovery::Lds, "lds"), (Discovery::Ecds, "ecds")] {
        let test = |test: &str| format!("update::{name}::{test}");
        plan.test_alone(&test("a_wrong_one_is_rejected_and_the_old_one_serves"), move || good_and_bad(discovery));
        plan.test_alone(&test("a_wrong_one_at_the_start_serves_nobody"), move || bad_from_the_start(discovery));
        for workers in [1, 2] {
            let name = test(&format!("one_after_the_other_under_load_with_{workers}_workers"));
            plan.test_alone(&name, move || under_load(discovery, workers));
        }
    }
    plan.test_alone("update::lds::a_drain_time_below_that_of_a_call_cuts_it_off", short_drain);
}

/// Which action answers is the configuration's to say, so an answer tells by which it came about.
fn action(number: usize) -> Value {
    json!({ "action": format!("action-{number}") })
}

fn name(number: usize) -> String {
    format!("action-{number}")
}

/// The action that answers the next request of a session.
fn ask(session: &mut Session) -> String {
    answered(session.post("/hello", b"\"now\""))
}

fn ask_anew(port: u16) -> String {
    ask(&mut Session::connect(port).expect("something listens"))
}

fn answered(reply: io::Result<Reply>) -> String {
    let reply = reply.unwrap_or_else(|error| panic!("no valid reply: {error}"));
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(reply.status, 200, "{body}");
    body["action"].as_str().unwrap_or_else(|| panic!("no echo: {body}")).to_owned()
}

/// Waits until new connections are served by an action, and until then by another.
fn wait_for_action(port: u16, old: &str, new: &str) {
    let start = Instant::now();
    loop {
        let action = ask_anew(port);
        if action == new {
            return;
        }
        assert_eq!(action, old);
        assert!(start.elapsed() < PATIENCE, "{action} still serves");
    }
}

/// Echoes, but holds the calls for that until they are let go.
fn holds(release: mpsc::Receiver<()>) -> Script {
    let (release, echoes) = (Mutex::new(release), echoes());
    Arc::new(move |call, connection| {
        if call.body == b"\"held\"" {
            release.lock().expect("not poisoned").recv().map_err(io::Error::other)?;
        }
        echoes(call, connection)
    })
}

/// A request whose call has reached the upstream, where it is held.
fn hold(port: u16, upstream: &Upstream) -> JoinHandle<io::Result<Reply>> {
    let held = |calls: &[corpus::Call]| calls.iter().filter(|call| call.body == b"\"held\"").count();
    let before = held(&upstream.seen().calls);
    let client = thread::spawn(move || Session::connect(port)?.post("/hello", b"\"held\""));
    upstream.wait("the call", |seen| held(&seen.calls) > before);
    client
}

fn good_and_bad(discovery: Discovery) {
    let (release, released) = mpsc::channel();
    let upstream = Upstream::start(holds(released));
    // Envoy may end a connection of an old listener with any reply, the sooner the shorter the drain time is.
    let options = Options { drain_seconds: 1_000_000, ..Options::default() };
    let mut discovered = Discovered::start(discovery, upstream.address(), action(1), &options);
    let port = discovered.port();
    let mut session = Session::connect(port).expect("something listens");
    assert_eq!(ask(&mut session), name(1));

    let pending = hold(port, &upstream);
    discovered.update(action(2));
    discovered.wait_for("update_success", 2);
    wait_for_action(port, &name(1), &name(2));
    // With a listener a connection keeps its configuration, with a filter a request does.
    let kept = if discovery == Discovery::Lds { name(1) } else { name(2) };
    assert_eq!(ask(&mut session), kept, "on a connection from before");
    release.send(()).expect("it is held");
    assert_eq!(answered(pending.join().expect("a client")), name(1), "the call from before");

    let bad = [
        (json!({ "timeout": 0 }), "openwhisk: `timeout` is 0, expected"),
        (json!({ "tiemout": 1000 }), "openwhisk: unknown attribute `tiemout`, expected one of"),
        (json!({ "action": null }), "openwhisk: `action` is missing"),
        (json!({ "routes": { "r": { "mode": "fast" } } }), "openwhisk: `routes.r.mode` is \"fast\", expected"),
    ];
    let count = u64::try_from(bad.len()).expect("a few");
    for (rejected, (attributes, sentence)) in (1..).zip(bad) {
        let pending = hold(port, &upstream);
        discovered.update(attributes);
        discovered.wait_for("update_rejected", rejected);
        discovered.envoy.check_logged(&[sentence]);
        assert_eq!((ask_anew(port), ask(&mut session)), (name(2), kept.clone()), "after {sentence:?}");
        release.send(()).expect("it is held");
        assert_eq!(answered(pending.join().expect("a client")), name(2), "the call during {sentence:?}");
    }
    discovered.replace_file("{\"resources\":[{");
    discovered.wait_for("update_failure", 1);
    assert_eq!((ask_anew(port), ask(&mut session)), (name(2), kept), "after half a file");

    discovered.update(action(3));
    wait_for_action(port, &name(2), &name(3));
    discovered.wait_for("update_success", 3);
    discovered.wait_for("update_rejected", count);
    assert_eq!(discovered.envoy.complaints(), Vec::<String>::new());
}

fn bad_from_the_start(discovery: Discovery) {
    let upstream = Upstream::start(echoes());
    let mut discovered = Discovered::start(discovery, upstream.address(), json!({ "timeout": 0 }), &Options::default());
    discovered.wait_for("update_rejected", 1);
    match discovery {
        Discovery::Lds => assert_eq!(discovered.envoy.ports().get(SITE), None),
        Discovery::Ecds => {
            let reply = get(discovered.port(), "/hello");
            assert_eq!((reply.status, reply.body.as_slice()), (500, &b""[..]), "Envoy's own");
        }
    }
    assert_eq!(upstream.seen().calls, []);
    discovered.update(action(1));
    discovered.wait_for("update_success", 1);
    assert_eq!(ask_anew(discovered.port()), name(1));
    assert_eq!(discovered.envoy.complaints(), Vec::<String>::new());
}

fn under_load(discovery: Discovery, workers: usize) {
    let upstream = Upstream::start(echoes());
    let options = Options { workers, ..Options::default() };
    let mut discovered = Discovered::start(discovery, upstream.address(), action(0), &options);
    let load = Load::start(discovered.port());
    load.wait_for_echoes(Instant::now(), 1);
    for number in 1..=UPDATES {
        let since = Instant::now();
        discovered.update(action(number));
        load.wait(since, &name(number), |requests| {
            requests.iter().any(|request| request.got == Got::Echo(name(number)))
        });
    }
    for number in UPDATES + 1..=2 * UPDATES {
        discovered.update(action(number));
    }
    let last = Got::Echo(name(2 * UPDATES));
    load.wait(Instant::now(), "the last", |requests| {
        let is_served =
            |client: &usize| requests.iter().any(|request| request.client == *client && request.got == last);
        // The other half has connections from before.
        (0..crate::load::CLIENTS)
            .filter(|client| discovery == Discovery::Ecds || client % 2 == 1)
            .all(|client| is_served(&client))
    });
    let requests = load.stop();
    println!("{discovery:?}, {workers} workers, {} requests: {:?}", requests.len(), count(&requests));
    check_order(discovery, &requests);
    discovered.wait_for("update_rejected", 0);
    assert_eq!(discovered.envoy.complaints(), Vec::<String>::new());
}

/// None is lost, each belongs to one configuration, and on no connection an older one follows a newer one.
fn check_order(discovery: Discovery, requests: &[Request]) {
    let mut latest = BTreeMap::new();
    for request in requests {
        let number = match &request.got {
            Got::Echo(action) => action.strip_prefix("action-").and_then(|number| number.parse::<usize>().ok()),
            _ => None,
        };
        let Some(number) = number else { panic!("{request:?}") };
        let latest = latest.entry((request.client, request.connection)).or_insert(number);
        let is_right = if discovery == Discovery::Lds { number == *latest } else { number >= *latest };
        assert!(is_right, "configuration {number} after {latest}: {request:?}");
        *latest = number;
    }
}

/// At the end of the drain time Envoy closes the connections of the old listener, whatever is under way.
fn short_drain() {
    let (release, released) = mpsc::channel();
    let upstream = Upstream::start(holds(released));
    let options = Options { drain_seconds: 1, ..Options::default() };
    let mut discovered = Discovered::start(Discovery::Lds, upstream.address(), action(1), &options);
    let port = discovered.port();
    let pending = hold(port, &upstream);
    discovered.update(action(2));
    let reply = pending.join().expect("a client");
    // Not the client's own patience came to its end.
    assert!(reply.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock), "{reply:?}");
    release.send(()).expect("it is held");
    assert_eq!(ask_anew(port), name(2));
    assert_eq!(discovered.envoy.complaints(), Vec::<String>::new());
}
