//! The local `OpenWhisk`, which really executes the actions of the golden cases.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::{GUEST, Reply};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::{PATIENCE, artifact, client};

/// How often a record is looked for.
const POLL: Duration = Duration::from_millis(20);

/// A running local `OpenWhisk`. Dropping it ends it.
#[derive(Debug)]
pub struct OpenWhisk {
    child: Child,
    /// Its port.
    pub port: u16,
}

/// An action to create.
#[derive(Clone, Debug)]
pub struct Action {
    /// Its package, if it is in one.
    pub package: Option<String>,
    /// Its name.
    pub name: String,
    /// Its program, in JavaScript.
    pub code: String,
}

impl OpenWhisk {
    /// Starts it and waits until it listens.
    pub fn start() -> Result<Self, String> {
        let program = artifact::openwhisk()?;
        let mut child = Command::new(&program)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let output = child.stdout.take().expect("piped");
        let mut openwhisk = Self { child, port: 0 };
        let (sender, receiver) = mpsc::channel();
        // Reads to the end, so that the server never waits for somebody to read.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        while let Ok(line) = receiver.recv_timeout(PATIENCE) {
            if let Some((_, port)) = line.rsplit_once("listens on http://127.0.0.1:") {
                openwhisk.port = port.trim().parse().map_err(|_| format!("no port: {line:?}"))?;
                return Ok(openwhisk);
            }
        }
        Err(format!("{} does not say where it listens", program.display()))
    }

    /// Creates an action, and its package.
    pub fn create(&self, action: &Action) -> Result<(), String> {
        let encoded = |name: &str| utf8_percent_encode(name, NON_ALPHANUMERIC).to_string();
        let mut path = String::new();
        if let Some(package) = &action.package {
            path = encoded(package) + "/";
            self.put(&format!("packages/{}", encoded(package)), "{}")?;
        }
        let exec = json!({ "exec": { "kind": "nodejs:20", "code": action.code } });
        self.put(&format!("actions/{path}{}", encoded(&action.name)), &exec.to_string())
    }

    /// Makes a rule `active` or `inactive`.
    pub fn set_rule(&self, rule: &str, status: &str) {
        let reply = self.ask("POST", &format!("rules/{rule}"), &json!({ "status": status }).to_string());
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    }

    /// The record of an activation, if it has ended.
    pub fn record(&self, id: &str) -> Option<Value> {
        let reply = self.ask("GET", &format!("activations/{id}"), "");
        (reply.status == 200).then(|| serde_json::from_slice(&reply.body).expect("JSON"))
    }

    /// Waits until an activation has ended.
    pub fn wait_for_record(&self, id: &str) -> Value {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(record) = self.record(id) {
                return record;
            }
            thread::sleep(POLL);
        }
        panic!("no record of {id:?} after {PATIENCE:?}");
    }

    /// The records of the activations of an action that have ended.
    pub fn records_of(&self, action: &str) -> Vec<Value> {
        let reply = self.ask("GET", &format!("activations?name={action}"), "");
        serde_json::from_slice(&reply.body).expect("a list")
    }

    fn ask(&self, method: &str, entity: &str, body: &str) -> Reply {
        let authorization = format!("Basic {}", STANDARD.encode(GUEST));
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let path = format!("/api/v1/namespaces/_/{entity}");
        client::ask(self.port, &client::request(method, &path, &headers, body.as_bytes()))
    }

    /// Creates or changes an entity, by its path.
    pub fn put(&self, entity: &str, body: &str) -> Result<(), String> {
        let reply = self.ask("PUT", &format!("{entity}?overwrite=true"), body);
        if reply.status == 200 {
            return Ok(());
        }
        Err(format!("{entity} was not created: {} {}", reply.status, String::from_utf8_lossy(&reply.body)))
    }
}

impl Drop for OpenWhisk {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
