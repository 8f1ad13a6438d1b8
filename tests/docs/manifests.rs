//! What runs the filter elsewhere: the manifests of Istio and Envoy Gateway, the image, docker compose.
//!
//! Nothing of it is run here: `make kubernetes` runs the manifests, and there is no container engine for the rest. Checked
//! is that each file can be read, that its parts fit together and that the filter accepts its configuration;
//! `tests/manifests/` checks the manifests against the published schemas.

mod envoy_gateway;
mod istio;

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use openwhisk_filter::config::Config;
use openwhisk_filter::config::api_host::ApiHost;
use serde_json::{Map, Value, json};

use crate::root;

const ISTIO: &str = include_str!("../../envoy/istio.yaml");
const WASM_PLUGIN: &str = include_str!("../../envoy/istio-wasm-plugin.yaml");
const GATEWAY_API: &str = include_str!("../../envoy/istio-gateway-api.yaml");
const GATEWAY_PATCH: &str = include_str!("../../envoy/istio-gateway-patch.yaml");
const ENVOY_GATEWAY: &str = include_str!("../../envoy/envoy-gateway.yaml");
const REFERENCE: &str = include_str!("../../envoy/envoy.yaml");
const COMPOSE: &str = include_str!("../../envoy/docker-compose.yaml");
const DOCKERFILE: &str = include_str!("../../envoy/Dockerfile");
const MAKEFILE: &str = include_str!("../../Makefile");

/// What `make build` makes of the filter.
const FILTER: &str = "target/wasm32-wasip1/release/openwhisk_filter.wasm";

/// The image that the manifests name: that of the filter in its version.
fn image() -> String {
    let manifest = include_str!("../../Cargo.toml");
    let version = manifest.split("version = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a version");
    format!("registry.example/openwhisk-filter:{version}")
}

/// The resources of a manifest.
#[derive(Debug)]
struct Manifest(Vec<Value>);

impl Manifest {
    fn read(yaml: &str) -> Self {
        let resources: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("YAML");
        let mut names = BTreeSet::new();
        for resource in &resources {
            let text =
                |path| resource.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {resource}"));
            assert!(names.insert((text("/kind"), text("/metadata/name"))), "{resource} is there twice");
            assert!(text("/apiVersion").contains("v1"), "{resource}");
            assert!(resource["spec"].is_object() || resource["data"].is_object(), "{resource}");
        }
        Self(resources)
    }

    /// The only resource of a kind.
    fn the(&self, kind: &str) -> &Value {
        let found: Vec<_> = self.0.iter().filter(|resource| resource["kind"] == kind).collect();
        assert_eq!(found.len(), 1, "resources of the kind {kind}");
        found[0]
    }

