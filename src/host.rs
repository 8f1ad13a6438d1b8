//! The edge to the proxy: the only file that knows `proxy-wasm`. It hands events in and performs steps;
//! it decides nothing.

use std::rc::Rc;
use std::time::{Duration, Instant};

use log::{error, info, warn};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel, Status};

use crate::call::Call;
use crate::config::Config;
use crate::error::Error;
use crate::exchange::{Exchange, Step, Target};
use crate::outcome::{Answer, Outcome, Refusal};
use crate::reply::Reply;

proxy_wasm::main! {{
    // The host has a level of its own; this one lets everything through to it.
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|_| Box::<Plugin>::default());
}}

/// How many characters of a request id go into the log.
const REQUEST_ID_LOGGED: usize = 128;

/// The plugin: one configuration on one worker.
#[derive(Debug, Default)]
struct Plugin {
    target: Option<Rc<Target>>,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        let json = self.get_plugin_configuration().unwrap_or_default();
        match Config::from_json(&json, |name| std::env::var(name).ok()) {
            Ok(config) => {
                self.target = Some(Rc::new(Target::new(config)));
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
        let target = self.target.clone();
        Some(Box::new(Stream { exchange: Exchange::new(target.clone()), target, dispatched: None }))
    }
}

/// One request.
#[derive(Debug)]
struct Stream {
    target: Option<Rc<Target>>,
    exchange: Exchange,
    dispatched: Option<Instant>,
}

impl Context for Stream {
    fn on_http_call_response(&mut self, _token: u32, num_headers: usize, body_size: usize, _num_trailers: usize) {
        // Without headers the SDK's getter panics.
        let answer = if num_headers == 0 {
            None
        } else {
            let body = if body_size == 0 { None } else { self.get_http_call_response_body(0, body_size) };
            Answer::read(&self.get_http_call_response_headers_bytes(), body.unwrap_or_default())
        };
        let elapsed = self.dispatched.map_or(Duration::ZERO, |dispatched| dispatched.elapsed());
        let step = self.exchange.on_outcome(answer.map_or(Outcome::Silent { elapsed }, Outcome::Answered));
        self.perform(step);
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _num_headers: usize, end_of_stream: bool) -> Action {
        let headers = self.get_http_request_headers_bytes();
        let step = self.exchange.on_request_headers(headers, end_of_stream);
        self.perform(step)
    }

    fn on_http_request_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        let step = self.exchange.on_request_body(body_size, end_of_stream, read_request_body);
        self.perform(step)
    }

    fn on_http_request_trailers(&mut self, _num_trailers: usize) -> Action {
        let step = self.exchange.on_request_trailers(read_request_body);
        self.perform(step)
    }
}

impl Stream {
    fn perform(&mut self, step: Step) -> Action {
        match step {
            Step::Wait => {}
            Step::Invoke(call) => return self.dispatch(&call),
            Step::Send(reply) => send(&reply),
            Step::Fail(error, reply) => {
                self.log(&error);
                send(&reply);
            }
        }
        Action::Pause
    }

    fn dispatch(&mut self, call: &Call) -> Action {
        let body = Some(call.body()).filter(|body| !body.is_empty());
        self.dispatched = Some(Instant::now());
        let dispatched = self.dispatch_http_call(call.upstream(), call.headers(), body, Vec::new(), call.deadline());
        match dispatched {
            Ok(_) => Action::Pause,
            Err(status) => {
                // Envoy: BadArgument for an unknown cluster, InternalFailure for one that cannot be called.
                let refusal = match status {
                    Status::BadArgument => Refusal::UnknownUpstream,
                    _ => Refusal::UnavailableUpstream,
                };
                let step = self.exchange.on_outcome(Outcome::Refused(refusal));
                self.perform(step)
            }
        }
    }

    fn log(&self, error: &Error) {
        let action = self.target.as_ref().map(|target| target.config().action().to_string()).unwrap_or_default();
        // The client's to choose, and some hosts cut long lines.
        let request_id: String = self.exchange.request_id().chars().take(REQUEST_ID_LOGGED).collect();
        let status = error.status().as_u16();
        let line = format!("openwhisk: {action}: {status}: {error} (request {request_id:?})");
        if error.concerns_operator() {
            warn!("{line}");
        } else {
            info!("{line}");
        }
    }
}

fn read_request_body(size: usize) -> Option<Vec<u8>> {
    proxy_wasm::hostcalls::get_buffer(proxy_wasm::types::BufferType::HttpRequestBody, 0, size).ok().flatten()
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
    let _ = proxy_wasm::hostcalls::send_http_response(u32::from(reply.status.as_u16()), headers, body);
}
