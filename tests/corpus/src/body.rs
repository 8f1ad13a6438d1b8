//! Bodies, as the files write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// A body in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string, {base64: …}, {repeat: …, times: …, number: …, before: …, after: …}, a list of those or, in a reply, {error: …}"
)]
pub enum Body {
    /// Its text.
    Text(String),
    /// Its bytes in base64.
    Base64(Base64),
    /// A text many times over.
    Repeat(Repeated),
    /// One behind the other.
    Parts(Vec<Self>),
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
    /// What stands for the number of the repetition in the text.
    number: Option<String>,
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
    /// The gateway's error object with this sentence, compared as JSON.
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
            Self::Repeat(repeated) => Ok(Text::Bytes(repeated.into_string().into_bytes())),
            Self::Parts(parts) => {
                let parts: Vec<_> = parts.into_iter().map(Self::into_bytes).collect::<Result<_, _>>()?;
                Ok(Text::Bytes(parts.concat()))
            }
            Self::Error(Sentence { error }) => Ok(Text::Error(error)),
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// If it has none, or its base64 is none.
    pub fn into_bytes(self) -> Result<Vec<u8>, String> {
        match self.into_text()? {
            Text::Bytes(bytes) => Ok(bytes),
            Text::Error(_) => Err("`error` is a body of replies only".to_owned()),
        }
    }

    pub(crate) fn into_string(self) -> Result<String, String> {
        String::from_utf8(self.into_bytes()?).map_err(|error| format!("expected text: {error}"))
    }
}

impl Repeated {
    fn into_string(self) -> String {
        let Self { unit, times, number, before, after } = self;
        let middle = match number {
            None => unit.repeat(times),
            Some(number) => (0..times).map(|time| unit.replace(&number, &time.to_string())).collect(),
        };
        [before, middle, after].concat()
    }
}
