//! The virtual machine with the filter in it.

use wasmi::{Error, Instance, Store, Val};

use crate::crash::{Crash, Rule};
use crate::exchange::Exchange;
use crate::filter::Filter;
use crate::imports::Functions;
use crate::worker::{Moment, Phase, Worker};

/// More than any callback may cost. A loop without end ends here.
const MOST_FUEL: u64 = 100_000_000_000;

/// What a callback wants to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Continue,
    Pause,
}

#[derive(Debug)]
pub(crate) struct Vm {
    store: Store<Worker>,
    instance: Instance,
}

impl Vm {
    /// Loads a filter and runs what it runs at its start.
    ///
    /// Source: api7/wasm-nginx-module `ngx_http_wasm_load_plugin`; proxy-wasm-cpp-host `wasm.cc`, `startVm`.
    pub(crate) fn start(filter: &Filter, worker: Worker) -> Self {
        let functions = Functions::new(filter, worker.personality).unwrap_or_else(|crash| panic!("{crash}"));
        let mut store = Store::new(&filter.engine, worker);
        fuel(&mut store);
        let instance = functions
            .instantiate(&mut store, filter)
            .unwrap_or_else(|error| panic!("{}", crash(&store, &error, "its start function")));
        let mut vm = Self { store, instance };
        let start = ["_start", "_initialize"].into_iter().find(|name| vm.instance.get_func(&vm.store, name).is_some());
        if let Some(start) = start {
            vm.run(start, Moment::of_plugin(Phase::Start), &[]);
        }
        vm
    }

    pub(crate) fn worker(&self) -> &Worker {
        self.store.data()
    }

    pub(crate) fn worker_mut(&mut self) -> &mut Worker {
        self.store.data_mut()
    }

    pub(crate) fn exchange(&self, id: usize) -> &Exchange {
        self.worker().exchange(id)
    }

    pub(crate) fn exchange_mut(&mut self, id: usize) -> &mut Exchange {
        self.worker_mut().exchange_mut(id)
    }

    /// Stops the test.
    pub(crate) fn crash(&self, rule: Rule, did: impl Into<String>) -> ! {
        panic!("{}", self.worker().crash(rule, did))
    }

    /// Runs a callback, if the filter has it.
    pub(crate) fn run(&mut self, name: &'static str, moment: Moment, arguments: &[u32]) -> Option<u32> {
        let function = self.instance.get_func(&self.store, name)?;
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        // An argument keeps its bits: the ABI has no signs.
        let arguments: Vec<_> = arguments.iter().map(|argument| Val::I32(argument.cast_signed())).collect();
        self.worker_mut().moment = moment;
        fuel(&mut self.store);
        let ran = function.call(&mut self.store, &arguments, &mut results);
        let left = self.store.get_fuel().expect("fuel is metered");
        self.worker_mut().cost_mut().callback(name, MOST_FUEL.saturating_sub(left));
        match ran {
            Ok(()) => results.first().and_then(Val::i32).map(i32::cast_unsigned),
            Err(error) => panic!("{}", crash(&self.store, &error, &format!("`{name}`"))),
        }
    }

    /// Runs a callback that answers with an action.
    pub(crate) fn ask(&mut self, name: &'static str, moment: Moment, arguments: &[u32]) -> Action {
        match self.run(name, moment, arguments) {
            None | Some(0) => Action::Continue,
            Some(_) => Action::Pause,
        }
    }
}

fn fuel(store: &mut Store<Worker>) {
    store.set_fuel(MOST_FUEL).expect("fuel is metered");
}

/// The rule that ended a callback, or the trap that did.
fn crash(store: &Store<Worker>, error: &Error, during: &str) -> Crash {
    if let Some(crash) = error.downcast_ref::<Crash>() {
        return crash.clone();
    }
    let said = store.data().errors.trim_end();
    let said = if said.is_empty() { String::new() } else { format!(", and said {said:?}") };
    store.data().crash(Rule::NoTrap, format!("trapped in {during} ({error}){said}"))
}
