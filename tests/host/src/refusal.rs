//! What nginx keeps from a filter: whole requests, which it answers itself, and headers.
//!
//! Source: observed on nginx 1.29.2, but for what is marked as read.

use crate::request::{Request, Version};

/// The longest request line, and the longest header, in bytes.
///
/// Source: nginx `large_client_header_buffers`, which APISIX leaves at `4 8k`.
const MOST: usize = 8192;

/// The status that a request gets, if nginx refuses it.
pub(crate) fn status(request: &Request) -> Option<u16> {
    let Request { method, path, version, headers, .. } = request;
    let line = [method, &b" "[..], path, b" ", version.to_string().as_bytes(), b"\r\n"].concat();
    // Read: a header that is too long.
    let is_too_long = headers.iter().any(|(name, value)| [name, b": ", value, b"\r\n"].concat().len() > MOST);
    if !method.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_')) || path == b"*" {
        Some(400)
    } else if *version != Version::Http2 && line.len() > MOST {
        Some(414)
    } else if has_malformed_escape(path) || is_too_long {
        Some(400)
    } else {
        // Read: the status.
        matches!(method.as_slice(), b"CONNECT" | b"TRACE").then_some(405)
    }
}

/// Whether there is a `%` before the query that two digits do not follow.
fn has_malformed_escape(path: &[u8]) -> bool {
    let path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    let is_escape = |rest: &[u8]| rest.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    !path.split(|byte| *byte == b'%').skip(1).all(is_escape)
}

/// Whether a header of this name is handed on.
///
/// Source: read in nginx `ngx_http_parse.c`: `ignore_invalid_headers` is on unless set, `underscores_in_headers` by APISIX.
pub(crate) fn hands_on(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
