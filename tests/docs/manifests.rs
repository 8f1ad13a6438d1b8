//! What runs the filter elsewhere: the manifests of Istio and Envoy Gateway, the image, docker compose.
//!
//! There is neither a cluster nor a container engine here, so nothing of it is run. Checked is that each file can be read,
//! that its parts fit together and that the filter accepts its configuration; `tests/manifests/` checks the manifests
//! against the published schemas.

use std::collections::BTreeSet;
use std::env;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use openwhisk_envoy::{Form, Options, render};
use openwhisk_filter::config::Config;
use openwhisk_filter::config::api_host::{ApiHost, Scheme};
use serde_json::{Map, Value, json};

use crate::root;

const ISTIO: &str = include_str!("../../envoy/istio.yaml");
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
            assert!(text("/apiVersion").contains("/v1") && resource["spec"].is_object(), "{resource}");
        }
        Self(resources)
    }

    /// The only resource of a kind.
    fn the(&self, kind: &str) -> &Value {
        let found: Vec<_> = self.0.iter().filter(|resource| resource["kind"] == kind).collect();
        assert_eq!(found.len(), 1, "resources of the kind {kind}");
        found[0]
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

/// A configuration of the filter as an object, which the filter must accept: its `api_host`, its key as a name in the
/// environment, its body limit.
fn accepted(configuration: &Value) -> (ApiHost, String, u64) {
    let environment = |_: &str| Some("alice:wonderland".to_owned());
    Config::from_json(configuration.to_string().as_bytes(), &environment).unwrap_or_else(|error| panic!("{error}"));
    let api_host = ApiHost::parse(text(&configuration["api_host"])).expect("accepted");
    let variable = text(&configuration["service_token"]).strip_prefix("$ENV://").expect("no key in a file").to_owned();
    (api_host, variable, configuration["max_req_body_size"].as_u64().expect("a limit"))
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
fn the_parts_of_the_manifest_of_istio_fit_together() {
    let manifest = Manifest::read(ISTIO);
    let plugin = &manifest.the("WasmPlugin")["spec"];
    let configuration = &plugin["pluginConfig"];
    let (api_host, variable, limit) = accepted(configuration);
    assert_eq!(configuration["request_body"], "buffer_filter");
    assert!(configuration["max_concurrency"].is_u64(), "{configuration}");
    assert_eq!(plugin["failStrategy"], "FAIL_RELOAD");
    assert_eq!(plugin["url"], format!("oci://{}", image()));
    assert_eq!(the_only(&plugin["vmConfig"]["env"]), &json!({"name": variable, "valueFrom": "HOST"}));
    assert!(ISTIO.contains(&format!("--from-literal={variable}=user:key")), "how the key gets there");

    // The cluster is there, and speaks TLS with the right name.
    let (host, port) = host_and_port(&api_host);
    assert_eq!(configuration["upstream"], format!("outbound|{port}||{host}"));
    let service = &manifest.the("ServiceEntry")["spec"];
    assert_eq!((the_only(&service["hosts"]), &the_only(&service["ports"])["number"]), (&json!(host), &json!(port)));
    let destination = &manifest.the("DestinationRule")["spec"];
    let settings = the_only(&destination["trafficPolicy"]["portLevelSettings"]);
    assert_eq!((&destination["host"], &settings["port"]["number"]), (&json!(host), &json!(port)));
    assert_eq!(settings["tls"]["mode"] == "SIMPLE", api_host.scheme() == Scheme::Https);
    assert_eq!((&settings["tls"]["sni"], the_only(&settings["tls"]["subjectAltNames"])), (&json!(host), &json!(host)));

    // Everything is for the same gateway.
    let gateway = manifest.the("Gateway");
    let buffer = &manifest.the("EnvoyFilter")["spec"];
    assert_eq!(plugin["selector"]["matchLabels"], gateway["spec"]["selector"]);
    assert_eq!(buffer["workloadSelector"]["labels"], gateway["spec"]["selector"]);
    let service = &manifest.the("VirtualService")["spec"];
    assert_eq!(the_only(&service["gateways"]), &gateway["metadata"]["name"]);
    let namespaces: BTreeSet<_> = manifest.0.iter().map(|resource| text(&resource["metadata"]["namespace"])).collect();
    assert_eq!(namespaces.len(), 1, "{namespaces:?}");

    // Each route of the filter is a route of Envoy, where the buffer filter is switched on.
    let routes: BTreeSet<_> = configuration["routes"].as_object().expect("routes").keys().map(String::as_str).collect();
    let served: BTreeSet<_> =
        service["http"].as_array().expect("routes").iter().map(|route| text(&route["name"])).collect();
    let buffered: BTreeSet<_> = route_patches(buffer)
        .map(|patch| text(patch.pointer("/match/routeConfiguration/vhost/route/name").expect("a name")))
        .collect();
    assert_eq!((&routes, &routes), (&served, &buffered));
    for patch in route_patches(buffer) {
        assert_eq!(patch["patch"]["operation"], "MERGE");
        let size = "/patch/value/typed_per_filter_config/envoy.filters.http.buffer/buffer/max_request_bytes";
        assert_holds(patch.pointer(size).and_then(Value::as_u64).expect(size), limit);
    }

    // What stands right before the router stands behind every WasmPlugin.
    let behind = the_only_patch(buffer, "envoy.filters.http.router");
    assert_eq!((&behind["name"], &behind["disabled"]), (&json!("envoy.filters.http.buffer"), &json!(true)));

    // What makes Envoy select the route anew stands right before the plugin, whatever Istio calls that.
    let plugin = &manifest.the("WasmPlugin")["metadata"];
    let plugin = format!("{}.{}", text(&plugin["namespace"]), text(&plugin["name"]));
    let names = [
        format!("extensions.istio.io/wasmplugin/{plugin}"),
        format!("extensions.istio.io/trafficextension/{plugin}~istio-translated-wasmplugin"),
    ];
    let selection = printed(&configuration.to_string())[0].clone();
    assert_eq!(selection["name"], "select_route");
    for name in &names {
        assert_eq!(*the_only_patch(buffer, name), selection, "{name}");
    }
    assert_eq!(filter_patches(buffer).count(), 3);

    // A 400 closes no connection, as in the reference.
    assert_eq!(of_http1(&manager_patch(buffer)), of_http1(&reference_manager()));
}

/// What a manager of connections says of HTTP/1.1.
fn of_http1(manager: &Value) -> &Value {
    let options = &manager["http_protocol_options"];
    assert_eq!(options["override_stream_error_on_invalid_http_message"], true, "{options}");
    options
}

/// What is changed in the manager of connections.
fn manager_patch(filter: &Value) -> Value {
    let found: Vec<_> = patches(filter, "NETWORK_FILTER").collect();
    let [patch] = found[..] else { panic!("{} patches of the manager", found.len()) };
    let name = "/match/listener/filterChain/filter/name";
    assert_eq!(patch.pointer(name), Some(&json!("envoy.filters.network.http_connection_manager")));
    assert_eq!(patch["patch"]["operation"], "MERGE");
    patch["patch"]["value"]["typed_config"].clone()
}

/// The manager of connections in the reference configuration.
fn reference_manager() -> Value {
    let reference: Value = serde_saphyr::from_str(REFERENCE).expect("YAML");
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    reference.pointer(manager).expect("the manager is the first filter").clone()
}

/// The filters that `openwhisk-envoy` prints for a configuration.
fn printed(configuration: &str) -> Vec<Value> {
    let options = Options { form: Form::Fragment, ..Options::default() };
    let rendered = render(configuration.as_bytes(), &options).unwrap_or_else(|error| panic!("{error}"));
    let document: Value = serde_saphyr::from_str(&rendered.yaml).expect("YAML");
    document["http_filters"].as_array().expect("filters").clone()
}

fn patches<'a>(filter: &'a Value, kind: &'static str) -> impl Iterator<Item = &'a Value> {
    let patches = filter["configPatches"].as_array().expect("patches");
    patches.iter().filter(move |patch| patch["applyTo"] == kind)
}

fn route_patches(filter: &Value) -> impl Iterator<Item = &Value> {
    patches(filter, "HTTP_ROUTE")
}

/// The filters that are put into the chain.
fn filter_patches(filter: &Value) -> impl Iterator<Item = &Value> {
    patches(filter, "HTTP_FILTER")
}

/// The only filter that is put right before the one with this name.
fn the_only_patch<'a>(filter: &'a Value, before: &str) -> &'a Value {
    let position = "/match/listener/filterChain/filter/subFilter/name";
    let found: Vec<_> =
        filter_patches(filter).filter(|patch| patch.pointer(position) == Some(&json!(before))).collect();
    assert_eq!(found.len(), 1, "patches before {before}");
    assert_eq!(found[0]["patch"]["operation"], "INSERT_BEFORE", "{before}");
    &found[0]["patch"]["value"]
}

