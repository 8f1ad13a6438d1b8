//! The edge to the proxy: the only file that knows `proxy-wasm`. It hands events in and performs steps;
//! it decides nothing about a call or a reply. Where the proxies differ in what they call and take, the difference is here.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use log::{Level, error, info, log, warn};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, LogLevel, MapType, MetricType, Status};

use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::call::request::Request;
use crate::config::Config;
use crate::error::Error;
use crate::error::log_limit::LogLimit;
use crate::error::row::Concern;
use crate::exchange::{Exchange, Progress, Step};
use crate::metric::{self, Kind, Metric};
use crate::proxy::Proxy;
use crate::reply::Reply;
use crate::target::{Target, Targets};

proxy_wasm::main! {{
    // The host has a level of its own; this one lets everything through to it.
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|_| Box::<Plugin>::default());
}}

/// How many characters of a request id go into the log.
const REQUEST_ID_LOGGED: usize = 128;

/// One configuration on one worker.
#[derive(Debug, Default)]
struct Plugin {
    shared: Rc<Shared>,
}

/// What the requests of a plugin share.
#[derive(Debug, Default)]
struct Shared {
    targets: Option<Rc<Targets>>,
    proxy: OnceCell<Proxy>,
    is_surely_envoy: OnceCell<bool>,
    /// Where the clock of the worker begins.
    began: OnceCell<Instant>,
    log_limit: LogLimit,
}

impl Shared {
    /// Which proxy this is. Only during a request: the SDK panics on APISIX's answer at any other time.
    fn proxy(&self) -> Proxy {
        *self.proxy.get_or_init(|| {
            // Source: wasm-nginx-module knows the variables of nginx; Envoy has no property of that name.
            let version = hostcalls::get_property(vec!["nginx_version"]);
            let proxy = if matches!(version, Ok(Some(_))) { Proxy::Apisix } else { Proxy::Envoy };
            for sentence in self.targets.iter().flat_map(|targets| targets.without_effect_on(proxy)) {
                warn!("openwhisk: {sentence}");
            }
            proxy
        })
    }

    /// The clock of the worker.
    fn now(&self) -> Duration {
        self.began.get_or_init(Instant::now).elapsed()
    }

    /// Whether this is Envoy for sure, which takes metrics and properties. The SDK panics where a host refuses one.
    fn is_surely_envoy(&self) -> bool {
        *self.is_surely_envoy.get_or_init(|| {
            // Source: Envoy's attributes; no other host has one of this name.
            let direction = || hostcalls::get_property(vec!["xds", "listener_direction"]);
            self.proxy() == Proxy::Envoy && matches!(direction(), Ok(Some(_)))
        })
    }
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        let json = self.get_plugin_configuration().unwrap_or_default();
        match Config::from_json(&json, &|name| std::env::var(name).ok()) {
            Ok(config) => {
                let targets = Targets::new(config);
                info!("openwhisk: version {}, {}", env!("CARGO_PKG_VERSION"), targets.summary());
                let targets = Some(Rc::new(targets));
                self.shared = Rc::new(Shared { targets, ..Shared::default() });
                true
            }
            Err(wrong) => {
                for mistake in wrong.mistakes() {
                    error!("openwhisk: {mistake}");
                }
                false
            }
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        let shared = Rc::clone(&self.shared);
        let exchange = Exchange::new(shared.targets.clone());
        Some(Box::new(Stream { shared, exchange, dispatched: None }))
    }
}

/// One request.
#[derive(Debug)]
struct Stream {
    shared: Rc<Shared>,
    exchange: Exchange,
    /// When the call was made, by the clock of the worker.
    dispatched: Option<Duration>,
}

