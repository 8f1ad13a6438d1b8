//! Renders the configuration of an Envoy from a configuration of the filter, so that every attribute takes effect:
//! what on Envoy belongs to the cluster or to the listener is set there.
//!
//! ```text
//! JSON -> found -> configuration -> clusters, routes, limit -> tree -> YAML
//! ```
//!
//! Nothing here reads a file or the environment: [`render`] is a function of the text and the [`Options`].

mod bootstrap;
mod cluster;
mod configuration;
mod found;
mod json;
mod limit;
mod render;
mod route;
mod yaml;

pub use cluster::SharedName;
pub use found::NotFound;
pub use render::{CA, Error, Form, Options, Protocol, Rendered, WASM, render};
pub use route::{InvalidPrefix, Prefix};
