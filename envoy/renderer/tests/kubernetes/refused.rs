//! Configurations that are not written.

use openwhisk_envoy::kubernetes::{ControlPlane, KubernetesOptions};
use serde_json::{Value, json};

use crate::{PLANES, config, options, written};

/// What is said of a configuration, line by line.
fn said(text: &str, plane: ControlPlane) -> Vec<String> {
    let said = written(text, &options(plane)).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(!said.contains("wonderland"), "{said}");
    said.lines().map(str::to_owned).collect()
}

fn both(attributes: Value, expected: &[&str]) {
    let text = config(attributes);
    for plane in PLANES {
        assert_eq!(said(&text, plane), expected, "{plane:?} {text}");
    }
}

#[test]
fn no_key_comes_into_a_manifest() {
    let literal = |place: &str| {
        format!(
            "`{place}` is the key itself, expected none: no manifest holds it, the gateway adds it from a secret of kubernetes"
        )
    };
    let header = |place: &str| {
        format!(
            "`{place}` is an environment variable, expected a text that is no secret: the gateway adds `authorization` from a secret \
             of kubernetes, and nothing else"
        )
    };
    both(json!({ "service_token": "alice:wonderland" }), &[&literal("service_token")]);
    both(json!({ "authorization": "Bearer wonderland" }), &[&literal("authorization")]);
    both(
        json!({ "service_token": "$ENV://A", "routes": { "x": { "service_token": "alice:wonderland" }, "y": {} } }),
        &[&literal("routes[\"x\"].service_token")],
    );
    both(
        json!({ "call_headers": { "x-org": "wonderland", "x-key": "$ENV://B" } }),
        &[&header("call_headers[\"x-key\"]")],
    );
    both(
        json!({ "routes": { "x": { "call_headers": { "x-key": "$ENV://B" } } } }),
        &[&header("routes[\"x\"].call_headers[\"x-key\"]")],
    );
    let two = |keys: &str| {
        format!("`upstream` is \"ow.example:443\" for routes whose keys are {keys}, expected a name for each of them")
    };
    both(
        json!({ "service_token": "$ENV://A", "routes": { "x": {}, "y": { "service_token": "$ENV://B" }, "z": { "service_token": "$ENV://B" } } }),
        &[&two("`A` and `B`")],
    );
    both(
        json!({ "routes": { "x": { "service_token": "$ENV://A" }, "y": { "authorization": null } } }),
        &[&two("`A` and none")],
    );
}

#[test]
fn an_address_is_one_that_the_gateway_reaches() {
    let name =
        "a name of a host with small letters, digits, hyphens and a dot: the gateway is in a namespace of its own";
    let pod = "another address: this one is the pod of the gateway";
    for (api_host, shown, expected) in [
        ("https://openwhisk", "https://openwhisk:443", name),
        ("http://localhost:3233", "http://localhost:3233", name),
        ("http://open_whisk.example", "http://open_whisk.example:80", name),
        ("http://127.0.0.1:3233", "http://127.0.0.1:3233", pod),
        ("http://[::1]", "http://[::1]:80", pod),
        ("http://[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]:80", pod),
        ("http://0.0.0.0", "http://0.0.0.0:80", pod),
    ] {
        both(json!({ "api_host": api_host }), &[&format!("`api_host` is {shown}, expected {expected}")]);
    }
    let address = config(json!({ "api_host": "https://192.0.2.7" }));
    let expected = "`api_host` is https://192.0.2.7:443, expected a name, or `ssl_verify`: false: envoy gateway compares no \
                    certificate with an address";
    assert_eq!(said(&address, ControlPlane::EnvoyGateway), [expected]);
    for plain in ["http://ow.example:443", "http://ow.example.:443"] {
        let schemes = config(json!({ "routes": { "x": {}, "y": { "api_host": plain, "upstream": "plain" } } }));
        let expected = format!("`api_host` is https://ow.example:443 and {plain}, expected one of them");
        assert_eq!(said(&schemes, ControlPlane::Istio), [expected]);
        assert!(said(&schemes, ControlPlane::EnvoyGateway).is_empty());
    }
}

