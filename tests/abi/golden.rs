//! The golden cases, through the built filter.

use corpus::{Case, Driver, Fault, GUEST};
use host::{Call, RequestId};
use libtest_mimic::Failed;

use crate::{Answer, Failure, Filter, Headers, Host, Personality, Request, Setup, Standing, Upstreams, produced};

/// Runs a case on one of its drivers. What a real host would not survive panics.
pub fn run(case: &Case, driver: Driver, personality: Personality) -> Result<(), Failed> {
    let produced = produced()?;
    let answer = case.answer.as_ref();
    let is_unknown = matches!(answer, Some(corpus::Answer::Fault(Fault::UnknownUpstream)));
    let upstreams = if is_unknown { Upstreams::Unknown } else { Upstreams::Available };
    let setup = Setup::new(personality).environment("OPENWHISK_TOKEN", GUEST).upstreams(upstreams);
    let mut host = setup.load(&Filter::built());
    host.configure(case.config_json("openwhisk.example:80"))?;
    let id = host.send(request(case));
    if let (Standing::Called(_), Some(answer)) = (host.standing(id), answer) {
        end_call(&mut host, id, answer);
    }
    for line in host.log() {
        produced.add(line.to_string())?;
    }
    if let Standing::Replied(reply) = host.standing(id) {
        for (name, value) in reply.headers.iter() {
            produced.add([name, b": ", value].concat())?;
        }
        produced.add(&reply.body)?;
    }
    // A call that the host refused is compared too: the case says what it would have been.
    let calls: Vec<_> = host.calls(id).iter().chain(host.refused_calls(id)).map(shown_call).collect();
    case.compare_calls(&calls, driver)?;
    let reply = match host.standing(id) {
        Standing::Replied(reply) => reply,
        other => return Err(format!("no reply, but {other:?}; logged: {:?}", host.log()).into()),
    };
    let shown = corpus::Reply { status: reply.status, headers: pairs(&reply.headers), body: reply.body.clone() };
    Ok(case.compare_reply(&shown, driver)?)
}

fn request(case: &Case) -> Request {
    let corpus::Request { method, path, headers, body } = &case.request;
    let request = Request::new(method, path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    if body.is_empty() { request } else { request.body(body) }
}

fn end_call(host: &mut Host, id: RequestId, answer: &corpus::Answer) {
    match answer {
        corpus::Answer::Whole { status, headers, body } => {
            let answer = Answer::new(*status).body(body);
            host.answer(id, headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value)));
        }
        corpus::Answer::Fault(fault) => host.fail(
            id,
            match fault {
                // APISIX knows no upstreams: to it an unknown one is one that cannot be reached.
                Fault::Unreachable | Fault::UnknownUpstream => Failure::Unreachable,
                Fault::Closed => Failure::Closed,
                Fault::Silent => Failure::DeadlinePassed,
                Fault::BrokenOff => Failure::BrokenOff,
            },
        ),
    }
}

fn shown_call(call: &Call) -> corpus::Call {
    let mut shown = corpus::Call { body: call.body.clone(), ..corpus::Call::default() };
    for (name, value) in pairs(&call.headers) {
        match name.as_str() {
            ":method" => shown.method = String::from_utf8_lossy(&value).into_owned(),
            ":path" => shown.path = String::from_utf8_lossy(&value).into_owned(),
            ":authority" => shown.headers.push(("host".to_owned(), value)),
            ":scheme" => {}
            _ => shown.headers.push((name, value)),
        }
    }
    shown
}

fn pairs(headers: &Headers) -> corpus::Headers {
    headers.iter().map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec())).collect()
}
