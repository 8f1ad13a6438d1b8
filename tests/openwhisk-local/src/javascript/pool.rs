//! Warm containers, kept between activations so that globals survive as in the real runtime.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::{Container, Job, Outcome, Report, Source};

/// Containers that may be at work at once; the next activation waits for one of them.
const BUSY: usize = 1024;

/// Containers that are kept while idle; beyond, the one that is idle for longest goes.
const IDLE: usize = 32;

/// All containers of this server.
#[derive(Debug)]
pub struct ContainerPool {
    idle: Mutex<VecDeque<(u64, Container)>>,
    busy: Semaphore,
}

impl Default for ContainerPool {
    fn default() -> Self {
        Self { idle: Mutex::default(), busy: Semaphore::new(BUSY) }
    }
}

impl ContainerPool {
    /// Runs one activation of the action with this revision number, in a warm container if there is one.
    /// Also tells how long it waited for its turn.
    pub async fn run(&self, revision: u64, source: &Source, job: Job) -> (Report, Duration) {
        let asked = Instant::now();
        let turn = self.busy.acquire().await;
        let waited = asked.elapsed();
        let container = self.take(revision).map_or_else(|| Container::start(source.clone()), Ok);
        let report = match container {
            Err(_) => Report::lost(Outcome::NotProvisioned),
            Ok(container) => {
                let (report, again) = container.run(job).await;
                if let Some(container) = again {
                    self.keep(revision, container);
                }
                report
            }
        };
        drop(turn);
        (report, waited)
    }

    fn take(&self, revision: u64) -> Option<Container> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let position = idle.iter().rposition(|(of, _)| *of == revision)?;
        idle.remove(position).map(|(_, container)| container)
    }

    fn keep(&self, revision: u64, container: Container) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push_back((revision, container));
        if idle.len() > IDLE {
            idle.pop_front();
        }
    }
}
