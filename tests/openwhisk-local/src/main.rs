//! A local `OpenWhisk` for development and tests: the REST API of Apache `OpenWhisk` for one namespace, with JavaScript
//! actions that really run, in an embedded engine. This file is the command line only.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program speaks to its user through these"
)]

mod action;
mod activation;
mod authentication;
mod body;
mod catalog;
mod clock;
mod description;
mod endpoint;
mod error;
mod invocation;
mod javascript;
mod json;
mod limits;
mod name;
mod package;
mod parameter;
mod platform;
mod query;
mod refusal;
mod response;
mod route;
mod rule;
mod server;
mod throttle;
mod transaction;
mod trigger;
mod version;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use authentication::ApiKey;
use name::Name;
use platform::Platform;
use throttle::Allowance;

/// Request bodies may be nested a thousand deep, and are dropped and written recursively.
const THREAD_STACK: usize = 8 * 1024 * 1024;

/// The command line.
#[derive(Debug, Parser)]
#[command(version, about = env!("CARGO_PKG_DESCRIPTION"))]
struct Options {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:3233")]
    listen: SocketAddr,

    /// The key of the namespace; the default is the published one of the standalone server
    #[arg(
        long,
        env = "OPENWHISK_LOCAL_AUTH",
        hide_env_values = true,
        value_name = "UUID:KEY",
        default_value = authentication::GUEST,
        hide_default_value = true
    )]
    auth: ApiKey,

    /// The namespace
    #[arg(long, value_name = "NAME", default_value = "guest", value_parser = namespace)]
    namespace: Name,

    /// Refuse more invocations in one minute [default: no limit]
    #[arg(long, value_name = "N")]
    invocations_per_minute: Option<u64>,

    /// Refuse more invocations at once [default: no limit]
    #[arg(long, value_name = "N")]
    concurrent_invocations: Option<u64>,

    /// Refuse more fires of triggers in one minute [default: no limit]
    #[arg(long, value_name = "N")]
    fires_per_minute: Option<u64>,
}

fn namespace(text: &str) -> Result<Name, String> {
    Name::namespace(text).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(THREAD_STACK).enable_all().build();
    let served = runtime.and_then(|runtime| {
        let served = runtime.block_on(serve(options));
        // Actions may still run; nobody waits for them.
        runtime.shutdown_background();
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("openwhisk-local: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> io::Result<()> {
    let listen = options.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}")))?;
    let host = format!("http://{}", listener.local_addr()?);
    let allowance = Allowance { per_minute: options.invocations_per_minute, at_once: options.concurrent_invocations };
    let fires = Allowance { per_minute: options.fires_per_minute, at_once: None };
    let platform = Platform::new(options.namespace, options.auth, host.clone(), allowance, fires);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    println!("openwhisk-local listens on {host}");
    io::stdout().flush()?;
    tokio::select! {
        served = axum::serve(listener, server::router(Arc::new(platform))) => served,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}
