//! The parts of a manifest fit together, for many configurations.

use std::collections::{BTreeMap, BTreeSet};

use openwhisk_envoy::kubernetes::{ControlPlane, HostName, KubernetesOptions};
use openwhisk_filter::config::Config;
use openwhisk_filter::config::settings::{RequestBody, Settings};
use serde_json::{Value, json};

use crate::{PLANES, config, list, of_kind, options, read, resources, root, text, the_only, written};

/// Routes whose names are no plain words, each with an action of its own.
fn tricky(names: &[&str]) -> Value {
    let action = |(index, name): (usize, &&str)| ((*name).to_owned(), json!({ "action": format!("a{index}") }));
    names.iter().enumerate().map(action).collect::<serde_json::Map<_, _>>().into()
}

/// Configurations that each write something else.
fn all() -> Vec<String> {
    let four = json!({ "service_token": "$ENV://OPENWHISK_A", "routes": {
        "a": {}, "b": { "upstream": "second", "service_token": "$ENV://OPENWHISK_B" }, "c": { "api_host": "http://192.0.2.7:3233/x" },
        "d": { "api_host": "https://ow.example:8443", "action": "b" }, "e": { "api_host": "http://ow.ns.svc.cluster.local" } } });
    [
        json!({}),
        json!({ "action": "Hello World", "package": "p" }),
        json!({ "parameters": "http", "path_prefix": "/orders/" }),
        json!({ "api_host": "http://ow.example:3233/prefix" }),
        json!({ "api_host": "http://[2001:db8::7]:3233" }),
        json!({ "api_host": "http://1ow.ns.svc.cluster.local" }),
        json!({ "api_host": "https://ow.example.", "ssl_verify": false }),
        json!({ "api_host": "https://192.0.2.7", "ssl_verify": false }),
        json!({ "keepalive": false, "timeout": 2500, "upstream": "{a}:[b],\"c\"#d'%$" }),
        json!({ "keepalive_timeout": u64::MAX, "max_req_body_size": 8_388_608 }),
        json!({ "max_req_body_size": 1, "request_body": "buffer_filter", "keepalive_timeout": 1500 }),
        json!({ "service_token": "$ENV://ANY_NAME", "call_headers": {} }),
        json!({ "call_headers": { "X-Org": "a: \"b\" #<namespace>" } }),
        json!({ "call_headers": { "x-org": "ours" }, "routes": { "a": {}, "b": { "upstream": "second" }, "c": { "upstream": "second" },
            "d": { "call_headers": null }, "e": { "call_headers": { "x-org": "theirs" }, "upstream": "second" } } }),
        json!({ "parameters": "http", "bind": { "stage": "prod", "n": 1 }, "location": "/jobs", "repeated": "list",
            "response": "plain", "server_timing": true, "routes": { "a": { "path_template": "/a/{id}" }, "b": { "trigger": "t" },
            "c": { "mode": "poll", "bind": null }, "d": { "parameters": "raw", "bind": { "stage": "test" } } } }),
        json!({ "routes": { "one": { "action": "x" }, "other": { "action": "x" } } }),
        json!({ "routes": { "1": { "package": null }, "no": { "timeout": 1 }, "0x10": { "mode": "activation" } } }),
        json!({ "parameters": "http", "routes": { "a": { "path_prefix": "/" }, "b": { "path_prefix": "/x/y" } } }),
        json!({ "routes": tricky(&["a b", "/c/", "<namespace>", "# x: y", "e\"f", "g'h", "i\\j", "k\nl", "*m", "ü n"]) }),
        json!({ "routes": { "z".repeat(253): {} } }),
        four,
    ]
    .map(config)
    .into()
}

