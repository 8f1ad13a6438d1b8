//! The numbers of the page of evidence are counted, or those of a report.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use corpus::configurations;
use serde_json::Value;

use crate::page::Page;
use crate::root;

fn page() -> Page {
    Page::read("docs/evidence.md")
}

/// The report of `make bench` that lies beside its charts.
fn report() -> Value {
    serde_json::from_str(include_str!("../bench/charts/report.json")).expect("JSON")
}

const MIB: f64 = 1_048_576.0;

/// What stands behind a name at the beginning of a line.
fn value_of<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)).expect(name)
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The only row of a part of the report with these values.
fn row<'a>(part: &'a Value, values: &[(&str, &str)]) -> &'a Value {
    let has = |row: &Value| values.iter().all(|(name, value)| row[name] == *value);
    let rows: Vec<_> = part.as_array().expect("rows").iter().filter(|row| has(row)).collect();
    assert_eq!(rows.len(), 1, "rows with {values:?}");
    rows[0]
}

#[test]
fn the_cases_are_counted() {
    let folders = fs::read_dir(root().join("tests/golden")).expect("a folder");
    let golden = folders.filter(|entry| entry.as_ref().expect("an entry").path().is_dir()).count();
    let all = configurations(&root().join("tests/configurations.yaml")).expect("configurations");
    let accepted = all.iter().filter(|configuration| configuration.errors.is_empty()).count();
    let rows = page().table("what was tried");
    for (cell, expected) in [
        (&rows[0][0], format!("{golden} golden cases: ")),
        (&rows[1][0], format!("{} right, wrong and strange configurations", all.len())),
        (&rows[1][1], format!("{accepted} are right and accepted")),
    ] {
        assert!(cell.starts_with(&expected), "{expected}: {cell}");
    }
    let readme = format!("- **Evidence**: {golden} exchanges ");
    assert!(Page::read("README.md").sentences().contains(&readme), "{readme}");
}

#[test]
fn the_versions_of_envoy_and_the_lengths_of_the_gate_are_those_that_are_run() {
    let make = include_str!("../../Makefile");
    let gate = include_str!("../../.ci/run");
    let tested = value_of(make, "envoy_version := ");
    let versions = value_of(make, "versions ?= ").replace("$(envoy_version)", tested);
    let rows = page().table("Envoy");
    let shown: Vec<_> = rows.iter().flat_map(|row| row[0].split(", ")).collect();
    assert_eq!(shown, versions.split(' ').collect::<Vec<_>>());
    for row in &rows {
        let is_run = row[0] == tested || gate.contains(&format!("make matrix versions={}\n", row[0]));
        assert_eq!(row[1].contains("in the gate"), is_run, "{row:?}");
    }
    let minor = |version: &str| version.rsplit_once('.').expect("a version").0.to_owned();
    let [oldest, first, .., last, _] = &shown.iter().map(|version| minor(version)).collect::<Vec<_>>()[..] else {
        panic!("{shown:?}")
    };
    let others = format!("The tests run Envoy {tested}; {oldest} on each change, {first} to {last} [now and then]");
    for (page, expected) in [
        ("README.md", others),
        ("README.md", format!("Envoy before {oldest} was not tried")),
        ("CONTRIBUTING.md", format!("the end-to-end tests on Envoy {}", value_of(gate, "make matrix versions="))),
    ] {
        assert!(Page::read(page).sentences().contains(&expected), "{page}: {expected}");
    }
    for (command, expected) in [
        ("make fuzz seconds=", "In the gate each fuzz target runs {} seconds"),
        ("make soak seconds=", "seconds and the soak {};"),
    ] {
        let expected = expected.replace("{}", value_of(gate, command));
        assert!(page().sentences().contains(&expected), "{expected}");
    }
}

#[test]
fn the_table_of_costs_is_that_of_the_report() {
    let report = report();
    let measured = report["ratios"].as_array().expect("rows");
    let ratio = |row: &Value, of: &str| match &row[of] {
        Value::Null => "–".to_owned(),
        of => format!("{:.2} ({:.2}–{:.2})", number(&of["median"]), number(&of["min"]), number(&of["max"])),
    };
    let rows = page().table("workload");
    for row in &rows {
        let find = |who: &str| measured.iter().find(|found| found["workload"] == row[0] && found["contestant"] == who);
        let cost =
            |who: &str| find(who).map_or("–".to_owned(), |found| format!("{:.0}", number(&found["cpu"]["median"])));
        let filter = ["filter", "filter-http"].into_iter().find(|who| find(who).is_some()).expect("the filter");
        let ours = find(filter).expect("the filter");
        let of = ["to_native", "to_lua_bare", "to_lua_shaping"].map(|of| ratio(ours, of));
        let costs = ["native", "lua-bare", "lua-shaping", filter].map(cost);
        assert_eq!(row[1..], [&costs[..], &of].concat(), "{}", row[0]);
    }
    let workloads: BTreeSet<_> = measured.iter().map(|row| row["workload"].as_str().expect("a name")).collect();
    assert_eq!(rows.len(), workloads.len(), "a workload is missing");
}

