//! The exporter's own configuration: flags, the configuration file and the web configuration file.

pub mod check;
pub mod control_plane_access;
pub mod dns;
pub(crate) mod file;
pub mod flags;
pub mod keys;
pub mod log;
pub mod named_file;
pub mod server;
pub mod web;
pub(crate) mod yaml;
