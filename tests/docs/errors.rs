//! The tables of errors tell of every error, and of no other.

use http::StatusCode;
use openwhisk_filter::answer::LARGEST_ANSWER;
use openwhisk_filter::answer::shaped::{NoReply, reply_to_result};
use openwhisk_filter::error::Error;
use openwhisk_filter::error::key::KeySource;
use openwhisk_filter::error::kind::ErrorKind;
use openwhisk_filter::error::row::Words;

use crate::page::{Page, Rows};

fn what_happened() -> Rows {
    Page::read("docs/operations.md").table("what happened")
}

/// An error of each kind. The match below keeps the list complete.
fn errors() -> Vec<Error> {
    let Err(NoReply::BrokenRule(rule)) = reply_to_result(r#"{"statusCode": 0}"#) else {
        panic!("0 is no status");
    };
    let upstream = || "openwhisk".to_owned();
    let errors = vec![
        Error::RequestTooLarge { limit: 1 },
        Error::UnknownUpstream { upstream: upstream() },
        Error::UnavailableUpstream { upstream: upstream(), key: KeySource::Filter },
        Error::Unreachable { upstream: upstream(), key: KeySource::Filter, reason: String::new() },
        Error::DeadlinePassed { timeout: 1, activation_id: None },
        Error::BrokenOff { upstream: upstream() },
        Error::not_openwhisk(StatusCode::OK, None, None, b""),
        Error::Refused { status: StatusCode::NOT_FOUND, activation_id: None, retry_after: None, body: String::new() },
        Error::ActionFailed { activation_id: None, body: String::new() },
        Error::BrokenRule { rule, activation_id: None },
        Error::UnsendableStatus { status: StatusCode::IM_A_TEAPOT, activation_id: None },
        Error::UnreadableBody,
        Error::NotConfigured,
        Error::MalformedBody { reason: "EOF".to_owned() },
        Error::ReservedParameter,
        Error::RoutesUnsupported,
        Error::OutOfMemory,
        Error::MethodNotAllowed { method: "CONNECT" },
        Error::LengthRequired,
        Error::IncompleteBody,
        Error::NotAwaited { timeout: 2, after: 1, activation_id: None },
        Error::ParametersTooLarge { limit: 1 },
        Error::Grpc,
        Error::TooManyCalls { most: 1 },
        Error::AnswerTooLarge { limit: LARGEST_ANSWER, activation_id: None },
        Error::NestedTooDeeply { limit: 1 },
        Error::ConnectionBroke { upstream: upstream(), reason: String::new() },
        Error::ActionFailureHidden { status: StatusCode::BAD_GATEWAY, activation_id: None, body: String::new() },
        Error::NoKey { retry_after: None, body: "{}".to_owned() },
        Error::TooManyFields { most: 1 },
        Error::NoSuchPath,
        Error::ReadOnly,
        Error::NoActivationId,
        Error::NoActivation,
        Error::ActivationOfAnother,
    ];
    let kinds = errors.iter().map(|error| match error {
        Error::RequestTooLarge { .. } => 0,
        Error::UnknownUpstream { .. } => 1,
        Error::UnavailableUpstream { .. } => 2,
        Error::Unreachable { .. } => 3,
        Error::DeadlinePassed { .. } => 4,
        Error::BrokenOff { .. } => 5,
        Error::NotOpenWhisk { .. } => 6,
        Error::Refused { .. } => 7,
        Error::ActionFailed { .. } => 8,
        Error::BrokenRule { .. } => 9,
        Error::UnsendableStatus { .. } => 10,
        Error::UnreadableBody => 11,
        Error::NotConfigured => 12,
        Error::MalformedBody { .. } => 13,
        Error::ReservedParameter => 14,
        Error::RoutesUnsupported => 15,
        Error::OutOfMemory => 16,
        Error::MethodNotAllowed { .. } => 17,
        Error::LengthRequired => 18,
        Error::IncompleteBody => 19,
        Error::NotAwaited { .. } => 20,
        Error::ParametersTooLarge { .. } => 21,
        Error::Grpc => 22,
        Error::TooManyCalls { .. } => 23,
        Error::AnswerTooLarge { .. } => 24,
        Error::NestedTooDeeply { .. } => 25,
        Error::ConnectionBroke { .. } => 26,
        Error::ActionFailureHidden { .. } => 27,
        Error::NoKey { .. } => 28,
        Error::TooManyFields { .. } => 29,
        Error::NoSuchPath => 30,
        Error::ReadOnly => 31,
        Error::NoActivationId => 32,
        Error::NoActivation => 33,
        Error::ActivationOfAnother => 34,
    });
    assert!(kinds.eq(0..35), "an error is missing");
    errors
}

