//! Each rule of the hosts, and a filter that breaks it: the sentence that the test of such a filter fails with.
#![allow(clippy::panic, clippy::expect_used, reason = "test code stops at the first surprise")]

mod behaviour;
mod loading;
mod module;
mod nginx;
mod pending;
mod reading;
mod sending;

use std::panic::{AssertUnwindSafe, catch_unwind};

use host::Personality::{Apisix, Envoy};
use host::{Answer, Failure, Filter, Host, Personality, Request, RequestId, Setup};

use module::{Do, filter};

/// The callbacks of most filters here.
const HEADERS: &str = "on_request_headers";
const BODY: &str = "on_request_body";
const ANSWERED: &str = "on_http_call_response";

type Headers<'a> = &'a [(&'a str, &'a str)];
type Callbacks<'a> = &'a [(&'a str, &'a [Do])];

/// A host that has loaded and configured a filter.
pub(crate) fn host(personality: Personality, filter: &Filter) -> Host {
    let mut host = Setup::new(personality).load(filter);
    host.configure("{}").expect("the filter takes it");
    host
}

/// The sentence that a test fails with.
fn sentence(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("the host should have stopped the test");
    match panic.downcast::<String>() {
        Ok(sentence) => *sentence,
        Err(panic) => (*panic.downcast::<&str>().expect("a panic says something")).to_owned(),
    }
}

fn assert_crash<Driven>(expected: &str, callbacks: Callbacks<'_>, drive: impl FnOnce(&mut Host) -> Driven) {
    let personality = if expected.starts_with("APISIX") { Apisix } else { Envoy };
    let said = sentence(|| _ = drive(&mut host(personality, &filter(callbacks))));
    assert!(said.starts_with(expected), "expected {expected:?}, got {said:?}");
    assert!(said.contains("(rule: "), "{said:?} should name the rule");
}

fn get() -> Request {
    Request::new("GET", "/")
}

fn send(host: &mut Host) -> RequestId {
    host.send(get())
}

fn post(host: &mut Host) -> RequestId {
    host.send(Request::new("POST", "/").body("abc"))
}

fn answered(host: &mut Host) {
    let id = send(host);
    host.answer(id, Answer::new(200).body("x"));
}

fn failed(host: &mut Host) {
    let id = send(host);
    host.fail(id, Failure::BrokenOff);
}
