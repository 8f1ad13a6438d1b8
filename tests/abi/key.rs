//! A configuration without a key: what is said about it once, and what of a call that fails for it.

use crate::{Answer, Filter, Level, Personality, Request, Setup, Upstreams};

pub fn all() -> impl Iterator<Item = (&'static str, fn())> {
    [("a_configuration_without_one_is_told_once", told as fn()), ("a_call_that_fails_for_it_names_it", named)]
        .into_iter()
}

const KEYLESS: &str = r#""api_host": "http://127.0.0.1:3233", "namespace": "guest", "action": "hello""#;

fn told() {
    let without = "0 routes, 1 actions, 1 without a key, which the proxy has to add";
    let warning = "no key is configured, expected `service_token` or `authorization`: openwhisk will refuse every call";
    let cases = [
        (Personality::Envoy, "", true, 0),
        (Personality::Apisix, "", true, 1),
        (Personality::Apisix, r#", "authorization": "Bearer x""#, false, 0),
        // It could be a key.
        (Personality::Apisix, r#", "call_headers": {"x-api-key": "x"}"#, false, 0),
    ];
    for (personality, attributes, is_without, warnings) in cases {
        let mut host = Setup::new(personality).load(&Filter::built());
        host.configure(format!("{{{KEYLESS}{attributes}}}")).expect("valid");
        for _ in 0..2 {
            let id = host.send(Request::new("GET", "/hello"));
            assert_eq!(host.call(id).header("authorization").is_some(), attributes.contains("authorization"));
            host.answer(id, Answer::new(200).header("content-type", "application/json").body("{}"));
        }
        let count = |text: &str| host.log().iter().filter(|line| line.text.contains(text)).count();
        assert_eq!(count(without), usize::from(is_without), "{personality:?} {attributes}: {:?}", host.log());
        assert_eq!(count(warning), warnings, "{personality:?} {attributes}: {:?}", host.log());
    }
}

fn named() {
    let refusal = |body: &str| Answer::new(401).header("content-type", "application/json").body(body);
    let keyed = r#", "service_token": "alice:wonderland""#;
    // Of an organization, say, with the key from the cluster.
    let further = r#", "call_headers": {"x-org": "x"}"#;
    let asks = "openwhisk asks for a key, with 401: the filter has none (`service_token`, `authorization`)";
    let cases = [
        ("", Ok(refusal(r#"{"error": "no"}"#)), 401, asks),
        ("", Ok(refusal("no")), 401, asks),
        (keyed, Ok(refusal(r#"{"error": "no"}"#)), 401, "openwhisk refused the call with 401"),
        (
            "",
            Err(Upstreams::Unavailable),
            503,
            "or, as the filter sends no `authorization`, one that the proxy should add",
        ),
        (further, Ok(refusal("no")), 401, asks),
        (further, Err(Upstreams::Unavailable), 503, "one that the proxy should add and does not have"),
        (keyed, Err(Upstreams::Unavailable), 503, "or a circuit breaker that is open (request"),
    ];
    for (attributes, outcome, status, expected) in cases {
        let (answer, upstreams) = match outcome {
            Ok(answer) => (Some(answer), Upstreams::Available),
            Err(upstreams) => (None, upstreams),
        };
        let mut host = Setup::new(Personality::Envoy).upstreams(upstreams).load(&Filter::built());
        host.configure(format!("{{{KEYLESS}{attributes}}}")).expect("valid");
        let id = host.send(Request::new("GET", "/hello"));
        if let Some(answer) = answer {
            host.answer(id, answer);
        }
        assert_eq!(host.reply(id).status, status, "{attributes}: {expected}");
        let told = host.log().iter().any(|line| line.level == Level::Warn && line.text.contains(expected));
        assert!(told, "{attributes}: {expected:?} is not in {:?}", host.log());
    }
}
