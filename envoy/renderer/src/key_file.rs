//! Keys in files: which cluster injects which of them.

use std::fmt;
use std::str::FromStr;

use crate::cluster::Cluster;
use crate::configuration::{Configuration, Site};

/// A file with a key, and the cluster that injects it: `[CLUSTER=]FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    cluster: Option<String>,
    path: String,
}

/// A text is not `[CLUSTER=]FILE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKeyFile;

/// The keys do not fit the configuration: a mistake or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKeys(Vec<Mistake>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mistake {
    /// A file is for a cluster that is not there.
    NoSuchCluster { given: KeyFile, cluster: String, all: Vec<String> },
    /// A file is for any cluster, and no cluster needs a key.
    NotNeeded { given: KeyFile },
    /// A file is for any cluster, and several need a key.
    Ambiguous { given: KeyFile, lacking: Vec<String> },
    /// A cluster has a file already.
    Second { given: KeyFile, cluster: String },
    /// A route has a key, and its cluster would put another one in its place.
    Replaced { route: Option<String>, attribute: &'static str, cluster: String },
    /// A route has no key from anywhere.
    Missing { route: Option<String>, cluster: String },
}

impl KeyFile {
    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for KeyFile {
    type Err = InvalidKeyFile;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (cluster, path) = match text.split_once('=') {
            Some((cluster, path)) => (Some(cluster), path),
            None => (None, text),
        };
        if path.is_empty() || cluster == Some("") {
            return Err(InvalidKeyFile);
        }
        Ok(Self { cluster: cluster.map(str::to_owned), path: path.to_owned() })
    }
}

/// Gives each cluster its key, and checks that every route has one and none has two.
pub fn assign(
    key_files: &[KeyFile],
    clusters: &mut [Cluster],
    configuration: &Configuration,
) -> Result<(), InvalidKeys> {
    let sites = configuration.sites();
    let is_of = |site: &Site<'_>, cluster: &Cluster| **site.settings.upstream() == *cluster.name;
    let all: Vec<_> = clusters.iter().map(|cluster| cluster.name.clone()).collect();
    let lacks =
        |cluster: &&Cluster| sites.iter().any(|site| is_of(site, cluster) && site.settings.authorization().is_none());
    let lacking: Vec<_> = clusters.iter().filter(lacks).map(|cluster| cluster.name.clone()).collect();
    let mut mistakes = Vec::new();
    for key_file in key_files {
        let given = || key_file.clone();
        let cluster = match (&key_file.cluster, lacking.as_slice()) {
            (Some(cluster), _) | (None, [cluster]) => cluster,
            (None, []) => {
                mistakes.push(Mistake::NotNeeded { given: given() });
                continue;
            }
            (None, _) => {
                mistakes.push(Mistake::Ambiguous { given: given(), lacking: lacking.clone() });
                continue;
            }
        };
        match clusters.iter_mut().find(|one| one.name == *cluster) {
            None => {
                mistakes.push(Mistake::NoSuchCluster { given: given(), cluster: cluster.clone(), all: all.clone() });
            }
            Some(Cluster { key_file: Some(_), .. }) => {
                mistakes.push(Mistake::Second { given: given(), cluster: cluster.clone() });
            }
            Some(one) => one.key_file = Some(key_file.path.clone()),
        }
    }
    for site in &sites {
        let Some(cluster) = clusters.iter().find(|cluster| is_of(site, cluster)) else { continue };
        let route = site.route.map(str::to_owned);
        let name = cluster.name.clone();
        match (&cluster.key_file, configuration.key(*site)) {
            (Some(_), Some(secret)) => {
                mistakes.push(Mistake::Replaced { route, attribute: secret.attribute, cluster: name });
            }
            (None, None) if site.settings.call_headers().is_empty() => {
                mistakes.push(Mistake::Missing { route, cluster: name });
            }
            _ => {}
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(InvalidKeys(mistakes)) }
}

impl fmt::Display for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cluster {
            Some(cluster) => write!(f, "{cluster}={}", self.path),
            None => f.write_str(&self.path),
        }
    }
}

