//! Edits of configurations of Envoy.

use serde_json::{Value, json};

/// The configuration of the filter as a message that reaches it as it is.
pub fn string_value(json: &str) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": json })
}

/// Puts fields in the place of others, at any depth. Null changes nothing.
pub fn merge(value: &mut Value, changes: &Value) {
    match changes {
        Value::Null => {}
        Value::Object(fields) => {
            if !value.is_object() {
                *value = json!({});
            }
            fields.iter().for_each(|(name, field)| merge(&mut value[name], field));
        }
        other => *value = other.clone(),
    }
}

/// A cluster with another name, and one endpoint on this machine at this port.
pub fn named(mut cluster: Value, name: &str, port: u16) -> Value {
    cluster["name"] = json!(name);
    cluster["type"] = json!("STATIC");
    cluster["load_assignment"]["cluster_name"] = json!(name);
    *at(&mut cluster, "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value") =
        json!(port);
    cluster
}

/// The filter in the chain of a manager of connections.
pub fn filter(manager: &mut Value) -> &mut Value {
    let is_wasm = |filter: &&mut Value| {
        filter["typed_config"]["@type"].as_str().is_some_and(|name| name.ends_with(".wasm.v3.Wasm"))
    };
    array(at(manager, "/http_filters")).iter_mut().find(is_wasm).expect("the filter is in the chain")
}

/// What stands there.
pub fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("the reference configuration has no {pointer}"))
}

/// The list that it is.
pub fn array(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().expect("a list")
}
