//! The sources of a configuration, read key by key.

use std::path::PathBuf;

use crate::config::agent::discovered::AgentDiscovery;
use crate::config::agent::env::AgentEnv;
use crate::config::config_error::ConfigErrors;
use crate::config::exporter::control_plane_access::ExporterIdentity;
use crate::config::exporter::file;
use crate::config::exporter::file::File;
use crate::config::exporter::flags::Flags;
use crate::config::exporter::named_file::{NamedFile, Purpose};
use crate::config::sourced_value::{InvalidValue, SourcedValue};

/// All sources of a configuration, and the errors found so far.
pub(super) struct Sources<'a> {
    pub(super) flags: &'a Flags,
    pub(super) file: File,
    /// Directory of the file, where its relative paths start.
    pub(super) folder: PathBuf,
    pub(super) env: AgentEnv,
    pub(super) own: ExporterIdentity,
    pub(super) named_files: Vec<NamedFile>,
    /// Result of discovery, if the agent has to be discovered.
    pub(super) seen: AgentDiscovery,
    pub(super) problems: ConfigErrors,
}

impl Sources<'_> {
    /// Returns the value of a flag, or else of the file.
    pub(super) fn setting<T>(
        &mut self,
        flag: &str,
        typed: Option<&str>,
        key: &str,
        meaning: impl Fn(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        // Both are read, so that errors in the file are reported even if a flag overrides it.
        let written = self.key(key, &meaning);
        match typed {
            Some(text) => SourcedValue::flag(flag, text).noting(&mut self.problems, meaning),
            None => written,
        }
    }

    /// Returns the value of a key of the file.
    pub(super) fn key<T>(
        &mut self,
        key: &str,
        meaning: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        self.file
            .one(key)?
            .clone()
            .noting(&mut self.problems, meaning)
    }

    /// Returns a list of the file, with a maximum length.
    pub(super) fn keys<T>(
        &mut self,
        key: &str,
        most: usize,
        meaning: impl Fn(&str) -> Result<T, InvalidValue>,
    ) -> Option<Vec<T>> {
        let written = self.file.many(key)?.to_vec();
        if let Some(beyond) = written.get(most) {
            let wrong = InvalidValue::new(
                format!("lists {} values", written.len()),
                format!("at most {most}"),
            );
            self.problems.0.push(beyond.problem(wrong));
        }
        Some(
            written
                .iter()
                .filter_map(|written| written.noting(&mut self.problems, &meaning))
                .collect(),
        )
    }

    /// Returns a path in the file, relative to the file's directory.
    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let folder = self.folder.clone();
        self.key(key, |text| {
            let empty = || InvalidValue::new("is empty", "write a path, or leave the key out");
            (!text.is_empty())
                .then(|| folder.join(text))
                .ok_or_else(empty)
        })
    }

    /// Returns a path in the file to something that checks read later.
    pub(super) fn named_file(&mut self, key: &str, purpose: Purpose) -> Option<PathBuf> {
        let path = self.path(key)?;
        let written = self.file.one(key)?.clone();
        self.named_files.push(NamedFile {
            purpose,
            path: path.clone(),
            written,
        });
        Some(path)
    }

    /// Returns the parsed content of a file that the configuration file names.
    pub(super) fn content<T>(
        &mut self,
        key: &str,
        meaning: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let path = self.path(key)?;
        self.key(key, |_| {
            file::read_text(&path).and_then(|text| meaning(&text))
        })
    }
}
