//! Requests to one worker as an input: what happens to them, and in which order.

use arbitrary::Arbitrary;

use crate::encode::{Encode, encode_fields, variant};
use crate::input::{Header, Line, Mode};
use crate::reply::Head;

/// Several requests to one worker, and what happens to them.
#[derive(Arbitrary, Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an attribute")]
pub struct Traffic {
    /// Where the filter runs.
    pub is_apisix: bool,
    /// Which requests are its own.
    pub scope: Scope,
    /// The attribute `mode`.
    pub mode: Mode,
    /// Whether the attribute `parameters` is `"http"`.
    pub http: bool,
    /// The attribute `on_timeout`.
    pub accept: bool,
    /// Whether `parameters` is `"raw"` instead, with a path template.
    pub raw: bool,
    /// The attribute `server_timing`.
    pub timing: bool,
    /// The attribute `keepalive`: 0 for false.
    pub keepalive: u8,
    /// The attribute `max_req_body_size`, less one.
    pub limit: u16,
    /// What happens, and to which request.
    pub events: Vec<(u8, Event)>,
}

/// Which requests the filter takes over.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It is not configured.
    None,
    /// All of them.
    Every,
    /// Those on the routes `a` and `b` to one upstream, and `c` to another.
    Routes,
}

/// Something that happens to a request.
#[derive(Arbitrary, Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its headers come.
    Headers {
        /// The name of its route.
        route: Option<Line>,
        /// The headers.
        headers: Vec<Header>,
        /// Whether nothing follows.
        is_all: bool,
    },
    /// A part of its body comes.
    Body {
        /// How many bytes have come in all.
        size: u16,
        /// Whether nothing follows.
        is_all: bool,
        /// What the host reads.
        read: Read,
    },
    /// Its trailers come.
    Trailers {
        /// What the host reads.
        read: Read,
    },
    /// Its call is answered.
    Answer {
        /// The head of the answer.
        head: Head,
        /// Its body.
        body: Line,
    },
    /// Its call ends without an answer, after so many milliseconds.
    Silence(u16),
    /// The host knows no such upstream.
    Unknown,
    /// The host cannot call the upstream.
    Unavailable,
    /// The client goes away, and another request comes in its place.
    Gone,
}

/// What the host reads of a body.
#[derive(Arbitrary, Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// As many bytes as there are: these, again and again.
    Whole(Line),
    /// Nothing.
    Nothing,
    /// One byte less.
    Short,
    /// One byte more.
    Long,
}

encode_fields!(Traffic { is_apisix, scope, mode, http, accept, raw, timing, keepalive, limit, events });

impl Encode for Scope {
    fn encode(&self, bytes: &mut Vec<u8>) {
        variant(*self as u32, 3, bytes);
    }
}

impl Encode for Event {
    fn encode(&self, bytes: &mut Vec<u8>) {
        let mut begin = |index| variant(index, 8, bytes);
        match self {
            Self::Headers { route, headers, is_all } => {
                begin(0);
                (route.clone(), (headers.clone(), *is_all)).encode(bytes);
            }
            Self::Body { size, is_all, read } => {
                begin(1);
                (*size, (*is_all, read.clone())).encode(bytes);
            }
            Self::Trailers { read } => {
                begin(2);
                read.encode(bytes);
            }
            Self::Answer { head, body } => {
                begin(3);
                (head.clone(), body.clone()).encode(bytes);
            }
            Self::Silence(after) => {
                begin(4);
                after.encode(bytes);
            }
            Self::Unknown => begin(5),
            Self::Unavailable => begin(6),
            Self::Gone => begin(7),
        }
    }
}

impl Encode for Read {
    fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Whole(content) => {
                variant(0, 4, bytes);
                content.encode(bytes);
            }
            Self::Nothing => variant(1, 4, bytes),
            Self::Short => variant(2, 4, bytes),
            Self::Long => variant(3, 4, bytes),
        }
    }
}

impl Read {
    /// What the host reads of so many bytes.
    #[must_use]
    pub fn bytes(&self, size: usize) -> Option<Vec<u8>> {
        match self {
            Self::Whole(Line(content)) if content.is_empty() => Some(vec![b'x'; size]),
            Self::Whole(Line(content)) => Some(content.iter().copied().cycle().take(size).collect()),
            Self::Nothing => None,
            Self::Short => Some(vec![b'x'; size.saturating_sub(1)]),
            Self::Long => Some(vec![b'x'; size.saturating_add(1)]),
        }
    }
}
