//! The manifests for Istio.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cluster::{Address, Cluster, Host, Security};
use crate::kubernetes::Parts;
use crate::kubernetes::filter::{self, Language, Named};
use crate::kubernetes::mistake::{Kind, Mistake, NotWritten, none_of};
use crate::kubernetes::name::{HostName, PodLabel};
use crate::kubernetes::template::{fill, quoted, scalar, scalars};
use crate::kubernetes::upstream::Upstream;
use crate::limit;
use crate::yaml::seconds;

/// The namespace if none is said.
pub const NAMESPACE: &str = "istio-system";

/// The name of routes that Istio makes itself.
///
/// Source: istio/api `networking/v1alpha3/envoy_filter.proto`, `RouteMatch.name`
const OF_ISTIO: &str = "default";

const HEADER: &str = include_str!("templates/istio-header.yaml");
const COMMAND: &str = include_str!("templates/istio-command.yaml");
const SECRET: &str = include_str!("templates/istio-secret.yaml");
const ENTRY: &str = include_str!("templates/istio-entry.yaml");
const DESTINATION: &str = include_str!("templates/istio-destination.yaml");
const PORT: &str = include_str!("templates/istio-port.yaml");
const GATEWAY: &str = include_str!("templates/istio-gateway.yaml");
const SERVICE: &str = include_str!("templates/istio-service.yaml");
const ROUTE: &str = include_str!("templates/istio-route.yaml");
const KEY: &str = include_str!("templates/istio-key.yaml");
const FILTER: &str = include_str!("templates/istio-filter.yaml");
const SWITCH: &str = include_str!("templates/istio-switch.yaml");
const BUFFER: &str = include_str!("templates/istio-buffer.yaml");
const PATCH: &str = include_str!("templates/istio-patch.yaml");

/// Writes them.
pub fn manifests(parts: &Parts<'_>) -> Result<String, NotWritten> {
    if parts.routes.iter().any(|served| served.route.name == OF_ISTIO) {
        return Err(Mistake::Reserved { kind: Kind::Route, name: OF_ISTIO.to_owned() }.into());
    }
    let options = parts.options;
    none_of(same_hosts(&options.hosts))?;
    let namespace = &*scalar(parts.namespace());
    let label = |PodLabel { key, value }: &PodLabel| format!("{}: {}", scalar(key), scalar(value));
    let labels = match &*options.labels {
        [] => "istio: ingressgateway".to_owned(),
        labels => labels.iter().map(label).collect::<Vec<_>>().join(", "),
    };
    let hosts = match &*options.hosts {
        [] => scalar("*"),
        hosts => scalars(hosts.iter().map(HostName::as_str)),
    };
    let own_hosts = match &*options.hosts {
        [] => scalar("./*"),
        hosts => scalars(hosts.iter().map(|host| format!("./{}", host.as_str()))),
    };
    let gateway = match options.gateway.as_ref().and_then(|gateway| gateway.namespace.as_ref()) {
        Some(other) => format!("{}/{}", other.as_str(), options.gateway_name()),
        None => options.gateway_name().to_owned(),
    };
    let labels = format!("{{ {labels} }}");
    let common = [("namespace", namespace), ("labels", &*labels), ("hosts", &*hosts), ("gateway", &*scalar(&gateway))];
    let filled = |template: &str, values: &[(&str, &str)]| fill(template, &[values, &common].concat());
    let each = |template: &str| -> Vec<String> {
        let of_upstream = |upstream: &Upstream| {
            let keepalive = match upstream.cluster.idle_timeout {
                Some(idle) => format!("idle_timeout: {}", seconds(idle)),
                None => "max_requests_per_connection: 1".to_owned(),
            };
            let values = [
                ("secret", &*scalar(&upstream.secret)),
                ("key", &*upstream.key),
                ("folder", &*folder(upstream)),
                ("upstream", &*scalar(&cluster(upstream))),
                ("keepalive", &*keepalive),
            ];
            filled(template, &values)
        };
        parts.upstreams.iter().map(of_upstream).collect()
    };

    let mut resources = each(SECRET);
    for upstreams in by_host(parts.upstreams)?.values() {
        resources.extend(host(upstreams, filled));
    }
    resources.extend(options.gateway.is_none().then(|| filled(GATEWAY, &[("own-hosts", &own_hosts)])));
    let routes: String = parts
        .routes
        .iter()
        .map(|served| {
            let port = served.upstream.cluster.address.port.to_string();
            let path = served.route.paths.as_str();
            let matches = match path {
                "" => "- uri: { prefix: / }".to_owned(),
                _ => format!(
                    "- uri: {{ exact: {} }}\n- uri: {{ prefix: {} }}",
                    scalar(path),
                    scalar(&format!("{path}/"))
                ),
            };
            let host = scalar(&host_name(&served.upstream.cluster.address));
            fill(
                ROUTE,
                &[("route", &scalar(&served.route.name)), ("matches", &matches), ("host", &host), ("port", &port)],
            )
        })
        .collect();
    resources.push(filled(SERVICE, &[("routes", &routes)]));
    resources.extend(each(KEY));
    let listed = parts.routes.iter().map(|served| Named {
        site: served.site,
        names: vec![served.route.name.clone()],
        upstream: cluster(served.upstream),
    });
    let configuration = filter::configuration(parts.configuration, &listed.collect::<Vec<_>>(), None);
    let switches = parts.routes.iter().map(|served| fill(SWITCH, &[("route", &scalar(&served.route.name))]));
    let buffer = fill(BUFFER, &[("limit", &parts.limit().to_string())]);
    resources.push(filled(
        FILTER,
        &[
            ("image", &*quoted(&format!("oci://{}", options.image.as_str()))),
            ("configuration", &Language::Json.lines(&configuration)),
            ("switches", &switches.collect::<Vec<_>>().concat()),
            ("buffer", if parts.limit() > limit::SMALLEST { &buffer } else { "" }),
        ],
    ));
    Ok(filled(HEADER, &[("secrets", &each(COMMAND).concat())]) + &resources.join("---\n"))
}

