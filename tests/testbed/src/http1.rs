//! HTTP/1.1 messages, read strictly: whatever is doubtful is an error, of the kind `InvalidData` where the bytes are wrong
//! and `UnexpectedEof` where some are missing.

use std::io::{self, BufRead, Read};

use corpus::{Call, Headers, Reply};

/// The largest head and trailer line that is read.
const LINE_LIMIT: u64 = 1 << 20;

/// Reads one request and its trailers; nothing if the connection ends before it.
pub fn read_call(reader: &mut impl BufRead) -> io::Result<Option<(Call, Headers)>> {
    if reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let start = line(reader)?;
    let mut parts = start.split(' ').map(str::to_owned);
    let (Some(method), Some(path), Some("HTTP/1.1"), None) =
        (parts.next(), parts.next(), parts.next().as_deref(), parts.next())
    else {
        return Err(bad(format!("no request line: {start:?}")));
    };
    let headers = headers(reader)?;
    let (body, trailers) = match length(&headers)? {
        Length::Chunked => chunks(reader)?,
        Length::Known(size) => (exactly(reader, size)?, Headers::new()),
        Length::UntilEnd => (Vec::new(), Headers::new()),
    };
    Ok(Some((Call { method, path, headers, body }, trailers)))
}

/// Reads a whole connection that carries one reply to a request with this method, and nothing else.
pub fn read_reply(mut connection: &[u8], method: &str) -> io::Result<Reply> {
    let reply = read_next_reply(&mut connection, method)?;
    if !connection.is_empty() {
        return Err(bad(format!("bytes after the reply: {}", connection.escape_ascii())));
    }
    Ok(reply)
}

/// Reads the next reply of a connection, to a request with this method.
pub fn read_next_reply(reader: &mut impl BufRead, method: &str) -> io::Result<Reply> {
    loop {
        let start = line(reader)?;
        let status = start.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
        let status = status.ok_or_else(|| bad(format!("no status line: {start:?}")))?;
        let headers = headers(reader)?;
        if status == 101 {
            return Err(bad("the protocol was switched"));
        }
        if status < 200 {
            continue;
        }
        let has_body = method != "HEAD" && !matches!(status, 204 | 304);
        let body = match length(&headers)? {
            Length::Chunked if has_body => chunks(reader)?.0,
            Length::Known(size) if has_body => exactly(reader, size)?,
            Length::UntilEnd if has_body => return Err(bad("a reply whose end is not told")),
            Length::Chunked | Length::Known(1..) if matches!(status, 204 | 304) => {
                return Err(bad(format!("a body announced with {status}")));
            }
            _ => Vec::new(),
        };
        return Ok(Reply { status, headers, body });
    }
}

/// Whether the connection ends with a reply.
pub fn is_last(reply: &Reply) -> bool {
    values(&reply.headers, "connection").contains(&&b"close"[..])
}

/// The values of a header.
pub fn values<'a>(headers: &'a Headers, name: &str) -> Vec<&'a [u8]> {
    headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice()).collect()
}

/// How the length of a body is told.
enum Length {
    Known(u64),
    Chunked,
    UntilEnd,
}

fn length(headers: &Headers) -> io::Result<Length> {
    match (values(headers, "content-length").as_slice(), values(headers, "transfer-encoding").as_slice()) {
        ([], []) => Ok(Length::UntilEnd),
        ([], [b"chunked"]) => Ok(Length::Chunked),
        ([digits], []) => {
            let digits = String::from_utf8_lossy(digits);
            digits.parse().map(Length::Known).map_err(|_| bad(format!("content-length {digits:?}")))
        }
        (lengths, codings) => {
            Err(bad(format!("{} content-length, {} transfer-encoding", lengths.len(), codings.len())))
        }
    }
}

fn headers(reader: &mut impl BufRead) -> io::Result<Headers> {
    let mut headers = Headers::new();
    loop {
        let line = raw_line(reader)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| bad_line(&line))?;
        let (name, value) = line.split_at(colon);
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let is_text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        let value = value[1..].trim_ascii();
        if name.is_empty() || !name.iter().all(is_token) || !value.iter().all(is_text) {
            return Err(bad_line(&line));
        }
        headers.push((String::from_utf8_lossy(name).into_owned(), value.to_vec()));
    }
}

/// Reads a body in chunks, and its trailers.
fn chunks(reader: &mut impl BufRead) -> io::Result<(Vec<u8>, Headers)> {
    let mut body = Vec::new();
    loop {
        let size = line(reader)?;
        let size = u64::from_str_radix(&size, 16).map_err(|_| bad(format!("chunk size {size:?}")))?;
        if size == 0 {
            return Ok((body, headers(reader)?));
        }
        body.append(&mut exactly(reader, size)?);
        if !raw_line(reader)?.is_empty() {
            return Err(bad("a chunk longer than its size"));
        }
    }
}

fn exactly(reader: &mut impl BufRead, size: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let got = reader.take(size).read_to_end(&mut body)?;
    if u64::try_from(got).ok() == Some(size) {
        return Ok(body);
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{got} of {size} bytes of a body")))
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    String::from_utf8(raw_line(reader)?).map_err(|error| bad_line(error.as_bytes()))
}

fn raw_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.take(LINE_LIMIT).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(text) => Ok(text.to_vec()),
        None if line.is_empty() => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended")),
        None => Err(bad_line(&line)),
    }
}

fn bad_line(line: &[u8]) -> io::Error {
    bad(format!("a bad line: {}", line.escape_ascii()))
}

fn bad(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_behind_interim_ones_to_its_end() {
        let chunked = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
        let reply = read_reply(chunked, "GET").expect("a reply");
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]));
        let only_head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(read_reply(only_head, "HEAD").expect("a reply").body, b"");
    }

    #[test]
    fn what_is_doubtful_is_an_error() {
        use io::ErrorKind::{InvalidData, UnexpectedEof};
        for (text, kind) in [
            ("", UnexpectedEof),
            ("HTTP/1.1 200 OK\r\n", UnexpectedEof),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", UnexpectedEof),
            ("HTTP/1.1 200 OK\r\ncontent-le", InvalidData),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", InvalidData),
            ("HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n", InvalidData),
            ("HTTP/1.1 200 OK\r\n\r\n", InvalidData),
            ("HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n", InvalidData),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n", InvalidData),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", InvalidData),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n", InvalidData),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok?", InvalidData),
            ("HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n", InvalidData),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", InvalidData),
        ] {
            assert_eq!(read_reply(text.as_bytes(), "GET").map_err(|error| error.kind()), Err(kind), "{text}");
        }
    }
}
