//! What its operator should know about a configuration that is accepted.

use openwhisk_filter::config::settings::{ActionErrors, Mode, Settings};

use crate::cluster::{Cluster, Security};
use crate::configuration::{Configuration, Site};
use crate::limit::limit;
use crate::neighbours::unlimited;
use crate::route::{Route, hidden};

/// A sentence for each thing that is doubtful, wherever the configuration is used. It may be made of several that somebody wrote.
pub fn warnings(configuration: &Configuration, written: &[Configuration], clusters: &[Cluster]) -> Vec<String> {
    let sites = configuration.sites();
    let any = |is: fn(&Settings) -> bool| sites.iter().any(|site| is(site.settings));
    let encrypted = clusters.iter().any(|cluster| cluster.security == Security::Encrypted);
    let warnings = [
        encrypted.then(|| {
            "`ssl_verify` is false: nobody checks that it is openwhisk that answers, and gets the key".to_owned()
        }),
        any(|settings| settings.mode() == Mode::Metadata).then(|| {
            "`result` is false, or `mode` is \"metadata\": whoever asks gets the code of the action and its bound parameters, \
             and nothing is executed; `mode`: \"activation\" executes it and gives its record"
                .to_owned()
        }),
        any(|settings| settings.action_errors() == ActionErrors::Pass).then(|| {
            "`action_errors` is \"pass\": clients see messages and stacks of failed actions; \"hide\" keeps them in the log"
                .to_owned()
        }),
        limit(configuration).1,
        unlimited(configuration),
        written.iter().any(has_pool).then(|| {
            "`keepalive_pool` has no effect on envoy, which keeps as many idle connections as the load needs until \
             `keepalive_timeout`"
                .to_owned()
        }),
    ];
    warnings.into_iter().flatten().collect()
}

/// Whether `keepalive_pool` is given, and not as it is anyhow.
fn has_pool(configuration: &Configuration) -> bool {
    const DEFAULT: u64 = 5;
    let pool = configuration.sites().first().and_then(|site| configuration.given(*site, "keepalive_pool"));
    pool.is_some_and(|pool| pool.as_u64() != Some(DEFAULT))
}

/// What should be said of routes that have further headers, which could be a key, and no other.
pub fn of_keys(configuration: &Configuration, clusters: &[Cluster]) -> Option<String> {
    let is_keyless = |site: &Site<'_>| {
        let has_file = clusters.iter().any(|one| *one.name == **site.settings.upstream() && one.key_file.is_some());
        site.settings.authorization().is_none() && !has_file
    };
    let sites = configuration.sites();
    sites.iter().any(is_keyless).then(|| {
        "`call_headers` are all that shows who calls, expected `service_token`, `authorization` or `--key-file` where that is not enough"
            .to_owned()
    })
}

/// What should be said if a route gets no request.
pub fn of_hidden<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Option<String> {
    hidden(routes).map(|(first, second)| {
        format!("the routes {first:?} and {second:?} have the same `path_prefix`: change the match of one of them")
    })
}

/// What should be said of a prefix that is not used.
pub fn of_prefix(is_given: bool, configuration: &Configuration) -> Option<String> {
    (is_given && configuration.has_routes())
        .then(|| "`--route-prefix` has no effect: the configuration lists `routes`".to_owned())
}
