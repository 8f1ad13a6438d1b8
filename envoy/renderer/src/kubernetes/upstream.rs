//! The clusters with keys, and the names of all that belongs to them.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::cluster::{Cluster, Host};
use crate::configuration::Configuration;
use crate::kubernetes::label::Labels;
use crate::kubernetes::mistake::{Kind, Mistake, NotWritten, none_of};
use crate::kubernetes::name::{Label, Name};
use crate::kubernetes::variable_of;

/// What a name in the manifests begins with.
const OURS: &str = "openwhisk";

/// The longest part of a name that tells upstreams apart: with `openwhisk-` and `-key` it is a label of DNS.
const LONGEST: usize = 48;

/// A cluster with a key.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The cluster, as the configuration has it.
    pub cluster: Cluster,
    /// What tells it apart from the others, if there are some.
    pub label: Option<String>,
    /// The name of its resources.
    pub name: String,
    /// The name of what adds its key.
    pub key: String,
    /// The name of its Secret.
    pub secret: String,
}

impl Upstream {
    fn new(cluster: Cluster, label: Option<String>, secret: Option<&Label>) -> Self {
        let behind = label.as_ref().map(|label| format!("-{label}")).unwrap_or_default();
        let name = format!("{OURS}{behind}");
        let key = format!("{name}-key");
        let secret = secret.map_or_else(|| key.clone(), |secret| format!("{}{behind}", secret.as_str()));
        Self { cluster, label, name, key, secret }
    }

    /// The host, as a certificate says it.
    pub fn host(&self) -> String {
        self.cluster.address.host.in_certificate()
    }
}

/// The upstreams of a configuration: one, or several with names of their own.
pub fn upstreams(
    configuration: &Configuration,
    clusters: Vec<Cluster>,
    secret: Option<&Label>,
) -> Result<Vec<Upstream>, NotWritten> {
    let mut mistakes = two_keys(configuration);
    mistakes.extend(clusters.iter().filter_map(unreachable));
    let mut labels = Labels::new(Kind::Upstream, LONGEST);
    let is_one = clusters.len() == 1;
    let mut upstreams = Vec::new();
    for cluster in clusters {
        // The policy of the routes is called so.
        match labels.of(&cluster.name, |label| label == "routes") {
            _ if is_one => upstreams.push(Upstream::new(cluster, None, secret)),
            Ok(label) => upstreams.push(Upstream::new(cluster, Some(label), secret)),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    none_of(mistakes)?;
    Ok(upstreams)
}

/// The clusters for which the configuration names two keys.
fn two_keys(configuration: &Configuration) -> Vec<Mistake> {
    let mut keys: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for site in configuration.sites() {
        let upstream = site.settings.upstream().to_string();
        let key = variable_of(configuration, site).map(str::to_owned);
        let first = keys.entry(upstream.clone()).or_insert_with(|| key.clone());
        let mistake = Mistake::TwoKeys { upstream, keys: [first.clone(), key.clone()] };
        if *first != key && !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }
    mistakes
}

/// Why the pod of a gateway does not reach an address.
fn unreachable(cluster: &Cluster) -> Option<Mistake> {
    let expected = match &cluster.address.host {
        Host::Name(name) => {
            let name = name.trim_end_matches('.');
            if Name::from_str(name).is_ok() && name.contains('.') {
                return None;
            }
            "a name of a host with small letters, digits, hyphens and a dot: the gateway is in a namespace of its own"
        }
        Host::Ip(ip) if ip.to_canonical().is_loopback() || ip.is_unspecified() => {
            "another address: this one is the pod of the gateway"
        }
        Host::Ip(_) => return None,
    };
    Some(Mistake::Unreachable { address: cluster.to_string(), expected })
}
