//! The life of one request, as a step machine: an event goes in, the next [`Step`] comes out. Which request is served is
//! decided here, and how in `serving`.
//!
//! ```text
//! headers ─ body … ─ trailers ─▶ Invoke ─▶ answer ─▶ Send | Fail
//!    ├─ too large, malformed, not configured ────────────▶ Fail
//!    └─ on a route that is not listed ───────────────────▶ Pass
//! ```

use std::rc::Rc;
use std::time::Duration;

use crate::answer::Outcome;
use crate::call::request::Request;
use crate::error::Error;
use crate::exchange::serving::Serving;
use crate::proxy::Proxy;
use crate::target::{Target, Targets};

mod serving;
mod step;

pub use step::{Progress, Step};

/// One request and the reply to it.
///
/// ```
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// use openwhisk_filter::answer::{Answer, Outcome};
/// use openwhisk_filter::config::Config;
/// use openwhisk_filter::exchange::{Exchange, Progress, Step};
/// use openwhisk_filter::proxy::Proxy;
/// use openwhisk_filter::target::Targets;
///
/// let json = br#"{"api_host": "http://ow", "service_token": "user:key", "namespace": "guest", "action": "hello"}"#;
/// let targets = Targets::new(Config::from_json(json, &|_| None)?);
/// let mut exchange = Exchange::new(Some(Rc::new(targets)));
///
/// let clock = || Duration::ZERO;
/// let step = exchange.on_request_headers(Proxy::Envoy, clock, || None, Vec::new, Progress::Complete);
/// let Step::Invoke(call) = step else { panic!("{step:?}") };
/// assert_eq!(call.upstream(), "ow:80");
///
/// let headers = [(":status".to_owned(), b"200".to_vec())];
/// let answer = Answer::read(Proxy::Envoy, &headers, b"{}".to_vec(), Duration::ZERO).unwrap();
/// let step = exchange.on_outcome(Outcome::Answered(answer));
/// let Step::Send(reply) = step else { panic!("{step:?}") };
/// assert_eq!(reply.body, b"{}");
/// # Ok::<(), openwhisk_filter::config::mistake::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Exchange(State);

#[derive(Debug)]
enum State {
    New(Option<Rc<Targets>>),
    Passing,
    /// It failed before anything was known of it.
    Refused,
    Serving(Serving),
}

impl Exchange {
    /// An exchange that has seen nothing yet. Without targets it can only fail.
    #[must_use]
    pub const fn new(targets: Option<Rc<Targets>>) -> Self {
        Self(State::New(targets))
    }

    /// The headers of the request came from a proxy.
    ///
    /// `read_clock` gives the time of the worker, which begins anywhere and only goes on; here and below it is asked only
    /// where calls are counted. `read_route` gives the name of its route, `read_headers` the headers: lower-case names,
    /// values as bytes.
    pub fn on_request_headers(
        &mut self,
        proxy: Proxy,
        read_clock: impl FnOnce() -> Duration,
        read_route: impl FnOnce() -> Option<Vec<u8>>,
        read_headers: impl FnOnce() -> Vec<(String, Vec<u8>)>,
        progress: Progress,
    ) -> Step {
        let targets = match &self.0 {
            State::New(Some(targets)) => targets,
            State::New(None) => return self.refuse(Error::NotConfigured),
            State::Passing => return Step::Pass,
            State::Refused | State::Serving(_) => return Step::Wait,
        };
        let target = match targets.choose(proxy, read_route) {
            Ok(Some(target)) => Rc::clone(target),
            Ok(None) => {
                self.0 = State::Passing;
                return Step::Pass;
            }
            Err(error) => return self.refuse(error),
        };
        let request = Request::from_headers(read_headers());
        let mut serving = Serving::new(target, proxy, &request);
        let step = serving.on_headers(request, read_clock, progress);
        self.0 = State::Serving(serving);
        step
    }

