//! A proxy-wasm filter that takes over a request on a route, invokes an Apache `OpenWhisk` action
//! through the REST API, and answers the client with the result, within a deadline.
//!
//! It is not a proxy for `OpenWhisk`: the client reaches the configured action and nothing else of the API, and
//! never sees the credentials.
//!
//! The line every request walks, each arrow one function:
//!
//! ```text
//! plugin bytes -> Config                                                          once
//! headers + body -> Request -> payload -> Call -> [host] -> Outcome -> Activation | Error -> Reply
//! ```
//!
//! Everything but `host` is pure: it does not log, read the clock or the environment, and does
//! not know the host. [`exchange::Exchange`] drives the line as a step machine, and `host`, which
//! exists only in the wasm build, performs the steps.

pub mod action;
pub mod api_host;
pub mod attributes;
pub mod call;
pub mod config;
pub mod error;
pub mod exchange;
pub mod form;
pub mod headers;
pub mod http_context;
pub mod layer;
pub mod log_limit;
pub mod media_type;
pub mod metric;
pub mod mistake;
pub mod number;
pub mod object;
pub mod object_writer;
pub mod open_calls;
pub mod outcome;
pub mod payload;
pub mod proxy;
pub mod reply;
pub mod request;
pub mod rule;
pub mod secret;
pub mod settings;
pub mod shaping;
pub mod target;
pub mod text;

#[cfg(target_family = "wasm")]
mod host;
