//! The forms of the texts, and what becomes of the keys in them.

use openwhisk_envoy::{Form, Input, Options, Prefix, render_all};
use serde_json::{Value, json};

use crate::{MANAGER, at, configuration, openwhisk, refused, rendered, route, table};

#[test]
fn a_whole_apisix_is_taken_in_each_of_its_forms() {
    let pay =
        json!({ "uri": "/pay", "plugins": { "openwhisk-wasm": { "conf": openwhisk(json!({ "action": "pay" })) } } });
    let item = |key: &str, value: &Value| json!({ "key": key, "value": value, "createdIndex": 1, "modifiedIndex": 2 });
    let routes = [item("/apisix/routes/pay", &pay)];
    let service = json!({ "plugins": { "openwhisk": openwhisk(json!({})) } });
    let referring = json!({ "id": "r", "uri": "/r", "service_id": "s" });
    let yaml = "routes:\n- id: pay\n  uri: /pay\n  plugins:\n    openwhisk-wasm:\n      conf: &conf\n        api_host: http://ow\n        \
                service_token: alice:w0nderland\n        namespace: n\n        action: pay\nupstreams:\n#END\n";
    let cases: Vec<(Vec<String>, &[&str])> = vec![
        (vec![yaml.to_owned()], &[r#"*: pay {"path":"/pay"}"#]),
        (vec![json!({ "list": routes, "total": 1 }).to_string()], &[r#"*: pay {"path":"/pay"}"#]),
        // Of etcd the list itself may be counted, too.
        (
            vec![json!({ "action": "get", "count": 2, "node": { "dir": true, "nodes": routes } }).to_string()],
            &[r#"*: pay {"path":"/pay"}"#],
        ),
        (
            vec![json!({ "action": "get", "count": "1", "node": { "dir": true, "key": "/apisix/routes", "nodes": routes } })
                .to_string()],
            &[r#"*: pay {"path":"/pay"}"#],
        ),
        (vec![item("/apisix/routes/pay", &pay).to_string()], &[r#"*: pay {"path":"/pay"}"#]),
        (vec![json!({ "action": "get", "node": item("/apisix/routes/pay", &pay) }).to_string()], &[r#"*: pay {"path":"/pay"}"#]),
        (vec![json!({ "routes": [pay], "routes_conf_version": 1001 }).to_string()], &[r#"*: pay {"path":"/pay"}"#]),
        (
            vec![
                json!({ "list": [item("/apisix/routes/pay", &pay), item("/apisix/routes/r", &referring)], "total": 2 })
                    .to_string(),
                json!({ "list": [item("/apisix/services/s", &service), item("/apisix/services/t", &service)] }).to_string(),
            ],
            &[r#"*: pay {"path":"/pay"}, r {"path":"/r"}"#],
        ),
    ];
    for (texts, expected) in cases {
        let inputs: Vec<_> = texts.iter().map(|text| Input { name: "f", text: text.as_bytes() }).collect();
        let rendered = render_all(&inputs, &Options::default()).unwrap_or_else(|error| panic!("{error}\n{texts:?}"));
        assert_eq!(table(&rendered), expected, "{texts:?}");
        let keys: Vec<_> = rendered.keys.iter().map(|key| (key.variable.as_str(), key.value.as_str())).collect();
        assert_eq!(keys, [("OPENWHISK_TOKEN", "alice:w0nderland")], "{texts:?}");
        assert!(!rendered.yaml.contains("w0nderland"), "{texts:?}");
    }
}

#[test]
fn what_cannot_be_read_is_told_without_a_word_of_it() {
    let bomb =
        ('b'..'z').zip('a'..).fold("routes: [{uri: /a}]\na: &a [w0nderland]\n".to_owned(), |bomb, (letter, before)| {
            format!("{bomb}{letter}: &{letter} [{}]\n", vec![format!("*{before}"); 10].join(","))
        });
    let plugin = r#""plugins": {"openwhisk": {"service_token": "alice:w0nderland"}}"#;
    let cases = [
        (format!(r#"{{"uri": "/a", "uri": "/b", {plugin}}}"#), "f: line 1, column 25 cannot be read, expected"),
        (format!(r#"{{"uri": "/a", {plugin}, "plugins": {{"key-auth": {{}}}}}}"#), "f: line 1, column"),
        ("routes:\n- uri: /a\n  uri: /b\n  x: w0nderland\n".to_owned(), "f: line 3, column 3 cannot be read"),
        ("routes:\n- uri: [w0nderland\n".to_owned(), "f: line "),
        ("routes:\n- *w0nderland\n".to_owned(), "f: line 2"),
        (bomb, "f: line"),
        ("routes:\n- &x {uri: /a}\n- <<: *x\n  plugins: {openwhisk: {}}\n".to_owned(), "f: line 3, column 3"),
        ("routes:\n- {uri: /a, <<: {priority: 10}, plugins: {key-auth: {}}}\n".to_owned(), "f: line 2, column"),
        (r#"{"routes": [1]}"#.to_owned(), "f: routes[0]: expected an object"),
        (r#"{"routes": [], "strange": {}}"#.to_owned(), "f: strange: not known"),
        (
            r#"{"list": [{"value": {"plugins": {}}}, {"value": {"id": 1}}]}"#.to_owned(),
            "f: list[0]: what it is cannot be told",
        ),
        (r#"{"list": [{"key": "/apisix/w/1", "value": {}}]}"#.to_owned(), "f: list[0].key: expected one like"),
        (r#"{"list": {"a": 1}}"#.to_owned(), "f: list: expected a list"),
        (
            r#"{"total": 30, "list": [{"key": "/apisix/routes/1", "value": {"uri": "/a"}}]}"#.to_owned(),
            "f: total: is 30 where `list` has 1, expected the whole list: pages are to be joined",
        ),
        (r#"{"total": "w0nderland", "list": []}"#.to_owned(), "f: total: expected a number"),
        (
            r#"{"count": "3", "node": {"dir": true, "nodes": [{"key": "/apisix/routes/1", "value": {"uri": "/a"}}]}}"#
                .to_owned(),
            "f: count: is 3 where `list` has 1, expected the whole list",
        ),
        ("{}".to_owned(), "f: expected a text of apisix"),
        (
            r#"{"routes": [{"id": 1, "uri": "/a"}, {"id": "1", "uri": "/b"}]}"#.to_owned(),
            "f: routes[1]: the id \"1\" stands twice",
        ),
    ];
    for (text, expected) in cases {
        let good = json!({ "routes": [route(json!({ "id": "good" }))] }).to_string();
        let inputs = [Input { name: "f", text: text.as_bytes() }, Input { name: "g", text: good.as_bytes() }];
        let error = render_all(&inputs, &Options::default()).expect_err(&text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
        assert!(!error.contains("w0nderland"), "{text}: {error}");
    }
}

#[test]
fn what_could_be_a_key_in_the_wrong_place_is_not_shown() {
    let key = "alice:w0nderland";
    let long = format!("{}w0nderland", "x".repeat(64));
    let named = |field: &str, value: Value| {
        let mut route = route(json!({ "id": "r" }));
        route[field] = value;
        route
    };
    let off = json!({ "name": key, "uri": "/b", "status": 0 });
    let notes = [
        json!({ "routes": [named("desc", json!("d")), off] }),
        json!({ "routes": [named("desc", json!("d")), { "name": key, "uri": "/b" }] }),
        named("uri", json!(format!("/:{long}"))),
        json!({ "routes": [named("id", json!(key))] }),
    ];
    for text in notes {
        rendered(&text, &Options::default());
    }
    for name in [key, long.as_str()] {
        let mut meta = openwhisk(json!({}));
        meta["_meta"] = json!({ name: 1 });
        let errors = [
            named("uri", json!(format!("/a+{long}/*"))),
            named("host", json!(format!("a b{long}"))),
            named(name, json!(1)),
            json!({ "routes": [named("desc", json!("d"))], name: 1 }),
            json!({ "routes": [named("desc", json!("d"))], "global_rules": [{ "plugins": { name: {} } }] }),
            json!({ "list": [], name: 1 }),
            json!({ "list": [{ "key": "/apisix/routes/1", "value": {}, name: 1 }] }),
            json!({ "node": { "dir": true, "nodes": [], name: 1 } }),
            named("plugins", json!({ "openwhisk": meta })),
            named("plugins", json!({ "openwhisk": {}, name: {} })),
            named("plugins", json!({ "openwhisk-wasm": { "conf": {}, name: {} } })),
        ];
        for text in errors {
            let said = refused(&text, &Options::default());
            assert!(said.iter().all(|line| line.len() < 400), "{said:?}");
        }
    }
}

#[test]
fn what_an_object_is_stands_before_its_id() {
    let plugins = json!({ "plugins": { "ip-restriction": {} } });
    let route = route(json!({}));
    let cases = [
        ("/services/apisix/global_rules/7", &plugins, &["global_rules[1].plugins.ip-restriction: not translated"][..]),
        ("/routes/consumers/jack/credentials/routes", &plugins, &["consumers[1]: not translated"]),
        ("/apisix/secrets/vault/1", &json!({ "uri": "http://v" }), &[]),
        ("/apisix/upstreams/1", &plugins, &["upstreams[1].plugins: not known"]),
        ("/apisix/secrets/vault/1", &plugins, &["secrets[1].plugins: not known"]),
        ("/apisix/protos/1", &plugins, &["protos[1].plugins: not known"]),
        ("/apisix/plugin_metadata/x", &plugins, &["plugin_metadata[1].plugins: not known"]),
        ("/apisix/global_rules", &plugins, &["list[1].key: expected one like `/apisix/routes/1`"]),
        ("routes", &route, &["list[1].key: expected one like `/apisix/routes/1`"]),
    ];
    for (key, value, expected) in cases {
        let first = json!({ "key": "/plugins/apisix/routes/1", "value": route });
        let second = json!({ "key": key, "value": value });
        let text = json!({ "list": [first, second], "total": 2 });
        if expected.is_empty() {
            assert_eq!(table(&rendered(&text, &Options::default())), [r#"*: 1 {"path":"/a"}"#], "{key}");
            continue;
        }
        let said = refused(&text, &Options::default());
        assert!(said.len() == 1 && said[0].starts_with(expected[0]), "{key}: {said:?}");
    }
    let secrets = ["vault", "aws"].map(|manager| json!({ "key": format!("/apisix/secrets/{manager}/1"), "value": {} }));
    let [vault, aws] = secrets;
    let text = json!({ "list": [vault, aws, { "key": "/apisix/routes/1", "value": route }] });
    assert_eq!(table(&rendered(&text, &Options::default())), [r#"*: 1 {"path":"/a"}"#]);
}

#[test]
fn nothing_beside_a_list_is_left_out_in_silence() {
    let rule = json!({ "plugins": { "key-auth": {} } });
    let item = json!({ "key": "/apisix/routes/1", "value": route(json!({})) });
    let cases = [
        (json!({ "node": { "dir": true, "nodes": [item], "global_rules": [rule] } }), "global_rules: not known"),
        (json!({ "node": { "dir": true, "global_rules": [rule] } }), "global_rules: not known"),
        (
            json!({ "routes": [route(json!({}))], "global_rules_conf_version": [rule] }),
            "global_rules_conf_version: expected a number",
        ),
        (json!({ "routes": [route(json!({}))], "x_conf_version": 1 }), "x_conf_version: not known"),
        (json!({ "routes": [route(json!({}))], "upstreams": [rule] }), "upstreams[0].plugins: not known"),
    ];
    for (text, expected) in cases {
        let said = refused(&text, &Options::default());
        assert!(said.len() == 1 && said[0].starts_with(expected), "{text}: {said:?}");
    }
}

#[test]
fn keys_become_names_of_variables() {
    let plugin = |token: &str| json!({ "plugins": { "openwhisk": openwhisk(json!({ "service_token": token })) } });
    let named = |id: &str, token: &str| {
        let mut route = route(plugin(token));
        route["id"] = json!(id);
        route
    };
    let text = json!({ "routes": [named("pay", "a:w0nderland1"), named("ship", "b:w0nderland2"), named("copy", "a:w0nderland1"), named("env", "$ENV://MINE")] });
    let said = refused(&text, &Options::default());
    assert!(said[0].starts_with("`routes[\"env\"].service_token` is the environment variable `MINE`"), "{said:?}");
    let result = rendered(&text, &Options { env: vec!["MINE".to_owned()], ..Options::default() });
    let routes = &configuration(&result)["routes"];
    let token = |route: &str| routes[route]["service_token"].as_str().expect("a text").to_owned();
    assert_eq!(token("pay"), "$ENV://OPENWHISK_TOKEN_PAY");
    assert_eq!(token("copy"), "$ENV://OPENWHISK_TOKEN_PAY");
    assert_eq!(token("ship"), "$ENV://OPENWHISK_TOKEN_SHIP");
    assert_eq!(token("env"), "$ENV://MINE");
    assert_eq!(result.environment, ["MINE", "OPENWHISK_TOKEN_PAY", "OPENWHISK_TOKEN_SHIP"]);
    let starts = ["`action_errors` is \"pass\": ", "`max_concurrency` is not set: "];
    assert_eq!(result.warnings.len(), starts.len(), "{:?}", result.warnings);
    assert!(
        result.warnings.iter().zip(starts).all(|(warning, start)| warning.starts_with(start)),
        "{:?}",
        result.warnings
    );
    let header = result.yaml.lines().take_while(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n");
    assert!(header.contains("- OPENWHISK_TOKEN_PAY: the key of \"pay\", \"copy\""), "{header}");

    for (attributes, expected) in [
        (json!({ "service_token": "$secret://vault/1/w" }), "`service_token` is a reference to a secret manager"),
        (json!({ "service_token": "w0nderland" }), "`service_token` is a string without a colon"),
        (json!({ "namespace": "$secret://vault/1/w" }), "plugins.openwhisk.namespace: refers to a secret manager"),
        (json!({ "api_host": "$ENV://HOST" }), "plugins.openwhisk.api_host: refers to the environment"),
        (json!({ "routes": {} }), "plugins.openwhisk.routes: has no effect on apisix"),
        (json!({ "upstream": "alice:w0nderland" }), "plugins.openwhisk.upstream: not translated: it is the address"),
        (json!({ "api_host": "http://alice:w0nderland@ow" }), "`api_host` is"),
        (json!({ "namespace": "alice:w0nderland" }), "`namespace` "),
        (json!({ "upstream": "10.0.0.1:80" }), "plugins.openwhisk.upstream: not translated: it is the address"),
    ] {
        let said =
            refused(&route(json!({ "plugins": { "openwhisk": openwhisk(attributes.clone()) } })), &Options::default());
        assert!(said.iter().any(|line| line.starts_with(expected)), "{attributes}: {said:?}");
    }
}

#[test]
fn connections_that_differ_have_clusters_of_their_own() {
    let plugin = |attributes: Value| json!({ "plugins": { "openwhisk": openwhisk(attributes) } });
    let text = json!({ "routes": [
        route(plugin(json!({ "action": "a", "api_host": "https://ow", "ssl_verify": false, "keepalive_pool": 9 }))),
        route(plugin(json!({ "action": "b", "api_host": "https://ow" }))),
        route(plugin(json!({ "action": "c", "api_host": "https://ow", "keepalive": false, "request_body": "buffer_filter" }))),
        route(plugin(json!({ "action": "d", "api_host": "https://ow" }))),
    ] });
    let rendered = rendered(&text, &Options::default());
    let configuration = configuration(&rendered);
    let upstream = |route: &str| configuration["routes"][route]["upstream"].clone();
    assert_eq!(
        ["a", "b", "c", "d"].map(upstream),
        [json!(null), json!("ow:443/2"), json!("ow:443/3"), json!("ow:443/2")]
    );
    assert_eq!(configuration["request_body"], "buffer_filter");
    let clusters = at(&rendered, "/static_resources/clusters");
    let names: Vec<_> = clusters.as_array().expect("clusters").iter().map(|cluster| cluster["name"].clone()).collect();
    assert_eq!(names, ["ow:443", "ow:443/2", "ow:443/3", "nowhere@openwhisk"]);
    let verifies =
        |index: usize| clusters[index].pointer("/transport_socket/typed_config/common_tls_context/validation_context");
    assert!(verifies(0).is_none() && verifies(1).is_some() && verifies(2).is_some());
    assert_eq!(rendered.warnings.len(), 4, "{:?}", rendered.warnings);
}

#[test]
fn a_route_alone_may_get_other_paths_and_a_fragment_has_the_routes() {
    let prefix: Prefix = "/x".parse().expect("a prefix");
    let text = route(json!({ "methods": ["GET"], "id": "r" }));
    let moved = rendered(&text, &Options { route_prefix: Some(prefix), ..Options::default() });
    assert!(table(&moved)[0].contains(r#""path_separated_prefix":"/x""#), "{:?}", table(&moved));
    let fragment = rendered(&text, &Options { form: Form::Fragment, ..Options::default() });
    assert_eq!(
        at(&fragment, "/route_config"),
        at(&rendered(&text, &Options::default()), &format!("{MANAGER}/route_config"))
    );
    for plugins in [json!({ "plugins": text["plugins"] }), text["plugins"].clone()] {
        assert_eq!(table(&rendered(&plugins, &Options::default())), [r#"*: a {"prefix":"/"}"#], "{plugins}");
    }
}
