//! What must hold for requests, whatever happens to them and in whatever order.

use std::rc::Rc;
use std::time::Duration;

use openwhisk_filter::answer::Outcome;
use openwhisk_filter::config::settings::{Mode, Parameters, Settings};
use openwhisk_filter::error::Error;
use openwhisk_filter::exchange::{Exchange, Progress, Step};
use openwhisk_filter::proxy::Proxy;
use openwhisk_filter::target::{Target, Targets};
use serde_json::json;

use crate::Held;
use crate::input::{Header, Line, config, proxy, told};
use crate::memory;
use crate::naive;
use crate::reply;
use crate::traffic::{Event, Read, Scope, Traffic};

/// The clock of the worker, which nothing here depends on.
const fn clock() -> Duration {
    Duration::from_secs(100)
}

/// Which paths there are on a route with raw parameters.
const TEMPLATE: &str = "/jobs/{id}";

/// How many requests there are at a time.
const STREAMS: usize = 3;

/// Checks every step of some requests.
///
/// # Panics
/// Where something does not hold.
pub fn exchange(input: &Traffic) {
    crate::require(check(input), input);
}

fn check(input: &Traffic) -> Held {
    let targets = targets(input)?.map(Rc::new);
    let proxy = proxy(input.is_apisix);
    let mut streams: Vec<_> = (0..STREAMS).map(|_| Stream::new(targets.clone(), proxy)).collect();
    for (index, (number, event)) in input.events.iter().enumerate() {
        let Some(stream) = streams.get_mut(usize::from(*number).checked_rem(STREAMS).unwrap_or_default()) else {
            continue;
        };
        if *event == Event::Gone {
            *stream = Stream::new(targets.clone(), proxy);
        } else {
            stream.happen(event).map_err(|wrong| format!("event {index} ({event:?}): {wrong}"))?;
        }
    }
    Ok(())
}

fn targets(input: &Traffic) -> Result<Option<Targets>, String> {
    let mut attributes = json!({
        "mode": input.mode.word(),
        "parameters": if input.http { "http" } else { "body" },
        "on_timeout": if input.accept { "accept" } else { "error" },
        "server_timing": input.timing,
        "timeout": 1000,
        "keepalive": input.keepalive > 0,
        "max_req_body_size": u32::from(input.limit).saturating_add(1),
    });
    if let (true, true, Some(attributes)) = (input.http, input.raw, attributes.as_object_mut()) {
        attributes.extend(
            [("parameters", "raw"), ("path_template", TEMPLATE)].map(|(name, value)| (name.to_owned(), value.into())),
        );
    }
    if let (Scope::Routes, Some(attributes)) = (input.scope, attributes.as_object_mut()) {
        let routes = json!({"a": {}, "b": {"parameters": "http", "mode": "result"}, "c": {"upstream": "other", "service_token": "c:d"}});
        attributes.insert("routes".to_owned(), routes);
    }
    if input.scope == Scope::None {
        return Ok(None);
    }
    config(attributes).map(|config| Some(Targets::new(config))).ok_or_else(|| "the configuration is refused".to_owned())
}

/// A request, and where it should be.
struct Stream {
    targets: Option<Rc<Targets>>,
    proxy: Proxy,
    exchange: Exchange,
    state: State,
    /// How many bytes its headers have.
    size: usize,
    /// The path of its call, if that is for a record.
    asked_for: Option<String>,
}

enum State {
    New,
    Passing,
    /// Of which the host tells no end where it should have so many bytes.
    Reading {
        size: usize,
        wanted: Option<usize>,
    },
    Calling,
    Over,
}

impl Stream {
    fn new(targets: Option<Rc<Targets>>, proxy: Proxy) -> Self {
        Self { exchange: Exchange::new(targets.clone()), targets, proxy, state: State::New, size: 0, asked_for: None }
    }

    /// Hands an event in and checks the step.
    fn happen(&mut self, event: &Event) -> Held {
        let outcome = match event {
            Event::Headers { route, headers, is_all } => {
                return self.on_headers(route.as_ref(), headers, *is_all);
            }
            Event::Body { size, is_all, read } => return self.on_body((*size).into(), *is_all, read),
            Event::Trailers { read } => return self.on_trailers(read),
            Event::Silence(after) => Outcome::Silent { elapsed: Duration::from_millis((*after).into()) },
            Event::Unknown => Outcome::UnknownUpstream,
            Event::Unavailable => Outcome::UnavailableUpstream,
            // As the edge does.
            Event::Answer { head, body } => {
                head.answer(self.proxy, &body.0).map_or(Outcome::Silent { elapsed: Duration::ZERO }, Outcome::Answered)
            }
            Event::Gone => return Ok(()),
        };
        let size = match event {
            Event::Answer { body, .. } => body.0.len(),
            _ => 0,
        };
        let (step, needed) = memory::of(|| self.exchange.on_outcome(outcome))?;
        self.check_memory(needed, size)?;
        match std::mem::replace(&mut self.state, State::Over) {
            State::Calling => {
                let is_timed = self.settings().is_some_and(Settings::server_timing)
                    && !matches!(event, Event::Unknown | Event::Unavailable);
                let reply =
                    if let Step::Send(reply) | Step::Fail(_, reply) = &step { reply.headers.last() } else { None };
                let is_told = reply.is_some_and(|(name, value)| {
                    name == "server-timing" && value.as_bytes().starts_with(b"openwhisk;dur=")
                });
                ensure!(is_timed == is_told, "`server-timing` is {is_told}");
                self.ends(&step, None)
            }
            state => self.stays(state, &step),
        }
    }

