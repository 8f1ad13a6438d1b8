//! The call to `OpenWhisk`, complete for the host to make it.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::call::request::Request;
use crate::config::action::Kind;
use crate::config::api_host::ApiHost;
use crate::config::call_headers::CallHeaders;
use crate::config::secret::Secret;
use crate::config::settings::{Mode, Settings};
use crate::proxy::Proxy;

pub(crate) mod form;
pub(crate) mod open_calls;
pub mod parameters;
pub mod request;

/// How the filter names itself to `OpenWhisk`.
const USER_AGENT: &str = concat!("openwhisk-filter/", env!("CARGO_PKG_VERSION"));

/// When a call is tried again: only where `OpenWhisk` cannot have seen it, as anything else could run the action twice.
///
/// Source: Envoy's router, `x-envoy-retry-on`; it takes the headers of calls of a filter, and removes them.
const RETRY_ON: &str = "connect-failure,refused-stream,reset-before-request";

/// As many headers as a call usually has at most.
const MOST_HEADERS: usize = 16;

/// Whatever all calls with the same settings share.
#[derive(Debug, PartialEq, Eq)]
pub struct CallTemplate {
    method: &'static str,
    path: String,
    api_host: Rc<ApiHost>,
    authorization: Option<Secret>,
    call_headers: CallHeaders,
    upstream: Rc<str>,
    retries: Option<String>,
    keepalive: bool,
    deadline: Duration,
}

/// One call. `Debug` shows nothing of what the client sent.
#[derive(PartialEq, Eq)]
pub struct Call {
    template: Rc<CallTemplate>,
    proxy: Proxy,
    /// The path, where it is not that of all calls.
    path: Option<String>,
    forwarded: Vec<(String, String)>,
    body: Vec<u8>,
}

impl CallTemplate {
    /// Prepares the calls.
    ///
    /// Source: apache/openwhisk@1fae641 `core/controller/Actions.scala`, `activate` and `fetch`.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let address = format!("{}{}", settings.api_host().path_prefix(), settings.action().api_path());
        let wait = settings.timeout().as_millis();
        let (method, path) = match settings.mode() {
            Mode::Result => ("POST", format!("{address}?blocking=true&result=true&timeout={wait}")),
            Mode::Activation => ("POST", format!("{address}?blocking=true&result=false&timeout={wait}")),
            // A trigger is fired at once, whatever it is asked.
            Mode::Async if settings.action().kind == Kind::Trigger => ("POST", address),
            Mode::Async => ("POST", format!("{address}?blocking=false")),
            // Source: observed on a real `OpenWhisk`: the record lies in the namespace of the key, also of an action of others.
            Mode::Poll => ("GET", format!("{}/api/v1/namespaces/_/activations/", settings.api_host().path_prefix())),
            Mode::Metadata => ("GET", address),
        };
        Self {
            method,
            path,
            api_host: Rc::clone(settings.api_host()),
            authorization: settings.authorization().cloned(),
            call_headers: Rc::clone(settings.call_headers()),
            upstream: Rc::clone(settings.upstream()),
            retries: (settings.retries() > 0).then(|| settings.retries().to_string()),
            keepalive: settings.keepalive(),
            deadline: settings.deadline(),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.forwarded.iter().map(|(name, _)| name).collect();
        let Self { template, body, .. } = self;
        write!(f, "Call({template:?}, forwarded: {names:?}, body: {} bytes)", body.len())
    }
}

impl Call {
    /// The call for a request.
    #[must_use]
    pub fn new(template: Rc<CallTemplate>, proxy: Proxy, request: Request, body: Vec<u8>) -> Self {
        Self { template, proxy, path: None, forwarded: request.into_forwarded(), body }
    }

    /// The same call, for the record of one activation.
    #[must_use]
    pub fn of_activation(mut self, id: &str) -> Self {
        self.path = Some(format!("{}{id}", self.template.path));
        self
    }

