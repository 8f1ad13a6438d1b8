//! HTTP/1.1 messages, read strictly: whatever is doubtful is an error.

use std::io::{self, BufRead, Read};

/// Header lines: names in lower case, values as bytes.
pub type Headers = Vec<(String, Vec<u8>)>;

/// The largest line that is read.
const LINE_LIMIT: u64 = 1 << 20;

/// A request, as far as its head.
#[derive(Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub headers: Headers,
}

/// A reply.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Call {
    /// Reads the head of one request; nothing if the connection ends before it.
    pub fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        if reader.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let start = text_line(reader)?;
        let mut parts = start.split(' ').map(str::to_owned);
        let (Some(method), Some(path), Some("HTTP/1.1"), None) =
            (parts.next(), parts.next(), parts.next().as_deref(), parts.next())
        else {
            return Err(bad(format!("no request line: {start:?}")));
        };
        Ok(Some(Self { method, path, headers: headers(reader)? }))
    }

    /// Reads the body behind it.
    pub fn read_body(&self, reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
        match length(&self.headers)? {
            Length::Chunked => chunks(reader),
            Length::Known(size) => exactly(reader, size),
            Length::UntilEnd => Ok(Vec::new()),
        }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }
}

impl Reply {
    /// Reads the reply to a request with this method.
    pub fn read(reader: &mut impl BufRead, method: &str) -> io::Result<Self> {
        let start = text_line(reader)?;
        let status = start.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
        let status = status.ok_or_else(|| bad(format!("no status line: {start:?}")))?;
        let headers = headers(reader)?;
        let has_body = method != "HEAD" && !matches!(status, 204 | 304);
        let body = match length(&headers)? {
            Length::Chunked if has_body => chunks(reader)?,
            Length::Known(size) if has_body => exactly(reader, size)?,
            Length::UntilEnd if has_body => return Err(bad("a reply whose end is not told")),
            Length::Chunked | Length::Known(1..) if matches!(status, 204 | 304) => {
                return Err(bad(format!("a body announced with {status}")));
            }
            _ => Vec::new(),
        };
        Ok(Self { status, headers, body })
    }

    /// Whether the connection ends with it.
    pub fn is_last(&self) -> bool {
        self.headers.iter().any(|(name, value)| name == "connection" && value == b"close")
    }
}

/// How the length of a body is told.
enum Length {
    Known(u64),
    Chunked,
    UntilEnd,
}

fn length(headers: &Headers) -> io::Result<Length> {
    let all =
        |name| -> Vec<&[u8]> { headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_slice()).collect() };
    match (all("content-length").as_slice(), all("transfer-encoding").as_slice()) {
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
        let line = line(reader)?;
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
        headers.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()));
    }
}

/// Reads a body in chunks, and its trailers, which nobody needs.
fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = text_line(reader)?;
        let size = u64::from_str_radix(&size, 16).map_err(|_| bad(format!("chunk size {size:?}")))?;
        if size == 0 {
            headers(reader)?;
            return Ok(body);
        }
        body.append(&mut exactly(reader, size)?);
        if !line(reader)?.is_empty() {
            return Err(bad("a chunk longer than its size"));
        }
    }
}

fn exactly(reader: &mut impl BufRead, size: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let got = reader.take(size).read_to_end(&mut body)?;
    if u64::try_from(got).ok() == Some(size) { Ok(body) } else { Err(bad(format!("{got} of {size} bytes of a body"))) }
}

fn text_line(reader: &mut impl BufRead) -> io::Result<String> {
    String::from_utf8(line(reader)?).map_err(|error| bad_line(error.as_bytes()))
}

fn line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
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
