//! Whether one action can take the calls of all others.

use crate::cluster::CALLS;
use crate::configuration::Configuration;

/// What should be said if an action may have as many calls open as its cluster allows in all.
///
/// A call of the filter goes on when its client has gone: Envoy does not cancel it. So a client that asks and leaves takes
/// every call of the cluster, until their deadlines, unless `max_concurrency` of its action keeps some for others.
pub fn unlimited(configuration: &Configuration) -> Option<String> {
    let sites = configuration.sites();
    let unlimited = sites.iter().filter(|site| site.settings.max_concurrency().is_none()).count();
    let which = match unlimited {
        0 => return None,
        some if some < sites.len() => format!(" for {some} of {} routes", sites.len()),
        _ => String::new(),
    };
    let share = u64::try_from(sites.len()).ok().and_then(|sites| CALLS.checked_div(sites)).unwrap_or(CALLS).max(1);
    Some(format!(
        "`max_concurrency` is not set{which}: clients that ask and leave can take all {CALLS} calls of a cluster, set it to less \
         than {share} divided by the workers of envoy"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_without_a_limit_is_told_once() {
        let cases = [
            (r#""max_concurrency": 1"#, None),
            (r#""mode": "result""#, Some(("is not set: ", "less than 4096 divided by the workers of envoy"))),
            (
                r#""routes": {"a": {}, "b": {}}"#,
                Some(("is not set: ", "less than 2048 divided by the workers of envoy")),
            ),
            (r#""max_concurrency": 5, "routes": {"a": {}, "b": {}}"#, None),
            (
                r#""max_concurrency": 5, "routes": {"a": {}, "b": {"max_concurrency": null}, "c": {}}"#,
                Some(("is not set for 1 of 3 routes: ", "less than 1365 divided by the workers of envoy")),
            ),
            (r#""routes": {}"#, None),
        ];
        for (attributes, expected) in cases {
            let json = format!(
                r#"{{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a", {attributes}}}"#
            );
            let configuration = Configuration::read(json.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
            let said = unlimited(&configuration);
            match (&said, expected) {
                (None, None) => {}
                (Some(said), Some((which, share))) => {
                    assert!(said.contains(which) && said.ends_with(share), "{attributes}: {said}");
                }
                _ => panic!("{attributes}: {said:?}"),
            }
        }
    }
}
