//! What is different on APISIX.

use std::time::Duration;

use host::Sender;

use crate::{
    Answer, CONFIGURATION, Failure, Filter, Headers, Host, Level, Personality, Request, Setup, Standing, Upstreams,
    Version, check_good, host, is_start,
};

pub fn all() -> impl Iterator<Item = (&'static str, fn())> {
    [
        ("what_has_no_effect_is_warned_of_once", warnings as fn()),
        ("https_to_an_address_is_503_and_warned_of", address),
        ("an_announced_body_that_is_too_large_is_refused", too_large),
        ("a_call_without_answer_is_told_by_its_time", silence),
        ("a_name_in_an_answer_that_is_not_utf8_harms_nobody", strange_name),
        ("a_call_that_the_host_refuses_is_503", refused),
        ("a_wrong_configuration_is_told_and_tried_again", misconfigured),
        ("a_client_that_went_away_harms_nobody", disconnect),
        ("routes_are_refused_at_each_request", routes),
        ("no_request_leaves_an_error_in_the_log", quiet),
        ("what_nginx_refuses_harms_nobody", refused_by_nginx),
        ("trailers_of_http2_harm_nobody", trailers_of_http2),
        ("the_whole_request_has_no_header_with_a_strange_name", strange_header),
        ("the_whole_request_reaches_the_action_as_far_as_the_host_shows_it", whole_request),
    ]
    .into_iter()
}

fn apisix(attributes: &str) -> Host {
    host(Personality::Apisix, attributes)
}

fn get() -> Request {
    Request::new("GET", "/hello")
}

