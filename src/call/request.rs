//! What the client asked.

use std::fmt;

use crate::error::Error;
use crate::header::{FORWARDED, REQUEST_ID, is_activation_id};
use crate::proxy::Proxy;

/// Methods that are about the connection and not about what a server has.
///
/// Source: RFC 9110 sections 9.3.6 and 9.3.8; apache/openwhisk@1fae641 refuses both with 400 and 405.
const WITHOUT_A_RESOURCE: &[&str] = &["CONNECT", "TRACE"];

/// Methods of which a request has no body unless it says so.
///
/// Source: RFC 9110 sections 8.6 and 9.3.
const WITHOUT_A_BODY: &[&str] = &["GET", "HEAD", "OPTIONS"];

/// The beginning of the content type of gRPC, in lower case.
const GRPC: &[u8] = b"application/grpc";

const CONNECTION: &str = "connection";
const CONTENT_LENGTH: &str = "content-length";
const CONTENT_TYPE: &str = "content-type";
const METHOD: &str = ":method";
const PATH: &str = ":path";
const UPGRADE: &str = "upgrade";

/// The longest value that is handed on, in bytes, and the most lines. A longer one is not handed on at all: a part of it
/// would be invalid.
///
/// Source: observed on a real `OpenWhisk`: a value over 8192 characters is refused with 431, more than 64 lines with 400.
const LONGEST_FORWARDED: usize = 2048;
const MOST_FORWARDED: usize = 16;

/// How a host shows the end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// The host says which piece is the last.
    Told,
    /// It does not say. The body has this many bytes, whatever follows.
    After(u64),
}

