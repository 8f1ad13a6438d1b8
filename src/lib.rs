//! A proxy-wasm filter that takes over a request on a route, invokes an Apache `OpenWhisk` action
//! through the REST API, and answers the client with the result, within a deadline.
//!
//! It is not a proxy for `OpenWhisk`: the client reaches the configured action and nothing else of the API, and
//! never sees the credentials.
//!
//! The line every request walks, each arrow one function:
//!
//! ```text
//! plugin bytes -> Config                                                             once
//! headers + body -> Request -> parameters -> Call -> [host] -> Outcome -> Activation | Error -> Reply
//! ```
//!
//! Everything but `host` is pure: it does not log, read the clock or the environment, and does
//! not know the host. [`exchange::Exchange`] drives the line as a step machine, and `host`, which
//! exists only in the wasm build, performs the steps.
//!
//! A `Source:` line says where a rule comes from. A path of apache/openwhisk that begins with `core/controller/`,
//! `core/entity/` or `http/` lies below `org/apache/openwhisk/` in the sources of `core/controller` or `common/scala`.
//!
//! No module uses one that uses it, directly or through others. From the bottom up: `json`, `header`, `media_type`,
//! `proxy`; `error`; `config`, `reply`; `call`, `answer`, `metric`; `target`; `exchange`; `host`.

pub mod answer;
pub mod call;
pub mod config;
pub mod error;
pub mod exchange;
pub(crate) mod header;
pub(crate) mod json;
pub(crate) mod media_type;
pub mod metric;
pub mod proxy;
pub mod reply;
pub mod target;

#[cfg(target_family = "wasm")]
mod host;