#[test]
fn the_table_of_what_goes_wrong_is_that_of_the_code() {
    let rows = what_happened();
    let mut told = Vec::new();
    for error in errors() {
        let (expected, status) = error.row(|row| match row.client {
            Words::Gateway(sentence) => (sentence.to_string(), row.status.as_str().to_owned()),
            Words::OpenWhisk(_) if matches!(error, Error::Refused { .. } | Error::NoKey { .. }) => {
                ("OpenWhisk's answer, {\"code\": …, \"error\": …}".to_owned(), "OpenWhisk's".to_owned())
            }
            Words::OpenWhisk(_) => ("OpenWhisk's answer, {\"error\": …}".to_owned(), "502".to_owned()),
        });
        let row = rows.iter().position(|row| {
            let mut rest = expected.as_str();
            row[2].split('…').all(|part| {
                rest.split_once(part).is_some_and(|(_, behind)| {
                    rest = behind;
                    true
                })
            })
        });
        let row = row.unwrap_or_else(|| panic!("the page does not tell of {expected:?}"));
        assert!(rows[row][1].contains(&status), "{expected:?} comes with {status}, not {:?}", rows[row][1]);
        told.push(row);
    }
    told.sort_unstable();
    told.dedup();
    assert!(told.iter().copied().eq(0..rows.len()), "the page tells of an error that the code does not have");
}

/// Whether a text is this one, in which each `…` stands for anything.
fn fits(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let mut rest = text.strip_prefix(parts.next().unwrap_or_default());
    for part in parts {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, behind)| behind);
    }
    rest.is_some_and(|rest| rest.is_empty() || pattern.ends_with('…'))
}

#[test]
fn the_runbook_tells_of_every_error_and_of_no_other() {
    let rows = Page::read("docs/operations.md").table("kind");
    let mut told = vec![false; rows.len()];
    for error in errors() {
        let (kind, line) = (error.kind().as_str(), error.to_string());
        let row = rows.iter().position(|row| row[0] == kind && fits(&line, &row[1]));
        told[row.unwrap_or_else(|| panic!("the runbook does not tell of {kind}: {line}"))] = true;
    }
    for (row, told) in rows.iter().zip(told) {
        assert!(told, "the runbook tells of an error that the code does not have: {row:?}");
        assert!(row[2..].iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    for kind in ErrorKind::ALL.map(ErrorKind::as_str) {
        assert!(rows.iter().any(|row| row[0] == kind), "the runbook does not tell of {kind}");
    }
}

#[test]
fn the_errors_in_the_readme_are_five_of_them() {
    let all = what_happened();
    let rows = Page::read("README.md").table("what happened");
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert!(all.contains(&row), "{row:?}");
    }
}

#[test]
fn what_a_504_means_is_told_of_each() {
    let rows = Page::read("docs/operations.md").table("the body of the 504");
    let (envoys, ours) = rows.split_last().expect("rows");
    assert!(envoys[0].contains("stream timeout"), "{envoys:?}");
    let of_the_filter: Vec<_> =
        what_happened().into_iter().filter(|row| row[1] == "504").map(|row| row[2].clone()).collect();
    assert_eq!(ours.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), of_the_filter);
}
