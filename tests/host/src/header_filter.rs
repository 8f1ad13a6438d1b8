//! What nginx makes of the headers of a reply.
//!
//! Source: observed on wasm-nginx-module 0.7.0 and nginx 1.29.2 with the `charset utf-8` of APISIX. Read where nothing was
//! observed: nginx `ngx_http_header_filter_module.c`, `ngx_http_special_response.c` and
//! `ngx_http_charset_filter_module.c`, openresty/lua-nginx-module `ngx_http_lua_headers_out.c`.

use crate::headers::Headers;

/// Headers of which the last value wins.
const SINGLE: &[&str] = &[
    "accept-ranges",
    "content-encoding",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "location",
    "refresh",
];

/// Headers that a special response loses. Observed: the `etag` of a 304. Read: the others.
const OF_A_FILE: &[&str] = &["accept-ranges", "etag", "last-modified"];

/// The types that get a charset: the default of `charset_types`.
const TEXT: &[&[u8]] =
    &[b"text/html", b"text/xml", b"text/plain", b"text/vnd.wap.wml", b"application/javascript", b"application/rss+xml"];

/// The headers that the client gets.
pub(crate) fn filter(status: u16, headers: &Headers, has_body: bool) -> Headers {
    let mut out = Headers::new();
    for (name, value) in headers.iter() {
        let name: Vec<u8> = name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect();
        if SINGLE.iter().any(|single| name.eq_ignore_ascii_case(single.as_bytes())) {
            out.remove(&name);
        }
        if !value.is_empty() {
            out.push(name, value);
        }
    }
    // nginx, and not the Lua module, sends what it takes for a special response.
    if !has_body && (status == 204 || status >= 300) {
        for name in OF_A_FILE.iter().chain(&["content-type"]) {
            out.remove(name.as_bytes());
        }
        return out;
    }
    let given = out.get("content-type").unwrap_or(b"text/plain").to_vec();
    let is_text = TEXT.iter().any(|text| given.eq_ignore_ascii_case(text));
    // A browser of old took that of these redirects for the charset of the page behind them.
    let charset: &[u8] = if is_text && !matches!(status, 301 | 302) { b"; charset=utf-8" } else { b"" };
    out.remove(b"content-type");
    out.push("content-type", [&given, charset].concat());
    out
}
