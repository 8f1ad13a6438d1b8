//! The golden cases through the built filter in the test host, as Envoy and as the wasm runtime of APISIX.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "test code stops at the first surprise"
)]

mod apisix;
mod cost;
mod golden;
mod key;
mod metrics;
mod requests;
mod routes;

use std::path::Path;
use std::sync::Arc;

use corpus::{Configuration, Driver, GUEST, Produced, Tally};
use host::{Answer, Failure, Filter, Headers, Host, Level, Personality, Request, Setup, Standing, Upstreams, Version};
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
                golden::run(&case, driver, personality)?;
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
    let own = apisix::all().map(|test| ("apisix", test)).chain(routes::all().map(|test| ("envoy::routes", test)));
    let own = own.chain(metrics::all().map(|test| ("metrics", test))).chain(cost::all().map(|test| ("cost", test)));
    let own = own.chain(key::all().map(|test| ("key", test)));
    trials.extend(own.map(|(group, (name, test))| {
        Trial::test(format!("{group}::{name}"), move || {
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

/// Where everything that the filter says is kept.
fn produced() -> std::io::Result<Produced> {
    Produced::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "abi")
}

const CONFIGURATION: &str = r#""api_host": "http:\/\/127.0.0.1:3233", "service_token": "alice:wonderland",
    "namespace": "guest", "action": "hello", "timeout": 1000.0"#;

/// Whether a line of the log is the one about a configuration that was taken.
fn is_start(line: &str) -> bool {
    line.starts_with("openwhisk: version ")
}

/// A host with the filter, and attributes on top of the configuration.
fn host(personality: Personality, attributes: &str) -> Host {
    let mut host = Setup::new(personality).load(&Filter::built());
    host.configure(format!("{{{CONFIGURATION}{attributes}}}")).expect("the configuration is valid");
    host
}

/// Each mistake is one line of the log, and nothing serves with any; APISIX looks at the first request only.
fn configure(personality: Personality, configuration: &Configuration) {
    let mut host = Setup::new(personality).environment("OPENWHISK_TOKEN", GUEST).load(&Filter::built());
    let accepted = host.configure(&configuration.bytes).is_ok();
    let is_served = match personality {
        Personality::Envoy => accepted,
        Personality::Apisix => {
            // A path that fits the template of the configurations that have one.
            let id = host.send(Request::new("GET", "/orders/7/items/8"));
            // There, a configuration with routes is told at each request.
            matches!(host.standing(id), Standing::Called(_))
                || host.log().iter().any(|line| line.text.contains("`routes` works on envoy only"))
        }
    };
    assert_eq!(is_served, configuration.errors.is_empty(), "{:?}", host.log());
    let said: Vec<_> = host.log().iter().filter(|line| line.level == Level::Error).map(|line| &line.text).collect();
    let asked = match personality {
        Personality::Envoy => 1,
        // It does not ask the filter about an empty configuration, and twice at a request about one that is refused.
        Personality::Apisix if configuration.bytes.is_empty() => 0,
        Personality::Apisix => 2,
    };
    let errors = (0..asked).flat_map(|_| &configuration.errors);
    let expected: Vec<_> = errors.map(|error| format!("openwhisk: {error}")).collect();
    assert!(said.iter().copied().eq(&expected), "expected {expected:#?}, got {said:#?}");
    for line in host.log() {
        produced().and_then(|produced| produced.add(line.to_string())).expect("it can be kept");
    }
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
