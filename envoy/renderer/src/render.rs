//! From a text to a configuration of Envoy.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use openwhisk_filter::config::mistake::ConfigError;
use serde_json::Value;

use crate::apisix::{self, Input, Key, Refusal, Report, Router, Said};
use crate::bootstrap::{self, Parts};
use crate::cluster::{Cluster, Security, SharedName, clusters};
use crate::configuration::Configuration;
use crate::environment::{self, NotAllowed};
use crate::found::NotFound;
use crate::json::pretty;
use crate::key_file::{self, InvalidKeys, KeyFile};
use crate::kubernetes::NotWritten;
use crate::limit::limit;
use crate::route::{Paths, Prefix, VirtualHost, routes};
use crate::summary::summary;
use crate::{warning, yaml};

/// Whom to trust where nothing else is said: the file of Debian, Ubuntu, Alpine and Envoy's images.
pub const CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where the filter is where nothing else is said: where `make build` puts it.
pub const WASM: &str = "target/wasm32-wasip1/release/openwhisk_filter.wasm";

/// What is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// All that Envoy needs to start.
    #[default]
    Bootstrap,
    /// The filter and the clusters, to be pasted.
    Fragment,
}

/// What Envoy speaks to `OpenWhisk`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, as `OpenWhisk` itself does.
    #[default]
    Http1,
    /// HTTP/2, as many a proxy in front of it does.
    Http2,
}

/// What a configuration of the filter does not say.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is printed.
    pub form: Form,
    /// A file with the certificates of those to trust, instead of [`CA`].
    pub ca: Option<String>,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where Envoy tells about itself.
    pub admin: SocketAddr,
    /// The file of the filter.
    pub wasm: String,
    /// What Envoy speaks to `OpenWhisk`.
    pub protocol: Protocol,
    /// The paths that the action answers, in a configuration without `routes`.
    pub route_prefix: Option<Prefix>,
    /// The router that `APISIX` is configured for, if it is not to be told by the routes.
    pub router: Option<Router>,
    /// What is not translated although a text of `APISIX` has it, by the names that errors give.
    pub without: Vec<String>,
    /// The environment variables that the configuration may read, besides those that are for the filter by their names.
    pub env: Vec<String>,
    /// The files with keys that clusters add to their calls.
    pub key_files: Vec<KeyFile>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            form: Form::default(),
            ca: None,
            listen: (Ipv4Addr::LOCALHOST, 10000).into(),
            admin: (Ipv4Addr::LOCALHOST, 9901).into(),
            wasm: WASM.to_owned(),
            protocol: Protocol::default(),
            route_prefix: None,
            router: None,
            without: Vec::new(),
            env: Vec::new(),
            key_files: Vec::new(),
        }
    }
}

/// A configuration of Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its text.
    pub yaml: String,
    /// What it serves, for programs: `routes`, `actions`, `clusters` and `environment`.
    pub summary: Value,
    /// What its operator should know: a sentence each.
    pub warnings: Vec<String>,
    /// What of a text of `APISIX` is left out or stands for something else: a sentence each.
    pub notes: Vec<String>,
    /// The keys that stood in texts of `APISIX`, by the variables that take them.
    pub keys: Vec<Key>,
    /// The environment variables that Envoy needs, in the order of their names.
    pub environment: Vec<String>,
}

/// Why nothing could be rendered.
#[derive(Debug)]
pub enum Error {
    /// The filter refuses the configuration.
    Config(ConfigError),
    /// The text of `APISIX` does not hold one.
    NotFound(NotFound),
    /// The text of `APISIX` holds what is not translated.
    Refusal(Refusal),
    /// The configuration reads environment variables that nobody allowed.
    NotAllowed(NotAllowed),
    /// Two addresses have the same name.
    SharedName(SharedName),
    /// A route has no key, or two.
    InvalidKeys(InvalidKeys),
    /// It cannot be written for Kubernetes.
    NotWritten(NotWritten),
    /// The serializer refuses the document, with its reason.
    Yaml(String),
}

/// What is rendered, wherever it comes from.
struct Source {
    /// The configuration of the filter, and its text.
    configuration: Configuration,
    json: String,
    /// The same as its author wrote it: for each route, or as a whole.
    written: Vec<Configuration>,
    clusters: Vec<Cluster>,
    virtual_hosts: Vec<VirtualHost>,
    /// If it comes from `APISIX`: what it says, and the keys that stood there.
    apisix: Option<(Vec<String>, Vec<Key>)>,
}

impl Source {
    /// A configuration of the filter.
    fn of_filter(text: &[u8], paths: Option<&Paths>) -> Result<Self, Error> {
        let configuration = Configuration::read(text).map_err(Error::Config)?;
        Ok(Self {
            clusters: clusters(&configuration.sites()).map_err(Error::SharedName)?,
            virtual_hosts: vec![VirtualHost::of_all(routes(&configuration, paths))],
            json: String::from_utf8_lossy(text).into_owned(),
            written: vec![Configuration::read(text).map_err(Error::Config)?],
            configuration,
            apisix: None,
        })
    }

