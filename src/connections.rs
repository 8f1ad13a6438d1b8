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
        /// At most this many, per configuration and worker.
        idle: u64,
    },
}

/// The connections of one configuration on one worker.
#[derive(Debug)]
pub struct Connections {
    keepalive: KeepAlive,
    open: Cell<u64>,
    in_flight: Cell<u64>,
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
        Self { keepalive, open: Cell::new(0), in_flight: Cell::new(0) }
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
        let close = match self.keepalive {
            KeepAlive::Off => true,
            KeepAlive::Pool { idle: most } => idle > most,
        };
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
        let Connections { open, in_flight, .. } = &*self.connections;
        in_flight.set(in_flight.get().saturating_sub(1));
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
