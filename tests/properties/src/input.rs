//! The parts of which inputs are made. All bytes are an input: what is missing is empty, or zero.

use std::fmt;

use arbitrary::{Arbitrary, Unstructured};
use openwhisk_filter::config::Config;
use openwhisk_filter::config::settings::Settings;
use openwhisk_filter::proxy::Proxy;
use serde_json::{Map, Value, json};

/// The secret in every input: the key of the service token. It stands nowhere else.
pub const SECRET: &str = "wonderland";

/// Inside of the gateway, which no client sees: the name of the upstream.
pub const UPSTREAM: &str = "hidden-upstream";

/// Bytes up to a line break, so that inputs can be read and a change in one part does not move the others.
/// A backslash takes the byte behind it as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Line(pub Vec<u8>);

/// All bytes that are left.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rest(pub Vec<u8>);

/// The attribute `mode`.
#[derive(Arbitrary, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `"result"`.
    #[default]
    Result,
    /// `"activation"`.
    Activation,
    /// `"metadata"`.
    Metadata,
    /// `"async"`.
    Async,
    /// `"poll"`.
    Poll,
}

/// A header, its name in whatever case.
pub type Header = (Line, Line);

impl Mode {
    /// Its word in a configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Activation => "activation",
            Self::Metadata => "metadata",
            Self::Async => "async",
            Self::Poll => "poll",
        }
    }
}

impl Line {
    /// As text, where the core takes only texts.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// A header as a host tells it: with a name in lower case.
#[must_use]
pub fn told((name, value): &Header) -> (String, Vec<u8>) {
    (name.text().to_lowercase(), value.0.clone())
}

/// Which proxy it is.
#[must_use]
pub const fn proxy(is_apisix: bool) -> Proxy {
    if is_apisix { Proxy::Apisix } else { Proxy::Envoy }
}

/// A complete configuration with these attributes on top, an object. Nothing if they are refused.
#[must_use]
pub fn config(attributes: Value) -> Option<Config> {
    let mut all = Map::from_iter(
        [
            ("api_host", "http://openwhisk.example"),
            ("upstream", UPSTREAM),
            ("service_token", "alice:wonderland"),
            ("namespace", "guest"),
            ("action", "hello"),
        ]
        .map(|(name, value)| (name.to_owned(), json!(value))),
    );
    if let Value::Object(attributes) = attributes {
        all.extend(attributes);
    }
    Config::from_json(Value::Object(all).to_string().as_bytes(), &|_| None).ok()
}

/// The settings of such a configuration, which has no routes.
#[must_use]
pub fn settings(attributes: Value) -> Option<Settings> {
    match config(attributes)? {
        Config::Every(settings) => Some(*settings),
        Config::Routes(_) => None,
    }
}

impl<'a> Arbitrary<'a> for Line {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let mut line = Vec::new();
        while let Ok([byte]) = u.bytes(1) {
            match byte {
                b'\n' => break,
                b'\\' => line.extend(u.bytes(1).unwrap_or_default()),
                byte => line.push(*byte),
            }
        }
        Ok(Self(line))
    }
}

impl<'a> Arbitrary<'a> for Rest {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        u.bytes(u.len()).map(|rest| Self(rest.to_vec()))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