impl fmt::Display for InvalidKeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected `FILE` or `CLUSTER=FILE`")
    }
}

impl std::error::Error for InvalidKeyFile {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |route: &Option<String>, before: &str| {
            route.as_ref().map(|route| format!(" {before} the route {route:?}")).unwrap_or_default()
        };
        match self {
            Self::NoSuchCluster { given, cluster, all } => {
                write!(f, "`--key-file {given}` is for the cluster {cluster:?}, expected one of {all:?}")
            }
            Self::NotNeeded { given } => {
                write!(f, "`--key-file {given}` is for no cluster: every route has a key of its own")
            }
            Self::Ambiguous { given, lacking } => {
                write!(f, "`--key-file {given}` is for one of the clusters {lacking:?}, expected `CLUSTER={given}`")
            }
            Self::Second { given, cluster } => {
                write!(f, "`--key-file {given}` is another key for the cluster {cluster:?}, expected one")
            }
            Self::Replaced { route, attribute, cluster } => write!(
                f,
                "`{attribute}`{} would be replaced by the key that the cluster {cluster:?} injects (`--key-file`), expected \
                 none, or an `upstream` of its own",
                of(route, "of")
            ),
            Self::Missing { route, cluster } => write!(
                f,
                "no key is configured{}, expected `service_token`, `authorization`, or `--key-file {cluster}=FILE`",
                of(route, "for")
            ),
        }
    }
}

impl fmt::Display for InvalidKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for InvalidKeys {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::clusters;
    use crate::configuration::tests::read;

    #[test]
    fn a_text_is_a_file_and_perhaps_a_cluster() {
        for (text, expected) in [
            ("/k", Some((None, "/k"))),
            ("ow:80=/k", Some((Some("ow:80"), "/k"))),
            ("a=b=c", Some((Some("a"), "b=c"))),
            ("", None),
            ("a=", None),
            ("=/k", None),
        ] {
            let read = text.parse::<KeyFile>();
            let parts = read.as_ref().ok().map(|file| (file.cluster.as_deref(), file.path()));
            assert_eq!(parts, expected, "{text:?}");
            assert!(read.is_err() || read.is_ok_and(|file| file.to_string() == text), "{text:?}");
        }
    }

    /// The clusters with their keys, or the lines of the error.
    fn assigned(attributes: &str, key_files: &[&str]) -> Result<String, String> {
        let configuration = read(attributes);
        let mut clusters = clusters(&configuration.sites()).expect("clusters");
        let key_files: Vec<_> = key_files.iter().map(|text| text.parse().expect("a key file")).collect();
        assign(&key_files, &mut clusters, &configuration).map_err(|error| error.to_string())?;
        let shown = |cluster: &Cluster| format!("{} {}", cluster.name, cluster.key_file.as_deref().unwrap_or("-"));
        Ok(clusters.iter().map(shown).collect::<Vec<_>>().join(", "))
    }

    /// Three routes: one at the address of the top level, one with an `upstream` of its own, one far away.
    const THREE: &str =
        r#""timeout": 1, "routes": {"a": {}, "b": {"upstream": "other"}, "c": {"api_host": "https://far"}}"#;

