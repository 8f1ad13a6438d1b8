//! The golden cases.

use std::sync::Arc;

use corpus::{Answer, Call, Case, Driver, Fault, Tally};
use openwhisk_envoy::Protocol;
use testbed::artifact;
use testbed::client;
use testbed::openwhisk::Action;
use testbed::script::{self, Script};

use crate::stage::{Behind, Plan, Site, Stage};

/// Adds a test for each case and driver.
pub fn add(plan: &mut Plan) {
    let cases = corpus::cases(&artifact::source("tests/golden")).unwrap_or_else(|wrong| panic!("{wrong}"));
    let tally = |driver| Arc::new(Tally::new(driver, &cases));
    let (scripts, http2, actions) = (tally(Driver::Envoy), tally(Driver::EnvoyHttp2), tally(Driver::OpenWhisk));
    for case in cases {
        if case.runs_on(Driver::OpenWhisk) {
            let action = action(&case);
            with(plan, case.clone(), Driver::OpenWhisk, Protocol::Http1, Behind::OpenWhisk(action), &actions);
        }
        if case.runs_on(Driver::Envoy) {
            with(plan, case.clone(), Driver::Envoy, Protocol::Http1, scripted(&case), &scripts);
            let behind = scripted(&case);
            with(plan, case, Driver::EnvoyHttp2, Protocol::Http2, behind, &http2);
        }
    }
    plan.tally(scripts);
    plan.tally(http2);
    plan.tally(actions);
}

fn with(plan: &mut Plan, case: Case, driver: Driver, protocol: Protocol, behind: Behind, tally: &Arc<Tally>) {
    let tally = Arc::clone(tally);
    let folder = match driver {
        Driver::OpenWhisk => "openwhisk",
        Driver::EnvoyHttp2 => "golden_over_http2",
        _ => "golden",
    };
    let site = format!("{folder}::{}", case.name);
    let is_scripted = matches!(behind, Behind::Script(_));
    plan.site_over(protocol, Site { name: site.clone(), config: case.config_json(&site), behind });
    plan.test(&site.clone(), move |stage| {
        tally.begin();
        if driver == Driver::OpenWhisk {
            stage.check_openwhisk();
        }
        run(&case, driver, &site, is_scripted, stage);
        stage.check_good();
        tally.pass();
    });
}

fn run(case: &Case, driver: Driver, site: &str, is_scripted: bool, stage: &Stage) {
    let reply = client::ask(stage.port(site), &client::request_of(case));
    case.compare_reply(&reply, driver).unwrap_or_else(|difference| panic!("{difference}"));
    if is_scripted {
        let upstream = stage.upstream(site);
        // The reply of a deadline may be there before the call.
        let is_called = |calls: &[Call]| case.call.is_none() || !calls.is_empty();
        let calls = upstream.wait("the call", |seen| is_called(&seen.calls)).calls;
        case.compare_calls(&calls, driver).unwrap_or_else(|difference| panic!("{difference}"));
    }
    stage.check_no_leak(site);
}

/// The action of a case, as its configuration names it.
fn action(case: &Case) -> Option<Action> {
    Some(Action {
        package: case.attribute("package").map(str::to_owned),
        name: case.attribute("action")?.to_owned(),
        code: case.action.clone()?,
    })
}

fn scripted(case: &Case) -> Behind {
    match &case.answer {
        None => Behind::Script(script::result("\"the case expects no call\"")),
        Some(Answer::Fault(Fault::Unreachable)) => Behind::Nobody,
        Some(Answer::Fault(Fault::UnknownUpstream)) => Behind::NoCluster,
        Some(Answer::Fault(fault)) => Behind::Script(faulty(*fault)),
        Some(Answer::Whole { status, headers, body }) => {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            Behind::Script(script::sends(script::answer(*status, &headers, body)))
        }
    }
}

fn faulty(fault: Fault) -> Script {
    match fault {
        Fault::Closed => script::breaks_off_after(Vec::new()),
        Fault::BrokenOff => script::breaks_off_after(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":".to_vec(),
        ),
        Fault::Silent | Fault::Unreachable | Fault::UnknownUpstream => script::silent(),
    }
}
