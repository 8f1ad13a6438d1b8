//! The bytes of a request.

use fastrand::Rng;
use testbed::client;

/// A request that is being written.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: &'static str,
    target: Vec<u8>,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    /// The sizes of its chunks, if it goes in chunks.
    chunks: Option<Rng>,
    pub close: bool,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &'static str, target: impl Into<Vec<u8>>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: Vec::new(), chunks: None, close: false }
    }

    /// With one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With its body in chunks of any sizes.
    pub fn chunked(mut self, random: Rng) -> Self {
        self.chunks = Some(random);
        self
    }

    /// Its bytes, and how many of them are its head.
    pub fn bytes(&self) -> (Vec<u8>, usize) {
        let mut bytes =
            [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\nhost: gateway.example\r\n"].concat();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        if self.close {
            bytes.extend(b"connection: close\r\n");
        }
        match &self.chunks {
            Some(_) => bytes.extend(b"transfer-encoding: chunked\r\n"),
            None if self.body.is_empty() => {}
            None => bytes.extend(format!("content-length: {}\r\n", self.body.len()).bytes()),
        }
        bytes.extend(b"\r\n");
        let head = bytes.len();
        match self.chunks.clone() {
            Some(random) => bytes.extend(in_chunks(&self.body, random)),
            None => bytes.extend(&self.body),
        }
        (bytes, head)
    }
}

fn in_chunks(mut body: &[u8], mut random: Rng) -> Vec<u8> {
    let mut chunks = Vec::new();
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(random.usize(1..=body.len()));
        chunks.push(chunk);
        body = rest;
    }
    let trailers: &[_] = if random.usize(..4) == 0 { &[("x-checksum", "1")] } else { &[] };
    client::in_chunks(&chunks, trailers)
}
