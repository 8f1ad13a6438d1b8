//! One warm copy of an action: a thread with an engine, fed through a channel.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Outcome, Phase, engine};

/// Rust frames, the engine's own stack (see `engine::STACK`) and room to report an overflow of it.
const THREAD_STACK: usize = 16 * 1024 * 1024;

/// How long past the limit a thread may be busy in one native call before it is given up.
const GRACE: Duration = Duration::from_millis(500);

/// What a container is made of.
#[derive(Debug, Clone)]
pub struct Source {
    /// The program.
    pub code: String,
    /// The name of the entry point.
    pub main: String,
    /// For the engine's heap, in bytes.
    pub memory: usize,
    /// For the log of one activation, in bytes.
    pub logs: usize,
    /// For loading the code and for each run, separately.
    pub time: Duration,
}

/// One activation for a container.
#[derive(Debug)]
pub struct Job {
    /// A JSON object or array: the argument of the entry point.
    pub arguments: String,
    /// A JSON object of strings: added to `process.env`.
    pub environment: String,
}

/// What a container reports about one activation.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// How long loading the code took, if it was loaded for this activation.
    pub initialization: Option<Duration>,
    /// What it wrote.
    pub logs: Vec<String>,
    /// Whether the container may be used again.
    pub reusable: bool,
}

impl Report {
    /// Of an activation that no engine ran to its end.
    pub fn lost(outcome: Outcome) -> Self {
        Self { outcome, initialization: None, logs: Vec::new(), reusable: false }
    }
}

type Envelope = (Job, oneshot::Sender<Report>);

/// A handle of the thread; dropping it ends the thread after what it is doing.
#[derive(Debug)]
pub struct Container {
    jobs: mpsc::Sender<Envelope>,
    fresh: bool,
    time: Duration,
}

impl Container {
    /// Starts the thread; the code is loaded with the first job.
    ///
    /// # Errors
    /// The machine has no thread left.
    pub fn start(source: Source) -> io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Envelope>();
        let time = source.time;
        thread::Builder::new()
            .name(String::from("action"))
            .stack_size(THREAD_STACK)
            .spawn(move || engine::serve(&source, &inbox))?;
        Ok(Self { jobs, fresh: true, time })
    }

    /// Runs one activation. Gives the container back if it may be used again.
    pub async fn run(mut self, job: Job) -> (Report, Option<Self>) {
        let allowed = if self.fresh { self.time.saturating_mul(2) } else { self.time };
        let (reply, answer) = oneshot::channel();
        if self.jobs.send((job, reply)).is_err() {
            return (Report::lost(Outcome::Exited(Phase::Run)), None);
        }
        match tokio::time::timeout(allowed.saturating_add(GRACE), answer).await {
            Err(_) => (Report::lost(Outcome::TimedOut(Phase::Run)), None),
            Ok(Err(_)) => (Report::lost(Outcome::Exited(Phase::Run)), None),
            Ok(Ok(report)) => {
                self.fresh = false;
                let again = report.reusable.then_some(self);
                (report, again)
            }
        }
    }
}
