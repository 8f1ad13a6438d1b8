//! A configuration written down again, with every attribute.

use openwhisk_filter::config::Config;
use openwhisk_filter::config::action::Kind;
use openwhisk_filter::config::settings::{
    ActionErrors, Mode, OnTimeout, Parameters, Repeated, RequestBody, Response, Settings, WholeBody,
};
use openwhisk_filter::proxy::Proxy;
use serde_json::{Map, Value};

type Attributes = Map<String, Value>;

/// The JSON of a configuration. Nothing if its token is none.
#[must_use]
pub fn render(config: &Config) -> Option<Value> {
    match config {
        Config::Every(settings) => {
            let mut all = of_connections(settings);
            all.append(&mut of_requests(settings)?);
            Some(Value::Object(all))
        }
        Config::Routes(routes) => {
            let mut all = routes.values().next().map(of_connections).unwrap_or_default();
            let route = |(name, settings): (&String, _)| Some((name.clone(), Value::Object(of_requests(settings)?)));
            all.insert("routes".to_owned(), Value::Object(routes.iter().map(route).collect::<Option<_>>()?));
            Some(Value::Object(all))
        }
    }
}

/// The attributes of the top level only.
fn of_connections(settings: &Settings) -> Attributes {
    let mut all = Attributes::new();
    all.insert("ssl_verify".to_owned(), settings.ssl_verify().into());
    all.insert("keepalive".to_owned(), settings.keepalive().into());
    let request_body = match settings.request_body() {
        RequestBody::Pause => "pause",
        RequestBody::BufferFilter => "buffer_filter",
    };
    all.insert("request_body".to_owned(), request_body.into());
    // Whether these are given matters on APISIX, which warns of them; nothing else tells.
    let warnings = settings.without_effect_on(Proxy::Apisix);
    if warnings.iter().any(|warning| warning.starts_with("`keepalive_timeout`")) {
        let timeout = u64::try_from(settings.keepalive_timeout().as_millis()).unwrap_or(u64::MAX);
        all.insert("keepalive_timeout".to_owned(), timeout.into());
    }
    if warnings.iter().any(|warning| warning.starts_with("`keepalive_pool`")) {
        all.insert("keepalive_pool".to_owned(), 1.into());
    }
    all
}

/// The attributes that a route may have, too.
fn of_requests(settings: &Settings) -> Option<Attributes> {
    let (api_host, action) = (settings.api_host(), settings.action());
    let mode = match settings.mode() {
        Mode::Result => "result",
        Mode::Activation => "activation",
        Mode::Metadata => "metadata",
        Mode::Async => "async",
        Mode::Poll => "poll",
    };
    let on_timeout = match settings.on_timeout() {
        OnTimeout::Error => "error",
        OnTimeout::Accept => "accept",
    };
    let given = [
        ("api_host", format!("{}://{}{}", api_host.scheme().as_str(), api_host.authority(), api_host.path_prefix())),
        ("upstream", settings.upstream().to_string()),
        ("namespace", action.namespace.to_string()),
        (if action.kind == Kind::Trigger { "trigger" } else { "action" }, action.name.to_string()),
        ("mode", mode.to_owned()),
        ("on_timeout", on_timeout.to_owned()),
        ("response", if settings.response() == Response::Plain { "plain" } else { "shaped" }.to_owned()),
        ("action_errors", if settings.action_errors() == ActionErrors::Hide { "hide" } else { "pass" }.to_owned()),
    ];
    let mut all: Attributes = given.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    if let Some(authorization) = settings.authorization() {
        all.insert("authorization".to_owned(), authorization.reveal().into());
    }
    let call_headers = settings.call_headers().iter().map(|(name, value)| (name.clone(), value.reveal().into()));
    all.insert("call_headers".to_owned(), Value::Object(call_headers.collect()));
    if let Some(location) = settings.location() {
        all.insert("location".to_owned(), format!("{location}/").into());
    }
    all.insert("server_timing".to_owned(), settings.server_timing().into());
    if let Some(package) = &action.package {
        all.insert("package".to_owned(), package.to_string().into());
    }
    match settings.parameters() {
        Parameters::Body => _ = all.insert("parameters".to_owned(), "body".into()),
        Parameters::Whole(whole) => {
            let word = if whole.body == WholeBody::Raw { "raw" } else { "http" };
            all.insert("parameters".to_owned(), word.into());
            all.insert("path_prefix".to_owned(), format!("{}/", whole.path_prefix).into());
            all.insert("forward_headers".to_owned(), whole.forward_headers.clone().into());
            if let Some(template) = &whole.path_template {
                all.insert("path_template".to_owned(), template.to_string().into());
            }
            let word = if whole.repeated == Repeated::List { "list" } else { "last" };
            all.insert("repeated".to_owned(), word.into());
            let bind = serde_json::from_str::<Value>(&format!("{{{}}}", whole.bind.reveal())).ok()?;
            all.insert("bind".to_owned(), bind);
        }
    }
    all.insert("timeout".to_owned(), u64::try_from(settings.timeout().as_millis()).ok()?.into());
    all.insert("retries".to_owned(), settings.retries().into());
    if let Some(most) = settings.max_concurrency() {
        all.insert("max_concurrency".to_owned(), most.into());
    }
    all.insert("max_req_body_size".to_owned(), settings.max_req_body_size().into());
    Some(all)
}
