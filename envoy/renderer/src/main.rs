//! Prints the configuration of an Envoy for a configuration of the filter. This file is the command line only.
#![allow(clippy::print_stderr, reason = "a command line program speaks to its user through it")]

use std::fs;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use openwhisk_envoy::{CA, Error, Form, Options, Prefix, Protocol, WASM, render};

/// Where systems keep the certificates of those to trust, after [`CA`]: Fedora, openSUSE, BSD and macOS.
const OTHER_CAS: &[&str] = &["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// The command line.
#[derive(Debug, Parser)]
#[command(version, about = "Prints the configuration of an Envoy that serves a configuration of the filter")]
struct Arguments {
    /// A configuration of the filter, or a route or plugins of APISIX with one; `-` is the standard input
    #[arg(value_name = "CONFIG.json", default_value = "-", hide_default_value = true)]
    config: String,

    /// Print only the filter and its clusters, to be pasted
    #[arg(long)]
    fragment: bool,

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
    let Arguments { config, fragment, ca, listen, admin, wasm, http2, route_prefix } = arguments;
    let text = read(&config).map_err(|error| format!("{config}: {error}"))?;
    let form = if fragment { Form::Fragment } else { Form::Bootstrap };
    let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
    let mut options = Options { form, ca, listen, admin, wasm, protocol, route_prefix };
    let mut rendered = render(&text, &options).map_err(|error: Error| error.to_string())?;
    // Only this system's file, if it has none where most have it: where Envoy runs is not known here.
    let elsewhere = OTHER_CAS.iter().find(|path| Path::new(path).is_file());
    if let (None, false, Some(ca)) = (&options.ca, Path::new(CA).is_file(), elsewhere)
        && rendered.yaml.contains(CA)
    {
        options.ca = Some((*ca).to_owned());
        rendered = render(&text, &options).map_err(|error| error.to_string())?;
    }
    for warning in &rendered.warnings {
        eprintln!("warning: {warning}");
    }
    match io::stdout().lock().write_all(rendered.yaml.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("the output cannot be written: {error}"))
        }
        _ => Ok(()),
    }
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    if path != "-" {
        return fs::read(path);
    }
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}