impl Context for Stream {
    fn on_http_call_response(&mut self, _token: u32, num_headers: usize, body_size: usize, _num_trailers: usize) {
        let elapsed = self.dispatched.take().map_or(Duration::ZERO, |at| self.shared.now().saturating_sub(at));
        // Without headers the SDK's getter panics.
        let outcome = if num_headers == 0 {
            Outcome::Silent { elapsed }
        } else {
            let read = |size| self.get_http_call_response_body(0, size);
            let proxy = self.shared.proxy();
            Outcome::read(proxy, &read_answer_headers(proxy), body_size, read, elapsed)
        };
        self.record(metric::at_end_of_call(Some(elapsed)));
        let step = self.exchange.on_outcome(outcome);
        self.perform(step);
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _num_headers: usize, end_of_stream: bool) -> Action {
        let proxy = self.shared.proxy();
        let progress = match proxy {
            Proxy::Envoy => Progress::of(end_of_stream),
            Proxy::Apisix => {
                // The end of the stream is not told here; the body comes whole, and only if asked for.
                self.set_property(vec!["wasm_process_req_body"], Some(b"true"));
                Progress::Partial
            }
        };
        let (read_clock, read_headers) = (|| self.shared.now(), || read_request_headers(proxy));
        let step = self.exchange.on_request_headers(proxy, read_clock, read_route, read_headers, progress);
        self.perform(step)
    }

    fn on_http_request_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        let read_clock = || self.shared.now();
        let step = self.exchange.on_request_body(read_clock, body_size, Progress::of(end_of_stream), read_request_body);
        self.perform(step)
    }

    fn on_http_request_trailers(&mut self, _num_trailers: usize) -> Action {
        let step = self.exchange.on_request_trailers(|| self.shared.now(), read_request_body);
        self.perform(step)
    }
}

impl Stream {
    fn perform(&mut self, step: Step) -> Action {
        match step {
            Step::Pass | Step::PassHeaders => return Action::Continue,
            Step::Wait => {}
            Step::Invoke(call) => self.dispatch(&call),
            Step::Send(reply) => self.answer(&reply, None),
            Step::Fail(error, reply) => {
                self.tell(&error);
                self.answer(&reply, Some(&error));
            }
        }
        match self.shared.proxy() {
            Proxy::Envoy => Action::Pause,
            // A pending call holds the request by itself; Pause without one would crash the worker.
            Proxy::Apisix => Action::Continue,
        }
    }

    fn dispatch(&mut self, call: &Call) {
        let body = Some(call.body()).filter(|body| !body.is_empty());
        let dispatched = self.shared.now();
        let outcome = self.dispatch_http_call(call.upstream(), call.headers(), body, Vec::new(), call.deadline());
        if let Err(status) = outcome {
            // Envoy: BadArgument for an unknown cluster, InternalFailure for one that cannot be called.
            let outcome = match status {
                Status::BadArgument => Outcome::UnknownUpstream,
                _ => Outcome::UnavailableUpstream,
            };
            let step = self.exchange.on_outcome(outcome);
            self.perform(step);
        } else {
            self.dispatched = Some(dispatched);
            self.record(metric::at_begin_of_call());
        }
    }

    fn answer(&self, reply: &Reply, error: Option<&Error>) {
        self.record(metric::at_reply(reply.status, error));
        if let Some(error) = error.filter(|_| self.shared.is_surely_envoy()) {
            for (name, value) in metric::of_access_log(error) {
                self.set_property(vec![name], Some(value.as_bytes()));
            }
        }
        send(reply);
    }

    /// Records metrics, if the proxy keeps any.
    fn record(&self, metrics: impl IntoIterator<Item = (Metric, i64)>) {
        let Some(target) = self.exchange.target().filter(|_| self.shared.is_surely_envoy()) else { return };
        for (metric, amount) in metrics {
            grow(target, metric, amount);
        }
    }