#[test]
fn the_sentences_about_costs_are_those_of_the_report() {
    let report = report();
    let cpu = |who| number(&row(&report["ratios"], &[("workload", "plain"), ("contestant", who)])["cpu"]["median"]);
    let (native, bare, filter) = (cpu("native"), cpu("lua-bare"), cpu("filter"));
    let of_shaping = |workload| {
        number(&row(&report["ratios"], &[("workload", workload), ("contestant", "filter")])["to_lua_shaping"]["median"])
    };
    let [kilobyte, kilobytes, megabyte] = ["1 KB", "64 KB", "1 MB"].map(of_shaping);
    let of_bare = |workload| {
        number(
            &row(&report["growth"]["bodies"], &[("workload", workload), ("contestant", "filter")])["to_lua_bare"]["median"],
        )
    };
    let idle = |who: &str| {
        let rows = report["memory"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["contestant"] == who && row["workers"] == 1).expect(who);
        number(&row["idle"]) / MIB
    };
    let first = |who| number(&row(&report["start"], &[("contestant", who)])["first_reply"]["median"]) / 1000.0;
    let routes = |count: u64| {
        let rows = report["growth"]["routes"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["count"] == count && row["row"]["contestant"] == "filter");
        row.expect("routes")
    };
    let of_routes = |what: &str| number(&routes(10_000)[what]) - number(&routes(1)[what]);
    let machine = &report["machine"];
    let fact = |name: &str| machine[name].as_str().expect(name);
    let text = page().sentences();
    for expected in [
        format!("costs Envoy {:.0} µs more than a plain route", filter - native),
        format!("and {:.0} µs more than a script that checks nothing", filter - bare),
        format!("it costs {kilobyte:.2} with 1 KB, {kilobytes:.2} with 64 KB and {megabyte:.2} with 1 MB"),
        format!("up to {:.1} times (512 KB)", of_bare("512 KB")),
        format!("Envoy needs {:.0} MiB more", idle("filter") - idle("native")),
        format!("take {:.0} MiB and {:.0} ms at the start", of_routes("resident") / MIB, of_routes("set_up")),
        format!("of {} interleaved rounds", report["options"]["rounds"]),
        format!("Measured on {} with Envoy {}", &fact("date")[..10], fact("envoy")),
        format!("{} processors ({}, Linux {})", machine["processors"], fact("processor"), fact("kernel")),
        format!("{:.2} s to its first reply instead of {:.2}", first("filter"), first("native")),
    ] {
        assert!(text.contains(&expected), "{expected}");
    }
    let readme = Page::read("README.md").sentences();
    for expected in [
        format!("costs Envoy {filter:.0} µs of CPU, where a plain route without any of the checks costs {native:.0},"),
        format!("Envoy needs {:.0} MiB more memory", idle("filter") - idle("native")),
    ] {
        assert!(readme.contains(&expected), "{expected}");
    }
}

#[test]
fn the_table_of_waiting_is_that_of_the_report() {
    let report = report();
    for (row_of_page, percentile) in page().table("").iter().zip(["p50", "p99"]) {
        let wait = |who: &str| {
            let row = row(&report["latency"], &[("workload", "plain"), ("contestant", who)]);
            format!("{:.2}", number(&row[percentile]["median"]) / 1000.0)
        };
        assert_eq!(row_of_page[1..], ["native", "lua-bare", "filter"].map(wait), "{percentile}");
    }
    let rate = value_of(include_str!("../bench/src/latency.rs"), "pub const RATE: u32 = ").trim_end_matches(';');
    assert!(page().text.replace(',', "").contains(&format!("at {rate} requests/s")), "{rate}");
}

/// What the tests printed in one run.
#[test]
fn the_tables_of_hostile_input_are_those_of_the_report() {
    let measured = include_str!("measured.txt");
    let rows = page().table("what");
    for cells in &rows {
        let name = cells[0].split(": ").next().expect("a name");
        let grows = |line: &&str| line.ends_with(" MB more") && line.split("   ").next() == Some(name);
        let line = measured.lines().rfind(grows).expect(name);
        let [of, more] = [1, 2].map(|column| cells[column].split(' ').next().expect("a number"));
        assert!(
            line.contains(&format!(" {of} MB: ")) && line.ends_with(&format!(" {more} MB more")),
            "{cells:?}: {line}"
        );
        assert_eq!(cells[2].ends_with("413"), line.contains(": 413, "), "{cells:?}: {line}");
    }
    let mut waits: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for (head, wait) in measured.lines().filter_map(|line| line.split_once(" bytes: others wait ")) {
        let (shape, bytes) = head.rsplit_once(' ').expect("a shape and a size");
        let wait: f64 = wait.trim().trim_end_matches(" us").parse().expect("microseconds");
        waits.entry(bytes.to_owned()).or_default().insert(shape.trim().to_owned(), wait / 1000.0);
    }
    let rows = page().table("bytes of the result");
    assert_eq!(rows.len(), waits.len());
    for cells in rows {
        let shapes = ["one text", "a body of base64", "a body of escapes", "many names"];
        assert_eq!(cells[1..], shapes.map(|shape| format!("{:.1}", waits[&cells[0]][shape])), "{cells:?}");
    }
    let [date, processor, processors, kernel, envoy] =
        ["date ", "processor ", "processors ", "kernel ", "envoy "].map(|name| value_of(measured, name));
    let times = value_of(include_str!("../e2e/hostile/delay.rs"), "const TIMES: usize = ").trim_end_matches(';');
    for expected in [
        format!(
            "measured on {date} with Envoy {envoy} on a virtual machine with {processors} processors ({processor}, \
             Linux {kernel})"
        ),
        format!("in ms, median of {times}:"),
    ] {
        assert!(page().sentences().contains(&expected), "{expected}");
    }
}

#[test]
fn each_difference_from_a_web_action_is_a_golden_case() {
    let rows = Page::read("docs/functions.md").table("what");
    assert!(rows.len() > 10, "{} differences", rows.len());
    for row in rows {
        assert!(root().join("tests/golden").join(&row[3]).join("case.yaml").exists(), "{}: {}", row[0], row[3]);
    }
}
