//! The clusters: one for each name that the filter has for an `OpenWhisk`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use openwhisk_filter::config::api_host::{ApiHost, Scheme};
use openwhisk_filter::config::settings::Settings;

use crate::configuration::Site;

/// How many calls a cluster may have open at a time.
pub const CALLS: u64 = 4096;

/// The longest a connection may take, unless the call has less time.
const LONGEST_CONNECT: Duration = Duration::from_secs(5);

/// The longest an idle connection is kept: a year. Much longer ones are out of the range that Envoy takes.
const LONGEST_IDLE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// An `OpenWhisk`, as Envoy reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its name, which the filter calls `upstream`.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// How it is spoken to.
    pub security: Security,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long an idle connection is kept, if any is kept for later calls.
    pub idle_timeout: Option<Duration>,
    /// The file with the key that it adds to its calls, if it adds one.
    pub key_file: Option<String>,
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name to be resolved.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

/// How an `OpenWhisk` is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// In plain text.
    Plain,
    /// With TLS, whoever answers.
    Encrypted,
    /// With TLS, and only if the certificate is that of the host.
    Verified,
}

/// Two addresses have the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedName {
    name: String,
    addresses: [String; 2],
}

/// The clusters for all that is served, in the order of their names.
pub fn clusters(sites: &[Site<'_>]) -> Result<Vec<Cluster>, SharedName> {
    let mut clusters: BTreeMap<String, Cluster> = BTreeMap::new();
    for Site { settings, .. } in sites {
        let new = Cluster::of(settings);
        match clusters.get_mut(&new.name) {
            None => _ = clusters.insert(new.name.clone(), new),
            Some(old) if (&old.address, old.security) == (&new.address, new.security) => {
                old.connect_timeout = old.connect_timeout.max(new.connect_timeout);
            }
            Some(old) => {
                return Err(SharedName { addresses: [old.to_string(), new.to_string()], name: new.name });
            }
        }
    }
    Ok(clusters.into_values().collect())
}

/// The clusters for settings that were not made for one Envoy, and for each of them the name of its cluster, if that is
/// another one than it has: connections are kept or verified in another way for the same address.
pub fn apart<'a>(all: impl Iterator<Item = &'a Settings>) -> (Vec<Cluster>, Vec<Option<String>>) {
    let mut clusters: Vec<Cluster> = Vec::new();
    let name = |settings: &Settings| {
        let new = Cluster::of(settings);
        let more = (2_u32..).map(|number| format!("{}/{number}", new.name));
        for name in [new.name.clone()].into_iter().chain(more) {
            let Some(old) = clusters.iter_mut().find(|old| old.name == name) else {
                let other = (name != new.name).then(|| name.clone());
                clusters.push(Cluster { name, ..new });
                return other;
            };
            if (&old.address, old.security, old.idle_timeout) == (&new.address, new.security, new.idle_timeout) {
                old.connect_timeout = old.connect_timeout.max(new.connect_timeout);
                return (name != new.name).then_some(name);
            }
        }
        None
    };
    let names = all.map(name).collect();
    clusters.sort_by(|one, other| one.name.cmp(&other.name));
    (clusters, names)
}

impl Cluster {
    fn of(settings: &Settings) -> Self {
        let security = match (settings.api_host().scheme(), settings.ssl_verify()) {
            (Scheme::Http, _) => Security::Plain,
            (Scheme::Https, false) => Security::Encrypted,
            (Scheme::Https, true) => Security::Verified,
        };
        Self {
            name: settings.upstream().to_string(),
            address: Address::of(settings.api_host()),
            security,
            connect_timeout: settings.timeout().min(LONGEST_CONNECT),
            idle_timeout: settings.keepalive().then(|| settings.keepalive_timeout().min(LONGEST_IDLE)),
            key_file: None,
        }
    }
}

