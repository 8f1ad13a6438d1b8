//! The metrics and the access log in the pages are those of the code and of the reference configuration.

use openwhisk_filter::error::kind::ErrorKind;
use openwhisk_filter::metric::Metric;
use serde_json::Value;

use crate::configuration::settings;
use crate::page::Page;

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let settings = settings(r#"{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a"}"#);
    let metrics =
        [Metric::Requests(2), Metric::Errors(ErrorKind::Timeout), Metric::CallDuration, Metric::CallsInFlight];
    let rows = Page::read("docs/operations.md").table("metric");
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
    let blocks = Page::read("docs/operations.md").blocks_in("yml");
    let block = blocks.iter().find(|block| block.starts_with("access_log:")).expect("the access log");
    let documented: Value = serde_saphyr::from_str(block).expect("YAML");
    assert_eq!(reference.pointer(manager), Some(&documented["access_log"]));
}
