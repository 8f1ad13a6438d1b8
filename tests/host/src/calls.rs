//! Calls to an upstream, and what makes one impossible.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::crash::{Crash, Rule};
use crate::headers::{Headers, is_one_line, is_token};
use crate::memory::Guest;
use crate::personality::Personality;
use crate::shown::Shown;
use crate::status::Status;

/// A call that the filter made.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The host's name for where it goes.
    pub upstream: String,
    /// Its headers, pseudo headers among them.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
    /// How long the host waits for the answer.
    pub deadline: Duration,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("upstream", &self.upstream)
            .field("headers", &self.headers)
            .field("body", &Shown(&self.body))
            .field("deadline", &self.deadline)
            .finish()
    }
}

impl Call {
    /// The value of the first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether the host finds the upstream's certificate right, if it shows one.
    ///
    /// Source: observed on wasm-nginx-module 0.7.0: the name that is verified, and sent as SNI, is the host in the name of
    /// the upstream. An address never verifies, though the certificate names it.
    pub(crate) fn is_verified(&self, personality: Personality) -> bool {
        let host = self.upstream.rsplit_once(':').map_or(self.upstream.as_str(), |(host, _)| host);
        let is_address = host.parse::<Ipv4Addr>().is_ok() || self.upstream.starts_with('[');
        personality == Personality::Envoy || self.header(":scheme") != Some("https") || !is_address
    }

    /// Which rule it breaks, and how.
    ///
    /// Source: observed on wasm-nginx-module 0.7.0 and Envoy 1.40.0.
    fn broken_rule(&self, personality: Personality) -> Option<(Rule, String)> {
        let needed = match personality {
            Personality::Apisix => [":method", ":path", ":scheme"],
            Personality::Envoy => [":method", ":path", ":authority"],
        };
        if let Some(name) = needed.iter().find(|name| self.headers.get(name).is_none_or(<[u8]>::is_empty)) {
            return Some((Rule::PseudoHeaders, format!("made a call without `{name}`")));
        }
        for (name, value) in self.headers.iter() {
            let is_pseudo = needed.iter().chain(&[":authority", ":scheme"]).any(|known| name == known.as_bytes());
            let has_space = name == b":path" && value.contains(&b' ');
            if !(is_pseudo || is_token(name)) || !is_one_line(value) || has_space {
                let (name, value) = (name.escape_ascii(), value.escape_ascii());
                return Some((Rule::CallHeaders, format!("made a call with a header \"{name}\" of \"{value}\"")));
            }
        }
        if personality == Personality::Envoy && self.deadline.is_zero() {
            return Some((Rule::Deadline, "made a call with the timeout 0".to_owned()));
        }
        None
    }
}

/// What Envoy knows of the upstreams that the filter names. On APISIX an upstream is an address, and nothing is
/// known of it before the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upstreams {
    /// All of them can be called.
    #[default]
    Available,
    /// There are no such clusters.
    Unknown,
    /// No host is healthy, or a circuit breaker is open.
    Unavailable,
}

/// A call whose answer is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) token: u32,
    /// Which of the calls of the request.
    pub(crate) call: usize,
    /// When it was made, on the clock of the test.
    pub(crate) since: Duration,
}

/// `proxy_http_call`
pub(crate) fn dispatch(
    guest: &mut Guest<'_>,
    (upstream, upstream_size): (u32, u32),
    (headers, headers_size): (u32, u32),
    (body, body_size): (u32, u32),
    (timeout, token_at): (u32, u32),
) -> Result<Status, Crash> {
    let call = Call {
        upstream: String::from_utf8_lossy(&guest.bytes(upstream, upstream_size)?).into_owned(),
        headers: guest.headers(headers, headers_size)?,
        body: guest.bytes(body, body_size)?,
        deadline: Duration::from_millis(timeout.into()),
    };
    let personality = guest.personality();
    let upstreams = guest.worker().upstreams;
    let is_calling = guest.open_exchange("made a call", Rule::ReplyIsLast)?.is_calling();
    if let Some((rule, did)) = call.broken_rule(personality) {
        return Err(guest.crash(rule, did));
    }
    let refusal = match (personality, upstreams) {
        (Personality::Envoy, Upstreams::Unknown) => Some(Status::BadArgument),
        (Personality::Envoy, Upstreams::Unavailable) => Some(Status::InternalFailure),
        (Personality::Apisix, _) if !is_address(&call.upstream) => Some(Status::BadArgument),
        // Source: observed on wasm-nginx-module 0.7.0: one call at a time.
        (Personality::Apisix, _) if is_calling => Some(Status::InternalFailure),
        (Personality::Apisix, _) | (Personality::Envoy, Upstreams::Available) => None,
    };
    if let Some(status) = refusal {
        guest.exchange("made a call")?.refuse(call);
        return Ok(status);
    }
    let (token, since) = (guest.worker_mut().new_token(), guest.worker().clock.elapsed());
    guest.write_u32(token_at, token)?;
    guest.exchange("made a call")?.call(token, since, call);
    Ok(Status::Ok)
}

/// Whether nginx takes it for `host` or `host:port`. A URL it does not: of `http://…` the port is no number.
///
/// Source: observed on wasm-nginx-module 0.7.0; nginx `src/core/ngx_inet.c`, `ngx_parse_url`.
fn is_address(upstream: &str) -> bool {
    let (host, port) = match upstream.rsplit_once(':') {
        // The colons of an IPv6 address are inside of its brackets.
        Some((host, port)) if !upstream.ends_with(']') => (host, Some(port)),
        _ => (upstream, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && !upstream.contains(['/', '?', ' ']) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_of_apisix_is_an_address() {
        let cases = [
            ("127.0.0.1:3233", true),
            ("openwhisk.example", true),
            ("[::1]:80", true),
            ("[::1]", true),
            ("http://127.0.0.1:3233", false),
            ("http://h", false),
            ("h:0", false),
            ("h:65536", false),
            ("h:80/x", false),
            (":80", false),
            ("", false),
        ];
        for (upstream, expected) in cases {
            assert_eq!(is_address(upstream), expected, "{upstream:?}");
        }
    }
}