/// The head of a request: lower-case names, values as bytes, which `Debug` does not show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Request {
    headers: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// The names of the headers that matter to the filter by themselves.
    pub fn header_names() -> impl Iterator<Item = &'static str> {
        FORWARDED.iter().copied().chain([CONTENT_LENGTH, CONTENT_TYPE, METHOD, PATH])
    }

    /// The request with these headers, pseudo headers among them.
    #[must_use]
    pub const fn from_headers(headers: Vec<(String, Vec<u8>)>) -> Self {
        Self { headers }
    }

    /// All headers, pseudo headers among them.
    #[must_use]
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// The method; empty if there is none.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        self.last(METHOD).unwrap_or_default()
    }

    /// Whether the method only reads.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        matches!(self.method(), b"GET" | b"HEAD")
    }

    /// The path and the query behind `?`, as the client sent them.
    #[must_use]
    pub fn path_and_query(&self) -> (&[u8], &[u8]) {
        let all = self.last(PATH).unwrap_or_default();
        let mut parts = all.splitn(2, |byte| *byte == b'?');
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }

    /// The id of an activation at the end of the path, if there is one: 32 hexadecimal digits in lower case.
    ///
    /// Source: observed on a real `OpenWhisk`, which takes no other ones.
    #[must_use]
    pub fn activation_id(&self) -> Option<&str> {
        let last = self.path_and_query().0.rsplit(|byte| *byte == b'/').next()?;
        std::str::from_utf8(last).ok().filter(|id| is_activation_id(id))
    }

    /// The type of the body; empty if there is none.
    #[must_use]
    pub fn content_type(&self) -> &[u8] {
        self.last(CONTENT_TYPE).unwrap_or_default()
    }

    /// The size of the body in bytes, if the client told it beforehand.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        std::str::from_utf8(self.last(CONTENT_LENGTH)?).ok()?.parse().ok()
    }

    /// Whether it is one of gRPC, whose reply a proxy would put into a header as a whole. gRPC-Web is not meant.
    ///
    /// Source: Envoy `source/common/grpc/common.cc`, `hasGrpcContentType`; observed on Envoy 1.40.0.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        let rest = self.content_type().to_ascii_lowercase();
        rest.strip_prefix(GRPC).is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
    }

    /// The method, if it is one that invokes no action.
    #[must_use]
    pub fn refused_method(&self) -> Option<&'static str> {
        WITHOUT_A_RESOURCE.iter().copied().find(|refused| self.method() == refused.as_bytes())
    }

    /// How the proxy shows the end of the body.
    ///
    /// A request with `upgrade` may be answered as if it had none. Envoy takes what follows its head for
    /// the other protocol, so it tells no end, and hands out the bytes as they are. Of a `transfer-encoding` it tells
    /// nothing either, so where there may be a body its length must be told.
    ///
    /// Source: RFC 9110 section 7.8; Envoy `source/common/http/http1/codec_impl.cc` (`handling_upgrade_`) and
    /// `source/common/http/utility.cc` (`isUpgrade`); observed on Envoy 1.40.0. An extended CONNECT of HTTP/2 (RFC 8441)
    /// comes as a GET with `upgrade`.
    ///
    /// # Errors
    /// [`Error::LengthRequired`] if nobody tells where the body ends.
    pub fn body_end(&self, proxy: Proxy) -> Result<BodyEnd, Error> {
        if proxy != Proxy::Envoy || !self.is_upgrade() {
            return Ok(BodyEnd::Told);
        }
        match self.content_length() {
            Some(length) => Ok(BodyEnd::After(length)),
            None if WITHOUT_A_BODY.iter().any(|method| self.method() == method.as_bytes()) => Ok(BodyEnd::After(0)),
            None => Err(Error::LengthRequired),
        }
    }

    fn is_upgrade(&self) -> bool {
        let tokens = self.last(CONNECTION).unwrap_or_default().split(|byte| *byte == b',');
        let mut tokens = tokens.map(<[u8]>::trim_ascii);
        self.last(UPGRADE).is_some() && tokens.any(|token| token.eq_ignore_ascii_case(UPGRADE.as_bytes()))
    }

    /// The request id; empty if there is none.
    #[must_use]
    pub fn id(&self) -> &str {
        self.last(REQUEST_ID).and_then(sendable).unwrap_or_default()
    }

    /// The headers that go to `OpenWhisk` as they came, in their order. Of these a value that is not visible ASCII is
    /// left out, which the host could not send, and so is what would make `OpenWhisk` refuse the call.
    #[must_use]
    pub fn into_forwarded(mut self) -> Vec<(String, String)> {
        self.headers.retain(|(name, value)| FORWARDED.contains(&name.as_str()) && value.len() <= LONGEST_FORWARDED);
        // The client's lines must not keep the id from the call.
        let (mut ids, mut others) = (0_usize, 0_usize);
        let text = |(name, value): (String, Vec<u8>)| {
            let text = sendable(&value)?.to_owned();
            let count = if name == REQUEST_ID { &mut ids } else { &mut others };
            *count = count.saturating_add(1);
            (*count <= MOST_FORWARDED).then_some((name, text))
        };
        self.headers.into_iter().filter_map(text).collect()
    }

    /// The last value of a header, which is the one that counts where a header is there twice.
    fn last(&self, wanted: &str) -> Option<&[u8]> {
        self.headers.iter().rfind(|(name, _)| name == wanted).map(|(_, value)| value.as_slice())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.headers.iter().map(|(name, _)| name)).finish()
    }
}

