//! HTTP/2 without TLS, by hand: bodies, trailers and resets frame by frame.

pub mod client;
mod server;

pub(crate) use server::serve;
pub use server::{Part, Stream};
