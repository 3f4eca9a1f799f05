//! The files of a kubeconfig: read, merged as kubectl does, with their relative paths resolved.

use std::io;
use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Kubeconfig};

use crate::config::exporter::yaml;
use crate::kube::credentials::read_file;
use crate::kube::kubeconfig::error::KubeconfigError;

/// Reads and merges kubeconfigs. Of several files, those that do not exist are skipped.
pub(super) fn read_merged(files: &[PathBuf]) -> Result<Kubeconfig, KubeconfigError> {
    let mut merged: Option<Kubeconfig> = None;
    let mut missing = None;
    for path in files {
        let in_file = |error: KubeconfigError| match files {
            [_only] => error,
            _several => KubeconfigError(format!("{}: {error}", path.display())),
        };
        let bytes = match read_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing = Some(KubeconfigError(error.to_string()));
                continue;
            }
            bytes => bytes.map_err(|error| in_file(KubeconfigError(error.to_string())))?,
        };
        let next = parse_kubeconfig(path, bytes).map_err(in_file)?;
        merged = Some(match merged {
            None => next,
            Some(merged) => merged
                .merge(next)
                .map_err(|error| in_file(KubeconfigError(error.to_string())))?,
        });
    }
    merged.ok_or_else(|| missing.unwrap_or_else(|| KubeconfigError("no file is named".to_owned())))
}

/// Parses a kubeconfig. Errors omit its text, because any line may contain a token.
fn parse_kubeconfig(path: &Path, bytes: Vec<u8>) -> Result<Kubeconfig, KubeconfigError> {
    let text = String::from_utf8(bytes)
        .map_err(|_error| KubeconfigError("the file is not UTF-8".to_owned()))?;
    let value =
        yaml::parse(text.trim_start_matches('\u{feff}')).map_err(|(line, _fault)| match line {
            Some(line) => KubeconfigError(format!("not a kubeconfig: invalid YAML at line {line}")),
            None => KubeconfigError("not a kubeconfig: invalid YAML".to_owned()),
        })?;
    let mut file =
        serde_json::from_value(value.value.to_json()).map_err(|error| without_content(&error))?;
    resolve_paths(&mut file, path.parent().unwrap_or(Path::new("")));
    Ok(file)
}

/// Resolves paths relative to the file's directory. A command without a slash stays, for lookup in
/// `PATH`.
fn resolve_paths(file: &mut Kubeconfig, folder: &Path) {
    let clusters = file
        .clusters
        .iter_mut()
        .filter_map(|named| named.cluster.as_mut());
    let authorities = clusters.filter_map(|cluster| cluster.certificate_authority.as_mut());
    let users = file
        .auth_infos
        .iter_mut()
        .filter_map(|named| named.auth_info.as_mut());
    let files = users.flat_map(|user| {
        let AuthInfo {
            client_certificate,
            client_key,
            token_file,
            exec,
            ..
        } = user;
        let command = exec
            .as_mut()
            .and_then(|exec| exec.command.as_mut())
            .filter(|command| command.contains('/'));
        [
            client_certificate.as_mut(),
            client_key.as_mut(),
            token_file.as_mut(),
            command,
        ]
    });
    for path in authorities.chain(files.flatten()) {
        // join keeps absolute paths.
        *path = folder.join(&*path).to_string_lossy().into_owned();
    }
}

/// Describes the expected value and omits the actual one.
fn without_content(error: &serde_json::Error) -> KubeconfigError {
    let text = error.to_string();
    KubeconfigError(match text.rsplit_once(", expected ") {
        Some((_content, expected)) => {
            format!("not a kubeconfig: expected {expected}")
        }
        None if text.starts_with("missing field") => format!("not a kubeconfig: {text}"),
        None => "not a kubeconfig".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

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

    #[test]
    fn paths_are_relative_to_the_kubeconfig_and_bare_commands_use_path() {
        let user = json!({ "name": "u", "user": {
            "client-certificate": "c.crt", "client-key": "/keys/c.key", "tokenFile": "t", "exec": { "command": "bin/x" },
        }});
        let bare = json!({ "name": "b", "user": { "exec": { "command": "aws" } } });
        let cluster = json!({ "name": "c", "cluster": { "certificate-authority": "ca.crt" } });
        let file = json!({ "clusters": [cluster], "users": [user, bare] });
        let mut file: Kubeconfig = serde_json::from_value(file).unwrap();
        resolve_paths(&mut file, Path::new("/home"));
        let ca = file.clusters[0]
            .cluster
            .as_ref()
            .unwrap()
            .certificate_authority
            .as_deref();
        assert_eq!(ca, Some("/home/ca.crt"));
        let users: Vec<_> = file
            .auth_infos
            .iter()
            .map(|named| named.auth_info.as_ref().unwrap())
            .collect();
        let paths = [
            &users[0].client_certificate,
            &users[0].client_key,
            &users[0].token_file,
        ];
        assert_eq!(
            paths.map(Option::as_deref),
            [Some("/home/c.crt"), Some("/keys/c.key"), Some("/home/t")]
        );
        let commands =
            [users[0], users[1]].map(|user| user.exec.as_ref().unwrap().command.as_deref());
        assert_eq!(commands, [Some("/home/bin/x"), Some("aws")]);
    }
}
