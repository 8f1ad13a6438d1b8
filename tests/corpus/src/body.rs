//! Bodies, as the files write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// A body in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string, {base64: …}, {repeat: …, times: …, before: …, after: …} or, in a reply, {error: …}"
)]
pub enum Body {
    /// Its text.
    Text(String),
    /// Its bytes in base64.
    Base64(Base64),
    /// A text many times over.
    Repeat(Repeated),
    /// In a reply: the gateway's error object with this sentence.
    Error(Sentence),
}

/// Bytes in base64.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base64 {
    base64: String,
}

/// A text many times over.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeated {
    #[serde(rename = "repeat")]
    unit: String,
    times: usize,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
}

/// The sentence of a gateway error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sentence {
    error: String,
}

/// The body of a reply that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The gateway's error object, `{"error":"<sentence>","code":"<request id>"}`, compared as JSON.
    Error(String),
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Body {
    pub(crate) fn into_text(self) -> Result<Text, String> {
        match self {
            Self::Text(text) => Ok(Text::Bytes(text.into_bytes())),
            Self::Base64(Base64 { base64 }) => {
                let bytes = STANDARD.decode(&base64).map_err(|error| format!("{base64:?} is not base64: {error}"))?;
                Ok(Text::Bytes(bytes))
            }
            Self::Repeat(Repeated { unit, times, before, after }) => {
                Ok(Text::Bytes([before, unit.repeat(times), after].concat().into_bytes()))
            }
            Self::Error(Sentence { error }) => Ok(Text::Error(error)),
        }
    }

    pub(crate) fn into_bytes(self) -> Result<Vec<u8>, String> {
        match self.into_text()? {
            Text::Bytes(bytes) => Ok(bytes),
            Text::Error(_) => Err("`error` is a body of replies only".to_owned()),
        }
    }
}
