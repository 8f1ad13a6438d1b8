//! The filter's own configurations, accepted and rejected.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::{Configuration, GUEST};
use serde_json::{Value, json};
use testbed::artifact;
use testbed::bootstrap::string_value;
use testbed::client::get;
use testbed::envoy::Envoy;
use testbed::script;

use crate::bootstrap::{Line, Reference};
use crate::stage::{Plan, config};

/// What the filter says about a message that is not JSON.
const PROTOBUF: &str = "the configuration is not text but a protobuf message, expected a JSON object: on Envoy put it \
                        into a google.protobuf.StringValue (a google.protobuf.Struct does not arrive as JSON)";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let all = corpus::configurations(&artifact::source("tests/configurations.yaml"));
    for Configuration { about, bytes, errors, secrets } in all.unwrap_or_else(|wrong| panic!("{wrong}")) {
        plan.test_alone(&format!("configuration::{about}"), move || check(&message(bytes), &errors, &secrets));
    }

    let token = "alice:wonderland";
    let attributes = json!({ "api_host": "http://openwhisk.example", "service_token": token });
    let rejected = [
        ("none_at_all_is_empty", Value::Null, "the configuration is empty, expected a JSON object"),
        (
            "a_struct_is_rejected",
            json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": attributes }),
            PROTOBUF,
        ),
        (
            "a_megabyte_that_is_not_json_is_rejected",
            string_value(&" ".repeat(1 << 20)),
            "the configuration is not JSON: EOF while parsing a value at line 1 column 1048576",
        ),
    ];
    for (name, plugin, error) in rejected {
        plan.test_alone(&format!("configuration::{name}"), move || {
            check(&plugin, &[error.to_owned()], &[token.to_owned()]);
        });
    }
    let padded = config("openwhisk", json!({})) + &" ".repeat(1 << 20);
    plan.test_alone("configuration::a_megabyte_of_json_is_accepted", move || check(&string_value(&padded), &[], &[]));

    let name = "configuration::the_token_may_be_in_the_environment";
    let attributes = json!({ "service_token": "$ENV://OPENWHISK_TOKEN" });
    plan.test_site(name, attributes, script::result("{}"), |_, port, upstream| {
        assert_eq!(get(port, "/hello").status, 200);
        let calls = upstream.seen().calls;
        let authorization = calls[0].headers.iter().find(|(name, _)| name == "authorization");
        let expected = format!("Basic {}", STANDARD.encode(GUEST)).into_bytes();
        assert_eq!(authorization.map(|(_, value)| value), Some(&expected));
    });
}

/// The bytes of a configuration as a message that carries them unchanged.
fn message(bytes: Vec<u8>) -> Value {
    String::from_utf8(bytes).map_or_else(
        |error| {
            let bytes = STANDARD.encode(error.as_bytes());
            json!({ "@type": "type.googleapis.com/google.protobuf.BytesValue", "value": bytes })
        },
        |text| string_value(&text),
    )
}

/// Starts an Envoy: it serves if no errors are expected, else it ends, says these and no others, and none
/// of the secrets.
fn check(plugin: &Value, errors: &[String], secrets: &[String]) {
    let reference = Reference::read().unwrap_or_else(|error| panic!("{error}"));
    let line = Line { name: "filter".to_owned(), plugin: plugin.clone(), upstream: None, changes: Value::Null };
    // Nothing is sent to this Envoy, so no port needs to be behind it.
    let configuration = reference.with(&[line], 1);
    if errors.is_empty() {
        let mut envoy = Envoy::start(&configuration);
        assert_eq!(envoy.complaints(), Vec::<String>::new());
        return;
    }
    let (status, log) = Envoy::run(&configuration).unwrap_or_else(|error| panic!("{error}"));
    assert!(!status.success(), "Envoy ended with {status}");
    // The main thread and the workers may each say it.
    let said = log.lines().filter_map(|line| line.split_once("wasm log filter: openwhisk: "));
    let mut said: Vec<_> = said.map(|(_, sentence)| sentence).collect();
    said.sort_unstable();
    said.dedup();
    let mut errors: Vec<_> = errors.iter().map(String::as_str).collect();
    errors.sort_unstable();
    assert_eq!(said, errors, "{log}");
    for secret in secrets {
        assert!(!log.contains(secret), "{secret:?} is in the log:\n{log}");
    }
}
