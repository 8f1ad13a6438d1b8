//! `envoy/istio.yaml` and its variants.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::process::Command;

use openwhisk_envoy::{Form, Options, render};
use openwhisk_filter::config::api_host::Scheme;
use serde_json::{Value, json};

use super::{
    GATEWAY_API, GATEWAY_PATCH, ISTIO, Manifest, REFERENCE, WASM_PLUGIN, accepted, accepted_without_key, assert_holds,
    host_and_port, image, text, the_only,
};
use crate::root;

/// The configuration of the filter in `envoy/istio.yaml`, which stands there as text.
fn configuration_of_istio(filter: &Value) -> Value {
    let patch = the_only_of(patches(filter, "EXTENSION_CONFIG"));
    let value = patch.pointer("/patch/value/typed_config/config/configuration/value").expect("a configuration");
    serde_json::from_str(text(value)).expect("JSON")
}

#[test]
fn the_parts_of_the_manifest_of_istio_fit_together() {
    let manifest = Manifest::read(ISTIO);
    let filter = &manifest.named("EnvoyFilter", "openwhisk")["spec"];
    let configuration = configuration_of_istio(filter);
    let (api_host, _) = accepted_without_key(&configuration);
    let patch = &the_only_of(patches(filter, "EXTENSION_CONFIG"))["patch"]["value"];
    let plugin = &patch["typed_config"]["config"];
    assert_eq!(
        (&plugin["allow_on_headers_stop_iteration"], &plugin["failure_policy"]),
        (&json!(true), &json!("FAIL_RELOAD"))
    );
    assert_eq!(plugin.pointer("/vm_config/code/remote/http_uri/uri"), Some(&json!(format!("oci://{}", image()))));

    // The clusters are there, and speak TLS with the right name. The one with the key is that of the filter alone.
    let (host, port) = host_and_port(&api_host);
    let service = &manifest.the("ServiceEntry")["spec"];
    assert_eq!((the_only(&service["hosts"]), &the_only(&service["ports"])["number"]), (&json!(host), &json!(port)));
    let destination = &manifest.the("DestinationRule")["spec"];
    let settings = the_only(&destination["trafficPolicy"]["portLevelSettings"]);
    assert_eq!((&destination["host"], &settings["port"]["number"]), (&json!(host), &json!(port)));
    assert_eq!(settings["tls"]["mode"] == "SIMPLE", api_host.scheme() == Scheme::Https);
    assert_eq!((&settings["tls"]["sni"], the_only(&settings["tls"]["subjectAltNames"])), (&json!(host), &json!(host)));
    let subset = text(&the_only(&destination["subsets"])["name"]);
    let upstream = format!("outbound|{port}|{subset}|{host}");
    assert_eq!(configuration["upstream"], upstream);
    let virtual_service = &manifest.the("VirtualService")["spec"];
    let routes = virtual_service["http"].as_array().expect("routes");
    for route in routes {
        assert_eq!(the_only(&route["route"])["destination"], json!({"host": host, "port": {"number": port}}));
    }

    // The key is on that cluster, from a file that is mounted into the gateway.
    let key = &the_only(&manifest.named("EnvoyFilter", "openwhisk-key")["spec"]["configPatches"]);
    assert_eq!(key["match"]["cluster"]["name"], upstream);
    let options = http_options(key);
    assert_eq!(
        options["common_http_protocol_options"]["idle_timeout"],
        settings["connectionPool"]["http"]["idleTimeout"]
    );
    let source = &injector(options)["credential"]["typed_config"]["credential"];
    let folder = text(&source["sds_config"]["path_config_source"]["watched_directory"]["path"]);
    let at = |name: &str| json!(format!("{folder}/{name}"));
    let (file, sds) = manifest.the("ConfigMap")["data"].as_object().expect("files").iter().next().expect("a file");
    assert_eq!(source["sds_config"]["path_config_source"]["path"], at(file));
    let sds: Value = serde_saphyr::from_str(text(sds)).expect("YAML");
    assert_eq!(the_only(&sds["resources"])["name"], source["name"]);
    let secret = &the_only(&sds["resources"])["generic_secret"]["secret"];
    assert_eq!((&secret["filename"], &secret["watched_directory"]["path"]), (&at("authorization"), &json!(folder)));
    assert!(
        ISTIO.contains("create secret generic openwhisk-key --from-file=authorization=/dev/stdin"),
        "how it gets there"
    );
    let patch: Value = serde_saphyr::from_str(GATEWAY_PATCH).expect("YAML");
    let pod = &patch["spec"]["template"]["spec"];
    assert_eq!(the_only(&the_only(&pod["containers"])["volumeMounts"])["mountPath"], folder);
    let mounted = json!([{"secret": {"name": "openwhisk-key"}}, {"configMap": {"name": "openwhisk-key"}}]);
    assert_eq!(the_only(&pod["volumes"])["projected"]["sources"], mounted);

    // Everything is for the same gateway.
    let gateway = manifest.the("Gateway");
    for name in ["openwhisk", "openwhisk-key"] {
        let labels = &manifest.named("EnvoyFilter", name)["spec"]["workloadSelector"]["labels"];
        assert_eq!(*labels, gateway["spec"]["selector"], "{name}");
    }
    assert_eq!(the_only(&virtual_service["gateways"]), &gateway["metadata"]["name"]);
    let namespaces: BTreeSet<_> = manifest.0.iter().map(|resource| text(&resource["metadata"]["namespace"])).collect();
    assert_eq!(namespaces.len(), 1, "{namespaces:?}");

    // Each route of the filter is a route of Envoy, where the filter is switched on; elsewhere it is off.
    let configured: BTreeSet<_> =
        configuration["routes"].as_object().expect("routes").keys().map(String::as_str).collect();
    let served: BTreeSet<_> = routes.iter().map(|route| text(&route["name"])).collect();
    assert_eq!((&configured, &configured), (&served, &patched_routes(filter)));
    for patch in route_patches(filter) {
        assert_eq!(patch["patch"]["operation"], "MERGE");
        let enabled = &patch["patch"]["value"]["typed_per_filter_config"]["openwhisk"];
        assert_eq!(enabled["@type"], "type.googleapis.com/envoy.config.route.v3.FilterConfig");
    }

    // What makes Envoy select the route anew stands right before the filter, and both behind what other resources add.
    let [selection, added] = patches_before(filter, "envoy.filters.http.router")[..] else { panic!("two filters") };
    assert_eq!(*selection, printed(&configuration.to_string())[0]);
    assert_eq!((&added["name"], &added["disabled"]), (&json!("openwhisk"), &json!(true)));
    assert!(filter["priority"].as_i64().expect("a priority") > 0, "{filter}");

    // A 400 closes no connection, as in the reference.
    assert_eq!(of_http1(&manager_patch(filter)), of_http1(&reference_manager()));
}

