//! Control of the real programs.

pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod crds;
pub(crate) mod doctor;
pub(crate) mod exposition_server;
pub(crate) mod helm;
pub(crate) mod monitoring;
pub(crate) mod moto;
pub(crate) mod pages;
pub(crate) mod promtool;
pub(crate) mod python;
pub(crate) mod shell;
pub(crate) mod webhook;
