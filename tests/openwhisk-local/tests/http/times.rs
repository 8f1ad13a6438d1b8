use super::server::{PATIENCE, Server};
use std::time::{Duration, Instant};

const TRIVIAL: &str = "function main() { return {}; }";

#[test]
fn a_202_comes_after_the_wait() {
    let server = Server::start();
    server.action("stuck", "function main() { return new Promise(() => {}); }");
    for wait in [1, 100, 500] {
        let asked = Instant::now();
        let reply = server.call("POST", &format!("actions/stuck?blocking=true&timeout={wait}"), "");
        let (took, least) = (asked.elapsed(), Duration::from_millis(wait + 20));
        assert_eq!(reply.status, 202);
        assert!(took >= least, "{wait}: {took:?}");
    }
}

#[test]
fn a_record_is_not_there_at_once() {
    let server = Server::start();
    server.action("a", TRIVIAL);
    let asked = Instant::now();
    // Again and again, since a slow machine may ask so late that the record is there.
    loop {
        let reply = server.result("a", "");
        let early = server.get(&format!("activations/{}", reply.activation())).status;
        server.record(reply.activation());
        if early == 404 {
            break;
        }
        assert!(asked.elapsed() < PATIENCE, "it is always there at once");
    }
}

#[test]
fn an_invocation_is_under_way_until_its_logs_are_collected() {
    let server = Server::start_with(&["--concurrent-invocations", "1"]);
    server.action("a", TRIVIAL);
    let asked = Instant::now();
    let mut refused = false;
    let mut admitted = false;
    while !(refused && admitted) {
        match server.result("a", "").status {
            200 => admitted = true,
            429 => refused = true,
            other => panic!("{other}"),
        }
        assert!(asked.elapsed() < PATIENCE, "refused: {refused}, admitted: {admitted}");
    }
}
