//! Where a key is to be found, and where not: in all that a running Envoy tells, and in the memory of its VMs.

use corpus::{GUEST, forms};
use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::artifact;
use testbed::client::get;
use testbed::envoy::{Envoy, Options};
use testbed::script;
use testbed::upstream::Upstream;
use testbed::wasm_memory;

use crate::bootstrap::{rendered, rendered_with_keys};
use crate::credential::wait;
use crate::key_file::{KeyFile, renderer};
use crate::stage::Plan;

/// What the administration of Envoy tells.
const PAGES: &[&str] = &[
    "/certs",
    "/clusters",
    "/clusters?format=json",
    "/config_dump",
    "/config_dump?include_eds",
    "/config_dump?mask=bootstrap",
    "/config_dump?resource=dynamic_active_secrets",
    "/config_dump?resource=static_clusters",
    "/contention",
    "/help",
    "/init_dump",
    "/listeners?format=json",
    "/memory",
    "/runtime",
    "/server_info",
    "/stats",
    "/stats?format=json",
    "/stats/prometheus",
];

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("secrecy::a_key_in_a_file_is_in_nothing_that_envoy_tells", told);
    plan.test_alone("secrecy::a_key_in_a_file_is_in_nothing_that_the_renderer_tells", rendered_or_refused);
    plan.test_alone("secrecy::a_key_in_a_file_is_in_no_memory_of_a_vm", || {
        let key = KeyFile::of(GUEST);
        let found = in_memory(|attributes| rendered_with_keys(Protocol::Http1, attributes, &[key.path()]));
        assert_eq!(found, Vec::<String>::new());
    });
    plan.test_alone("secrecy::a_key_in_the_environment_is_in_the_memory_of_a_vm", || {
        let found = in_memory(|attributes| rendered(Protocol::Http1, attributes, None));
        assert!(found.contains(&GUEST.to_owned()) && found.len() > 1, "the search finds nothing: {found:?}");
    });
}

/// The forms of the key that are in a text.
fn found_in(bytes: &[u8]) -> Vec<String> {
    let has = |form: &String| bytes.windows(form.len()).any(|window| window == form.as_bytes());
    forms(GUEST).into_iter().filter(has).collect()
}

/// An Envoy in front of an upstream that takes any key.
fn serve(configuration: impl FnOnce(&Value) -> Value, options: &Options) -> (Envoy, Upstream) {
    let upstream = Upstream::start(script::result("{}"));
    let attributes = json!({ "api_host": format!("http://127.0.0.1:{}", upstream.port) });
    let envoy = Envoy::start_with(&configuration(&attributes), options).unwrap_or_else(|error| panic!("{error}"));
    (envoy, upstream)
}

/// Sends requests, each with a call that has the key.
fn call(envoy: &Envoy, upstream: &Upstream) {
    let port = envoy.only_port();
    for _ in 0..20 {
        assert_eq!(get(port, "/").status, 200);
    }
    let calls = upstream.seen().calls;
    let last = || calls.iter().rev().take(20);
    let authorization = last().flat_map(|call| &call.headers).filter(|(name, _)| name == "authorization");
    assert!(authorization.clone().all(|(_, value)| !found_in(value).is_empty()), "{calls:?}");
    assert_eq!(authorization.count(), last().count());
}

/// Whether the next call has the key.
fn has_key(envoy: &Envoy, upstream: &Upstream) -> bool {
    assert_eq!(get(envoy.only_port(), "/").status, 200);
    let calls = upstream.seen().calls;
    let headers = calls.last().map(|call| call.headers.as_slice()).unwrap_or_default();
    headers.iter().any(|(name, value)| name == "authorization" && !found_in(value).is_empty())
}

fn told() {
    let key = KeyFile::of(GUEST);
    let options = Options { log_level: "trace", ..Options::default() };
    let configuration = |attributes: &Value| rendered_with_keys(Protocol::Http1, attributes, &[key.path()]);
    let (mut envoy, upstream) = serve(configuration, &options);
    call(&envoy, &upstream);
    // It is replaced, and comes back.
    key.write("user:other");
    wait(|| !has_key(&envoy, &upstream), "another key");
    key.write(GUEST);
    wait(|| has_key(&envoy, &upstream), "the key again");
    call(&envoy, &upstream);
    for path in PAGES {
        let said = envoy.ask(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(said.contains("openwhisk_key") || !path.contains("secrets"), "{path}: {said}");
        assert_eq!(found_in(said.as_bytes()), Vec::<String>::new(), "{path}");
        artifact::keep("envoy", said);
    }
    let log = envoy.log();
    assert!(log.contains("[trace]") && log.contains("openwhisk_key"), "{log}");
    assert_eq!(found_in(log.as_bytes()), Vec::<String>::new());
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

fn rendered_or_refused() {
    let key = KeyFile::of(GUEST);
    let hello = artifact::source("envoy/hello.json");
    let hello = hello.to_str().expect("UTF-8");
    let keyless =
        json!({ "api_host": "http://openwhisk.example", "namespace": "guest", "action": "hello" }).to_string();
    let (user, _) = GUEST.split_once(':').expect("a token");
    let runs: &[(&[&str], &str, bool)] = &[
        (&["--key-file", key.path()], &keyless, true),
        (&["--key-file", key.path(), "--fragment"], &keyless, true),
        (&["--key-file", key.path(), "--summary"], &keyless, true),
        (&["--key-file", key.path(), "--check-keys"], &keyless, true),
        (&["--key-file", key.path(), hello], "", false),
        (&["secret", key.path()], GUEST, true),
        (&["secret", key.path()], user, false),
        (&["secret", "/nowhere/key"], GUEST, false),
    ];
    for (arguments, input, is_accepted) in runs {
        let output = renderer(arguments, input);
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(output.status.success(), *is_accepted, "{arguments:?}: {}", String::from_utf8_lossy(&said));
        assert_eq!(found_in(&said), Vec::<String>::new(), "{arguments:?}");
        artifact::keep("renderer", said);
    }
}

/// The forms of the key that are in the memory of the VMs of an Envoy after calls with it.
fn in_memory(configuration: impl FnOnce(&Value) -> Value) -> Vec<String> {
    let (envoy, upstream) = serve(configuration, &Options::default());
    call(&envoy, &upstream);
    let memories = wasm_memory::contents(envoy.id()).expect("the memory of a process of this test");
    let memory = memories.concat();
    // It is the memory of the filter, with its calls.
    let path = b"/api/v1/namespaces/guest/actions/hello";
    assert!(memory.windows(path.len()).any(|window| window == path), "{} bytes of VMs", memory.len());
    found_in(&memory)
}
