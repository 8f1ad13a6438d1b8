//! The documentation is executed, and what users copy from this repository is checked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "test code stops at the first surprise"
)]

// The pages.
/// Commands, options and versions.
mod commands;
/// Configurations, and the table of attributes.
mod configuration;
/// The tables of errors.
mod errors;
/// The numbers.
mod evidence;
/// Links and anchors.
mod links;
/// Metrics and the access log.
mod metrics;
/// Modules of the filter, and the map of them.
mod modules;
/// What a page consists of.
mod page;

// What users copy.
/// The dashboard for Grafana.
mod dashboard;
/// `make run`.
mod demo;
/// The manifests of Istio and Envoy Gateway, the image, docker compose.
mod manifests;
/// The JSON Schema of the configuration.
mod schema;

use std::path::{Path, PathBuf};

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
