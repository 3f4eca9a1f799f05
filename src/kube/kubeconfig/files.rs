//! The files of a kubeconfig: read, merged as kubectl does, with their relative paths resolved.

use std::io;
use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;

use crate::config::regular_file;
use crate::kube::credentials::MAX_FILE_BYTES;
use crate::kube::kubeconfig::error::KubeconfigError;

/// An error of one file.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Unusable(String),
}

/// Reads and merges kubeconfigs. Of several files, those that do not exist are skipped.
pub(super) fn read_merged(files: &[PathBuf]) -> Result<Kubeconfig, KubeconfigError> {
    let mut merged: Option<Kubeconfig> = None;
    let mut missing = None;
    for path in files {
        let in_file = |error: String| match files {
            [_only] => KubeconfigError(error),
            _several => KubeconfigError(format!("{}: {error}", path.display())),
        };
        let next = match read(path) {
            Err(FileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                missing = Some(KubeconfigError(error.to_string()));
                continue;
            }
            next => next.map_err(|error| in_file(error.to_string()))?,
        };
        merged = Some(match merged {
            None => next,
            Some(merged) => merged
                .merge(next)
                .map_err(|error| in_file(error.to_string()))?,
        });
    }
    merged.ok_or_else(|| missing.unwrap_or_else(|| KubeconfigError("no file is named".to_owned())))
}

/// Reads a kubeconfig; paths in it are relative to its directory. Errors omit its text, because any
/// line may contain a token.
fn read(path: &Path) -> Result<Kubeconfig, FileError> {
    // kube reads whatever the path names, as a whole.
    let file = regular_file::open(path)?;
    if file.metadata()?.len() > MAX_FILE_BYTES {
        return Err(FileError::Unusable(format!(
            "it is larger than {MAX_FILE_BYTES} bytes"
        )));
    }
    Kubeconfig::read_from(path).map_err(|error| match error {
        kube::config::KubeconfigError::ReadConfig(error, _) => FileError::Io(error),
        kube::config::KubeconfigError::Parse(error) => {
            FileError::Unusable(match error.location() {
                Some(at) => format!("not a kubeconfig: invalid YAML at line {}", at.line()),
                None => "not a kubeconfig: invalid YAML".to_owned(),
            })
        }
        error => FileError::Unusable(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Writes a kubeconfig with one cluster, one user and one context of the same name.
    fn written(folder: &Path, name: &str, server: &str) -> PathBuf {
        let path = folder.join(name);
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {name}\n\
             contexts: [{{ name: {name}, context: {{ cluster: {name}, user: {name} }} }}]\n\
             clusters: [{{ name: {name}, cluster: {{ server: '{server}' }} }}]\n\
             users: [{{ name: {name}, user: {{ tokenFile: token }} }}]\n"
        );
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn kubeconfigs_are_merged_as_kubectl_does() {
        let dir = tempfile::TempDir::new().unwrap();
        let other = dir.path().join("other");
        fs::create_dir(&other).unwrap();
        let files = [
            dir.path().join("missing"),
            written(dir.path(), "first", "https://first"),
            written(&other, "second", "https://second"),
            written(&other, "first", "https://ignored"),
        ];
        let merged = read_merged(&files).unwrap();
        assert_eq!(merged.current_context.as_deref(), Some("first"));
        let servers: Vec<_> = merged
            .clusters
            .iter()
            .map(|named| named.cluster.as_ref().unwrap().server.as_deref())
            .collect();
        assert_eq!(servers, [Some("https://first"), Some("https://second")]);
        // Relative paths start at the file that they are in.
        let tokens: Vec<_> = merged
            .auth_infos
            .iter()
            .map(|named| {
                named
                    .auth_info
                    .as_ref()
                    .unwrap()
                    .token_file
                    .clone()
                    .unwrap()
            })
            .collect();
        let token = |folder: &Path| folder.join("token").to_string_lossy().into_owned();
        assert_eq!(tokens, [token(dir.path()), token(&other)]);
    }

    #[test]
    fn invalid_file_among_several_is_named_and_all_missing_is_an_error() {
        let dir = tempfile::TempDir::new().unwrap();
        let fine = written(dir.path(), "fine", "https://fine");
        let broken = dir.path().join("broken");
        fs::write(&broken, "clusters: [\n").unwrap();
        let error = read_merged(&[fine, broken]).unwrap_err().to_string();
        assert!(error.contains("/broken: not a kubeconfig"), "{error}");
        let missing = [dir.path().join("a"), dir.path().join("b")];
        assert!(read_merged(&missing).is_err());
    }
}
