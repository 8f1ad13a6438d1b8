//! What a case need not say: the base configuration, the usual request and the usual call.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::body::Body;
use crate::case::{ExpectedBody, ExpectedCall, GUEST, Request};
use crate::comparison::{ANY_VERSION, RETRY_HEADERS};
use crate::file;
use crate::parameters::Parameters;

/// The base configuration with a case's attributes on top.
pub fn config(name: &str, attributes: Map<String, Value>) -> Map<String, Value> {
    let mut config = Map::new();
    config.insert("api_host".to_owned(), json!("http://openwhisk.example"));
    config.insert("service_token".to_owned(), json!(GUEST));
    config.insert("namespace".to_owned(), json!("guest"));
    if !attributes.contains_key("trigger") {
        config.insert("action".to_owned(), json!(name));
    }
    for (attribute, value) in attributes {
        if value.is_null() && attribute != "upstream" {
            config.remove(&attribute);
        } else {
            config.insert(attribute, value);
        }
    }
    config
}

/// The usual request, with what a case says about it on top.
pub fn request(name: &str, file: file::Request) -> Result<Request, String> {
    let mut headers = Vec::new();
    for (name, values) in file.headers {
        for value in values.into_vec() {
            headers.push((name.to_ascii_lowercase(), value.into_bytes()?));
        }
    }
    if !headers.iter().any(|(name, _)| name == "x-request-id") {
        headers.push(("x-request-id".to_owned(), format!("golden-{name}").into_bytes()));
    }
    Ok(Request {
        method: file.method.unwrap_or_else(|| "GET".to_owned()),
        path: file.path.map_or_else(|| Ok("/hello".to_owned()), Body::into_string)?,
        headers,
        body: file.body.into_bytes()?,
    })
}

/// The usual call, with what a case says about it on top.
pub fn call(file: file::SomeCall, config: &Map<String, Value>, request: &Request) -> Result<ExpectedCall, String> {
    let attribute = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    let asks_for_metadata = attribute("mode") == "metadata" || config.get("result") == Some(&Value::Bool(false));
    let only_reads = asks_for_metadata || attribute("mode") == "poll";
    let mut headers: BTreeMap<String, Vec<String>> = [
        ("accept", "application/json".to_owned()),
        ("content-type", "application/json".to_owned()),
        ("host", attribute("api_host").split('/').nth(2).unwrap_or_default().to_owned()),
        ("user-agent", ANY_VERSION.to_owned()),
        ("x-request-id", request.id().to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), vec![value]))
    .collect();
    let basic = |token: &Value| format!("Basic {}", STANDARD.encode(token.as_str().unwrap_or_default()));
    let authorization = config.get("service_token").map(basic);
    let authorization = authorization.or_else(|| Some(config.get("authorization")?.as_str()?.to_owned()));
    headers.extend(authorization.map(|value| ("authorization".to_owned(), vec![value])));
    for (name, value) in config.get("call_headers").and_then(Value::as_object).into_iter().flatten() {
        headers.insert(name.to_ascii_lowercase(), vec![value.as_str().unwrap_or_default().to_owned()]);
    }
    if let Some(retries) = config.get("retries").and_then(Value::as_u64).filter(|retries| *retries > 0) {
        let [on, most] = RETRY_HEADERS;
        headers.insert(on.to_owned(), vec!["connect-failure,refused-stream,reset-before-request".to_owned()]);
        headers.insert(most.to_owned(), vec![retries.to_string()]);
    }
    for (name, values) in file.headers {
        let name = name.to_ascii_lowercase();
        match values {
            Some(values) => _ = headers.insert(name, values.into_vec()),
            None => _ = headers.remove(&name),
        }
    }
    let timeout = config.get("timeout").map_or_else(|| "60000".to_owned(), Value::to_string);
    let usual_path = || {
        let query = match attribute("mode") {
            _ if config.contains_key("trigger") => {
                return format!("/api/v1/namespaces/guest/triggers/{}", attribute("trigger"));
            }
            "poll" => return format!("/api/v1/namespaces/_/activations/{}", request.last_segment()),
            _ if asks_for_metadata => String::new(),
            "async" => "?blocking=false".to_owned(),
            "activation" => format!("?blocking=true&result=false&timeout={timeout}"),
            _ => format!("?blocking=true&result=true&timeout={timeout}"),
        };
        format!("/api/v1/namespaces/guest/actions/{}{query}", attribute("action"))
    };
    let usual_method = if only_reads { "GET" } else { "POST" };
    let usual_parameters = |listed| Parameters::new(listed, request, attribute("parameters") == "raw");
    let body = match file.body {
        Some(file::CallBody::Bytes(body)) => ExpectedBody::Bytes(body.into_bytes()?),
        Some(file::CallBody::Parameters(file)) => ExpectedBody::Parameters(usual_parameters(file.parameters)?),
        None if only_reads => ExpectedBody::Bytes(Vec::new()),
        None if ["http", "raw"].contains(&attribute("parameters")) => {
            if !request.body.is_empty() {
                return Err("`call` does not say what becomes of the body of the request".to_owned());
            }
            ExpectedBody::Parameters(usual_parameters(file::Parameters::Object(Map::new()))?)
        }
        None => ExpectedBody::Bytes(request.body.clone()),
    };
    Ok(ExpectedCall {
        method: file.method.unwrap_or_else(|| usual_method.to_owned()),
        path: file.path.unwrap_or_else(usual_path),
        headers,
        body,
    })
}
