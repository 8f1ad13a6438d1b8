//! What a host is before it loads the filter.

use crate::calls::Upstreams;
use crate::filter::Filter;
use crate::host::Host;
use crate::personality::Personality;
use crate::vm::Vm;
use crate::worker::Worker;

/// A host without a filter.
#[derive(Clone, Debug)]
pub struct Setup {
    personality: Personality,
    environment: Vec<(String, String)>,
    upstreams: Upstreams,
    keeps_metrics: bool,
}

impl Setup {
    /// A host with an empty environment, where every upstream is available.
    #[must_use]
    pub const fn new(personality: Personality) -> Self {
        Self { personality, environment: Vec::new(), upstreams: Upstreams::Available, keeps_metrics: true }
    }

    /// One more variable of the environment: on APISIX one that nginx passes on.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What Envoy knows of the upstreams.
    #[must_use]
    pub const fn upstreams(mut self, upstreams: Upstreams) -> Self {
        self.upstreams = upstreams;
        self
    }

    /// A proxy that is like Envoy, but refuses all calls about metrics.
    #[must_use]
    pub const fn without_metrics(mut self) -> Self {
        self.keeps_metrics = false;
        self
    }

    /// Loads and starts the filter.
    #[must_use]
    pub fn load(self, filter: &Filter) -> Host {
        let mut worker = Worker::new(self.personality, self.environment, self.upstreams);
        worker.keeps_metrics = self.keeps_metrics;
        Host::new(Vm::start(filter, worker))
    }
}
