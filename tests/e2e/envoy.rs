//! A real Envoy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use corpus::GUEST;
use serde_json::Value;

use crate::artifact;
use crate::client;

/// How long Envoy may take to start, on a busy machine.
const START: Duration = Duration::from_secs(120);

/// How often its state is looked at.
const POLL: Duration = Duration::from_millis(10);

/// How many lines of the log tell why it ended.
const LAST: usize = 60;

/// A running Envoy. Dropping it ends it.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    folder: PathBuf,
    admin: u16,
}

/// How one is started.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many workers it has.
    pub workers: usize,
    /// How long connections to a listener live that has another configuration now.
    pub drain_seconds: u32,
}

impl Default for Options {
    fn default() -> Self {
        // Envoy's own is a worker for each processor.
        Self { workers: 1, drain_seconds: 600 }
    }
}

impl Envoy {
    /// Starts one with one worker and waits until it serves.
    pub fn start(configuration: &Value) -> Result<Self, String> {
        Self::start_with(configuration, &Options::default())
    }

    /// Starts one and waits until it serves.
    pub fn start_with(configuration: &Value, options: &Options) -> Result<Self, String> {
        let mut envoy = Self::spawn(configuration, options)?;
        let address = envoy.folder.join("admin");
        let started = Instant::now();
        while started.elapsed() < START {
            if let Ok(Some(status)) = envoy.child.try_wait() {
                return Err(format!("Envoy ended at start with {status}:\n{}", envoy.log()));
            }
            let port = fs::read_to_string(&address).ok().and_then(|text| text.rsplit(':').next()?.parse().ok());
            if let Some(port) = port {
                envoy.admin = port;
                // Some versions close the first connections without a word.
                if client::try_get(port, "/ready").is_ok_and(|reply| reply.status == 200) {
                    return Ok(envoy);
                }
            }
            thread::sleep(POLL);
        }
        Err(format!("Envoy is not ready after {START:?}:\n{}", envoy.log()))
    }

    /// Starts one that is expected to end by itself: how it ended, and its log.
    pub fn run(configuration: &Value) -> Result<(ExitStatus, String), String> {
        let mut envoy = Self::spawn(configuration, &Options::default())?;
        let started = Instant::now();
        while started.elapsed() < START {
            if let Ok(Some(status)) = envoy.child.try_wait() {
                return Ok((status, envoy.log()));
            }
            if envoy.log().contains("starting main dispatch loop") {
                return Err("Envoy accepts the configuration".to_owned());
            }
            thread::sleep(POLL);
        }
        Err(format!("Envoy goes on after {START:?}:\n{}", envoy.log()))
    }

    fn spawn(configuration: &Value, options: &Options) -> Result<Self, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let program = artifact::envoy()?;
        let name = format!("envoy-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let path = folder.join("envoy.json");
        fs::write(&path, configuration.to_string()).map_err(failed)?;
        let child = Command::new(&program)
            .arg("--config-path")
            .arg(&path)
            .arg("--admin-address-path")
            .arg(folder.join("admin"))
            .args(["--use-dynamic-base-id", "--log-level", "info", "--component-log-level", "wasm:trace"])
            .args(["--concurrency", &options.workers.to_string()])
            .args(["--drain-time-s", &options.drain_seconds.to_string()])
            .env("OPENWHISK_TOKEN", GUEST)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Not --log-path: that file is written every ten seconds only.
            .stderr(File::create(folder.join("log")).map_err(failed)?)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Self { child, folder, admin: 0 })
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The port of its administration.
    pub const fn admin(&self) -> u16 {
        self.admin
    }

    /// The port of each listener.
    pub fn ports(&self) -> BTreeMap<String, u16> {
        let listeners: Value =
            serde_json::from_slice(&client::get(self.admin, "/listeners?format=json").body).expect("JSON");
        let listeners = listeners["listener_statuses"].as_array().cloned().unwrap_or_default();
        let port = |listener: &Value| {
            let port = listener.pointer("/local_address/socket_address/port_value")?.as_u64()?;
            Some((listener["name"].as_str()?.to_owned(), u16::try_from(port).ok()?))
        };
        listeners.iter().filter_map(port).collect()
    }

    /// The value of one of its counters.
    pub fn counter(&self, name: &str) -> u64 {
        let stats = client::get(self.admin, &format!("/stats?filter={name}"));
        let stats = String::from_utf8_lossy(&stats.body).into_owned();
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok();
        stats.lines().find_map(value).unwrap_or_else(|| panic!("no counter {name} among {stats:?}"))
    }

    /// Waits until one of its counters is so.
    pub fn wait_for_counter(&self, name: &str, is_so: impl Fn(u64) -> bool) -> u64 {
        let started = Instant::now();
        loop {
            let value = self.counter(name);
            if is_so(value) {
                return value;
            }
            assert!(started.elapsed() < client::PATIENCE, "{name} is still {value}");
            thread::sleep(POLL);
        }
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("log")).unwrap_or_default()).into_owned()
    }

    /// Fails if the log has no line with all of these.
    pub fn check_logged(&self, parts: &[&str]) {
        let log = self.log();
        let found = log.lines().any(|line| parts.iter().all(|part| line.contains(part)));
        let lines: Vec<_> = log.lines().filter(|line| line.contains("wasm log")).collect();
        assert!(found, "no line with {parts:?} among:\n{}", lines.join("\n"));
    }

    /// The lines of its log that no run may leave behind, and whatever else is wrong with it.
    pub fn complaints(&mut self) -> Vec<String> {
        let mut complaints = Vec::new();
        let log = self.log();
        if let Ok(stats) = client::try_get(self.admin, "/stats") {
            artifact::keep("envoy", stats.body);
        }
        match client::try_get(self.admin, "/stats?filter=vm_reload") {
            Ok(stats) => {
                let stats = String::from_utf8_lossy(&stats.body).into_owned();
                complaints.extend(stats.lines().filter(|line| !line.ends_with(": 0")).map(str::to_owned));
            }
            Err(error) => {
                let last = log.lines().rev().take(LAST).collect::<Vec<_>>().into_iter().rev();
                complaints.push(format!("Envoy does not answer: {error}; {:?}", self.child.try_wait()));
                complaints.extend(last.map(str::to_owned));
            }
        }
        let crash = ["panicked", "Uncaught", "Function: proxy_on", "Backtrace", "assert failure"];
        let is_crash = |line: &&str| crash.iter().any(|word| line.contains(word));
        complaints.extend(log.lines().filter(is_crash).map(str::to_owned));
        let (user, key) = GUEST.split_once(':').expect("a token");
        let is_leak = |line: &&str| line.contains(key) || line.contains(user);
        complaints.extend(log.lines().filter(is_leak).map(|line| format!("the token is in the log: {line}")));
        complaints
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        artifact::keep("envoy", self.log());
        let _ = fs::remove_dir_all(&self.folder);
    }
}
