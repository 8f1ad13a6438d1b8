//! The few functions of WASI that the filter has: its clocks, its environment, its output, its exit.

use wasmi::{Caller, Error, FuncType, Linker};

use crate::crash::{Crash, Rule};
use crate::imports::Functions;
use crate::log::{Level, Line};
use crate::memory::{Guest, index, size};
use crate::worker::Worker;

/// The name of WASI as a module.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

/// What a function of WASI answers.
///
/// Source: WebAssembly/WASI `preview1/docs.md`, `errno`.
#[derive(Clone, Copy, Debug)]
enum Errno {
    Success = 0,
    BadDescriptor = 8,
    Invalid = 28,
}

type Done = Result<Errno, Crash>;

macro_rules! functions {
    ($functions:ident: $($name:literal ($($argument:ident: $type:ty),*) => $function:ident;)+) => {$(
        let function = |caller: Caller<'_, Worker>, $($argument: $type),*| -> Result<i32, Error> {
            let done = Guest::new(caller, $name).and_then(|mut guest| $function(&mut guest, $($argument),*));
            done.map(|errno| errno as i32).map_err(Error::host)
        };
        $functions.define(MODULE, $name, function);
    )+};
}

pub(crate) fn link(functions: &mut Functions) {
    functions! { functions:
        "clock_time_get"(clock: u32, _precision: u64, time_at: u32) => clock_time_get;
        "environ_sizes_get"(count_at: u32, size_at: u32) => environ_sizes_get;
        "environ_get"(pointers: u32, buffer: u32) => environ_get;
        "fd_write"(descriptor: u32, parts: u32, count: u32, written_at: u32) => fd_write;
    }
    let exit = |caller: Caller<'_, Worker>, status: i32| -> Result<(), Error> {
        let guest = Guest::new(caller, "proc_exit").map_err(Error::host)?;
        let said = guest.worker().errors.trim_end().to_owned();
        Err(Error::host(guest.crash(Rule::NoTrap, format!("exited with {status}, and said {said:?}"))))
    };
    functions.define(MODULE, "proc_exit", exit);
}

/// Lets a module import a function that is not there, which it may not call.
pub(crate) fn link_missing(linker: &mut Linker<Worker>, name: &str, of: FuncType) {
    let did = format!("called `{name}` of WASI");
    let function = move |caller: Caller<'_, Worker>, _: &[_], _: &mut [_]| {
        Err(Error::host(caller.data().crash(Rule::KnownWasi, did.as_str())))
    };
    linker.func_new(MODULE, name, of, function).expect("each name once");
}

fn clock_time_get(guest: &mut Guest<'_>, clock: u32, _precision: u64, time_at: u32) -> Done {
    let time = match clock {
        0 => guest.worker().clock.now(),
        1 => guest.worker().clock.elapsed(),
        _ => return Ok(Errno::Invalid),
    };
    let time = u64::try_from(time.as_nanos()).expect("before the year 2554");
    guest.write(time_at, &time.to_le_bytes())?;
    Ok(Errno::Success)
}

fn environ(guest: &Guest<'_>) -> Vec<Vec<u8>> {
    guest.worker().environment.iter().map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

fn environ_sizes_get(guest: &mut Guest<'_>, count_at: u32, size_at: u32) -> Done {
    let environment = environ(guest);
    guest.write_u32(count_at, u32::try_from(environment.len()).expect("few variables"))?;
    guest.write_u32(size_at, size(&environment.concat()))?;
    Ok(Errno::Success)
}

fn environ_get(guest: &mut Guest<'_>, pointers: u32, buffer: u32) -> Done {
    let (mut pointer, mut address) = (pointers, buffer);
    for variable in environ(guest) {
        guest.write_u32(pointer, address)?;
        guest.write(address, &variable)?;
        pointer = pointer.saturating_add(4);
        address = address.saturating_add(size(&variable));
    }
    Ok(Errno::Success)
}

fn fd_write(guest: &mut Guest<'_>, descriptor: u32, parts: u32, count: u32, written_at: u32) -> Done {
    let level = match descriptor {
        1 => Level::Info,
        2 => Level::Error,
        _ => return Ok(Errno::BadDescriptor),
    };
    let mut bytes = Vec::new();
    for part in 0..index(count) {
        let at = parts.saturating_add(u32::try_from(part).unwrap_or(u32::MAX).saturating_mul(8));
        let (address, length) = (guest.read_u32(at)?, guest.read_u32(at.saturating_add(4))?);
        bytes.extend(guest.bytes(address, length)?);
    }
    guest.write_u32(written_at, size(&bytes))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if level == Level::Error {
        guest.worker_mut().errors.push_str(&text);
    }
    guest.worker_mut().log.push(Line { level, text });
    Ok(Errno::Success)
}
