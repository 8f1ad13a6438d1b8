//! What the core of the filter costs by itself, natively: no proxy, no wasm.
//!
//! `cargo bench -p bench`, or `make bench-core`; a name behind `--` measures only what has it in its name.
#![allow(missing_docs, clippy::expect_used, reason = "a benchmark stops at the first surprise")]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use openwhisk_filter::answer::{Activation, Content};
use openwhisk_filter::call::parameters::parameters;
use openwhisk_filter::call::request::Request;
use openwhisk_filter::config::Config;
use openwhisk_filter::config::settings::Settings;
use openwhisk_filter::target::Targets;

const SIZES: [usize; 3] = [1 << 10, 64 << 10, 1 << 20];

const ROUTES: [usize; 3] = [1, 100, 10_000];

const BASE: &str = r#""api_host": "http://openwhisk.example", "upstream": "openwhisk", "service_token": "user:key",
                      "namespace": "guest", "action": "hello""#;

fn main() {
    divan::main();
}

fn parsed(json: &str) -> Config {
    Config::from_json(json.as_bytes(), &|_| None).expect("a valid configuration")
}

fn settings(attributes: &str) -> Settings {
    match parsed(&format!("{{{BASE}{attributes}}}")) {
        Config::Every(settings) => *settings,
        Config::Routes(routes) => routes.into_values().next().expect("a route"),
    }
}

