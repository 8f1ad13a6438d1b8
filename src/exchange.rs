//! The life of one request, as a step machine: an event goes in, the next [`Step`] comes out.
//!
//! ```text
//! headers ─ body … ─ trailers ─▶ Invoke ─▶ answer ─▶ Send | Fail
//!    └─ too large, not configured ───────────────────────▶ Fail
//! ```

use std::rc::Rc;

use crate::call::{Call, CallTemplate};
use crate::config::Config;
use crate::connections::{Connections, Lease};
use crate::error::Error;
use crate::outcome::Outcome;
use crate::payload::payload;
use crate::proxy::Proxy;
use crate::reply::Reply;
use crate::request::Request;

/// What all exchanges of one configuration on one worker share, prepared once.
#[derive(Debug)]
pub struct Target {
    config: Config,
    template: Rc<CallTemplate>,
    connections: Rc<Connections>,
}

impl Target {
    /// Prepares the calls of a configuration.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let template = Rc::new(CallTemplate::new(&config));
        let connections = Rc::new(Connections::new(config.keepalive()));
        Self { config, template, connections }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }
}

/// What the host has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Hold the request and wait for the next event.
    Wait,
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
    request_id: String,
    state: State,
}

#[derive(Debug)]
enum State {
    Unconfigured,
    New(Rc<Target>),
    Reading { target: Rc<Target>, proxy: Proxy, request: Request, body_size: usize },
    Calling { target: Rc<Target>, proxy: Proxy, lease: Lease },
    Over,
}

impl Exchange {
    /// An exchange that has seen nothing yet. Without a target it can only fail.
    #[must_use]
    pub fn new(target: Option<Rc<Target>>) -> Self {
        Self { request_id: String::new(), state: target.map_or(State::Unconfigured, State::New) }
    }

