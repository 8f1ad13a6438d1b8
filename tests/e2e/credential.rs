//! Keys that the cluster adds to the calls, in configurations that `openwhisk-envoy --key-file` prints: how they are
//! replaced while Envoy runs, and what a bad one does.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::{API_KEY, BEARER, GUEST};
use h2::Reason;
use openwhisk_envoy::{Protocol, sds};
use serde_json::{Value, json};
use testbed::PATIENCE;
use testbed::client::get;
use testbed::envoy::{Envoy, Options};
use testbed::http1;
use testbed::http2::Part;
use testbed::openwhisk::{Action, OpenWhisk};
use testbed::script::{Script, answer, once, result, sends};
use testbed::upstream::Upstream;

use crate::bootstrap::{self, Line, rendered_with_keys};
use crate::key_file::{KeyFile, put, renderer};
use crate::load::{Got, Load, count, echoes};
use crate::stage::{Plan, config};

/// How often the key is replaced under load.
const ROTATIONS: usize = 100;

/// How often it is looked whether a key is used.
pub const POLL: Duration = Duration::from_millis(5);

/// Keys that are both valid, as while one is replaced by the other.
const KEYS: [&str; 2] = ["user:old-key", "user:new-key"];

/// A key that nobody knows.
const WRONG: &str = "user:wrong-key";

/// What a client gets where the key is wrong.
const REFUSED: &str = "The supplied authentication is invalid";

/// What the log says then.
const REFUSED_LOGGED: &[&str] = &["401: openwhisk asks for a key", "the one that the cluster adds"];

/// What a client gets where there is no key, or one that cannot be sent.
const UNREACHABLE: &str = "openwhisk cannot be reached";

/// What the log says where there is none.
pub const NO_KEY_LOGGED: &[&str] =
    &["503: the host refuses calls to the upstream", "one that the proxy should add and does not have"];

/// What the log says of one that cannot be sent.
const UNSENDABLE_LOGGED: &[&str] =
    &["503: no answer from the upstream", "the one that the proxy adds", "invalid header value for: authorization"];

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("credential::a_new_key_is_used_without_a_restart", replaced);
    for (workers, protocol) in [(1, Protocol::Http1), (2, Protocol::Http1), (2, Protocol::Http2)] {
        let name = format!("credential::no_call_fails_while_keys_rotate_with_{workers}_workers_over_{protocol:?}");
        plan.test_alone(&name, move || rotation(workers, protocol));
    }
    plan.test_alone("credential::each_cluster_adds_its_own_key", several);
    plan.test_alone("credential::a_call_that_is_tried_again_has_the_key_again", tried_again);
    plan.test_alone("credential::a_bad_key_under_load_is_one_clear_error", bad_keys_under_load);
    plan.test_alone("credential::without_the_file_that_names_the_key_envoy_does_not_start", no_sds_at_start);
    plan.test_alone("credential::authorization_and_call_headers_may_be_in_the_environment", environment);
    for (about, make, error, logged) in AT_START {
        let name = format!("credential::at_the_start::{about}");
        plan.test_alone(&name, move || bad_key_at_start(*make, *error, logged));
    }
}

/// An Envoy whose cluster adds the key of a file, in front of this port.
fn envoy(protocol: Protocol, port: u16, key: &KeyFile, options: &Options) -> Envoy {
    let configuration = configuration(protocol, port, key);
    Envoy::start_with(&configuration, options).unwrap_or_else(|error| panic!("{error}"))
}

fn configuration(protocol: Protocol, port: u16, key: &KeyFile) -> Value {
    let attributes = json!({ "api_host": format!("http://127.0.0.1:{port}") });
    rendered_with_keys(protocol, &attributes, &[key.path()])
}

/// Waits until a call gets a status, and before that another one.
pub fn wait_for(port: u16, old: u16, new: u16) -> Duration {
    let is_new = || {
        let reply = get(port, "/");
        assert!([old, new].contains(&reply.status), "{}", String::from_utf8_lossy(&reply.body));
        reply.status == new
    };
    wait(is_new, "another status")
}

/// Waits until something is so: how long that took.
pub fn wait(is_so: impl Fn() -> bool, what: &str) -> Duration {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(POLL);
    }
    started.elapsed()
}

fn replaced() {
    let openwhisk = OpenWhisk::start().unwrap_or_else(|error| panic!("{error}"));
    let action = Action { package: None, name: "hello".to_owned(), code: "const main = () => ({});".to_owned() };
    openwhisk.create(&action).unwrap_or_else(|error| panic!("{error}"));
    let key = KeyFile::of(WRONG);
    let mut envoy = envoy(Protocol::Http1, openwhisk.port, &key, &Options::default());
    let port = envoy.only_port();
    assert_eq!(get(port, "/").status, 401);
    envoy.check_logged(REFUSED_LOGGED);
    for (token, old, new) in [(GUEST, 401, 200), (WRONG, 200, 401), (GUEST, 401, 200)] {
        key.write(token);
        println!("{new} after {:?}", wait_for(port, old, new));
    }
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

/// Answers calls with one of these keys, and tells which it was; refuses others.
fn guarded(keys: &[&str], then: Script) -> (Script, Arc<AtomicUsize>) {
    let keys: Vec<_> = keys.iter().map(|key| basic(key).into_bytes()).collect();
    let body = json!({ "code": "1", "error": REFUSED }).to_string();
    let refuses = sends(answer(401, &[("content-type", "application/json")], body.as_bytes()));
    let last = Arc::new(AtomicUsize::new(usize::MAX));
    let used = Arc::clone(&last);
    let script: Script = Arc::new(move |call, connection| {
        let given = http1::values(&call.headers, "authorization");
        let [given] = given[..] else { return refuses(call, connection) };
        let Some(key) = keys.iter().position(|key| key == given) else { return refuses(call, connection) };
        used.store(key, Ordering::SeqCst);
        then(call, connection)
    });
    (script, last)
}

fn basic(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(token))
}

