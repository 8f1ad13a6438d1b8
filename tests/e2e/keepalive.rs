//! Connections to the upstream.

use std::thread;

use serde_json::json;

use crate::client::get;
use crate::stage::Plan;
use crate::upstream::{self, answers_after};

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let ready = || upstream::result("{\"ready\":true}");
    let off = json!({ "keepalive": false });
    plan.test_site("keepalive::off_each_call_has_its_own_connection", off, ready(), |_, port, upstream| {
        for _ in 0..50 {
            assert_eq!(get(port, "/hello").status, 200);
        }
        let seen = upstream.wait("all connections closed", |seen| seen.open == 0);
        assert_eq!((seen.calls.len(), seen.accepted), (50, 50));
    });

    let on = json!({ "keepalive": true });
    plan.test_site("keepalive::on_50_calls_share_one_connection", on, ready(), |_, port, upstream| {
        for _ in 0..50 {
            assert_eq!(get(port, "/hello").status, 200);
        }
        let seen = upstream.seen();
        assert_eq!((seen.calls.len(), seen.accepted), (50, 1));
    });

    let name = "keepalive::a_pool_of_2_limits_no_calls_and_keeps_few_connections";
    let pool = json!({ "keepalive_pool": 2 });
    plan.test_site(name, pool, answers_after(20, "{\"ready\":true}"), |_, port, upstream| {
        let clients: Vec<_> = (0..20).map(|_| thread::spawn(move || get(port, "/hello").status)).collect();
        let statuses: Vec<_> = clients.into_iter().map(|client| client.join().expect("a reply")).collect();
        assert_eq!(statuses, [200; 20], "each waits for the others");
        for _ in 0..30 {
            assert_eq!(get(port, "/hello").status, 200);
        }
        let seen = upstream.wait("at most 3 connections left open", |seen| seen.open <= 3);
        assert!(seen.open >= 1, "a steady load keeps its connection");
    });
}
