//! The key of the one user, and the Basic credentials that carry it.

use std::str::FromStr;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::ApiError;

/// The published key of the standalone server's `guest`.
///
/// Source: openwhisk core/standalone/src/main/resources/standalone.conf
pub const GUEST: &str =
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP";

/// The length of every key.
///
/// Source: openwhisk common/scala core/entity/Secret.scala
const KEY_LENGTH: usize = 64;

/// Credentials may come without their padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A pair of user and key, written `uuid:key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl FromStr for ApiKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("", _)) => Err("expected uuid:key, but the part before the colon is empty"),
            Some((_, key)) if key.chars().count() == KEY_LENGTH => Ok(Self(text.to_owned())),
            Some(_) => Err("expected uuid:key with a key of 64 characters"),
            None => Err("expected uuid:key, but there is no colon"),
        }
    }
}

impl ApiKey {
    /// The text `uuid:key`, which an action with `provide-api-key` gets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the request carries this key.
    ///
    /// # Errors
    /// No Basic credentials that decode, or those of nobody.
    /// Source: openwhisk core/controller BasicAuthenticationDirective.scala
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let supplied = || {
            let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
            let (scheme, credentials) = text.split_once(' ')?;
            if !scheme.eq_ignore_ascii_case("basic") || credentials.trim().is_empty() {
                return None;
            }
            LENIENT.decode(credentials.trim()).ok()
        };
        let decoded = supplied().ok_or(ApiError::MissingCredentials)?;
        if decoded == self.0.as_bytes() { Ok(()) } else { Err(ApiError::InvalidCredentials) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn only_the_right_basic_credentials_pass() {
        let key: ApiKey = GUEST.parse().unwrap();
        let right = STANDARD.encode(GUEST);
        let wrong = STANDARD.encode(GUEST.replace("zO3", "zO4"));
        let cases = [
            (format!("Basic {right}"), Ok(())),
            (format!("basic {right}"), Ok(())),
            (format!("Basic {wrong}"), Err(ApiError::InvalidCredentials)),
            (format!("Basic {}", right.trim_end_matches('=')), Ok(())),
            (format!("Basic  {right} "), Ok(())),
            (String::from("Basic eDp5"), Err(ApiError::InvalidCredentials)),
            (String::from("Basic"), Err(ApiError::MissingCredentials)),
            (String::from("Basic "), Err(ApiError::MissingCredentials)),
            (String::from("Basic %%%"), Err(ApiError::MissingCredentials)),
            (format!("Bearer {right}"), Err(ApiError::MissingCredentials)),
            (String::new(), Err(ApiError::MissingCredentials)),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
            assert_eq!(key.check(&headers), expected, "{value:?}");
        }
        assert_eq!(key.check(&HeaderMap::new()), Err(ApiError::MissingCredentials));
    }

    #[test]
    fn a_key_has_64_characters() {
        for text in ["", "a", "a:b", ":x"] {
            assert!(text.parse::<ApiKey>().is_err(), "{text:?}");
        }
    }
}