    #[test]
    fn a_cluster_injects_its_key() {
        let cases: &[(&str, &[&str], &str)] = &[
            (r#""service_token": "a:b""#, &[], "ow:80 -"),
            (r#""authorization": "Bearer x""#, &[], "ow:80 -"),
            (r#""call_headers": {"x-api-key": "x"}"#, &[], "ow:80 -"),
            (r#""call_headers": {"x-api-key": "x"}"#, &["/k"], "ow:80 /k"),
            (r#""timeout": 1"#, &["/k"], "ow:80 /k"),
            (r#""timeout": 1"#, &["ow:80=/k"], "ow:80 /k"),
            (r#""upstream": "a/b=c""#, &["/k"], "a/b=c /k"),
            (r#""routes": {}, "service_token": "a:b""#, &[], ""),
            (THREE, &["other=/o", "ow:80=/k", "far:443=/f"], "far:443 /f, other /o, ow:80 /k"),
            (THREE, &["other=/k", "ow:80=/k", "far:443=/k"], "far:443 /k, other /k, ow:80 /k"),
            // A route with an `upstream` of its own may have a key of its own.
            (
                r#""routes": {"a": {}, "b": {"upstream": "other", "service_token": "a:b"}}"#,
                &["/k"],
                "other -, ow:80 /k",
            ),
            // And takes over none.
            (
                r#""service_token": "a:b", "routes": {"a": {}, "b": {"upstream": "other"}}"#,
                &["/k"],
                "other /k, ow:80 -",
            ),
            (
                r#""service_token": "a:b", "routes": {"a": {"service_token": null}, "b": {"service_token": null}}"#,
                &["/k"],
                "ow:80 /k",
            ),
        ];
        for (attributes, key_files, expected) in cases {
            assert_eq!(assigned(attributes, key_files).as_deref(), Ok(*expected), "{attributes} {key_files:?}");
        }
    }

    #[test]
    fn a_key_too_few_or_too_many_is_told_with_its_route() {
        let missing = |of: &str, cluster: &str| {
            format!(
                "no key is configured{of}, expected `service_token`, `authorization`, or `--key-file {cluster}=FILE`"
            )
        };
        let replaced = |what: &str| {
            format!(
                "{what} would be replaced by the key that the cluster \"ow:80\" injects (`--key-file`), expected none, or \
                 an `upstream` of its own"
            )
        };
        let line = str::to_owned;
        let own = r#""service_token": "a:b""#;
        let mixed = r#""routes": {"a": {}, "b": {"service_token": "a:b"}, "c": {"authorization": "Bearer x"}}"#;
        let cases: &[(&str, &[&str], Vec<String>)] = &[
            (r#""timeout": 1"#, &[], vec![missing("", "ow:80")]),
            (r#""call_headers": {}"#, &[], vec![missing("", "ow:80")]),
            (mixed, &[], vec![missing(" for the route \"a\"", "ow:80")]),
            (
                mixed,
                &["/k"],
                vec![replaced("`service_token` of the route \"b\""), replaced("`authorization` of the route \"c\"")],
            ),
            (own, &["ow:80=/k"], vec![replaced("`service_token`")]),
            (own, &["/k"], vec![line("`--key-file /k` is for no cluster: every route has a key of its own")]),
            (
                own,
                &["other=/k"],
                vec![line("`--key-file other=/k` is for the cluster \"other\", expected one of [\"ow:80\"]")],
            ),
            (
                r#""timeout": 1"#,
                &["/k", "/l"],
                vec![line("`--key-file /l` is another key for the cluster \"ow:80\", expected one")],
            ),
            (
                r#""routes": {"a": {}, "b": {"upstream": "other"}}"#,
                &["/k"],
                vec![
                    line("`--key-file /k` is for one of the clusters [\"other\", \"ow:80\"], expected `CLUSTER=/k`"),
                    missing(" for the route \"a\"", "ow:80"),
                    missing(" for the route \"b\"", "other"),
                ],
            ),
            (
                r#""service_token": "a:b", "routes": {"a\"": {"upstream": "other"}}"#,
                &[],
                vec![missing(" for the route \"a\\\"\"", "other")],
            ),
        ];
        for (attributes, key_files, expected) in cases {
            let said = assigned(attributes, key_files).expect_err(attributes);
            assert_eq!(&said.lines().collect::<Vec<_>>(), expected, "{attributes} {key_files:?}");
        }
    }
}