/// What both say of how a request is served, but for the cluster that is called.
fn assert_same(written: &Settings, given: &Settings) {
    assert_eq!(written.api_host(), given.api_host());
    assert_eq!((written.action(), written.mode()), (given.action(), given.mode()));
    assert_eq!(written.parameters(), given.parameters());
    assert_eq!((written.response(), written.location()), (given.response(), given.location()));
    assert_eq!(written.server_timing(), given.server_timing());
    assert_eq!((written.timeout(), written.on_timeout()), (given.timeout(), given.on_timeout()));
    assert_eq!((written.action_errors(), written.retries()), (given.action_errors(), given.retries()));
    assert_eq!(written.max_concurrency(), given.max_concurrency());
    assert_eq!(written.max_req_body_size(), given.max_req_body_size());
    assert_eq!(written.call_headers(), given.call_headers());
    assert!(written.authorization().is_none());
}

/// The routes of an accepted configuration.
fn routes(configuration: &str) -> BTreeMap<String, Settings> {
    match Config::from_json(configuration.as_bytes(), &|_| Some("alice:wonderland".to_owned())) {
        Ok(Config::Routes(routes)) => routes,
        Ok(Config::Every(settings)) => [(String::new(), *settings)].into(),
        Err(error) => panic!("{error}\n{configuration}"),
    }
}

/// Each resource is there once, and in the namespace.
fn assert_named(resources: &[Value], namespace: &str) {
    let mut names = BTreeSet::new();
    for resource in resources {
        let metadata = &resource["metadata"];
        assert!(names.insert((text(&resource["kind"]), text(&metadata["name"]))), "{resource} is there twice");
        assert!(metadata["namespace"] == namespace || resource["kind"] == "GatewayClass", "{resource}");
    }
}

fn assert_fits(given: &str, options: &KubernetesOptions) {
    let rendered = written(given, options).unwrap_or_else(|error| panic!("{error}\n{given}"));
    assert!(!rendered.yaml.contains("wonderland") && !rendered.yaml.contains("$ENV"), "{given}");
    let resources = read(&rendered.yaml);
    let given = routes(given);
    // What each route is called here, and in the configuration.
    let (written, names) = match options.control_plane {
        ControlPlane::EnvoyGateway => of_envoy_gateway(&resources, options, &given),
        _ => of_istio(&resources, &given),
    };
    let written = routes(&written);
    let hosts = options.hosts.len().max(1);
    assert_eq!(written.len(), given.len() * hosts, "{names:?}");
    for (name, settings) in &written {
        assert_same(settings, given.get(&names[name]).expect("a route"));
    }
}

