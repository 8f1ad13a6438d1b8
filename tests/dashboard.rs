//! The dashboard for Grafana shows what the filter counts. No Grafana is run here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code stops at the first surprise"
)]

use std::collections::BTreeSet;

use openwhisk_filter::metric::ErrorKind;
use serde_json::{Value, json};

const DASHBOARD: &str = include_str!("../envoy/dashboard.json");

/// The metrics of the filter on Envoy's `/stats/prometheus`, with their labels, as an end-to-end test finds them.
const METRICS: &[(&str, &[&str])] = &[
    ("openwhisk_requests_total", &["action", "status"]),
    ("openwhisk_errors_total", &["action", "kind"]),
    ("openwhisk_call_duration_milliseconds_bucket", &["action", "le"]),
    ("openwhisk_calls_in_flight", &["action"]),
];

/// The label of Envoy's own metrics of a cluster.
const CLUSTER: &str = "envoy_cluster_name";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

/// The words of an expression without strings and variables of Grafana.
fn words(expression: &str) -> BTreeSet<String> {
    let outside: String = expression.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    let words = outside.split(|c| !is_word(c)).filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    words.map(str::to_owned).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).expect("JSON")
}

/// The panels that are no rows.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().expect("panels").iter().filter(|panel| panel["type"] != "row")
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    const LANGUAGE: &[&str] = &["sum", "by", "rate", "increase", "histogram_quantile", "label_values"];
    let dashboard = dashboard();
    let targets = panels(&dashboard).flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let queries = variables.iter().filter_map(|variable| variable["query"]["query"].as_str());
    let mut shown = BTreeSet::new();
    for expression in targets.map(|target| text(&target["expr"])).chain(queries) {
        let words = words(expression);
        let words = words.iter().map(String::as_str).filter(|word| !LANGUAGE.contains(word));
        let (metrics, labels): (BTreeSet<_>, BTreeSet<_>) = words.partition(|word| {
            METRICS.iter().any(|(name, _)| name == word) || word.starts_with("envoy_cluster_") && *word != CLUSTER
        });
        assert!(!metrics.is_empty(), "{expression}");
        for metric in metrics {
            let known = METRICS.iter().find(|(name, _)| *name == metric).map(|(_, labels)| *labels);
            let known = known.or_else(|| metric.starts_with("envoy_cluster_").then_some(&[CLUSTER]));
            let known = known.unwrap_or_else(|| panic!("{metric} in {expression}"));
            assert!(labels.iter().all(|label| known.contains(label)), "{expression}: {labels:?}");
            shown.insert(metric.to_owned());
        }
    }
    for (metric, _) in METRICS {
        assert!(shown.contains(*metric), "{metric} is not shown");
    }
}

#[test]
fn every_panel_of_the_dashboard_has_a_title_a_unit_and_the_chosen_data_source() {
    let dashboard = dashboard();
    let source = &dashboard["templating"]["list"][0];
    assert_eq!((&source["type"], &source["query"]), (&json!("datasource"), &json!("prometheus")));
    let chosen = json!({"type": "prometheus", "uid": format!("${{{}}}", text(&source["name"]))});
    let all = dashboard["panels"].as_array().expect("panels");
    let mut titles = BTreeSet::new();
    for panel in all {
        let title = text(&panel["title"]);
        assert!(!title.is_empty() && titles.insert(title), "{title:?}");
    }
    for panel in panels(&dashboard) {
        let title = text(&panel["title"]);
        assert!(!text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(), "{title}");
        assert!(text(&panel["description"]).ends_with('.'), "{title}");
        for queried in panel["targets"].as_array().expect("targets").iter().chain([panel]) {
            assert_eq!(queried["datasource"], chosen, "{title}");
        }
    }
    let ids: BTreeSet<_> = all.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn the_dashboard_has_a_row_for_each_question_and_explains_each_kind_of_error() {
    let dashboard = dashboard();
    let rows: Vec<_> = dashboard["panels"]
        .as_array()
        .expect("panels")
        .iter()
        .filter(|panel| panel["type"] == "row")
        .map(|row| text(&row["title"]))
        .collect();
    assert_eq!(rows, ["Calls", "Errors", "Latency", "Calls in flight", "Cluster of OpenWhisk, as Envoy sees it"]);
    let errors = panels(&dashboard).find(|panel| panel["title"] == "Errors by kind").expect("a panel");
    let told: BTreeSet<_> = text(&errors["description"]).split(|c: char| !c.is_ascii_lowercase() && c != '_').collect();
    for kind in ErrorKind::ALL.map(ErrorKind::as_str) {
        assert!(told.contains(kind), "{kind} is not explained");
    }
    for quantile in ["0.5", "0.95", "0.99"] {
        assert!(DASHBOARD.contains(&format!("histogram_quantile({quantile}, ")), "{quantile}");
    }
}