    /// The host's name for where the call goes.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.template.upstream
    }

    /// All headers, pseudo headers first. Among them the credentials: not to be printed.
    #[must_use]
    pub fn headers(&self) -> Vec<(&str, &str)> {
        let template = &self.template;
        let mut headers = Vec::with_capacity(MOST_HEADERS);
        headers.extend([
            // The runtime of APISIX takes a pseudo header that is missing from the previous request.
            (":method", template.method),
            (":path", self.path.as_ref().unwrap_or(&template.path).as_str()),
            (":scheme", template.api_host.scheme().as_str()),
            (":authority", template.api_host.authority()),
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("user-agent", USER_AGENT),
        ]);
        headers.extend(template.authorization.iter().map(|secret| ("authorization", secret.reveal())));
        headers.extend(template.call_headers.iter().map(|(name, value)| (name.as_str(), value.reveal())));
        headers.extend(self.forwarded.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        match (self.proxy, &template.retries) {
            // Connections are the cluster's there: this header would go out in HTTP/2, too, and break the connection.
            (Proxy::Envoy, Some(retries)) => {
                headers.extend([("x-envoy-retry-on", RETRY_ON), ("x-envoy-max-retries", retries)]);
            }
            (Proxy::Apisix, _) if !template.keepalive => headers.push(("connection", "close")),
            (Proxy::Envoy, None) | (Proxy::Apisix, _) => {}
        }
        headers
    }

    /// The body, in bytes; may be empty.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// How long the host waits for the answer.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.template.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::tests::settings;

    fn call(attributes: &str, proxy: Proxy) -> Call {
        let attributes = format!(
            r#", "api_host": "https://ow:8443/x/", "service_token": "alice:wonderland", "namespace": "_",
                 "action": "hello world"{attributes}"#
        );
        let request = Request::from_headers(vec![("x-request-id".to_owned(), b"42".to_vec())]);
        Call::new(Rc::new(CallTemplate::new(&settings(&attributes))), proxy, request, b"{}".to_vec())
    }

    #[test]
    fn a_call_is_complete() {
        let call = call(r#", "timeout": 1000, "upstream": "openwhisk""#, Proxy::Envoy);
        assert_eq!(call.upstream(), "openwhisk");
        assert_eq!(call.deadline(), Duration::from_millis(1100));
        assert_eq!(call.body(), b"{}");
        assert_eq!(
            call.headers(),
            [
                (":method", "POST"),
                (":path", "/x/api/v1/namespaces/_/actions/hello%20world?blocking=true&result=true&timeout=1000"),
                (":scheme", "https"),
                (":authority", "ow:8443"),
                ("accept", "application/json"),
                ("content-type", "application/json"),
                ("user-agent", concat!("openwhisk-filter/", env!("CARGO_PKG_VERSION"))),
                ("authorization", "Basic YWxpY2U6d29uZGVybGFuZA=="),
                ("x-request-id", "42"),
            ]
        );
    }

    #[test]
    fn the_mode_is_the_question() {
        let address = "/x/api/v1/namespaces/_/actions/hello%20world";
        let cases = [
            (r#""result": true"#, "POST", "?blocking=true&result=true&timeout=60000"),
            (r#""mode": "result", "timeout": 7"#, "POST", "?blocking=true&result=true&timeout=7"),
            (r#""mode": "activation""#, "POST", "?blocking=true&result=false&timeout=60000"),
            (r#""mode": "async""#, "POST", "?blocking=false"),
            (r#""mode": "metadata""#, "GET", ""),
            (r#""result": false"#, "GET", ""),
        ];
        for (attributes, method, query) in cases {
            let call = call(&format!(", {attributes}"), Proxy::Envoy);
            let headers = call.headers();
            assert_eq!(headers[0], (":method", method), "{attributes}");
            assert_eq!(headers[1], (":path", format!("{address}{query}").as_str()), "{attributes}");
        }
    }

    #[test]
    fn a_trigger_is_fired_and_a_record_is_read() {
        for (attributes, id, method, path) in [
            (
                r#""namespace": "_", "trigger": "t x", "parameters": "http""#,
                None,
                "POST",
                "/x/api/v1/namespaces/_/triggers/t%20x",
            ),
            (
                r#""action": "a", "mode": "poll""#,
                Some("44794bd6aab74415b4e42a308d880e5b"),
                "GET",
                "/x/api/v1/namespaces/_/activations/44794bd6aab74415b4e42a308d880e5b",
            ),
        ] {
            let settings = settings(&format!(r#", "api_host": "https://ow/x/", {attributes}"#));
            let call = Call::new(Rc::new(CallTemplate::new(&settings)), Proxy::Envoy, Request::default(), Vec::new());
            let call = if let Some(id) = id { call.of_activation(id) } else { call };
            assert_eq!(call.headers()[..2], [(":method", method), (":path", path)], "{attributes}");
        }
    }

    #[test]
    fn a_call_has_time_for_the_202_that_comes_after_the_wait() {
        let accept = r#", "timeout": 10, "on_timeout": "accept""#;
        for (attributes, expected) in [
            (String::new(), 60_100),
            (r#", "timeout": 10"#.to_owned(), 110),
            (r#", "timeout": 10, "mode": "activation""#.to_owned(), 110),
            (r#", "timeout": 10, "on_timeout": "error""#.to_owned(), 110),
            (accept.to_owned(), 1010),
            (format!(r#"{accept}, "mode": "activation""#), 1010),
            (format!(r#"{accept}, "mode": "async""#), 10),
            (format!(r#"{accept}, "mode": "metadata""#), 10),
        ] {
            assert_eq!(call(&attributes, Proxy::Envoy).deadline().as_millis(), expected, "{attributes}");
        }
        assert!(call(accept, Proxy::Envoy).headers()[1].1.ends_with("&timeout=10"), "OpenWhisk waits no longer");
    }

    #[test]
    fn only_envoy_is_asked_to_try_again() {
        for (attributes, proxy, expected) in [
            ("", Proxy::Envoy, None),
            (r#", "retries": 0"#, Proxy::Envoy, None),
            (r#", "retries": 3"#, Proxy::Envoy, Some("3")),
            (r#", "retries": 3"#, Proxy::Apisix, None),
        ] {
            let call = call(attributes, proxy);
            let headers = call.headers();
            let value = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
            assert_eq!(value("x-envoy-max-retries"), expected, "{attributes} on {proxy:?}");
            assert_eq!(value("x-envoy-retry-on"), expected.map(|_| RETRY_ON), "{attributes} on {proxy:?}");
        }
    }

    #[test]
    fn only_apisix_is_asked_to_close_the_connection() {
        for (attributes, proxy, expected) in [
            ("", Proxy::Apisix, false),
            (r#", "keepalive": false"#, Proxy::Apisix, true),
            (r#", "keepalive": false"#, Proxy::Envoy, false),
            (r#", "keepalive": false, "retries": 1"#, Proxy::Envoy, false),
            (r#", "keepalive": false, "retries": 1"#, Proxy::Apisix, true),
        ] {
            let call = call(attributes, proxy);
            let connection: Vec<_> = call.headers().into_iter().filter(|(name, _)| *name == "connection").collect();
            let expected = if expected { vec![("connection", "close")] } else { Vec::new() };
            assert_eq!(connection, expected, "{attributes} on {proxy:?}");
        }
    }

    #[test]
    fn debug_shows_no_credentials() {
        let shown = format!("{:?}", call("", Proxy::Envoy));
        assert!(!shown.contains("Basic") && !shown.contains("42"), "{shown}");
    }
}
