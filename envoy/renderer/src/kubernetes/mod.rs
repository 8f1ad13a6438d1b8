//! Manifests for Kubernetes: the filter on the routes of a control plane, with clusters that add the key.
//!
//! Each resource is a template. What is put into one is a name that was checked, or a scalar that is quoted where it has to be.

mod envoy_gateway;
mod filter;
mod istio;
mod label;
mod mistake;
mod name;
mod template;
mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use serde_json::Value;

pub use self::mistake::NotWritten;
use self::mistake::{Mistake, none_of};
pub use self::name::{GatewayName, HostName, Image, Invalid, Label, Name, PodLabel};
use self::upstream::{Upstream, upstreams};
use crate::apisix::{self, Input, Report};
use crate::configuration::{Configuration, KEYS, Secret, Site, variable};
use crate::environment::Reference;
use crate::limit::limit;
use crate::render::{Error, Rendered};
use crate::route::{Paths, Prefix, Route, routes};
use crate::{cluster, warning};

/// Where the image is if nothing else is said.
pub const IMAGE: &str = concat!("registry.example/openwhisk-filter:", env!("CARGO_PKG_VERSION"));

/// What manifests are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlPlane {
    /// Envoy Gateway.
    EnvoyGateway,
    /// Istio.
    Istio,
    /// The Deployment of Istio's gateway, as a patch: what has to be mounted there.
    IstioGatewayPatch,
}

/// What a configuration of the filter does not say.
#[derive(Clone, Debug)]
pub struct KubernetesOptions {
    /// What is written.
    pub control_plane: ControlPlane,
    /// The image of the filter.
    pub image: Image,
    /// The namespace, if not the usual one of the control plane.
    pub namespace: Option<Label>,
    /// A gateway that is there already. Without it the manifests have one.
    pub gateway: Option<GatewayName>,
    /// The labels of the pod of Istio's gateway, if not the usual ones.
    pub labels: Vec<PodLabel>,
    /// The hosts whose requests the actions answer, if not all.
    pub hosts: Vec<HostName>,
    /// The Secret with the key. With several upstreams their names are put behind it.
    pub secret: Option<Label>,
    /// The paths that the action answers, in a configuration without `routes`.
    pub route_prefix: Option<Prefix>,
}

impl KubernetesOptions {
    fn gateway_name(&self) -> &str {
        self.gateway.as_ref().map_or("demo", |gateway| gateway.name.as_str())
    }
}

/// What manifests are made of.
#[derive(Debug)]
struct Parts<'a> {
    configuration: &'a Configuration,
    upstreams: &'a [Upstream],
    routes: Vec<Served<'a>>,
    options: &'a KubernetesOptions,
}

/// A route with what serves it.
#[derive(Debug)]
struct Served<'a> {
    site: Site<'a>,
    route: Route,
    upstream: &'a Upstream,
}

impl Parts<'_> {
    /// How much of a request is held.
    fn limit(&self) -> u64 {
        limit(self.configuration).0
    }

    fn namespace(&self) -> &str {
        let usual = match self.options.control_plane {
            ControlPlane::EnvoyGateway => envoy_gateway::NAMESPACE,
            ControlPlane::Istio | ControlPlane::IstioGatewayPatch => istio::NAMESPACE,
        };
        self.options.namespace.as_ref().map_or(usual, Label::as_str)
    }
}