fn warnings() {
    let mut host = apisix(r#", "ssl_verify": false, "keepalive_timeout": 60000, "retries": 1"#);
    check_good(&mut host);
    check_good(&mut host);
    let warned: Vec<_> = host.log().iter().filter(|line| line.level == Level::Warn).map(|line| &line.text).collect();
    assert_eq!(warned.len(), 3, "{warned:?}");
    assert!(warned[0].contains("`ssl_verify` is false, which has no effect on apisix"), "{warned:?}");
    assert!(warned[1].contains("`retries` has no effect on apisix"), "{warned:?}");
    assert!(warned[2].contains("`keepalive_timeout` has no effect on apisix"), "{warned:?}");

    let mut host = apisix(r#", "ssl_verify": true"#);
    check_good(&mut host);
    assert!(host.log().iter().all(|line| is_start(&line.text)), "{:?}", host.log());
}

fn address() {
    let cases = [
        (r#""api_host": "https://127.0.0.1""#, true),
        (r#""api_host": "https://[::1]:8443""#, true),
        (r#""api_host": "https://openwhisk.example", "upstream": "10.0.0.7:443""#, true),
        (r#""api_host": "https://openwhisk.example", "upstream": "10.0.0.7""#, true),
        (r#""api_host": "https://127.0.0.1", "upstream": "openwhisk.example:443""#, false),
        (r#""api_host": "https://openwhisk.example""#, false),
        (r#""api_host": "http://127.0.0.1""#, false),
    ];
    for (attributes, is_refused) in cases {
        let mut host = Setup::new(Personality::Apisix).load(&Filter::built());
        let rest = r#""service_token": "alice:wonderland", "namespace": "guest", "action": "hello""#;
        host.configure(format!("{{{rest}, {attributes}}}")).expect("valid");
        for _ in 0..2 {
            let id = host.send(get());
            host.answer(id, Answer::new(200).header("content-type", "application/json").body("{}"));
            assert_eq!(host.reply(id).status, if is_refused { 503 } else { 200 }, "{attributes}");
        }
        let warned = host.log().iter().filter(|line| line.text.contains("is an IP address")).count();
        assert_eq!(warned, usize::from(is_refused), "{attributes}: {:?}", host.log());
    }
}

fn too_large() {
    let mut host = apisix(r#", "max_req_body_size": 1000"#);
    // Behind more headers than the host puts into a map.
    let request = (0..100).fold(get(), |request, n| request.header(format!("x-{n}"), "v"));
    let announced = host.send(request.header("content-length", "1001"));
    assert_eq!(host.reply(announced).status, 413);
    let sent = host.send(get().body(vec![b'x'; 1001]));
    assert_eq!(host.reply(sent).status, 413);
    check_good(&mut host);
}

fn silence() {
    for (elapsed, failure, status) in
        [(0, Failure::Unreachable, 503), (500, Failure::BrokenOff, 503), (1000, Failure::DeadlinePassed, 504)]
    {
        let mut host = apisix("");
        let id = host.send(get());
        if failure != Failure::DeadlinePassed {
            host.advance_clock(Duration::from_millis(elapsed));
        }
        host.fail(id, failure);
        assert_eq!(host.reply(id).status, status, "after {elapsed} ms");
        check_good(&mut host);
    }
}

fn strange_name() {
    let id = "5f2d2b0f4b9748a5ad2b0f4b97f8a5e4";
    for name in [&b"\xff"[..], b"x-\xff\x80", b"x-openwhisk-activation-id\xff"] {
        let mut host = apisix("");
        let request = host.send(get());
        let answer = Answer::new(200).header(name, "1").header("x-openwhisk-activation-id", id);
        host.answer(request, answer.header("x-raw", b"\xff").body("{}"));
        let reply = host.reply(request);
        let shown = name.escape_ascii();
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]), "{shown}");
        assert_eq!(reply.header("x-openwhisk-activation-id"), Some(id), "{shown}");
        check_good(&mut host);
    }
}

fn refused() {
    let mut host = Setup::new(Personality::Apisix).upstreams(Upstreams::Available).load(&Filter::built());
    host.configure(format!(r#"{{{CONFIGURATION}, "upstream": "http://127.0.0.1:3233"}}"#)).expect("valid");
    let id = host.send(get());
    assert_eq!(host.reply(id).status, 503);
    assert!(host.log().iter().any(|line| line.text.contains("on APISIX be host:port")), "{:?}", host.log());
}

fn misconfigured() {
    let mut host = Setup::new(Personality::Apisix).load(&Filter::built());
    // Not before the first request.
    host.configure(format!(r#"{{{CONFIGURATION}, "timeuot": 1}}"#)).expect("not looked at yet");
    // And then once more, for the host's own 503.
    for expected in [2, 4] {
        let id = host.send(get());
        assert_eq!(host.reply(id).status, 503);
        let told = host.log().iter().filter(|line| line.text.contains("unknown attribute `timeuot`")).count();
        assert_eq!(told, expected, "{:?}", host.log());
    }
}

fn disconnect() {
    let mut host = apisix("");
    let id = host.send(get());
    host.disconnect(id);
    check_good(&mut host);
    host.answer(id, Answer::new(200).body("{}"));
    check_good(&mut host);
}

fn routes() {
    let mut host = apisix(r#", "routes": {"hello": {}}"#);
    for _ in 0..2 {
        let id = host.send(get().property(&["route_name"], "hello"));
        assert_eq!(host.reply(id).status, 500);
    }
    let told = host
        .log()
        .iter()
        .filter(|line| line.level == Level::Warn && line.text.contains("`routes` works on envoy only"));
    assert_eq!(told.count(), 2, "{:?}", host.log());
}

fn refused_by_nginx() {
    let mut host = apisix(r#", "parameters": "http""#);
    let long = format!("/hello?{}", "x".repeat(8192));
    let requests = [("GET", "/%zz", 400), ("GET", &long, 414), ("OPTIONS", "*", 400), ("TRACE", "/hello", 405)];
    for (method, path, status) in requests {
        let id = host.send(Request::new(method, path));
        assert_eq!((host.reply(id).status, host.reply(id).sender), (status, Sender::Host), "{method} {path:.20}");
        check_good(&mut host);
    }
}

fn trailers_of_http2() {
    let mut host = apisix("");
    let post = Request::new("POST", "/hello").version(Version::Http2).chunk("{}");
    let id = host.send(post.trailers(Headers::from_iter([("x-checksum", "1")])));
    assert_eq!((host.standing(id), host.calls(id)), (Standing::Gone, &[][..]));
    check_good(&mut host);
}

fn strange_header() {
    let mut host = apisix(r#", "parameters": "http""#);
    let id = host.send(get().header(b"x-\xff", "1").header("x.y", "1").header("x-raw", b"\xff"));
    let parameters: serde_json::Value = serde_json::from_slice(&host.call(id).body).expect("JSON");
    assert_eq!(parameters["__ow_headers"], serde_json::json!({"host": "gateway.example", "x-raw": "\u{fffd}"}));
}

/// The map of headers ends after 100, and is not to be touched without `host`.
fn whole_request() {
    let many = (0..150).fold(get(), |request, n| request.header(format!("x-{n}"), "v"));
    for (request, expected) in
        [(get().header("x-0", "v"), 2), (many, 100), (get().header("x-0", "v").without_host(), 0)]
    {
        let mut host = apisix(r#", "parameters": "http", "path_prefix": "/""#);
        let id = host.send(request);
        let parameters: serde_json::Value = serde_json::from_slice(&host.call(id).body).expect("JSON");
        assert_eq!(parameters["__ow_method"], "get");
        assert_eq!(parameters["__ow_path"], "/hello");
        let headers = parameters["__ow_headers"].as_object().expect("an object");
        assert_eq!(headers.len(), expected, "{headers:?}");
    }
}

fn quiet() {
    let mut host = apisix("");
    let id = host.send(Request::new("GET", "/hello"));
    host.answer(id, Answer::new(200).header("content-type", "application/json").body("{}"));
    assert_eq!(host.reply(id).status, 200);
    assert!(host.log().iter().all(|line| is_start(&line.text)), "{:?}", host.log());
}
