//! `case.yaml` as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::body::{Base64, Body};
use crate::case::{Driver, Fault};

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub about: String,
    #[serde(default)]
    pub config: Map<String, Value>,
    #[serde(default)]
    pub request: Request,
    pub call: Call,
    pub answer: Option<Answer>,
    pub reply: Reply,
    pub reply_on_apisix: Option<Reply>,
    #[serde(default)]
    pub openwhisk: bool,
    #[serde(default)]
    pub except: BTreeMap<Driver, String>,
}

/// What the client sends.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: Option<String>,
    pub path: Option<Body>,
    #[serde(default)]
    pub headers: BTreeMap<String, Values<Line>>,
    #[serde(default)]
    pub body: Body,
}

/// What `OpenWhisk` receives.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected `none`, or {method: …, path: …, headers: …, body: …}")]
pub enum Call {
    None(Nothing),
    Some(SomeCall),
}

/// The word for no call at all.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nothing {
    None,
}

/// What `OpenWhisk` receives, on top of the usual call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SomeCall {
    pub method: Option<String>,
    pub path: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Option<Values>>,
    pub body: Option<CallBody>,
}

/// The body that `OpenWhisk` receives.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a body, or {parameters: …} with an object or the text of one")]
pub enum CallBody {
    Parameters(CallParameters),
    Bytes(Body),
}

/// The parameters of the action, however they are written down in the call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallParameters {
    pub parameters: Parameters,
}

/// An object as it is, or the JSON text of a long one.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected an object, or the text of one")]
pub enum Parameters {
    Object(Map<String, Value>),
    Text(Body),
}

/// What `OpenWhisk` answers.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected {status: …, headers: …, body: …} or {fault: …}")]
pub enum Answer {
    Fault(Broken),
    Whole(Whole),
}

/// Something else than an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    pub fault: Fault,
}

/// A whole answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whole {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, Values>,
    #[serde(default)]
    pub body: Body,
}

/// What the client gets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, Values>,
    #[serde(default)]
    pub body: Body,
}

/// One header: a value, or a line for each of several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string (quote numbers and booleans) or a list of strings")]
pub enum Values<T = String> {
    One(T),
    Many(Vec<T>),
}

impl<T> Values<T> {
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

/// A value of a header that need not be text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string (quote numbers and booleans) or {base64: …}")]
pub enum Line {
    Text(String),
    Base64(Base64),
}

impl Line {
    pub fn into_bytes(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Base64(base64) => Body::Base64(base64).into_bytes(),
        }
    }
}