/// Writes manifests for a configuration of the filter.
///
/// # Errors
/// [`Error`], one line for each mistake.
pub fn manifests(inputs: &[Input<'_>], options: &KubernetesOptions) -> Result<Rendered, Error> {
    let not_written = Error::NotWritten;
    let mut report = Report::new(&[]);
    if apisix::read(inputs, &mut report).is_some() {
        report.finish().map_err(Error::Refusal)?;
        return Err(not_written(Mistake::OfApisix.into()));
    }
    let text = inputs.first().map_or(&[][..], |input| input.text);
    let configuration = &Configuration::read(text).map_err(Error::Config)?;
    none_of(secrets(configuration)).map_err(not_written)?;
    let clusters = cluster::clusters(&configuration.sites()).map_err(Error::SharedName)?;
    let mut warnings = warning::warnings(configuration, slice::from_ref(configuration), &clusters);
    let upstreams = &upstreams(configuration, clusters, options.secret.as_ref()).map_err(not_written)?;
    let parts = Parts { configuration, upstreams, routes: served(configuration, upstreams, options), options };
    warnings.extend(of_options(&parts));
    let notes = references(&parts);
    let yaml = match options.control_plane {
        ControlPlane::EnvoyGateway => envoy_gateway::manifests(&parts).map_err(not_written)?,
        ControlPlane::Istio => istio::manifests(&parts).map_err(not_written)?,
        ControlPlane::IstioGatewayPatch => istio::patch(&parts),
    };
    warnings.extend(of_size(&yaml));
    Ok(Rendered { yaml, summary: Value::Null, warnings, notes, keys: Vec::new(), environment: Vec::new() })
}

fn is_key(secret: &Secret<'_>) -> bool {
    KEYS.contains(&secret.attribute)
}

/// What stands in a configuration that no manifest may hold.
fn secrets(configuration: &Configuration) -> Vec<Mistake> {
    let mut mistakes: Vec<_> = configuration
        .secrets()
        .filter_map(|(place, secret)| match variable(secret.text) {
            None if is_key(&secret) => Some(Mistake::Literal { place }),
            Some(_) if !is_key(&secret) => Some(Mistake::CallHeader { place }),
            _ => None,
        })
        .collect();
    mistakes.extend(configuration.sites().is_empty().then_some(Mistake::NoRoute));
    mistakes
}

/// The routes, in the order in which Envoy looks at them.
fn served<'a>(
    configuration: &'a Configuration,
    upstreams: &'a [Upstream],
    options: &KubernetesOptions,
) -> Vec<Served<'a>> {
    let paths = options.route_prefix.clone().map(Paths::Below);
    let sites = configuration.sites().into_iter();
    let sites: BTreeMap<_, _> = sites.map(|site| (site.route.unwrap_or_default(), site)).collect();
    let serve = |route: Route| {
        let site = *sites.get(if configuration.has_routes() { route.name.as_str() } else { "" })?;
        let upstream = upstreams.iter().find(|one| *one.cluster.name == **site.settings.upstream())?;
        Some(Served { site, route, upstream })
    };
    routes(configuration, paths.as_ref()).into_iter().filter_map(serve).collect()
}

/// What should be said of the options.
fn of_options(parts: &Parts<'_>) -> impl Iterator<Item = String> {
    let options = parts.options;
    let is_envoy_gateway = options.control_plane == ControlPlane::EnvoyGateway;
    let headers = parts.configuration.literal_secrets();
    let warnings = [
        (!headers.is_empty()).then(|| {
            format!(
                "what stands in `{}` is in the manifest, for all who can read that: expected no secret, but an organisation, say",
                headers.join("` and `")
            )
        }),
        warning::of_hidden(parts.routes.iter().map(|served| &served.route)),
        warning::of_prefix(options.route_prefix.is_some(), parts.configuration),
        options.gateway.as_ref().filter(|_| is_envoy_gateway).map(|gateway| {
            format!(
                "the gateway `{}` must refer to the EnvoyProxy `openwhisk`: without its order of filters, authorization and rate \
                 limits protect no action",
                gateway.name.as_str()
            )
        }),
        (!options.labels.is_empty() && is_envoy_gateway)
            .then(|| "`--label` has no effect: it is for the pods of istio's gateway".to_owned()),
    ];
    warnings.into_iter().flatten()
}

/// What should be said of a resource that is too large to be applied as usual.
///
/// Source: kubernetes/apimachinery `pkg/api/validation/objectmeta.go`, `TotalAnnotationSizeLimitB`, for the annotation with all
/// of a resource that `kubectl apply` makes; etcd `server/embed/config.go`, `DefaultMaxRequestBytes`
fn of_size(yaml: &str) -> Option<String> {
    const ANNOTATIONS: usize = 256 << 10;
    const REQUEST: usize = 3 << 19;
    let largest = yaml.split("\n---\n").map(str::len).max().filter(|largest| *largest > ANNOTATIONS)?;
    Some(format!(
        "a resource has about {largest} bytes: above {ANNOTATIONS} `kubectl apply` needs `--server-side`, and above {REQUEST} \
         kubernetes takes none"
    ))
}

/// Where keys come from instead of the environment.
fn references(parts: &Parts<'_>) -> Vec<String> {
    let note = |Reference { place, name }: Reference| {
        let secrets: BTreeSet<_> = parts
            .routes
            .iter()
            .filter(|served| variable_of(parts.configuration, served.site) == Some(&*name))
            .map(|served| served.upstream.secret.as_str())
            .collect();
        let secrets: Vec<_> = secrets.into_iter().collect();
        match &*secrets {
            [] => format!("`{place}` is left out: no route uses it"),
            secrets => {
                let secrets = secrets.join("` and `");
                format!("`{place}` is left out: the gateway adds the key from the secret `{secrets}` of kubernetes")
            }
        }
    };
    parts.configuration.references().into_iter().map(note).collect()
}

/// The environment variable with the key of a site.
fn variable_of<'a>(configuration: &'a Configuration, site: Site<'_>) -> Option<&'a str> {
    variable(configuration.key(site)?.text)
}
