//! The attributes as one level of a configuration gives them: the top level, or a route.

use std::fmt;
use std::rc::Rc;

use serde_json::Value;

use crate::action::{InvalidName, Name};
use crate::api_host::{ApiHost, InvalidApiHost};
use crate::attributes::{Attributes, Setting, kind_of, text};
use crate::http_context::CREDENTIALS;
use crate::number::whole_number;
use crate::secret::ServiceToken;
use crate::settings::{Mode, OnTimeout, RequestBody};

/// The names of all attributes of the top level, in the order of the documentation.
pub const ATTRIBUTES: &[&str] = &[
    "api_host",
    "ssl_verify",
    "service_token",
    "namespace",
    "package",
    "action",
    "result",
    "mode",
    "parameters",
    "path_prefix",
    "forward_headers",
    "timeout",
    "on_timeout",
    "retries",
    "max_concurrency",
    "keepalive",
    "keepalive_timeout",
    "keepalive_pool",
    "max_req_body_size",
    "upstream",
    "request_body",
    "routes",
];

/// The names of the attributes that belong to the top level: they are about connections, which routes share, about the
/// chain of filters, or about the routes themselves.
pub const OF_THE_TOP_LEVEL: &[&str] =
    &["ssl_verify", "keepalive", "keepalive_timeout", "keepalive_pool", "request_body", "routes"];

/// The names of the attributes of a route: all others.
pub const OF_A_ROUTE: &[&str] = &[
    "api_host",
    "service_token",
    "namespace",
    "package",
    "action",
    "result",
    "mode",
    "parameters",
    "path_prefix",
    "forward_headers",
    "timeout",
    "on_timeout",
    "retries",
    "max_concurrency",
    "max_req_body_size",
    "upstream",
];

/// The longest `OpenWhisk` waits for an action, in milliseconds.
///
/// Source: apache/openwhisk `common/scala/src/main/resources/application.conf`,
/// `whisk.controller.activation.max-wait-for-blocking-activation`; a larger value is a 400.
const LONGEST_WAIT: u64 = 60_000;

const TIMEOUT: Range = Range { unit: " of milliseconds", smallest: 1, largest: Some(LONGEST_WAIT) };
const RETRIES: Range = Range { unit: "", smallest: 0, largest: Some(5) };
const MAX_CONCURRENCY: Range = Range { unit: " of calls", smallest: 1, largest: None };
const KEEPALIVE_TIMEOUT: Range = Range { unit: " of milliseconds", smallest: 1000, largest: None };
const KEEPALIVE_POOL: Range = Range { unit: "", smallest: 1, largest: None };
const MAX_REQ_BODY_SIZE: Range = Range { unit: " of bytes", smallest: 1, largest: None };

const MODES: &[(&str, Mode)] =
    &[("result", Mode::Result), ("activation", Mode::Activation), ("metadata", Mode::Metadata), ("async", Mode::Async)];
const PARAMETERS: &[(&str, Source)] = &[("body", Source::Body), ("http", Source::Http)];
const REQUEST_BODY: &[(&str, RequestBody)] =
    &[("pause", RequestBody::Pause), ("buffer_filter", RequestBody::BufferFilter)];
const ON_TIMEOUT: &[(&str, OnTimeout)] = &[("error", OnTimeout::Error), ("accept", OnTimeout::Accept)];

const TOKEN: &str = "`user:key`, or `$ENV://NAME` for an environment variable that holds it";

/// Where the action's parameters come from (`parameters`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The body of the request.
    Body,
    /// All of the request.
    Http,
}

/// What a number may be.
struct Range {
    unit: &'static str,
    smallest: u64,
    largest: Option<u64>,
}

/// The attributes of one level, each as far as it is there. `result` is told by the mode.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    pub(crate) api_host: Setting<Rc<ApiHost>>,
    pub(crate) ssl_verify: Setting<bool>,
    pub(crate) service_token: Setting<Rc<ServiceToken>>,
    pub(crate) namespace: Setting<Name>,
    pub(crate) package: Setting<Name>,
    pub(crate) action: Setting<Name>,
    pub(crate) mode: Setting<Mode>,
    pub(crate) parameters: Setting<Source>,
    pub(crate) path_prefix: Setting<String>,
    pub(crate) forward_headers: Setting<Vec<&'static str>>,
    pub(crate) timeout: Setting<u64>,
    pub(crate) on_timeout: Setting<OnTimeout>,
    pub(crate) retries: Setting<u64>,
    pub(crate) max_concurrency: Setting<u64>,
    pub(crate) keepalive: Setting<bool>,
    pub(crate) keepalive_timeout: Setting<u64>,
    pub(crate) keepalive_pool: Setting<u64>,
    pub(crate) max_req_body_size: Setting<u64>,
    pub(crate) upstream: Setting<Rc<str>>,
    pub(crate) request_body: Setting<RequestBody>,
}