    fn on_headers(&mut self, route: Option<&Line>, headers: &[Header], is_all: bool) -> Held {
        let headers: Vec<_> = headers.iter().map(told).collect();
        let is_fresh = matches!(self.state, State::New);
        let mut is_read = false;
        let (step, needed) = memory::of(|| {
            self.exchange.on_request_headers(
                self.proxy,
                clock,
                || route.map(|route| route.0.clone()),
                || {
                    is_read = true;
                    headers.clone()
                },
                Progress::of(is_all),
            )
        })?;
        if is_fresh {
            self.size = headers
                .iter()
                .fold(0, |size, (name, value)| size.saturating_add(name.len()).saturating_add(value.len()));
        }
        self.check_memory(needed, 0)?;
        ensure!(is_fresh || !is_read, "the headers are read a second time");
        match std::mem::replace(&mut self.state, State::Over) {
            State::New => {}
            state => return self.stays(state, &step),
        }
        match (self.targets.as_deref(), self.proxy) {
            (None, _) | (Some(Targets::Routes(_)), Proxy::Apisix) => return self.ends(&step, Some(500)),
            (Some(Targets::Routes(routes)), _) if !route.is_some_and(|route| routes.contains_key(&route.0)) => {
                return self.stays(State::Passing, &step);
            }
            (Some(_), _) => {}
        }
        let value = |wanted: &str| headers.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let content_type = value("content-type").map(|value| value.to_ascii_lowercase()).unwrap_or_default();
        let grpc = content_type.strip_prefix(b"application/grpc");
        if grpc.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' '))) {
            return self.ends(&step, Some(404));
        }
        let method = value(":method").map(Vec::as_slice).unwrap_or_default();
        if [&b"CONNECT"[..], b"TRACE"].contains(&method) {
            return self.ends(&step, Some(405));
        }
        let path = value(":path").and_then(|path| path.split(|byte| *byte == b'?').next()).unwrap_or_default();
        if self.settings().is_some_and(|settings| settings.mode() == Mode::Poll) {
            if ![&b"GET"[..], b"HEAD"].contains(&method) {
                return self.ends(&step, Some(405));
            }
            let id = path.rsplit(|byte| *byte == b'/').next().and_then(|id| str::from_utf8(id).ok());
            let Some(id) = id.filter(|id| naive::is_activation_id(id)) else { return self.ends(&step, Some(404)) };
            self.asked_for = Some(format!("/api/v1/namespaces/_/activations/{id}"));
        }
        let has_template =
            |parameters: &Parameters| matches!(parameters, Parameters::Whole(whole) if whole.path_template.is_some());
        let has_template = self.settings().is_some_and(|settings| has_template(settings.parameters()));
        if has_template && naive::in_path(TEMPLATE, path).is_none() {
            return self.ends(&step, Some(404));
        }
        let length = value("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| self.settings().is_none_or(|settings| length > settings.max_req_body_size())) {
            return self.ends(&step, Some(413));
        }
        let connection =
            String::from_utf8_lossy(value("connection").map(Vec::as_slice).unwrap_or_default()).to_lowercase();
        let asks = connection.split(',').any(|token| token.trim_ascii() == "upgrade");
        let is_upgrade = self.proxy == Proxy::Envoy && asks && value("upgrade").is_some();
        if is_upgrade && length.is_none() && ![&b"GET"[..], b"HEAD", b"OPTIONS"].contains(&method) {
            return self.ends(&step, Some(411));
        }
        let wanted = is_upgrade.then(|| usize::try_from(length.unwrap_or_default()).unwrap_or(usize::MAX));
        match wanted {
            Some(1..) if is_all => self.ends(&step, Some(400)),
            Some(0) => self.invokes(step, Some(Vec::new())),
            _ if is_all => self.invokes(step, Some(Vec::new())),
            wanted => self.stays(State::Reading { size: 0, wanted }, &step),
        }
    }

    fn on_body(&mut self, size: usize, is_all: bool, read: &Read) -> Held {
        let mut reads = 0_usize;
        let (step, needed) = memory::of(|| {
            self.exchange.on_request_body(clock, size, Progress::of(is_all), |wanted| {
                reads = reads.saturating_add(1);
                read.bytes(wanted)
            })
        })?;
        self.check_memory(needed, size)?;
        let wanted = match std::mem::replace(&mut self.state, State::Over) {
            State::Reading { wanted, .. } => wanted,
            state => {
                ensure!(reads == 0, "the body is read {reads} times");
                return self.stays(state, &step);
            }
        };
        let size = size.min(wanted.unwrap_or(usize::MAX));
        let is_all = is_all || wanted == Some(size);
        ensure!(reads == 0 || is_all && reads == 1, "the body is read {reads} times");
        let limit = self.settings().map_or(0, Settings::max_req_body_size);
        if u64::try_from(size).is_ok_and(|size| size > limit) {
            self.ends(&step, Some(413))
        } else if is_all && wanted.is_some_and(|wanted| size < wanted) {
            self.ends(&step, Some(400))
        } else if is_all {
            let body = if size == 0 { Some(Vec::new()) } else { read.bytes(size) };
            self.invokes(step, body.filter(|body| body.len() == size))
        } else {
            self.stays(State::Reading { size, wanted }, &step)
        }
    }

    fn on_trailers(&mut self, read: &Read) -> Held {
        let (step, needed) = memory::of(|| self.exchange.on_request_trailers(clock, |wanted| read.bytes(wanted)))?;
        let size = if let State::Reading { size, .. } = self.state { size } else { 0 };
        self.check_memory(needed, size)?;
        match std::mem::replace(&mut self.state, State::Over) {
            State::Reading { size, wanted: Some(wanted) } if size < wanted => self.ends(&step, Some(400)),
            State::Reading { size, .. } => {
                let body = if size == 0 { Some(Vec::new()) } else { read.bytes(size) };
                self.invokes(step, body.filter(|body| body.len() == size))
            }
            state => self.stays(state, &step),
        }
    }

    /// A step may need what the bytes that have come need, and what may become of a body.
    fn check_memory(&self, needed: u64, size: usize) -> Held {
        let limit = self.settings().map_or(0, Settings::max_req_body_size);
        let size = size.saturating_add(self.size).saturating_add(usize::try_from(limit).unwrap_or(usize::MAX));
        memory::check(needed, size)
    }

    fn settings(&self) -> Option<&Settings> {
        self.exchange.target().map(Target::settings)
    }

    /// The request is complete, so there must be a call, unless the body cannot be read or makes no parameters.
    fn invokes(&mut self, step: Step, body: Option<Vec<u8>>) -> Held {
        let Some(body) = body else { return self.ends(&step, Some(500)) };
        let settings = self.settings().ok_or("a request without a target")?;
        let only_reads = matches!(settings.mode(), Mode::Metadata | Mode::Poll);
        let takes_context = matches!(settings.parameters(), Parameters::Whole(_)) && !only_reads;
        let Step::Invoke(call) = step else {
            let is_deep = matches!(step, Step::Fail(Error::NestedTooDeeply { .. }, _));
            ensure!(takes_context || is_deep, "expected a call, got {step:?}");
            // In base64, or with escapes, a body may become larger than it was.
            let is_too_large = matches!(step, Step::Fail(Error::ParametersTooLarge { .. }, _));
            return self.ends(&step, Some(if is_too_large { 413 } else { 400 }));
        };
        crate::call::check(&call, settings)?;
        let path = call.headers().iter().find(|(name, _)| *name == ":path").map_or("", |(_, path)| *path);
        ensure!(self.asked_for.as_ref().is_none_or(|expected| path == expected), "the call is for {path}");
        ensure!(call.deadline() == settings.deadline(), "the deadline is {:?}", call.deadline());
        let expected = if only_reads { Vec::new() } else { body };
        ensure!(
            takes_context || call.body() == expected,
            "the call has another body: {:?}",
            call.body().escape_ascii()
        );
        let close = call.headers().contains(&("connection", "close"));
        let expected = self.proxy == Proxy::Apisix && !settings.keepalive();
        ensure!(close == expected, "`connection: close` is {close} on {:?}", self.proxy);
        self.state = State::Calling;
        Ok(())
    }

    /// There must be a reply, and the exchange is over.
    fn ends(&mut self, step: &Step, status: Option<u16>) -> Held {
        self.state = State::Over;
        let reply = match step {
            Step::Send(reply) => reply,
            Step::Fail(error, reply) => {
                reply::check_error(error, reply, self.exchange.request_id())?;
                reply
            }
            other => return Err(format!("expected a reply, got {other:?}")),
        };
        let got = reply.status.as_u16();
        ensure!(status.is_none_or(|status| status == got), "expected the status {status:?}, got {got}");
        reply::check(reply, self.proxy)
    }

    /// Nothing may come of it.
    fn stays(&mut self, state: State, step: &Step) -> Held {
        let expected = if matches!(state, State::Passing) { Step::Pass } else { Step::Wait };
        self.state = state;
        ensure!(*step == expected, "expected {expected:?}, got {step:?}");
        Ok(())
    }
}
