//! Where `OpenWhisk` is, how it is spoken to, and what the operator says of the cluster.

use openwhisk_envoy::kubernetes::{ControlPlane, KubernetesOptions};
use serde_json::{Value, json};

use crate::{PLANES, config, list, of_kind, options, read, resources, text, the_only, written};

/// What both have for an `api_host`: the Backend, and the host, the entry and the settings of its port.
fn of(attributes: &Value) -> (Value, String, Value, Value) {
    let found = resources(attributes.clone(), &options(ControlPlane::EnvoyGateway));
    let mut backend = of_kind(&found, "Backend")[0]["spec"].clone();
    let endpoint = backend["endpoints"][0].take();
    backend["endpoints"] = endpoint;
    let found = resources(attributes.clone(), &options(ControlPlane::Istio));
    let rule = &the_only(&found, "DestinationRule")["spec"];
    let [settings] = list(&rule["trafficPolicy"]["portLevelSettings"]) else { panic!("{rule}") };
    let entry = of_kind(&found, "ServiceEntry").first().map(|entry| entry["spec"].clone()).unwrap_or_default();
    (backend, text(&rule["host"]).to_owned(), entry, settings.clone())
}

#[test]
fn an_address_is_that_of_api_host() {
    let verified = json!({ "sni": "ow.example", "wellKnownCACertificates": "System" });
    let named = json!({ "mode": "SIMPLE", "sni": "ow.example", "subjectAltNames": ["ow.example"] });
    let (fqdn, ip) = ("fqdn", "ip");
    let cases = [
        ("https://OW.example./x", true, fqdn, json!({ "hostname": "ow.example", "port": 443 }), verified, named),
        ("http://ow.example", true, fqdn, json!({ "hostname": "ow.example", "port": 80 }), Value::Null, Value::Null),
        (
            "http://ow.example:3233/p",
            true,
            fqdn,
            json!({ "hostname": "ow.example", "port": 3233 }),
            Value::Null,
            Value::Null,
        ),
        (
            "https://ow.example:8443",
            false,
            fqdn,
            json!({ "hostname": "ow.example", "port": 8443 }),
            json!({ "sni": "ow.example", "insecureSkipVerify": true }),
            json!({ "mode": "SIMPLE", "sni": "ow.example", "insecureSkipVerify": true }),
        ),
        ("http://192.0.2.7", true, ip, json!({ "address": "192.0.2.7", "port": 80 }), Value::Null, Value::Null),
        (
            "https://[2001:db8::7]:444",
            false,
            ip,
            json!({ "address": "2001:db8:0:0:0:0:0:7", "port": 444 }),
            json!({ "insecureSkipVerify": true }),
            json!({ "mode": "SIMPLE", "insecureSkipVerify": true }),
        ),
    ];
    for (api_host, ssl_verify, kind, endpoint, of_backend, of_rule) in cases {
        let (backend, host, entry, settings) = of(&json!({ "api_host": api_host, "ssl_verify": ssl_verify }));
        assert_eq!(backend["endpoints"], json!({ kind: endpoint }), "{api_host}");
        assert_eq!((&backend["tls"], &settings["tls"]), (&of_backend, &of_rule), "{api_host}");
        assert_eq!(settings["port"]["number"], endpoint["port"], "{api_host}");
        let protocol = if of_rule.is_null() { "HTTP" } else { "HTTPS" };
        let name = protocol.to_lowercase();
        assert_eq!(entry["ports"], json!([{ "number": endpoint["port"], "name": name, "protocol": protocol }]));
        assert_eq!(entry["hosts"], json!([host]), "{api_host}");
        let (resolution, endpoints) = match kind {
            "ip" => ("STATIC", json!([{ "address": text(&endpoint["address"]).replace(":0:0:0:0:0:", "::") }])),
            _ => ("DNS", Value::Null),
        };
        assert_eq!((&entry["resolution"], &entry["endpoints"]), (&json!(resolution), &endpoints), "{api_host}");
    }
    // An address is verified by Istio, which compares it. Envoy Gateway does not.
    let found = resources(json!({ "api_host": "https://192.0.2.7" }), &options(ControlPlane::Istio));
    let rule = &the_only(&found, "DestinationRule")["spec"];
    assert_eq!(rule["host"], "192-0-2-7.openwhisk.internal");
    let tls = &rule["trafficPolicy"]["portLevelSettings"][0]["tls"];
    assert_eq!(*tls, json!({ "mode": "SIMPLE", "subjectAltNames": ["192.0.2.7"] }));
}

