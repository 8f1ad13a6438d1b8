//! The host's side of one virtual machine: everything that host calls read and change.

use std::collections::VecDeque;

use crate::calls::Upstreams;
use crate::clock::Clock;
use crate::cost::Cost;
use crate::crash::{Crash, Rule};
use crate::exchange::Exchange;
use crate::log::Line;
use crate::metrics::Metric;
use crate::personality::Personality;

/// Where the filter is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Start,
    Configure,
    RequestHeaders,
    RequestBody,
    RequestTrailers,
    Answer,
    ResponseHeaders,
    ResponseBody,
    End,
}

/// The callback that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) phase: Phase,
    /// The request that host calls are about.
    pub(crate) request: Option<usize>,
    /// The request that bears the cost.
    bearer: Option<usize>,
}

impl Moment {
    pub(crate) const fn of_plugin(phase: Phase) -> Self {
        Self { phase, request: None, bearer: None }
    }

    pub(crate) const fn of(request: usize, phase: Phase) -> Self {
        Self { phase, request: Some(request), bearer: Some(request) }
    }

    /// For a request, but without access to it.
    pub(crate) const fn apart_from(request: usize, phase: Phase) -> Self {
        Self { phase, request: None, bearer: Some(request) }
    }
}

/// The ids of contexts.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    last: u32,
    free: VecDeque<u32>,
}

impl Contexts {
    /// An id that was never used before.
    pub(crate) const fn fresh(&mut self) -> u32 {
        self.last = self.last.saturating_add(1);
        self.last
    }

    /// An id that may have been freed.
    ///
    /// Source: api7/wasm-nginx-module `ngx_http_wasm_module.c`: what was freed first is used again first.
    pub(crate) fn recycled(&mut self) -> u32 {
        self.free.pop_front().unwrap_or_else(|| self.fresh())
    }

    pub(crate) fn free(&mut self, id: u32) {
        self.free.push_back(id);
    }
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) personality: Personality,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) upstreams: Upstreams,
    pub(crate) configuration: Vec<u8>,
    /// The context of the plugin, once it took its configuration.
    pub(crate) root: Option<u32>,
    pub(crate) clock: Clock,
    pub(crate) log: Vec<Line>,
    /// What was written to the standard error stream.
    pub(crate) errors: String,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) keeps_metrics: bool,
    pub(crate) contexts: Contexts,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) moment: Moment,
    cost: Cost,
    tokens: u32,
}

impl Worker {
    pub(crate) fn new(personality: Personality, environment: Vec<(String, String)>, upstreams: Upstreams) -> Self {
        Self {
            personality,
            environment,
            upstreams,
            configuration: Vec::new(),
            root: None,
            clock: Clock::default(),
            log: Vec::new(),
            errors: String::new(),
            metrics: Vec::new(),
            keeps_metrics: true,
            contexts: Contexts::default(),
            exchanges: Vec::new(),
            moment: Moment::of_plugin(Phase::Start),
            cost: Cost::default(),
            tokens: 0,
        }
    }

    pub(crate) fn crash(&self, rule: Rule, did: impl Into<String>) -> Crash {
        Crash::new(self.personality, rule, did)
    }

    pub(crate) fn exchange(&self, id: usize) -> &Exchange {
        self.exchanges.get(id).expect("a request of this host")
    }

    pub(crate) fn exchange_mut(&mut self, id: usize) -> &mut Exchange {
        self.exchanges.get_mut(id).expect("a request of this host")
    }

    /// Source: api7/wasm-nginx-module `ngx_http_wasm_call.c`: the first token is 0.
    pub(crate) fn new_token(&mut self) -> u32 {
        let token = self.tokens;
        self.tokens = token.saturating_add(1);
        token
    }

    /// The cost of everything that is not for a request.
    pub(crate) const fn cost(&self) -> &Cost {
        &self.cost
    }

    pub(crate) fn cost_mut(&mut self) -> &mut Cost {
        match self.moment.bearer {
            Some(id) => &mut self.exchange_mut(id).cost,
            None => &mut self.cost,
        }
    }
}