#[test]
fn the_variants_of_the_manifest_of_istio_fit_to_it() {
    let manifest = Manifest::read(ISTIO);
    let filter = &manifest.named("EnvoyFilter", "openwhisk")["spec"];
    let mut configuration = configuration_of_istio(filter);
    let variant = Manifest::read(WASM_PLUGIN);
    let (plugin, around) = (&variant.the("WasmPlugin")["spec"], &variant.the("EnvoyFilter")["spec"]);

    // The same, with the buffer filter.
    configuration["request_body"] = json!("buffer_filter");
    assert_eq!(plugin["pluginConfig"], configuration);
    let (_, limit) = accepted_without_key(&configuration);
    assert_eq!(
        (&plugin["failStrategy"], &plugin["url"]),
        (&json!("FAIL_RELOAD"), &json!(format!("oci://{}", image())))
    );
    assert_eq!(plugin["selector"]["matchLabels"], filter["workloadSelector"]["labels"]);
    assert_eq!(around["workloadSelector"], filter["workloadSelector"]);
    assert_eq!(patched_routes(around), patched_routes(filter));
    for patch in route_patches(around) {
        assert_eq!(patch["patch"]["operation"], "MERGE");
        let size = "/patch/value/typed_per_filter_config/envoy.filters.http.buffer/buffer/max_request_bytes";
        assert_holds(patch.pointer(size).and_then(Value::as_u64).expect(size), limit);
    }
    // What stands right before the router stands behind every WasmPlugin.
    let behind = the_only_patch(around, "envoy.filters.http.router");
    assert_eq!((&behind["name"], &behind["disabled"]), (&json!("envoy.filters.http.buffer"), &json!(true)));
    // What makes Envoy select the route anew stands right before the plugin, whatever Istio calls that.
    let name = &variant.the("WasmPlugin")["metadata"];
    let name = format!("{}.{}", text(&name["namespace"]), text(&name["name"]));
    for name in [
        format!("extensions.istio.io/wasmplugin/{name}"),
        format!("extensions.istio.io/trafficextension/{name}~istio-translated-wasmplugin"),
    ] {
        assert_eq!(*the_only_patch(around, &name), printed(&configuration.to_string())[0], "{name}");
    }
    assert_eq!(filter_patches(around).count(), 3);

    // A gateway of the Gateway API has the same patch of its pod, and leads to the same place.
    let variant = Manifest::read(GATEWAY_API);
    let patch: Value = serde_saphyr::from_str(text(&variant.the("ConfigMap")["data"]["deployment"])).expect("YAML");
    let expected: Value = serde_saphyr::from_str(GATEWAY_PATCH).expect("YAML");
    assert_eq!(patch, expected);
    let gateway = &variant.the("Gateway")["spec"];
    assert_eq!(gateway["infrastructure"]["parametersRef"]["name"], variant.the("ConfigMap")["metadata"]["name"]);
    let backend = the_only(&the_only(&variant.the("HTTPRoute")["spec"]["rules"])["backendRefs"]);
    let (host, port) = host_and_port(&accepted(&configuration).0);
    assert_eq!(
        (&backend["kind"], &backend["name"], &backend["port"]),
        (&json!("Hostname"), &json!(host), &json!(port))
    );
}

