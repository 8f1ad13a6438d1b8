//! A real Envoy.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::artifact;
use crate::bootstrap::TOKEN;
use crate::client::PATIENCE;
use crate::http1::Reply;
use crate::log::Log;

/// Starts Envoy, tells its process, and ends it and removes its folder as soon as the other end of the pipe is closed,
/// however that comes.
const KEEPER: &str = "trap '' INT TERM; folder=$1; shift; \"$@\" >/dev/null & echo $!; exec 2>/dev/null; \
                      read _; kill -KILL $!; wait; rm -rf \"$folder\"";

/// A running Envoy. Dropping it ends it.
#[derive(Debug)]
pub struct Envoy {
    keeper: Child,
    folder: PathBuf,
    admin: u16,
    /// Its process.
    pub process: u32,
    /// Its log.
    pub log: Log,
}

impl Envoy {
    /// Starts one with this many workers and waits until it serves.
    pub fn start(configuration: &Value, workers: usize) -> Result<Self, String> {
        let mut envoy = Self::spawn(configuration, workers)?;
        let address = envoy.folder.join("admin");
        let started = Instant::now();
        while started.elapsed() < PATIENCE && !envoy.log.has_ended() {
            let port = fs::read_to_string(&address).ok().and_then(|text| text.rsplit(':').next()?.parse().ok());
            if let Some(port) = port {
                envoy.admin = port;
                if envoy.ask("/ready").is_ok_and(|answer| answer.starts_with("LIVE")) {
                    return Ok(envoy);
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(format!("Envoy does not start:\n{}", envoy.log.last()))
    }

    fn spawn(configuration: &Value, workers: usize) -> Result<Self, String> {
        let program = artifact::envoy()?;
        let folder = std::env::temp_dir().join(format!("soak-{}", std::process::id()));
        let failed = |error: io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let path = folder.join("envoy.json");
        fs::write(&path, configuration.to_string()).map_err(failed)?;
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .arg(&program)
            .arg("--config-path")
            .arg(&path)
            .arg("--admin-address-path")
            .arg(folder.join("admin"))
            .args(["--use-dynamic-base-id", "--log-level", "warning", "--concurrency", &workers.to_string()])
            .env("OPENWHISK_TOKEN", TOKEN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("sh: {error}"))?;
        let log = Log::watch(keeper.stderr.take().expect("piped"));
        let mut process = String::new();
        BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut process).map_err(failed)?;
        let process = process.trim().parse().map_err(|_| format!("no process: {process:?}"))?;
        Ok(Self { keeper, folder, admin: 0, process, log })
    }

    /// The port of its listener.
    pub fn port(&self) -> Result<u16, String> {
        let listeners = self.ask("/listeners?format=json").map_err(|error| error.to_string())?;
        let listeners: Value = serde_json::from_str(&listeners).map_err(|error| error.to_string())?;
        let port = listeners.pointer("/listener_statuses/0/local_address/socket_address/port_value");
        port.and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()).ok_or_else(|| listeners.to_string())
    }

    /// The counters and gauges whose names end so, added up.
    pub fn sum(&self, names: &[&str]) -> Result<u64, String> {
        let stats = self.ask("/stats").map_err(|error| format!("Envoy does not answer: {error}"))?;
        let value = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            names.iter().any(|end| name.ends_with(end)).then_some(value.parse::<u64>().ok()?)
        };
        let values: Vec<_> = stats.lines().filter_map(value).collect();
        if values.is_empty() { Err(format!("Envoy has no {names:?}")) } else { Ok(values.iter().sum()) }
    }

    fn ask(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.admin))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")?;
        let reply = Reply::read(&mut BufReader::new(stream), "GET")?;
        Ok(String::from_utf8_lossy(&reply.body).into_owned())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
