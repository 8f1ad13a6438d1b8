//! The manifests for Envoy Gateway.

use std::net::IpAddr;
use std::time::Duration;

use crate::cluster::{Host, Security};
use crate::kubernetes::filter::{self, Language, Named};
use crate::kubernetes::label::Labels;
use crate::kubernetes::mistake::{Kind, Mistake, NotWritten, none_of};
use crate::kubernetes::name::{HostName, LONGEST};
use crate::kubernetes::template::{fill, quoted, scalar, scalars};
use crate::kubernetes::upstream::Upstream;
use crate::kubernetes::{Parts, Served};

/// The namespace if none is said.
pub const NAMESPACE: &str = "default";

const HEADER: &str = include_str!("templates/eg-header.yaml");
const SECRET: &str = include_str!("templates/eg-secret.yaml");
const CLASS: &str = include_str!("templates/eg-class.yaml");
const PROXY: &str = include_str!("templates/eg-proxy.yaml");
const GATEWAY: &str = include_str!("templates/eg-gateway.yaml");
const UPSTREAM: &str = include_str!("templates/eg-upstream.yaml");
const NOTHING: &str = include_str!("templates/eg-nothing.yaml");
const ROUTE: &str = include_str!("templates/eg-route.yaml");
const FILTER: &str = include_str!("templates/eg-filter.yaml");

const ABOUT_THE_ROUTES: &str = "\
    # Change: one HTTPRoute for each action, with one rule and one match. Its name goes into `targetRefs` of the two policies\n\
    # below, and into `routes`.";

const ABOUT_YOUR_GATEWAY: &str = "\
    # Your Gateway has to refer to this one, in `infrastructure.parametersRef`, or its GatewayClass in `parametersRef`.\n#";

/// Writes them.
pub fn manifests(parts: &Parts<'_>) -> Result<String, NotWritten> {
    let names = names(parts)?;
    let options = parts.options;
    let namespace = &*scalar(parts.namespace());
    let gateway = &*scalar(options.gateway_name());
    let other = options.gateway.as_ref().and_then(|gateway| gateway.namespace.as_ref());
    let gateway_namespace = &*other.map_or(namespace.to_owned(), |other| scalar(other.as_str()));
    let parent = match other {
        Some(_) => format!("{{ name: {gateway}, namespace: {gateway_namespace} }}"),
        None => format!("{{ name: {gateway} }}"),
    };
    let whose = if options.gateway.is_some() { ABOUT_YOUR_GATEWAY } else { "" };
    let common = [
        ("namespace", namespace),
        ("gateway", gateway),
        ("gateway-namespace", gateway_namespace),
        ("parent", &*parent),
        ("whose", whose),
    ];
    let filled = |template: &str, values: &[(&str, &str)]| fill(template, &[values, &common].concat());

    let secrets: String = parts.upstreams.iter().map(|one| filled(SECRET, &[("secret", &one.secret)])).collect();
    let mut resources = match &options.gateway {
        None => vec![CLASS.to_owned(), filled(PROXY, &[]), filled(GATEWAY, &[])],
        Some(_) => vec![filled(PROXY, &[])],
    };
    resources.extend(
        parts
            .upstreams
            .iter()
            .map(|one| filled(UPSTREAM, &of_upstream(one, parts).each_ref().map(|(place, value)| (*place, &**value)))),
    );
    resources.push(filled(NOTHING, &[]));
    let hosts = match &*options.hosts {
        [] => String::new(),
        hosts => format!("hostnames: [{}]", scalars(hosts.iter().map(HostName::as_str))),
    };
    for (index, (served, name)) in parts.routes.iter().zip(&names).enumerate() {
        let about = if index == 0 { ABOUT_THE_ROUTES } else { "" };
        let path = served.route.paths.as_str();
        let path = scalar(if path.is_empty() { "/" } else { path });
        resources
            .push(filled(ROUTE, &[("about", about), ("route", &scalar(name)), ("hosts", &hosts), ("path", &path)]));
    }
    let target =
        |name: &String| format!("- {{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: {} }}\n", scalar(name));
    let listed = parts.routes.iter().zip(&names).map(|(served, name)| Named {
        site: served.site,
        names: route_names(parts, name),
        upstream: cluster(parts, served.upstream),
    });
    let configuration = filter::configuration(parts.configuration, &listed.collect::<Vec<_>>(), Some("buffer_filter"));
    resources.push(filled(
        FILTER,
        &[
            ("targets", &*names.iter().map(target).collect::<Vec<_>>().concat()),
            ("image", &quoted(options.image.as_str())),
            ("configuration", &Language::Yaml.lines(&configuration)),
            ("limit", &format!("{}Ki", parts.limit().div_ceil(1024))),
        ],
    ));
    Ok(fill(HEADER, &[("secrets", &secrets)]) + &resources.join("---\n"))
}

