//! A host with a filter in it, as a test drives it.

use std::fmt;
use std::time::Duration;

use crate::answers::{Answer, End, Failure, due};
use crate::calls::{Call, Pending};
use crate::clock::Clock;
use crate::cost::Cost;
use crate::exchange::Standing;
use crate::log::Line;
use crate::metrics::Metric;
use crate::personality::Personality;
use crate::replies::Reply;
use crate::request::Request;
use crate::vm::Vm;
use crate::{apisix, envoy};

/// One worker of a host, with the filter loaded and started.
#[derive(Debug)]
pub struct Host {
    vm: Vm,
}

/// A request of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(usize);

/// The filter did not take its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it logged about it.
    pub said: Vec<Line>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the filter refused its configuration")?;
        self.said.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for Refused {}

impl Host {
    pub(crate) const fn new(vm: Vm) -> Self {
        Self { vm }
    }

    /// Which host it is.
    #[must_use]
    pub fn personality(&self) -> Personality {
        self.vm.worker().personality
    }

    /// Gives the filter a configuration, for the requests that follow. It can be given another one later, in the
    /// same virtual machine.
    ///
    /// # Errors
    /// [`Refused`] on Envoy, which then takes no request. APISIX configures the filter at the next request, and
    /// answers that itself if the filter refuses: [`Sender::Host`](crate::Sender::Host).
    pub fn configure(&mut self, configuration: impl AsRef<[u8]>) -> Result<(), Refused> {
        let configuration = configuration.as_ref();
        let before = self.log().len();
        match self.personality() {
            Personality::Apisix => apisix::configure(&mut self.vm, configuration),
            Personality::Envoy if envoy::configure(&mut self.vm, configuration) => {}
            Personality::Envoy => return Err(Refused { said: self.log().iter().skip(before).cloned().collect() }),
        }
        Ok(())
    }

    /// Delivers a whole request.
    pub fn send(&mut self, request: Request) -> RequestId {
        let id = self.begin(request);
        while self.has_more(id) {
            self.advance(id);
        }
        id
    }

    /// Delivers the headers of a request.
    pub fn begin(&mut self, request: Request) -> RequestId {
        RequestId(match self.personality() {
            Personality::Apisix => apisix::begin(&mut self.vm, request),
            Personality::Envoy => envoy::begin(&mut self.vm, request),
        })
    }

    /// Delivers the next piece of a request: a chunk of its body, or its trailers.
    pub fn advance(&mut self, id: RequestId) {
        match self.personality() {
            Personality::Apisix => apisix::advance(&mut self.vm, id.0),
            Personality::Envoy => envoy::advance(&mut self.vm, id.0),
        }
    }

    /// Whether a request has pieces that were not delivered. Of one that is over the rest is dropped.
    #[must_use]
    pub fn has_more(&self, id: RequestId) -> bool {
        !self.vm.exchange(id.0).unsent.is_empty()
    }

    /// What the filter has done with a request so far.
    #[must_use]
    pub fn standing(&self, id: RequestId) -> Standing<'_> {
        self.vm.exchange(id.0).standing()
    }

    /// The call the filter waits for.
    #[must_use]
    pub fn call(&self, id: RequestId) -> &Call {
        match self.standing(id) {
            Standing::Called(call) => call,
            other => panic!("expected a call, got {other:?}{}", self.shown_log()),
        }
    }

    /// All calls the filter made for a request, in their order.
    #[must_use]
    pub fn calls(&self, id: RequestId) -> &[Call] {
        &self.vm.exchange(id.0).calls
    }

    /// All calls the filter tried to make and the host refused.
    #[must_use]
    pub fn refused_calls(&self, id: RequestId) -> &[Call] {
        &self.vm.exchange(id.0).refused
    }

    /// The reply to a request.
    #[must_use]
    pub fn reply(&self, id: RequestId) -> &Reply {
        match self.standing(id) {
            Standing::Replied(reply) => reply,
            other => panic!("expected a reply, got {other:?}{}", self.shown_log()),
        }
    }

    /// Answers the call the filter waits for, or the oldest one if there are several. It fails instead where the host
    /// does not trust the upstream.
    pub fn answer(&mut self, id: RequestId, answer: Answer) {
        let (pending, call) = self.take_pending(id);
        let personality = self.personality();
        let end = if call.is_verified(personality) {
            End::answered(answer, personality)
        } else {
            End::failed(Failure::Unreachable, personality)
        };
        self.end_call(id, pending, end);
    }

    /// Lets that call fail.
    pub fn fail(&mut self, id: RequestId, failure: Failure) {
        let (pending, call) = self.take_pending(id);
        self.vm.worker_mut().clock.advance_to(due(failure, pending.since, call.deadline));
        self.end_call(id, pending, End::failed(failure, self.personality()));
    }

    /// Takes the client away. What then happens to a call differs: Envoy cancels it, APISIX does not notice.
    pub fn disconnect(&mut self, id: RequestId) {
        match (self.standing(id), self.personality()) {
            (Standing::Replied(_) | Standing::Gone, _) => {}
            (_, Personality::Apisix) => apisix::disconnect(&mut self.vm, id.0),
            (_, Personality::Envoy) => envoy::disconnect(&mut self.vm, id.0),
        }
    }

    /// Ends a request that was passed on, as the end of the route's upstream's answer does.
    pub fn complete(&mut self, id: RequestId) {
        match (self.standing(id), self.personality()) {
            (Standing::PassedOn, Personality::Apisix) => apisix::end(&mut self.vm, id.0),
            (Standing::PassedOn, Personality::Envoy) => envoy::end(&mut self.vm, id.0),
            (other, _) => panic!("expected a request that was passed on, got {other:?}"),
        }
    }

    /// Lets time go by.
    pub fn advance_clock(&mut self, by: Duration) {
        self.vm.worker_mut().clock.advance(by);
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.vm.worker().clock
    }

    /// All lines logged so far, whatever their level.
    #[must_use]
    pub fn log(&self) -> &[Line] {
        &self.vm.worker().log
    }

    /// All metrics defined so far. Always none on APISIX.
    #[must_use]
    pub fn metrics(&self) -> &[Metric] {
        &self.vm.worker().metrics
    }

    /// What a request cost so far, from the creation of its context to its deletion.
    #[must_use]
    pub fn cost(&self, id: RequestId) -> &Cost {
        &self.vm.exchange(id.0).cost
    }

    /// What the start and the configurations cost so far.
    #[must_use]
    pub fn cost_of_plugin(&self) -> &Cost {
        self.vm.worker().cost()
    }

    fn take_pending(&mut self, id: RequestId) -> (Pending, Call) {
        self.vm.exchange_mut(id.0).take_pending().unwrap_or_else(|| panic!("no call waits for an answer"))
    }

    fn end_call(&mut self, id: RequestId, pending: Pending, end: End) {
        match self.personality() {
            Personality::Apisix => apisix::answer(&mut self.vm, id.0, pending, end),
            Personality::Envoy => envoy::answer(&mut self.vm, id.0, pending, end),
        }
    }

    fn shown_log(&self) -> String {
        self.log().iter().fold(String::new(), |shown, line| format!("{shown}\n  {line}"))
    }
}
