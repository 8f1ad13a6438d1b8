//! The README is executed: its configurations are parsed, its tables and links compared with the code.

use std::collections::BTreeSet;

use http::StatusCode;
use openwhisk_filter::config::Config;
use openwhisk_filter::error::{Error, Words};
use openwhisk_filter::layer::ATTRIBUTES;
use openwhisk_filter::metric::{ErrorKind, Metric};
use openwhisk_filter::outcome::not_openwhisk;
use openwhisk_filter::proxy::Proxy;
use openwhisk_filter::settings::Settings;
use openwhisk_filter::shaping::{Misshapen, reply_to_result};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

use crate::root;

const README: &str = include_str!("../../README.md");

fn events() -> Parser<'static> {
    Parser::new_ext(README, Options::ENABLE_TABLES)
}

/// The code blocks in a language.
fn blocks(language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut inside = false;
    for event in events() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                inside = &*info == language;
                if inside {
                    blocks.push(String::new());
                }
            }
            Event::End(TagEnd::CodeBlock) => inside = false,
            Event::Text(text) if inside => blocks.last_mut().expect("started").push_str(&text),
            _ => {}
        }
    }
    assert!(!blocks.is_empty(), "the README has no {language} block");
    blocks
}

/// The rows of the table whose first header cell reads so, without the header.
fn table(first_header: &str) -> Vec<Vec<String>> {
    let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
    let mut cell = String::new();
    for event in events() {
        match event {
            Event::Start(Tag::Table(_)) => tables.push(Vec::new()),
            Event::Start(Tag::TableHead | Tag::TableRow) => tables.last_mut().expect("in a table").push(Vec::new()),
            Event::Start(Tag::TableCell) => cell.clear(),
            Event::Text(text) | Event::Code(text) => cell.push_str(&text),
            Event::End(TagEnd::TableCell) => {
                tables.last_mut().and_then(|table| table.last_mut()).expect("in a row").push(cell.clone());
            }
            _ => {}
        }
    }
    let table = tables.into_iter().find(|table| table[0][0] == first_header).expect(first_header);
    table[1..].to_vec()
}

fn accepted(json: &str) -> Config {
    let read_environment = |_: &str| Some("alice:wonderland".to_owned());
    Config::from_json(json.as_bytes(), &read_environment).unwrap_or_else(|error| panic!("{error}\n{json}"))
}

/// A configuration without routes.
fn settings(json: &str) -> Settings {
    match accepted(json) {
        Config::Every(settings) => *settings,
        Config::Routes(_) => panic!("{json} has routes"),
    }
}

/// The configuration of the filter in a part of an Envoy configuration.
fn filter_configuration(filter: &Value) -> &str {
    filter.pointer("/typed_config/config/configuration/value").and_then(Value::as_str).expect("a StringValue")
}

#[test]
fn json_blocks_are_configurations_the_filter_accepts() {
    for block in blocks("json") {
        let json: Value = serde_json::from_str(&block).expect(&block);
        // On APISIX a configuration is a part of a route.
        let configuration = json.pointer("/plugins/openwhisk-wasm/conf").unwrap_or(&json);
        accepted(&configuration.to_string());
    }
}

#[test]
fn the_api_in_one_action_is_the_one_that_the_tests_run() {
    let action = include_str!("../api/orders.js");
    assert!(blocks("js").iter().any(|block| block == action), "the README does not show tests/api/orders.js");
    let filter = include_str!("../api/filter.json");
    assert!(blocks("json").iter().any(|block| block == filter), "the README does not show tests/api/filter.json");
}

#[test]
fn yaml_blocks_configure_the_filter_as_the_reference_configuration_does() {
    let reference: Value = serde_saphyr::from_str(include_str!("../../envoy/envoy.yaml")).expect("YAML");
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
    let reference = reference.pointer(manager).expect("the filter is the first one");
    accepted(filter_configuration(reference));
    for block in blocks("yaml") {
        let block: Value = serde_saphyr::from_str(&block).expect(&block);
        if let Some(plugin) = block.pointer("/wasm/plugins/0") {
            assert_eq!(plugin["name"], "openwhisk-wasm");
            continue;
        }
        accepted(filter_configuration(&block));
        for setting in ["allow_on_headers_stop_iteration", "failure_policy", "vm_config/environment_variables"] {
            let setting = format!("/typed_config/config/{setting}");
            assert_eq!(block.pointer(&setting), reference.pointer(&setting), "{setting}");
        }
    }
}

