//! A client that opens slow calls and leaves: `max_concurrency` keeps them from taking all that the cluster may be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use corpus::Reply;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use serde_json::{Value, json};

use super::Gateway;
use testbed::bootstrap::{at, merge};
use testbed::client::{get, header};
use testbed::http2::client::{ask_stream, in_http2, read_stream};
use testbed::script::result;
use testbed::upstream::{Seen, Upstream};

use crate::stage::Plan;

/// The attribute `max_concurrency` of the slow action.
const OPEN: usize = 20;

/// How many calls at a time the cluster takes: room for others on two workers.
const CLUSTER: usize = 2 * OPEN + 10;

/// How many requests a client sends at once.
const ASKED: usize = 60;

/// The deadline of the slow action.
const TIMEOUT: Duration = Duration::from_millis(MILLISECONDS);
const MILLISECONDS: u64 = 3000;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("hostile::slow_calls_that_nobody_waits_for_leave_room_for_others", leave_room);
    plan.test_alone("hostile::a_slow_action_is_refused_until_its_calls_have_ended", refused);
}

/// A gateway with a slow and a quick action behind one cluster.
struct Setup {
    gateway: Gateway,
    openwhisk: Upstream,
    is_slow: Arc<AtomicBool>,
}

impl Setup {
    fn new() -> Self {
        let is_slow = Arc::new(AtomicBool::new(true));
        let (slow, quick) = (Arc::clone(&is_slow), result("{}"));
        let openwhisk = Upstream::start(Arc::new(move |call, connection| {
            if is_slow_call(&call.path) && slow.load(Ordering::SeqCst) {
                return connection.wait_for_close();
            }
            quick(call, connection)
        }));
        let attributes = json!({ "routes": {
            "slow": { "action": "slow", "max_concurrency": OPEN, "timeout": MILLISECONDS },
            "quick": { "action": "quick" },
        } });
        let gateway = Gateway::with(&openwhisk, attributes, 2, |configuration| {
            let most = json!({ "max_connections": CLUSTER, "max_pending_requests": CLUSTER, "max_requests": CLUSTER });
            let breakers = json!({ "circuit_breakers": { "thresholds": [most] } });
            merge(at(configuration, "/static_resources/clusters/0"), &breakers);
        });
        Self { gateway, openwhisk, is_slow }
    }

    /// Fails unless everybody else is served.
    fn check_others(&self) {
        for number in 0..OPEN {
            let reply = get(self.gateway.port, "/quick");
            assert_eq!(reply.status, 200, "{number}: {}", String::from_utf8_lossy(&reply.body));
        }
    }
}

fn is_slow_call(path: &str) -> bool {
    path.contains("/actions/slow")
}

fn slow_calls(seen: &Seen) -> usize {
    seen.calls.iter().filter(|call| is_slow_call(&call.path)).count()
}

/// The client closes its connection.
fn leave_room() {
    let setup = Setup::new();
    in_http2(setup.gateway.port, async |client| {
        let open = open(client)?;
        wait_for_calls(&setup.openwhisk).await;
        drop(open);
        // Only a reply ends a connection; that of nobody will do.
        Ok(Reply { status: 200, headers: Vec::new(), body: Vec::new() })
    });
    setup.check_others();
    setup.gateway.check();
}

/// The client resets its requests. On its connection it stays with the worker where their calls are open.
fn refused() {
    let setup = Setup::new();
    let served = in_http2(setup.gateway.port, async |client| {
        let began = Instant::now();
        let mut open = open(client)?;
        // They come all at once, so no call ends in between.
        for response in open.drain(OPEN..) {
            check_refused(&read_stream(response).await?);
        }
        wait_for_calls(&setup.openwhisk).await;
        drop(open);
        setup.is_slow.store(false, Ordering::SeqCst);
        setup.check_others();
        assert_eq!(ask_stream(client, get_request("quick"), true).await?.status, 200);
        loop {
            let reply = ask_stream(client, get_request("slow"), true).await?;
            if reply.status == 200 {
                let elapsed = began.elapsed();
                assert!(elapsed >= TIMEOUT, "one more call after {elapsed:?}, while {OPEN} are open");
                return Ok(reply);
            }
            check_refused(&reply);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(served.body, b"{}");
    let counter = "wasmcustom.openwhisk_errors_total;action=guest/slow;kind=busy";
    setup.gateway.envoy.wait_for_counter(counter, |errors| errors >= u64::try_from(ASKED - OPEN).expect("few"));
    setup.gateway.check();
}

/// Until so many calls are open as may be.
async fn wait_for_calls(openwhisk: &Upstream) {
    while slow_calls(&openwhisk.seen()) < OPEN {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn get_request(action: &str) -> Request<()> {
    Request::get(format!("http://gateway.example/{action}")).body(()).expect("a request")
}

/// Sends many requests to the slow action at once.
fn open(client: &mut SendRequest<Bytes>) -> Result<Vec<ResponseFuture>, h2::Error> {
    (0..ASKED).map(|_| client.send_request(get_request("slow"), true).map(|(response, _)| response)).collect()
}

fn check_refused(reply: &Reply) {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let sentence = json!("too many calls of the action are open");
    assert_eq!((reply.status, &body["error"]), (503, &sentence), "{:?}", String::from_utf8_lossy(&reply.body));
    assert_eq!(header(reply, "retry-after"), [b"1"]);
}
