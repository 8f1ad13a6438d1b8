//! The life of one request, as a step machine: an event goes in, the next [`Step`] comes out.
//!
//! ```text
//! headers ─ body … ─ trailers ─▶ Invoke ─▶ answer ─▶ Send | Fail
//!    ├─ too large, malformed, not configured ────────────▶ Fail
//!    └─ on a route that is not listed ───────────────────▶ Pass
//! ```

use std::rc::Rc;
use std::time::Duration;

use crate::call::Call;
use crate::error::Error;
use crate::open_calls::OpenCall;
use crate::outcome::Outcome;
use crate::payload::payload;
use crate::proxy::Proxy;
use crate::reply::Reply;
use crate::request::{BodyEnd, Request};
use crate::settings::RequestBody;
use crate::target::{Choice, Target, Targets};

/// What the host has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Let the request go on: it is not for the filter.
    Pass,
    /// Hold the request and wait for the next event.
    Wait,
    /// Let the headers go on, to a filter that holds them, and wait for the body.
    PassHeaders,
    /// Make this call, and hold the request.
    Invoke(Call),
    /// Send this reply; the exchange is over.
    Send(Reply),
    /// Log this error and send the reply that goes with it; the exchange is over.
    Fail(Error, Reply),
}

/// One request and the reply to it.
#[derive(Debug)]
pub struct Exchange {
    target: Option<Rc<Target>>,
    request_id: String,
    state: State,
}

#[derive(Debug)]
enum State {
    Unconfigured,
    New(Rc<Targets>),
    Passing,
    Reading { target: Rc<Target>, proxy: Proxy, request: Request, end: BodyEnd, body_size: usize },
    Calling { target: Rc<Target>, proxy: Proxy, open_call: Option<OpenCall> },
    Over,
}

impl Exchange {
    /// An exchange that has seen nothing yet. Without targets it can only fail.
    #[must_use]
    pub fn new(targets: Option<Rc<Targets>>) -> Self {
        let state = targets.map_or(State::Unconfigured, State::New);
        Self { target: None, request_id: String::new(), state }
    }

