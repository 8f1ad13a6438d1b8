//! A client that speaks HTTP/2 without TLS.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use corpus::{Headers, Reply};
use h2::client::{ResponseFuture, SendRequest};

use crate::PATIENCE;

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

/// Sends one HTTP/2 request with POST, a path and a body, resets it when that is so, and sends the next one on the same
/// connection.
pub fn reset_http2(
    port: u16,
    (path, body): (&str, &'static [u8]),
    is_so: impl Fn() -> bool,
    (next_path, next_body): (&str, &[u8]),
) -> Reply {
    in_http2(port, async |client| {
        let request = http::Request::post(format!("http://gateway.example{path}")).body(()).expect("a request");
        let (response, mut sending) = client.send_request(request, false)?;
        sending.send_data(body.into(), true)?;
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sending.send_reset(h2::Reason::CANCEL);
        drop(response);
        exchange(client, next_path, &[], Some(next_body), &[]).await
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
