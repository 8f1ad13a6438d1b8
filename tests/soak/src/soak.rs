//! The run itself: everything is started, watched, ended and judged.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

use crate::bootstrap::bootstrap;
use crate::client::{Client, PATIENCE};
use crate::envoy::Envoy;
use crate::neighbour;
use crate::options::Options;
use crate::report::{Report, mib};
use crate::samples::{Sample, Windows};
use crate::tally::Tally;
use crate::upstream;

/// How many workers Envoy has.
const WORKERS: usize = 2;

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
    let upstream = upstream::start(most + 2, &tally).map_err(|error| error.to_string())?;
    // Bound and never listened at: it refuses connections, and stays ours.
    let nobody = TcpSocket::new_v4().and_then(|socket| socket.bind((Ipv4Addr::LOCALHOST, 0).into()).map(|()| socket));
    let nobody = nobody.map_err(|error| error.to_string())?;
    let port_of_nobody = nobody.local_addr().map_err(|error| error.to_string())?.port();
    let envoy = Envoy::start(&bootstrap(upstream, port_of_nobody)?, WORKERS)?;
    let machines = envoy.sum(&["runtime.v8.created"])?;
    let (stop, crowd_leaves) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let port = envoy.port()?;
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
    let samples = watch(&envoy, &tally, &windows, started, &crowd_leaves);
    stop.store(true, Ordering::Relaxed);
    crowd_leaves.store(true, Ordering::Relaxed);
    let duration = started.elapsed();
    let panics = clients.into_iter().map(thread::JoinHandle::join).filter(Result::is_err).count();

    let felt = neighbour::Felt { left: leaving.join().unwrap_or_default(), ..staying.join().unwrap_or_default() };

    let mut reasons = Vec::new();
    if panics > 0 {
        reasons.push(format!("{panics} clients of {most} panicked"));
    }
    if envoy.log.has_ended() {
        reasons.push(format!("Envoy ended:\n{}", envoy.log.last()));
    } else {
        reasons.extend(drain(&envoy).err());
        let reloads = envoy.sum(&["vm_reload", "vm_reload_backoff", "vm_reload_failure", "vm_reload_success"])?;
        if reloads > 0 || envoy.sum(&["runtime.v8.created"])? != machines {
            reasons.push(format!("wasm machines were made anew: {reloads} reloads"));
        }
    }
    reasons.extend(envoy.log.complaints());
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
        traps: envoy.log.traps(),
        levels: windows.levels(&samples),
        reasons,
    };
    report.judge(&tally);
    Ok(report)
}

/// Shows the progress and measures the memory until the time is over, or nothing more is to be learned. Says when the
/// crowd leaves.
fn watch(envoy: &Envoy, tally: &Tally, windows: &Windows, started: Instant, crowd_leaves: &AtomicBool) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    let (mut shown, mut before) = (Duration::ZERO, 0);
    // How much longer than planned the crowd stays; the clock of the samples stands still for that time.
    let mut longer = Duration::ZERO;
    while started.elapsed() < windows.duration() + longer && !envoy.log.has_ended() && tally.wrongs() < ENOUGH {
        thread::sleep(SAMPLE);
        let (elapsed, total) = (started.elapsed(), tally.total());
        if !crowd_leaves.load(Ordering::Relaxed) && elapsed > windows.crowd() {
            longer = elapsed.saturating_sub(windows.crowd());
            crowd_leaves.store(total.requests >= WARM_UP || longer > PATIENCE, Ordering::Relaxed);
        }
        samples.extend(Sample::take(envoy.process, elapsed.saturating_sub(longer)));
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
                envoy.log.traps(),
                mib(sample.resident),
                mib(sample.largest()),
            );
            (shown, before) = (elapsed, total.requests);
        }
    }
    samples
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
        let left = envoy.sum(&active)?;
        if left == 0 {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("{left} requests and calls are still in flight after {PATIENCE:?}"));
        }
        thread::sleep(SAMPLE);
    }
}