/// What belongs together for Envoy Gateway. Gives the configuration of the filter, and its names with those that were given.
fn of_envoy_gateway(
    resources: &[Value],
    options: &KubernetesOptions,
    given: &BTreeMap<String, Settings>,
) -> (String, BTreeMap<String, String>) {
    let namespace = options.namespace.as_ref().map_or("default", |namespace| namespace.as_str());
    assert_named(resources, namespace);
    let (gateway, proxy) = (the_only(resources, "Gateway"), the_only(resources, "EnvoyProxy"));
    assert_eq!(gateway["spec"]["gatewayClassName"], the_only(resources, "GatewayClass")["metadata"]["name"]);
    assert_eq!(gateway["spec"]["infrastructure"]["parametersRef"]["name"], proxy["metadata"]["name"]);
    let target = |policy: &Value| -> Vec<String> {
        let refs = list(&policy["spec"]["targetRefs"]).iter();
        refs.map(|target| text(&target["name"]).to_owned()).collect()
    };

    // The routes that no client can use.
    let secrets = of_kind(resources, "HTTPRouteFilter");
    let denied: Vec<_> = of_kind(resources, "SecurityPolicy").into_iter().flat_map(target).collect();
    let mut clusters = BTreeSet::new();
    let mut held = BTreeSet::new();
    for name in &denied {
        let is_it = |route: &&Value| route["metadata"]["name"] == name.as_str();
        let route = of_kind(resources, "HTTPRoute").into_iter().find(is_it).expect("the route of a policy");
        // Each listener has it, and no path of a request is a question mark.
        assert!(route["spec"]["hostnames"].is_null(), "{route}");
        let nowhere = json!([{ "path": { "type": "RegularExpression", "value": "[?]" } }]);
        assert_eq!(route["spec"]["rules"][0]["matches"], nowhere);
        let backend = &route["spec"]["rules"][0]["backendRefs"][0];
        assert!(of_kind(resources, "Backend").iter().any(|one| one["metadata"]["name"] == backend["name"]));
        let filter = text(&backend["filters"][0]["extensionRef"]["name"]);
        let filter = secrets.iter().find(|secret| secret["metadata"]["name"] == filter).expect("a filter with a key");
        let secret = &filter["spec"]["credentialInjection"]["credential"]["valueRef"]["name"];
        assert!(held.insert(text(secret)), "{secret} is for two");
        clusters.insert(format!("httproute/{namespace}/{name}/rule/0/backend/0"));
    }
    assert_eq!((denied.len(), denied.len()), (secrets.len(), of_kind(resources, "BackendTrafficPolicy").len() - 1));

    // The routes of the actions: nothing is behind them but the filter.
    let extension = the_only(resources, "EnvoyExtensionPolicy");
    let served = target(extension);
    let policies = of_kind(resources, "BackendTrafficPolicy");
    let buffered = policies.iter().find(|policy| policy["metadata"]["name"] == "openwhisk-routes").expect("a policy");
    assert_eq!(target(buffered), served);
    let hosts: Vec<_> = options.hosts.iter().map(HostName::as_str).collect();
    let mut names = BTreeMap::new();
    for name in &served {
        assert!(!denied.contains(name) && name.len() <= 253, "{name}");
        let is_it = |route: &&Value| route["metadata"]["name"] == name.as_str();
        let route = of_kind(resources, "HTTPRoute").into_iter().find(is_it).expect("a route");
        let spec = &route["spec"];
        assert_eq!(spec["parentRefs"][0]["name"], gateway["metadata"]["name"]);
        let [rule] = list(&spec["rules"]) else { panic!("{spec}") };
        let [matched] = list(&rule["matches"]) else { panic!("{spec}") };
        assert!(text(&matched["path"]["value"]).starts_with('/'), "{spec}");
        assert_eq!(rule["backendRefs"][0]["name"], "nothing", "{spec}");
        assert!(hosts.is_empty() && spec["hostnames"].is_null() || spec["hostnames"] == json!(hosts), "{spec}");
        let is_same = |other: &&String| {
            let small: String =
                other.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
            small.trim_matches('-') == name
        };
        let original = given.keys().find(is_same).cloned().unwrap_or_default();
        for host in if hosts.is_empty() { vec!["*"] } else { hosts.clone() } {
            let host = host.replace('.', "_");
            names.insert(format!("httproute/{namespace}/{name}/rule/0/match/0/{host}"), original.clone());
        }
    }
    let configuration = extension["spec"]["wasm"][0]["config"].to_string();
    let limit = text(&buffered["spec"]["requestBuffer"]["limit"]).strip_suffix("Ki").expect("Ki");
    let limit = limit.parse::<u64>().expect("a number") * 1024;
    for settings in routes(&configuration).values() {
        assert!(clusters.contains(&**settings.upstream()), "{} of {clusters:?}", settings.upstream());
        assert_eq!(settings.request_body(), RequestBody::BufferFilter);
        let is_default = settings.max_req_body_size() == 64 << 20;
        assert!(is_default || limit > settings.max_req_body_size() || limit > 1 << 30, "{limit}");
    }
    (configuration, names)
}

