//! The golden cases, through the built filter.

use std::fmt;

use corpus::{Case, Driver, Fault, GUEST, Produced};

use crate::answers::{Answer, Failure};
use crate::calls::{Call, Upstreams};
use crate::exchange::Standing;
use crate::filter::Filter;
use crate::headers::Headers;
use crate::host::{Host, Refused, RequestId};
use crate::personality::Personality;
use crate::request::Request;
use crate::setup::Setup;

/// Why a case does not hold.
#[derive(Debug)]
pub enum Unlike {
    /// The configuration was refused.
    Configuration(Refused),
    /// A call or the reply is another one.
    Difference(corpus::Difference),
    /// There is no reply. What there is instead, and what was logged.
    NoReply(String),
}

impl fmt::Display for Unlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(refused) => refused.fmt(f),
            Self::Difference(difference) => difference.fmt(f),
            Self::NoReply(instead) => write!(f, "no reply, but {instead}"),
        }
    }
}

impl std::error::Error for Unlike {}

/// Runs a case, which the caller has found to run on this personality's driver, and keeps what the filter produced.
///
/// # Errors
/// [`Unlike`] if something else happens than the case says. What a real host would not survive panics instead.
///
/// # Panics
/// If what the filter produced cannot be kept.
pub fn run(case: &Case, filter: &Filter, personality: Personality, produced: &Produced) -> Result<(), Unlike> {
    let driver = match personality {
        Personality::Envoy => Driver::AbiEnvoy,
        Personality::Apisix => Driver::AbiApisix,
    };
    let answer = case.answer.as_ref();
    let is_unknown = matches!(answer, Some(corpus::Answer::Fault(Fault::UnknownUpstream)));
    let upstreams = if is_unknown { Upstreams::Unknown } else { Upstreams::Available };
    let setup = Setup::new(personality).environment("OPENWHISK_TOKEN", GUEST).upstreams(upstreams);
    let mut host = setup.load(filter);
    host.configure(case.config_json("openwhisk.example:80")).map_err(Unlike::Configuration)?;
    let id = host.send(request(case));
    if let (Standing::Called(_), Some(answer)) = (host.standing(id), answer) {
        end_call(&mut host, id, answer);
    }
    for line in host.log() {
        produced.add(line.to_string()).expect("it can be kept");
    }
    if let Standing::Replied(reply) = host.standing(id) {
        produced.add(reply.headers.serialized()).expect("it can be kept");
        produced.add(&reply.body).expect("it can be kept");
    }
    // A call that the host refused is compared too: the case says what it would have been.
    let calls: Vec<_> = host.calls(id).iter().chain(host.refused_calls(id)).map(shown_call).collect();
    case.compare_calls(&calls, driver).map_err(Unlike::Difference)?;
    let reply = match host.standing(id) {
        Standing::Replied(reply) => reply,
        other => return Err(Unlike::NoReply(format!("{other:?}; logged: {:?}", host.log()))),
    };
    let shown = corpus::Reply { status: reply.status, headers: pairs(&reply.headers), body: reply.body.clone() };
    case.compare_reply(&shown, driver).map_err(Unlike::Difference)
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
                Fault::Unreachable | Fault::Closed | Fault::UnknownUpstream => Failure::Unreachable,
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
