//! The call to `OpenWhisk`, complete for the host to make it.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{Config, Operation};
use crate::request::Request;
use crate::secret::ServiceToken;

/// How the filter names itself to `OpenWhisk`.
const USER_AGENT: &str = concat!("openwhisk-filter/", env!("CARGO_PKG_VERSION"));

/// Whatever all calls of one configuration share.
#[derive(Debug, PartialEq, Eq)]
pub struct CallTemplate {
    upstream: String,
    headers: [(&'static str, String); 7],
    credentials: ServiceToken,
    deadline: Duration,
}

/// One call.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    template: Rc<CallTemplate>,
    forwarded: Vec<(String, String)>,
    close: bool,
    body: Vec<u8>,
}

impl CallTemplate {
    /// Prepares the calls of a configuration.
    ///
    /// Source: apache/openwhisk `core/controller/Actions.scala`, `activate` and `fetch`.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let address = format!("{}{}", config.api_host().path_prefix(), config.action().api_path());
        let (method, path) = match config.operation() {
            Operation::Invoke => {
                let wait = config.timeout().as_millis();
                ("POST", format!("{address}?blocking=true&result=true&timeout={wait}"))
            }
            Operation::Describe => ("GET", address),
        };
        let headers = [
            // The runtime of APISIX takes a pseudo header that is missing from the previous request.
            (":method", method.to_owned()),
            (":path", path),
            (":scheme", config.api_host().scheme().as_str().to_owned()),
            (":authority", config.api_host().authority()),
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("user-agent", USER_AGENT.to_owned()),
        ];
        Self {
            upstream: config.upstream().to_owned(),
            headers,
            credentials: config.service_token().clone(),
            deadline: config.timeout(),
        }
    }
}

impl Call {
    /// The call for a request: `close` asks for the connection to be closed afterwards.
    #[must_use]
    pub fn new(template: Rc<CallTemplate>, request: Request, close: bool, body: Vec<u8>) -> Self {
        Self { template, forwarded: request.into_forwarded(), close, body }
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
        template.chain([credentials]).chain(forwarded).chain(close).collect()
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

    fn call(attributes: &str, close: bool) -> Call {
        let json = format!(
            r#"{{"api_host": "https://ow:8443/x/", "service_token": "alice:wonderland", "namespace": "_",
                 "action": "hello world"{attributes}}}"#
        );
        let config = Config::from_json(json.as_bytes(), |_| None).expect(&json);
        let request = Request::from_headers(vec![("x-request-id".to_owned(), b"42".to_vec())]);
        Call::new(Rc::new(CallTemplate::new(&config)), request, close, b"{}".to_vec())
    }

    #[test]
    fn a_call_is_complete() {
        let call = call(r#", "timeout": 1000, "upstream": "openwhisk""#, true);
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
    fn metadata_is_asked_for_with_a_get() {
        let call = call(r#", "package": "p", "result": false"#, false);
        let headers = call.headers();
        assert_eq!(headers[0], (":method", "GET"));
        assert_eq!(headers[1], (":path", "/x/api/v1/namespaces/_/actions/p/hello%20world"));
        assert!(!headers.contains(&("connection", "close")));
    }

    #[test]
    fn debug_shows_no_credentials() {
        let shown = format!("{:?}", call("", false));
        assert!(!shown.contains("Basic"), "{shown}");
    }
}
