//! A client of Envoy that sends exact bytes and reads replies strictly.

use std::fmt::Write as _;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use corpus::{Headers, Reply};
use h2::client::{ResponseFuture, SendRequest};

use crate::http1;

/// How long a client waits for anything. Far more than needed: reached only when something hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a port of this machine.
pub fn connect(port: u16) -> TcpStream {
    try_connect(port).expect("something listens")
}

fn try_connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
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
    let method = String::from_utf8_lossy(request.split(|byte| *byte == b' ').next().expect("a method"));
    try_ask(port, request, &method).unwrap_or_else(|error| panic!("no valid reply: {error}"))
}

fn try_ask(port: u16, request: &[u8], method: &str) -> io::Result<Reply> {
    let mut stream = try_connect(port)?;
    // Envoy may answer and close before it has taken all of it.
    let _ = stream.write_all(request);
    http1::read_reply(&read_to_end(&mut stream)?, method)
}

/// Reads the only reply to a request with this method, up to the end of the connection.
pub fn read_only_reply(stream: &mut TcpStream, method: &str) -> Reply {
    let bytes = read_to_end(stream).and_then(|bytes| http1::read_reply(&bytes, method));
    bytes.unwrap_or_else(|error| panic!("no valid reply: {error}"))
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
    try_ask(port, &request("GET", path, &[], b""), "GET")
}

/// A plain GET.
pub fn get(port: u16, path: &str) -> Reply {
    ask(port, &request("GET", path, &[], b""))
}

/// A connection for one request after the other.
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
        http1::read_next_reply(&mut self.reader, "POST")
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
    reply.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice()).collect()
}

/// Sends one HTTP/2 request with POST: headers, then the body if there is one, then trailers if there are any.
pub fn ask_http2(
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    trailers: &[(&str, &str)],
) -> Reply {
    in_http2(port, async |client| exchange(client, path, headers, body, trailers).await)
}

/// Sends one HTTP/2 request with POST, resets it when that is so, and sends another on the same connection.
pub fn reset_http2(port: u16, path: &str, body: &'static [u8], is_so: impl Fn() -> bool, next: &[u8]) -> Reply {
    in_http2(port, async |client| {
        let request = http::Request::post(format!("http://gateway.example{path}")).body(()).expect("a request");
        let (response, mut sending) = client.send_request(request, false)?;
        sending.send_data(body.into(), true)?;
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sending.send_reset(h2::Reason::CANCEL);
        drop(response);
        exchange(client, path, &[], Some(next), &[]).await
    })
}

/// Does something with an HTTP/2 connection, within the time there is.
pub fn in_http2(port: u16, run: impl AsyncFnOnce(&mut SendRequest<Bytes>) -> Result<Reply, h2::Error>) -> Reply {
    let reply = async {
        let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("something listens");
        let (client, connection) = h2::client::handshake(stream).await?;
        let connection = tokio::spawn(connection);
        let reply = run(&mut client.ready().await?).await;
        connection.abort();
        reply
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let reply = runtime.block_on(async { tokio::time::timeout(PATIENCE, reply).await });
    reply.expect("a reply in time").expect("a valid reply")
}

async fn exchange(
    client: &mut SendRequest<Bytes>,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    trailers: &[(&str, &str)],
) -> Result<Reply, h2::Error> {
    let mut request = http::Request::post(format!("http://gateway.example{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("a request");
    if body.is_none() && trailers.is_empty() {
        return ask_stream(client, request, true).await;
    }
    let (response, mut sending) = client.send_request(request, false)?;
    if let Some(body) = body {
        sending.send_data(Bytes::copy_from_slice(body), trailers.is_empty())?;
    }
    if !trailers.is_empty() {
        let pair = |(name, value): &(&str, &str)| (name.parse().expect("a name"), value.parse().expect("a value"));
        sending.send_trailers(trailers.iter().map(pair).collect::<http::HeaderMap>())?;
    }
    read_stream(response).await
}

/// Sends one HTTP/2 request without a body, whose stream may stay open.
pub async fn ask_stream(
    client: &mut SendRequest<Bytes>,
    request: http::Request<()>,
    is_all: bool,
) -> Result<Reply, h2::Error> {
    // Held until the reply is there: dropped, it would reset the stream.
    let (response, _sending) = client.send_request(request, is_all)?;
    read_stream(response).await
}

/// Reads the reply on a stream.
pub async fn read_stream(response: ResponseFuture) -> Result<Reply, h2::Error> {
    let (parts, mut receiving) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = receiving.data().await {
        let data = data?;
        receiving.flow_control().release_capacity(data.len())?;
        body.extend(data);
    }
    let headers: Headers =
        parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    Ok(Reply { status: parts.status.as_u16(), headers, body })
}
