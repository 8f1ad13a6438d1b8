use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{HeaderMap, HeaderName, Request};

pub const AUTHORIZATION: &str = "Basic MjNiYzQ2YjEtNzFmNi00ZWQ1LThjNTQtODE2YWE0ZjhjNTAyOjEyM3pPM3haQ0xyTU42djJCS0sxZFhZRnBYbFBrY2NPRnFtMTJDZEFzTWdSVTRWck5aOWx5R1ZDR3VNREdJd1A=";

/// How long anything may take. Far more than needed, on a busy machine too: reached only when something hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A started server; ends with its owner.
pub struct Server {
    child: Child,
    pub url: String,
    agent: Agent,
}

/// A reply, with its body read.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_openwhisk-local"))
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("openwhisk-local listens on ").expect("the line of readiness").to_owned();
        let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self { child, url, agent }
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// How it ended, once it has.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(asked.elapsed() < PATIENCE, "it still runs");
            thread::yield_now();
        }
    }

    /// Sends a request with exactly these headers, to a path of the server.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).unwrap();
        let mut reply = self.agent.run(request).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        Reply {
            status: reply.status().as_u16(),
            headers: reply.headers().clone(),
            text: reply.body_mut().read_to_string().unwrap(),
        }
    }

    /// Sends these bytes, and reads until the server closes.
    #[track_caller]
    pub fn raw(&self, request: &[u8]) -> Reply {
        let mut connection = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        connection.write_all(request).unwrap();
        let mut bytes = Vec::new();
        connection.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no reply: {text:?}"));
        let (first, lines) = head.split_once("\r\n").unwrap();
        let mut headers = HeaderMap::new();
        for line in lines.split("\r\n") {
            let (name, value) = line.split_once(':').unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.trim().parse().unwrap());
        }
        Reply { status: first.split(' ').nth(1).unwrap().parse().unwrap(), headers, text: body.to_owned() }
    }

    /// Sends a request with the right key as `raw` does; `path` is inside the own namespace.
    #[track_caller]
    pub fn raw_call(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        let length = body.len();
        let head = format!(
            "{method} /api/v1/namespaces/_/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {AUTHORIZATION}\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// Sends JSON with the right key, to a path inside the own namespace.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        let headers = [("authorization", AUTHORIZATION), ("content-type", "application/json")];
        self.send(method, &format!("/api/v1/namespaces/_/{path}"), &headers, body)
    }

    /// As `call`, with more headers and without a content type.
    #[track_caller]
    pub fn call_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let headers = [&[("authorization", AUTHORIZATION)], headers].concat();
        self.send(method, &format!("/api/v1/namespaces/_/{path}"), &headers, body)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.call("GET", path, "")
    }

    /// Creates or overwrites an action with this code, and more fields.
    #[track_caller]
    pub fn action_with(&self, name: &str, code: &str, mut fields: Value) {
        fields["exec"] = json!({"kind": "nodejs:default", "code": code});
        let reply = self.call("PUT", &format!("actions/{name}?overwrite=true"), &fields.to_string());
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    #[track_caller]
    pub fn action(&self, name: &str, code: &str) {
        self.action_with(name, code, json!({}));
    }

    /// Invokes and waits, for the result only.
    #[track_caller]
    pub fn result(&self, name: &str, parameters: &str) -> Reply {
        self.call("POST", &format!("actions/{name}?blocking=true&result=true"), parameters)
    }

    /// What is at this path, as soon as it is there.
    #[track_caller]
    pub fn stored(&self, path: &str) -> Reply {
        let asked = Instant::now();
        loop {
            let reply = self.get(path);
            if reply.status == 200 {
                return reply;
            }
            assert_eq!(reply.status, 404, "{}", reply.text);
            assert!(asked.elapsed() < PATIENCE, "nothing at {path}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The stored record, as soon as it is there.
    #[track_caller]
    pub fn record(&self, id: &str) -> Value {
        self.stored(&format!("activations/{id}")).json()
    }
}

impl Reply {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The text of a platform error.
    #[track_caller]
    pub fn error(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["code"].as_str(), self.header("x-request-id"), "{}", self.text);
        assert_eq!(self.header("x-openwhisk-activation-id"), None, "a platform error has no activation");
        (self.status, body["error"].as_str().unwrap().to_owned())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The activation id of the header.
    #[track_caller]
    pub fn activation(&self) -> &str {
        self.header("x-openwhisk-activation-id").expect("an activation id")
    }
}