impl Layer {
    /// Reads the attributes of a route. `read_environment` gives the value of an environment variable.
    pub fn of_route(attributes: &mut Attributes<'_>, read_environment: &dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            api_host: api_host(attributes),
            service_token: service_token(attributes, read_environment),
            namespace: name(attributes, "namespace"),
            package: name(attributes, "package"),
            action: name(attributes, "action"),
            mode: mode(attributes),
            parameters: one_of(attributes, "parameters", PARAMETERS),
            path_prefix: path_prefix(attributes),
            forward_headers: forward_headers(attributes),
            timeout: number(attributes, "timeout", &TIMEOUT),
            on_timeout: one_of(attributes, "on_timeout", ON_TIMEOUT),
            retries: number(attributes, "retries", &RETRIES),
            max_concurrency: number(attributes, "max_concurrency", &MAX_CONCURRENCY),
            max_req_body_size: number(attributes, "max_req_body_size", &MAX_REQ_BODY_SIZE),
            upstream: upstream(attributes),
            ..Self::default()
        }
    }

    /// Reads the attributes of the top level, all but `routes`.
    pub fn of_top_level(attributes: &mut Attributes<'_>, read_environment: &dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            ssl_verify: boolean(attributes, "ssl_verify"),
            keepalive: boolean(attributes, "keepalive"),
            keepalive_timeout: number(attributes, "keepalive_timeout", &KEEPALIVE_TIMEOUT),
            keepalive_pool: number(attributes, "keepalive_pool", &KEEPALIVE_POOL),
            request_body: one_of(attributes, "request_body", REQUEST_BODY),
            ..Self::of_route(attributes, read_environment)
        }
    }

    /// This level on top of another one, whose attributes hold where this one gives none.
    ///
    /// The upstream goes with the address, and the key with both: one that was meant for another does not hold.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let has_address = self.api_host != Setting::Absent;
        let upstream = if has_address { self.upstream } else { self.upstream.or(&base.upstream) };
        let api_host = self.api_host.or(&base.api_host);
        let is_elsewhere = has_address || called(&upstream, &api_host) != called(&base.upstream, &base.api_host);
        Self {
            upstream,
            service_token: if is_elsewhere { self.service_token } else { self.service_token.or(&base.service_token) },
            api_host,
            ssl_verify: self.ssl_verify.or(&base.ssl_verify),
            namespace: self.namespace.or(&base.namespace),
            package: self.package.or(&base.package),
            action: self.action.or(&base.action),
            mode: self.mode.or(&base.mode),
            parameters: self.parameters.or(&base.parameters),
            path_prefix: self.path_prefix.or(&base.path_prefix),
            forward_headers: self.forward_headers.or(&base.forward_headers),
            timeout: self.timeout.or(&base.timeout),
            on_timeout: self.on_timeout.or(&base.on_timeout),
            retries: self.retries.or(&base.retries),
            max_concurrency: self.max_concurrency.or(&base.max_concurrency),
            keepalive: self.keepalive.or(&base.keepalive),
            keepalive_timeout: self.keepalive_timeout.or(&base.keepalive_timeout),
            keepalive_pool: self.keepalive_pool.or(&base.keepalive_pool),
            max_req_body_size: self.max_req_body_size.or(&base.max_req_body_size),
            request_body: self.request_body.or(&base.request_body),
        }
    }

    /// The four attributes that every request needs. Each that is missing becomes a mistake.
    pub fn required(&self, attributes: &mut Attributes<'_>) -> Option<(Rc<ApiHost>, Rc<ServiceToken>, Name, Name)> {
        let api_host = attributes.require("api_host", &InvalidApiHost::NoAddress, self.api_host.clone());
        let service_token = attributes.require("service_token", &TOKEN, self.service_token.clone());
        let namespace = attributes.require("namespace", &InvalidName, self.namespace.clone());
        let action = attributes.require("action", &InvalidName, self.action.clone());
        Some((api_host?, service_token?, namespace?, action?))
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What the host calls the place where a key goes, if that is known.
fn called(upstream: &Setting<Rc<str>>, api_host: &Setting<Rc<ApiHost>>) -> Option<Rc<str>> {
    let by_default = || api_host.clone().given().map(|api_host| api_host.host_and_port());
    upstream.clone().given().or_else(by_default)
}

/// Reads `api_host`. One with user info (`@`) holds a secret, and a text with a colon that is no address could be one:
/// they are not quoted.
fn api_host(attributes: &mut Attributes<'_>) -> Setting<Rc<ApiHost>> {
    let secret = |text: &str| match text.split_once("://") {
        Some((_, rest)) if !rest.contains('@') => None,
        Some(_) => Some('@'),
        // A host and a port, without a scheme.
        None if text.split_once(':').is_some_and(|(_, port)| (1..=5).contains(&port.len()) && is_number(port)) => None,
        None => Some(':'),
    };
    attributes.read_quiet("api_host", &InvalidApiHost::NoAddress, secret, |text| ApiHost::parse(text).map(Rc::new))
}

/// Reads `service_token`, of which no error shows anything.
fn service_token(
    attributes: &mut Attributes<'_>,
    read_environment: &dyn Fn(&str) -> Option<String>,
) -> Setting<Rc<ServiceToken>> {
    let json = match attributes.take_given("service_token") {
        Ok(json) => json,
        Err(setting) => return setting,
    };
    let token = match text(json) {
        Some(text) => ServiceToken::resolve(&text, read_environment),
        None => Err(kind_of(json).to_owned()),
    };
    token.map_or_else(|found| attributes.wrong("service_token", found, &TOKEN), |token| Setting::Given(Rc::new(token)))
}

/// Reads a name. A text with a colon could be a key in the wrong place, and is not quoted.
fn name(attributes: &mut Attributes<'_>, attribute: &str) -> Setting<Name> {
    attributes.read_quiet(attribute, &InvalidName, |_| Some(':'), Name::parse)
}

/// Reads `mode` and `result`, which say the same in two ways.
fn mode(attributes: &mut Attributes<'_>) -> Setting<Mode> {
    let mode = one_of(attributes, "mode", MODES);
    let result = attributes.read("result", &"true or false", Value::as_bool);
    match (mode, result) {
        (Setting::Wrong, _) | (_, Setting::Wrong) => Setting::Wrong,
        (Setting::Given(mode), Setting::Given(result)) if mode == mode_of(result) => Setting::Given(mode),
        (Setting::Given(mode), Setting::Given(result)) => {
            let word = |wanted: Mode| MODES.iter().find(|(_, mode)| *mode == wanted).map_or("", |(word, _)| word);
            let expected = format_args!("{:?} or none where `result` is {result}", word(mode_of(result)));
            attributes.wrong("mode", format!("{:?}", word(mode)), &expected)
        }
        (Setting::Given(mode), _) => Setting::Given(mode),
        (_, Setting::Given(result)) => Setting::Given(mode_of(result)),
        (Setting::Unset, _) | (_, Setting::Unset) => Setting::Unset,
        (Setting::Absent, Setting::Absent) => Setting::Absent,
    }
}

const fn mode_of(result: bool) -> Mode {
    if result { Mode::Result } else { Mode::Metadata }
}

fn path_prefix(attributes: &mut Attributes<'_>) -> Setting<String> {
    attributes.read("path_prefix", &"a path that begins with `/`, without a query, in visible ASCII", |value| {
        let text = value.as_str()?;
        let is_path = text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#'));
        is_path.then(|| text.to_owned())
    })
}

/// Reads `forward_headers`: names of credentials, in any case.
fn forward_headers(attributes: &mut Attributes<'_>) -> Setting<Vec<&'static str>> {
    let expected = format_args!("a list of headers that are held back otherwise: {}", Words(CREDENTIALS));
    attributes.read("forward_headers", &expected, |value| {
        let known = |name: &Value| {
            let name = name.as_str()?;
            CREDENTIALS.iter().copied().find(|known| known.eq_ignore_ascii_case(name))
        };
        value.as_array()?.iter().map(known).collect()
    })
}

/// Reads `upstream`. A text with `@` could be a URL with a key, and is not quoted.
fn upstream(attributes: &mut Attributes<'_>) -> Setting<Rc<str>> {
    const EXPECTED: &str = "the name of an upstream in visible ASCII, without `@`";
    attributes.read_quiet(
        "upstream",
        &EXPECTED,
        |_| Some('@'),
        |text| {
            let is_clean = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '@');
            if is_clean { Ok(text.into()) } else { Err(EXPECTED) }
        },
    )
}

fn boolean(attributes: &mut Attributes<'_>, attribute: &str) -> Setting<bool> {
    attributes.read(attribute, &"true or false", Value::as_bool)
}

fn number(attributes: &mut Attributes<'_>, attribute: &str, range: &Range) -> Setting<u64> {
    attributes.read(attribute, range, |value| {
        let number = whole_number(value)?;
        (range.smallest..=range.largest.unwrap_or(u64::MAX)).contains(&number).then_some(number)
    })
}

/// Reads one of some words.
fn one_of<T: Copy>(attributes: &mut Attributes<'_>, attribute: &str, words: &[(&str, T)]) -> Setting<T> {
    let all = words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
    attributes.read(attribute, &format_args!("one of {}", Words(&all)), |value| {
        let text = value.as_str()?;
        words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    })
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, smallest, largest } = self;
        match largest {
            Some(largest) => write!(f, "a whole number{unit} from {smallest} to {largest}"),
            None => write!(f, "a whole number{unit}, at least {smallest}"),
        }
    }
}

/// Words in quotes, with commas between them.
struct Words<'a>(&'a [&'a str]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            write!(f, "{}{word:?}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attribute_belongs_to_the_top_level_or_to_routes_too() {
        let mut all: Vec<_> = OF_A_ROUTE.iter().chain(OF_THE_TOP_LEVEL).collect();
        let mut known: Vec<_> = ATTRIBUTES.iter().collect();
        all.sort();
        known.sort();
        assert_eq!(all, known);
    }
}
