//! What the reply to a request has to be.

use corpus::Reply;
use serde_json::{Value, json};

use crate::ticket::Ticket;

/// The headers that Envoy adds to every reply, and those of the framing, which the reader has checked.
const OF_ENVOY: &[&str] = &["date", "server", "content-length", "connection", "transfer-encoding"];

/// What a reply has to be.
#[derive(Clone, Debug)]
pub struct Expected {
    pub status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// These bytes.
    Is(Vec<u8>),
    /// JSON of this value.
    Means(Value),
    /// The gateway's own sentence, or its beginning if more may follow; with the request id.
    Says { sentence: String, is_all: bool, code: String, activation_id: Option<String> },
    /// Whatever Envoy says.
    OfEnvoy,
}

impl Expected {
    /// JSON, byte for byte.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, Body::Is(body.into())).header("content-type", "application/json")
    }

    /// JSON of this value.
    pub fn value(status: u16, value: Value) -> Self {
        Self::new(status, Body::Means(value)).header("content-type", "application/json")
    }

    /// These bytes.
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, Body::Is(body.into())).header("content-type", content_type)
    }

    /// No body, and no type of it.
    pub fn nothing(status: u16) -> Self {
        Self::new(status, Body::Is(Vec::new()))
    }

    /// A sentence of the gateway.
    pub fn says(status: u16, sentence: &str, ticket: &Ticket) -> Self {
        let code = ticket.to_string();
        let body = Body::Says { sentence: sentence.to_owned(), is_all: true, code, activation_id: None };
        Self::new(status, body).header("content-type", "application/json")
    }

    /// An answer of Envoy itself, before the filter.
    pub const fn of_envoy(status: u16) -> Self {
        Self::new(status, Body::OfEnvoy)
    }

    const fn new(status: u16, body: Body) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// More may follow behind the sentence.
    pub fn and_more(mut self) -> Self {
        if let Body::Says { is_all, .. } = &mut self.body {
            *is_all = false;
        }
        self
    }

    /// The request id is not known to the gateway.
    pub fn without_code(mut self) -> Self {
        if let Body::Says { code, .. } = &mut self.body {
            code.clear();
        }
        self
    }

    /// One more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The reply is about the activation of a ticket.
    pub fn about(mut self, ticket: &Ticket) -> Self {
        if let Body::Says { activation_id, .. } = &mut self.body {
            *activation_id = Some(ticket.activation_id());
        }
        self.header("x-openwhisk-activation-id", ticket.activation_id())
    }

    /// The same without a body, for HEAD.
    pub fn only_head(mut self) -> Self {
        self.body = Body::Is(Vec::new());
        self
    }

    /// What is wrong with a reply.
    pub fn check(&self, reply: &Reply) -> Result<(), String> {
        if reply.status != self.status {
            return Err(format!("the status is {}, expected {}", reply.status, self.status));
        }
        if matches!(self.body, Body::OfEnvoy) {
            return Ok(());
        }
        let mut found: Vec<_> = reply
            .headers
            .iter()
            .filter(|(name, _)| !OF_ENVOY.contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        found.sort();
        let mut expected = self.headers.clone();
        expected.sort();
        if found != expected {
            return Err(format!("the headers are {found:?}, expected {expected:?}"));
        }
        if !reply.headers.iter().any(|(name, value)| name == "server" && value == b"envoy") {
            return Err("the header `server` is not Envoy's".to_owned());
        }
        self.body.check(&reply.body)
    }
}

impl Body {
    fn check(&self, body: &[u8]) -> Result<(), String> {
        let expected = match self {
            Self::OfEnvoy => return Ok(()),
            Self::Is(bytes) if bytes == body => return Ok(()),
            Self::Is(bytes) => return Err(format!("the body is not {}", shown(bytes))),
            Self::Means(value) => value.clone(),
            Self::Says { sentence, is_all, code, activation_id } => {
                let said = serde_json::from_slice::<Value>(body).ok();
                let said = said.as_ref().and_then(|body| body["error"].as_str()).unwrap_or_default();
                let sentence = if *is_all || !said.starts_with(sentence) { sentence.as_str() } else { said };
                let mut expected = json!({ "error": sentence, "code": code });
                if let Some(id) = activation_id {
                    expected["activationId"] = json!(id);
                }
                expected
            }
        };
        match serde_json::from_slice::<Value>(body) {
            Ok(found) if found == expected => Ok(()),
            Ok(_) => Err(format!("the body is not {}", shown(expected.to_string().as_bytes()))),
            Err(error) => Err(format!("the body is no JSON: {error}")),
        }
    }
}

/// The beginning of some bytes, for people.
pub fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 300;
    let rest = bytes.len().saturating_sub(SHOWN);
    let more = if rest == 0 { String::new() } else { format!(" … and {rest} bytes more") };
    format!("\"{}\"{more}", bytes[..bytes.len() - rest].escape_ascii())
}