/// The patches are written for Envoy, and no schema of Istio knows what is in them.
#[test]
fn envoy_accepts_what_istio_makes_of_the_patches() {
    let manifest = Manifest::read(ISTIO);
    let buffer = &manifest.the("EnvoyFilter")["spec"];
    let patched = manager_patch(buffer);
    let manager = json!({
        "@type": patched["@type"],
        "http_protocol_options": patched["http_protocol_options"],
        "stat_prefix": "test",
        "http_filters": [
            the_only_patch(buffer, "extensions.istio.io/wasmplugin/istio-system.openwhisk"),
            the_only_patch(buffer, "envoy.filters.http.router"),
            {
                "name": "envoy.filters.http.router",
                "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
            },
        ],
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": route_patches(buffer).map(|patch| json!({
                "match": { "prefix": "/" },
                "direct_response": { "status": 500 },
                "typed_per_filter_config": patch["patch"]["value"]["typed_per_filter_config"],
            })).collect::<Vec<_>>(),
        }] },
    });
    let configuration = json!({ "static_resources": { "listeners": [{
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }] }],
    }] } });
    let envoy = env::var_os("ENVOY").map_or_else(|| root().join("target/envoy/bin/envoy"), PathBuf::from);
    let output = Command::new(&envoy)
        .args(["--mode", "validate", "--log-level", "error", "--use-dynamic-base-id", "--config-yaml"])
        .arg(configuration.to_string())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}: run `make envoy`", envoy.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_parts_of_the_manifest_of_envoy_gateway_fit_together() {
    let manifest = Manifest::read(ENVOY_GATEWAY);
    let extension = &manifest.the("EnvoyExtensionPolicy")["spec"];
    let wasm = the_only(&extension["wasm"]);
    let configuration = &wasm["config"];
    let (api_host, variable, limit) = accepted(configuration);
    assert_eq!(configuration["request_body"], "buffer_filter");
    assert_eq!(wasm["code"], json!({"type": "Image", "image": {"url": image()}}));
    assert_eq!(the_only(&wasm["env"]["hostKeys"]), &json!(variable));

    // No action takes all calls of the cluster.
    let limit_of_calls = configuration["max_concurrency"].as_u64().expect("a limit");
    let breaker = &manifest.the("BackendTrafficPolicy")["spec"]["circuitBreaker"];
    for name in ["maxConnections", "maxPendingRequests", "maxParallelRequests"] {
        assert!(breaker[name].as_u64().expect(name) > limit_of_calls, "{name} of {breaker}");
    }

    // The route makes the cluster.
    let route = manifest.the("HTTPRoute");
    let (namespace, name) = (text(&route["metadata"]["namespace"]), text(&route["metadata"]["name"]));
    assert_eq!(configuration["upstream"], format!("httproute/{namespace}/{name}/rule/0"));
    let (host, port) = host_and_port(&api_host);
    let backend = manifest.the("Backend");
    let reference = the_only(&the_only(&route["spec"]["rules"])["backendRefs"]);
    assert_eq!((&reference["name"], &reference["port"]), (&backend["metadata"]["name"], &json!(port)));
    assert_eq!(the_only(&backend["spec"]["endpoints"])["fqdn"], json!({"hostname": host, "port": port}));
    assert_eq!(backend["spec"]["tls"]["sni"] == host, api_host.scheme() == Scheme::Https);

    // The filter and the buffer filter are for the same route, and the key is in the environment of its gateway.
    let traffic = &manifest.the("BackendTrafficPolicy")["spec"];
    let target = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name});
    assert_eq!((the_only(&extension["targetRefs"]), the_only(&traffic["targetRefs"])), (&target, &target));
    let gateway = manifest.the("Gateway");
    assert_eq!(the_only(&route["spec"]["parentRefs"])["name"], gateway["metadata"]["name"]);
    assert_eq!(gateway["spec"]["gatewayClassName"], manifest.the("GatewayClass")["metadata"]["name"]);
    let proxy = manifest.the("EnvoyProxy");
    assert_eq!(gateway["spec"]["infrastructure"]["parametersRef"]["name"], proxy["metadata"]["name"]);
    let given = proxy.pointer("/spec/provider/kubernetes/envoyDeployment/container/env").expect("an environment");
    let (secret, key) = ("valueFrom", "secretKeyRef");
    assert_eq!(the_only(given)["name"], variable);
    let (secret, key) = (text(&the_only(given)[secret][key]["name"]), text(&the_only(given)[secret][key]["key"]));
    let command = format!("create secret generic {secret} --from-literal={key}=user:key");
    assert!(ENVOY_GATEWAY.contains(&command), "how the key gets there: {command}");

    // The buffer filter stands behind the filter.
    let order = json!({"name": "envoy.filters.http.buffer", "after": "envoy.filters.http.wasm"});
    assert_eq!(the_only(&proxy["spec"]["filterOrder"]), &order);
    let size = text(&traffic["requestBuffer"]["limit"]).strip_suffix("Ki").expect("Ki");
    assert_holds(size.parse::<u64>().expect("a number") * 1024, limit);
}

#[test]
fn the_image_is_one_layer_with_plugin_wasm() {
    let lines: Vec<_> = DOCKERFILE.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, ["FROM scratch", "COPY openwhisk_filter.wasm ./plugin.wasm"]);
    let (context, file) = FILTER.rsplit_once('/').expect("a folder");
    assert_eq!(file, "openwhisk_filter.wasm");
    let command = format!("docker build -f envoy/Dockerfile -t {} {context}", image());
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
    let (api_host, variable, _) = accepted(&configuration);
    let environment = envoy["environment"].as_object().expect("an environment");
    assert_eq!(environment.keys().collect::<Vec<_>>(), [&variable]);
    assert_eq!(environment[&variable], corpus::GUEST);
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
