//! Replies, and what makes one impossible.

use std::fmt;

use crate::crash::{Crash, Rule};
use crate::header_filter;
use crate::headers::{Headers, is_one_line, is_token};
use crate::memory::Guest;
use crate::personality::Personality;
use crate::shown::Shown;
use crate::status::Status;

/// Headers that belong to the connection or to the host.
///
/// Source: RFC 9110 section 7.6.1, and `content-length`.
const OF_THE_HOST: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Who made a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The filter.
    Filter,
    /// The host itself: the filter refused its configuration, or never saw the request.
    Host,
}

/// A reply, as the client gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Who made it.
    pub sender: Sender,
    /// Its status.
    pub status: u16,
    /// Its headers, without those that the host adds about the connection.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("sender", &self.sender)
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &Shown(&self.body))
            .finish()
    }
}

impl Reply {
    /// The value of the first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// What a request gets that the filter does not see. Its headers and body, a page, are not played.
    pub(crate) const fn of_host(status: u16) -> Self {
        Self { sender: Sender::Host, status, headers: Headers::new(), body: Vec::new() }
    }

    /// Makes a reply, if it keeps the rules.
    fn new(status: u32, headers: Headers, body: Vec<u8>, personality: Personality) -> Result<Self, (Rule, String)> {
        let status = u16::try_from(status)
            .ok()
            .filter(|status| (200..=599).contains(status))
            .ok_or_else(|| (Rule::ReplyStatus, format!("replied with the status {status}")))?;
        if personality == Personality::Apisix && matches!(status, 408 | 444 | 499) {
            return Err((Rule::ClosingStatus, format!("replied with the status {status}")));
        }
        for (name, value) in headers.iter() {
            let header = name.escape_ascii();
            if name.starts_with(b":") || OF_THE_HOST.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes())) {
                return Err((Rule::HostsHeaders, format!("replied with a header `{header}`")));
            }
            if !is_token(name) {
                return Err((Rule::ReplyName, format!("replied with a header named \"{header}\"")));
            }
            if !is_one_line(value) {
                let value = value.escape_ascii();
                return Err((Rule::ReplyValue, format!("replied with a header `{header}` of \"{value}\"")));
            }
        }
        let has_page = matches!(status, 301 | 302 | 303 | 307 | 308 | 400..);
        if personality == Personality::Apisix && has_page && body.is_empty() {
            return Err((Rule::HasOwnBody, format!("replied with the status {status} and no body")));
        }
        if matches!(status, 204 | 205 | 304) && !body.is_empty() {
            return Err((Rule::StatusHasNoBody, format!("replied with the status {status} and a body")));
        }
        Ok(Self { sender: Sender::Filter, status, headers, body })
    }

    /// What the client gets of it.
    ///
    /// Source: observed on Envoy 1.40.0: without a body no content type, and a body without one is plain text;
    /// names are lower-cased. No host sends a body to HEAD.
    pub(crate) fn sent(mut self, method: &[u8], personality: Personality) -> Self {
        if personality == Personality::Apisix {
            self.headers = header_filter::filter(self.status, &self.headers, !self.body.is_empty());
        } else {
            self.headers = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
            if self.body.is_empty() {
                self.headers.remove(b"content-type");
            } else if self.headers.get("content-type").is_none() {
                self.headers.push("content-type", "text/plain");
            }
        }
        if method == b"HEAD" {
            self.body.clear();
        }
        self
    }
}

/// `proxy_send_local_response`
pub(crate) fn send(
    guest: &mut Guest<'_>,
    status: u32,
    (body, body_size): (u32, u32),
    (headers, headers_size): (u32, u32),
) -> Result<Status, Crash> {
    let body = guest.bytes(body, body_size)?;
    let headers = guest.headers(headers, headers_size)?;
    let personality = guest.personality();
    let did = format!("replied with the status {status}");
    let exchange = guest.open_exchange(&did, Rule::OneReply)?;
    if personality == Personality::Apisix && exchange.is_calling() {
        return Err(guest.crash(Rule::CallGoesFirst, format!("{did} during a call")));
    }
    match Reply::new(status, headers, body, personality) {
        Ok(reply) => {
            exchange.reply(reply);
            Ok(Status::Ok)
        }
        Err((rule, did)) => Err(guest.crash(rule, did)),
    }
}