    /// Texts of `APISIX`, if they are.
    fn of_apisix(inputs: &[Input<'_>], options: &Options, paths: Option<&Paths>) -> Result<Option<Self>, Error> {
        let mut report = Report::new(&options.without);
        let Some(objects) = apisix::read(inputs, &mut report) else { return Ok(None) };
        let said = Said { router: options.router, paths };
        let migration = if report.refuses() { None } else { Some(apisix::migrate(&objects, said, &mut report)) };
        let notes = report.finish().map_err(Error::Refusal)?;
        let Some(migration) = migration.transpose().map_err(Error::NotFound)? else { return Ok(None) };
        Ok(Some(Self {
            configuration: Configuration::read(migration.json.as_bytes()).map_err(Error::Config)?,
            json: migration.json,
            written: migration.configurations,
            clusters: migration.clusters,
            virtual_hosts: migration.virtual_hosts,
            apisix: Some((notes, migration.keys)),
        }))
    }
}

/// Renders a configuration of the filter, or a text of `APISIX` with one.
///
/// # Errors
/// [`Error`], one line for each mistake.
pub fn render(text: &[u8], options: &Options) -> Result<Rendered, Error> {
    render_all(&[Input { name: "the text", text }], options)
}

/// Renders a configuration of the filter, or texts of `APISIX` with one or several.
///
/// # Errors
/// [`Error`], one line for each mistake.
pub fn render_all(inputs: &[Input<'_>], options: &Options) -> Result<Rendered, Error> {
    let paths = options.route_prefix.clone().map(Paths::Below);
    let mut source = match Source::of_apisix(inputs, options, paths.as_ref())? {
        Some(source) => source,
        None => Source::of_filter(inputs.first().map_or(&[][..], |input| input.text), paths.as_ref())?,
    };
    environment::check(&source.configuration, &options.env).map_err(Error::NotAllowed)?;
    key_file::assign(&options.key_files, &mut source.clusters, &source.configuration).map_err(Error::InvalidKeys)?;
    let (limit, _) = limit(&source.configuration);
    let security = |wanted| source.clusters.iter().any(|cluster| cluster.security == wanted);
    let literals = source.configuration.literal_secrets();
    let unused = environment::unused(&source.configuration, &options.env);
    let is_every = !source.configuration.has_routes();
    let is_of_apisix = source.apisix.is_some();
    let routes = || source.virtual_hosts.iter().flat_map(|host| &host.routes);
    let first = source.virtual_hosts.first().filter(|_| !is_of_apisix);
    let mut warnings = warning::warnings(&source.configuration, &source.written, &source.clusters);
    let further = [
        (!literals.is_empty()).then(|| {
            format!(
                "what may be a key stands in `{}`, and now in the configuration of envoy, which its /config_dump shows: \
                 `$ENV://OPENWHISK_…` reads it from the environment, and `--key-file` the key of a cluster from a file",
                literals.join("` and `")
            )
        }),
        warning::of_keys(&source.configuration, &source.clusters),
        first.and_then(|host| warning::of_hidden(&host.routes)),
        (options.ca.is_some() && !security(Security::Verified))
            .then(|| "`--ca` has no effect: no certificate is verified".to_owned()),
        warning::of_prefix(options.route_prefix.is_some(), &source.configuration),
        (is_of_apisix && !routes().any(|route| route.is_served))
            .then(|| "no request comes to the filter: other routes take them all".to_owned()),
        (!is_of_apisix && (options.router.is_some() || !options.without.is_empty()))
            .then(|| "`--router` and `--without` have no effect: the configuration is not of apisix".to_owned()),
        (!unused.is_empty())
            .then(|| format!("`--env` has no effect for `{}`: the configuration does not read it", unused.join("` and `"))),
    ];
    warnings.extend(further.into_iter().flatten());

    let summary = summary(&source.configuration, &source.clusters, &source.virtual_hosts);
    let parts = Parts {
        environment: source.configuration.environment.clone(),
        configuration: pretty(&source.json),
        has_buffer_filter: source.configuration.has_buffer_filter(),
        clusters: source.clusters,
        virtual_hosts: source.virtual_hosts,
        keys: source.apisix.as_ref().map(|(_, keys)| keys.as_slice()),
        is_every,
        limit,
        timeout: source.configuration.timeout(),
        options,
    };
    let document = match options.form {
        Form::Bootstrap => bootstrap::bootstrap(&parts),
        Form::Fragment => bootstrap::fragment(&parts),
    };
    let yaml = yaml::write(document).map_err(|error| Error::Yaml(error.to_string()))?;
    let yaml = format!("{}{yaml}", bootstrap::header(&parts));
    let environment = parts.environment.into_keys().collect();
    let (notes, keys) = source.apisix.unwrap_or_default();
    Ok(Rendered { yaml, summary, warnings, notes, keys, environment })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::NotFound(error) => error.fmt(f),
            Self::Refusal(error) => error.fmt(f),
            Self::NotAllowed(error) => error.fmt(f),
            Self::SharedName(error) => error.fmt(f),
            Self::InvalidKeys(error) => error.fmt(f),
            Self::NotWritten(error) => error.fmt(f),
            Self::Yaml(reason) => write!(f, "the configuration cannot be written: {reason}"),
        }
    }
}

impl std::error::Error for Error {}
