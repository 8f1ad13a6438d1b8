//! Errors in a burst, and the lines about them in the log.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use openwhisk_envoy::Protocol;
use serde_json::json;

use super::Gateway;
use testbed::PATIENCE;
use testbed::client::{Session, get};
use testbed::script;
use testbed::upstream::Upstream;

use crate::stage::Plan;

/// How many clients ask at a time, and how often each.
const CLIENTS: usize = 4;
const TIMES: usize = 125;

/// How many lines of one kind a worker writes in a second.
const MOST: usize = 10;

const WORKERS: usize = 2;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("hostile::a_burst_of_errors_does_not_fill_the_log", burst);
}

/// The lines of one kind, and how many more they tell of.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    lines: usize,
    left_out: usize,
}

fn told(log: &str) -> Told {
    const LEFT_OUT: &str = " more errors of the kind connect have no line here";
    let count = |line: &str| line.split_once(LEFT_OUT)?.0.rsplit(' ').next()?.parse::<usize>().ok();
    Told {
        lines: log.lines().filter(|line| line.contains("no answer from the upstream")).count(),
        left_out: log.lines().filter_map(count).sum(),
    }
}

fn burst() {
    let openwhisk = Upstream::closed(Protocol::Http1, script::silent());
    let gateway = Gateway::new(&openwhisk, json!({ "max_req_body_size": 1000 }));
    let port = gateway.port;
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            thread::spawn(move || {
                let mut session = Session::connect(port).expect("something listens");
                for _ in 0..TIMES {
                    assert_eq!(session.post("/hello", b"{}").expect("a reply").status, 503);
                }
                // On the same worker.
                assert_eq!(session.post("/hello", &[b' '; 1001]).expect("a reply").status, 413);
            })
        })
        .collect();
    for client in clients {
        client.join().expect("all replies");
    }
    // A second that has begun counts.
    let seconds = usize::try_from(began.elapsed().as_secs()).expect("few") + 1;
    let log = gateway.envoy.log();
    let burst = told(&log);
    println!("{} errors in less than {seconds} s: {burst:?}", CLIENTS * TIMES);
    assert!(burst.lines <= MOST * WORKERS * seconds, "{burst:?} in less than {seconds} s");
    let others =
        log.lines().filter(|line| line.contains("413: the body of the request is larger than 1000 bytes")).count();
    assert_eq!(others, CLIENTS, "lines of another kind");

    // With the first errors of a later second both workers tell what they left out.
    let (mut asked, later) = (CLIENTS * TIMES, Instant::now());
    let all = loop {
        assert_eq!(get(port, "/hello").status, 503);
        asked += 1;
        let all = told(&gateway.envoy.log());
        if all.lines + all.left_out == asked {
            break all;
        }
        assert!(later.elapsed() < PATIENCE, "{all:?} of {asked}");
        thread::sleep(Duration::from_millis(200));
    };
    println!("and with {} more: {all:?}", asked - CLIENTS * TIMES);
    assert_eq!(starts(&gateway.envoy.log()), WORKERS + 1, "one for each worker, and one for the main thread");
    gateway.check();
}

/// How many threads have written a line when they began. The main thread writes one more: Envoy tries a configuration there
/// first.
fn starts(log: &str) -> usize {
    let starts =
        log.lines().filter(|line| line.contains("openwhisk: version ") && line.contains("1 routes, 1 actions"));
    let mut threads = BTreeMap::new();
    for line in starts {
        // Source: Envoy's format of log lines: time, thread, level, component.
        let thread = line.split(['[', ']']).filter(|part| !part.is_empty()).nth(1).expect("a thread");
        *threads.entry(thread.to_owned()).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = threads.values().copied().collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 1, 2], "{threads:?}");
    threads.len()
}
