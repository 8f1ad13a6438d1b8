//! A real Envoy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use corpus::GUEST;
use serde_json::Value;
use ureq::Agent;

use crate::{PATIENCE, artifact};

/// How often it is looked whether it is ready.
const START_POLL: Duration = Duration::from_millis(2);

/// How often its state is looked at.
const POLL: Duration = Duration::from_millis(10);

/// How many lines of the log tell why it ended.
const LAST: usize = 60;

/// Starts Envoy, tells its process, and ends as it ends. Envoy is killed as soon as the other end of the pipe is closed,
/// however that comes; what is left then is no folder and no process.
const KEEPER: &str = "trap '' HUP INT TERM; exec 3<&0; folder=$1; shift; \
                      \"$@\" 3<&- >/dev/null & envoy=$!; echo $envoy; exec >/dev/null 2>&1; \
                      { read _ <&3; kill -KILL $envoy; } & killer=$!; \
                      wait $envoy; status=$?; kill -KILL $killer; rm -rf \"$folder\"; exit $status";

/// A running Envoy. Dropping it ends it.
#[derive(Debug)]
pub struct Envoy {
    keeper: Child,
    folder: PathBuf,
    log: Mutex<File>,
    process: u32,
    admin: u16,
    agent: Agent,
    /// When it was told to start.
    pub started: Instant,
}

/// How one is started.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many workers it has.
    pub workers: usize,
    /// How long connections to a listener live that has another configuration now.
    pub drain_seconds: u32,
    /// Which lines are in its log.
    pub log_level: &'static str,
    /// Which lines of filters are.
    pub filter_log_level: &'static str,
    /// The environment variable `OPENWHISK_TOKEN`.
    pub token: &'static str,
    /// Other environment variables.
    pub environment: &'static [(&'static str, &'static str)],
}

impl Default for Options {
    fn default() -> Self {
        // Envoy's own is a worker for each processor.
        Self {
            workers: 1,
            drain_seconds: 600,
            log_level: "info",
            filter_log_level: "trace",
            token: GUEST,
            environment: &[],
        }
    }
}

