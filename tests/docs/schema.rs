//! The JSON Schema of the configuration, `envoy/schema.json`, says what the filter says.

use std::collections::BTreeSet;

use corpus::{Configuration, GUEST, configurations};
use jsonschema::Validator;
use jsonschema::draft202012;
use openwhisk_filter::config::Config;
use openwhisk_filter::config::attribute::{ATTRIBUTES, Attribute, DefaultValue, Levels};
use openwhisk_filter::config::expected::{Expected, Range};
use openwhisk_filter::proxy::Proxy;
use serde_json::{Map, Value, json};

use crate::root;

/// What an editor never sees as a value.
const NO_JSON: &str = "it is no JSON value";

/// The configurations that the filter rejects and a schema cannot, all of them, with the reason.
const BEYOND_A_SCHEMA: &[(&str, &str)] = &[
    ("authorization may not be a service token in an environment variable", "a schema does not know the environment"),
    ("authorization is of an environment variable that is set", "a schema does not know the environment"),
    ("call_headers come once, in any case", "a schema does not compare names in any case"),
    ("an environment variable must be set", "a schema does not know the environment"),
    ("the configuration must not be empty", NO_JSON),
    ("the configuration must not be blank", NO_JSON),
    ("the configuration must be JSON", NO_JSON),
    ("the configuration must be complete JSON", NO_JSON),
    ("the configuration must be one JSON value", NO_JSON),
    ("a number must be representable", NO_JSON),
    ("the configuration must not be a protobuf message", NO_JSON),
    (
        "what a route has must go with the parameters of the top level",
        "a schema does not see which of both levels holds",
    ),
    ("path_template has each name once", "a schema does not compare the segments of a path"),
    ("a route or an attribute of a route given twice is a mistake", "of a name given twice a JSON parser keeps one"),
];

fn schema() -> Value {
    serde_json::from_str(include_str!("../../envoy/schema.json")).expect("JSON")
}

fn validator() -> Validator {
    draft202012::new(&schema()).unwrap_or_else(|error| panic!("{error}"))
}

fn all_configurations() -> Vec<Configuration> {
    configurations(&root().join("tests/configurations.yaml")).unwrap_or_else(|error| panic!("{error}"))
}

/// Whether the filter takes a configuration.
fn filter_takes(json: &str) -> Result<(), String> {
    let environment = |name: &str| (name != "NOT_SET_ANYWHERE").then(|| GUEST.to_owned());
    Config::from_json(json.as_bytes(), &environment).map(|_| ()).map_err(|error| error.to_string())
}

/// The names of the properties.
fn names(properties: &Value) -> BTreeSet<&str> {
    properties.as_object().expect("properties").keys().map(String::as_str).collect()
}

/// The defaults of the top level.
fn defaults() -> Map<String, Value> {
    let schema = schema();
    let properties = schema["properties"].as_object().expect("properties");
    properties.iter().filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone()))).collect()
}

#[test]
fn the_schema_is_one_of_draft_2020_12() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_accepted_configuration_is_valid() {
    let validator = validator();
    let mut accepted = 0;
    for Configuration { about, bytes, .. } in all_configurations().iter().filter(|case| case.errors.is_empty()) {
        let instance = serde_json::from_slice(bytes).expect("JSON");
        validator.validate(&instance).unwrap_or_else(|error| panic!("{about}: {error}"));
        accepted += 1;
    }
    assert!(accepted > 10, "only {accepted} configurations are accepted");
}

#[test]
fn every_rejected_configuration_is_invalid_but_those_beyond_a_schema() {
    let validator = validator();
    let mut slipped = Vec::new();
    for Configuration { about, bytes, .. } in all_configurations().iter().filter(|case| !case.errors.is_empty()) {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(instance) if !validator.is_valid(&instance) => {}
            Ok(_) => slipped.push((about.clone(), false)),
            Err(_) => slipped.push((about.clone(), true)),
        }
    }
    let listed: Vec<_> = BEYOND_A_SCHEMA.iter().map(|&(about, reason)| (about.to_owned(), reason == NO_JSON)).collect();
    assert_eq!(slipped, listed, "the list of what is beyond a schema, in the order of the file");
}

/// What `tests/configurations.yaml` leaves out, because it would only repeat itself there.
#[test]
fn the_schema_and_the_filter_agree() {
    let validator = validator();
    let disagree: Vec<_> = values()
        .into_iter()
        .filter_map(|changes| {
            let mut config =
                json!({"api_host": "http://ow", "service_token": GUEST, "namespace": "guest", "action": "hello"});
            for (name, value) in changes.as_object().expect("attributes") {
                config[name] = value.clone();
            }
            let filter = filter_takes(&config.to_string());
            (filter.is_ok() != validator.is_valid(&config)).then(|| format!("{changes}: the filter says {filter:?}"))
        })
        .collect();
    assert!(disagree.is_empty(), "{disagree:#?}");
}