/// The text of a value that a host can send: visible ASCII, spaces and tabs.
///
/// Source: RFC 9110, section 5.5, `field-value` without `obs-text`.
fn sendable(value: &[u8]) -> Option<&str> {
    let is_sendable = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    std::str::from_utf8(value).ok().filter(|_| is_sendable)
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
            ("x-b3-flags", b"1\n"),
            ("x-b3-sampled", b"1\x7f"),
            ("x-request-id", b"42"),
            ("content-length", b"7"),
            ("content-type", b"text/html"),
        ];
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        let request = Request::from_headers(headers);
        assert_eq!(request.id(), "42");
        assert_eq!(request.content_length(), Some(7));
        assert_eq!(request.content_type(), b"text/html");
        assert_eq!(request.method(), b"POST");
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
    fn long_and_many_headers_of_a_trace_are_not_forwarded() {
        let state = |size: usize| ("tracestate".to_owned(), vec![b'x'; size]);
        for (sizes, expected) in [
            (vec![2048], 1),
            (vec![2049], 0),
            (vec![9000, 1], 1),
            (vec![1; 16], 16),
            (vec![1; 17], 16),
            ([vec![9000; 20], vec![1]].concat(), 1),
        ] {
            let request = Request::from_headers(sizes.iter().copied().map(state).collect());
            assert_eq!(request.into_forwarded().len(), expected, "{sizes:?}");
        }
        let many = (0..20).map(|_| state(1)).chain([(REQUEST_ID.to_owned(), b"42".to_vec())]);
        assert_eq!(
            Request::from_headers(many.collect()).into_forwarded().last().map(|(_, id)| id.as_str()),
            Some("42")
        );
    }

    #[test]
    fn a_strange_content_length_counts_as_none() {
        for value in [&b"-1"[..], b"x", b"", b"\xff", b"99999999999999999999999"] {
            let request = Request::from_headers(vec![("content-length".to_owned(), value.to_vec())]);
            assert_eq!(request.content_length(), None, "{:?}", value.escape_ascii().to_string());
        }
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (content_type, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC; x=y", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/grpcx", false),
            ("application/json", false),
            ("", false),
        ] {
            let request = Request::from_headers(vec![("content-type".to_owned(), content_type.into())]);
            assert_eq!(request.is_grpc(), expected, "{content_type:?}");
        }
    }

    #[test]
    fn the_end_of_a_body_is_counted_where_envoy_tells_none() {
        const UPGRADE: &[(&str, &str)] = &[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
        let after = |count| Ok(BodyEnd::After(count));
        let cases: &[(&[_], &[_], _)] = &[
            (&[], &[], Ok(BodyEnd::Told)),
            (&[], &[("content-length", "7")], Ok(BodyEnd::Told)),
            (&[], &[("upgrade", "websocket")], Ok(BodyEnd::Told)),
            (&[], &[("connection", "upgrade")], Ok(BodyEnd::Told)),
            (&[], &[("connection", "upgraded"), ("upgrade", "x")], Ok(BodyEnd::Told)),
            (UPGRADE, &[("content-length", "7")], after(7)),
            (UPGRADE, &[(":method", "GET"), ("content-length", "x")], after(0)),
            (UPGRADE, &[(":method", "GET")], after(0)),
            (UPGRADE, &[(":method", "OPTIONS")], after(0)),
            (UPGRADE, &[], Err(Error::LengthRequired)),
            (UPGRADE, &[(":method", "DELETE")], Err(Error::LengthRequired)),
            (UPGRADE, &[(":method", "DELETE"), ("content-length", "0")], after(0)),
            (UPGRADE, &[(":method", "POST"), ("content-length", "0")], after(0)),
            (UPGRADE, &[(":method", "POST")], Err(Error::LengthRequired)),
            (UPGRADE, &[(":method", "PUT"), ("content-length", "x")], Err(Error::LengthRequired)),
            (UPGRADE, &[(":method", "PATCH")], Err(Error::LengthRequired)),
        ];
        for (upgrade, others, expected) in cases {
            let headers = upgrade.iter().chain(*others);
            let headers = headers.map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
            let request = Request::from_headers(headers);
            assert_eq!(request.body_end(Proxy::Envoy), *expected, "{upgrade:?} {others:?}");
            assert_eq!(request.body_end(Proxy::Apisix), Ok(BodyEnd::Told), "{upgrade:?} {others:?}");
        }
    }

    #[test]
    fn path_and_query_stay_as_they_were_sent() {
        let cases: &[(&[u8], &[u8], &[u8])] = &[
            (b"/a%2Fb/?c=%20", b"/a%2Fb/", b"c=%20"),
            (b"/a", b"/a", b""),
            (b"/a?", b"/a", b""),
            (b"/a?b?c", b"/a", b"b?c"),
            (b"*", b"*", b""),
            (b"", b"", b""),
            (b"/\xff?\xff", b"/\xff", b"\xff"),
        ];
        for (sent, path, query) in cases {
            let request = Request::from_headers(vec![(":path".to_owned(), sent.to_vec())]);
            assert_eq!(request.path_and_query(), (*path, *query), "{:?}", sent.escape_ascii().to_string());
        }
    }
}