    fn tell(&self, error: &Error) {
        let target = self.exchange.target();
        let limit = target.map_or(&self.shared.log_limit, Target::log_limit);
        let (status, kind, concern) = error.row(|row| (row.status, row.kind, row.concern));
        let Some(left_out) = limit.admit(kind, self.shared.now()) else { return };
        let action = target.map(|target| format!("{}: ", target.settings().action())).unwrap_or_default();
        // The client's to choose, and some hosts cut long lines.
        let request_id: String = self.exchange.request_id().chars().take(REQUEST_ID_LOGGED).collect();
        let status = status.as_u16();
        let line = format!("openwhisk: {action}{status}: {error} (request {request_id:?})");
        let level = if concern == Concern::Operator { Level::Warn } else { Level::Info };
        if left_out > 0 {
            log!(level, "openwhisk: {action}{left_out} more errors of the kind {} have no line here", kind.as_str());
        }
        log!(level, "{line}");
    }
}

impl Drop for Stream {
    /// A client that went away leaves its call behind.
    fn drop(&mut self) {
        if self.dispatched.is_some() {
            self.record(metric::at_end_of_call(None));
        }
    }
}

/// Reads the name of the route. Only Envoy is ever asked.
fn read_route() -> Option<Vec<u8>> {
    hostcalls::get_property(vec!["xds", "route_name"]).ok().flatten()
}

/// Reads the headers of the request.
fn read_request_headers(proxy: Proxy) -> Vec<(String, Vec<u8>)> {
    let map = MapType::HttpRequestHeaders;
    if proxy == Proxy::Envoy {
        return read_all(map);
    }
    // Source: observed on wasm-nginx-module 0.7.0: the map of a request without Host (HTTP/1.0) is a SIGSEGV, and
    // any other map ends after 100 headers. A single getter is safe, but gives only the first header of its name.
    // Names are ASCII: nginx drops others (`ignore_invalid_headers`).
    let mut headers = if read_one(map, "host").is_some() { read_all(map) } else { Vec::new() };
    for known in Request::header_names() {
        if !headers.iter().any(|(name, _)| name == known)
            && let Some(value) = read_one(map, known)
        {
            headers.push((known.to_owned(), value));
        }
    }
    headers
}

/// Reads the headers of the answer to a call.
///
/// Source: observed on Envoy 1.40.0: its codecs refuse a name that is no token. Observed on wasm-nginx-module 0.7.0: a
/// name may be of any bytes.
fn read_answer_headers(proxy: Proxy) -> Vec<(String, Vec<u8>)> {
    let map = MapType::HttpCallResponseHeaders;
    match proxy {
        Proxy::Envoy => read_all(map),
        Proxy::Apisix => Answer::header_names()
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), read_one(map, name)?)))
            .collect(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "asked for only where the proxy lets no other name than of ASCII through"
)]
fn read_all(map: MapType) -> Vec<(String, Vec<u8>)> {
    hostcalls::get_map_bytes(map).unwrap_or_default()
}

fn read_one(map: MapType, name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(map, name).ok().flatten()
}

fn read_request_body(size: usize) -> Option<Vec<u8>> {
    hostcalls::get_buffer(BufferType::HttpRequestBody, 0, size).ok().flatten()
}

fn send(reply: &Reply) {
    let headers = reply
        .headers
        .iter()
        // Made from texts, so they are; the host takes only texts.
        .filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?)))
        .collect();
    let body = Some(reply.body.as_slice()).filter(|body| !body.is_empty());
    // The SDK panics where the host refuses a reply, as it does a second one: an exchange never gives two.
    let _ = hostcalls::send_http_response(u32::from(reply.status.as_u16()), headers, body);
}

fn grow(target: &Target, metric: Metric, amount: i64) {
    let define = || {
        let kind = match metric.kind() {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        hostcalls::define_metric(kind, &metric.name(target.settings().action())).ok()
    };
    let Some(number) = target.metrics().get(metric, define) else { return };
    // A metric that is not kept hurts no request.
    let _ = match metric.kind() {
        Kind::Counter | Kind::Gauge => hostcalls::increment_metric(number, amount),
        Kind::Histogram => hostcalls::record_metric(number, amount.unsigned_abs()),
    };
}