/// Values at the edges of each rule, as attributes of the top level and in a route.
fn values() -> Vec<Value> {
    let texts = |name: &str, texts: &[&str]| texts.iter().map(|text| (name.to_owned(), json!(text))).collect();
    let mut values: Vec<(String, Value)> = [
        texts("api_host", &["HTTPS://ow", "http://a..b", "http://ow./x", "http://h:65535", "http://h:65536"]),
        texts(
            "api_host",
            &[
                "http://[::1]",
                "http://h/%2",
                "http://h/%2F/",
                "http://h/{}",
                "http://h:",
                "http://h:080",
                "http://h/api/v1/",
                "http://h/api/v1/x",
            ],
        ),
        texts(
            "api_host",
            &["http://a@h", "http://höst", "http:/h", " http://h", "http://h\n", "http:///a", "http://a_b"],
        ),
        texts("service_token", &["$ENV://A", "$env://_a1", "$ENV://", "$ENV://1A", "$ENV:/a:b", "$ENV://a:b", "$e:k"]),
        texts(
            "service_token",
            &[
                "a:b:c",
                "a b:c",
                "a:é",
                "a:",
                ":a",
                "$Secret://a:b",
                "",
                "a:b\n",
                "a:b\r\n\n",
                "\"a:b\"",
                "a:'",
                "AUTH=a:b",
            ],
        ),
        texts("namespace", &["_", "a", "a ", " a", "a  b", ".a", "a.", "@", "a\n", ""]),
        texts(
            "path_prefix",
            &["/", "//", "", "a", "/a#b", "/a?", "/a b", "/%20", "/~!@$&'()*+,;=:\"<>[]^`{|}\\", "/a\n"],
        ),
        texts("upstream", &["a", "outbound|443||ow", "a@b", "a b", "", "httproute/ns/name/rule/0", "a\n", "é"]),
        texts("mode", &["result", "Result", ""]),
    ]
    .into_iter()
    .flat_map(|some: Vec<_>| some)
    .collect();
    for name in ATTRIBUTES.iter().map(|row| row.name).filter(|&name| name != "service_token") {
        let others =
            [json!(null), json!(true), json!(0), json!(1), json!(1.5), json!(-1), json!("x"), json!([]), json!({})];
        values.extend(others.map(|value| (name.to_owned(), value)));
    }
    values.push(("forward_headers".to_owned(), json!(["COOKIE", "cookie", "Proxy-Authorization"])));
    values.push(("forward_headers".to_owned(), json!(["cookies"])));
    let headers =
        ["x-a", "X-A", "a:b", "a b", "", "te", "tea", "content-type", "x-envoy-x", "x-request-id", "accept", "b3"];
    values.extend(headers.map(|name| ("call_headers".to_owned(), json!({ name: "x" }))));
    let secrets = [
        "a",
        "a b",
        " a",
        "a ",
        "",
        "a\n",
        "a\nb",
        "é",
        "a\tb",
        "$env://A",
        "$ENV://1",
        "$secret://a",
        "a:b",
        "x $env://A",
    ];
    values.extend(secrets.map(|value| ("call_headers".to_owned(), json!({ "x-a": value }))));
    let at_the_top = values.iter().map(|(name, value)| json!({ name: value }));
    // Whether these go with the `parameters` of the top level a schema does not see.
    let is_seen = |(name, _): &&(String, Value)| !["trigger", "bind"].contains(&name.as_str());
    let in_a_route = values
        .iter()
        .filter(is_seen)
        .map(|(name, value)| json!({"routes": {"a": {"service_token": GUEST, name: value}}}));
    let others = [
        json!({"routes": {"a": {"result": true, "mode": null}, "b": {"result": null, "mode": "async"}}}),
        json!({"routes": {"a": {"result": true, "mode": "async"}}}),
        json!({"result": true, "routes": {"a": {"mode": "async"}}}),
        json!({"authorization": "Bearer x"}),
        json!({"routes": {"a": {"authorization": "a:b"}}}),
        json!({"routes": {"a": {"authorization": "x a:b"}}}),
        json!({"routes": {"a": {"authorization": "ab\n"}}}),
        json!({"routes": {"a": {"service_token": "a:$Env://A"}}}),
        json!({"routes": {"a": {"authorization": "Bearer x", "service_token": "a:b"}}}),
        json!({"routes": {"a": {"authorization": "Bearer x", "service_token": null}}}),
        json!({"routes": {"a": {"service_token": null}}}),
        json!({"routes": {"a": {"api_host": "http://far"}}}),
        json!({"routes": {"a": {"api_host": "http://far", "service_token": "a:b"}}}),
    ];
    at_the_top.chain(in_a_route).chain(others).chain(values_that_go_together()).collect()
}

