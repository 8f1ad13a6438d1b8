//! What requests match, and what holds them back.

use openwhisk_envoy::{Options, Router};
use serde_json::{Value, json};

use crate::{MANAGER, at, configuration, openwhisk, refused, rendered, route, table, without};

#[test]
fn what_protects_a_route_is_never_lost_in_silence() {
    let cases = [
        (json!({ "plugins": { "key-auth": {} } }), "plugins.key-auth", "key-auth", "envoy.filters.http.api_key_auth"),
        (json!({ "plugins": { "jwt-auth": {} } }), "plugins.jwt-auth", "jwt-auth", "envoy.filters.http.jwt_authn"),
        (json!({ "plugins": { "ip-restriction": {} } }), "plugins.ip-restriction", "ip-restriction", "rbac"),
        (json!({ "plugins": { "my-own": {} } }), "plugins.my-own", "my-own", "nothing that is known here"),
        (json!({ "plugins": { "key-auth": null } }), "plugins.key-auth", "key-auth", "api_key_auth"),
        (
            json!({ "plugins": { "key-auth": { "_meta": { "disable": "true" } } } }),
            "plugins.key-auth",
            "key-auth",
            "api",
        ),
        (
            json!({ "plugins": { "prometheus": { "_meta": { "pre_function": "return w0nderland" } } } }),
            "plugins.prometheus._meta.pre_function",
            "_meta.pre_function",
            "may do everything",
        ),
        (json!({ "plugins": { "key-auth": { "disable": true } } }), "plugins.key-auth", "key-auth", "api_key_auth"),
        (json!({ "remote_addr": "10.0.0.1" }), "remote_addr", "remote_addr", "rbac"),
        (json!({ "remote_addrs": ["10.0.0.0/8"] }), "remote_addrs", "remote_addrs", "rbac"),
        (json!({ "filter_func": "function() return false end" }), "filter_func", "filter_func", "lua"),
        (json!({ "script": "return false" }), "script", "script", "lua"),
        (json!({ "new_field": true }), "new_field", "new_field", "not known here"),
    ];
    for (fields, place, name, hint) in cases {
        let text = route(fields);
        let said = refused(&text, &Options::default());
        let [line] = said.as_slice() else { panic!("{text}: {said:?}") };
        assert!(line.starts_with(&format!("{place}: not translated: ")) && line.contains(hint), "{text}: {line}");
        assert!(line.contains("would be open to everyone") || hint == "may do everything", "{text}: {line}");
        assert!(line.ends_with(&format!("; `--without {name}` leaves it out")), "{text}: {line}");
        let notes = rendered(&text, &without(&[name])).notes;
        assert!(notes.contains(&format!("{place}: not translated, as `--without {name}` says")), "{notes:?}");
    }
}

#[test]
fn result_false_does_what_the_plugin_did() {
    let lua = json!({ "openwhisk": openwhisk(json!({ "result": false })) });
    let wasm = json!({ "openwhisk-wasm": { "conf": openwhisk(json!({ "result": false })) } });
    let cases =
        [(lua, json!("activation"), Value::Null, "plugins.openwhisk.result"), (wasm, Value::Null, json!(false), "")];
    for (plugins, mode, result, note) in cases {
        let text = json!({ "uri": "/x", "plugins": plugins });
        let rendered = rendered(&text, &Options::default());
        let configuration = configuration(&rendered);
        assert_eq!((&configuration["mode"], &configuration["result"]), (&mode, &result), "{text}");
        assert_eq!(
            rendered.notes.iter().any(|said| !note.is_empty() && said.starts_with(note)),
            !note.is_empty(),
            "{text}"
        );
        let warns = rendered.warnings.iter().any(|warning| warning.contains("gets the code of the action"));
        assert_eq!(warns, note.is_empty(), "{text}: {:?}", rendered.warnings);
    }
}