    /// The headers of the request came from a proxy. `is_all` if nothing follows.
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
        is_all: bool,
    ) -> Step {
        let targets = match std::mem::replace(&mut self.state, State::Over) {
            State::Unconfigured => return self.fail(Error::NotConfigured),
            State::New(targets) => targets,
            state => return self.keep(state),
        };
        let target = match targets.choose(proxy, read_route) {
            Choice::Serve(target) => target,
            Choice::Pass => return self.keep(State::Passing),
            Choice::Unsupported => return self.fail(Error::RoutesUnsupported),
        };
        let request = Request::from_headers(read_headers());
        request.id().clone_into(&mut self.request_id);
        self.target = Some(Rc::clone(&target));
        if request.is_grpc() {
            return self.fail(Error::Grpc);
        }
        if let Some(method) = request.refused_method() {
            return self.fail(Error::MethodNotAllowed { method });
        }
        let limit = target.settings().body_limit();
        if request.content_length().is_some_and(|size| size > limit) {
            return self.fail(Error::RequestTooLarge { limit });
        }
        let end = match request.body_end(proxy) {
            Ok(end) => end,
            Err(error) => return self.fail(error),
        };
        let request_body = target.settings().request_body();
        self.state = State::Reading { target, proxy, request, end, body_size: 0 };
        match request_body {
            _ if is_all || end == BodyEnd::After(0) => self.invoke(read_clock, |_| None),
            RequestBody::Pause => Step::Wait,
            RequestBody::BufferFilter => Step::PassHeaders,
        }
    }

    /// The body has now `size` bytes in all. `read` gives that many of them, if the host has them.
    pub fn on_request_body(
        &mut self,
        read_clock: impl FnOnce() -> Duration,
        size: usize,
        is_all: bool,
        read: impl FnOnce(usize) -> Option<Vec<u8>>,
    ) -> Step {
        let (target, end, body_size) = match &mut self.state {
            State::Reading { target, end, body_size, .. } => (target, *end, body_size),
            State::Passing => return Step::Pass,
            _ => return Step::Wait,
        };
        let (size, is_all) = match end {
            BodyEnd::Told => (size, is_all),
            BodyEnd::After(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                (size.min(length), is_all || size >= length)
            }
        };
        *body_size = size;
        let limit = target.settings().body_limit();
        if u64::try_from(size).is_ok_and(|size| size <= limit) {
            if is_all { self.invoke(read_clock, read) } else { Step::Wait }
        } else {
            self.fail(Error::RequestTooLarge { limit })
        }
    }

    /// The trailers came, so the body is complete. `read` gives as many bytes of it as there are.
    pub fn on_request_trailers(
        &mut self,
        read_clock: impl FnOnce() -> Duration,
        read: impl FnOnce(usize) -> Option<Vec<u8>>,
    ) -> Step {
        self.invoke(read_clock, read)
    }

    /// The call ended, or could not be made.
    pub fn on_outcome(&mut self, outcome: Outcome) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Calling { target, proxy, open_call } => {
                if let Some(open_call) = open_call {
                    open_call.end();
                }
                let reply = outcome
                    .into_activation(target.settings(), proxy)
                    .and_then(Reply::to_activation)
                    .and_then(|reply| reply.fit_for(proxy, &self.request_id))
                    .map_err(|error| error.fit_for(proxy));
                match reply {
                    Ok(reply) => Step::Send(reply),
                    Err(error) => self.fail(error),
                }
            }
            state => self.keep(state),
        }
    }

    /// What the request is sent to, as soon as that is known.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        self.target.as_deref()
    }

    /// The request id, or nothing if there is none.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    fn invoke(&mut self, read_clock: impl FnOnce() -> Duration, read: impl FnOnce(usize) -> Option<Vec<u8>>) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Reading { target, proxy, request, end, body_size } => {
                if let BodyEnd::After(length) = end
                    && u64::try_from(body_size).is_ok_and(|size| size < length)
                {
                    return self.fail(Error::IncompleteBody);
                }
                // Never an action with half of its parameters, or with none where there are some.
                let body = if body_size == 0 { Some(Vec::new()) } else { read(body_size) };
                let Some(body) = body.filter(|body| body.len() == body_size) else {
                    return self.fail(Error::UnreadableBody);
                };
                let body = match payload(target.settings(), &request, body) {
                    Ok(body) => body,
                    Err(error) => return self.fail(error),
                };
                let open_call = match open_call(&target, read_clock) {
                    Ok(open_call) => open_call,
                    Err(error) => return self.fail(error),
                };
                let call = Call::new(Rc::clone(target.template()), proxy, request, body);
                self.state = State::Calling { target, proxy, open_call };
                Step::Invoke(call)
            }
            state => self.keep(state),
        }
    }

    /// An event that does not belong here changes nothing.
    fn keep(&mut self, state: State) -> Step {
        self.state = state;
        if matches!(self.state, State::Passing) { Step::Pass } else { Step::Wait }
    }

    fn fail(&mut self, error: Error) -> Step {
        self.state = State::Over;
        let reply = Reply::to_error(&error, &self.request_id);
        Step::Fail(error, reply)
    }
}

