//! The configurations in the pages are accepted, and the table of attributes is that of the code.

use std::collections::BTreeSet;

use openwhisk_filter::answer::LARGEST_ANSWER;
use openwhisk_filter::answer::shaped::{NoReply, reply_to_result};
use openwhisk_filter::config::Config;
use openwhisk_filter::config::attribute::{ATTRIBUTES, DefaultValue};
use openwhisk_filter::config::expected::Expected;
use openwhisk_filter::config::settings::Settings;
use openwhisk_filter::proxy::Proxy;
use serde_json::Value as Json;

use crate::page::{self, Page, Rows};

/// The table of attributes.
pub fn attributes() -> Rows {
    Page::read("docs/configuration.md").table("attribute")
}

fn accepted(json: &str) -> Config {
    let read_environment = |_: &str| Some("alice:wonderland".to_owned());
    Config::from_json(json.as_bytes(), &read_environment).unwrap_or_else(|error| panic!("{error}\n{json}"))
}

/// A configuration without routes.
pub fn settings(json: &str) -> Settings {
    match accepted(json) {
        Config::Every(settings) => *settings,
        Config::Routes(_) => panic!("{json} has routes"),
    }
}

/// The configuration of the filter in a part of an Envoy configuration.
fn filter_configuration(filter: &Json) -> &str {
    filter.pointer("/typed_config/config/configuration/value").and_then(Json::as_str).expect("a StringValue")
}

#[test]
fn json_blocks_are_configurations_the_filter_accepts() {
    let mut accepted_blocks = 0;
    for block in page::for_users().iter().flat_map(|page| page.blocks_in("json")) {
        let json: Json = serde_json::from_str(&block).expect(&block);
        // On APISIX a configuration is a part of a route.
        let configuration = json.pointer("/plugins/openwhisk-wasm/conf").unwrap_or(&json);
        accepted(&configuration.to_string());
        accepted_blocks += 1;
    }
    assert!(accepted_blocks > 4, "only {accepted_blocks}");
}

#[test]
fn the_api_in_one_action_is_the_one_that_the_tests_run() {
    let page = Page::read("docs/functions.md");
    for (language, file) in [("js", include_str!("../api/orders.js")), ("json", include_str!("../api/filter.json"))] {
        assert!(page.blocks_in(language).iter().any(|block| block == file), "the page does not show {file}");
    }
}

#[test]
fn yaml_blocks_configure_the_filter_as_the_reference_configuration_does() {
    let reference: Json = serde_saphyr::from_str(include_str!("../../envoy/envoy.yaml")).expect("YAML");
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
    let reference = reference.pointer(manager).expect("the filter is the first one");
    accepted(filter_configuration(reference));
    let mut of_envoy = 0;
    for block in page::for_users().iter().flat_map(|page| page.blocks_in("yaml")) {
        let block: Json = serde_saphyr::from_str(&block).expect(&block);
        if let Some(plugin) = block.pointer("/wasm/plugins/0") {
            assert_eq!(plugin["name"], "openwhisk-wasm");
            continue;
        }
        of_envoy += 1;
        accepted(filter_configuration(&block));
        for setting in ["allow_on_headers_stop_iteration", "failure_policy", "vm_config/environment_variables"] {
            let setting = format!("/typed_config/config/{setting}");
            assert_eq!(block.pointer(&setting), reference.pointer(&setting), "{setting}");
        }
    }
    assert_eq!(of_envoy, 1);
}

#[test]
fn the_mistake_in_the_pages_is_the_one_that_is_told() {
    let config = br#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a", "timeout": 0}"#;
    let mistake = Config::from_json(config, &|_| None).expect_err("a mistake").to_string();
    let page = Page::read("docs/configuration.md");
    let shown: Vec<_> = page.blocks_in("text");
    assert_eq!(shown, [format!("openwhisk: {mistake}\n"), format!("error: {mistake}\n")]);
}

#[test]
fn the_modes_are_those_of_the_code() {
    let rows = Page::read("docs/configuration.md").table("mode");
    let modes: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    let config = r#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a", "mode": "x"}"#;
    let mistake = Config::from_json(config.as_bytes(), &|_| None).expect_err("a mistake").to_string();
    assert!(mistake.ends_with(&format!("expected one of {}", modes.join(", "))), "{mistake}: {modes:?}");
}

/// Those of the Lua plugin.
///
/// Source: apache/apisix@f519a0f `apisix/plugins/openwhisk.lua`.
const OF_THE_PLUGIN: [&str; 12] = [
    "api_host",
    "ssl_verify",
    "service_token",
    "namespace",
    "package",
    "action",
    "result",
    "timeout",
    "keepalive",
    "keepalive_timeout",
    "keepalive_pool",
    "max_req_body_size",
];

#[test]
fn the_new_attributes_are_those_that_the_plugin_does_not_have() {
    let page = Page::read("docs/configuration.md").sentences();
    let new = page.split_once(" New are ").and_then(|(_, rest)| rest.split_once(". ")).expect("a sentence").0;
    let told: BTreeSet<_> = new.split('`').skip(1).step_by(2).collect();
    let names = ATTRIBUTES.iter().map(|attribute| attribute.name);
    assert_eq!(told, names.filter(|name| !OF_THE_PLUGIN.contains(name)).collect());
}

