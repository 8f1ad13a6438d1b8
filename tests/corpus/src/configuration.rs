//! The configurations of `tests/configurations.yaml`.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::case::GUEST;
use crate::error::Wrong;

/// A configuration, and what the filter says about it.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// What it shows.
    pub about: String,
    /// The bytes the filter gets.
    pub bytes: Vec<u8>,
    /// The sentence of each mistake; none if it is accepted.
    pub errors: Vec<String>,
    /// What may not be printed.
    pub secrets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    config: Option<Map<String, Value>>,
    raw: Option<String>,
    raw_base64: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
}

/// Reads the file.
///
/// # Errors
/// [`Wrong`] if it is not a list of configurations.
pub fn configurations(path: &Path) -> Result<Vec<Configuration>, Wrong> {
    let text = fs::read_to_string(path).map_err(|error| Wrong::new(path, error))?;
    parse(&text).map_err(|reason| Wrong::new(path, reason))
}

fn parse(text: &str) -> Result<Vec<Configuration>, String> {
    let files: Vec<File> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    files.into_iter().map(configuration).collect()
}

fn configuration(file: File) -> Result<Configuration, String> {
    let File { about, config, raw, raw_base64, errors } = file;
    let attribute = |name| config.as_ref().and_then(|config| config.get(name)).and_then(Value::as_str);
    let token = attribute("service_token").filter(|token| token.contains(':'));
    let authorization = attribute("authorization").filter(|value| value.contains(' '));
    let secrets = [Some(GUEST), Some("wonderland"), token, authorization];
    let secrets = secrets.into_iter().flatten().map(str::to_owned).collect();
    let bytes = match (config, raw, raw_base64) {
        (Some(attributes), None, None) => merged(attributes).to_string().into_bytes(),
        (None, Some(text), None) => text.into_bytes(),
        (None, None, Some(base64)) => {
            STANDARD.decode(base64).map_err(|error| format!("{about}: `raw_base64` is not base64: {error}"))?
        }
        _ => return Err(format!("{about}: expected one of `config`, `raw` and `raw_base64`")),
    };
    Ok(Configuration { about, bytes, errors, secrets })
}

/// A complete configuration with these attributes on top, where null removes one.
fn merged(attributes: Map<String, Value>) -> Value {
    let mut config = json!({
        "api_host": "http://openwhisk.example", "service_token": GUEST, "namespace": "guest", "action": "hello",
    });
    for (name, value) in attributes {
        match (&mut config, value) {
            (Value::Object(config), Value::Null) => _ = config.remove(&name),
            (Value::Object(config), value) => _ = config.insert(name, value),
            _ => {}
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_merged_on_a_complete_configuration() {
        let all = parse("- about: x\n  config: {namespace: null, action: b}\n  errors: [e]").expect("a list");
        let config: Value = serde_json::from_slice(&all[0].bytes).expect("JSON");
        assert_eq!((config.get("namespace"), &config["action"]), (None, &json!("b")));
        assert_eq!(all[0].errors, ["e"]);
    }

    #[test]
    fn what_is_no_list_of_configurations_is_told() {
        let cases = [
            ("about: x", "expected sequence"),
            ("- about: x", "x: expected one of"),
            ("- about: x\n  raw: ''\n  config: {}", "x: expected one of"),
            ("- about: x\n  raw_base64: '%'", "not base64"),
            ("- about: x\n  raw: ''\n  error: y", "error"),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text);
            assert!(error.contains(expected), "{text:?} should name {expected:?}: {error}");
        }
    }
}
