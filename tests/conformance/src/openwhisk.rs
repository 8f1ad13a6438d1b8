//! The `OpenWhisk` that is asked, with what was created there.

use std::fmt;
use std::io::{BufReader, Write as _};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::Reply;
use serde_json::{Value, json};
use testbed::{PATIENCE, http1};

use crate::crowd::AT_ONCE;
use crate::patience::Patience;
use crate::server::Server;

/// How often a record is looked for.
const POLL: Duration = Duration::from_millis(100);

/// An `OpenWhisk`.
#[derive(Debug)]
pub struct OpenWhisk {
    /// Where it is, and who asks.
    pub server: Server,
    /// The namespace of the key.
    pub namespace: String,
    /// What all names begin with that are created there.
    pub prefix: String,
    /// How it is spared.
    pub patience: Patience,
    /// What was created, until it is removed. Held meanwhile, so that nothing is created behind the removal.
    created: Mutex<Option<Created>>,
}

/// What was created.
#[derive(Debug)]
struct Created {
    /// The paths of entities.
    paths: Vec<String>,
    /// The server itself, if it was started for this.
    _local: Option<testbed::openwhisk::OpenWhisk>,
}

/// A request, whole but for what follows from it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// Headers that are not the usual ones.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer, or why it is none.
pub type Answer = Result<Reply, String>;

impl OpenWhisk {
    /// Starts the local one.
    pub fn start() -> Result<Self, String> {
        let local = testbed::openwhisk::OpenWhisk::start()?;
        Self::with(Server::local(local.port), Some(local))
    }

    /// One that runs already.
    pub fn connect(server: Server) -> Result<Self, String> {
        Self::with(server, None)
    }

    /// Asks for the namespace of the key.
    fn with(server: Server, local: Option<testbed::openwhisk::OpenWhisk>) -> Result<Self, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let prefix = format!("conformance-{}-", now.as_millis());
        let created = Mutex::new(Some(Created { paths: Vec::new(), _local: local }));
        let mut openwhisk = Self { server, namespace: String::new(), prefix, patience: Patience::default(), created };
        let answer = openwhisk.usual("GET", "/api/v1/namespaces", "")?;
        let names = answer.as_ref().ok().and_then(|reply| serde_json::from_slice::<Vec<String>>(&reply.body).ok());
        let name = names.and_then(|names| names.into_iter().next());
        let no_name = || format!("OpenWhisk at {} names no namespace: {}", openwhisk.server.authority, told(&answer));
        openwhisk.namespace = name.ok_or_else(no_name)?;
        Ok(openwhisk)
    }

    /// The key in base64.
    pub fn key(&self) -> String {
        STANDARD.encode(&self.server.token)
    }

    /// Sends a request. An error is that nobody is there to ask.
    pub fn ask(&self, request: &Request) -> Result<Answer, String> {
        if request.method == "PUT" && request.path.contains(&self.prefix) {
            let mut created = self.created.lock().expect("not poisoned");
            let paths = &mut created.as_mut().ok_or("broken off")?.paths;
            let path = request.path.split('?').next().unwrap_or_default().to_owned();
            if !paths.contains(&path) {
                paths.push(path);
            }
            return self.send(request);
        }
        self.send(request)
    }

    fn send(&self, request: &Request) -> Result<Answer, String> {
        let Request { method, path, headers, body } = request;
        let mut stream = self.server.connect()?;
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n").into_bytes();
        if !body.is_empty() {
            bytes.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
        }
        for (name, value) in headers {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(body);
        // It may answer and close before it has taken all of it.
        let _ = stream.write_all(&bytes);
        Ok(http1::read_next_reply(&mut BufReader::new(stream), method).map_err(|error| error.to_string()))
    }

    /// Sends a usual request with JSON.
    pub fn usual(&self, method: &str, path: &str, body: &str) -> Result<Answer, String> {
        let headers = [
            ("host", self.server.authority.clone()),
            ("authorization", format!("Basic {}", self.key())),
            ("content-type", "application/json".to_owned()),
        ];
        let headers = headers.into_iter().filter(|(name, _)| *name != "content-type" || !body.is_empty());
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).collect();
        self.ask(&Request { method: method.to_owned(), path: path.to_owned(), headers, body: body.into() })
    }

    /// Creates an entity.
    pub fn create(&self, entity: &str, body: &Value) -> Result<(), String> {
        let answer = self.usual("PUT", &path(&format!("{entity}?overwrite=true")), &body.to_string())?;
        match answer {
            Ok(Reply { status: 200, .. }) => Ok(()),
            other => Err(format!("{entity} cannot be created: {}", told(&other))),
        }
    }

    /// Creates an action.
    pub fn create_action(&self, name: &str, code: &str) -> Result<(), String> {
        self.create(&format!("actions/{name}"), &json!({ "exec": { "kind": "nodejs:20", "code": code } }))
    }

    /// Waits until the record of an activation can be read.
    pub fn wait_for_record(&self, id: &str) -> Result<(), String> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if self.usual("GET", &path(&format!("activations/{id}")), "")?.is_ok_and(|reply| reply.status == 200) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(format!("no record of the activation {id} after {PATIENCE:?}"))
    }

    /// Removes what was created, the last first, and tells what is left; nothing if somebody else has done so.
    pub fn remove_all(&self) -> Option<Vec<String>> {
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        let Created { mut paths, _local } = created.take()?;
        // Once more, because what was refused under a name that another entity has is gone only with that one.
        paths.reverse();
        paths.retain(|path| self.remove(path).is_err());
        Some(paths.iter().filter_map(|path| self.remove(path).err()).collect())
    }

    fn remove(&self, path: &str) -> Result<(), String> {
        match self.usual("DELETE", path, "")? {
            // What was refused was not created.
            Ok(Reply { status: 200..=299 | 400 | 404 | 405, .. }) => Ok(()),
            other => Err(format!("{path}: {}", told(&other))),
        }
    }
}

impl fmt::Display for OpenWhisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, namespace, prefix, .. } = self;
        let authority = &server.authority;
        write!(
            f,
            "OpenWhisk at {authority}, namespace {namespace}, names begin with {prefix}, {AT_ONCE} calls at a time"
        )
    }
}

/// The path of an entity of the namespace. Of what names may have, only spaces may not stand in a path.
pub fn path(entity: &str) -> String {
    format!("/api/v1/namespaces/_/{}", entity.replace(' ', "%20"))
}

/// An answer in a line.
pub fn told(answer: &Answer) -> String {
    match answer {
        Ok(reply) => format!("{} {}", reply.status, shown(&reply.body)),
        Err(error) => format!("no valid answer: {error}"),
    }
}

/// The beginning of a body.
pub fn shown(body: &[u8]) -> String {
    const SHOWN: usize = 400;
    let part = body.get(..SHOWN).unwrap_or(body);
    let rest = if part.len() < body.len() { "…" } else { "" };
    let text: String = String::from_utf8_lossy(part).chars().map(visible).collect();
    format!("{text}{rest} ({} bytes)", body.len())
}

fn visible(character: char) -> String {
    if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
}