/// What belongs together for Istio.
fn of_istio(resources: &[Value], given: &BTreeMap<String, Settings>) -> (String, BTreeMap<String, String>) {
    assert_named(resources, "istio-system");
    let filters = of_kind(resources, "EnvoyFilter");
    let gateway = &the_only(resources, "Gateway")["spec"];
    let mut hosts = list(&gateway["servers"][0]["hosts"]).iter();
    assert!(
        hosts.all(|host| text(host).starts_with("./")),
        "a VirtualService elsewhere could name the cluster with the key"
    );
    let labels = &gateway["selector"];
    assert!(filters.iter().all(|filter| filter["spec"]["workloadSelector"]["labels"] == *labels));
    let patches = |kind: &'static str| {
        let all = filters.iter().flat_map(|filter| list(&filter["spec"]["configPatches"]));
        all.filter(move |patch| patch["applyTo"] == kind)
    };

    // A host has settings for each of its ports, and a subset for each key.
    let mut subsets = BTreeSet::new();
    let mut ports = BTreeSet::new();
    for rule in of_kind(resources, "DestinationRule") {
        let host = text(&rule["spec"]["host"]);
        assert_eq!(rule["spec"]["exportTo"], json!(["."]), "other workloads are not told");
        for settings in list(&rule["spec"]["trafficPolicy"]["portLevelSettings"]) {
            let port = &settings["port"]["number"];
            ports.insert((host.to_owned(), port.to_string()));
            for subset in list(&rule["spec"]["subsets"]) {
                subsets.insert(format!("outbound|{port}|{}|{host}", text(&subset["name"])));
            }
        }
        let is_it = |entry: &&Value| entry["spec"]["hosts"] == json!([host]);
        let entry = of_kind(resources, "ServiceEntry").into_iter().find(is_it);
        assert_eq!(entry.is_none(), host.ends_with(".svc.cluster.local"), "{host}");
        assert!(entry.is_none_or(|entry| entry["spec"]["exportTo"] == json!(["."])), "{entry:?}");
        for port in entry.map_or(&[][..], |entry| list(&entry["spec"]["ports"])) {
            assert!(ports.contains(&(host.to_owned(), port["number"].to_string())), "{port}");
        }
    }

    // Each key has a cluster, a file and a name.
    let mut clusters = BTreeSet::new();
    for patch in patches("CLUSTER") {
        let cluster = text(&patch["match"]["cluster"]["name"]);
        assert!(clusters.insert(cluster) && subsets.contains(cluster), "{cluster} of {subsets:?}");
        let options = &patch["patch"]["value"]["typed_extension_protocol_options"];
        let options = &options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
        let credential = &options["http_filters"][0]["typed_config"]["credential"]["typed_config"]["credential"];
        let source = &credential["sds_config"]["path_config_source"];
        let folder = text(&source["watched_directory"]["path"]);
        assert_eq!(source["path"], format!("{folder}/sds.yaml"));
        let is_it = |map: &&Value| map["metadata"]["name"] == credential["name"];
        let file = of_kind(resources, "ConfigMap").into_iter().find(is_it).expect("the file of the key");
        let file: Value = serde_saphyr::from_str(text(&file["data"]["sds.yaml"])).expect("YAML");
        assert_eq!(file["resources"][0]["name"], credential["name"]);
        let secret = &file["resources"][0]["generic_secret"]["secret"];
        assert_eq!(secret["filename"], format!("{folder}/authorization"));
    }
    assert_eq!(clusters.len(), of_kind(resources, "ConfigMap").len());

    let resource = patches("EXTENSION_CONFIG").next().expect("the filter");
    let configuration = text(&resource["patch"]["value"]["typed_config"]["config"]["configuration"]["value"]);
    let written = routes(configuration);
    let served: BTreeSet<_> = written.keys().map(String::as_str).collect();
    let service = list(&the_only(resources, "VirtualService")["spec"]["http"]);
    assert_eq!(served, service.iter().map(|route| text(&route["name"])).collect());
    let names =
        patches("HTTP_ROUTE").map(|patch| text(&patch["match"]["routeConfiguration"]["vhost"]["route"]["name"]));
    assert_eq!(served, names.collect());
    for route in service {
        let destination = &route["route"][0]["destination"];
        let to = (text(&destination["host"]).to_owned(), destination["port"]["number"].to_string());
        assert!(ports.contains(&to) && destination["subset"].is_null(), "{destination}");
    }
    for settings in written.values() {
        assert!(clusters.contains(&**settings.upstream()), "{} of {clusters:?}", settings.upstream());
        assert_eq!(settings.request_body(), RequestBody::Pause);
    }
    let name = |name: &String| (name.clone(), if given.contains_key(name) { name.clone() } else { String::new() });
    (configuration.to_owned(), written.keys().map(name).collect())
}