impl Envoy {
    /// Starts one with one worker and waits until it serves; a test stops if it never does.
    pub fn start(configuration: &Value) -> Self {
        Self::start_with(configuration, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts one and waits until it serves.
    pub fn start_with(configuration: &Value, options: &Options) -> Result<Self, String> {
        let mut envoy = Self::spawn(configuration, options)?;
        let address = envoy.folder.join("admin");
        while envoy.started.elapsed() < PATIENCE {
            if let Some(status) = envoy.ended() {
                return Err(format!("Envoy ended at start with {status}:\n{}", envoy.log()));
            }
            let port = fs::read_to_string(&address).ok().and_then(|text| text.rsplit(':').next()?.parse().ok());
            if let Some(port) = port {
                envoy.admin = port;
                // Some versions close the first connections without a word.
                if envoy.ask("/ready").is_ok() {
                    return Ok(envoy);
                }
            }
            thread::sleep(START_POLL);
        }
        Err(format!("Envoy is not ready after {PATIENCE:?}:\n{}", envoy.log()))
    }

    /// Starts one that is expected to end by itself: how it ended, and its log.
    pub fn run(configuration: &Value) -> Result<(ExitStatus, String), String> {
        let mut envoy = Self::spawn(configuration, &Options::default())?;
        while envoy.started.elapsed() < PATIENCE {
            if let Some(status) = envoy.ended() {
                return Ok((status, envoy.log()));
            }
            if envoy.log().contains("starting main dispatch loop") {
                return Err("Envoy accepts the configuration".to_owned());
            }
            thread::sleep(POLL);
        }
        Err(format!("Envoy goes on after {PATIENCE:?}:\n{}", envoy.log()))
    }

    /// Starts one and waits for nothing.
    pub fn spawn(configuration: &Value, options: &Options) -> Result<Self, String> {
        let program = artifact::envoy()?;
        let folder = artifact::temporary("envoy");
        let failed = |error: io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let path = folder.join("envoy.json");
        fs::write(&path, configuration.to_string()).map_err(failed)?;
        // Not --log-path: that file is written every ten seconds only.
        let log_path = folder.join("log");
        let log = File::create(&log_path).map_err(failed)?;
        let started = Instant::now();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .arg(&program)
            .arg("--config-path")
            .arg(&path)
            .arg("--admin-address-path")
            .arg(folder.join("admin"))
            .args(["--use-dynamic-base-id", "--log-level", options.log_level])
            .args(["--component-log-level", &format!("wasm:{}", options.filter_log_level)])
            .args(["--concurrency", &options.workers.to_string()])
            .args(["--drain-time-s", &options.drain_seconds.to_string()])
            .env("OPENWHISK_TOKEN", options.token)
            .envs(options.environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("sh: {error}"))?;
        let mut process = String::new();
        BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut process).map_err(failed)?;
        let process = process.trim().parse().map_err(|_| format!("no process: {process:?}"))?;
        let log = Mutex::new(File::open(&log_path).map_err(failed)?);
        let agent = Agent::config_builder().proxy(None).timeout_global(Some(PATIENCE)).build().into();
        Ok(Self { keeper, folder, log, process, admin: 0, agent, started })
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.keeper.try_wait().ok().flatten()
    }

    /// The number of its process.
    pub const fn id(&self) -> u32 {
        self.process
    }

    /// The port of its administration.
    pub const fn admin(&self) -> u16 {
        self.admin
    }

    /// What its administration says.
    pub fn ask(&self, path: &str) -> Result<String, String> {
        let said = self.agent.get(format!("http://127.0.0.1:{}{path}", self.admin)).call();
        let said = said.and_then(|mut said| said.body_mut().with_config().limit(u64::MAX).read_to_string());
        said.map_err(|error| format!("the administration of Envoy: {error}"))
    }

    /// The port of each listener.
    pub fn ports(&self) -> BTreeMap<String, u16> {
        let listeners = self.ask("/listeners?format=json").unwrap_or_else(|error| panic!("{error}"));
        let listeners: Value = serde_json::from_str(&listeners).expect("JSON");
        let listeners = listeners["listener_statuses"].as_array().cloned().unwrap_or_default();
        let port = |listener: &Value| {
            let port = listener.pointer("/local_address/socket_address/port_value")?.as_u64()?;
            Some((listener["name"].as_str()?.to_owned(), u16::try_from(port).ok()?))
        };
        listeners.iter().filter_map(port).collect()
    }

    /// The port of a listener.
    pub fn port(&self, listener: &str) -> u16 {
        self.ports().get(listener).copied().unwrap_or_else(|| panic!("Envoy has no listener {listener:?}"))
    }

    /// The port of its only listener.
    pub fn only_port(&self) -> u16 {
        let ports: Vec<u16> = self.ports().into_values().collect();
        let [port] = ports[..] else { panic!("Envoy has {} listeners", ports.len()) };
        port
    }

    /// The value of one of its counters or gauges, if there is one of that name.
    pub fn find_counter(&self, name: &str) -> Option<u64> {
        let stats = self.ask(&format!("/stats?filter={name}")).unwrap_or_else(|error| panic!("{error}"));
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok();
        stats.lines().find_map(value)
    }

    /// The value of one of its counters.
    pub fn counter(&self, name: &str) -> u64 {
        self.find_counter(name).unwrap_or_else(|| panic!("no counter {name}"))
    }

    /// Waits until one of its counters is so.
    pub fn wait_for_counter(&self, name: &str, is_so: impl Fn(u64) -> bool) -> u64 {
        let started = Instant::now();
        loop {
            let value = self.counter(name);
            if is_so(value) {
                return value;
            }
            assert!(started.elapsed() < PATIENCE, "{name} is still {value}");
            thread::sleep(POLL);
        }
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        let mut log = self.log.lock().expect("not poisoned");
        let mut bytes = Vec::new();
        log.rewind().and_then(|()| log.read_to_end(&mut bytes)).expect("its log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The file that it writes its log to, from its beginning.
    pub fn open_log(&self) -> Result<File, String> {
        let path = self.folder.join("log");
        File::open(&path).map_err(|error| format!("{}: {error}", path.display()))
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
        if let Ok(stats) = self.ask("/stats") {
            artifact::keep("envoy", stats);
        }
        match self.ask("/stats?filter=vm_reload") {
            Ok(stats) => complaints.extend(stats.lines().filter(|line| !line.ends_with(": 0")).map(str::to_owned)),
            Err(error) => {
                let last = log.lines().rev().take(LAST).collect::<Vec<_>>().into_iter().rev();
                complaints.push(format!("Envoy does not answer: {error}; {:?}", self.ended()));
                complaints.extend(last.map(str::to_owned));
            }
        }
        complaints.extend(log.lines().filter(|line| is_crash(line)).map(str::to_owned));
        let (user, key) = GUEST.split_once(':').expect("a token");
        let is_leak = |line: &&str| line.contains(key) || line.contains(user);
        complaints.extend(log.lines().filter(is_leak).map(|line| format!("the token is in the log: {line}")));
        complaints
    }
}

/// Whether a line of a log is one that no run may leave behind.
pub fn is_crash(line: &str) -> bool {
    ["panicked", "Uncaught", "Function: proxy_on", "Backtrace", "assert failure"].iter().any(|word| line.contains(word))
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        artifact::keep("envoy", self.log());
    }
}
