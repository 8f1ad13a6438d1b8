//! A real Envoy.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::accounting;
use crate::artifact;
use crate::client::PATIENCE;
use crate::contestant::Entry;

/// Starts Envoy, tells its process, and ends it as soon as the other end of the pipe is closed, however that comes.
const KEEPER: &str = "trap '' INT TERM; \"$@\" >/dev/null & echo $!; exec 2>/dev/null; read _; kill -KILL $!; wait";

/// How many were started.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A running Envoy. Dropping it ends it.
#[derive(Debug)]
pub struct Envoy {
    keeper: Child,
    folder: PathBuf,
    admin: u16,
    ports: HashMap<String, u16>,
    process: u32,
    /// When it was told to start.
    pub started: Instant,
    /// How long it took until it was ready.
    pub set_up: Duration,
}

impl Envoy {
    /// Starts one with this many workers and waits until it serves.
    pub fn start(configuration: &Value, workers: usize) -> Result<Self, String> {
        let mut envoy = Self::spawn(configuration, workers)?;
        let address = envoy.folder.join("admin");
        while envoy.started.elapsed() < PATIENCE {
            if let Ok(Some(_)) = envoy.keeper.try_wait() {
                break;
            }
            let port = fs::read_to_string(&address).ok().and_then(|text| text.rsplit(':').next()?.parse().ok());
            if let Some(port) = port {
                envoy.admin = port;
                if envoy.ask("/ready").is_ok_and(|answer| answer.starts_with("LIVE")) {
                    envoy.set_up = envoy.started.elapsed();
                    envoy.ports = envoy.listeners()?;
                    return Ok(envoy);
                }
            }
            thread::sleep(Duration::from_millis(2));
        }
        let log = fs::read_to_string(envoy.folder.join("log")).unwrap_or_default();
        Err(format!("Envoy does not start:\n{log}"))
    }

    /// Starts one and waits for nothing.
    pub fn spawn(configuration: &Value, workers: usize) -> Result<Self, String> {
        let program = artifact::envoy()?;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("openwhisk-bench-{}-{number}", std::process::id()));
        let failed = |error: io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let path = folder.join("envoy.json");
        fs::write(&path, configuration.to_string()).map_err(failed)?;
        let started = Instant::now();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&program)
            .arg("--config-path")
            .arg(&path)
            .arg("--admin-address-path")
            .arg(folder.join("admin"))
            .arg("--log-path")
            .arg(folder.join("log"))
            .args(["--use-dynamic-base-id", "--log-level", "error", "--concurrency", &workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("sh: {error}"))?;
        let mut process = String::new();
        if let Some(output) = keeper.stdout.take() {
            BufReader::new(output).read_line(&mut process).map_err(failed)?;
        }
        let process = process.trim().parse().map_err(|_| format!("no process: {process:?}"))?;
        Ok(Self { keeper, folder, admin: 0, ports: HashMap::new(), process, started, set_up: Duration::ZERO })
    }

    /// The port of an entry's listener.
    pub fn port(&self, entry: &Entry) -> Result<u16, String> {
        self.ports.get(&entry.name()).copied().ok_or_else(|| format!("Envoy has no listener {:?}", entry.name()))
    }

    /// The time its threads have run.
    pub fn processor_time(&self) -> Result<Duration, String> {
        accounting::processor_time(self.process)
    }

    /// Its resident memory, in bytes.
    pub fn resident(&self) -> Result<u64, String> {
        accounting::resident(self.process)
    }

    /// A counter or gauge; nothing if there is none of that name.
    pub fn stat(&self, name: &str) -> Result<Option<u64>, String> {
        let stats = self.ask("/stats")?;
        let mut values = stats.lines().filter_map(|line| line.split_once(": "));
        Ok(values.find(|(found, _)| *found == name).and_then(|(_, value)| value.parse().ok()))
    }

    fn listeners(&self) -> Result<HashMap<String, u16>, String> {
        let listeners: Value =
            serde_json::from_str(&self.ask("/listeners?format=json")?).map_err(|error| error.to_string())?;
        let listener = |status: &Value| {
            let port = status.pointer("/local_address/socket_address/port_value")?.as_u64()?;
            Some((status.get("name")?.as_str()?.to_owned(), u16::try_from(port).ok()?))
        };
        let statuses = listeners.get("listener_statuses").and_then(Value::as_array);
        Ok(statuses.into_iter().flatten().filter_map(listener).collect())
    }

    /// The body of what its administration answers.
    fn ask(&self, path: &str) -> Result<String, String> {
        let ask = || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.admin))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")?;
            let mut reply = String::new();
            stream.read_to_string(&mut reply)?;
            Ok(reply)
        };
        let reply = ask().map_err(|error: io::Error| format!("the administration of Envoy: {error}"))?;
        match reply.split_once("\r\n\r\n") {
            Some((head, body)) if head.contains(" 200 ") && head.contains("chunked") => Ok(joined(body)),
            Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
            _ => Err(format!("the administration of Envoy answers {reply:?}")),
        }
    }
}

/// The chunks of a body as one text.
fn joined(mut chunks: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n")
        && let Ok(size) = usize::from_str_radix(size, 16)
        && let Some((chunk, rest)) = rest.split_at_checked(size)
    {
        text += chunk;
        chunks = rest.trim_start_matches("\r\n");
    }
    text
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