#[test]
fn the_table_of_attributes_is_that_of_the_code() {
    let rows = table("attribute");
    let names: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, ATTRIBUTES);

    let complete = |extra: &str| {
        settings(&format!(
            r#"{{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a"{extra}}}"#
        ))
    };
    for row in rows {
        let (name, kind, default) = (&row[0], &row[1], &row[2]);
        match default.as_str() {
            "required" => {
                let missing = Config::from_json(b"{}", &|_| None).expect_err("everything is missing").to_string();
                assert!(missing.contains(&format!("`{name}` is missing")), "{name}");
            }
            "none" => {
                assert!(
                    ["package", "path_prefix", "forward_headers", "max_concurrency", "routes"].contains(&name.as_str()),
                    "{name}"
                );
            }
            "host:port of api_host" => assert_eq!(complete("").upstream().as_ref(), "ow:80"),
            // Whether it is given matters on APISIX, which warns of it.
            value if name == "keepalive_timeout" => {
                let given = complete(&format!(r#", "{name}": {value}"#));
                assert_eq!(complete("").keepalive_timeout(), given.keepalive_timeout(), "{name}: {value}");
            }
            value if name == "keepalive_pool" => {
                let given = complete(&format!(r#", "{name}": {value}"#));
                assert_eq!(given.without_effect_on(Proxy::Apisix).len(), 1, "{name}: {value}");
            }
            value => {
                assert_eq!(complete(""), complete(&format!(r#", "{name}": {value}"#)), "{name}: {value}");
                let expected = match value {
                    "true" => "boolean",
                    text if text.starts_with('"') => "string",
                    _ => "integer",
                };
                assert!(kind.starts_with(expected), "{name} is {kind}");
            }
        }
    }
}

/// An error of each kind. The match below keeps the list complete.
fn errors() -> Vec<Error> {
    let Err(Misshapen::BrokenRule(rule)) = reply_to_result(r#"{"statusCode": 0}"#) else {
        panic!("0 is no status");
    };
    let upstream = || "openwhisk".to_owned();
    let errors = vec![
        Error::RequestTooLarge { limit: 1 },
        Error::UnknownUpstream { upstream: upstream() },
        Error::UnavailableUpstream { upstream: upstream() },
        Error::Unreachable { upstream: upstream(), reason: String::new() },
        Error::DeadlinePassed { timeout: 1, activation_id: None },
        Error::BrokenOff { upstream: upstream() },
        not_openwhisk(StatusCode::OK, None, ""),
        Error::Refused { status: StatusCode::NOT_FOUND, activation_id: None, retry_after: None, body: String::new() },
        Error::ActionFailed { activation_id: None, body: String::new() },
        Error::BrokenRule { rule, activation_id: None },
        Error::UnsendableStatus { status: StatusCode::IM_A_TEAPOT, activation_id: None },
        Error::UnreadableBody,
        Error::NotConfigured,
        Error::MalformedBody { reason: "EOF".to_owned() },
        Error::ReservedParameter,
        Error::RoutesUnsupported,
        Error::OutOfMemory,
        Error::MethodNotAllowed { method: "CONNECT" },
        Error::LengthRequired,
        Error::IncompleteBody,
        Error::NotAwaited { timeout: 2, after: 1, activation_id: None },
        Error::ParametersTooLarge { limit: 1 },
        Error::Grpc,
        Error::TooManyCalls { most: 1 },
        Error::AnswerTooLarge { activation_id: None },
    ];
    let kinds = errors.iter().map(|error| match error {
        Error::RequestTooLarge { .. } => 0,
        Error::UnknownUpstream { .. } => 1,
        Error::UnavailableUpstream { .. } => 2,
        Error::Unreachable { .. } => 3,
        Error::DeadlinePassed { .. } => 4,
        Error::BrokenOff { .. } => 5,
        Error::NotOpenWhisk { .. } => 6,
        Error::Refused { .. } => 7,
        Error::ActionFailed { .. } => 8,
        Error::BrokenRule { .. } => 9,
        Error::UnsendableStatus { .. } => 10,
        Error::UnreadableBody => 11,
        Error::NotConfigured => 12,
        Error::MalformedBody { .. } => 13,
        Error::ReservedParameter => 14,
        Error::RoutesUnsupported => 15,
        Error::OutOfMemory => 16,
        Error::MethodNotAllowed { .. } => 17,
        Error::LengthRequired => 18,
        Error::IncompleteBody => 19,
        Error::NotAwaited { .. } => 20,
        Error::ParametersTooLarge { .. } => 21,
        Error::Grpc => 22,
        Error::TooManyCalls { .. } => 23,
        Error::AnswerTooLarge { .. } => 24,
    });
    assert!(kinds.eq(0..25), "an error is missing");
    errors
}

#[test]
fn what_has_no_effect_on_apisix_is_warned_of_and_documented() {
    let config = settings(
        r#"{"api_host": "https://ow", "service_token": "a:b", "namespace": "n", "action": "a",
            "ssl_verify": false, "retries": 1, "keepalive_timeout": 1000, "keepalive_pool": 5,
            "request_body": "buffer_filter"}"#,
    );
    let warned = config.without_effect_on(Proxy::Apisix);
    let rows = table("attribute").into_iter().filter(|row| row[4].starts_with("no effect"));
    let documented: Vec<_> = rows.map(|row| format!("`{}`", row[0])).collect();
    assert_eq!(warned.len(), documented.len());
    for (sentence, attribute) in warned.iter().zip(&documented) {
        assert!(sentence.starts_with(attribute), "{attribute}: {sentence}");
    }
    assert!(config.without_effect_on(Proxy::Envoy).is_empty());
}

#[test]
fn the_table_of_what_goes_wrong_is_that_of_the_code() {
    let rows = table("what happened");
    let mut told = Vec::new();
    for error in errors() {
        let (expected, status) = match error.for_client() {
            Words::Gateway(sentence) => (sentence, error.status().as_str().to_owned()),
            Words::OpenWhisk(_) if matches!(error, Error::Refused { .. }) => {
                ("OpenWhisk's answer, {\"code\": …, \"error\": …}".to_owned(), "OpenWhisk's".to_owned())
            }
            Words::OpenWhisk(_) => ("OpenWhisk's answer, {\"error\": …}".to_owned(), "502".to_owned()),
        };
        let row = rows.iter().position(|row| {
            let mut rest = expected.as_str();
            row[2].split('…').all(|part| {
                rest.split_once(part).is_some_and(|(_, behind)| {
                    rest = behind;
                    true
                })
            })
        });
        let row = row.unwrap_or_else(|| panic!("the README does not tell of {expected:?}"));
        assert!(rows[row][1].contains(&status), "{expected:?} comes with {status}, not {:?}", rows[row][1]);
        told.push(row);
    }
    told.sort_unstable();
    told.dedup();
    assert!(told.iter().copied().eq(0..rows.len()), "the README tells of an error that the code does not have");
}

/// Whether a text is this one, in which each `…` stands for anything.
fn fits(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let mut rest = text.strip_prefix(parts.next().unwrap_or_default());
    for part in parts {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, behind)| behind);
    }
    rest.is_some_and(|rest| rest.is_empty() || pattern.ends_with('…'))
}

#[test]
fn the_runbook_tells_of_every_error_and_of_no_other() {
    let rows = table("kind");
    let mut told = vec![false; rows.len()];
    for error in errors() {
        let (kind, line) = (ErrorKind::of(&error).as_str(), error.to_string());
        let row = rows.iter().position(|row| row[0] == kind && fits(&line, &row[1]));
        told[row.unwrap_or_else(|| panic!("the runbook does not tell of {kind}: {line}"))] = true;
    }
    for (row, told) in rows.iter().zip(told) {
        assert!(told, "the runbook tells of an error that the code does not have: {row:?}");
        assert!(row[2..].iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    for kind in ErrorKind::ALL.map(ErrorKind::as_str) {
        assert!(rows.iter().any(|row| row[0] == kind), "the runbook does not tell of {kind}");
    }
}

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let settings = settings(r#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a"}"#);
    let metrics =
        [Metric::Requests(2), Metric::Errors(ErrorKind::Timeout), Metric::CallDuration, Metric::CallsInFlight];
    let rows = table("metric");
    assert_eq!(rows.len(), metrics.len());
    for (row, metric) in rows.iter().zip(metrics) {
        let name = metric.name(settings.action());
        let mut parts = name.split(';');
        assert_eq!(parts.next(), Some(row[0].as_str()));
        let labels: Vec<_> = parts.filter_map(|part| part.split('=').next()).collect();
        let documented: Vec<_> = row[1].split(", ").filter_map(|label| label.split(' ').next()).collect();
        assert_eq!(labels, documented[..labels.len()], "{name}");
    }
}

#[test]
fn the_access_log_is_that_of_the_reference_configuration() {
    let reference: Value = serde_saphyr::from_str(include_str!("../../envoy/envoy.yaml")).expect("YAML");
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/access_log";
    let blocks = blocks("yml");
    let block = blocks.iter().find(|block| block.starts_with("access_log:")).expect("the access log");
    let documented: Value = serde_saphyr::from_str(block).expect("YAML");
    assert_eq!(reference.pointer(manager), Some(&documented["access_log"]));
}

/// The numbers come from one run, whose report lies beside its charts.
#[test]
fn the_table_of_costs_is_that_of_the_report() {
    let report: Value = serde_json::from_str(include_str!("../bench/charts/report.json")).expect("JSON");
    let measured = report["ratios"].as_array().expect("rows");
    let number = |value: &Value| value.as_f64().expect("a number");
    let ratio = |row: &Value, of: &str| match &row[of] {
        Value::Null => "–".to_owned(),
        of => format!("{:.2} ({:.2}–{:.2})", number(&of["median"]), number(&of["min"]), number(&of["max"])),
    };
    let rows = table("workload");
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
    let machine = &report["machine"];
    for fact in ["processor", "kernel", "envoy"] {
        assert!(README.contains(machine[fact].as_str().expect("a text")), "{fact}");
    }
}

#[test]
fn links_lead_somewhere_and_every_source_file_is_on_the_map() {
    let root = root();
    for event in events() {
        if let Event::Start(Tag::Link { dest_url, .. }) = event
            && !dest_url.contains("://")
            && !dest_url.starts_with('#')
        {
            assert!(root.join(&*dest_url).exists(), "{dest_url}");
        }
    }
    for file in std::fs::read_dir(root.join("src")).expect("src") {
        let name = file.expect("a file").file_name().into_string().expect("UTF-8");
        assert!(README.contains(&format!("(src/{name})")), "src/{name} is not on the map");
    }
}

#[test]
fn the_commands_exist() {
    let makefile = include_str!("../../Makefile");
    let spans = events().filter_map(|event| if let Event::Code(code) = event { Some(code.to_string()) } else { None });
    let lines = blocks("sh").into_iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    let mut found = 0;
    for command in spans.chain(lines) {
        if let Some((_, target)) = command.split_once("make ").filter(|(before, _)| !before.contains(['-', '/'])) {
            found += 1;
            let target = target.split_whitespace().next().expect("a target");
            assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
        }
    }
    assert!(found > 3, "only {found} commands in the README");
}

#[test]
fn the_version_of_envoy_is_the_tested_one() {
    let make = include_str!("../../Makefile");
    let version = make.lines().find_map(|line| line.strip_prefix("envoy_version := ")).expect("a version");
    for expected in [format!("(version {version})"), format!("envoyproxy/envoy:v{version}")] {
        assert!(README.contains(&expected), "{expected}");
    }
}
