//! The binary: installs the TLS provider, parses the arguments and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    tokio_rustls::rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing installed a provider before main");
    castai_health_exporter::cli::main()
}
