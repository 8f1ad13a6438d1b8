//! A proxy-wasm host for tests: runs the built filter, not its source, as one of two real hosts would
//! ([`Personality`]), and panics with one sentence where that host would crash, hang, leak the request, split
//! or lose the reply, or where the SDK inside the filter would ([`Crash`]).
//!
//! It is no proxy: there is no network, no thread and no clock but the one a test advances. Nor does it play the
//! response of a request that was passed on to the route's upstream, nor the limits of Envoy's buffers.
//!
//! ```text
//! Filter ─▶ Setup ─ load ─▶ Host ─ configure ─▶ send a Request ─▶ Standing ─ answer | fail ─▶ Standing …
//! ```
//!
//! ```no_run
//! use host::{Answer, Filter, Personality, Request, Setup};
//!
//! let mut host = Setup::new(Personality::Envoy).load(&Filter::built());
//! host.configure(r#"{"api_host": "http://openwhisk", "…": "…"}"#)?;
//! let id = host.send(Request::new("POST", "/hello").body("{}"));
//! assert_eq!(host.call(id).body, b"{}");
//! host.answer(id, Answer::new(200).body("{}"));
//! assert_eq!(host.reply(id).status, 200);
//! # Ok::<(), host::Refused>(())
//! ```
//!
//! A test asserts what was sent ([`Call`], [`Reply`]), never the order of host calls; [`Cost`] counts those.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "to panic is the purpose of this crate: the test that asked for too much, or got too little, stops"
)]

mod answers;
mod apisix;
mod buffers;
mod calls;
mod clock;
mod cost;
mod crash;
mod envoy;
mod exchange;
mod filter;
mod header_filter;
mod headers;
mod host;
mod imports;
mod log;
mod maps;
mod memory;
mod metrics;
mod personality;
mod properties;
mod refusal;
mod replies;
mod request;
mod services;
mod setup;
mod shown;
mod status;
mod vm;
mod wasi;
mod worker;

pub use answers::{Answer, Failure};
pub use calls::{Call, Upstreams};
pub use clock::Clock;
pub use cost::Cost;
pub use crash::{Crash, Rule};
pub use exchange::Standing;
pub use filter::Filter;
pub use headers::Headers;
pub use host::{Host, Refused, RequestId};
pub use log::{Level, Line};
pub use metrics::{Kind, Metric};
pub use personality::Personality;
pub use replies::{Reply, Sender};
pub use request::{Request, Version};
pub use setup::Setup;
