//! Prints the configuration of an Envoy for a configuration of the filter, and writes the files of keys. This file is the
//! command line only.
#![allow(clippy::print_stderr, reason = "a command line program speaks to its user through it")]

mod secret;

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use openwhisk_envoy::kubernetes::{
    self, ControlPlane, GatewayName, HostName, IMAGE, Image, KubernetesOptions, Label, PodLabel,
};
use openwhisk_envoy::{CA, Form, Input, Key, KeyFile, Options, Prefix, Protocol, Rendered, Router, WASM, render_all};

/// Where systems keep the certificates of those to trust, after [`CA`]: Fedora, openSUSE, BSD and macOS.
const OTHER_CAS: &[&str] = &["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// The command line.
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[derive(Debug, Parser)]
#[command(
    version,
    about = "Prints the configuration of an Envoy that serves a configuration of the filter",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// A configuration of the filter, or files of APISIX; `-` is the standard input
    ///
    /// Of APISIX it takes one route or its plugins, the file apisix.yaml of the standalone mode, and what the Admin API
    /// answers for one object or a list. Several files make one configuration: say, the lists of routes, services,
    /// `plugin_configs`, `global_rules` and ssls. What a list holds is told by its keys (`/apisix/services/1`), or where
    /// it has none by what its objects hold.
    #[arg(value_name = "CONFIG", default_value = "-", hide_default_value = true)]
    configs: Vec<String>,

    /// Print manifests for Kubernetes instead, with clusters that add the key from a Secret
    ///
    /// `istio-gateway-patch` is what the Deployment of Istio's gateway needs besides: the Secret, mounted.
    #[arg(long = "for", value_name = "CONTROL-PLANE", conflicts_with_all = NOT_OF_KUBERNETES)]
    control_plane: Option<NamedControlPlane>,

    /// Print only the filter and its clusters, to be pasted
    #[arg(long)]
    fragment: bool,

    /// Print what is served instead, as JSON: routes, actions, clusters and environment variables
    ///
    /// Keys that stand in a configuration of the filter stand in it, too.
    #[arg(long, conflicts_with = "fragment")]
    summary: bool,

    /// The certificates to trust where `api_host` is https [default: those of the system]
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,

    /// Where clients connect
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:10000")]
    listen: SocketAddr,

    /// Where Envoy tells about itself
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9901")]
    admin: SocketAddr,

    /// The filter, as Envoy finds it
    #[arg(long, value_name = "FILE", default_value = WASM)]
    wasm: String,

    /// Speak HTTP/2 to `OpenWhisk`, for one behind a proxy or in a mesh that does
    #[arg(long)]
    http2: bool,

    /// Which paths the action answers if the configuration has no `routes` [default: `path_prefix`, or all]
    #[arg(long, value_name = "PATH")]
    route_prefix: Option<Prefix>,

    /// Leave out what a file of APISIX has and Envoy is not told: you take care of it (may be repeated)
    ///
    /// NAME is the one that the error gives: that of a plugin (`key-auth`), of a plugin in a global rule
    /// (`global_rules.ip-restriction`), of a field (`remote_addrs`), or of a list (`ssls`). It holds wherever it stands.
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,

    /// How the router of APISIX is configured (`apisix.router.http`) [default: told by the routes]
    #[arg(long, value_name = "ROUTER")]
    router: Option<NamedRouter>,

    /// Write the keys that stand in files of APISIX to a new file, a line NAME=user:key for each variable
    #[arg(long, value_name = "FILE")]
    keys: Option<String>,

    /// Let the configuration read an environment variable whose name does not begin with `OPENWHISK_`; may be repeated
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,

    /// Let the cluster add the key from this file to its calls, so that the filter needs none; may be repeated
    ///
    /// `openwhisk-envoy secret FILE` writes the file. It is named as Envoy finds it. CLUSTER is the `upstream`, by default
    /// host:port of `api_host`; it may be left out where only one cluster serves routes without a key.
    #[arg(long, value_name = "[CLUSTER=]FILE")]
    key_file: Vec<KeyFile>,

    /// Look at the files with keys before anything is printed: they have to be where this program runs
    #[arg(long, requires = "key_file")]
    check_keys: bool,

    #[command(flatten, next_help_heading = "With `--for`")]
    kubernetes: Kubernetes,
}

/// What is not said of manifests: it is of an Envoy that is started with a file, or of files of `APISIX`.
const NOT_OF_KUBERNETES: &[&str] = &[
    "fragment",
    "summary",
    "ca",
    "listen",
    "admin",
    "wasm",
    "http2",
    "without",
    "router",
    "keys",
    "env",
    "key_file",
    "check_keys",
];

/// What `--for` goes by.
#[derive(Debug, Args)]
struct Kubernetes {
    /// The image made of envoy/Dockerfile
    #[arg(long, value_name = "URL", default_value = IMAGE, requires = "control_plane")]
    image: Image,

    /// The namespace of the manifests [default: `default`, for Istio that of its gateway, `istio-system`]
    #[arg(long, value_name = "NAME", requires = "control_plane")]
    namespace: Option<Label>,

    /// A Gateway that is there already [default: one in the manifests]
    #[arg(long, value_name = "[NAMESPACE/]NAME", requires = "control_plane")]
    gateway: Option<GatewayName>,

