//! The id that ties a request, its reply and its activation together.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// `X-Request-ID`, in and out.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const RANDOM_LENGTH: usize = 32;

/// The client's id as it came, or 32 random characters.
///
/// Source: openwhisk common/scala http/BasicHttpService.scala (`assignId`), common/TransactionId.scala
#[derive(Debug, Clone)]
pub struct TransactionId(HeaderValue);

impl TransactionId {
    /// The id of a request. Ids with the prefix of the system are not taken over.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(HEADER) {
            Some(value) if !value.as_bytes().starts_with(b"sid_") => Self(value.clone()),
            _ => Self::random(),
        }
    }

    /// A new id, also for each component of a sequence.
    pub fn random() -> Self {
        let text: String = std::iter::repeat_with(fastrand::alphanumeric).take(RANDOM_LENGTH).collect();
        Self(HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    /// For the reply.
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_id_is_kept_unless_it_is_the_systems() {
        let mut headers = HeaderMap::new();
        assert_eq!(TransactionId::of(&headers).to_string().len(), 32);
        headers.insert(HEADER, HeaderValue::from_static("mine"));
        assert_eq!(TransactionId::of(&headers).to_string(), "mine");
        headers.insert(HEADER, HeaderValue::from_static("sid_mine"));
        assert_eq!(TransactionId::of(&headers).to_string().len(), 32);
    }
}
