//! What a client sends.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::headers::Headers;

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0, where the header `host` may be missing: [`Request::without_host`].
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// A part of a request behind its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Chunk(Vec<u8>),
    Trailers(Headers),
}

/// A client's request, whole. [`Host::begin`](crate::Host::begin) and [`Host::advance`](crate::Host::advance)
/// deliver it piece by piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(crate) method: Vec<u8>,
    pub(crate) path: Vec<u8>,
    pub(crate) version: Version,
    pub(crate) host: Option<Vec<u8>>,
    pub(crate) headers: Headers,
    pub(crate) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    chunks: VecDeque<Vec<u8>>,
    trailers: Option<Headers>,
}

impl Request {
    /// A request of HTTP/1.1 for the host `gateway.example`, without other headers and without a body.
    #[must_use]
    pub fn new(method: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.as_ref().to_vec(),
            path: path.as_ref().to_vec(),
            version: Version::default(),
            host: Some(b"gateway.example".to_vec()),
            headers: Headers::new(),
            properties: BTreeMap::new(),
            chunks: VecDeque::new(),
            trailers: None,
        }
    }

    /// Another version.
    #[must_use]
    pub const fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// No header `host`, and so HTTP/1.0: every host refuses a later version without it.
    #[must_use]
    pub fn without_host(mut self) -> Self {
        self.host = None;
        self.version(Version::Http10)
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(name.as_ref().to_ascii_lowercase(), value);
        self
    }

    /// A body in one piece, with its `content-length`.
    #[must_use]
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len().to_string();
        self.header("content-length", length).chunk(body)
    }

    /// One more piece of a body whose length the client does not tell.
    #[must_use]
    pub fn chunk(mut self, chunk: impl AsRef<[u8]>) -> Self {
        self.chunks.push_back(chunk.as_ref().to_vec());
        self
    }

    /// Trailers behind the body. nginx drops those of HTTP/1.1, and the client with those of HTTP/2.
    #[must_use]
    pub fn trailers(mut self, trailers: Headers) -> Self {
        self.trailers = Some(trailers);
        self
    }

    /// A property of the request on this host, such as `["xds", "cluster_name"]` or `["route_id"]`.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: impl AsRef<[u8]>) -> Self {
        self.properties.insert(path.join("\0").into_bytes(), value.as_ref().to_vec());
        self
    }

    /// Its pseudo headers. The scheme is that of a connection without TLS.
    pub(crate) fn pseudo_headers(&self) -> Headers {
        let host = self.host.iter().map(|host| (":authority", host.as_slice()));
        let rest = [(":path", self.path.as_slice()), (":method", self.method.as_slice()), (":scheme", b"http")];
        host.chain(rest).collect()
    }

    /// What comes behind the headers, in its order.
    pub(crate) fn pieces(&self) -> VecDeque<Piece> {
        let chunks = self.chunks.iter().cloned().map(Piece::Chunk);
        chunks.chain(self.trailers.clone().map(Piece::Trailers)).collect()
    }
}