    /// The resource of a kind with this name.
    fn named(&self, kind: &str, name: &str) -> &Value {
        let is = |resource: &&Value| resource["kind"] == kind && resource["metadata"]["name"] == name;
        self.0.iter().find(is).unwrap_or_else(|| panic!("no {kind} {name}"))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

/// A configuration of the filter as an object, which the filter must accept: its `api_host`, its body limit.
fn accepted(configuration: &Value) -> (ApiHost, u64) {
    let environment = |_: &str| Some("alice:wonderland".to_owned());
    Config::from_json(configuration.to_string().as_bytes(), &environment).unwrap_or_else(|error| panic!("{error}"));
    let api_host = ApiHost::parse(text(&configuration["api_host"])).expect("accepted");
    (api_host, configuration["max_req_body_size"].as_u64().expect("a limit"))
}

/// The configuration in a manifest, which must leave the key to the cluster.
fn accepted_without_key(configuration: &Value) -> (ApiHost, u64) {
    for name in ["service_token", "authorization", "call_headers"] {
        assert!(configuration.get(name).is_none(), "{name}: {configuration}");
    }
    assert!(configuration["max_concurrency"].is_u64(), "{configuration}");
    accepted(configuration)
}

/// The buffer filter must be behind the filter, hold what the filter takes, and a little more.
fn assert_holds(buffer: u64, limit: u64) {
    assert!((limit + 1..limit * 2).contains(&buffer), "{buffer} bytes for bodies of up to {limit}");
}

fn the_only(list: &Value) -> &Value {
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    &list[0]
}

/// The name of the host and the port that a cluster must have.
fn host_and_port(api_host: &ApiHost) -> (String, u64) {
    let host_and_port = api_host.host_and_port();
    let (host, port) = host_and_port.rsplit_once(':').expect("a port");
    (host.to_owned(), port.parse().expect("a number"))
}

#[test]
fn the_image_is_one_layer_with_plugin_wasm() {
    let lines: Vec<_> = DOCKERFILE.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, ["FROM scratch", "COPY openwhisk_filter.wasm ./plugin.wasm"]);
    let (context, file) = FILTER.rsplit_once('/').expect("a folder");
    assert_eq!(file, "openwhisk_filter.wasm");
    let command = format!("docker build --platform linux/amd64 -f envoy/Dockerfile -t {} {context}", image());
    assert!(DOCKERFILE.contains(&command), "{command}");
}

#[test]
fn docker_compose_runs_the_reference_configuration() {
    let compose: Value = serde_saphyr::from_str(COMPOSE).expect("YAML");
    let services = compose["services"].as_object().expect("services");
    for (name, service) in services {
        let (image, tag) = text(&service["image"]).rsplit_once(':').expect("a tag");
        assert!(!tag.is_empty() && tag != "latest", "{name} runs {image}:{tag}");
    }
    let envoy = &services["envoy"];
    let version = MAKEFILE.lines().find_map(|line| line.strip_prefix("envoy_version := ")).expect("a version");
    assert_eq!(envoy["image"], format!("envoyproxy/envoy:v{version}"));

    // Every path is there, in the repository or after `make build`.
    let mut inside = Map::new();
    for mount in services.values().flat_map(|service| service["volumes"].as_array().into_iter().flatten()) {
        let (outside, at) = text(mount).split_once(':').expect("two paths");
        let at = at.trim_end_matches(":ro").to_owned();
        if outside == "/var/run/docker.sock" {
            continue;
        }
        let source = from_the_top(outside);
        assert!(source == Path::new(FILTER) || root().join(&source).is_file(), "{}", source.display());
        inside.insert(at, json!(source));
    }

    // Envoy finds its configuration, and there the filter, the key and OpenWhisk.
    let reference: Value = serde_saphyr::from_str(REFERENCE).expect("YAML");
    assert_eq!(envoy["command"], json!(["-c", "/etc/envoy/envoy.yaml"]));
    assert_eq!(inside["/etc/envoy/envoy.yaml"], "envoy/envoy.yaml");
    let filter = reference
        .pointer(
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config",
        )
        .expect("the filter is the first one");
    let file = text(filter.pointer("/vm_config/code/local/filename").expect("a file"));
    let file = Path::new(text(&envoy["working_dir"])).join(file);
    assert_eq!(inside[file.to_str().expect("UTF-8")], FILTER);
    let configuration: Value =
        serde_json::from_str(text(filter.pointer("/configuration/value").expect("a configuration"))).expect("JSON");
    let (api_host, _) = accepted(&configuration);
    let variable = text(&configuration["service_token"]).strip_prefix("$ENV://").expect("no key in a file");
    let environment = envoy["environment"].as_object().expect("an environment");
    assert_eq!(environment.keys().collect::<Vec<_>>(), [variable]);
    assert_eq!(environment[variable], corpus::GUEST);
    let published = the_only(&services["openwhisk"]["ports"]);
    assert_eq!(published, &json!(format!("{}:3233", api_host.host_and_port())));
    assert_eq!(envoy["network_mode"], "host");
}

/// A path that `envoy/docker-compose.yaml` names, from the top of the repository.
fn from_the_top(path: &str) -> PathBuf {
    let mut result = PathBuf::from("envoy");
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => assert!(result.pop(), "{path}"),
            Component::Normal(name) => result.push(name),
            Component::CurDir => {}
            other => panic!("{other:?} in {path}"),
        }
    }
    result
}
