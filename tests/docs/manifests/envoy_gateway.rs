//! `envoy/envoy-gateway.yaml`.

use std::collections::BTreeSet;

use openwhisk_filter::config::api_host::Scheme;
use serde_json::{Value, json};

use super::{ENVOY_GATEWAY, Manifest, accepted_without_key, assert_holds, host_and_port, image, text, the_only};

/// The routes that a policy is for.
fn targets(policy: &Value) -> BTreeSet<&str> {
    let targets = policy["spec"]["targetRefs"].as_array().expect("targets");
    targets
        .iter()
        .map(|target| {
            assert_eq!((&target["group"], &target["kind"]), (&json!("gateway.networking.k8s.io"), &json!("HTTPRoute")));
            text(&target["name"])
        })
        .collect()
}

#[test]
fn the_parts_of_the_manifest_of_envoy_gateway_fit_together() {
    let manifest = Manifest::read(ENVOY_GATEWAY);
    let extension = manifest.the("EnvoyExtensionPolicy");
    let wasm = the_only(&extension["spec"]["wasm"]);
    let configuration = &wasm["config"];
    let (api_host, limit) = accepted_without_key(configuration);
    assert_eq!(configuration["request_body"], "buffer_filter");
    assert_eq!(wasm["code"], json!({"type": "Image", "image": {"url": image()}}));

    // The route that makes the cluster is for nobody, and leads to OpenWhisk with the key.
    let holder = manifest.named("HTTPRoute", "openwhisk");
    let (namespace, name) = (text(&holder["metadata"]["namespace"]), text(&holder["metadata"]["name"]));
    assert_eq!(configuration["upstream"], format!("httproute/{namespace}/{name}/rule/0/backend/0"));
    let matched = the_only(&the_only(&holder["spec"]["rules"])["matches"]);
    assert_eq!(*matched, json!({"path": {"type": "RegularExpression", "value": "[?]"}}), "no path is a question mark");
    assert!(holder["spec"]["hostnames"].is_null(), "{holder}");
    let deny = manifest.the("SecurityPolicy");
    assert_eq!(
        (targets(deny), &deny["spec"]["authorization"]),
        (BTreeSet::from([name]), &json!({"defaultAction": "Deny"}))
    );
    let reference = the_only(&the_only(&holder["spec"]["rules"])["backendRefs"]);
    let (host, port) = host_and_port(&api_host);
    let backend = &manifest.named("Backend", text(&reference["name"]))["spec"];
    assert_eq!(the_only(&backend["endpoints"])["fqdn"], json!({"hostname": host, "port": port}));
    assert_eq!(backend["tls"]["sni"] == host, api_host.scheme() == Scheme::Https);
    let key = manifest.the("HTTPRouteFilter");
    assert_eq!(the_only(&reference["filters"])["extensionRef"]["name"], key["metadata"]["name"]);
    let injection = &key["spec"]["credentialInjection"];
    let secret = text(&injection["credential"]["valueRef"]["name"]);
    assert_eq!(injection["overwrite"], true);
    let command = format!("create secret generic {secret} --from-file=credential=/dev/stdin");
    assert!(ENVOY_GATEWAY.contains(&command), "how the key gets there: {command}");

    // No action takes all calls of the cluster.
    let limit_of_calls = configuration["max_concurrency"].as_u64().expect("a limit");
    let connections = manifest.named("BackendTrafficPolicy", "openwhisk");
    assert_eq!(targets(connections), BTreeSet::from([name]));
    for name in ["maxConnections", "maxPendingRequests", "maxParallelRequests"] {
        let breaker = &connections["spec"]["circuitBreaker"];
        assert!(breaker[name].as_u64().expect(name) > limit_of_calls, "{name} of {breaker}");
    }

    // Each route of an action leads to nothing, and is in both policies and in the configuration, by the name that Envoy
    // Gateway gives it.
    let routes = manifest.0.iter().filter(|resource| resource["kind"] == "HTTPRoute" && *resource != holder);
    let mut names = BTreeSet::new();
    for route in routes {
        let name = text(&route["metadata"]["name"]);
        let rule = the_only(&route["spec"]["rules"]);
        let backend = &manifest.named("Backend", text(&the_only(&rule["backendRefs"])["name"]))["spec"];
        assert!(text(&the_only(&backend["endpoints"])["fqdn"]["hostname"]).ends_with(".invalid"), "{backend}");
        assert_eq!(
            (rule["matches"].as_array().map(Vec::len), route["spec"].get("hostnames")),
            (Some(1), None),
            "{name}"
        );
        names.insert(name);
    }
    let buffer = manifest.named("BackendTrafficPolicy", "openwhisk-routes");
    assert_eq!((&targets(extension), &targets(buffer)), (&names, &names));
    // It leaves a rate limit for the whole Gateway in place.
    assert_eq!(buffer["spec"]["mergeType"], "StrategicMerge");
    let configured: BTreeSet<_> = configuration["routes"].as_object().expect("routes").keys().cloned().collect();
    let expected = names.iter().map(|name| format!("httproute/{namespace}/{name}/rule/0/match/0/*"));
    assert_eq!(configured, expected.collect());
    let size = text(&buffer["spec"]["requestBuffer"]["limit"]).strip_suffix("Ki").expect("Ki");
    assert_holds(size.parse::<u64>().expect("a number") * 1024, limit);

    // Everything is for the same gateway.
    let gateway = manifest.the("Gateway");
    for route in manifest.0.iter().filter(|resource| resource["kind"] == "HTTPRoute") {
        assert_eq!(the_only(&route["spec"]["parentRefs"])["name"], gateway["metadata"]["name"]);
    }
    assert_eq!(gateway["spec"]["gatewayClassName"], manifest.the("GatewayClass")["metadata"]["name"]);
    let proxy = manifest.the("EnvoyProxy");
    assert_eq!(gateway["spec"]["infrastructure"]["parametersRef"]["name"], proxy["metadata"]["name"]);

    // The filter stands behind what says who may call, and the buffer filter behind the filter.
    let after = |name: &str, after: &str| json!({"name": format!("envoy.filters.http.{name}"), "after": format!("envoy.filters.http.{after}")});
    let order =
        [after("wasm", "rbac"), after("wasm", "local_ratelimit"), after("wasm", "ratelimit"), after("buffer", "wasm")];
    assert_eq!(proxy["spec"]["filterOrder"], json!(order));
}
