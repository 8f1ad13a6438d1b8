//! What the client asked.

use http::HeaderValue;

/// The header with the request id, in the spelling of HTTP/2.
///
/// Source: apache/openwhisk `whisk.transactions.header`; Envoy makes one where the client sent none.
pub const REQUEST_ID: &str = "x-request-id";

const CONTENT_LENGTH: &str = "content-length";

/// Headers that are handed on as they are: the request id, and those that join the action's work to the
/// client's trace.
///
/// Source: W3C Trace Context; openzipkin/b3-propagation. A call the filter makes carries none of them
/// by itself.
const FORWARDED: &[&str] = &[
    REQUEST_ID,
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
];

/// The part of a request that matters to the filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    forwarded: Vec<(String, String)>,
    content_length: Option<u64>,
}

impl Request {
    /// The names of all headers that matter to the filter.
    pub fn header_names() -> impl Iterator<Item = &'static str> {
        FORWARDED.iter().copied().chain([CONTENT_LENGTH])
    }

    /// Reads the client's headers: lower-case names, values as bytes.
    ///
    /// A value to be forwarded that is not visible ASCII is left out: the host could not send it.
    #[must_use]
    pub fn from_headers(headers: Vec<(String, Vec<u8>)>) -> Self {
        let mut request = Self::default();
        for (name, value) in headers {
            if name == CONTENT_LENGTH {
                request.content_length = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
            } else if FORWARDED.contains(&name.as_str())
                && let Ok(value) = HeaderValue::from_maybe_shared(value)
                && let Ok(text) = value.to_str()
            {
                request.forwarded.push((name, text.to_owned()));
            }
        }
        request
    }

    /// The size of the body in bytes, if the client told it beforehand.
    #[must_use]
    pub const fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// The headers that go to `OpenWhisk` as they came, in their order.
    #[must_use]
    pub fn into_forwarded(self) -> Vec<(String, String)> {
        self.forwarded
    }

    /// The request id, or nothing if there is none.
    #[must_use]
    pub fn id(&self) -> &str {
        self.forwarded.iter().find(|(name, _)| name == REQUEST_ID).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_request_id_and_the_trace_are_forwarded() {
        let headers: &[(&str, &[u8])] = &[
            (":method", b"POST"),
            (":path", b"/hello"),
            ("authorization", b"Bearer x"),
            ("cookie", b"a=b"),
            ("accept", b"text/html"),
            ("traceparent", b"00-1-2-01"),
            ("tracestate", b"a=1"),
            ("tracestate", b"b=2"),
            ("b3", b"0"),
            ("x-b3-traceid", b"1"),
            ("x-b3-spanid", b"\xff"),
            ("x-request-id", b"42"),
            ("content-length", b"7"),
        ];
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        let request = Request::from_headers(headers);
        assert_eq!(request.id(), "42");
        assert_eq!(request.content_length(), Some(7));
        let forwarded = request.into_forwarded();
        let forwarded: Vec<_> = forwarded.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            forwarded,
            [
                ("traceparent", "00-1-2-01"),
                ("tracestate", "a=1"),
                ("tracestate", "b=2"),
                ("b3", "0"),
                ("x-b3-traceid", "1"),
                ("x-request-id", "42"),
            ]
        );
    }

    #[test]
    fn a_strange_content_length_counts_as_none() {
        for value in [&b"-1"[..], b"x", b"", b"\xff", b"99999999999999999999999"] {
            let request = Request::from_headers(vec![("content-length".to_owned(), value.to_vec())]);
            assert_eq!(request.content_length(), None, "{:?}", value.escape_ascii().to_string());
        }
    }
}
