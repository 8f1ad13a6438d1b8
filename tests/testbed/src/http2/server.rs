//! The side of an upstream that speaks HTTP/2, strictly: `h2` resets a call with a header of connections.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, mpsc as blocking};
use std::thread;

use bytes::Bytes;
use corpus::{Call, Headers};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// After how many turns of the runtime a connection has written all that it was given.
const TURNS: usize = 10;

/// What a script does on a stream, or to its connection.
#[derive(Debug)]
pub enum Part {
    /// The head of an answer.
    Head(Response<()>),
    /// A part of its body.
    Body(Vec<u8>),
    /// Its end.
    End,
    /// Trailers, and its end.
    Trailers(HeaderMap),
    /// The end of the stream, before that of the answer.
    Reset(Reason),
    /// The end of the connection, told to the other side.
    GoAway(Reason),
    /// No more streams on this connection; those that are open go on.
    Retire,
    /// The end of the connection, without a word.
    Drop,
}

/// A stream, as a script sees it.
#[derive(Debug)]
pub struct Stream {
    parts: UnboundedSender<Part>,
    /// Ends with the stream.
    is_over: blocking::Receiver<()>,
    answer: Answer,
}

/// An answer that a script writes as it is in HTTP/1.1, as far as it has come.
#[derive(Debug, Default)]
struct Answer {
    head: Vec<u8>,
    /// How much of the body is missing. `None` before the end of the head.
    missing: Option<usize>,
}

impl Stream {
    /// Does this.
    pub fn part(&self, part: Part) -> io::Result<()> {
        self.parts.send(part).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Sends a part of an answer, which is written as it is in HTTP/1.1, with a length.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let body = if self.answer.missing.is_some() {
            bytes.to_vec()
        } else {
            self.answer.head.extend(bytes);
            let end = self.answer.head.windows(4).position(|window| window == b"\r\n\r\n");
            let Some(end) = end else { return Ok(()) };
            let body = self.answer.head.split_off(end + 4);
            let (head, length) = head(&self.answer.head[..end]);
            self.answer.missing = Some(length);
            self.part(Part::Head(head))?;
            if length == 0 {
                return self.part(Part::End);
            }
            body
        };
        if body.is_empty() {
            return Ok(());
        }
        let missing = self.answer.missing.unwrap_or_default().saturating_sub(body.len());
        self.answer.missing = Some(missing);
        self.part(Part::Body(body))?;
        if missing == 0 { self.part(Part::End) } else { Ok(()) }
    }

    /// Waits until the other side ends the stream.
    pub fn wait_for_close(&self) {
        // An error, as nothing is ever sent.
        let _ = self.is_over.recv();
    }
}

/// The head of an answer, and the length of its body.
fn head(text: &[u8]) -> (Response<()>, usize) {
    let text = std::str::from_utf8(text).expect("a head in ASCII");
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let mut response = Response::builder().status(status);
    let mut length = 0;
    for (name, value) in lines.map(|line| line.split_once(": ").expect("a header")) {
        if name == "content-length" {
            length = value.parse().expect("a length");
        }
        response = response.header(name, value);
    }
    (response.body(()).expect("a head"), length)
}

/// Reads the beginning of a connection up to the end of the first call, for an upstream that writes its frames itself.
///
/// Source: RFC 9113, 3.4, 4.1, 6.5 and 6.9.
pub fn read_frames(stream: &mut TcpStream) -> io::Result<()> {
    // Windows of 16 MiB for the call and for the connection, so that all of it comes.
    stream.write_all(b"\0\0\x06\x04\0\0\0\0\0\0\x04\x01\0\0\0\0\0\x04\x08\0\0\0\0\0\x01\0\0\0")?;
    stream.read_exact(&mut [0; 24])?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, ..] = head;
        let size = u32::from_be_bytes([0, a, b, c]);
        io::copy(&mut stream.take(size.into()), &mut io::sink())?;
        let ends_stream = flags & 1 == 1;
        if matches!(kind, 0 | 1) && ends_stream {
            return Ok(());
        }
    }
}

