//! HTTP/1.1 messages, taken in as they come. Only what Envoy and the clients of the bench send is understood; the
//! rest is an error. The reader of the test bench would wait for the bytes that have not come yet, and one thread has many
//! connections here.

use std::mem;

use httparse::{EMPTY_HEADER, Header, Request, Response, Status};

/// The most header lines of a message.
const MOST_HEADERS: usize = 32;

/// The largest head of a message, in bytes.
const LARGEST_HEAD: usize = 64 << 10;

/// The side of a connection that takes messages in.
#[derive(Debug)]
pub struct Inbox {
    kind: Kind,
    /// The beginning of a head that has not come to its end.
    held: Vec<u8>,
    /// How many bytes of a body are still to come; nothing between messages.
    left: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Requests,
    Replies,
}

/// The head of a message.
#[derive(Debug)]
pub struct Head<'a> {
    /// The method of a request; empty of a reply.
    pub method: &'a str,
    /// The path of a request with its query; empty of a reply.
    pub path: &'a str,
    /// The status of a reply; 0 of a request.
    pub status: u16,
    /// The size of the body behind it, in bytes.
    pub size: usize,
    headers: &'a [Header<'a>],
}

/// What becomes of the messages.
pub trait Reader {
    /// A head came.
    fn head(&mut self, head: &Head<'_>) -> Result<(), String>;

    /// A part of the body came.
    fn body(&mut self, bytes: &[u8]) -> Result<(), String>;

    /// The message is complete.
    fn end(&mut self) -> Result<(), String>;
}

impl<'a> Head<'a> {
    /// The values of the headers of this name, which is in lower case.
    pub fn values<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'b> {
        self.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }
}

impl Inbox {
    /// For requests.
    pub const fn of_requests() -> Self {
        Self { kind: Kind::Requests, held: Vec::new(), left: None }
    }

    /// For replies.
    pub const fn of_replies() -> Self {
        Self { kind: Kind::Replies, held: Vec::new(), left: None }
    }

    /// Takes the next bytes in.
    pub fn take(&mut self, mut bytes: &[u8], reader: &mut impl Reader) -> Result<(), String> {
        loop {
            let left = match self.left {
                Some(left) => left,
                None if bytes.is_empty() => return Ok(()),
                None => match self.head(&mut bytes, reader)? {
                    Some(size) => size,
                    None => return Ok(()),
                },
            };
            let (now, rest) = bytes.split_at_checked(left).unwrap_or((bytes, &[]));
            if !now.is_empty() {
                reader.body(now)?;
            }
            bytes = rest;
            self.left = Some(left - now.len()).filter(|left| *left > 0);
            if self.left.is_some() {
                return Ok(());
            }
            reader.end()?;
        }
    }

    /// Takes a head from the beginning of the bytes: the size of its body, if the head came to its end.
    fn head(&mut self, bytes: &mut &[u8], reader: &mut impl Reader) -> Result<Option<usize>, String> {
        let before = self.held.len();
        let mut held = mem::take(&mut self.held);
        if before > 0 {
            held.extend_from_slice(bytes);
        }
        let source = if before > 0 { held.as_slice() } else { *bytes };
        let Some((length, size)) = parse(self.kind, source, reader)? else {
            if source.len() > LARGEST_HEAD {
                return Err(format!("a head of more than {LARGEST_HEAD} bytes"));
            }
            if before == 0 {
                held.extend_from_slice(bytes);
            }
            self.held = held;
            return Ok(None);
        };
        *bytes = bytes.get(length - before..).unwrap_or_default();
        Ok(Some(size))
    }
}

/// The length of the head, and the size of the body behind it.
fn parse(kind: Kind, bytes: &[u8], reader: &mut impl Reader) -> Result<Option<(usize, usize)>, String> {
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let wrong = |error| format!("no HTTP: {error}: {}", bytes.escape_ascii());
    let (status, mut head) = match kind {
        Kind::Requests => {
            let mut request = Request::new(&mut headers);
            let status = request.parse(bytes).map_err(wrong)?;
            let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
            (status, Head { method, path, status: 0, size: 0, headers: request.headers })
        }
        Kind::Replies => {
            let mut reply = Response::new(&mut headers);
            let status = reply.parse(bytes).map_err(wrong)?;
            (status, Head { method: "", path: "", status: reply.code.unwrap_or(0), size: 0, headers: reply.headers })
        }
    };
    let Status::Complete(length) = status else { return Ok(None) };
    if head.values("transfer-encoding").next().is_some() {
        return Err(format!("a body of unknown size: {}", bytes.escape_ascii()));
    }
    let length_told = head.values("content-length").next();
    if let Some(value) = length_told {
        let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        head.size = size.ok_or_else(|| format!("content-length {}", value.escape_ascii()))?;
    }
    reader.head(&head)?;
    Ok(Some((length, head.size)))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[derive(Default)]
    struct Seen(String);

    impl Reader for Seen {
        fn head(&mut self, head: &Head<'_>) -> Result<(), String> {
            let Head { method, path, status, size, .. } = head;
            write!(self.0, "[{method} {path} {status} {size}]").map_err(|error| error.to_string())
        }

        fn body(&mut self, bytes: &[u8]) -> Result<(), String> {
            self.0 += &String::from_utf8_lossy(bytes);
            Ok(())
        }

        fn end(&mut self) -> Result<(), String> {
            self.0 += ".";
            Ok(())
        }
    }

    #[test]
    fn messages_are_the_same_however_they_come() {
        let requests = "POST /a?b HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyzPOST /c HTTP/1.1\r\nhost: d\r\n\r\n";
        let replies = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 204 No Content\r\n\r\n";
        for (inbox, text, expected) in [
            (Inbox::of_requests as fn() -> Inbox, requests, "[POST /a?b 0 3]xyz.[POST /c 0 0]."),
            (Inbox::of_replies, replies, "[  200 2]ok.[  204 0]."),
        ] {
            for size in 1..=text.len() {
                let (mut inbox, mut seen) = (inbox(), Seen::default());
                for chunk in text.as_bytes().chunks(size) {
                    inbox.take(chunk, &mut seen).expect(text);
                }
                assert_eq!(seen.0, expected, "{size}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            "hello\r\n\r\n",
        ] {
            assert!(Inbox::of_replies().take(text.as_bytes(), &mut Seen::default()).is_err(), "{text}");
        }
    }
}
