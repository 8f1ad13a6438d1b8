//! The golden cases that need an `OpenWhisk`, behind the filter in a real Envoy.

use corpus::{Case, Driver, GUEST, Reply};
use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::bootstrap::string_value;
use testbed::envoy::{Envoy, Options};
use testbed::reference::{Line, Reference};
use testbed::script;
use testbed::upstream::{Address, Upstream};
use testbed::{artifact, client};

use crate::crowd;
use crate::openwhisk::OpenWhisk;
use crate::report::Outcome;

/// Asks all of them.
pub fn ask(openwhisk: &OpenWhisk) -> Result<Vec<Outcome>, String> {
    let mut cases = cases()?;
    for case in &mut cases {
        settle(case, openwhisk)?;
    }
    // Whoever gets there has passed the filter, and gets an answer that no case expects.
    let leak = Upstream::start(script::result("\"leaked\""));
    let lines: Vec<_> = cases.iter().map(|case| line(case, openwhisk)).collect();
    let options = Options { filter_log_level: "info", ..Options::default() };
    let mut envoy = Envoy::start_with(&Reference::read()?.with(&lines, leak.port), &options)?;
    let ports = envoy.ports();
    let mut outcomes = crowd::ask(&cases, |case| {
        let port = *ports.get(&case.name).ok_or_else(|| format!("Envoy has no listener {}", case.name))?;
        let request = client::request_of(case);
        let reply = openwhisk.patience.ask(case.reply.status, || client::try_ask(port, &request));
        Ok(Outcome { question: case.name.clone(), lines: differences(case, reply) })
    })?;
    let complaints = envoy.complaints();
    outcomes.push(Outcome { question: "Envoy afterwards".to_owned(), lines: complaints });
    Ok(outcomes)
}

fn cases() -> Result<Vec<Case>, String> {
    let all = corpus::cases(&artifact::source("tests/golden")).map_err(|wrong| wrong.to_string())?;
    Ok(all.into_iter().filter(|case| case.runs_on(Driver::OpenWhisk)).collect())
}

/// Creates the action of a case, and makes the case one about that.
fn settle(case: &mut Case, openwhisk: &OpenWhisk) -> Result<(), String> {
    let OpenWhisk { server, namespace, prefix, .. } = openwhisk;
    let mut change = |name: &str, from: &str, to: String| {
        if let Some(value) = case.config.get_mut(name).filter(|value| *value == from) {
            *value = to.into();
        }
    };
    change("api_host", "http://openwhisk.example", format!("http://{}", server.authority));
    change("service_token", GUEST, server.token.clone());
    change("namespace", "guest", namespace.clone());
    let Some(code) = &case.action else { return Ok(()) };
    for name in ["package", "action"] {
        if let Some(Value::String(value)) = case.config.get_mut(name) {
            value.insert_str(0, prefix);
        }
    }
    let name = case.attribute("action").unwrap_or_default();
    let Some(package) = case.attribute("package") else { return openwhisk.create_action(name, code) };
    openwhisk.create(&format!("packages/{package}"), &json!({}))?;
    openwhisk.create_action(&format!("{package}/{name}"), code)
}

/// The listener of a case.
fn line(case: &Case, openwhisk: &OpenWhisk) -> Line {
    let address = openwhisk.server.address;
    let socket = json!({ "address": address.ip().to_string(), "port_value": address.port() });
    let endpoint = json!({ "endpoint": { "address": { "socket_address": socket } } });
    let endpoints = json!([{ "lb_endpoints": [endpoint] }]);
    Line {
        name: case.name.clone(),
        plugin: string_value(&case.config_json(&case.name)),
        upstream: Some(Address { port: address.port(), protocol: Protocol::Http1 }),
        changes: json!({ "cluster": { "load_assignment": { "endpoints": endpoints } } }),
    }
}

fn differences(case: &Case, reply: std::io::Result<Reply>) -> Vec<String> {
    match reply.map(|reply| case.compare_reply(&reply, Driver::OpenWhisk)) {
        Ok(Ok(())) => Vec::new(),
        Ok(Err(difference)) => difference.to_string().lines().map(|line| line.trim().to_owned()).collect(),
        Err(error) => vec![format!("no valid reply: {error}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body nested 700 to 900 levels ends the process of a real `OpenWhisk`, elsewhere it may be fewer; 1000 are lost
    /// and keep their place. What is far above is refused.
    #[test]
    fn nothing_is_sent_that_ends_a_server() {
        for case in cases().expect("cases") {
            let mut depth: usize = 0;
            let mut deepest = 0;
            for byte in &case.request.body {
                match byte {
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                deepest = deepest.max(depth);
            }
            let is_sent = case.call.is_some();
            assert!(!is_sent || !(201..=1100).contains(&deepest), "{}: {deepest} levels", case.name);
        }
    }
}