/// Serves a connection until it ends. `script` runs on a thread of its own for each call and its trailers.
pub fn serve<F>(stream: TcpStream, script: &Arc<F>) -> io::Result<()>
where
    F: Fn(Call, Headers, Stream) -> io::Result<()> + Send + Sync + 'static,
{
    stream.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection =
            h2::server::handshake(tokio::net::TcpStream::from_std(stream)?).await.map_err(io::Error::other)?;
        let (to_connection, mut parts) = unbounded_channel();
        loop {
            tokio::select! {
                accepted = connection.accept() => match accepted {
                    Some(Ok((request, response))) => {
                        let (script, to_connection) = (Arc::clone(script), to_connection.clone());
                        // Its end is that of the stream, nothing else: scripts break off on purpose.
                        tokio::spawn(async move {
                            let _ = answer(request, response, script, to_connection).await;
                        });
                    }
                    Some(Err(error)) => return Err(io::Error::other(error)),
                    None => return Ok(()),
                },
                part = parts.recv() => match part {
                    Some(Part::GoAway(reason)) => connection.abrupt_shutdown(reason),
                    Some(Part::Retire) => connection.graceful_shutdown(),
                    _ => return Ok(()),
                },
            }
        }
    })
}

async fn answer<F>(
    request: Request<RecvStream>,
    mut response: SendResponse<Bytes>,
    script: Arc<F>,
    to_connection: UnboundedSender<Part>,
) -> Result<(), h2::Error>
where
    F: Fn(Call, Headers, Stream) -> io::Result<()> + Send + Sync + 'static,
{
    let (call, trailers) = read(request).await?;
    let (parts, mut received) = unbounded_channel();
    // Dropped with this function, and so is what a script waits for.
    let (_over, is_over) = blocking::channel();
    thread::spawn(move || {
        let stream = Stream { parts: parts.clone(), is_over, answer: Answer::default() };
        if script(call, trailers, stream).is_err() {
            // Nobody is there any more if the stream has ended.
            let _ = parts.send(Part::Reset(Reason::INTERNAL_ERROR));
        }
    });
    let mut body: Option<SendStream<Bytes>> = None;
    while let Some(part) = next(&mut received, &mut response, body.as_mut()).await {
        if matches!(part, Part::Reset(_) | Part::Drop | Part::GoAway(_)) {
            // Else `h2` would drop what it has not written yet. The connection is served by this thread, too.
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
        match (part, &mut body) {
            (Part::Head(head), None) => body = Some(response.send_response(head, false)?),
            (Part::Body(bytes), Some(body)) => body.send_data(bytes.into(), false)?,
            (Part::End, Some(body)) => body.send_data(Bytes::new(), true)?,
            (Part::Trailers(trailers), Some(body)) => body.send_trailers(trailers)?,
            (Part::Reset(reason), None) => response.send_reset(reason),
            (Part::Reset(reason), Some(body)) => body.send_reset(reason),
            (part @ (Part::GoAway(_) | Part::Retire | Part::Drop), _) => _ = to_connection.send(part),
            (part, _) => panic!("no answer has {part:?} there"),
        }
    }
    Ok(())
}

/// What the script does next, unless it or the other side has ended the stream.
async fn next(
    parts: &mut UnboundedReceiver<Part>,
    response: &mut SendResponse<Bytes>,
    body: Option<&mut SendStream<Bytes>>,
) -> Option<Part> {
    let reset = async {
        // Either way the stream is over.
        let _ = match body {
            None => std::future::poll_fn(|context| response.poll_reset(context)).await,
            Some(body) => std::future::poll_fn(|context| body.poll_reset(context)).await,
        };
    };
    tokio::select! {
        // What the script does before it ends is done, even if the other side has all that it wants.
        biased;
        part = parts.recv() => part,
        () = reset => None,
    }
}

/// Reads a call and its trailers.
async fn read(request: Request<RecvStream>) -> Result<(Call, Headers), h2::Error> {
    let (head, mut receiving) = request.into_parts();
    let mut body = Vec::new();
    while let Some(bytes) = receiving.data().await {
        let bytes = bytes?;
        receiving.flow_control().release_capacity(bytes.len())?;
        body.extend(bytes);
    }
    let trailers = receiving.trailers().await?.unwrap_or_default();
    let mut headers = listed(&head.headers);
    headers.extend(head.uri.authority().map(|host| ("host".to_owned(), host.as_str().into())));
    let path = head.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
    Ok((Call { method: head.method.to_string(), path, headers, body }, listed(&trailers)))
}

fn listed(headers: &HeaderMap) -> Headers {
    headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}
