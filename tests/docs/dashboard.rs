//! The dashboard for Grafana shows what the filter counts. No Grafana is run here.

use std::collections::{BTreeMap, BTreeSet};

use openwhisk_filter::config::Config;
use openwhisk_filter::error::kind::ErrorKind;
use openwhisk_filter::metric::{Kind, Metric};
use serde_json::{Value, json};

const DASHBOARD: &str = include_str!("../../envoy/dashboard.json");

/// The metrics of the filter on Envoy's `/stats/prometheus`, with their labels.
fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let json = br#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a"}"#;
    let Ok(Config::Every(settings)) = Config::from_json(json, &|_| None) else { panic!("it is a configuration") };
    let all = [Metric::Requests(2), Metric::Errors(ErrorKind::Timeout), Metric::CallDuration, Metric::CallsInFlight];
    let metric = |metric: Metric| {
        let name = metric.name(settings.action());
        let mut parts = name.split(';');
        let name = parts.next().expect("a name").to_owned();
        let labels = parts.map(|part| part.split('=').next().expect("a label").to_owned());
        match metric.kind() {
            Kind::Histogram => (format!("{name}_bucket"), labels.chain(["le".to_owned()]).collect()),
            Kind::Counter | Kind::Gauge => (name, labels.collect()),
        }
    };
    all.map(metric).into_iter().collect()
}

/// What Envoy itself counts for each cluster.
const OF_CLUSTERS: &[&str] = &[
    "envoy_cluster_membership_healthy",
    "envoy_cluster_membership_total",
    "envoy_cluster_ssl_fail_verify_error",
    "envoy_cluster_ssl_fail_verify_san",
    "envoy_cluster_upstream_cx_active",
    "envoy_cluster_upstream_cx_connect_fail",
    "envoy_cluster_upstream_cx_connect_timeout",
    "envoy_cluster_upstream_rq_active",
    "envoy_cluster_upstream_rq_pending_active",
    "envoy_cluster_upstream_rq_pending_overflow",
    "envoy_cluster_upstream_rq_retry",
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
    let ours = metrics();
    let of_clusters = OF_CLUSTERS.iter().map(|name| ((*name).to_owned(), BTreeSet::from([CLUSTER.to_owned()])));
    let known: BTreeMap<_, _> = ours.clone().into_iter().chain(of_clusters).collect();
    let dashboard = dashboard();
    let targets = panels(&dashboard).flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let queries = variables.iter().filter_map(|variable| variable["query"]["query"].as_str());
    let mut shown = BTreeSet::new();
    for expression in targets.map(|target| text(&target["expr"])).chain(queries) {
        let words = words(expression).into_iter().filter(|word| !LANGUAGE.contains(&word.as_str()));
        let (metrics, labels): (BTreeSet<_>, BTreeSet<_>) = words.partition(|word| known.contains_key(word));
        assert!(!metrics.is_empty(), "{expression}");
        for metric in metrics {
            assert!(labels.is_subset(&known[&metric]), "{expression}: {labels:?}");
            shown.insert(metric);
        }
    }
    for metric in known.keys() {
        assert!(shown.contains(metric), "{metric} is not shown");
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
