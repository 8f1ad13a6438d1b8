//! What must hold for a configuration, of whatever bytes.

use std::rc::Rc;

use openwhisk_filter::call::request::Request;
use openwhisk_filter::call::{Call, CallTemplate};
use openwhisk_filter::config::Config;
use openwhisk_filter::config::attribute::ATTRIBUTES;
use openwhisk_filter::config::mistake::ConfigError;
use openwhisk_filter::config::secret::Secret;
use openwhisk_filter::config::settings::Settings;
use openwhisk_filter::error::Error;
use openwhisk_filter::proxy::Proxy;
use openwhisk_filter::target::Targets;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::Held;
use crate::input::SECRET;
use crate::json::Entries;
use crate::render::render;

/// The longest sentence about one mistake, in bytes: it is a line of a log.
const LONGEST: usize = 2000;

/// Checks everything about one configuration.
///
/// # Panics
/// Where something does not hold.
pub fn configuration(json: &[u8]) {
    crate::require(check(json), &json.escape_ascii().to_string());
}

/// The environment of the wasm VM.
fn read_environment(name: &str) -> Option<String> {
    match name {
        "TOKEN" | "OPENWHISK_TOKEN" => Some(format!("alice:{SECRET}")),
        "BROKEN" => Some(SECRET.to_owned()),
        _ => None,
    }
}

fn check(json: &[u8]) -> Held {
    let read = Config::from_json(json, &read_environment);
    let output = match &read {
        Ok(config) => format!("{config:?}"),
        Err(error) => format!("{error}\n{error:?}"),
    };
    let is_told = told(json).iter().any(|text| text.contains(SECRET));
    ensure!(is_told || !output.contains(SECRET), "the secret is shown: {output}");
    match read {
        Ok(config) => key_stays(json, &config).and_then(|()| accepted(&config)),
        Err(error) => refused(&error),
    }
}

/// The texts of a configuration that a mistake may quote, or a debug output show: names, and the values of attributes
/// that are no secrets.
fn told(json: &[u8]) -> Vec<String> {
    let Some(top) = std::str::from_utf8(json).ok().and_then(Entries::read) else { return Vec::new() };
    let mut texts = Vec::new();
    for (name, value) in top.0 {
        if name == "routes" {
            for (route, value) in Entries::read(value.get()).map(|routes| routes.0).unwrap_or_default() {
                texts.push(route);
                for (name, value) in Entries::read(value.get()).map(|route| route.0).unwrap_or_default() {
                    texts.extend(told_of(&name, value));
                    texts.push(name);
                }
            }
        } else {
            texts.extend(told_of(&name, value));
        }
        texts.push(name);
    }
    texts
}

/// The text of an attribute, if it may be told.
fn told_of(name: &str, value: &RawValue) -> Option<String> {
    let text: String = serde_json::from_str(value.get()).ok()?;
    match name {
        "service_token" | "authorization" => {
            // The name of a variable is no secret.
            let name = text.get(7..).filter(|_| text.to_ascii_lowercase().starts_with("$env://"))?;
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            is_name.then(|| name.to_owned())
        }
        "api_host" | "upstream" if text.contains('@') => None,
        "namespace" | "package" | "action" if text.contains(':') => None,
        name => ATTRIBUTES.iter().any(|row| row.name == name).then_some(text),
    }
}

/// A key goes to no other address than its own: a route with an address has only what it gives itself.
fn key_stays(json: &[u8], config: &Config) -> Held {
    let (Ok(Value::Object(top)), Config::Routes(routes)) = (serde_json::from_slice(json), config) else {
        return Ok(());
    };
    for (name, settings) in routes {
        let Some(route) = top.get("routes").and_then(|routes| routes.get(name)) else { continue };
        let gives = |attribute: &str| route.get(attribute).is_some_and(|value| !value.is_null());
        let is_elsewhere = gives("api_host");
        let has_key = gives("service_token") || gives("authorization");
        ensure!(!is_elsewhere || has_key || settings.authorization().is_none(), "{name:?} takes the key elsewhere");
        let has_headers = gives("call_headers");
        ensure!(!is_elsewhere || has_headers || settings.call_headers().is_empty(), "{name:?} takes headers elsewhere");
    }
    Ok(())
}

fn refused(error: &ConfigError) -> Held {
    ensure!(!error.mistakes().is_empty(), "an error without a mistake");
    ensure!(error.mistakes().len() < 100, "{} mistakes are told", error.mistakes().len());
    for mistake in error.mistakes() {
        let sentence = mistake.to_string();
        ensure!(sentence.len() < LONGEST, "a mistake of {} bytes: {sentence:.200}…", sentence.len());
        ensure!(!sentence.contains(char::is_control), "a mistake with control characters: {sentence:?}");
    }
    Ok(())
}

fn accepted(config: &Config) -> Held {
    let rendered = render(config).ok_or("a configuration that cannot be written down")?;
    let again = Config::from_json(rendered.to_string().as_bytes(), &|_| None)
        .map_err(|error| format!("what was accepted is refused when it is written down: {error}"))?;
    ensure!(again == *config, "it is another one when it is written down: {config:?} {again:?}");
    let is_stable = render(&again).as_ref() == Some(&rendered);
    ensure!(is_stable, "it is written down in another way: {:?}", render(&again).as_ref().map(Value::to_string));

    let targets = Targets::new(config.clone());
    for proxy in [Proxy::Envoy, Proxy::Apisix] {
        let sentences = targets.without_effect_on(proxy);
        ensure!(sentences.len() <= 5, "{} sentences about {proxy:?}", sentences.len());
    }
    match config {
        Config::Every(settings) => called(settings, config),
        Config::Routes(routes) => routes.values().try_for_each(|settings| called(settings, config)),
    }
}

/// Makes calls, for a request that is as hostile as a host lets it be.
fn called(settings: &Settings, config: &Config) -> Held {
    let secrets = settings.authorization().into_iter().chain(settings.call_headers().iter().map(|(_, value)| value));
    // A very short one is in any text.
    for secret in secrets.map(Secret::reveal).filter(|secret| secret.len() >= SECRET.len()) {
        ensure!(!format!("{config:?}").contains(secret), "the debug output shows the credentials");
    }
    let headers = [
        ("x-request-id", &b"a b\t"[..]),
        ("x-request-id", b"1\r\nx: y"),
        ("traceparent", b"\xff"),
        ("tracestate", b""),
        ("b3", b"\0"),
        ("authorization", b"Bearer x"),
    ];
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
    let template = Rc::new(CallTemplate::new(settings));
    for proxy in [Proxy::Envoy, Proxy::Apisix] {
        let request = Request::from_headers(headers.clone());
        let call = Call::new(Rc::clone(&template), proxy, request, Vec::new());
        crate::call::check(&call, settings)?;
        let has_retries = call.headers().iter().any(|(name, _)| name.starts_with("x-envoy-"));
        ensure!(has_retries == (proxy == Proxy::Envoy && settings.retries() > 0), "retries on {proxy:?}");
    }
    // The operator's log quotes the upstream.
    let sentence = Error::UnknownUpstream { upstream: settings.upstream().to_string() }.to_string();
    ensure!(!sentence.contains(char::is_control), "a line of the log with control characters: {sentence:?}");
    Ok(())
}
