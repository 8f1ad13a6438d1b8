//! What goes into an exchange, and what comes out of it.

use http::header::HeaderName;

use crate::answer::Timing;
use crate::call::Call;
use crate::error::Error;
use crate::reply::Reply;

/// The header that tells how long things took.
///
/// Source: W3C Server Timing.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

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

/// How much of a request there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More follows.
    Partial,
    /// It has ended.
    Complete,
}

impl Progress {
    /// That of a stream, which has ended or not.
    #[must_use]
    pub const fn of(has_ended: bool) -> Self {
        if has_ended { Self::Complete } else { Self::Partial }
    }
}

impl Step {
    /// Has the reply tell how long things took.
    pub(super) fn tell(&mut self, timing: &Timing) {
        if let (Self::Send(reply) | Self::Fail(_, reply), Some(value)) = (self, timing.header()) {
            reply.headers.push((SERVER_TIMING, value));
        }
    }

    /// The failure of a request with this id.
    pub(super) fn fail(error: Error, request_id: &str) -> Self {
        let reply = Reply::for_error(&error, request_id);
        Self::Fail(error, reply)
    }
}
