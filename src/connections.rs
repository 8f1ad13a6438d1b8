//! Estimates the idle connections to `OpenWhisk`, to keep no more of them than asked for.
//!
//! The pool belongs to the host; the only thing a filter can do is to ask for `connection: close`.

use std::cell::Cell;
use std::rc::Rc;

/// Whether connections are kept for later calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// Each call has its own connection.
    Off,
    /// Idle connections are kept.
    Pool {
        /// About this many, per configuration and worker; while load goes up and down, as many as it needs at a time.
        idle: u64,
    },
}

/// The connections of one configuration on one worker.
#[derive(Debug)]
pub struct Connections {
    keepalive: KeepAlive,
    open: Cell<u64>,
    in_flight: Cell<u64>,
    /// How many of those in flight ask for the end of their connection.
    closing: Cell<u64>,
    spare: Spare,
}

/// How many idle connections have not been needed lately.
///
/// Calls end and begin in batches, as the host's event loop has them: right after a batch of ends many connections are
/// idle that the calls which follow need. So only what is idle when a batch has begun counts, and the fewest of some.
#[derive(Debug)]
struct Spare {
    /// What the last call found, if none has ended since.
    found: Cell<Option<u64>>,
    /// The fewest of the batches before, and of those since, with their number.
    before: Cell<u64>,
    since: Cell<u64>,
    batches: Cell<u64>,
}

/// How many batches are looked at, at least; at most twice as many.
const BATCHES: u64 = 6;

impl Spare {
    /// Nothing is known yet, so nothing is spare.
    const fn new() -> Self {
        Self { found: Cell::new(None), before: Cell::new(0), since: Cell::new(u64::MAX), batches: Cell::new(0) }
    }

    fn count(&self) -> u64 {
        self.before.get().min(self.since.get())
    }

    /// A call begins and finds these idle.
    fn begin(&self, idle: u64) {
        self.found.set(Some(idle));
    }

    /// A call ends.
    fn end(&self) {
        let Some(found) = self.found.take() else { return };
        self.since.set(self.since.get().min(found));
        self.batches.set(self.batches.get().saturating_add(1));
        if self.batches.get() == BATCHES {
            self.before.set(self.since.replace(u64::MAX));
            self.batches.set(0);
        }
    }
}

/// The connection of one call, from its dispatch until its end.
///
/// A lease that is dropped without a word counts as a connection that is kept: that is what happens to the call
/// of a client that went away, and an estimate that is too high corrects itself.
///
/// Source: observed on Envoy 1.40, which goes on with such a call.
#[derive(Debug)]
pub struct Lease {
    connections: Rc<Connections>,
    close: bool,
    lost: bool,
}

impl Connections {
    /// No connections yet.
    #[must_use]
    pub const fn new(keepalive: KeepAlive) -> Self {
        Self { keepalive, open: Cell::new(0), in_flight: Cell::new(0), closing: Cell::new(0), spare: Spare::new() }
    }

    /// How many connections are open, by estimate.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.open.get()
    }

    /// Takes an idle connection, or opens one, for a call.
    #[must_use]
    pub fn lease(self: &Rc<Self>) -> Lease {
        let idle = self.open.get().saturating_sub(self.in_flight.get());
        if idle == 0 {
            self.open.set(self.open.get().saturating_add(1));
        }
        self.in_flight.set(self.in_flight.get().saturating_add(1));
        self.spare.begin(idle);
        let spare = self.spare.count().min(idle).saturating_sub(self.closing.get());
        let close = match self.keepalive {
            KeepAlive::Off => true,
            // More than the pool, and more than what is in use: load that goes up and down keeps its connections.
            KeepAlive::Pool { idle: most } => spare > most.max(self.open.get().saturating_sub(spare)),
        };
        self.closing.set(self.closing.get().saturating_add(u64::from(close)));
        Lease { connections: Rc::clone(self), close, lost: false }
    }
}

impl Lease {
    /// Whether this call asks for `connection: close`.
    #[must_use]
    pub const fn close(&self) -> bool {
        self.close
    }

    /// Ends the call without an answer of the upstream, and with it the connection.
    pub fn lost(mut self) {
        self.lost = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Connections { open, in_flight, closing, spare, .. } = &*self.connections;
        spare.end();
        in_flight.set(in_flight.get().saturating_sub(1));
        closing.set(closing.get().saturating_sub(u64::from(self.close)));
        if self.close || self.lost {
            open.set(open.get().saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(idle: u64) -> Rc<Connections> {
        Rc::new(Connections::new(KeepAlive::Pool { idle }))
    }

    /// Runs calls at once and tells how many of them ask for `connection: close`.
    fn burst(connections: &Rc<Connections>, calls: usize) -> usize {
        let leases: Vec<_> = (0..calls).map(|_| connections.lease()).collect();
        let closing = leases.iter().filter(|lease| lease.close()).count();
        drop(leases);
        closing
    }

    #[test]
    fn without_keepalive_every_call_closes() {
        let connections = Rc::new(Connections::new(KeepAlive::Off));
        assert_eq!(burst(&connections, 3), 3);
        assert_eq!(connections.open(), 0);
    }

    #[test]
    fn steady_load_however_parallel_closes_nothing() {
        let connections = pool(2);
        let mut leases: Vec<_> = (0..32).map(|_| connections.lease()).collect();
        for call in 0..1000 {
            leases.remove(0);
            let lease = connections.lease();
            assert!(!lease.close(), "call {call}");
            leases.push(lease);
        }
        assert_eq!(connections.open(), 32);
    }

    #[test]
    fn steady_load_in_batches_closes_nothing() {
        let connections = pool(2);
        let mut leases: Vec<_> = (0..32).map(|_| connections.lease()).collect();
        for call in 0..1000 {
            leases.drain(..20 + call % 8);
            while leases.len() < 32 {
                let lease = connections.lease();
                assert!(!lease.close(), "call {call}");
                leases.push(lease);
            }
        }
        assert_eq!(connections.open(), 32);
    }

    #[test]
    fn what_a_burst_leaves_over_is_drained_to_the_size_of_the_pool() {
        let connections = pool(2);
        assert_eq!(burst(&connections, 20), 0);
        assert_eq!(connections.open(), 20);
        let closing: usize = (0..30).map(|_| burst(&connections, 1)).sum();
        assert_eq!(closing, 18);
        assert_eq!(connections.open(), 2);
    }

    #[test]
    fn a_lost_call_takes_its_connection_along_and_any_other_leaves_it() {
        let connections = pool(5);
        connections.lease().lost();
        assert_eq!((connections.open(), connections.in_flight.get()), (0, 0));
        drop(connections.lease());
        assert_eq!((connections.open(), connections.in_flight.get()), (1, 0));
    }
}