#[test]
fn connections_are_kept_as_configured() {
    let of_clusters = |attributes: Value| {
        let found = resources(attributes.clone(), &options(ControlPlane::EnvoyGateway));
        let traffic = of_kind(&found, "BackendTrafficPolicy")[0]["spec"].clone();
        let found = resources(attributes, &options(ControlPlane::Istio));
        let pool =
            the_only(&found, "DestinationRule")["spec"]["trafficPolicy"]["portLevelSettings"][0]["connectionPool"]
                .clone();
        let patch = &of_kind(&found, "EnvoyFilter")[0]["spec"]["configPatches"][0]["patch"]["value"];
        let protocol = &patch["typed_extension_protocol_options"];
        let protocol =
            &protocol["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]["common_http_protocol_options"];
        (traffic, pool, protocol.clone())
    };
    let (traffic, pool, protocol) = of_clusters(json!({}));
    assert_eq!(
        traffic["timeout"],
        json!({ "tcp": { "connectTimeout": "5s" }, "http": { "connectionIdleTimeout": "60s" } })
    );
    assert_eq!(pool, json!({ "tcp": { "connectTimeout": "5s" }, "http": { "idleTimeout": "60s" } }));
    assert_eq!(protocol, json!({ "idle_timeout": "60s" }));

    let (traffic, pool, protocol) = of_clusters(json!({ "timeout": 2500, "keepalive_timeout": 200_001_500 }));
    assert_eq!(
        traffic["timeout"],
        json!({ "tcp": { "connectTimeout": "2s500ms" }, "http": { "connectionIdleTimeout": "55h2001s" } })
    );
    assert_eq!(pool, json!({ "tcp": { "connectTimeout": "2.500s" }, "http": { "idleTimeout": "200001.500s" } }));
    assert_eq!(protocol, json!({ "idle_timeout": "200001.500s" }));

    let (traffic, pool, protocol) = of_clusters(json!({ "keepalive": false }));
    assert_eq!(traffic["timeout"], json!({ "tcp": { "connectTimeout": "5s" } }));
    assert_eq!(traffic["circuitBreaker"]["maxRequestsPerConnection"], 1);
    assert_eq!(pool["http"], json!({ "maxRequestsPerConnection": 1 }));
    assert_eq!(protocol, json!({ "max_requests_per_connection": 1 }));
}

#[test]
fn a_request_is_held_a_little_above_its_limit() {
    for (size, limit, listener) in [
        (json!(null), "1088Ki", None),
        (json!(1), "1088Ki", None),
        (json!(1_048_577), "1089Ki", Some(1_114_113)),
        (json!(8_388_608), "8256Ki", Some(8_454_144)),
    ] {
        let attributes = json!({ "max_req_body_size": size });
        let found = resources(attributes.clone(), &options(ControlPlane::EnvoyGateway));
        let is_it = |policy: &&Value| policy["metadata"]["name"] == "openwhisk-routes";
        let policy = of_kind(&found, "BackendTrafficPolicy").into_iter().find(is_it).expect("a policy");
        assert_eq!(policy["spec"]["requestBuffer"]["limit"], limit, "{size}");
        let found = resources(attributes, &options(ControlPlane::Istio));
        let patches =
            of_kind(&found, "EnvoyFilter").into_iter().flat_map(|filter| list(&filter["spec"]["configPatches"]));
        let mut of_listener = patches.filter(|patch| patch["applyTo"] == "LISTENER");
        let held = of_listener.next().map(|patch| patch["patch"]["value"]["per_connection_buffer_limit_bytes"].clone());
        assert_eq!(held, listener.map(|limit| json!(limit)), "{size}");
    }
}

#[test]
fn the_gateway_may_be_there_already() {
    let gateway = |name: &str| Some(name.parse().expect("a gateway"));
    let own = KubernetesOptions { gateway: gateway("infra/edge"), ..options(ControlPlane::EnvoyGateway) };
    let rendered = written(&config(json!({})), &own).expect("accepted");
    let found = read(&rendered.yaml);
    assert!(of_kind(&found, "Gateway").is_empty() && of_kind(&found, "GatewayClass").is_empty());
    assert_eq!(the_only(&found, "EnvoyProxy")["metadata"]["namespace"], "infra");
    for route in of_kind(&found, "HTTPRoute") {
        assert_eq!(route["spec"]["parentRefs"], json!([{ "name": "edge", "namespace": "infra" }]));
    }
    let [warning] = &rendered.warnings[..] else { panic!("{:?}", rendered.warnings) };
    assert!(warning.starts_with("the gateway `edge` must refer to the EnvoyProxy `openwhisk`"), "{warning}");

    let labels = ["app=gw", "istio.io/rev=1"].map(|label| label.parse().expect("a label")).into();
    let hosts = vec!["a.example".parse().expect("a host")];
    let own = KubernetesOptions { labels, hosts, gateway: gateway("infra/edge"), ..options(ControlPlane::Istio) };
    let found = resources(json!({}), &own);
    assert!(of_kind(&found, "Gateway").is_empty());
    let service = &the_only(&found, "VirtualService")["spec"];
    assert_eq!((&service["gateways"], &service["hosts"]), (&json!(["infra/edge"]), &json!(["a.example"])));
    for filter in of_kind(&found, "EnvoyFilter") {
        assert_eq!(filter["spec"]["workloadSelector"]["labels"], json!({ "app": "gw", "istio.io/rev": "1" }));
    }
}

#[test]
fn a_key_comes_from_a_secret_and_is_told_of() {
    let given = config(json!({ "service_token": "$ENV://TOP", "routes": {
        "a": {}, "b": { "upstream": "far", "authorization": "$env://OTHER" }, "c": { "upstream": "far", "authorization": "$ENV://OTHER" } } }));
    for plane in PLANES {
        for (secret, [near, far]) in [
            (None, ["openwhisk-ow-example-443-key", "openwhisk-far-key"]),
            (Some("ours"), ["ours-ow-example-443", "ours-far"]),
        ] {
            let secret = secret.map(|secret| secret.parse().expect("a name"));
            let rendered = written(&given, &KubernetesOptions { secret, ..options(plane) }).expect("accepted");
            let note = |place: &str, secret: &str| {
                format!("`{place}` is left out: the gateway adds the key from the secret `{secret}` of kubernetes")
            };
            let of_route = |name: &str| note(&format!("routes[{name:?}].authorization"), far);
            assert_eq!(rendered.notes, [note("service_token", near), of_route("b"), of_route("c")]);
            for secret in [near, far] {
                assert!(rendered.yaml.contains(&format!(" create secret generic {secret} --from-file=")), "{secret}");
            }
        }
    }
    let unused = config(json!({ "service_token": "$ENV://TOP", "routes": { "a": { "service_token": "$ENV://OWN" } } }));
    let rendered = written(&unused, &options(ControlPlane::Istio)).expect("accepted");
    assert_eq!(rendered.notes[0], "`service_token` is left out: no route uses it");

    // The Deployment mounts each where the manifest has it.
    let patch = written(&given, &options(ControlPlane::IstioGatewayPatch)).expect("accepted").yaml;
    let pod = &read(&patch)[0]["spec"]["template"]["spec"];
    let volumes: Vec<_> = list(&pod["volumes"]).iter().map(|volume| text(&volume["name"])).collect();
    let mounts = list(&pod["containers"][0]["volumeMounts"]);
    assert_eq!(volumes, mounts.iter().map(|mount| text(&mount["name"])).collect::<Vec<_>>());
    let manifest = written(&given, &options(ControlPlane::Istio)).expect("accepted").yaml;
    for mount in mounts {
        assert!(manifest.contains(&format!("path: {}/sds.yaml\n", text(&mount["mountPath"]))), "{mount}");
    }
}

#[test]
fn a_resource_that_is_too_large_to_be_applied_as_usual_is_told_of() {
    for (count, warns) in [(100, false), (5000, true)] {
        let routes: serde_json::Map<_, _> = (0..count).map(|index| (format!("r{index}"), json!({}))).collect();
        for plane in PLANES {
            let rendered = written(&config(json!({ "routes": routes })), &options(plane)).expect("accepted");
            let is_it = |warning: &String| warning.starts_with("a resource has about ");
            assert_eq!(rendered.warnings.iter().any(is_it), warns, "{plane:?} {count}: {:?}", rendered.warnings);
        }
    }
}
