//! The golden cases through the built filter in the test host, as Envoy and as the wasm runtime of APISIX.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test code stops at the first surprise"
)]

use std::path::Path;
use std::sync::Arc;

use abi_host::{
    Answer, Failure, Filter, Headers, Host, Level, Personality, Request, Setup, Standing, Upstreams, Version,
};
use corpus::{Configuration, Driver, Tally};
use libtest_mimic::{Arguments, Trial};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let cases = corpus::cases(&folder).unwrap_or_else(|wrong| panic!("{wrong}"));
    let cases: Vec<_> = cases.into_iter().map(Arc::new).collect();
    let hosts = [("envoy", Driver::AbiEnvoy, Personality::Envoy), ("apisix", Driver::AbiApisix, Personality::Apisix)];
    let mut trials = Vec::new();
    let mut tallies = Vec::new();
    for (name, driver, personality) in hosts {
        let tally = Arc::new(Tally::new(driver, cases.iter().map(AsRef::as_ref)));
        tallies.push(Arc::clone(&tally));
        for case in cases.iter().filter(|case| case.runs_on(driver)).map(Arc::clone) {
            let tally = Arc::clone(&tally);
            trials.push(Trial::test(format!("{name}::{}", case.name), move || {
                tally.begin();
                abi_host::run(&case, &Filter::built(), personality)?;
                tally.pass();
                Ok(())
            }));
        }
    }
    for (name, _, personality) in hosts {
        for (request, test) in requests::all(personality) {
            trials.push(Trial::test(format!("{name}::request::{request}"), move || {
                test();
                Ok(())
            }));
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations.yaml");
    let configurations = corpus::configurations(&file).unwrap_or_else(|wrong| panic!("{wrong}"));
    for (name, _, personality) in hosts {
        for configuration in configurations.clone() {
            trials.push(Trial::test(format!("{name}::configuration::{}", configuration.about), move || {
                configure(personality, &configuration);
                Ok(())
            }));
        }
    }
    trials.extend(apisix::all().map(|(name, test)| {
        Trial::test(format!("apisix::{name}"), move || {
            test();
            Ok(())
        })
    }));
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    for tally in tallies {
        tally.write(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden")).expect("the row is written");
    }
    conclusion.exit();
}

const CONFIGURATION: &str = r#""api_host": "http:\/\/127.0.0.1:3233", "service_token": "alice:wonderland",
    "namespace": "guest", "action": "hello", "timeout": 1000.0"#;

/// A host with the filter, and attributes on top of the configuration.
fn host(personality: Personality, attributes: &str) -> Host {
    let mut host = Setup::new(personality).load(&Filter::built());
    host.configure(format!("{{{CONFIGURATION}{attributes}}}")).expect("the configuration is valid");
    host
}

/// Each mistake is one line of the log, and nothing serves with any; APISIX looks at the first request only.
fn configure(personality: Personality, configuration: &Configuration) {
    let mut host = Setup::new(personality).load(&Filter::built());
    let accepted = host.configure(&configuration.bytes).is_ok();
    let is_served = match personality {
        Personality::Envoy => accepted,
        Personality::Apisix => {
            let id = host.send(Request::new("GET", "/hello"));
            matches!(host.standing(id), Standing::Called(_))
        }
    };
    assert_eq!(is_served, configuration.errors.is_empty(), "{:?}", host.log());
    let said: Vec<_> = host.log().iter().filter(|line| line.level == Level::Error).map(|line| &line.text).collect();
    // APISIX does not ask the filter about an empty configuration.
    let is_asked = personality == Personality::Envoy || !configuration.bytes.is_empty();
    let errors = configuration.errors.iter().filter(|_| is_asked);
    let expected: Vec<_> = errors.map(|error| format!("openwhisk: {error}")).collect();
    assert!(said.iter().copied().eq(&expected), "expected {expected:#?}, got {said:#?}");
    for secret in &configuration.secrets {
        let leak = host.log().iter().find(|line| line.text.contains(secret.as_str()));
        assert!(leak.is_none(), "{secret:?} is in the log: {leak:?}");
    }
}

/// The next good request gets its 200.
fn check_good(host: &mut Host) {
    let id = host.send(Request::new("GET", "/hello"));
    host.answer(id, Answer::new(200).header("content-type", "application/json").body("{}"));
    assert_eq!((host.reply(id).status, host.reply(id).body.as_slice()), (200, &b"{}"[..]), "the next good request");
}

/// Requests in every form, on both hosts: the call has the whole body, and one host serves them all.
mod requests {
    use super::{Headers, Host, Personality, Request, Standing, Version, check_good, host};

    pub fn all(personality: Personality) -> impl Iterator<Item = (&'static str, impl FnOnce() + Send + 'static)> {
        requests(personality).into_iter().map(move |(name, request, body)| {
            (name, move || {
                let mut host = host(personality, "");
                check(&mut host, request, &body);
                check_good(&mut host);
            })
        })
    }

    fn check(host: &mut Host, request: Request, body: &[u8]) {
        let id = host.send(request);
        assert!(matches!(host.standing(id), Standing::Called(_)), "{:?}; {:?}", host.standing(id), host.log());
        let call = host.call(id);
        assert!(call.body == body, "{} bytes reach the action, not {}", call.body.len(), body.len());
        assert_eq!(call.upstream, "127.0.0.1:3233");
        assert_eq!(call.header("authorization"), Some("Basic YWxpY2U6d29uZGVybGFuZA=="));
        let last = call.header("x-request-id").map(str::to_owned);
        host.fail(id, abi_host::Failure::Unreachable);
        let reply = host.reply(id);
        let code = last.unwrap_or_default();
        let expected = format!(r#"{{"code":"{code}","error":"openwhisk cannot be reached"}}"#);
        assert_eq!((reply.status, String::from_utf8_lossy(&reply.body).as_ref()), (503, expected.as_str()));
    }

    fn requests(personality: Personality) -> Vec<(&'static str, Request, Vec<u8>)> {
        let post = || Request::new("POST", "/hello").header("x-request-id", "42");
        let of_size = |size: usize| (post().body(vec![b'x'; size]), vec![b'x'; size]);
        let many = |count: usize| {
            (0..count).fold(Request::new("GET", "/hello"), |request, n| request.header(format!("x-{n}"), "v"))
        };
        let mut all = vec![
            ("without_a_body", post(), Vec::new()),
            ("of_1_byte", of_size(1).0, of_size(1).1),
            ("of_64_kb", of_size(64 << 10).0, of_size(64 << 10).1),
            ("of_20_mb", of_size(20 << 20).0, of_size(20 << 20).1),
            ("in_chunks", post().chunk("{\"a\"").chunk(":").chunk("1}"), b"{\"a\":1}".to_vec()),
            ("with_a_value_that_is_not_utf8", post().header("x-strange", b"\xff\x80"), Vec::new()),
            ("with_a_forwarded_value_that_is_not_utf8", post().header("traceparent", b"\xff"), Vec::new()),
            ("with_200_headers", many(200).header("x-request-id", "42"), Vec::new()),
            ("with_a_header_of_64_kb", post().header("x-long", vec![b'v'; 64 << 10]), Vec::new()),
            ("of_http_1_0", post().version(Version::Http10), Vec::new()),
            ("of_http_1_0_without_host", post().version(Version::Http10).without_host(), Vec::new()),
        ];
        if personality == Personality::Envoy {
            let mut trailers = Headers::default();
            trailers.push("x-checksum", "1");
            all.push(("with_trailers", post().chunk("{}").trailers(trailers.clone()), b"{}".to_vec()));
            all.push(("with_trailers_only", post().trailers(trailers), Vec::new()));
        }
        all
    }
}

/// What is different on APISIX.
mod apisix {
    use std::time::Duration;

    use super::{
        Answer, CONFIGURATION, Failure, Filter, Host, Level, Personality, Request, Setup, Upstreams, check_good, host,
    };

    pub fn all() -> impl Iterator<Item = (&'static str, fn())> {
        [
            ("what_has_no_effect_is_warned_of_once", warnings as fn()),
            ("an_announced_body_that_is_too_large_is_refused", too_large),
            ("a_call_without_answer_is_told_by_its_time", silence),
            ("a_call_that_the_host_refuses_is_503", refused),
            ("a_wrong_configuration_is_told_and_tried_again", misconfigured),
            ("a_client_that_went_away_harms_nobody", disconnect),
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
        let mut host = apisix(r#", "ssl_verify": false, "keepalive_timeout": 60000"#);
        check_good(&mut host);
        check_good(&mut host);
        let warned: Vec<_> =
            host.log().iter().filter(|line| line.level == Level::Warn).map(|line| &line.text).collect();
        assert_eq!(warned.len(), 2, "{warned:?}");
        assert!(warned[0].contains("`ssl_verify` is false, which has no effect on apisix"), "{warned:?}");
        assert!(warned[1].contains("`keepalive_timeout` has no effect on apisix"), "{warned:?}");

        let mut host = apisix(r#", "ssl_verify": true"#);
        check_good(&mut host);
        assert!(host.log().is_empty(), "{:?}", host.log());
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
        for requests in 1..=2 {
            let id = host.send(get());
            assert_eq!(host.reply(id).status, 503);
            let told = host.log().iter().filter(|line| line.text.contains("unknown attribute `timeuot`")).count();
            assert_eq!(told, requests, "{:?}", host.log());
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
}
