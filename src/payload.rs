//! What the action receives.

use crate::error::Error;
use crate::request::Request;
use crate::settings::{Mode, Parameters, Settings};

/// The body of the call to `OpenWhisk`, from a request and its body, in bytes.
///
/// An invocation gets the client's body byte for byte as the action's parameters, or an object made of the whole
/// request; no body stands for no parameters. A question for metadata has no body.
///
/// Source: apache/openwhisk `core/controller/RestAPIs.scala`: an empty entity counts as `{}`.
///
/// # Errors
/// An [`Error`] of the client, if no parameters can be made of the request.
pub fn payload(settings: &Settings, request: &Request, body: Vec<u8>) -> Result<Vec<u8>, Error> {
    match (settings.mode(), settings.parameters()) {
        (Mode::Metadata, _) => Ok(Vec::new()),
        (_, Parameters::Body) => Ok(body),
        (_, Parameters::Http(context)) => context.parameters(request, &body, settings.body_limit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    #[test]
    fn what_the_action_gets_depends_on_mode_and_parameters() {
        let http = r#"{"__ow_headers":{},"__ow_method":"","__ow_path":"","__ow_query":"","__ow_body":"eA=="}"#;
        let cases = [
            ("", "x", "x"),
            ("", "{\"a\": 1}\n", "{\"a\": 1}\n"),
            ("", "", ""),
            (r#", "mode": "activation""#, "x", "x"),
            (r#", "mode": "async""#, "x", "x"),
            (r#", "mode": "metadata""#, "x", ""),
            (r#", "parameters": "http""#, "x", http),
            (r#", "parameters": "http", "mode": "async""#, "x", http),
            (r#", "parameters": "http", "mode": "metadata""#, "x", ""),
        ];
        for (attributes, body, expected) in cases {
            let payload = payload(&settings(attributes), &Request::default(), body.into()).expect(attributes);
            let as_json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
            let is_same = payload == expected.as_bytes()
                || (as_json(&payload).is_some() && as_json(&payload) == as_json(expected.as_bytes()));
            assert!(is_same, "{attributes:?}, {body:?}: {:?}", payload.escape_ascii().to_string());
        }
        assert_eq!(payload(&settings(""), &Request::default(), b"\xff\0".to_vec()), Ok(b"\xff\0".to_vec()));
    }
}
