//! From a text to a configuration of Envoy.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use openwhisk_filter::mistake::ConfigError;

use crate::bootstrap::{self, Parts};
use crate::cluster::{Security, SharedName, clusters};
use crate::configuration::Configuration;
use crate::found::{NotFound, Uri, find};
use crate::json::pretty;
use crate::limit::limit;
use crate::route::{Paths, Prefix, hidden, routes};
use crate::yaml;

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
        }
    }
}

/// A configuration of Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its text.
    pub yaml: String,
    /// What its operator should know: a sentence each.
    pub warnings: Vec<String>,
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
    /// Two addresses have the same name.
    SharedName(SharedName),
    /// The serializer refuses the document, with its reason.
    Yaml(String),
}

/// Renders a configuration of the filter, or a route or plugins of `APISIX` with one.
///
/// # Errors
/// [`Error`], one line for each mistake.
pub fn render(text: &[u8], options: &Options) -> Result<Rendered, Error> {
    let found = std::str::from_utf8(text).ok().map(find).transpose().map_err(Error::NotFound)?;
    let json = found.as_ref().map_or(text, |found| found.json.as_bytes());
    let configuration = Configuration::read(json).map_err(Error::Config)?;
    let clusters = clusters(&configuration.sites()).map_err(Error::SharedName)?;
    let uri = found.as_ref().and_then(|found| found.uri.as_ref());
    let of_uri = || match uri? {
        Uri::One(uri) => Paths::of_uri(uri),
        Uri::Other => None,
    };
    let paths = options.route_prefix.clone().map(Paths::Below).or_else(of_uri);
    let routes = routes(&configuration, paths.as_ref());
    let (limit, too_large) = limit(&configuration);

    let security = |wanted| clusters.iter().any(|cluster| cluster.security == wanted);
    let tokens = configuration.literal_tokens();
    let is_every = !configuration.has_routes();
    let warnings = [
        security(Security::Encrypted).then(|| {
            "`ssl_verify` is false: nobody checks that it is openwhisk that answers, and gets the key".to_owned()
        }),
        (!tokens.is_empty()).then(|| {
            format!(
                "the key itself stands in `{}`, and now in the configuration of envoy, which its /config_dump shows: \
                 `$ENV://OPENWHISK_TOKEN` reads it from the environment",
                tokens.join("` and `")
            )
        }),
        too_large,
        hidden(&routes).map(|(first, second)| {
            format!("the routes {first:?} and {second:?} have the same `path_prefix`: change the match of one of them")
        }),
        (options.ca.is_some() && !security(Security::Verified))
            .then(|| "`--ca` has no effect: no certificate is verified".to_owned()),
        (options.route_prefix.is_some() && !is_every)
            .then(|| "`--route-prefix` has no effect: the configuration lists `routes`".to_owned()),
        (uri.is_some() && is_every && paths.is_none())
            .then(|| "the `uri` around the configuration is not taken over: `--route-prefix` says which paths the action answers".to_owned()),
    ];

    let parts = Parts {
        environment: configuration.environment.iter().cloned().collect(),
        configuration: pretty(std::str::from_utf8(json).unwrap_or_default()),
        clusters,
        routes,
        is_every,
        limit,
        has_buffer_filter: configuration.has_buffer_filter(),
        options,
    };
    let document = match options.form {
        Form::Bootstrap => bootstrap::bootstrap(&parts),
        Form::Fragment => bootstrap::fragment(&parts),
    };
    let yaml = yaml::write(document).map_err(|error| Error::Yaml(error.to_string()))?;
    Ok(Rendered {
        yaml: format!("{}{yaml}", bootstrap::header(&parts)),
        warnings: warnings.into_iter().flatten().collect(),
        environment: parts.environment,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::NotFound(error) => error.fmt(f),
            Self::SharedName(error) => error.fmt(f),
            Self::Yaml(reason) => write!(f, "the configuration cannot be written: {reason}"),
        }
    }
}

impl std::error::Error for Error {}
