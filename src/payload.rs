//! What the action receives.

use crate::config::Operation;

/// The body of the call to `OpenWhisk`, from the body of the client's request, in bytes.
///
/// An invocation gets the client's body byte for byte as the action's parameters; no body stands
/// for no parameters. A question for metadata has no body.
///
/// Source: apache/openwhisk `core/controller/RestAPIs.scala`: an empty entity counts as `{}`.
#[must_use]
pub fn payload(operation: Operation, body: Vec<u8>) -> Vec<u8> {
    match operation {
        Operation::Invoke => body,
        Operation::Describe => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_gets_the_body_and_metadata_gets_none() {
        for body in [&b""[..], b"{}", b"{\"a\": 1}\n", b"\xff\0not json"] {
            assert_eq!(payload(Operation::Invoke, body.to_vec()), body);
            assert_eq!(payload(Operation::Describe, body.to_vec()), b"");
        }
    }
}