#[test]
fn the_parts_fit_together_whatever_is_configured() {
    for given in all() {
        for plane in PLANES {
            assert_fits(&given, &options(plane));
        }
        let hosts = ["a.example", "*.b.example"].map(|host| host.parse().expect("a host")).into();
        let namespace = Some("1e3".parse().expect("a namespace"));
        assert_fits(&given, &KubernetesOptions { hosts, namespace, ..options(ControlPlane::EnvoyGateway) });
    }
}

/// Configurations that the filter takes are written, or not for a reason; no name breaks a manifest.
#[test]
fn what_the_filter_takes_is_written_or_refused() {
    let all = corpus::configurations(&root().join("tests/configurations.yaml")).expect("a list");
    let mut count = 0;
    for configuration in all.into_iter().filter(|configuration| configuration.errors.is_empty()) {
        let mut value: Value = serde_json::from_slice(&configuration.bytes).expect("JSON");
        let levels = value.as_object_mut().expect("an object");
        levels.retain(|name, _| !["service_token", "authorization", "call_headers"].contains(&name.as_str()));
        for plane in PLANES {
            if let Ok(rendered) = written(&value.to_string(), &options(plane)) {
                assert!(!read(&rendered.yaml).is_empty(), "{}", configuration.about);
                count += 1;
            }
        }
    }
    assert!(count > 20, "only {count} are written");
}

#[test]
fn routes_are_on_their_paths() {
    let attributes = json!({ "parameters": "http", "routes": {
        "a": { "path_prefix": "/" }, "b c": {}, "d": { "path_prefix": "/x/y/" } } });
    let found = resources(attributes.clone(), &options(ControlPlane::EnvoyGateway));
    let path = |name: &str| {
        let is_it = |route: &&Value| route["metadata"]["name"] == name;
        of_kind(&found, "HTTPRoute").into_iter().find(is_it).expect(name)["spec"]["rules"][0]["matches"][0]["path"]
            .clone()
    };
    for (name, expected) in [("a", "/"), ("b-c", "/b%20c"), ("d", "/x/y")] {
        assert_eq!(path(name), json!({ "type": "PathPrefix", "value": expected }));
    }
    let found = resources(attributes, &options(ControlPlane::Istio));
    let http = &the_only(&found, "VirtualService")["spec"]["http"];
    let matches: Vec<_> = list(http).iter().map(|route| (text(&route["name"]), route["match"].clone())).collect();
    let expected = [
        ("b c", json!([{ "uri": { "exact": "/b%20c" } }, { "uri": { "prefix": "/b%20c/" } }])),
        ("d", json!([{ "uri": { "exact": "/x/y" } }, { "uri": { "prefix": "/x/y/" } }])),
        ("a", json!([{ "uri": { "prefix": "/" } }])),
    ];
    assert_eq!(matches, expected);

    for (prefix, expected) in [(None, "/"), (Some("/x/"), "/x")] {
        let route_prefix = prefix.map(|prefix| prefix.parse().expect("a prefix"));
        let found = resources(json!({}), &KubernetesOptions { route_prefix, ..options(ControlPlane::EnvoyGateway) });
        let route = of_kind(&found, "HTTPRoute")[1];
        assert_eq!(route["spec"]["rules"][0]["matches"][0]["path"]["value"], expected, "{prefix:?}");
    }
}
