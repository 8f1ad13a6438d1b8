//! The golden cases and configurations on the pure core, natively: no proxy, no network.
#![allow(clippy::panic, clippy::expect_used, reason = "test code stops at the first surprise")]

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corpus::{Answer, Case, Configuration, Driver, Fault, Produced, Tally};
use libtest_mimic::{Arguments, Failed, Trial};
use openwhisk_filter::answer::{Answer as Told, Outcome};
use openwhisk_filter::call::Call;
use openwhisk_filter::config::Config;
use openwhisk_filter::exchange::{Exchange, Progress, Step};
use openwhisk_filter::proxy::Proxy;
use openwhisk_filter::reply::Reply;
use openwhisk_filter::target::Targets;

fn main() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let cases = corpus::cases(&tests.join("golden")).unwrap_or_else(|wrong| panic!("{wrong}"));
    let configurations =
        corpus::configurations(&tests.join("configurations.yaml")).unwrap_or_else(|wrong| panic!("{wrong}"));
    let tally = Arc::new(Tally::new(Driver::Native, &cases));
    let cases = cases.into_iter().filter(|case| case.runs_on(Driver::Native)).map(|case| {
        let tally = Arc::clone(&tally);
        Trial::test(format!("golden::{}", case.name), move || {
            tally.begin();
            run(&case)?;
            tally.pass();
            Ok(())
        })
    });
    let configurations = configurations.into_iter().map(|configuration| {
        Trial::test(format!("configuration::{}", configuration.about), move || configure(&configuration))
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), cases.chain(configurations).collect());
    tally.write(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden")).expect("the row is written");
    conclusion.exit();
}

/// Only the variable that golden cases refer to is set.
fn read_environment(name: &str) -> Option<String> {
    (name == "OPENWHISK_TOKEN").then(|| corpus::GUEST.to_owned())
}

fn run(case: &Case) -> Result<(), Failed> {
    let produced = Produced::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "native")?;
    let config = Config::from_json(case.config_json("openwhisk").as_bytes(), &read_environment)?;
    produced.add(format!("{config:?}"))?;
    let mut exchange = Exchange::new(Some(Rc::new(Targets::new(config))));
    let body = &case.request.body;
    let pseudo = [(":authority", "gateway.example"), (":method", &case.request.method), (":path", &case.request.path)];
    let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let headers = pseudo.into_iter().chain(case.request.headers.iter().cloned()).collect();
    let mut step = exchange.on_request_headers(
        Proxy::Envoy,
        || Duration::ZERO,
        || None,
        || headers,
        Progress::of(body.is_empty()),
    );
    if step == Step::Wait {
        step = exchange.on_request_body(|| Duration::ZERO, body.len(), Progress::Complete, |_| Some(body.clone()));
    }
    produced.add(format!("{exchange:?} {step:?}"))?;
    let mut calls = Vec::new();
    if let Step::Invoke(call) = step {
        calls.push(shown_call(&call));
        let answer = case.answer.as_ref().ok_or("a call was made where none was expected")?;
        step = exchange.on_outcome(outcome(answer));
    }
    case.compare_calls(&calls, Driver::Native)?;
    produced.add(format!("{exchange:?} {step:?}"))?;
    if let Step::Fail(error, _) = &step {
        produced.add(error.to_string())?;
    }
    match step {
        Step::Send(reply) | Step::Fail(_, reply) => Ok(case.compare_reply(&shown_reply(&reply), Driver::Native)?),
        other => Err(format!("no reply, but {other:?}").into()),
    }
}

/// What Envoy makes of an answer.
fn outcome(answer: &Answer) -> Outcome {
    let own = |status: &str, body: &str| {
        let headers =
            [(":status", status), ("content-type", "text/plain")].map(|(name, value)| (name.into(), value.into()));
        Told::read(Proxy::Envoy, &headers, body.into(), Duration::ZERO).expect("a status")
    };
    match answer {
        Answer::Whole { status, headers, body } => {
            let headers: Vec<_> = [(":status".to_owned(), status.to_string().into_bytes())]
                .into_iter()
                .chain(headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())))
                .chain([("x-envoy-upstream-service-time".to_owned(), b"1".to_vec())])
                .collect();
            Outcome::Answered(Told::read(Proxy::Envoy, &headers, body.clone(), Duration::ZERO).expect("a status"))
        }
        Answer::Fault(Fault::Unreachable) => Outcome::Answered(own("503", "reset reason: remote connection failure")),
        Answer::Fault(Fault::Closed) => Outcome::Answered(own("503", "reset reason: connection termination")),
        Answer::Fault(Fault::Silent) => Outcome::Answered(own("504", "upstream request timeout")),
        Answer::Fault(Fault::BrokenOff) => Outcome::Silent { elapsed: Duration::ZERO },
        Answer::Fault(Fault::UnknownUpstream) => Outcome::UnknownUpstream,
    }
}

fn shown_call(call: &Call) -> corpus::Call {
    let mut shown = corpus::Call { body: call.body().to_vec(), ..corpus::Call::default() };
    for (name, value) in call.headers() {
        match name {
            ":method" => value.clone_into(&mut shown.method),
            ":path" => value.clone_into(&mut shown.path),
            ":authority" => shown.headers.push(("host".to_owned(), value.into())),
            ":scheme" => {}
            _ => shown.headers.push((name.to_owned(), value.into())),
        }
    }
    shown
}

fn shown_reply(reply: &Reply) -> corpus::Reply {
    let headers = reply.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    corpus::Reply { status: reply.status.as_u16(), headers: headers.collect(), body: reply.body.clone() }
}

fn configure(configuration: &Configuration) -> Result<(), Failed> {
    let config = Config::from_json(&configuration.bytes, &read_environment);
    let said = format!("{config:?}");
    Produced::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "native")?.add(&said)?;
    if let Some(secret) = configuration.secrets.iter().find(|secret| said.contains(secret.as_str())) {
        return Err(format!("{secret:?} is shown: {said}").into());
    }
    let errors: Vec<_> = match config {
        Ok(_) => Vec::new(),
        Err(wrong) => wrong.mistakes().iter().map(ToString::to_string).collect(),
    };
    if errors == configuration.errors {
        return Ok(());
    }
    Err(format!("expected {:#?}, got {errors:#?}", configuration.errors).into())
}
