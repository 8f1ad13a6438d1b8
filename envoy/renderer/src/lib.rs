//! Renders the configuration of an Envoy from a configuration of the filter, so that every attribute takes effect:
//! what on Envoy belongs to the cluster or to the listener is set there.
//!
//! ```text
//! JSON ------------------> configuration -> clusters, keys, routes, limit -> tree -> YAML
//! texts of APISIX -> apisix ---^---------------^--------^
//! ```
//!
//! [`kubernetes`] writes manifests of the same clusters and routes instead.
//!
//! Nothing here reads a file or the environment: [`render`] is a function of the text and the [`Options`].

mod apisix;
mod bootstrap;
mod cluster;
mod configuration;
pub mod credential;
mod edge;
mod environment;
mod found;
mod injection;
mod json;
mod key_file;
pub mod kubernetes;
mod limit;
mod neighbours;
mod render;
mod route;
mod selection;
mod summary;
mod table;
mod warning;
mod yaml;

pub use apisix::{Input, Key, Refusal, Router};
pub use cluster::SharedName;
pub use environment::NotAllowed;
pub use found::NotFound;
pub use injection::{sds, sds_path};
pub use key_file::{InvalidKeyFile, InvalidKeys, KeyFile};
pub use render::{CA, Error, Form, Options, Protocol, Rendered, WASM, render, render_all};
pub use route::{InvalidPrefix, Prefix};
