//! The program: installs the TLS provider, parses, runs, exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    tokio_rustls::rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing installed a provider before main");
    castai_health_exporter::cli::main()
}