#[test]
fn a_name_is_one_that_kubernetes_can_have() {
    let of_envoy_gateway = |routes: Value, expected: &[&str]| {
        let text = config(json!({ "routes": routes }));
        assert_eq!(said(&text, ControlPlane::EnvoyGateway), expected, "{text}");
        assert!(said(&text, ControlPlane::Istio).is_empty(), "{text}");
    };
    of_envoy_gateway(
        json!({ "a/b": {}, "A b": {}, "c": {} }),
        &["the routes \"A b\" and \"a/b\" are both \"a-b\" in kubernetes, expected other names"],
    );
    of_envoy_gateway(
        json!({ "ü": {} }),
        &["the route \"ü\" gives no name of kubernetes, expected letters or digits of ascii"],
    );
    let long = "x".repeat(254);
    let too_long = format!("the route {long:?} is 254 bytes long, expected at most 253 for kubernetes");
    of_envoy_gateway(json!({ long.as_str(): {}, "y".repeat(253): {} }), &[&too_long]);
    of_envoy_gateway(
        json!({ "Openwhisk": {} }),
        &["the route \"Openwhisk\" has a name that is taken already, expected another one"],
    );
    of_envoy_gateway(
        json!({ "a//b": {}, "c": {} }),
        &["the route \"a//b\" is on \"/a//b\", expected a path that the gateway api takes"],
    );

    let hosts =
        ["a.example", "*.b.example", "x.b.example", "b.example", "a.example"].map(|host| host.parse().expect("a host"));
    let given = |plane| KubernetesOptions { hosts: hosts.to_vec(), ..options(plane) };
    let refused = written(&config(json!({})), &given(ControlPlane::Istio)).err().map(|error| error.to_string());
    let same = |[first, second]: [&str; 2]| {
        format!("`--host` is {first:?} and {second:?}, expected only one of them: istio takes no host twice")
    };
    let expected = [["*.b.example", "x.b.example"], ["a.example", "a.example"]].map(same).join("\n");
    assert_eq!(refused, Some(expected));
    assert!(written(&config(json!({})), &given(ControlPlane::EnvoyGateway)).is_ok());

    // A patch for this name would be for the routes that Istio makes itself.
    let text = config(json!({ "routes": { "default": {}, "x": {} } }));
    let expected = "the route \"default\" has a name that is taken already, expected another one";
    assert_eq!(said(&text, ControlPlane::Istio), [expected]);

    let upstreams = |names: [&str; 2]| {
        let routes: serde_json::Map<_, _> =
            names.iter().map(|name| ((*name).to_owned(), json!({ "upstream": name }))).collect();
        json!({ "routes": routes })
    };
    both(
        upstreams(["a.b", "a/b"]),
        &["the upstreams \"a.b\" and \"a/b\" are both \"a-b\" in kubernetes, expected other names"],
    );
    both(
        upstreams(["a", "%"]),
        &["the upstream \"%\" gives no name of kubernetes, expected letters or digits of ascii"],
    );
    both(
        upstreams(["a", "routes"]),
        &["the upstream \"routes\" has a name that is taken already, expected another one"],
    );
    let long = "u".repeat(49);
    both(
        upstreams(["a", &long]),
        &[&format!("the upstream {long:?} is 49 bytes long, expected at most 48 for kubernetes")],
    );
}

#[test]
fn there_is_something_to_serve_and_it_is_of_the_filter() {
    both(json!({ "routes": {} }), &["`routes` is empty, expected a route at least"]);
    both(json!({ "timeout": 0 }), &["`timeout` is 0, expected a whole number of milliseconds from 1 to 60000"]);
    let apisix = json!({ "uri": "/x", "plugins": { "openwhisk": { "api_host": "http://ow", "service_token": "alice:wonderland",
        "namespace": "n", "action": "a" } } });
    for plane in PLANES {
        let expected = "the text is of apisix, expected a configuration of the filter for `--for`";
        assert_eq!(said(&apisix.to_string(), plane), [expected]);
    }
}