    /// The headers of the request came from a proxy: lower-case names, values as bytes. `is_all` if nothing follows.
    pub fn on_request_headers(&mut self, proxy: Proxy, headers: Vec<(String, Vec<u8>)>, is_all: bool) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Unconfigured => self.fail(Error::NotConfigured),
            State::New(target) => {
                let request = Request::from_headers(headers);
                request.id().clone_into(&mut self.request_id);
                let limit = target.config().max_req_body_size();
                if request.content_length().is_some_and(|size| size > limit) {
                    return self.fail(Error::RequestTooLarge { limit });
                }
                self.state = State::Reading { target, proxy, request, body_size: 0 };
                if is_all { self.invoke(|_| None) } else { Step::Wait }
            }
            state => self.keep(state),
        }
    }

    /// The body has now `size` bytes in all. `read` gives that many of them, if the host has them.
    pub fn on_request_body(&mut self, size: usize, is_all: bool, read: impl FnOnce(usize) -> Option<Vec<u8>>) -> Step {
        let State::Reading { target, body_size, .. } = &mut self.state else {
            return Step::Wait;
        };
        *body_size = size;
        let limit = target.config().max_req_body_size();
        if u64::try_from(size).is_ok_and(|size| size <= limit) {
            if is_all { self.invoke(read) } else { Step::Wait }
        } else {
            self.fail(Error::RequestTooLarge { limit })
        }
    }

    /// The trailers came, so the body is complete. `read` gives as many bytes of it as there are.
    pub fn on_request_trailers(&mut self, read: impl FnOnce(usize) -> Option<Vec<u8>>) -> Step {
        self.invoke(read)
    }

    /// The call ended, or could not be made.
    pub fn on_outcome(&mut self, outcome: Outcome) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Calling { target, proxy, lease } => {
                if !outcome.is_of_upstream(proxy) {
                    lease.lost();
                }
                let reply = outcome
                    .into_activation(target.config(), proxy)
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

    /// The request id, or nothing if there is none.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    fn invoke(&mut self, read: impl FnOnce(usize) -> Option<Vec<u8>>) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Reading { target, proxy, request, body_size } => {
                // Never an action with half of its parameters, or with none where there are some.
                let body = if body_size == 0 { Some(Vec::new()) } else { read(body_size) };
                let Some(body) = body.filter(|body| body.len() == body_size) else {
                    return self.fail(Error::UnreadableBody);
                };
                let body = payload(target.config().operation(), body);
                let lease = target.connections.lease();
                let call = Call::new(Rc::clone(&target.template), request, lease.close(), body);
                self.state = State::Calling { target, proxy, lease };
                Step::Invoke(call)
            }
            state => self.keep(state),
        }
    }

    /// An event that does not belong here changes nothing.
    fn keep(&mut self, state: State) -> Step {
        self.state = state;
        Step::Wait
    }

    fn fail(&mut self, error: Error) -> Step {
        self.state = State::Over;
        let reply = Reply::to_error(&error, &self.request_id);
        Step::Fail(error, reply)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::Answer;

    fn exchange() -> Exchange {
        let json = br#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a",
                        "timeout": 1000, "max_req_body_size": 8}"#;
        let config = Config::from_json(json, |_| None).expect("valid");
        Exchange::new(Some(Rc::new(Target::new(config))))
    }

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    fn answer(status: &str, body: &str) -> Outcome {
        Outcome::Answered(Answer::read(&headers(&[(":status", status)]), body.into()).expect(status))
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
        assert_eq!(body(&exchange.on_request_headers(Proxy::Envoy, Vec::new(), true)), b"");
        assert_eq!(status(&exchange.on_outcome(answer("200", "{}"))), 200);
    }

    #[test]
    fn the_body_is_read_once_when_it_is_complete() {
        let mut exchange = exchange();
        assert_eq!(exchange.on_request_headers(Proxy::Envoy, Vec::new(), false), Step::Wait);
        assert_eq!(exchange.on_request_body(1, false, never), Step::Wait);
        assert_eq!(exchange.on_request_body(2, false, never), Step::Wait);
        assert_eq!(body(&exchange.on_request_body(4, true, |size| Some(vec![b'x'; size]))), b"xxxx");
    }

    #[test]
    fn trailers_complete_the_body() {
        let mut exchange = exchange();
        assert_eq!(exchange.on_request_headers(Proxy::Envoy, Vec::new(), false), Step::Wait);
        assert_eq!(exchange.on_request_body(2, false, never), Step::Wait);
        assert_eq!(body(&exchange.on_request_trailers(|size| Some(vec![b'x'; size]))), b"xx");

        let mut without_body = self::exchange();
        assert_eq!(without_body.on_request_headers(Proxy::Envoy, Vec::new(), false), Step::Wait);
        assert_eq!(body(&without_body.on_request_trailers(never)), b"");
    }

    #[test]
    fn an_action_is_never_invoked_with_a_part_of_the_body() {
        for body in [None, Some(Vec::new()), Some(vec![b'x'; 3]), Some(vec![b'x'; 5])] {
            let mut exchange = exchange();
            assert_eq!(exchange.on_request_headers(Proxy::Envoy, Vec::new(), false), Step::Wait);
            let step = exchange.on_request_body(4, true, |_| body.clone());
            assert_eq!(status(&step), 500, "{body:?} of 4 bytes");
        }
    }

    #[test]
    fn an_empty_body_is_never_read() {
        let mut exchange = exchange();
        assert_eq!(exchange.on_request_headers(Proxy::Envoy, Vec::new(), false), Step::Wait);
        assert_eq!(body(&exchange.on_request_body(0, true, never)), b"");
    }

    #[test]
    fn a_body_that_is_too_large_is_refused_as_soon_as_that_is_known() {
        let mut announced = exchange();
        assert_eq!(
            status(&announced.on_request_headers(Proxy::Envoy, headers(&[("content-length", "9")]), false)),
            413
        );
        assert_eq!(announced.on_request_body(9, true, never), Step::Wait);

        let mut streamed = exchange();
        assert_eq!(streamed.on_request_headers(Proxy::Envoy, headers(&[("content-length", "8")]), false), Step::Wait);
        assert_eq!(streamed.on_request_body(8, false, never), Step::Wait);
        assert_eq!(status(&streamed.on_request_body(9, false, never)), 413);
        assert_eq!(streamed.on_request_trailers(never), Step::Wait);
    }

    #[test]
    fn late_and_repeated_events_change_nothing() {
        let mut exchange = exchange();
        assert_eq!(exchange.on_outcome(answer("200", "{}")), Step::Wait, "nothing was called");
        let mut exchange = self::exchange();
        let _ = exchange.on_request_headers(Proxy::Envoy, Vec::new(), true);
        assert_eq!(exchange.on_request_headers(Proxy::Envoy, Vec::new(), true), Step::Wait);
        assert_eq!(exchange.on_request_body(1, true, never), Step::Wait);
        assert_eq!(exchange.on_request_trailers(never), Step::Wait);
        assert_eq!(status(&exchange.on_outcome(Outcome::Silent { elapsed: Duration::from_secs(1) })), 504);
        assert_eq!(exchange.on_outcome(answer("200", "{}")), Step::Wait);
    }

    #[test]
    fn only_an_answer_of_the_upstream_leaves_an_idle_connection() {
        let own = headers(&[(":status", "503"), ("content-type", "text/plain")]);
        let cases = [
            (answer("200", "{}"), 1),
            (Outcome::Silent { elapsed: Duration::ZERO }, 0),
            (Outcome::Answered(Answer::read(&own, Vec::new()).expect("a status")), 0),
        ];
        for (outcome, open) in cases {
            let mut exchange = exchange();
            let State::New(target) = &exchange.state else { panic!("an exchange begins as new") };
            let target = Rc::clone(target);
            let _ = exchange.on_request_headers(Proxy::Envoy, Vec::new(), true);
            let shown = format!("{outcome:?}");
            let _ = exchange.on_outcome(outcome);
            assert_eq!(target.connections.open(), open, "after {shown}");
        }
    }

    #[test]
    fn without_a_configuration_every_request_fails() {
        let mut exchange = Exchange::new(None);
        assert_eq!(status(&exchange.on_request_headers(Proxy::Envoy, Vec::new(), true)), 500);
    }

    #[test]
    fn errors_carry_the_request_id() {
        let mut exchange = exchange();
        let _ = exchange.on_request_headers(Proxy::Envoy, headers(&[("x-request-id", "a\"b")]), true);
        let Step::Fail(_, reply) = exchange.on_outcome(Outcome::Silent { elapsed: Duration::ZERO }) else {
            panic!("expected a failure");
        };
        let body = String::from_utf8(reply.body).expect("UTF-8");
        assert_eq!(body, r#"{"code":"a\"b","error":"the answer of openwhisk broke off"}"#);
    }
}