impl Address {
    fn of(api_host: &ApiHost) -> Self {
        let text = api_host.host_and_port();
        let (host, port) = text.rsplit_once(':').unwrap_or((&text, ""));
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let ip = match bracketed {
            Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => host.parse().ok(),
        };
        // Names are compared in lower case where certificates are.
        let host = ip.map_or_else(|| Host::Name(host.to_ascii_lowercase()), Host::Ip);
        Self { host, port: port.parse().unwrap_or_default() }
    }
}

impl Host {
    /// As a certificate says it: the dot at the end of a name belongs to DNS.
    pub fn in_certificate(&self) -> String {
        match self {
            Self::Name(name) => name.trim_end_matches('.').to_owned(),
            Self::Ip(address) => address.to_string(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.security == Security::Plain { Scheme::Http } else { Scheme::Https };
        match &self.address {
            Address { host: Host::Ip(IpAddr::V6(address)), port } => {
                write!(f, "{}://[{address}]:{port}", scheme.as_str())
            }
            Address { host, port } => write!(f, "{}://{host}:{port}", scheme.as_str()),
        }
    }
}

impl fmt::Display for SharedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &self.addresses;
        write!(f, "`upstream` is {:?} for {first} and for {second}, expected a name for each of them", self.name)
    }
}

impl std::error::Error for SharedName {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;

    fn read(attributes: &str) -> Result<Vec<Cluster>, SharedName> {
        let json = format!(r#"{{"service_token": "a:b", "namespace": "n", "action": "a", {attributes}}}"#);
        let configuration = Configuration::read(json.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        clusters(&configuration.sites())
    }

    #[test]
    fn a_cluster_is_where_api_host_is() {
        let cases = [
            ("http://127.0.0.1:3233", "http://127.0.0.1:3233", true, "127.0.0.1"),
            ("http://openwhisk", "http://openwhisk:80", false, "openwhisk"),
            ("https://OW.example./x", "https://ow.example.:443", false, "ow.example"),
            ("https://[0:0::1]:8443", "https://[::1]:8443", true, "::1"),
        ];
        for (api_host, shown, is_ip, in_certificate) in cases {
            let clusters = read(&format!(r#""api_host": "{api_host}""#)).expect(api_host);
            let [cluster] = clusters.as_slice() else { panic!("{clusters:?}") };
            assert_eq!(cluster.to_string(), shown);
            assert_eq!(matches!(cluster.address.host, Host::Ip(_)), is_ip, "{api_host}");
            assert_eq!(cluster.address.host.in_certificate(), in_certificate);
        }
    }

    #[test]
    fn routes_share_a_cluster_by_its_name() {
        let clusters = read(
            r#""api_host": "http://ow/x", "upstream": "near", "timeout": 1000, "routes": {
               "a": {}, "b": {"timeout": 2500}, "c": {"api_host": "http://ow/y", "upstream": "near", "service_token": "c:d"},
               "d": {"api_host": "https://far", "service_token": "c:d", "timeout": 60000}}"#,
        );
        let shown: Vec<_> =
            clusters.expect("two").iter().map(|c| format!("{} {c} {:?}", c.name, c.connect_timeout)).collect();
        assert_eq!(shown, ["far:443 https://far:443 5s", "near http://ow:80 2.5s"]);
    }

    #[test]
    fn a_name_has_one_address() {
        let cases =
            [("https://far", "https://far:443"), ("http://ow:81", "http://ow:81"), ("https://ow:80", "https://ow:80")];
        for (api_host, shown) in cases {
            let route = format!(r#"{{"api_host": "{api_host}", "upstream": "x", "service_token": "c:d"}}"#);
            let error =
                read(&format!(r#""api_host": "http://ow", "upstream": "x", "routes": {{"a": {{}}, "b": {route}}}"#));
            let error = error.expect_err(api_host).to_string();
            let expected =
                format!("`upstream` is \"x\" for http://ow:80 and for {shown}, expected a name for each of them");
            assert_eq!(error, expected);
        }
    }
}