/// Counts a call as open, if there is a limit of them.
fn open_call(target: &Target, read_clock: impl FnOnce() -> Duration) -> Result<Option<OpenCall>, Error> {
    let Some(most) = target.settings().max_concurrency() else { return Ok(None) };
    let now = read_clock();
    let deadline = now.saturating_add(target.settings().deadline());
    target.open_calls().open(most, now, deadline).map(Some).ok_or(Error::TooManyCalls { most })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::outcome::Answer;

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

    fn begin(exchange: &mut Exchange, headers: Vec<(String, Vec<u8>)>, is_all: bool) -> Step {
        exchange.on_request_headers(Proxy::Envoy, no_clock, || None, || headers, is_all)
    }

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    fn answer(status: &str, body: &str) -> Outcome {
        let answer = Answer::read(&headers(&[(":status", status)]), body.into(), Duration::ZERO);
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
        assert_eq!(body(&begin(&mut exchange, Vec::new(), true)), b"");
        assert_eq!(status(&exchange.on_outcome(answer("200", "{}"))), 200);
    }

    #[test]
    fn the_body_is_read_once_when_it_is_complete() {
        let mut exchange = exchange();
        assert_eq!(begin(&mut exchange, Vec::new(), false), Step::Wait);
        assert_eq!(exchange.on_request_body(no_clock, 1, false, never), Step::Wait);
        assert_eq!(exchange.on_request_body(no_clock, 2, false, never), Step::Wait);
        assert_eq!(body(&exchange.on_request_body(no_clock, 4, true, |size| Some(vec![b'x'; size]))), b"xxxx");
    }

    #[test]
    fn trailers_complete_the_body() {
        let mut exchange = exchange();
        assert_eq!(begin(&mut exchange, Vec::new(), false), Step::Wait);
        assert_eq!(exchange.on_request_body(no_clock, 2, false, never), Step::Wait);
        assert_eq!(body(&exchange.on_request_trailers(no_clock, |size| Some(vec![b'x'; size]))), b"xx");

        let mut without_body = self::exchange();
        assert_eq!(begin(&mut without_body, Vec::new(), false), Step::Wait);
        assert_eq!(body(&without_body.on_request_trailers(no_clock, never)), b"");
    }

    #[test]
    fn an_action_is_never_invoked_with_a_part_of_the_body() {
        for body in [None, Some(Vec::new()), Some(vec![b'x'; 3]), Some(vec![b'x'; 5])] {
            let mut exchange = exchange();
            assert_eq!(begin(&mut exchange, Vec::new(), false), Step::Wait);
            let step = exchange.on_request_body(no_clock, 4, true, |_| body.clone());
            assert_eq!(status(&step), 500, "{body:?} of 4 bytes");
        }
    }

    #[test]
    fn an_empty_body_is_never_read() {
        let mut exchange = exchange();
        assert_eq!(begin(&mut exchange, Vec::new(), false), Step::Wait);
        assert_eq!(body(&exchange.on_request_body(no_clock, 0, true, never)), b"");
    }

    #[test]
    fn a_body_that_is_too_large_is_refused_as_soon_as_that_is_known() {
        let mut announced = exchange();
        assert_eq!(status(&begin(&mut announced, headers(&[("content-length", "9")]), false)), 413);
        assert_eq!(announced.on_request_body(no_clock, 9, true, never), Step::Wait);

        let mut streamed = exchange();
        assert_eq!(begin(&mut streamed, headers(&[("content-length", "8")]), false), Step::Wait);
        assert_eq!(streamed.on_request_body(no_clock, 8, false, never), Step::Wait);
        assert_eq!(status(&streamed.on_request_body(no_clock, 9, false, never)), 413);
        assert_eq!(streamed.on_request_trailers(no_clock, never), Step::Wait);
    }

    #[test]
    fn late_and_repeated_events_change_nothing() {
        let mut exchange = exchange();
        assert_eq!(exchange.on_outcome(answer("200", "{}")), Step::Wait, "nothing was called");
        let mut exchange = self::exchange();
        let _ = begin(&mut exchange, Vec::new(), true);
        assert_eq!(begin(&mut exchange, Vec::new(), true), Step::Wait);
        assert_eq!(exchange.on_request_body(no_clock, 1, true, never), Step::Wait);
        assert_eq!(exchange.on_request_trailers(no_clock, never), Step::Wait);
        assert_eq!(status(&exchange.on_outcome(Outcome::Silent { elapsed: Duration::from_secs(1) })), 504);
        assert_eq!(exchange.on_outcome(answer("200", "{}")), Step::Wait);
    }

    #[test]
    fn a_request_with_upgrade_is_over_after_its_content_length() {
        let upgrade = |others: &[(&str, &str)]| {
            let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
            headers(&upgrade.iter().chain(others).copied().collect::<Vec<_>>())
        };
        let mut bare = exchange();
        assert_eq!(body(&begin(&mut bare, upgrade(&[(":method", "GET")]), false)), b"");
        assert_eq!(
            bare.on_request_body(no_clock, 3, false, never),
            Step::Wait,
            "what follows is of the other protocol"
        );
        assert_eq!(status(&bare.on_outcome(answer("200", "{}"))), 200);

        let mut counted = exchange();
        assert_eq!(begin(&mut counted, upgrade(&[("content-length", "4")]), false), Step::Wait);
        assert_eq!(counted.on_request_body(no_clock, 3, false, never), Step::Wait);
        assert_eq!(body(&counted.on_request_body(no_clock, 7, false, |size| Some(vec![b'x'; size]))), b"xxxx");

        let mut short = exchange();
        assert_eq!(begin(&mut short, upgrade(&[("content-length", "4")]), false), Step::Wait);
        assert_eq!(status(&short.on_request_body(no_clock, 3, true, never)), 400);
        let mut unknown = exchange();
        assert_eq!(status(&begin(&mut unknown, upgrade(&[(":method", "POST")]), false)), 411);
        let mut large = exchange();
        assert_eq!(status(&begin(&mut large, upgrade(&[("content-length", "9")]), false)), 413);
    }

    #[test]
    fn a_method_of_the_connection_is_refused_at_once() {
        for method in ["CONNECT", "TRACE"] {
            let mut exchange = exchange();
            let step = begin(&mut exchange, headers(&[(":method", method)]), false);
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
            let step = exchange.on_request_headers(Proxy::Envoy, clock, || None, Vec::new, true);
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
        assert!(is_refused(&ask(999)), "the second was abandoned");
        assert!(!is_refused(&ask(1000)), "its deadline has passed");
    }

    #[test]
    fn grpc_is_refused_in_a_short_text() {
        let mut exchange = exchange();
        let step = begin(&mut exchange, headers(&[("content-type", "application/grpc")]), false);
        let Step::Fail(Error::Grpc, reply) = step else { panic!("{step:?}") };
        assert_eq!((reply.status.as_u16(), reply.body.as_slice()), (404, &b"an action does not speak gRPC"[..]));
    }

    #[test]
    fn without_a_configuration_every_request_fails() {
        let mut exchange = Exchange::new(None);
        assert_eq!(status(&begin(&mut exchange, Vec::new(), true)), 500);
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
                false,
            );
            assert_eq!(step, Step::Pass, "{route:?}");
            assert_eq!(exchange.on_request_body(no_clock, 1000, false, never), Step::Pass, "{route:?}");
            assert_eq!(exchange.on_request_body(no_clock, 2000, true, never), Step::Pass, "{route:?}");
            assert_eq!(exchange.on_request_trailers(no_clock, never), Step::Pass, "{route:?}");
            assert_eq!(exchange.on_outcome(answer("200", "{}")), Step::Pass, "{route:?}");
        }
        let mut listed = configured(json);
        let read_route = || Some(b"listed".to_vec());
        assert_eq!(body(&listed.on_request_headers(Proxy::Envoy, no_clock, read_route, Vec::new, true)), b"");
        assert_eq!(listed.target().map(|target| target.settings().action().to_string()).as_deref(), Some("n/a"));

        let mut on_apisix = configured(json);
        assert_eq!(status(&on_apisix.on_request_headers(Proxy::Apisix, no_clock, || None, Vec::new, false)), 500);
    }

    #[test]
    fn with_a_buffer_filter_only_the_headers_of_a_request_with_a_body_go_on() {
        let json = br#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a",
                        "request_body": "buffer_filter", "max_req_body_size": 8}"#;
        let mut with_body = configured(json);
        assert_eq!(begin(&mut with_body, Vec::new(), false), Step::PassHeaders);
        assert_eq!(with_body.on_request_body(no_clock, 1, false, never), Step::Wait);
        assert_eq!(body(&with_body.on_request_body(no_clock, 2, true, |size| Some(vec![b'x'; size]))), b"xx");
        assert_eq!(body(&begin(&mut configured(json), Vec::new(), true)), b"");
        assert_eq!(status(&begin(&mut configured(json), headers(&[("content-length", "9")]), false)), 413);
    }

    #[test]
    fn no_call_is_made_for_parameters_that_are_none() {
        let json = br#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a",
                        "parameters": "http"}"#;
        let mut malformed = configured(json);
        let content_type = headers(&[("content-type", "application/json")]);
        assert_eq!(begin(&mut malformed, content_type, false), Step::Wait);
        assert_eq!(status(&malformed.on_request_body(no_clock, 1, true, |_| Some(b"{".to_vec()))), 400);
        assert_eq!(malformed.on_outcome(answer("200", "{}")), Step::Wait);

        let mut reserved = configured(json);
        assert_eq!(status(&begin(&mut reserved, headers(&[(":path", "/?__ow_user=x")]), true)), 400);
    }

    #[test]
    fn errors_carry_the_request_id() {
        let mut exchange = exchange();
        let _ = begin(&mut exchange, headers(&[("x-request-id", "a\"b")]), true);
        let Step::Fail(_, reply) = exchange.on_outcome(Outcome::Silent { elapsed: Duration::ZERO }) else {
            panic!("expected a failure");
        };
        let body = String::from_utf8(reply.body).expect("UTF-8");
        assert_eq!(body, r#"{"code":"a\"b","error":"the answer of openwhisk broke off"}"#);
    }
}