/// Writes what has to be changed in the Deployment of the gateway.
pub fn patch(parts: &Parts<'_>) -> String {
    let volume = |upstream: &Upstream| {
        format!(
            "- name: {key}\n  projected:\n    sources:\n      - secret: {{ name: {} }}\n      - configMap: {{ name: {key} }}\n",
            scalar(&upstream.secret),
            key = upstream.key
        )
    };
    let mount = |upstream: &Upstream| {
        format!("- {{ name: {}, mountPath: {}, readOnly: true }}\n", upstream.key, folder(upstream))
    };
    let volumes: String = parts.upstreams.iter().map(volume).collect();
    let mounts: String = parts.upstreams.iter().map(mount).collect();
    fill(PATCH, &[("volumes", &volumes), ("mounts", &mounts)])
}

/// The hosts that Istio would refuse beside each other.
///
/// Source: istio/istio `pkg/config/validation/validation.go`, `ValidateVirtualService`
fn same_hosts(hosts: &[HostName]) -> Vec<Mistake> {
    let pairs =
        hosts.iter().enumerate().flat_map(|(index, one)| hosts.iter().take(index).map(move |other| (other, one)));
    let same = pairs.filter(|(first, second)| first.overlaps(second));
    same.map(|(first, second)| Mistake::SameHost { hosts: [first, second].map(|host| host.as_str().to_owned()) })
        .collect()
}

/// The upstreams by their hosts: what Istio has of a host is for all of them.
fn by_host(upstreams: &[Upstream]) -> Result<BTreeMap<String, Vec<&Upstream>>, NotWritten> {
    let mut hosts: BTreeMap<String, Vec<&Upstream>> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for upstream in upstreams {
        let cluster = &upstream.cluster;
        let others = hosts.entry(host_name(&cluster.address)).or_default();
        let other = others.iter().map(|other| &other.cluster);
        let mut other =
            other.filter(|other| other.address.port == cluster.address.port && other.security != cluster.security);
        mistakes.extend(other.next().map(|other| {
            let addresses = [other.to_string(), cluster.to_string()];
            Mistake::TwoSchemes { addresses }
        }));
        others.push(upstream);
    }
    none_of(mistakes)?;
    Ok(hosts)
}

