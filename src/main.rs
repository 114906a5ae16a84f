//! The operator's binary: arguments to one subcommand.

mod cli;
mod commands;
mod postgres_flags;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use odoo_operator::{api, app, controller, docs, lifecycle, telemetry};

use cli::{Cli, Command, Run};

#[tokio::main]
async fn main() -> ExitCode {
    // Before anything can want TLS: two parts of the tree would otherwise choose for themselves.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("odoo-operator: another TLS provider is installed already; this is a defect of the build");
        return ExitCode::FAILURE;
    }
    let Cli { command, run } = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are asked for.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            eprintln!("odoo-operator: {}", cli::one_line(&error));
            return ExitCode::from(2);
        }
    };
    let result = match command {
        None => start(run).await,
        Some(Command::Run(run)) => start(*run).await,
        Some(Command::Crds { chart }) => print_crds(chart),
        Some(Command::Wait { timeout }) => wait(Duration::from_secs(timeout)).await,
        Some(Command::Preflight(preflight)) => preflight.run().await,
        Some(Command::Uninstall(uninstall)) => uninstall.run().await,
        Some(Command::Diagram) => {
            print!("{}", lifecycle::mermaid());
            Ok(())
        }
        Some(Command::Docs { dir }) => {
            write_docs(&dir).map_err(|why| (1, format!("cannot write to {}: {why}", dir.display())))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, why)) => {
            eprintln!("odoo-operator: {why}");
            ExitCode::from(code)
        }
    }
}

fn write_docs(dir: &Path) -> std::io::Result<()> {
    for (name, text) in docs::pages().into_iter().chain([("flags.md".to_owned(), cli::reference())]) {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// The exit code and a line for people, when it failed.
type Outcome = Result<(), (u8, String)>;

async fn start(run: Run) -> Outcome {
    telemetry::start_logging(run.log_format.into());
    // 2 is what clap ends with, too: the command line is wrong.
    let config = run.config().map_err(|why| (2, why))?;
    app::run(config).await.map_err(|why| (1, why.to_string()))
}

fn print_crds(chart: bool) -> Outcome {
    let crds = if chart { api::crds::for_chart() } else { api::crds::all() };
    for crd in crds {
        let text = serde_saphyr::to_string(&crd).map_err(|why| (1, format!("cannot write YAML: {why}")))?;
        print!("---\n{text}");
    }
    Ok(())
}

async fn wait(timeout: Duration) -> Outcome {
    let client =
        kube::Client::try_default().await.map_err(|why| (1, format!("no way to reach an API server: {why}")))?;
    controller::crds::wait_until_served(&client, timeout).await.map_err(|why| (1, why.to_string()))
}