#[test]
fn all_that_is_not_translated_is_told_at_once() {
    let text = json!({ "routes": [
        route(json!({ "plugins": { "cors": {}, "limit-count": {} }, "vars": [["arg_x", "==", "w0nderland"]] })),
        route(json!({ "plugins": { "openwhisk": openwhisk(json!({ "_meta": { "filter": [] } })) }, "uri": "x" })),
    ], "global_rules": [{ "plugins": { "ip-restriction": {} } }], "ssls": [{ "sni": "a" }], "consumers": [{ "username": "u" }] });
    let places: Vec<_> = refused(&text, &Options::default())
        .iter()
        .map(|line| line.split(": ").next().unwrap_or_default().to_owned())
        .collect();
    let expected = [
        "routes[0].plugins.cors",
        "routes[0].plugins.limit-count",
        "routes[0].vars",
        "routes[1].plugins.openwhisk._meta.filter",
        "routes[1].uri",
        "global_rules[0].plugins.ip-restriction",
        "consumers[0]",
        "ssls[0]",
    ];
    assert_eq!(places, expected);
    let names =
        ["cors", "limit-count", "vars", "_meta.filter", "uris", "global_rules.ip-restriction", "consumers", "ssls"];
    for name in names {
        let left = refused(&text, &without(&names.iter().copied().filter(|other| *other != name).collect::<Vec<_>>()));
        assert_eq!(left.len(), 1, "{name}: {left:?}");
        assert!(left[0].ends_with(&format!("`--without {name}` leaves it out")), "{name}: {left:?}");
    }
}

#[test]
fn the_error_in_the_page_is_the_one_that_is_told() {
    let page = include_str!("../../../../docs/apisix.md");
    let said = refused(&json!({ "routes": [route(json!({ "plugins": { "key-auth": {} } }))] }), &Options::default());
    assert!(page.contains(&format!("\nerror: {}\n", said[0])), "{said:?}");
}

#[test]
fn a_name_of_a_plugin_does_not_speak_for_global_rules() {
    let text = json!({ "routes": [route(json!({}))], "global_rules": [{ "plugins": { "key-auth": {} } }] });
    assert_eq!(refused(&text, &without(&["key-auth"])).len(), 1);
    rendered(&text, &without(&["global_rules.key-auth"]));
    let openwhisk = json!({ "routes": [route(json!({}))], "global_rules": [{ "plugins": { "openwhisk": {} } }] });
    assert_eq!(refused(&openwhisk, &Options::default()).len(), 1);
}

#[test]
fn what_does_not_matter_is_listed() {
    let cases = [
        (json!({ "id": 7, "name": "x", "desc": "d", "labels": {}, "create_time": 1, "update_time": 2 }), vec![]),
        (json!({ "upstream": { "nodes": {} } }), vec!["left out: upstream is never reached: the filter answers"]),
        (
            json!({ "upstream_id": 1, "timeout": {}, "enable_websocket": true }),
            vec![
                "left out: enable_websocket is never reached: the filter answers",
                "left out: timeout is never reached: the filter answers",
                "left out: upstream_id is never reached: the filter answers",
            ],
        ),
        (
            json!({ "plugins": { "prometheus": {}, "zipkin": {}, "http-logger": { "auth_header": "w0nderland" } } }),
            vec![
                "left out: plugins.http-logger only observes",
                "left out: plugins.prometheus only observes",
                "left out: plugins.zipkin only observes",
            ],
        ),
        (
            json!({ "plugins": { "key-auth": { "_meta": { "disable": true } } } }),
            vec!["left out: plugins.key-auth is switched off (`_meta.disable`)"],
        ),
        (
            json!({ "plugins": { "openwhisk": openwhisk(json!({ "_meta": { "priority": 1, "disable": false } })) } }),
            vec![],
        ),
    ];
    for (fields, expected) in cases {
        let rendered = rendered(&route(fields.clone()), &Options::default());
        assert_eq!(rendered.notes, expected, "{fields}");
        assert!(configuration(&rendered).get("_meta").is_none(), "{fields}");
    }
}

