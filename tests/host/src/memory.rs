//! The filter from inside of a host call: its memory, and the host's side of the moment.

use wasmi::{AsContext as _, Caller, Extern, Memory};

use crate::crash::{Crash, Rule};
use crate::exchange::Exchange;
use crate::headers::Headers;
use crate::personality::Personality;
use crate::status::Status;
use crate::worker::{Phase, Worker};

/// The functions by which a host gets memory for what it gives: of this ABI, and of C.
const ALLOCATORS: [&str; 2] = ["proxy_on_memory_allocate", "malloc"];

/// A filter that is calling its host.
pub(crate) struct Guest<'a> {
    caller: Caller<'a, Worker>,
    memory: Memory,
}

impl<'a> Guest<'a> {
    pub(crate) fn new(mut caller: Caller<'a, Worker>, function: &'static str) -> Result<Self, Crash> {
        caller.data_mut().cost_mut().host_call(function);
        match caller.get_export("memory").and_then(Extern::into_memory) {
            Some(memory) => Ok(Self { caller, memory }),
            None => Err(caller.data().crash(Rule::OwnMemory, "exports no memory")),
        }
    }

    pub(crate) fn worker(&self) -> &Worker {
        self.caller.data()
    }

    pub(crate) fn worker_mut(&mut self) -> &mut Worker {
        self.caller.data_mut()
    }

    pub(crate) fn personality(&self) -> Personality {
        self.worker().personality
    }

    pub(crate) fn phase(&self) -> Phase {
        self.worker().moment.phase
    }

    pub(crate) fn crash(&self, rule: Rule, did: impl Into<String>) -> Crash {
        self.worker().crash(rule, did)
    }

    /// The request that the running callback is about.
    pub(crate) fn exchange(&mut self, did: &str) -> Result<&mut Exchange, Crash> {
        let worker = self.worker_mut();
        match worker.moment.request {
            Some(id) => Ok(worker.exchange_mut(id)),
            None => Err(worker.crash(Rule::NoRequest, format!("{did} outside of a request"))),
        }
    }

    /// The same, if it can still be called for and replied to. The rule is for after its reply.
    pub(crate) fn open_exchange(&mut self, did: &str, after_reply: Rule) -> Result<&mut Exchange, Crash> {
        if self.phase() == Phase::End {
            return Err(self.crash(Rule::NoRequest, format!("{did} at the end of a request")));
        }
        let exchange = self.exchange(did)?;
        if exchange.is_replied() {
            return Err(self.crash(after_reply, format!("{did} after its reply")));
        }
        if exchange.is_passed_on() {
            return Err(self.crash(Rule::PassedOnIsOver, format!("{did} after it let the request go on")));
        }
        self.exchange(did)
    }

    pub(crate) fn bytes(&self, address: u32, size: u32) -> Result<Vec<u8>, Crash> {
        let (start, length) = (index(address), index(size));
        if length == 0 {
            return Ok(Vec::new());
        }
        if length > self.memory.data_size(self.caller.as_context()) {
            return Err(self.outside(address, size));
        }
        let mut bytes = vec![0; length];
        match self.memory.read(&self.caller, start, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(_) => Err(self.outside(address, size)),
        }
    }

    pub(crate) fn headers(&self, address: u32, size: u32) -> Result<Headers, Crash> {
        let bytes = self.bytes(address, size)?;
        Headers::parse(&bytes).ok_or_else(|| self.crash(Rule::OwnMemory, "gave headers that are cut off"))
    }

    pub(crate) fn read_u32(&self, address: u32) -> Result<u32, Crash> {
        let bytes = self.bytes(address, 4)?;
        Ok(bytes.first_chunk().copied().map(u32::from_le_bytes).unwrap_or_default())
    }

    pub(crate) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Crash> {
        match self.memory.write(&mut self.caller, index(address), bytes) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.outside(address, size(bytes))),
        }
    }

    pub(crate) fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Crash> {
        self.write(address, &value.to_le_bytes())
    }

    /// Gives bytes to the filter, in memory it allocates. For no bytes it gets no memory.
    ///
    /// Source: api7/wasm-nginx-module `ngx_http_wasm_copy_to_wasm`; proxy-wasm-cpp-host `exports.cc`.
    pub(crate) fn give(&mut self, bytes: &[u8], data_at: u32, size_at: u32) -> Result<Status, Crash> {
        let address = if bytes.is_empty() { 0 } else { self.allocate(size(bytes))? };
        self.write(address, bytes)?;
        self.write_u32(data_at, address)?;
        self.write_u32(size_at, size(bytes))?;
        Ok(Status::Ok)
    }

    fn allocate(&mut self, size: u32) -> Result<u32, Crash> {
        let function = ALLOCATORS.iter().find_map(|name| self.caller.get_export(name)).and_then(Extern::into_func);
        let allocate = function.and_then(|function| function.typed::<u32, u32>(&self.caller).ok());
        let Some(allocate) = allocate else {
            return Err(self.crash(Rule::OwnMemory, "exports no function that allocates memory"));
        };
        match allocate.call(&mut self.caller, size) {
            Ok(0) => Err(self.crash(Rule::OwnMemory, format!("has no memory for {size} bytes"))),
            Ok(address) => Ok(address),
            Err(error) => Err(self.crash(Rule::NoTrap, format!("trapped while allocating {size} bytes: {error}"))),
        }
    }

    fn outside(&self, address: u32, size: u32) -> Crash {
        self.crash(Rule::OwnMemory, format!("gave the address {address} of {size} bytes, outside of its memory"))
    }
}

/// An index into the memory of a filter.
pub(crate) fn index(address: u32) -> usize {
    usize::try_from(address).expect("a host has at least 32 bits")
}

/// The size of what lies in the memory of a filter.
pub(crate) fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("the memory of a filter is not larger")
}
