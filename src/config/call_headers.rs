//! Further headers of the calls (`call_headers`).

use std::fmt;
use std::rc::Rc;

use crate::config::secret::Secret;
use crate::header::{FORWARDED, OF_A_CONNECTION};

/// The most headers.
///
/// Source: observed on a real `OpenWhisk`, which refuses a request with more than 64 lines with 400.
pub const MOST: usize = 16;

/// Headers of the calls that the filter sets itself, or that say how the answer comes, beside those of the client.
const OF_THE_FILTER: &[&str] = &["accept", "accept-encoding", "authorization", "expect", "host", "user-agent"];

/// How the names begin of headers about the body, which is the filter's, and of those by which a proxy is told what to do:
/// `x-envoy-retry-on` could run an action twice.
const OF_OTHERS: &[&str] = &["content-", "x-envoy-"];

/// Headers with lower-case names and secret values, in the order of the names.
pub type CallHeaders = Rc<[(String, Secret)]>;

/// Why a name is not one of a header of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidHeaderName {
    /// It is not the name of a header.
    Malformed,
    /// Somebody else sets it.
    Taken,
}

/// Checks a name of a header, in any case, and gives it in lower case.
///
/// # Errors
/// [`InvalidHeaderName`].
///
/// Source: RFC 9110 section 5.6.2.
pub fn header_name(text: &str) -> Result<String, InvalidHeaderName> {
    let name = http::HeaderName::from_bytes(text.as_bytes()).map_err(|_| InvalidHeaderName::Malformed)?;
    let name = name.as_str();
    let is_taken = [OF_THE_FILTER, FORWARDED, OF_A_CONNECTION].iter().any(|names| names.contains(&name))
        || OF_OTHERS.iter().any(|beginning| name.starts_with(beginning));
    if is_taken { Err(InvalidHeaderName::Taken) } else { Ok(name.to_owned()) }
}

impl fmt::Display for InvalidHeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "no name of a header",
            Self::Taken => "a header that the filter, the proxy or the connection sets",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_others_are_refused() {
        let cases = [
            ("x-gw-ims-org-id", Ok("x-gw-ims-org-id")),
            ("X-API-Key", Ok("x-api-key")),
            ("cookie", Ok("cookie")),
            ("", Err(InvalidHeaderName::Malformed)),
            (":path", Err(InvalidHeaderName::Malformed)),
            ("a b", Err(InvalidHeaderName::Malformed)),
            ("é", Err(InvalidHeaderName::Malformed)),
            ("a\r\nb", Err(InvalidHeaderName::Malformed)),
            ("Authorization", Err(InvalidHeaderName::Taken)),
            ("Accept", Err(InvalidHeaderName::Taken)),
            ("accept-encoding", Err(InvalidHeaderName::Taken)),
            ("Expect", Err(InvalidHeaderName::Taken)),
            ("User-Agent", Err(InvalidHeaderName::Taken)),
            ("Content-Encoding", Err(InvalidHeaderName::Taken)),
            ("content-length", Err(InvalidHeaderName::Taken)),
            ("Transfer-Encoding", Err(InvalidHeaderName::Taken)),
            ("connection", Err(InvalidHeaderName::Taken)),
            ("X-Envoy-Retry-On", Err(InvalidHeaderName::Taken)),
            ("x-request-id", Err(InvalidHeaderName::Taken)),
            ("traceparent", Err(InvalidHeaderName::Taken)),
            ("host", Err(InvalidHeaderName::Taken)),
        ];
        for (text, expected) in cases {
            assert_eq!(header_name(text), expected.map(str::to_owned), "{text:?}");
        }
    }
}