#[test]
fn nothing_is_rendered_for_what_is_switched_off() {
    let off = json!({ "plugins": { "openwhisk": openwhisk(json!({ "_meta": { "disable": true } })) } });
    let cases = [
        (route(json!({ "status": 0 })), "`plugins` holds neither"),
        (route(json!({ "status": 0, "service_id": "gone", "remote_addrs": [] })), "`plugins` holds neither"),
        (route(off.clone()), "`plugins` holds neither"),
        (json!({ "uri": "/x", "plugins": {} }), "`plugins` holds neither"),
        (json!({ "routes": [] }), "no route that is switched on has"),
        (json!({ "list": [], "total": 0 }), "no route that is switched on has"),
        (json!({ "routes": [route(json!({ "status": 0 })), route(off)] }), "no route that is switched on has"),
        (
            json!({ "username": "u", "plugins": { "key-auth": { "key": "w0nderland" } } }),
            "no route that is switched on",
        ),
    ];
    for (text, expected) in cases {
        let said = refused(&text, &Options::default());
        assert!(said.len() == 1 && said[0].starts_with(expected), "{text}: {said:?}");
    }
    let both =
        json!({ "routes": [route(json!({ "id": "a", "status": 0 })), route(json!({ "id": "b", "status": 1 }))] });
    let rendered = rendered(&both, &Options::default());
    assert_eq!(rendered.notes, ["left out: routes[0] (\"a\") is switched off (`status` is 0)"]);
    assert_eq!(table(&rendered), [r#"*: b {"path":"/a"}"#]);
}

#[test]
fn a_plugin_that_is_no_configuration_is_told() {
    let cases = [
        (json!({ "openwhisk": null }), "plugins.openwhisk: expected an object"),
        (json!({ "openwhisk": [] }), "plugins.openwhisk: expected an object"),
        (json!({ "openwhisk-wasm": null }), "plugins.openwhisk-wasm.conf: is missing"),
        (json!({ "openwhisk-wasm": { "action": "a" } }), "plugins.openwhisk-wasm.action: not known"),
        (json!({ "openwhisk-wasm": { "conf": "{\"a\": 1, \"a\": 2}" } }), "plugins.openwhisk-wasm: expected an object"),
        (json!({ "openwhisk-wasm": { "conf": { "_meta": { "disable": true } } } }), "unknown attribute `_meta`"),
        (
            json!({ "openwhisk": {}, "openwhisk-wasm": { "conf": {} } }),
            "plugins: holds `openwhisk` and `openwhisk-wasm`",
        ),
        (json!([]), "plugins: expected an object"),
        (json!(null), "plugins: expected an object"),
    ];
    for (plugins, expected) in cases {
        let said = refused(&json!({ "uri": "/a", "plugins": plugins }), &Options::default());
        assert!(said.iter().any(|line| line.starts_with(expected)), "{plugins}: {said:?}");
    }
}

#[test]
fn what_requests_match_is_translated() {
    let method = |value: Value| json!({ "name": ":method", "string_match": value });
    let cases = [
        (json!({ "uri": "/hello" }), vec![(json!("*"), json!({ "path": "/hello" }))]),
        (json!({ "uri": "/hello/*" }), vec![(json!("*"), json!({ "prefix": "/hello/" }))]),
        (json!({ "uri": "/hello*" }), vec![(json!("*"), json!({ "prefix": "/hello" }))]),
        (json!({ "uri": "/*" }), vec![(json!("*"), json!({ "prefix": "/" }))]),
        (
            json!({ "uri": "/user/:id/orders" }),
            vec![(json!("*"), json!({ "safe_regex": { "regex": "/user/[^/]+/orders" } }))],
        ),
        (
            json!({ "methods": ["GET"] }),
            vec![(json!("*"), json!({ "path": "/a", "headers": [method(json!({ "exact": "GET" }))] }))],
        ),
        (
            json!({ "methods": ["GET", "POST"] }),
            vec![(
                json!("*"),
                json!({ "path": "/a", "headers": [method(json!({ "safe_regex": { "regex": "GET|POST" } }))] }),
            )],
        ),
        (json!({ "methods": [] }), vec![(json!("*"), json!({ "path": "/a" }))]),
        (
            json!({ "vars": [["http_x_v", "in", ["1.0", "a|b"]]] }),
            vec![(
                json!("*"),
                json!({ "path": "/a", "headers": [
                    { "name": "x-v", "string_match": { "safe_regex": { "regex": "1\\.0|a\\|b" } } }] }),
            )],
        ),
        (json!({ "host": "API.example.com" }), vec![(json!("api.example.com"), json!({ "path": "/a" }))]),
        (
            json!({ "hosts": ["a.com", "*.b.com"] }),
            vec![(json!("a.com"), json!({ "path": "/a" })), (json!("*.b.com"), json!({ "path": "/a" }))],
        ),
    ];
    for (fields, expected) in cases {
        let mut fields_with_uri = fields.clone();
        if fields_with_uri["uri"].is_null() {
            fields_with_uri["uri"] = json!("/a");
        }
        let rendered = rendered(&route(fields_with_uri), &without(&["vars"]));
        let hosts = at(&rendered, &format!("{MANAGER}/route_config/virtual_hosts"));
        let hosts = hosts.as_array().expect("hosts").iter();
        let own = hosts.filter(|host| host["routes"][0]["name"] != "rest");
        let found: Vec<_> = own.map(|host| (host["domains"][0].clone(), host["routes"][0]["match"].clone())).collect();
        assert_eq!(found, expected, "{fields}");
        assert_eq!(at(&rendered, &format!("{MANAGER}/route_config/ignore_port_in_host_matching")), json!(true));
    }
}

#[test]
fn conditions_on_headers_are_not_the_same_in_envoy() {
    let header = json!(["http_x_version", "==", "2"]);
    let text = route(json!({ "vars": [["request_method", "==", "GET"], header] }));
    let said = refused(&text, &Options::default());
    let expected = "vars: not translated: envoy looks at each line of a header that comes twice, where apisix joins them, and \
                    knows no `X_NAME` for `X-NAME`; `--without vars` leaves it out";
    assert_eq!(said, [expected]);
    let near = table(&rendered(&text, &without(&["vars"])));
    assert!(near[0].contains(r#"{"name":"x-version","string_match":{"exact":"2"}}"#), "{near:?}");
    let method = route(json!({ "vars": [["request_method", "==", "GET"]] }));
    assert!(table(&rendered(&method, &Options::default()))[0].contains(":method"));
}

#[test]
fn without_its_only_host_a_route_is_not_for_all_hosts() {
    for (fields, expected) in [
        (json!({ "host": "a.com:80" }), &["*: "][..]),
        (json!({ "hosts": ["a.com:80", "b.com"] }), &[r#"b.com: a {"path":"/a"}"#, "*: "]),
    ] {
        let rendered = rendered(&json!({ "routes": [route(fields.clone())] }), &without(&["hosts"]));
        assert_eq!(table(&rendered), expected, "{fields}");
    }
}

#[test]
fn the_router_is_told_or_assumed() {
    let text = json!({ "routes": [route(json!({ "uri": "/u/:id" }))] });
    let parameter = r#"*: a {"safe_regex":{"regex":"/u/[^/]+"}}"#;
    let literal = r#"*: a {"safe_regex":{"regex":"/u/(?:[:]|%(?i:3a))id"}}"#;
    let with = |router| Options { router, ..Options::default() };
    let cases =
        [(None, parameter, 1), (Some(Router::UriWithParameter), parameter, 0), (Some(Router::HostUri), literal, 0)];
    for (router, expected, notes) in cases {
        let rendered = rendered(&text, &with(router));
        assert_eq!((table(&rendered), rendered.notes.len()), (vec![expected.to_owned()], notes), "{router:?}");
    }
}

#[test]
fn a_route_has_what_it_refers_to() {
    let services = json!([{ "id": "s", "hosts": ["s.com"], "plugins": { "key-auth": {}, "openwhisk": openwhisk(json!({ "action": "of-service" })) } }]);
    let plugin_configs = json!([{ "id": 1, "plugins": { "openwhisk": openwhisk(json!({ "action": "of-config" })) } }]);
    let text = |fields: Value| json!({ "routes": [fields], "services": services, "plugin_configs": plugin_configs });
    let off = json!({ "_meta": { "disable": true } });
    let both =
        json!({ "id": "r", "uri": "/a", "service_id": "s", "plugin_config_id": 1, "plugins": { "key-auth": off } });
    let result = rendered(&text(both.clone()), &Options::default());
    assert_eq!(configuration(&result)["routes"]["r"]["action"], "of-config");
    assert_eq!(table(&result), [r#"s.com: r {"path":"/a"}"#, "*: "]);

    let service = json!({ "id": "r", "uri": "/a", "service_id": "s", "host": "r.com", "plugins": { "key-auth": off } });
    let result = rendered(&text(service), &Options::default());
    assert_eq!(configuration(&result)["routes"]["r"]["action"], "of-service");
    assert_eq!(table(&result), [r#"r.com: r {"path":"/a"}"#, "*: "]);

    let open = json!({ "id": "r", "uri": "/a", "service_id": "s" });
    let said = refused(&text(open), &Options::default());
    assert!(said.len() == 1 && said[0].starts_with("services[0].plugins.key-auth: not translated"), "{said:?}");

    let unknown = json!({ "routes": [route(json!({ "service_id": "gone", "plugin_config_id": 9 }))] });
    let said = refused(&unknown, &Options::default());
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0]
            .starts_with("routes[0].plugin_config_id: not translated: is \"9\", which is not among `plugin_configs`")
    );
    assert!(said[1].starts_with("routes[0].service_id: not translated: is \"gone\", which is not among `services`"));

    let mut broken = both;
    broken["plugins"] = json!({ "key-auth": off, "openwhisk-wasm": { "conf": {} } });
    let said = refused(&text(broken), &Options::default());
    assert!(said[0].contains("holds `openwhisk` and `openwhisk-wasm`, expected one of them"), "{said:?}");
}

#[test]
fn a_field_that_may_put_a_route_of_others_first_is_refused_where_it_matters() {
    let protecting = |fields: Value| {
        let mut other = json!({ "id": "adm", "uri": "/a", "plugins": { "key-auth": {} } });
        for (name, value) in fields.as_object().expect("an object") {
            other[name] = value.clone();
        }
        json!({ "routes": [route(json!({ "id": "pub" })), other], "services": [{ "id": "s", "hots": ["a.com"] }] })
    };
    for (fields, place) in [
        (json!({ "Priority": 10 }), "routes[1].Priority"),
        (json!({ "<<": { "priority": 10 } }), "routes[1].<<"),
        (json!({ "uri": "/*", "Priority": 10 }), "routes[1].Priority"),
        (json!({ "service_id": "s" }), "services[0].hots"),
    ] {
        let said = refused(&protecting(fields.clone()), &Options::default());
        assert!(said.len() == 1 && said[0].starts_with(&format!("{place}: not translated")), "{fields}: {said:?}");
        let name = place.rsplit('.').next().unwrap_or_default();
        assert!(table(&rendered(&protecting(fields), &without(&[name])))[0].starts_with("*: pub {"), "{place}");
    }
    for fields in [json!({ "uri": "/far", "Priority": 10 }), json!({ "priority": -1, "upstream_id": 1, "labels": {} })]
    {
        assert_eq!(table(&rendered(&protecting(fields.clone()), &Options::default())).len(), 1, "{fields}");
    }
}

#[test]
fn a_route_of_others_that_cannot_be_told_apart_is_refused_where_it_matters() {
    let others = |uri: &str| json!({ "id": "o", "uri": uri, "upstream_id": 1, "vars": [["arg_x", "==", "1"]], "plugins": { "key-auth": {} } });
    let far = json!({ "routes": [route(json!({})), others("/far/*")] });
    assert_eq!(table(&rendered(&far, &Options::default())), [r#"*: a {"path":"/a"}"#]);
    let near = json!({ "routes": [route(json!({ "uri": "/a/*" })), others("/a/b")] });
    let said = refused(&near, &Options::default());
    assert!(said.len() == 1 && said[0].starts_with("routes[1].vars: not translated"), "{said:?}");
    let mut all = others("/*");
    all["priority"] = json!(1);
    let said = refused(&json!({ "routes": [route(json!({ "uri": "/*" })), all] }), &Options::default());
    assert!(said.len() == 1 && said[0].starts_with("routes[1].vars: not translated"), "{said:?}");
    assert_eq!(table(&rendered(&near, &without(&["vars"]))), [r#"*: !o {"path":"/a/b"}, a {"prefix":"/a/"}"#]);
}