/// Attributes of which one needs another, and path templates.
fn values_that_go_together() -> Vec<Value> {
    let attributes = [
        json!({"parameters": "http", "path_template": "/{a}"}),
        json!({"parameters": "raw", "path_template": "/{a}/b/{c*}"}),
        json!({"path_template": "/{a}"}),
        json!({"parameters": "body", "bind": {"a": 1}}),
        json!({"parameters": "http", "bind": {"a": {"b": [1]}, "__owx": null}}),
        json!({"parameters": "http", "bind": {"__ow_x": 1}}),
        json!({"parameters": "http", "bind": {"a": "$ENV://A", "b": "$ENVY", "c": "x$ENV://1"}}),
        json!({"parameters": "http", "bind": {"a": "$env://1"}}),
        json!({"parameters": "http", "bind": {"a": "$secret://a"}}),
        json!({"parameters": "http", "bind": [1]}),
        json!({"trigger": "t"}),
        json!({"trigger": "t", "parameters": "http"}),
        json!({"location": "/jobs", "mode": "async"}),
        json!({"location": "jobs"}),
        json!({"mode": "poll", "result": true}),
        json!({"mode": "poll", "server_timing": true, "response": "plain"}),
    ];
    let templates = [
        "/",
        "//",
        "/a",
        "/a/",
        "/{a}",
        "/{a*}",
        "/{a}/{b*}",
        "/{a*}/",
        "/{a*}/b",
        "{a}",
        "/{}",
        "/{*}",
        "/{a",
        "/a}",
        "/x{a}",
        "/{a}x",
        "/a%",
        "/a?",
        "/a#",
        "/a*",
        "/{__ow_a}",
        "/{_a}",
        "/{a{b}",
        "/a b",
        "/{a b}",
        "/é",
        "/{a**}",
        "/{a/b}",
    ];
    let templates = templates.map(|template| json!({"parameters": "http", "path_template": template}));
    attributes.into_iter().chain(templates).collect()
}

#[test]
fn the_attributes_are_those_of_the_code() {
    let schema = schema();
    let of_a_route = || ATTRIBUTES.iter().filter(|row| row.levels == Levels::Both);
    assert_eq!(names(&schema["properties"]), ATTRIBUTES.iter().map(|row| row.name).collect());
    assert_eq!(names(&schema["$defs"]["route"]["properties"]), of_a_route().map(|row| row.name).collect());
    for level in [&schema, &schema["$defs"]["route"]] {
        assert_eq!(level["additionalProperties"], false);
    }
    for Attribute { name, .. } in ATTRIBUTES.iter().filter(|row| row.name != "routes") {
        let description = schema["$defs"][name]["description"].as_str().unwrap_or_default();
        assert!(description.ends_with('.'), "{name} has no description");
        assert_eq!(schema["properties"][name]["$ref"], format!("#/$defs/{name}"));
    }
    for Attribute { name, .. } in of_a_route() {
        let property = &schema["$defs"]["route"]["properties"][name];
        let reference = property.get("$ref").unwrap_or(&property["anyOf"][0]["$ref"]);
        assert_eq!(reference, &json!(format!("#/$defs/{name}")), "{name} of a route");
    }
}

#[test]
fn the_defaults_are_those_of_the_code() {
    let settings = |extra: &Map<String, Value>| {
        let mut config = json!({"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a"});
        config.as_object_mut().expect("an object").extend(extra.clone());
        match Config::from_json(config.to_string().as_bytes(), &|_| None) {
            Ok(Config::Every(settings)) => settings,
            other => panic!("{config}: {other:?}"),
        }
    };
    let plain = settings(&Map::new());
    for (name, value) in defaults() {
        let given = settings(&[(name.clone(), value.clone())].into_iter().collect());
        // Whether these are given matters on APISIX, which warns of them.
        match name.as_str() {
            "keepalive_timeout" => assert_eq!(plain.keepalive_timeout(), given.keepalive_timeout()),
            "keepalive_pool" => assert_eq!(given.without_effect_on(Proxy::Apisix).len(), 1),
            _ => assert_eq!(plain, given, "{name}: {value}"),
        }
    }
}

#[test]
fn the_values_and_what_is_required_are_those_of_the_table() {
    let schema = schema();
    let mut required = Vec::new();
    for Attribute { name, default, expected, .. } in ATTRIBUTES {
        let in_schema = &schema["$defs"][name];
        match default {
            DefaultValue::Required => required.push(json!(name)),
            DefaultValue::Json(json) => {
                assert_eq!(defaults()[*name], serde_json::from_str::<Value>(json).expect(json), "{name}");
            }
            DefaultValue::Absent | DefaultValue::Derived => assert!(!defaults().contains_key(*name), "{name}"),
        }
        match expected {
            Expected::Number(Range { smallest, largest, .. }) => {
                assert_eq!(in_schema["minimum"], json!(smallest), "{name}");
                assert_eq!(in_schema.get("maximum"), largest.map(|largest| json!(largest)).as_ref(), "{name}");
            }
            Expected::Word(words) => assert_eq!(in_schema["enum"], json!(words()), "{name}"),
            _ => {}
        }
    }
    // In the place of an action there may be a trigger.
    required.retain(|name| name != "action");
    assert_eq!(schema["else"]["required"], json!(required));
}