    /// A label of the pods of Istio's gateway [default: `istio=ingressgateway`]; may be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "control_plane")]
    label: Vec<PodLabel>,

    /// A host whose requests the actions answer [default: all]; may be repeated
    #[arg(long, value_name = "NAME", requires = "control_plane")]
    host: Vec<HostName>,

    /// The Secret with the key [default: `openwhisk-key`]
    ///
    /// If the configuration has several upstreams, each has a Secret, whose name ends with that of the upstream.
    #[arg(long, value_name = "NAME", requires = "control_plane")]
    secret: Option<Label>,
}

/// A control plane by its name.
#[derive(Clone, Copy, Debug)]
struct NamedControlPlane(ControlPlane);

impl ValueEnum for NamedControlPlane {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(ControlPlane::EnvoyGateway), Self(ControlPlane::Istio), Self(ControlPlane::IstioGatewayPatch)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self.0 {
            ControlPlane::EnvoyGateway => "envoy-gateway",
            ControlPlane::Istio => "istio",
            ControlPlane::IstioGatewayPatch => "istio-gateway-patch",
        }))
    }
}

/// What else it does.
#[derive(Debug, Subcommand)]
enum Command {
    /// Write the key from the standard input, user:key or a scheme and a token, to a file for `--key-file`
    ///
    /// Envoy reads the file itself, so write it as the user that Envoy runs as; it may run meanwhile. Beside it FILE.sds.yaml is written, which tells
    /// Envoy where FILE is.
    Secret {
        /// The file of the key
        #[arg(value_name = "FILE")]
        file: String,
    },
}

/// A router by its name on APISIX.
#[derive(Clone, Copy, Debug)]
struct NamedRouter(Router);

impl ValueEnum for NamedRouter {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(Router::HostUri), Self(Router::Uri), Self(Router::UriWithParameter)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self.0 {
            Router::HostUri => "radixtree_host_uri",
            Router::Uri => "radixtree_uri",
            Router::UriWithParameter => "radixtree_uri_with_parameter",
        }))
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.lines() {
                eprintln!("error: {line}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints, or gives the lines of an error.
fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments {
        command,
        configs,
        control_plane,
        fragment,
        summary,
        ca,
        listen,
        admin,
        wasm,
        http2,
        route_prefix,
        without,
        router,
        keys,
        env,
        key_file: key_files,
        check_keys,
        kubernetes,
    } = arguments;
    if let Some(Command::Secret { file }) = command {
        return secret::write(&file, io::stdin().lock());
    }
    let read = |path: &String| read(path).map_err(|error| format!("{path}: {error}"));
    let texts = configs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let inputs: Vec<_> = configs.iter().zip(&texts).map(|(name, text)| Input { name, text }).collect();
    if let Some(NamedControlPlane(control_plane)) = control_plane {
        let Kubernetes { image, namespace, gateway, label: labels, host: hosts, secret } = kubernetes;
        let options =
            KubernetesOptions { control_plane, image, namespace, gateway, labels, hosts, secret, route_prefix };
        let rendered = kubernetes::manifests(&inputs, &options).map_err(|error| error.to_string())?;
        return print(&rendered, &rendered.yaml);
    }
    let form = if fragment { Form::Fragment } else { Form::Bootstrap };
    let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
    let router = router.map(|NamedRouter(router)| router);
    let mut options =
        Options { form, ca, listen, admin, wasm, protocol, route_prefix, router, without, env, key_files };
    let mut rendered = render_all(&inputs, &options).map_err(|error| error.to_string())?;
    // Only this system's file, if it has none where most have it: where Envoy runs is not known here.
    let elsewhere = OTHER_CAS.iter().find(|path| Path::new(path).is_file());
    if let (None, false, Some(ca)) = (&options.ca, Path::new(CA).is_file(), elsewhere)
        && rendered.yaml.contains(CA)
    {
        options.ca = Some((*ca).to_owned());
        rendered = render_all(&inputs, &options).map_err(|error| error.to_string())?;
    }
    if check_keys {
        let (warnings, errors): (Vec<_>, Vec<_>) =
            options.key_files.iter().map(|file| secret::check(file.path())).partition(Result::is_ok);
        let errors: Vec<_> = errors.into_iter().filter_map(Result::err).collect();
        if !errors.is_empty() {
            return Err(errors.join("\n"));
        }
        rendered.warnings.extend(warnings.into_iter().flatten().flatten());
    }
    if let Some(path) = keys {
        write_keys(&path, &rendered.keys).map_err(|error| format!("{path}: {error}"))?;
    }
    let printed = if summary { format!("{:#}\n", rendered.summary) } else { rendered.yaml.clone() };
    print(&rendered, &printed)
}

/// Prints this, and what is to be said of it.
fn print(rendered: &Rendered, printed: &str) -> Result<(), String> {
    for note in &rendered.notes {
        eprintln!("note: {note}");
    }
    for key in &rendered.keys {
        eprintln!("note: the environment variable {key}");
    }
    for warning in &rendered.warnings {
        eprintln!("warning: {warning}");
    }
    match io::stdout().lock().write_all(printed.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("the output cannot be written: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes keys to a file that is not there yet, and that nobody else reads.
fn write_keys(path: &str, keys: &[Key]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    keys.iter().try_for_each(|key| writeln!(file, "{}={}", key.variable, key.value))
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    if path != "-" {
        return fs::read(path);
    }
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}