    /// The body has now `size` bytes in all. `read` gives that many of them, if the host has them.
    pub fn on_request_body(
        &mut self,
        read_clock: impl FnOnce() -> Duration,
        size: usize,
        progress: Progress,
        read: impl FnOnce(usize) -> Option<Vec<u8>>,
    ) -> Step {
        self.serve(|serving| serving.on_body(read_clock, size, progress, read))
    }

    /// The trailers came, so the body is complete. `read` gives as many bytes of it as there are.
    pub fn on_request_trailers(
        &mut self,
        read_clock: impl FnOnce() -> Duration,
        read: impl FnOnce(usize) -> Option<Vec<u8>>,
    ) -> Step {
        self.serve(|serving| serving.invoke(read_clock, read))
    }

    /// The call ended, or could not be made.
    pub fn on_outcome(&mut self, outcome: Outcome) -> Step {
        self.serve(|serving| serving.on_outcome(outcome))
    }

    /// What the request is sent to, as soon as that is known.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match &self.0 {
            State::Serving(serving) => Some(serving.target()),
            _ => None,
        }
    }

    /// The request id; empty if there is none, or none is known yet.
    #[must_use]
    pub fn request_id(&self) -> &str {
        match &self.0 {
            State::Serving(serving) => serving.request_id(),
            _ => "",
        }
    }

    /// An event that does not belong here changes nothing.
    fn serve(&mut self, on_event: impl FnOnce(&mut Serving) -> Step) -> Step {
        match &mut self.0 {
            State::Serving(serving) => on_event(serving),
            State::Passing => Step::Pass,
            State::New(_) | State::Refused => Step::Wait,
        }
    }

    fn refuse(&mut self, error: Error) -> Step {
        self.0 = State::Refused;
        Step::fail(error, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::config::Config;

    /// No calls are counted.
    fn no_clock() -> Duration {
        panic!("the clock was read")
    }

    fn exchange() -> Exchange {
        let json = br#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a",
                        "timeout": 1000, "max_req_body_size": 8}"#;
        configured(json)
    }

    fn configured(json: &[u8]) -> Exchange {
        let config = Config::from_json(json, &|_| None).expect("valid");
        Exchange::new(Some(Rc::new(Targets::new(config))))
    }

    fn begin(exchange: &mut Exchange, headers: Vec<(String, Vec<u8>)>, progress: Progress) -> Step {
        exchange.on_request_headers(Proxy::Envoy, no_clock, || None, || headers, progress)
    }

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    fn answer(status: &str, body: &str) -> Outcome {
        let answer = Answer::read(Proxy::Envoy, &headers(&[(":status", status)]), body.into(), Duration::ZERO);
        Outcome::Answered(answer.expect(status))
    }

    fn never(_: usize) -> Option<Vec<u8>> {
        panic!("the body was read")
    }

    fn body(step: &Step) -> &[u8] {
        match step {
            Step::Invoke(call) => call.body(),
            other => panic!("expected a call, got {other:?}"),
        }
    }

    fn status(step: &Step) -> u16 {
        match step {
            Step::Send(reply) | Step::Fail(_, reply) => reply.status.as_u16(),
            other => panic!("expected a reply, got {other:?}"),
        }
    }

    #[test]
    fn a_request_without_a_body_is_called_at_once() {
        let mut exchange = exchange();
        assert_eq!(body(&begin(&mut exchange, Vec::new(), Progress::Complete)), b"");
        assert_eq!(status(&exchange.on_outcome(answer("200", "{}"))), 200);
    }

    #[test]
    fn the_body_is_read_once_when_it_is_complete() {
        let mut exchange = exchange();
        assert_eq!(begin(&mut exchange, Vec::new(), Progress::Partial), Step::Wait);
        assert_eq!(exchange.on_request_body(no_clock, 1, Progress::Partial, never), Step::Wait);
        assert_eq!(exchange.on_request_body(no_clock, 2, Progress::Partial, never), Step::Wait);
        assert_eq!(
            body(&exchange.on_request_body(no_clock, 4, Progress::Complete, |size| Some(vec![b'x'; size]))),
            b"xxxx"
        );
    }

    #[test]
    fn trailers_complete_the_body() {
        let mut exchange = exchange();
        assert_eq!(begin(&mut exchange, Vec::new(), Progress::Partial), Step::Wait);
        assert_eq!(exchange.on_request_body(no_clock, 2, Progress::Partial, never), Step::Wait);
        assert_eq!(body(&exchange.on_request_trailers(no_clock, |size| Some(vec![b'x'; size]))), b"xx");

        let mut without_body = self::exchange();
        assert_eq!(begin(&mut without_body, Vec::new(), Progress::Partial), Step::Wait);
        assert_eq!(body(&without_body.on_request_trailers(no_clock, never)), b"");
    }

    #[test]
    fn an_action_is_never_invoked_with_a_part_of_the_body() {
        for body in [None, Some(Vec::new()), Some(vec![b'x'; 3]), Some(vec![b'x'; 5])] {
            let mut exchange = exchange();
            assert_eq!(begin(&mut exchange, Vec::new(), Progress::Partial), Step::Wait);
            let step = exchange.on_request_body(no_clock, 4, Progress::Complete, |_| body.clone());
            assert_eq!(status(&step), 500, "{body:?} of 4 bytes");
        }
    }

    #[test]
    fn an_empty_body_is_never_read() {
        let mut exchange = exchange();
        assert_eq!(begin(&mut exchange, Vec::new(), Progress::Partial), Step::Wait);
        assert_eq!(body(&exchange.on_request_body(no_clock, 0, Progress::Complete, never)), b"");
    }

    #[test]
    fn a_body_that_is_too_large_is_refused_as_soon_as_that_is_known() {
        let mut announced = exchange();
        assert_eq!(status(&begin(&mut announced, headers(&[("content-length", "9")]), Progress::Partial)), 413);
        assert_eq!(announced.on_request_body(no_clock, 9, Progress::Complete, never), Step::Wait);

        let mut streamed = exchange();
        assert_eq!(begin(&mut streamed, headers(&[("content-length", "8")]), Progress::Partial), Step::Wait);
        assert_eq!(streamed.on_request_body(no_clock, 8, Progress::Partial, never), Step::Wait);
        assert_eq!(status(&streamed.on_request_body(no_clock, 9, Progress::Partial, never)), 413);
        assert_eq!(streamed.on_request_trailers(no_clock, never), Step::Wait);
    }

    #[test]
    fn late_and_repeated_events_change_nothing() {
        let mut exchange = exchange();
        assert_eq!(exchange.on_outcome(answer("200", "{}")), Step::Wait, "nothing was called");
        let mut exchange = self::exchange();
        let _ = begin(&mut exchange, Vec::new(), Progress::Complete);
        assert_eq!(begin(&mut exchange, Vec::new(), Progress::Complete), Step::Wait);
        assert_eq!(exchange.on_request_body(no_clock, 1, Progress::Complete, never), Step::Wait);
        assert_eq!(exchange.on_request_trailers(no_clock, never), Step::Wait);
        assert_eq!(status(&exchange.on_outcome(Outcome::Silent { elapsed: Duration::from_millis(1100) })), 504);
        assert_eq!(exchange.on_outcome(answer("200", "{}")), Step::Wait);
    }

    #[test]
    fn a_request_with_upgrade_is_over_after_its_content_length() {
        let upgrade = |others: &[(&str, &str)]| {
            let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
            headers(&upgrade.iter().chain(others).copied().collect::<Vec<_>>())
        };
        let mut bare = exchange();
        assert_eq!(body(&begin(&mut bare, upgrade(&[(":method", "GET")]), Progress::Partial)), b"");
        assert_eq!(
            bare.on_request_body(no_clock, 3, Progress::Partial, never),
            Step::Wait,
            "what follows is of the other protocol"
        );
        assert_eq!(status(&bare.on_outcome(answer("200", "{}"))), 200);

        let mut counted = exchange();
        assert_eq!(begin(&mut counted, upgrade(&[("content-length", "4")]), Progress::Partial), Step::Wait);
        assert_eq!(counted.on_request_body(no_clock, 3, Progress::Partial, never), Step::Wait);
        assert_eq!(
            body(&counted.on_request_body(no_clock, 7, Progress::Partial, |size| Some(vec![b'x'; size]))),
            b"xxxx"
        );

        let mut short = exchange();
        assert_eq!(begin(&mut short, upgrade(&[("content-length", "4")]), Progress::Partial), Step::Wait);
        assert_eq!(status(&short.on_request_body(no_clock, 3, Progress::Complete, never)), 400);
        let mut unknown = exchange();
        assert_eq!(status(&begin(&mut unknown, upgrade(&[(":method", "POST")]), Progress::Partial)), 411);
        let mut large = exchange();
        assert_eq!(status(&begin(&mut large, upgrade(&[("content-length", "9")]), Progress::Partial)), 413);
    }

    #[test]
    fn a_method_of_the_connection_is_refused_at_once() {
        for method in ["CONNECT", "TRACE"] {
            let mut exchange = exchange();
            let step = begin(&mut exchange, headers(&[(":method", method)]), Progress::Partial);
            assert_eq!(status(&step), 405, "{method}");
            let Step::Fail(_, reply) = step else { panic!("{step:?}") };
            let allow = reply.headers.iter().find(|(name, _)| name == "allow");
            assert!(
                allow.is_some_and(|(_, value)| value == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
                "{allow:?}"
            );
        }
    }

    #[test]
    fn one_call_too_many_is_refused_until_another_ends_or_its_deadline_has_passed() {
        let config = br#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a",
                          "timeout": 1000, "max_concurrency": 2}"#;
        let targets = Rc::new(Targets::new(Config::from_json(config, &|_| None).expect("valid")));
        let ask = |millis| {
            let mut exchange = Exchange::new(Some(Rc::clone(&targets)));
            let clock = || Duration::from_millis(millis);
            let step = exchange.on_request_headers(Proxy::Envoy, clock, || None, Vec::new, Progress::Complete);
            (exchange, step)
        };
        let is_refused = |(_, step): &(Exchange, Step)| match step {
            Step::Invoke(_) => false,
            Step::Fail(Error::TooManyCalls { most: 2 }, reply) => {
                assert!(reply.headers.iter().any(|(name, value)| name == "retry-after" && value == "1"), "{reply:?}");
                reply.status == 503
            }
            other => panic!("{other:?}"),
        };
        let (mut first, second) = (ask(0), ask(0));
        assert!(is_refused(&ask(500)));
        let _ = first.0.on_outcome(answer("200", "{}"));
        let third = ask(500);
        assert!(!is_refused(&third) && is_refused(&ask(600)), "the first has ended");
        drop(second);
        assert!(is_refused(&ask(1099)), "the second was abandoned");
        assert!(!is_refused(&ask(1100)), "its deadline has passed");
    }

    #[test]
    fn grpc_is_refused_in_a_short_text() {
        let mut exchange = exchange();
        let step = begin(&mut exchange, headers(&[("content-type", "application/grpc")]), Progress::Partial);
        let Step::Fail(Error::Grpc, reply) = step else { panic!("{step:?}") };
        assert_eq!((reply.status.as_u16(), reply.body.as_slice()), (404, &b"an action does not speak gRPC"[..]));
    }

    #[test]
    fn without_a_configuration_every_request_fails() {
        let mut exchange = Exchange::new(None);
        assert_eq!(status(&begin(&mut exchange, Vec::new(), Progress::Complete)), 500);
    }

    #[test]
    fn a_request_on_a_route_that_is_not_listed_passes_untouched() {
        let json = br#"{"routes": {"listed": {"api_host": "http://ow", "service_token": "a:b", "namespace": "n",
                        "action": "a", "max_req_body_size": 1}}}"#;
        for route in [Some("other"), Some(""), None] {
            let mut exchange = configured(json);
            let read_route = || route.map(|name| name.as_bytes().to_vec());
            let step = exchange.on_request_headers(
                Proxy::Envoy,
                no_clock,
                read_route,
                || panic!("the headers were read"),
                Progress::Partial,
            );
            assert_eq!(step, Step::Pass, "{route:?}");
            assert_eq!(exchange.on_request_body(no_clock, 1000, Progress::Partial, never), Step::Pass, "{route:?}");
            assert_eq!(exchange.on_request_body(no_clock, 2000, Progress::Complete, never), Step::Pass, "{route:?}");
            assert_eq!(exchange.on_request_trailers(no_clock, never), Step::Pass, "{route:?}");
            assert_eq!(exchange.on_outcome(answer("200", "{}")), Step::Pass, "{route:?}");
        }
        let mut listed = configured(json);
        let read_route = || Some(b"listed".to_vec());
        assert_eq!(
            body(&listed.on_request_headers(Proxy::Envoy, no_clock, read_route, Vec::new, Progress::Complete)),
            b""
        );
        assert_eq!(listed.target().map(|target| target.settings().action().to_string()).as_deref(), Some("n/a"));

        let mut on_apisix = configured(json);
        assert_eq!(
            status(&on_apisix.on_request_headers(Proxy::Apisix, no_clock, || None, Vec::new, Progress::Partial)),
            500
        );
    }

    #[test]
    fn with_a_buffer_filter_only_the_headers_of_a_request_with_a_body_go_on() {
        let json = br#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a",
                        "request_body": "buffer_filter", "max_req_body_size": 8}"#;
        let mut with_body = configured(json);
        assert_eq!(begin(&mut with_body, Vec::new(), Progress::Partial), Step::PassHeaders);
        assert_eq!(with_body.on_request_body(no_clock, 1, Progress::Partial, never), Step::Wait);
        assert_eq!(
            body(&with_body.on_request_body(no_clock, 2, Progress::Complete, |size| Some(vec![b'x'; size]))),
            b"xx"
        );
        assert_eq!(body(&begin(&mut configured(json), Vec::new(), Progress::Complete)), b"");
        assert_eq!(status(&begin(&mut configured(json), headers(&[("content-length", "9")]), Progress::Partial)), 413);
    }

    #[test]
    fn no_call_is_made_for_parameters_that_are_none() {
        let json = br#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a",
                        "parameters": "http"}"#;
        let mut malformed = configured(json);
        let content_type = headers(&[("content-type", "application/json")]);
        assert_eq!(begin(&mut malformed, content_type, Progress::Partial), Step::Wait);
        assert_eq!(status(&malformed.on_request_body(no_clock, 1, Progress::Complete, |_| Some(b"{".to_vec()))), 400);
        assert_eq!(malformed.on_outcome(answer("200", "{}")), Step::Wait);

        let mut reserved = configured(json);
        assert_eq!(status(&begin(&mut reserved, headers(&[(":path", "/?__ow_user=x")]), Progress::Complete)), 400);
    }

    #[test]
    fn errors_carry_the_request_id() {
        let mut exchange = exchange();
        let _ = begin(&mut exchange, headers(&[("x-request-id", "a\"b")]), Progress::Complete);
        let Step::Fail(_, reply) = exchange.on_outcome(Outcome::Silent { elapsed: Duration::ZERO }) else {
            panic!("expected a failure");
        };
        let body = String::from_utf8(reply.body).expect("UTF-8");
        assert_eq!(body, r#"{"code":"a\"b","error":"the answer of openwhisk broke off, the action may have run"}"#);
    }
}
