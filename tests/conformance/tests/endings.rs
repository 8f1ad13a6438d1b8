//! How the program ends, and that nothing is left of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code stops at the first surprise")]

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testbed::openwhisk::OpenWhisk;
use testbed::{PATIENCE, client};

fn start(address: &str) -> Child {
    let mut program = Command::new(env!("CARGO_BIN_EXE_conformance"));
    let program = program.env("OPENWHISK", address).env_remove("OPENWHISK_TOKEN");
    program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs")
}

fn count(openwhisk: &OpenWhisk, entities: &str) -> String {
    let authorization = format!("Basic {}", STANDARD.encode(corpus::GUEST));
    let headers = [("authorization", authorization.as_str())];
    let path = format!("/api/v1/namespaces/_/{entities}?count=true");
    let reply = client::ask(openwhisk.port, &client::request("GET", &path, &headers, b""));
    String::from_utf8(reply.body).expect("text")
}

#[test]
fn nothing_is_left_of_a_run_that_is_broken_off() {
    let openwhisk = OpenWhisk::start().expect("the local OpenWhisk");
    let mut run = start(&format!("http://127.0.0.1:{}", openwhisk.port));
    let started = Instant::now();
    // A run that is over before the signal has to leave nothing behind, either.
    while count(&openwhisk, "packages") == r#"{"packages":0}"# && run.try_wait().expect("its state").is_none() {
        assert!(started.elapsed() < PATIENCE, "it creates nothing");
        thread::sleep(Duration::from_millis(1));
    }
    // Fails only if it has ended already.
    let _ = Command::new("kill").args(["-s", "TERM", &run.id().to_string()]).status();
    let status = run.wait().expect("it ends").code();
    assert!(matches!(status, Some(143 | 0 | 1)), "{status:?}");
    assert_eq!(
        (count(&openwhisk, "actions"), count(&openwhisk, "packages")),
        (r#"{"actions":0}"#.into(), r#"{"packages":0}"#.into())
    );
}

#[test]
fn who_cannot_be_asked_is_told() {
    // Held, so that nobody listens there.
    let (port, _socket) = testbed::port::free().expect("a port");
    for (address, part) in [
        (format!("http://127.0.0.1:{port}"), "cannot be reached"),
        (format!("127.0.0.1:{port}"), "expected http://host:port"),
    ] {
        let output = start(&address).wait_with_output().expect("it ends");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(part) && told.lines().count() == 1, "{told}");
    }
}
