//! An Envoy that takes its listener, or the filter, from a file that can be replaced while it runs.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use testbed::artifact;
use testbed::bootstrap::{at, filter};
use testbed::envoy::{Envoy, Options};
use testbed::upstream::Address;

use crate::bootstrap::{Line, Reference};

/// The listener, the filter and the cluster.
pub const SITE: &str = "update";

/// What is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// The listener.
    Lds,
    /// The filter.
    Ecds,
}

/// The Envoy and its file. Dropping it ends and removes both.
pub struct Discovered {
    /// The Envoy.
    pub envoy: Envoy,
    source: Source,
}

struct Source {
    discovery: Discovery,
    upstream: Address,
    folder: PathBuf,
}

impl Discovered {
    /// Starts one with these attributes on top of the usual ones.
    pub fn start(discovery: Discovery, upstream: Address, attributes: Value, options: &Options) -> Self {
        let folder = artifact::temporary("discovery");
        fs::create_dir_all(&folder).expect("a folder");
        let source = Source { discovery, upstream, folder };
        let bootstrap = source.replace(attributes);
        let envoy = Envoy::start_with(&bootstrap, options).unwrap_or_else(|error| panic!("{error}"));
        Self { envoy, source }
    }

    /// The port of the listener.
    pub fn port(&self) -> u16 {
        self.envoy.port(SITE)
    }

    /// Gives the running Envoy other attributes.
    pub fn update(&self, attributes: Value) {
        self.source.replace(attributes);
    }

    /// Gives the running Envoy a file with this text.
    pub fn replace_file(&self, text: &str) {
        self.source.write(text);
    }

    /// Waits until this counter of what became of the updates has this value.
    pub fn wait_for(&self, counter: &str, value: u64) {
        let prefix = match self.source.discovery {
            Discovery::Lds => "listener_manager.lds",
            Discovery::Ecds => "extension_config_discovery.http_filter.openwhisk",
        };
        self.envoy.wait_for_counter(&format!("{prefix}.{counter}"), |now| now == value);
    }
}

impl Source {
    /// Writes the file; the rest of the configuration, which refers to it.
    fn replace(&self, attributes: Value) -> Value {
        let line = Line::of(SITE, attributes, self.upstream);
        let reference = Reference::read().unwrap_or_else(|error| panic!("{error}"));
        // Nothing may leak, so nobody needs to be there.
        let mut configuration = reference.with(&[line], 1);
        let source = json!({
            "path_config_source": { "path": self.folder.join("resources.json") }, "resource_api_version": "V3",
        });
        let mut listener = at(&mut configuration, "/static_resources/listeners/0").take();
        configuration["node"] = json!({ "id": "tests", "cluster": "tests" });
        let resource = match self.discovery {
            Discovery::Lds => {
                configuration["dynamic_resources"]["lds_config"] = source;
                configuration["static_resources"]["listeners"] = json!([]);
                listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
                listener
            }
            Discovery::Ecds => {
                let filter = filter(at(&mut listener, "/filter_chains/0/filters/0/typed_config"));
                let mut resource = filter.take();
                let types = [&resource["typed_config"]["@type"]];
                let discovery = json!({ "config_source": source, "type_urls": types });
                *filter = json!({ "name": &resource["name"], "config_discovery": discovery });
                configuration["static_resources"]["listeners"] = json!([listener]);
                resource["@type"] = json!("type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig");
                resource
            }
        };
        self.write(&json!({ "resources": [resource] }).to_string());
        configuration
    }

    /// Replaces the file at once: a reader sees the old one or the new one.
    fn write(&self, text: &str) {
        let new = self.folder.join("new.json");
        fs::write(&new, text).expect("written");
        fs::rename(new, self.folder.join("resources.json")).expect("renamed");
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
