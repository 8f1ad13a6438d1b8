//! How inputs are made that are nearly right.

mod configuration;
mod record;

pub use configuration::configuration;
use properties::input::{Header, Line, Mode, Rest};
use properties::reply::Head;
use properties::traffic::{Event, Read, Scope};
use properties::{Answered, Asked, Traffic};
use proptest::prelude::*;
use proptest::sample::select;
use record::record;

/// One of some texts.
fn word(words: &'static [&'static str]) -> BoxedStrategy<String> {
    select(words).prop_map(str::to_owned).boxed()
}

/// The text of a JSON string, in quotes.
fn json_string() -> BoxedStrategy<String> {
    prop_oneof![
        4 => word(&["x", "", "é", "\\n", "\\u0000", "\\r\\n", "\\ud800", "AP8=", "eA==", "{}", "200", "text/plain"]),
        2 => word(&["image/png", "application/json", "a/b; charset=x", "alice:wonderland", "\\ud83d\\ude00"]),
        1 => "[ -~&&[^\"\\\\]]{0,20}",
        1 => "[^\"\\\\[:cntrl:]]{0,5}",
    ]
    .prop_map(|text| format!("\"{text}\""))
    .boxed()
}

/// The text of a JSON object with names out of some.
fn object(names: &'static [&'static str], value: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
    let name = prop_oneof![8 => word(names).prop_map(|name| format!("\"{name}\"")), 1 => json_string()];
    let blank = word(&["", "", "", " ", "\n\t"]);
    let entry = (name, blank.clone(), value, blank).prop_map(|(name, a, value, b)| format!("{name}{a}:{b}{value}{a}"));
    prop::collection::vec(entry, 0..5).prop_map(|entries| format!("{{{}}}", entries.join(","))).boxed()
}

const NAMES: &[&str] = &[
    "statusCode",
    "headers",
    "body",
    "isBase64Encoded",
    "error",
    "content-type",
    "Content-Type",
    "x-a",
    "X-A",
    "set-cookie",
    "connection",
    "date",
    ":status",
    "a",
    "\\u0061",
    "\\u005f_ow_x",
    "__ow_method",
    "b c",
];

const HEADERS: &[&str] = &[
    "content-type",
    "Content-Type",
    "content-type",
    "x-a",
    "X-A",
    "x-b",
    "set-cookie",
    "location",
    "connection",
    "Proxy-Connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "Content-Length",
    "date",
    "server",
    "x-openwhisk-activation-id",
    "X-Envoy-Overloaded",
    ":status",
    "b c",
];

/// The text of any JSON.
fn json() -> BoxedStrategy<String> {
    let number = word(&[
        "0", "200", "204", "304", "404", "408", "444", "499", "599", "600", "200.0", "2e2", "1.50", "-1", "1e999",
    ]);
    let leaf = prop_oneof![
        word(&["null", "true", "false"]),
        number,
        any::<u16>().prop_map(|number| number.to_string()),
        json_string(),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let elements = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            1 => elements.prop_map(|elements| format!("[{}]", elements.join(","))),
            2 => object(NAMES, inner),
        ]
    })
    .boxed()
}

