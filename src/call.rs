//! The call to `OpenWhisk`, complete for the host to make it.

use std::rc::Rc;
use std::time::Duration;

use crate::proxy::Proxy;
use crate::request::Request;
use crate::secret::ServiceToken;
use crate::settings::{Mode, Settings};

/// How the filter names itself to `OpenWhisk`.
const USER_AGENT: &str = concat!("openwhisk-filter/", env!("CARGO_PKG_VERSION"));

/// When a call is tried again: only where `OpenWhisk` cannot have seen it, as anything else could run the action twice.
///
/// Source: Envoy's router, `x-envoy-retry-on`; it takes the headers of calls of a filter, and removes them.
const RETRY_ON: &str = "connect-failure,refused-stream,reset-before-request";

/// Whatever all calls with the same settings share.
#[derive(Debug, PartialEq, Eq)]
pub struct CallTemplate {
    upstream: String,
    headers: [(&'static str, String); 7],
    credentials: ServiceToken,
    retries: Option<String>,
    deadline: Duration,
}

/// One call.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    template: Rc<CallTemplate>,
    proxy: Proxy,
    forwarded: Vec<(String, String)>,
    close: bool,
    body: Vec<u8>,
}

impl CallTemplate {
    /// Prepares the calls.
    ///
    /// Source: apache/openwhisk `core/controller/Actions.scala`, `activate` and `fetch`.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let address = format!("{}{}", settings.api_host().path_prefix(), settings.action().api_path());
        let wait = settings.timeout().as_millis();
        let (method, path) = match settings.mode() {
            Mode::Result => ("POST", format!("{address}?blocking=true&result=true&timeout={wait}")),
            Mode::Activation => ("POST", format!("{address}?blocking=true&result=false&timeout={wait}")),
            Mode::Async => ("POST", format!("{address}?blocking=false")),
            Mode::Metadata => ("GET", address),
        };
        let headers = [
            // The runtime of APISIX takes a pseudo header that is missing from the previous request.
            (":method", method.to_owned()),
            (":path", path),
            (":scheme", settings.api_host().scheme().as_str().to_owned()),
            (":authority", settings.api_host().authority()),
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("user-agent", USER_AGENT.to_owned()),
        ];
        Self {
            upstream: settings.upstream().to_owned(),
            headers,
            credentials: settings.service_token().clone(),
            retries: (settings.retries() > 0).then(|| settings.retries().to_string()),
            deadline: settings.deadline(),
        }
    }
}

impl Call {
    /// The call for a request: `close` asks for the connection to be closed afterwards.
    #[must_use]
    pub fn new(template: Rc<CallTemplate>, proxy: Proxy, request: Request, close: bool, body: Vec<u8>) -> Self {
        Self { template, proxy, forwarded: request.into_forwarded(), close, body }
    }

    /// The host's name for where the call goes.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.template.upstream
    }

    /// All headers, pseudo headers first. Among them the credentials: not to be printed.
    #[must_use]
    pub fn headers(&self) -> Vec<(&str, &str)> {
        let template = self.template.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let credentials = ("authorization", self.template.credentials.basic());
        let forwarded = self.forwarded.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let close = self.close.then_some(("connection", "close"));
        // Only Envoy understands these.
        let retries = self.template.retries.as_deref().filter(|_| self.proxy == Proxy::Envoy);
        let retries = retries.map(|retries| [("x-envoy-retry-on", RETRY_ON), ("x-envoy-max-retries", retries)]);
        template.chain([credentials]).chain(forwarded).chain(close).chain(retries.into_iter().flatten()).collect()
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
    use crate::settings::tests::settings;

    fn call(attributes: &str, proxy: Proxy, close: bool) -> Call {
        let attributes = format!(
            r#", "api_host": "https://ow:8443/x/", "service_token": "alice:wonderland", "namespace": "_",
                 "action": "hello world"{attributes}"#
        );
        let request = Request::from_headers(vec![("x-request-id".to_owned(), b"42".to_vec())]);
        Call::new(Rc::new(CallTemplate::new(&settings(&attributes))), proxy, request, close, b"{}".to_vec())
    }

    #[test]
    fn a_call_is_complete() {
        let call = call(r#", "timeout": 1000, "upstream": "openwhisk""#, Proxy::Envoy, true);
        assert_eq!(call.upstream(), "openwhisk");
        assert_eq!(call.deadline(), Duration::from_secs(1));
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
                ("connection", "close"),
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
            let call = call(&format!(", {attributes}"), Proxy::Envoy, false);
            let headers = call.headers();
            assert_eq!(headers[0], (":method", method), "{attributes}");
            assert_eq!(headers[1], (":path", format!("{address}{query}").as_str()), "{attributes}");
            assert!(!headers.contains(&("connection", "close")), "{attributes}");
        }
    }

    #[test]
    fn a_call_whose_202_is_wanted_has_a_second_of_grace() {
        for (attributes, expected) in [("", 60_000), (r#", "timeout": 10"#, 10), (r#", "on_timeout": "error""#, 60_000)]
        {
            assert_eq!(call(attributes, Proxy::Envoy, false).deadline().as_millis(), expected, "{attributes}");
        }
        let accept = call(r#", "on_timeout": "accept", "timeout": 10"#, Proxy::Envoy, false);
        assert_eq!(accept.deadline().as_millis(), 1010);
        assert!(accept.headers()[1].1.ends_with("&timeout=10"), "{:?}", accept.headers()[1]);
    }

    #[test]
    fn only_envoy_is_asked_to_try_again() {
        for (attributes, proxy, expected) in [
            ("", Proxy::Envoy, None),
            (r#", "retries": 0"#, Proxy::Envoy, None),
            (r#", "retries": 3"#, Proxy::Envoy, Some("3")),
            (r#", "retries": 3"#, Proxy::Apisix, None),
        ] {
            let call = call(attributes, proxy, false);
            let headers = call.headers();
            let value = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
            assert_eq!(value("x-envoy-max-retries"), expected, "{attributes} on {proxy:?}");
            assert_eq!(value("x-envoy-retry-on"), expected.map(|_| RETRY_ON), "{attributes} on {proxy:?}");
        }
    }

    #[test]
    fn debug_shows_no_credentials() {
        let shown = format!("{:?}", call("", Proxy::Envoy, false));
        assert!(!shown.contains("Basic"), "{shown}");
    }
}