fn rotation(workers: usize, protocol: Protocol) {
    let (script, last) = guarded(&KEYS, echoes());
    let upstream = Upstream::speaking(protocol, script);
    let key = KeyFile::of(KEYS[0]);
    let mut envoy = envoy(protocol, upstream.port, &key, &Options { workers, ..Options::default() });
    let load = Load::start(envoy.only_port());
    load.wait_for_echoes(Instant::now(), 1);
    let mut longest = Duration::ZERO;
    for number in 1..=ROTATIONS {
        let new = number % KEYS.len();
        key.write(KEYS[new]);
        longest = longest.max(wait(|| last.load(Ordering::SeqCst) == new, "a call with the new key"));
    }
    let requests = load.stop();
    println!("{protocol:?}, {workers} workers, {} requests, used {longest:?} later at most", requests.len());
    assert_eq!(count(&requests).into_keys().collect::<Vec<_>>(), [&Got::Echo("hello".to_owned())]);
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

fn several() {
    let keys = KEYS.map(KeyFile::of);
    let own = "user:key-of-a-route";
    let upstreams = [KEYS[0], KEYS[1], own].map(|key| Upstream::start(guarded(&[key], result("{}")).0));
    let route = |number: usize| {
        let api_host = format!("http://127.0.0.1:{}", upstreams[number].port);
        json!({ "api_host": api_host, "upstream": format!("cluster-{number}") })
    };
    let mut routes = json!({ "first": route(0), "second": route(1), "third": route(2) });
    routes["third"]["service_token"] = json!(own);
    let files = [0, 1].map(|number| format!("cluster-{number}={}", keys[number].path()));
    let attributes = json!({ "routes": routes });
    let mut envoy = Envoy::start(&rendered_with_keys(Protocol::Http1, &attributes, &[&files[0], &files[1]]));
    let port = envoy.only_port();
    let statuses = || ["/first", "/second", "/third"].map(|path| get(port, path).status);
    assert_eq!(statuses(), [200; 3]);
    keys[1].write(WRONG);
    wait(|| statuses() == [200, 401, 200], "the wrong key");
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

fn tried_again() {
    let resets: Script = Arc::new(|_, connection| connection.part(Part::Reset(Reason::REFUSED_STREAM)));
    let upstream = Upstream::speaking(Protocol::Http2, once(resets, guarded(&KEYS[..1], result("{}")).0));
    let key = KeyFile::of(KEYS[0]);
    let api_host = format!("http://127.0.0.1:{}", upstream.port);
    let attributes = json!({ "api_host": api_host, "retries": 5 });
    let mut envoy = Envoy::start(&rendered_with_keys(Protocol::Http2, &attributes, &[key.path()]));
    assert_eq!(get(envoy.only_port(), "/").status, 200);
    let calls = upstream.seen().calls;
    let keys: Vec<_> = calls.iter().map(|call| http1::values(&call.headers, "authorization")).collect();
    assert_eq!(keys, [[basic(KEYS[0]).as_bytes()]; 2]);
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

/// What becomes of a good key, how, and what a client may get then.
type Bad<'a> = (&'a str, &'a dyn Fn(), &'a [&'a Got]);

fn bad_keys_under_load() {
    let (script, _) = guarded(&KEYS[..1], echoes());
    let upstream = Upstream::forgetful(script);
    let key = KeyFile::of(KEYS[0]);
    let mut envoy = envoy(Protocol::Http1, upstream.port, &key, &Options { workers: 2, ..Options::default() });
    let load = Load::start(envoy.only_port());
    load.wait_for_echoes(Instant::now(), 1);
    let echo = Got::Echo("hello".to_owned());
    let refused = Got::Error(401, REFUSED.to_owned());
    let unreachable = Got::Error(503, UNREACHABLE.to_owned());
    let nowhere = sds("/nowhere/key").expect("YAML");
    let bad: [Bad<'_>; 12] = [
        ("a wrong one", &|| key.write(WRONG), &[&refused]),
        ("none", &|| fs::remove_file(key.path()).expect("removed"), &[&echo]),
        ("an empty file", &|| key.replace(""), &[&unreachable]),
        ("a folder", &|| into_folder(&key), &[&unreachable]),
        ("a line break", &|| key.replace(basic(KEYS[0]) + "\r\nx-evil: 1"), &[&unreachable]),
        // Envoy 1.40 drops it.
        ("a line break at the end", &|| key.replace(basic(WRONG) + "\n"), &[&refused, &unreachable]),
        ("what no header may have", &|| key.replace([0, 255]), &[&unreachable]),
        ("a key that is not encoded", &|| key.replace(KEYS[0]), &[&refused]),
        ("what is not base64", &|| key.replace("Basic %"), &[&refused]),
        // Once Envoy has a key it keeps it.
        ("no file that names it", &|| fs::remove_file(key.sds()).expect("removed"), &[&echo]),
        ("what is no YAML", &|| put(&key.sds(), "{"), &[&echo]),
        ("the name of a file that is not there", &|| put(&key.sds(), &nowhere), &[&echo]),
    ];
    for (about, make, expected) in bad {
        let since = Instant::now();
        make();
        load.wait(since, about, |requests| requests.iter().any(|request| expected.contains(&&request.got)));
        // Fails where it is a file.
        let _ = fs::remove_dir(key.path());
        key.write(KEYS[0]);
        load.wait(Instant::now(), "the right key", |requests| requests.iter().any(|request| request.got == echo));
    }
    // Until no worker has an older one.
    load.wait_for_echoes(Instant::now(), 2);
    let requests = load.stop();
    println!("{} requests: {:?}", requests.len(), count(&requests));
    for got in count(&requests).into_keys() {
        assert!([&echo, &refused, &unreachable].contains(&got), "{got:?}");
    }
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

fn into_folder(key: &KeyFile) {
    fs::remove_file(key.path()).and_then(|()| fs::create_dir(key.path())).expect("a folder in its place");
    // Envoy looks when something is moved there.
    put(&Path::new(key.path()).with_extension("other"), "");
}

fn environment() {
    let variable = "$ENV://OPENWHISK_TOKEN";
    let cases = [
        (BEARER, json!({ "service_token": null, "authorization": variable }), "authorization"),
        (API_KEY, json!({ "call_headers": { "x-api-key": variable } }), "x-api-key"),
    ];
    for (token, attributes, name) in cases {
        let upstream = Upstream::start(result("{}"));
        let line = Line::of("environment", attributes, upstream.address());
        let mut envoy = bootstrap::envoy(&[line], &Options { token, ..Options::default() });
        assert_eq!(get(envoy.only_port(), "/hello").status, 200);
        assert_eq!(http1::values(&upstream.seen().calls[0].headers, name), [token.as_bytes()]);
        assert!(!envoy.log().contains(token), "{name}");
        assert_eq!(envoy.complaints(), Vec::<String>::new());
    }
}

fn no_sds_at_start() {
    let key = KeyFile::missing();
    let (status, log) = Envoy::run(&configuration(Protocol::Http1, 1, &key)).unwrap_or_else(|error| panic!("{error}"));
    assert!(!status.success() && log.contains(key.sds().to_str().expect("UTF-8")), "{log}");
}

/// What is wrong at the start, what a client gets then, and what the log says.
type AtStart = (&'static str, fn(&KeyFile), (u16, &'static str), &'static [&'static str]);

const AT_START: &[AtStart] = &[
    ("no_key", |key| fs::remove_file(key.path()).expect("removed"), (503, UNREACHABLE), NO_KEY_LOGGED),
    ("an_empty_key", |key| key.replace(""), (503, UNREACHABLE), NO_KEY_LOGGED),
    ("an_empty_file_that_names_the_key", |key| put(&key.sds(), ""), (503, UNREACHABLE), NO_KEY_LOGGED),
    ("no_yaml_that_names_the_key", |key| put(&key.sds(), "{"), (503, UNREACHABLE), NO_KEY_LOGGED),
    ("a_key_with_a_line_break", |key| key.replace(basic("a:b") + "\nc"), (503, UNREACHABLE), UNSENDABLE_LOGGED),
    ("a_key_that_is_not_encoded", |key| key.replace(KEYS[0]), (401, REFUSED), REFUSED_LOGGED),
];

fn bad_key_at_start(make: fn(&KeyFile), (status, error): (u16, &str), logged: &[&str]) {
    let (script, _) = guarded(&KEYS[..1], result("{}"));
    let upstream = Upstream::start(script);
    let key = KeyFile::of(KEYS[0]);
    make(&key);
    // What can be known of it before Envoy is started is told then.
    let config = config("openwhisk", json!({ "service_token": null }));
    let check = renderer(&["--key-file", key.path(), "--check-keys"], &config);
    let told = String::from_utf8_lossy(&check.stderr);
    assert!(!check.status.success() && told.contains(key.path()), "{told}");
    let is_missing = !Path::new(key.path()).is_file();
    let mut envoy = envoy(Protocol::Http1, upstream.port, &key, &Options::default());
    let port = envoy.only_port();
    let reply = get(port, "/");
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!((reply.status, &body["error"]), (status, &json!(error)), "{}", envoy.log());
    envoy.check_logged(logged);
    // Envoy 1.36 looks for a file that is missing only once.
    if !is_missing {
        key.write(KEYS[0]);
        wait_for(port, status, 200);
    }
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}