#[test]
fn the_table_of_attributes_is_that_of_the_code() {
    let rows = attributes();
    assert!(rows.iter().map(|row| row[0].as_str()).eq(ATTRIBUTES.iter().map(|row| row.name)));
    for (row, attribute) in rows.iter().zip(ATTRIBUTES) {
        let [name, kind, default, meaning, on_apisix] = &row[..] else { panic!("{row:?}") };
        let expected = match attribute.default {
            DefaultValue::Required => "required",
            DefaultValue::Absent => "none",
            DefaultValue::Json(json) => json,
            DefaultValue::Derived => "host:port of api_host",
        };
        assert_eq!(default, expected, "the default of {name}");
        let expected = match attribute.expected {
            Expected::Boolean => "boolean",
            Expected::Number(_) => "integer",
            Expected::Credentials => "list of strings",
            Expected::Routes | Expected::CallHeaders | Expected::Bind => "object",
            Expected::ApiHost
            | Expected::Token
            | Expected::Secret
            | Expected::Name
            | Expected::Word(_)
            | Expected::Path
            | Expected::PathTemplate
            | Expected::Upstream => "string",
        };
        assert!(kind.starts_with(expected), "{name} is {kind}");
        // What is not in words: nobody expects less than none or one. How long a name may be stands below the table.
        for number in
            numbers(&attribute.expected.to_string()).iter().filter(|number| !["0", "1", "256"].contains(number))
        {
            assert!(numbers(meaning).contains(number), "{name}: {}", attribute.expected);
        }
        assert_eq!(on_apisix.starts_with("no effect"), attribute.is_ignored_on_apisix, "{name}: {on_apisix}");
    }
}

#[test]
fn what_has_no_effect_on_apisix_is_warned_of_and_documented() {
    let config = settings(
        r#"{"api_host": "https://ow", "service_token": "a:b", "namespace": "n", "action": "a",
            "ssl_verify": false, "retries": 1, "keepalive_timeout": 1000, "keepalive_pool": 5,
            "request_body": "buffer_filter"}"#,
    );
    let warned = config.without_effect_on(Proxy::Apisix);
    let rows = attributes().into_iter().filter(|row| row[4].starts_with("no effect"));
    let documented: Vec<_> = rows.map(|row| format!("`{}`", row[0])).collect();
    assert_eq!(warned.len(), documented.len());
    for (sentence, attribute) in warned.iter().zip(&documented) {
        assert!(sentence.starts_with(attribute), "{attribute}: {sentence}");
    }
    assert!(config.without_effect_on(Proxy::Envoy).is_empty());
}

/// The numbers in a text.
fn numbers(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty()).collect()
}

#[test]
fn the_limits_in_the_pages_are_those_of_the_code() {
    let lines = serde_json::json!({"headers": {"a": vec![0; 1000]}}).to_string();
    let Err(NoReply::BrokenRule(rule)) = reply_to_result(&lines) else { panic!("a thousand lines break a rule") };
    let rule = rule.to_string();
    let [most_lines, most_bytes] = numbers(&rule)[..2] else { panic!("{rule}") };
    let functions = Page::read("docs/functions.md").table("key");
    let shown = functions[1][1].replace(',', "");
    assert!(shown.contains(&format!("{most_lines} lines and {most_bytes} bytes at most")), "{rule}: {shown}");

    let largest_body = settings(
        r#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a",
            "max_req_body_size": 9007199254740992}"#,
    )
    .body_limit();
    let (body, answer) = (format!("{} MiB", largest_body >> 20), format!("{} MiB", LARGEST_ANSWER >> 20));
    for page in ["README.md", "docs/architecture.md", "docs/operations.md"] {
        let text = Page::read(page).text;
        assert!(text.contains(&body) && text.contains(&answer), "{page}: {body}, {answer}");
    }

    let reference: Json = serde_saphyr::from_str(include_str!("../../envoy/envoy.yaml")).expect("YAML");
    let breaker = "/static_resources/clusters/0/circuit_breakers/thresholds/0/max_requests";
    let calls: Json = serde_json::from_str(include_str!("../../envoy/hello.json")).expect("JSON");
    let retries = breaker.replace("max_requests", "max_retries");
    for (page, expected) in [
        (
            "docs/operations.md",
            format!("`max_requests` ({} in what `openwhisk-envoy` prints)", reference.pointer(breaker).expect(breaker)),
        ),
        ("docs/operations.md", format!("The reference and the manifests have {},", calls["max_concurrency"])),
        (
            "docs/configuration.md",
            format!("{} in what `openwhisk-envoy` prints", reference.pointer(&retries).expect("retries")),
        ),
        ("docs/configuration.md", format!("More than {largest_body} is never taken")),
        ("docs/configuration.md", format!("`namespace`, `package` and `action` are each {}.", Expected::Name)),
    ] {
        assert!(Page::read(page).sentences().contains(&expected), "{page}: {expected}");
    }
}