/// What is there for a host: who it is, unless Kubernetes knows it already, and how it is spoken to.
fn host(upstreams: &[&Upstream], filled: impl Fn(&str, &[(&str, &str)]) -> String) -> Vec<String> {
    let Some(first) = upstreams.first() else { return Vec::new() };
    let name = host_name(&first.cluster.address);
    let host = scalar(&name);
    let mut ports: BTreeMap<u16, &Cluster> = BTreeMap::new();
    for upstream in upstreams {
        ports.entry(upstream.cluster.address.port).or_insert(&upstream.cluster);
    }
    let port = |(number, cluster): (&u16, &&Cluster)| {
        let protocol = if cluster.security == Security::Plain { "HTTP" } else { "HTTPS" };
        let name = protocol.to_ascii_lowercase();
        let name = if ports.len() == 1 { name } else { format!("{name}-{number}") };
        format!("- {{ number: {number}, name: {name}, protocol: {protocol} }}\n")
    };
    let (resolution, endpoints) = match &first.cluster.address.host {
        Host::Name(_) => ("DNS", String::new()),
        Host::Ip(ip) => ("STATIC", format!("endpoints: [{{ address: {} }}]", scalar(&ip.to_string()))),
    };
    let without_key = ports.keys().map(|port| format!("#   outbound|{port}||{name}\n"));
    let with_key = upstreams.iter().map(|upstream| format!("#   {}\n", cluster(upstream)));
    let values = [
        ("name", &*first.name),
        ("host", &*host),
        ("resolution", resolution),
        ("endpoints", &*endpoints),
        ("ports", &*ports.iter().map(port).collect::<Vec<_>>().concat()),
        ("clusters", &*without_key.chain(with_key).collect::<Vec<_>>().concat()),
        (
            "subsets",
            &*upstreams.iter().map(|upstream| format!("- name: {}\n", subset(upstream))).collect::<Vec<_>>().concat(),
        ),
        ("settings", &*ports.values().map(|cluster| settings(cluster)).collect::<Vec<_>>().concat()),
    ];
    let is_service = name.ends_with(".svc.cluster.local");
    let entry = (!is_service).then(|| filled(ENTRY, &values));
    entry.into_iter().chain([filled(DESTINATION, &values)]).collect()
}

/// How a port is spoken to.
fn settings(cluster: &Cluster) -> String {
    let host = scalar(&cluster.address.host.in_certificate());
    let sni = match cluster.address.host {
        Host::Name(_) => format!("  sni: {host}\n"),
        Host::Ip(_) => String::new(),
    };
    let tls = match cluster.security {
        Security::Plain => String::new(),
        Security::Encrypted => format!("tls:\n  mode: SIMPLE\n{sni}  insecureSkipVerify: true"),
        Security::Verified => format!("tls:\n  mode: SIMPLE\n{sni}  subjectAltNames: [{host}]"),
    };
    let keepalive = match cluster.idle_timeout {
        Some(idle) => format!("idleTimeout: {}", seconds(idle)),
        None => "maxRequestsPerConnection: 1".to_owned(),
    };
    let values = [
        ("port", &*cluster.address.port.to_string()),
        ("tls", &*tls),
        ("connect-timeout", &*seconds(cluster.connect_timeout)),
        ("keepalive", &*keepalive),
    ];
    fill(PORT, &values)
}

/// The name that Istio has for a host. An address has none, so one is made for it.
fn host_name(address: &Address) -> String {
    let of_parts = |parts: Vec<String>| format!("{}.openwhisk.internal", parts.join("-"));
    match address.host {
        Host::Name(_) => address.host.in_certificate(),
        Host::Ip(IpAddr::V4(ip)) => of_parts(ip.octets().iter().map(u8::to_string).collect()),
        Host::Ip(IpAddr::V6(ip)) => of_parts(ip.segments().iter().map(|segment| format!("{segment:x}")).collect()),
    }
}

/// The cluster with the key.
fn cluster(upstream: &Upstream) -> String {
    let address = &upstream.cluster.address;
    format!("outbound|{}|{}|{}", address.port, subset(upstream), host_name(address))
}

fn subset(upstream: &Upstream) -> String {
    upstream.label.as_ref().map_or("with-key".to_owned(), |label| format!("with-key-{label}"))
}

/// Where the key is mounted.
fn folder(upstream: &Upstream) -> String {
    upstream.label.as_ref().map_or("/etc/openwhisk".to_owned(), |label| format!("/etc/openwhisk/{label}"))
}
