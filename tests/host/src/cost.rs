//! What a request costs.

use std::collections::BTreeMap;

/// What a request made the filter and the host do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How often the host called each function of the filter.
    pub callbacks: BTreeMap<&'static str, u64>,
    /// How often the filter called each function of the host.
    pub host_calls: BTreeMap<&'static str, u64>,
    /// The work inside the filter, in the engine's unit: about one for each instruction.
    pub fuel: u64,
}

impl Cost {
    pub(crate) fn callback(&mut self, name: &'static str, fuel: u64) {
        count(&mut self.callbacks, name);
        self.fuel = self.fuel.saturating_add(fuel);
    }

    pub(crate) fn host_call(&mut self, name: &'static str) {
        count(&mut self.host_calls, name);
    }
}

fn count(counts: &mut BTreeMap<&'static str, u64>, name: &'static str) {
    let count = counts.entry(name).or_default();
    *count = count.saturating_add(1);
}