fn routes(count: usize) -> String {
    let route = |number| format!(r#""route-{number}": {{"action": "action-{number}", "timeout": 20000}}"#);
    let routes: Vec<_> = (0..count).map(route).collect();
    format!(r#"{{{BASE}, "routes": {{{}}}}}"#, routes.join(","))
}

/// A JSON array of that many bytes, about.
fn json(size: usize) -> String {
    const ITEM: &str = r#"{"id":17,"item":"coffee","price":4.25,"tags":["hot","black"],"sold":false}"#;
    format!("[{}]", vec![ITEM; size.div_ceil(ITEM.len().saturating_add(1))].join(","))
}

fn request(content_type: &str, path: &str) -> Request {
    let header = |(name, value): (&str, &str)| (name.to_owned(), value.as_bytes().to_vec());
    let headers = [
        (":method", "POST"),
        (":path", path),
        (":authority", "gateway.example"),
        (":scheme", "http"),
        ("user-agent", "bench/1"),
        ("accept", "*/*"),
        ("content-type", content_type),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "2b8ab2a4-46c0-4c2c-a8a8-b1fcaa3dbb0d"),
    ];
    Request::from_headers(headers.map(header).to_vec())
}

mod config {
    use super::{Bencher, BytesCount, Config, ROUTES, Targets, black_box, parsed, routes};

    #[divan::bench(args = ROUTES)]
    fn parse(bencher: Bencher<'_, '_>, count: usize) {
        let json = routes(count);
        bencher.counter(BytesCount::of_str(&json)).bench_local(|| parsed(black_box(&json)));
    }

    #[divan::bench(args = ROUTES)]
    fn prepare_targets(bencher: Bencher<'_, '_>, count: usize) {
        let config: Config = parsed(&routes(count));
        bencher.with_inputs(|| config.clone()).bench_local_values(Targets::new);
    }
}

mod parameters_of {
    use super::{Bencher, BytesCount, SIZES, json, parameters, request, settings};

    fn measured(bencher: Bencher<'_, '_>, content_type: &str, path: &str, body: &[u8]) {
        let (settings, request) = (settings(HTTP), request(content_type, path));
        bencher
            .with_inputs(|| body.to_vec())
            .input_counter(BytesCount::of_slice)
            .bench_local_values(|body| parameters(&settings, &request, body).expect("valid"));
    }

    const HTTP: &str = r#", "parameters": "http""#;

    /// The same bytes, whose brackets are counted.
    fn as_it_is(bencher: Bencher<'_, '_>, body: &[u8]) {
        let (settings, request) = (settings(""), request("application/json", "/"));
        bencher
            .with_inputs(|| body.to_vec())
            .input_counter(BytesCount::of_slice)
            .bench_local_values(|body| parameters(&settings, &request, body).expect("valid"));
    }

    /// So few brackets that it cannot be nested too deeply.
    #[divan::bench(args = SIZES)]
    fn body_of_one_text(bencher: Bencher<'_, '_>, size: usize) {
        as_it_is(bencher, format!(r#"{{"text":"{}"}}"#, "x".repeat(size)).as_bytes());
    }

    /// So many brackets that its levels are counted.
    #[divan::bench(args = SIZES)]
    fn body_of_many_items(bencher: Bencher<'_, '_>, size: usize) {
        as_it_is(bencher, json(size).as_bytes());
    }

    #[divan::bench(args = SIZES)]
    fn http_json(bencher: Bencher<'_, '_>, size: usize) {
        let body = format!(r#"{{"items":{}}}"#, json(size));
        measured(bencher, "application/json", "/orders/7?limit=10", body.as_bytes());
    }

    #[divan::bench(args = SIZES)]
    fn http_form(bencher: Bencher<'_, '_>, size: usize) {
        measured(bencher, "application/x-www-form-urlencoded", "/", &b"item=a+cup%21&".repeat(size / 14));
    }

    #[divan::bench(args = SIZES)]
    fn http_text(bencher: Bencher<'_, '_>, size: usize) {
        measured(bencher, "text/plain", "/", json(size).as_bytes());
    }

    #[divan::bench(args = SIZES)]
    fn http_bytes(bencher: Bencher<'_, '_>, size: usize) {
        measured(bencher, "image/png", "/", &vec![0xa5; size]);
    }

    #[divan::bench]
    fn http_query(bencher: Bencher<'_, '_>) {
        let path = "/orders/7?limit=10&after=2026-11-23T00%3A00%3A00Z&item=coffee&sort=price&fields=id%2Citem";
        measured(bencher, "", path, &[]);
    }
}

mod reply_to {
    use super::{Activation, Bencher, BytesCount, Content, SIZES, json};

    fn measured(bencher: Bencher<'_, '_>, result: String) {
        let id = Some("5f2d2b0f4b9748a5ad2b0f4b97f8a5e4".to_owned());
        let activation = Activation { id, content: Content::Result, text: result };
        bencher
            .counter(BytesCount::of_str(&activation.text))
            .with_inputs(|| activation.clone())
            .bench_local_values(|activation| activation.into_reply(None).expect("valid"));
    }

    #[divan::bench]
    fn plain_14_bytes(bencher: Bencher<'_, '_>) {
        measured(bencher, r#"{"hello":"ow"}"#.to_owned());
    }

    #[divan::bench(args = SIZES)]
    fn plain(bencher: Bencher<'_, '_>, size: usize) {
        measured(bencher, format!(r#"{{"items":{}}}"#, json(size)));
    }

    #[divan::bench(args = SIZES)]
    fn shaped_json(bencher: Bencher<'_, '_>, size: usize) {
        let headers = r#"{"location":"/orders/3","set-cookie":["a=1","b=2"]}"#;
        measured(bencher, format!(r#"{{"statusCode":201,"headers":{headers},"body":{}}}"#, json(size)));
    }

    #[divan::bench(args = SIZES)]
    fn shaped_text(bencher: Bencher<'_, '_>, size: usize) {
        measured(bencher, format!(r#"{{"statusCode":200,"body":"{}"}}"#, r"a line of text\n".repeat(size / 16)));
    }

    #[divan::bench(args = SIZES)]
    fn shaped_base64(bencher: Bencher<'_, '_>, size: usize) {
        let headers = r#"{"content-type":"image/png"}"#;
        measured(bencher, format!(r#"{{"headers":{headers},"body":"{}"}}"#, "iVBO".repeat(size / 4)));
    }
}