/// The values of what belongs to an upstream.
fn of_upstream(upstream: &Upstream, parts: &Parts<'_>) -> [(&'static str, String); 10] {
    let cluster = &upstream.cluster;
    let port = cluster.address.port;
    let host = scalar(&upstream.host());
    // Envoy Gateway does not take every short form of an address.
    let endpoint = match cluster.address.host {
        Host::Name(_) => format!("fqdn: {{ hostname: {host}, port: {port} }}"),
        Host::Ip(IpAddr::V4(_)) => format!("ip: {{ address: {host}, port: {port} }}"),
        Host::Ip(IpAddr::V6(ip)) => {
            let address = ip.segments().map(|segment| format!("{segment:x}")).join(":");
            format!("ip: {{ address: {}, port: {port} }}", scalar(&address))
        }
    };
    let sni = if matches!(cluster.address.host, Host::Name(_)) { format!("  sni: {host}\n") } else { String::new() };
    let tls = match cluster.security {
        Security::Plain => String::new(),
        Security::Encrypted => format!("tls:\n{sni}  insecureSkipVerify: true"),
        Security::Verified => format!("tls:\n{sni}  wellKnownCACertificates: System"),
    };
    let idle = cluster.idle_timeout.map(|idle| format!("http: {{ connectionIdleTimeout: {} }}", duration(idle)));
    let each = if idle.is_none() { ", maxRequestsPerConnection: 1" } else { "" };
    [
        ("address", cluster.to_string()),
        ("name", upstream.name.clone()),
        ("key", upstream.key.clone()),
        ("secret", scalar(&upstream.secret)),
        ("upstream", self::cluster(parts, upstream)),
        ("endpoint", endpoint),
        ("tls", tls),
        ("connect-timeout", duration(cluster.connect_timeout)),
        ("idle", idle.unwrap_or_default()),
        ("each", each.to_owned()),
    ]
}

/// The cluster that Envoy Gateway makes for the route that no client can use.
///
/// Source: envoyproxy/gateway `internal/gatewayapi/route.go`, `irDestinationSettingName`: a filter at the backend gives it a
/// cluster of its own.
fn cluster(parts: &Parts<'_>, upstream: &Upstream) -> String {
    format!("httproute/{}/{}/rule/0/backend/0", parts.namespace(), upstream.name)
}

/// The names that Envoy Gateway gives to the route that an `HTTPRoute` makes: one for each host.
///
/// Source: envoyproxy/gateway `internal/gatewayapi/route.go`, `irRouteName`, `internal/gatewayapi/helpers.go`
fn route_names(parts: &Parts<'_>, name: &str) -> Vec<String> {
    let named =
        |host: &str| format!("httproute/{}/{name}/rule/0/match/0/{}", parts.namespace(), host.replace('.', "_"));
    match &*parts.options.hosts {
        [] => vec![named("*")],
        hosts => hosts.iter().map(|host| named(host.as_str())).collect(),
    }
}

/// The names of the resources `HTTPRoute`, each for a route.
fn names(parts: &Parts<'_>) -> Result<Vec<String>, NotWritten> {
    let mut labels = Labels::new(Kind::Route, LONGEST);
    let mut names = Vec::new();
    let mut mistakes: Vec<_> = parts.upstreams.iter().filter_map(without_comparison).collect();
    for Served { route, .. } in &parts.routes {
        let path = route.paths.as_str();
        if !is_path(path) {
            mistakes.push(Mistake::Path { route: route.name.clone(), path: path.to_owned() });
        }
        match labels.of(&route.name, |label| parts.upstreams.iter().any(|upstream| upstream.name == label)) {
            Ok(name) => names.push(name),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    none_of(mistakes)?;
    Ok(names)
}

/// Envoy Gateway compares a certificate with names only.
///
/// Source: envoyproxy/gateway `internal/xds/translator/translator.go`, `buildValidationContext`
fn without_comparison(upstream: &Upstream) -> Option<Mistake> {
    let is_compared =
        upstream.cluster.security == Security::Verified && matches!(upstream.cluster.address.host, Host::Ip(_));
    let expected = "a name, or `ssl_verify`: false: envoy gateway compares no certificate with an address";
    is_compared.then(|| Mistake::Unreachable { address: upstream.cluster.to_string(), expected })
}

/// Whether the Gateway API takes a beginning of paths.
///
/// Source: kubernetes-sigs/gateway-api `apis/v1/httproute_types.go`, `HTTPPathMatch`
fn is_path(path: &str) -> bool {
    const LONGEST: usize = 1024;
    let is_pchar = |c: char| c.is_ascii_alphanumeric() || "-/._~!$&'()*+,;=:@".contains(c);
    let mut pieces = path.split('%');
    let plain = pieces.next().is_none_or(|plain| plain.chars().all(is_pchar));
    let escaped = pieces.all(|piece| {
        let is_hex = piece.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        is_hex && !piece.to_ascii_lowercase().starts_with("2f") && piece.chars().all(is_pchar)
    });
    let has_dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    path.len() <= LONGEST && plain && escaped && !path.contains("//") && !has_dots
}

/// A duration, as the Gateway API reads it: at most five digits of a unit.
///
/// Source: kubernetes-sigs/gateway-api `apis/v1/shared_types.go`, `Duration`
fn duration(duration: Duration) -> String {
    const LARGE: u64 = 100_000;
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    let millis = if millis == 0 { String::new() } else { format!("{millis}ms") };
    match seconds {
        0 => millis,
        LARGE.. => format!("{}h{}s", seconds / 3600, seconds % 3600),
        _ => format!("{seconds}s{millis}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_paths_are_those_of_the_gateway_api() {
        let cases = [
            (1, "1ms"),
            (2500, "2s500ms"),
            (60_000, "60s"),
            (99_999_000, "99999s"),
            (100_000_000, "27h2800s"),
            (31_536_000_000, "8760h0s"),
        ];
        for (millis, expected) in cases {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
        for path in ["", "/", "/a/b", "/a%20b", "/%C3%BC", "/.well-known/a..b", "/a:b@c", "/a%e2%82%ac"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["/a//b", "/a/./b", "/a/..", "/a%2fb", "/%2F", "/a%2", "/a%", "/%zz", "/<a>", "/a\"b", "/a\\"] {
            assert!(!is_path(path), "{path}");
        }
        assert!(is_path(&format!("/{}", "a".repeat(1023))) && !is_path(&format!("/{}", "a".repeat(1024))));
    }
}
