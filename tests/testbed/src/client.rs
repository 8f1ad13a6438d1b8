//! A client of Envoy that sends exact bytes and reads replies strictly.

use std::fmt::Write as _;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};

use corpus::{Case, Reply, Request};

use crate::{PATIENCE, artifact, http1};

/// A connection to a port of this machine.
pub fn connect(port: u16) -> TcpStream {
    try_connect(port).expect("something listens")
}

/// The same, which may fail.
pub fn try_connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The head of a request, after which the connection closes; its empty line is the caller's.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: gateway.example\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("a string takes it");
    }
    head.into_bytes()
}

/// A request with a body of known length, or without one if it is empty.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = head(method, path, headers);
    if !body.is_empty() {
        write!(request, "content-length: {}\r\n", body.len()).expect("a vector takes it");
    }
    request.extend(b"\r\n");
    request.extend(body);
    request
}

/// The request of a golden case, whose headers need not be text.
pub fn request_of(case: &Case) -> Vec<u8> {
    let Request { method, path, headers, body } = &case.request;
    let length = ("content-length".to_owned(), body.len().to_string().into_bytes());
    let length = (!body.is_empty()).then_some(&length);
    let mut request = head(method, path, &[]);
    for (name, value) in headers.iter().chain(length) {
        request.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    request.extend(body);
    request
}

/// A request with a chunked body, and trailers if there are any.
pub fn chunked(path: &str, chunks: &[&[u8]], trailers: &[(&str, &str)]) -> Vec<u8> {
    let mut request = head("POST", path, &[("transfer-encoding", "chunked")]);
    request.extend(b"\r\n");
    request.extend(in_chunks(chunks, trailers));
    request
}

/// A body in chunks, and its trailers.
pub fn in_chunks(chunks: &[&[u8]], trailers: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in chunks {
        write!(body, "{:x}\r\n", chunk.len()).expect("a vector takes it");
        body.extend(*chunk);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n");
    for (name, value) in trailers {
        write!(body, "{name}: {value}\r\n").expect("a vector takes it");
    }
    body.extend(b"\r\n");
    body
}

/// Sends these bytes and reads the only reply to them, up to the end of the connection.
pub fn ask(port: u16, request: &[u8]) -> Reply {
    try_ask(port, request).unwrap_or_else(|error| panic!("no valid reply: {error}"))
}

/// The same, which may fail.
pub fn try_ask(port: u16, request: &[u8]) -> io::Result<Reply> {
    let method = String::from_utf8_lossy(request.split(|byte| *byte == b' ').next().expect("a method"));
    let mut stream = try_connect(port)?;
    // Envoy may answer and close before it has taken all of it.
    let _ = stream.write_all(request);
    http1::read_reply(&read_to_end(&mut stream)?, &method).map(kept)
}

/// Reads the only reply to a request with this method, up to the end of the connection.
pub fn read_only_reply(stream: &mut TcpStream, method: &str) -> Reply {
    let reply = read_to_end(stream).and_then(|bytes| http1::read_reply(&bytes, method)).map(kept);
    reply.unwrap_or_else(|error| panic!("no valid reply: {error}"))
}

/// Everything that comes until the connection ends, in whatever way.
fn read_to_end(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
            let context = format!("{error} after {:?}", String::from_utf8_lossy(&bytes));
            Err(io::Error::new(error.kind(), context))
        }
        _ => Ok(bytes),
    }
}

/// A plain GET that may fail.
pub fn try_get(port: u16, path: &str) -> io::Result<Reply> {
    try_ask(port, &request("GET", path, &[], b""))
}

/// A plain GET.
pub fn get(port: u16, path: &str) -> Reply {
    ask(port, &request("GET", path, &[], b""))
}

/// A connection for one request after the other.
#[derive(Debug)]
pub struct Session {
    reader: BufReader<TcpStream>,
}

impl Session {
    /// Connects.
    pub fn connect(port: u16) -> io::Result<Self> {
        Ok(Self { reader: BufReader::new(try_connect(port)?) })
    }

    /// Sends a body with POST, and reads the reply. An error is the end of the session.
    pub fn post(&mut self, path: &str, body: &[u8]) -> io::Result<Reply> {
        self.post_as("application/json", path, body)
    }

    /// The same with a body of this content type.
    pub fn post_as(&mut self, content_type: &str, path: &str, body: &[u8]) -> io::Result<Reply> {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: gateway.example\r\ncontent-type: {content_type}\r\n\
             content-length: {length}\r\n\r\n"
        );
        self.reader.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        http1::read_next_reply(&mut self.reader, "POST").map(kept)
    }

    /// Whether nothing has come since the last reply.
    pub fn is_idle(&self) -> bool {
        self.reader.buffer().is_empty()
    }
}

/// Sends these bytes and goes away; returns when the other side knows.
pub fn leave_after(port: u16, request: &[u8]) {
    let mut stream = connect(port);
    stream.write_all(request).expect("sent");
    stream.shutdown(Shutdown::Both).expect("closed");
}

/// The values of a header.
pub fn header<'a>(reply: &'a Reply, name: &str) -> Vec<&'a [u8]> {
    http1::values(&reply.headers, name)
}

/// Keeps a reply for the search for secrets, the beginning of its body at least.
fn kept(reply: Reply) -> Reply {
    const KEPT: usize = 64 << 10;
    let mut kept = Vec::new();
    for (name, value) in &reply.headers {
        kept.extend([name.as_bytes(), b": ", value, b"\n"].concat());
    }
    kept.extend(reply.body.get(..KEPT).unwrap_or(&reply.body));
    artifact::keep("replies", kept);
    reply
}
