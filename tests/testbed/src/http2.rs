//! HTTP/2 without TLS, by hand: bodies, trailers and resets frame by frame.

pub mod client;
mod server;

pub use server::{Part, Stream};
pub(crate) use server::{read_frames, serve};
