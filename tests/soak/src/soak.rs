//! The run itself: everything is started, watched, ended and judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testbed::envoy::Envoy;
use testbed::{PATIENCE, port};

use crate::bootstrap::{OPTIONS, bootstrap};
use crate::client::Client;
use crate::log::Log;
use crate::neighbour;
use crate::options::Options;
use crate::report::{Report, mib};
use crate::samples::{Sample, Windows};
use crate::tally::Tally;
use crate::upstream;

/// So many times the connections there are for most of the warm-up: what Envoy keeps of the memory it once had is
/// then more than it needs later, when a busy machine makes it need more for a while.
const CROWD: usize = 2;

/// So many requests the crowd waits for, however long they take: before, Envoy has not met all that it has memory for.
const WARM_UP: u64 = 20_000;

/// How often the memory is looked at.
const SAMPLE: Duration = Duration::from_millis(250);

/// How often the progress is shown.
const SHOW: Duration = Duration::from_secs(5);

/// So many wrong answers are enough.
const ENOUGH: u64 = 1000;

/// Runs it.
pub fn run(options: &Options) -> Result<Report, String> {
    let tally = Arc::new(Tally::default());
    let windows = Windows::of(options.duration);
    let most = options.connections * CROWD;
    // Those who come and go, one who leaves slow calls, and a neighbour.
    let upstream = upstream::start(most + 2, &tally);
    // Nobody listens there, and the port stays ours.
    let (nobody, _held) = port::free().map_err(|error| error.to_string())?;
    let mut envoy = Envoy::start_with(&bootstrap(upstream.port, nobody)?, &OPTIONS)?;
    let mut log = Log::of(&envoy)?;
    let machines = sum(&envoy, &["runtime.v8.created"])?;
    let (stop, crowd_leaves) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let port = envoy.only_port();
    let started = Instant::now();
    let clients: Vec<_> = (0..most)
        .map(|name| {
            let client = Client { name, seed: options.seed, port, tally: Arc::clone(&tally) };
            let stop = Arc::clone(if name < options.connections { &stop } else { &crowd_leaves });
            thread::spawn(move || client.run(&stop))
        })
        .collect();
    let leaving = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || neighbour::leave(most, port, &stop))
    };
    let staying = {
        let (stop, tally) = (Arc::clone(&stop), Arc::clone(&tally));
        thread::spawn(move || neighbour::stay(most + 1, port, &stop, &tally))
    };
    let samples = watch(&mut envoy, &mut log, &tally, &windows, started, &crowd_leaves)?;
    stop.store(true, Ordering::Relaxed);
    crowd_leaves.store(true, Ordering::Relaxed);
    let duration = started.elapsed();
    let panics = clients.into_iter().map(thread::JoinHandle::join).filter(Result::is_err).count();

    let felt = neighbour::Felt { left: leaving.join().unwrap_or_default(), ..staying.join().unwrap_or_default() };

    let mut reasons = Vec::new();
    if panics > 0 {
        reasons.push(format!("{panics} clients of {most} panicked"));
    }
    log.read_on()?;
    if let Some(status) = envoy.ended() {
        reasons.push(format!("Envoy ended with {status}:\n{}", log.last()));
    } else {
        reasons.extend(drain(&envoy).err());
        let reloads = sum(&envoy, &["vm_reload", "vm_reload_backoff", "vm_reload_failure", "vm_reload_success"])?;
        if reloads > 0 || sum(&envoy, &["runtime.v8.created"])? != machines {
            reasons.push(format!("wasm machines were made anew: {reloads} reloads"));
        }
    }
    log.read_on()?;
    reasons.extend(log.complaints);
    for malformed in upstream.seen().malformed {
        tally.wrong(&format!("a call that is no HTTP: {malformed}"));
    }
    let mut report = Report {
        duration,
        connections: options.connections,
        seed: options.seed,
        counts: tally.counts(),
        total: tally.total(),
        deadlines: tally.deadlines(),
        calls: tally.calls(),
        felt,
        wrong: tally.wrongs(),
        traps: log.traps,
        levels: windows.levels(&samples),
        reasons,
    };
    report.judge(&tally);
    Ok(report)
}

/// Shows the progress and measures the memory until the time is over, or nothing more is to be learned. Says when the
/// crowd leaves.
fn watch(
    envoy: &mut Envoy,
    log: &mut Log,
    tally: &Tally,
    windows: &Windows,
    started: Instant,
    crowd_leaves: &AtomicBool,
) -> Result<Vec<Sample>, String> {
    let mut samples: Vec<Sample> = Vec::new();
    let (mut shown, mut before) = (Duration::ZERO, 0);
    // How much longer than planned the crowd stays; the clock of the samples stands still for that time.
    let mut longer = Duration::ZERO;
    while started.elapsed() < windows.duration() + longer && envoy.ended().is_none() && tally.wrongs() < ENOUGH {
        thread::sleep(SAMPLE);
        log.read_on()?;
        let (elapsed, total) = (started.elapsed(), tally.total());
        if !crowd_leaves.load(Ordering::Relaxed) && elapsed > windows.crowd() {
            longer = elapsed.saturating_sub(windows.crowd());
            crowd_leaves.store(total.requests >= WARM_UP || longer > PATIENCE, Ordering::Relaxed);
        }
        samples.extend(Sample::take(envoy.id(), elapsed.saturating_sub(longer)));
        let since = elapsed.saturating_sub(shown);
        if let (true, Some(sample)) = (since >= SHOW, samples.last()) {
            let [ok, moved, client, server, none] = total.by_class;
            println!(
                "{:5} s {:6} requests/s  2xx {}  4xx {client}  5xx {server}  no reply {none}  wrong {}  traps {}  \
                 RSS {} MiB  wasm {} MiB",
                elapsed.as_secs(),
                u128::from(total.requests - before) * 1000 / since.as_millis(),
                ok + moved,
                tally.wrongs(),
                log.traps,
                mib(sample.resident),
                mib(sample.largest()),
            );
            (shown, before) = (elapsed, total.requests);
        }
    }
    Ok(samples)
}

/// The counters and gauges whose names end so, added up.
fn sum(envoy: &Envoy, names: &[&str]) -> Result<u64, String> {
    let stats = envoy.ask("/stats")?;
    let value = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        names.iter().any(|end| name.ends_with(end)).then_some(value.parse::<u64>().ok()?)
    };
    let values: Vec<_> = stats.lines().filter_map(value).collect();
    if values.is_empty() { Err(format!("Envoy has no {names:?}")) } else { Ok(values.iter().sum()) }
}

/// Waits until nothing is in flight any more.
fn drain(envoy: &Envoy) -> Result<(), String> {
    let active = [
        "openwhisk.upstream_rq_active",
        "shared.upstream_rq_active",
        "nobody.upstream_rq_active",
        "gateway.downstream_rq_active",
    ];
    let started = Instant::now();
    loop {
        let left = sum(envoy, &active)?;
        if left == 0 {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("{left} requests and calls are still in flight after {PATIENCE:?}"));
        }
        thread::sleep(SAMPLE);
    }
}