/// The text of a result that is shaped.
fn shaped() -> BoxedStrategy<String> {
    let part = |name: &'static str, value: BoxedStrategy<String>| {
        prop::option::of(value.prop_map(move |value| format!("\"{name}\": {value}")))
    };
    let status = prop_oneof![
        9 => word(&["200", "201", "204", "205", "302", "304", "308", "404", "408", "444", "499", "599", "\"418\"", "200.0"]),
        1 => word(&["199", "600", "\"x\"", "null"]),
    ];
    let plain = word(&[
        "\"x\"",
        "\" y\\t\"",
        "\"text/plain\"",
        "\"image/png\"",
        "\"image/svg+xml\"",
        "1",
        "true",
        "[\"a\", 1]",
        "\"\\u00e9\"",
    ]);
    let value = prop_oneof![16 => plain, 1 => json_string(), 1 => json()];
    let headers = prop_oneof![12 => object(HEADERS, value), 1 => json()].boxed();
    let flag = word(&["true", "false", "false", "false", "1"]);
    let body =
        prop_oneof![2 => word(&["\"\"", "\"eA==\"", "\"eA\"", "\"x y\"", "null"]), 1 => json_string(), 2 => json()];
    let parts = (
        part("statusCode", status.boxed()),
        part("headers", headers),
        part("body", body.boxed()),
        part("isBase64Encoded", flag),
    );
    let result = parts.prop_map(|(status, headers, body, flag)| {
        let parts: Vec<_> = [status, headers, body, flag].into_iter().flatten().collect();
        format!("{{{}}}", parts.join(", "))
    });
    prop_oneof![3 => result.clone(), 1 => result.prop_map(|result| format!(r#"{{"error": {result}}}"#))].boxed()
}

/// A text, or now and then one with a byte more or without its end.
fn nearly(text: BoxedStrategy<String>) -> BoxedStrategy<Vec<u8>> {
    let change = prop_oneof![
        12 => Just(None),
        1 => (any::<prop::sample::Index>(), any::<u8>().prop_map(Some)).prop_map(Some),
        1 => (any::<prop::sample::Index>(), Just(None)).prop_map(Some),
    ];
    (text, change)
        .prop_map(|(text, change)| {
            let mut bytes = text.into_bytes();
            if let Some((place, byte)) = change {
                let place = place.index(bytes.len().saturating_add(1));
                match byte {
                    Some(byte) => bytes.insert(place, byte),
                    None => bytes.truncate(place),
                }
            }
            bytes
        })
        .boxed()
}

fn line(words: &'static [&'static str]) -> BoxedStrategy<Line> {
    prop_oneof![
        8 => word(words).prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
    .prop_map(Line)
    .boxed()
}

fn mode() -> BoxedStrategy<Mode> {
    prop_oneof![8 => Just(Mode::Result), 1 => Just(Mode::Activation), 1 => Just(Mode::Metadata), 1 => Just(Mode::Async), 1 => Just(Mode::Poll)]
        .boxed()
}

fn head() -> BoxedStrategy<Head> {
    let status = prop_oneof![
        8 => Just(200_u16),
        8 => select(&[202_u16, 204, 301, 400, 404, 408, 499, 500, 502, 502, 503, 504][..]),
        1 => 100..1000_u16,
    ];
    let id = line(&["44794bd6aab74415b4e42a308d880e5b", "x", "a b", "", "a\r\nb: c"]);
    let content_type = line(&["application/json", "text/plain", "text/html"]);
    (status, prop::option::of(id), prop::option::of(content_type), prop::bool::weighted(0.8))
        .prop_map(|(status, id, content_type, is_upstreams)| Head { status, id, content_type, is_upstreams })
        .boxed()
}

fn head_of_a_record() -> BoxedStrategy<Head> {
    let status = prop_oneof![9 => Just(200_u16), 1 => select(&[404_u16, 403, 202][..])];
    (head(), status).prop_map(|(head, status)| Head { status, is_upstreams: true, ..head }).boxed()
}

fn head_about_an_activation(status: u16) -> BoxedStrategy<Head> {
    let id = line(&["44794bd6aab74415b4e42a308d880e5b", "44794BD6AAB74415B4E42A308D880E5B", "../x"]);
    (head(), id).prop_map(move |(head, id)| Head { status, id: Some(id), is_upstreams: true, ..head }).boxed()
}

fn answer() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![8 => nearly(shaped()), 2 => nearly(json()), 1 => prop::collection::vec(any::<u8>(), 0..20)].boxed()
}

pub fn answered() -> BoxedStrategy<Answered> {
    let request_id = line(&["7", "", "a\r\nb", "\u{e9}"]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let asked = prop_oneof![
        4 => (mode(), head(), answer()),
        1 => (Just(Mode::Poll), head_of_a_record(), nearly(record())),
        1 => (Just(Mode::Activation), head(), nearly(record())),
        1 => (Just(Mode::Result), head_about_an_activation(502), nearly(shaped())),
        1 => (mode(), head_about_an_activation(202), nearly(json())),
    ];
    (flags, request_id, asked)
        .prop_map(|((is_apisix, accept, plain, location, package), request_id, (mode, head, body))| Answered {
            is_apisix,
            mode,
            accept,
            plain,
            location,
            package,
            request_id,
            head,
            body: Rest(body),
        })
        .boxed()
}

/// Those of any request, and now and then of one that asks for another protocol or has a method of connections.
fn headers_of_traffic() -> BoxedStrategy<Vec<Header>> {
    let header = |name: &str, value: &str| (Line(name.into()), Line(value.into()));
    let upgrade = [header("connection", "keep-alive, Upgrade"), header("upgrade", "websocket")];
    let length = line(&["0", "1", "7", "9", "x"]).prop_map(|value| (Line(b"content-length".to_vec()), value));
    let method = line(&["GET", "POST", "PUT", "CONNECT", "TRACE"]).prop_map(|value| (Line(b":method".to_vec()), value));
    let path = line(&[
        "/jobs/44794bd6aab74415b4e42a308d880e5b",
        "/jobs/44794bd6aab74415b4e42a308d880e5b?a/b",
        "/jobs/44794BD6AAB74415B4E42A308D880E5B",
        "/jobs/7",
        "/jobs/",
        "/jobs",
    ]);
    let path = path.prop_map(|value| (Line(b":path".to_vec()), value));
    let others =
        (prop::option::of(method), prop::option::of(length), prop::bool::weighted(0.4), prop::option::of(path));
    (headers(), others)
        .prop_map(move |(mut headers, (method, length, upgrades, path))| {
            headers.extend(method.into_iter().chain(length).chain(path));
            if upgrades {
                headers.extend(upgrade.clone());
            }
            headers
        })
        .boxed()
}

fn headers() -> BoxedStrategy<Vec<Header>> {
    let name = line(&[
        "content-type",
        "content-type",
        ":authority",
        "host",
        "authorization",
        "Proxy-Authorization",
        "cookie",
        "connection",
        "Transfer-Encoding",
        "te",
        "content-length",
        "x-request-id",
        "traceparent",
        "x-a",
        ":scheme",
    ]);
    let value = line(&[
        "application/json",
        "application/json",
        "application/grpc",
        "application/x-www-form-urlencoded",
        "text/plain; charset=utf-8",
        "image/png",
        "image/svg+xml",
        "application/problem+json;charset=utf-8",
        "application/hal+json",
        "application/json; foo=bar",
        "text/csv",
        "application/x-foo; charset=x",
        "1",
        "9",
        "20",
        "Bearer x",
        "a\r\nb: c",
        "\u{e9}",
        "",
    ]);
    prop::collection::vec((name, value), 0..5).boxed()
}

const FORMS: &[&str] = &[
    "a=1&b=x&a=2&%61=",
    "%fe=1&%ff=2&%fe=3",
    "a=1",
    "a=1&b=%C3%BC",
    "a+b=%2B&&=x",
    "%zz=%",
    "__ow_x=1",
    "%5f_ow_user=x",
    "a=%ff&a=2",
    "a",
    "?x",
    "",
];

fn path() -> BoxedStrategy<Line> {
    let sent = (
        word(&["/", "/api", "/api/x%2Fy", "/apis", "/a/b+%41/c%ff/", "/a//", "/%61/..", "*", ""]),
        prop::option::of(word(FORMS)),
    );
    let sent = sent.prop_map(|(path, query)| match query {
        Some(query) => Line(format!("{path}?{query}").into_bytes()),
        None => Line(path.into_bytes()),
    });
    prop_oneof![8 => sent, 1 => line(&["/\u{e9}"])].boxed()
}

pub fn asked() -> BoxedStrategy<Asked> {
    let body =
        prop_oneof![3 => nearly(object(NAMES, json())), 2 => nearly(json()), 1 => nearly(word(FORMS)), 1 => answer()];
    let mode = prop_oneof![8 => Just(Mode::Result), 1 => mode()];
    let http = prop::bool::weighted(0.9);
    let attributes = (mode, http, any::<[bool; 3]>(), line(&["/api", "/api/", "/", "", "api"]));
    let template = line(&["", "", "/{a}/{b}", "/api/{__a}", "/a/{rest*}", "/{rest*}", "/{a}/{b}/{c*}", "/a//", "/{a"]);
    let bind = prop_oneof![
        4 => line(&["", "", "{}", "{\"a\": 1.50}", "{\"x-a\": [null], \"body\": {\"b\": \"\\u0000\"}}", "[]", "{\"__ow_x\": 1}"]),
        1 => object(NAMES, json()).prop_map(|bind| Line(bind.into_bytes())),
    ];
    let further = (prop::bool::weighted(0.3), any::<bool>(), template, bind);
    let json_type = Just((Line(b"content-type".to_vec()), Line(b"application/json".to_vec())));
    let attributes = (attributes, further);
    (attributes, line(&["GET", "POST", "PaTCH", ""]), path(), headers(), prop::option::of(json_type), body)
        .prop_map(|((attributes, further), method, path, headers, json_type, body)| {
            let (mode, http, forwarded, path_prefix) = attributes;
            let (raw, list, path_template, bind) = further;
            let headers = headers.into_iter().chain(json_type).collect();
            let body = Rest(body);
            Asked { mode, http, forwarded, raw, list, path_template, bind, path_prefix, method, path, headers, body }
        })
        .boxed()
}

fn event() -> BoxedStrategy<Event> {
    let read = prop_oneof![
        6 => line(&["{}", "x", "{\"a\":1}", ""]).prop_map(Read::Whole),
        1 => select(&[Read::Nothing, Read::Short, Read::Long][..]),
    ];
    prop_oneof![
        5 => (prop::option::weighted(0.8, line(&["a", "b", "c", "x", ""])), headers_of_traffic(), any::<bool>())
            .prop_map(|(route, headers, is_all)| Event::Headers { route, headers, is_all }),
        4 => (0..20_u16, any::<bool>(), read.clone())
            .prop_map(|(size, is_all, read)| Event::Body { size, is_all, read }),
        1 => read.prop_map(|read| Event::Trailers { read }),
        5 => (head(), answer()).prop_map(|(head, body)| Event::Answer { head, body: Line(body) }),
        1 => (0..1100_u16).prop_map(Event::Silence),
        1 => select(&[Event::Unknown, Event::Unavailable][..]),
        2 => Just(Event::Gone),
    ]
    .boxed()
}

pub fn traffic() -> BoxedStrategy<Traffic> {
    let scope = prop_oneof![1 => Just(Scope::None), 6 => Just(Scope::Every), 6 => Just(Scope::Routes)];
    let limit = prop_oneof![0..20_u16, Just(u16::MAX)];
    let events = prop::collection::vec((0..3_u8, event()), 0..24);
    let is_apisix = prop::bool::weighted(0.3);
    let mode = prop_oneof![2 => mode(), 1 => Just(Mode::Poll)];
    let attributes = (mode, any::<bool>(), any::<bool>(), prop::bool::weighted(0.3), any::<bool>());
    (is_apisix, scope, attributes, 0..3_u8, limit, events)
        .prop_map(|(is_apisix, scope, (mode, http, accept, raw, timing), keepalive, limit, events)| Traffic {
            is_apisix,
            scope,
            mode,
            http,
            accept,
            raw,
            timing,
            keepalive,
            limit,
            events,
        })
        .boxed()
}