/// The options of HTTP that a patch gives to a cluster.
fn http_options(patch: &Value) -> &Value {
    let options =
        "/patch/value/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    patch.pointer(options).expect("options")
}

/// What adds the key.
fn injector(options: &Value) -> &Value {
    let injector = &options["http_filters"][0];
    assert_eq!(injector["name"], "envoy.filters.http.credential_injector");
    assert_eq!(injector["typed_config"]["overwrite"], true);
    &injector["typed_config"]
}

/// What a manager of connections says of HTTP/1.1.
fn of_http1(manager: &Value) -> &Value {
    let options = &manager["http_protocol_options"];
    assert_eq!(options["override_stream_error_on_invalid_http_message"], true, "{options}");
    options
}

/// What is changed in the manager of connections.
fn manager_patch(filter: &Value) -> Value {
    let patch = the_only_of(patches(filter, "NETWORK_FILTER"));
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
    let key_files = vec!["/key".parse().expect("a file")];
    let options = Options { form: Form::Fragment, key_files, ..Options::default() };
    let rendered = render(configuration.as_bytes(), &options).unwrap_or_else(|error| panic!("{error}"));
    let document: Value = serde_saphyr::from_str(&rendered.yaml).expect("YAML");
    document["http_filters"].as_array().expect("filters").clone()
}

fn patches<'a>(filter: &'a Value, kind: &'static str) -> impl Iterator<Item = &'a Value> {
    let patches = filter["configPatches"].as_array().expect("patches");
    patches.iter().filter(move |patch| patch["applyTo"] == kind)
}

fn the_only_of<'a>(mut found: impl Iterator<Item = &'a Value>) -> &'a Value {
    let first = found.next().expect("one");
    assert!(found.next().is_none(), "more than one like {first}");
    first
}

/// The routes that are patched.
fn patched_routes(filter: &Value) -> BTreeSet<&str> {
    route_patches(filter).map(|patch| text(&patch["match"]["routeConfiguration"]["vhost"]["route"]["name"])).collect()
}

fn route_patches(filter: &Value) -> impl Iterator<Item = &Value> {
    patches(filter, "HTTP_ROUTE")
}

/// The filters that are put into the chain.
fn filter_patches(filter: &Value) -> impl Iterator<Item = &Value> {
    patches(filter, "HTTP_FILTER")
}

/// The filters that are put right before the one with this name, in their order.
fn patches_before<'a>(filter: &'a Value, before: &str) -> Vec<&'a Value> {
    let position = "/match/listener/filterChain/filter/subFilter/name";
    let found = filter_patches(filter).filter(|patch| patch.pointer(position) == Some(&json!(before)));
    found
        .map(|patch| {
            assert_eq!(patch["patch"]["operation"], "INSERT_BEFORE", "{before}");
            &patch["patch"]["value"]
        })
        .collect()
}

/// The only one of them.
fn the_only_patch<'a>(filter: &'a Value, before: &str) -> &'a Value {
    the_only_of(patches_before(filter, before).into_iter())
}

/// The patches are written for Envoy, and no schema of Istio knows what is in them.
#[test]
fn envoy_accepts_what_istio_makes_of_the_patches() {
    let (manifest, variant) = (Manifest::read(ISTIO), Manifest::read(WASM_PLUGIN));
    let filter = &manifest.named("EnvoyFilter", "openwhisk")["spec"];
    let buffer = &variant.the("EnvoyFilter")["spec"];
    let patched = manager_patch(filter);
    let manager = json!({
        "@type": patched["@type"],
        "http_protocol_options": patched["http_protocol_options"],
        "stat_prefix": "test",
        "http_filters": [
            patches_before(filter, "envoy.filters.http.router")[0],
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
