//! The AWS shared configuration files, as far as Go's SDK takes credentials from them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::agent::aws::credential_variables::{AccessKey, CredentialVariables};
use crate::config::secret::Secret;
use crate::config::{regular_file, values};

/// Maximum file size in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Maximum length of a chain of source profiles.
const MAX_CHAIN: usize = 8;

/// The profile in use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Profile {
    /// A usable profile.
    Valid(ProfileCredentials),
    /// The agent does not start with it; gives the reason.
    Invalid(String),
}

/// Credentials that a profile provides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProfileCredentials {
    /// None.
    Nothing,
    /// Keys.
    Keys(AccessKey),
    /// A web-identity token.
    WebIdentity {
        /// Path of the token.
        token_file: PathBuf,
        /// Role to assume with it.
        role_arn: Option<String>,
    },
    /// A role assumed with the keys of another profile.
    Role(Role),
    /// A method that the exporter does not test.
    Unprobed(String),
}

/// A role assumed with an access key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Role {
    /// ARN of the role.
    pub arn: String,
    /// The key that assumes it.
    pub key: AccessKey,
    /// External ID that the role's owner requires.
    pub external_id: Option<Secret>,
    /// Session name.
    pub session_name: Option<String>,
}

type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// Reads the profile files and the profile in use.
pub fn read(variables: &CredentialVariables) -> Profile {
    match texts(variables) {
        Ok(texts) => meaning(variables, &texts),
        Err(why) => Profile::Invalid(why),
    }
}

/// Returns the other settings of the profile in use: region, endpoints.
pub fn settings(variables: &CredentialVariables) -> BTreeMap<String, String> {
    let mut sections = sections(&texts(variables).unwrap_or_default());
    let mut settings = sections.remove(named(variables)).unwrap_or_default();
    settings.retain(|key, _| !key.contains("secret") && !key.contains("token"));
    settings
}

fn texts(variables: &CredentialVariables) -> Result<Vec<String>, String> {
    let mut texts = Vec::new();
    for path in &variables.profile_files {
        match bounded(path) {
            Ok(text) => texts.push(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        }
    }
    Ok(texts)
}

fn sections(texts: &[String]) -> Sections {
    let mut sections = Sections::new();
    for text in texts {
        parse(text, &mut sections);
    }
    sections
}

fn named(variables: &CredentialVariables) -> &str {
    variables
        .profile
        .as_deref()
        .or(variables.default_profile.as_deref())
        .unwrap_or("default")
}

/// Parses the profile files; later files add to earlier ones.
pub fn meaning(variables: &CredentialVariables, texts: &[String]) -> Profile {
    let (sections, name) = (sections(texts), named(variables));
    match gives(name, &sections, 0) {
        Ok(Some(gives)) => Profile::Valid(gives),
        Ok(None) if variables.profile.is_some() => {
            let files: Vec<_> = variables
                .profile_files
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let files = if files.is_empty() {
                "any file".to_owned()
            } else {
                files.join(" or ")
            };
            Profile::Invalid(format!(
                "AWS_PROFILE names {}, which is not in {files}",
                values::shown(name)
            ))
        }
        Ok(None) => Profile::Valid(ProfileCredentials::Nothing),
        Err(why) => Profile::Invalid(format!("the profile {}: {why}", values::shown(name))),
    }
}

/// Follows the order of Go's SDK (`resolveCredsFromProfile`).
fn gives(
    name: &str,
    sections: &Sections,
    depth: usize,
) -> Result<Option<ProfileCredentials>, String> {
    let Some(section) = sections.get(name) else {
        return Ok(None);
    };
    let value = |key: &str| section.get(key).filter(|value| !value.is_empty()).cloned();
    let (id, secret) = (
        value("aws_access_key_id"),
        value("aws_secret_access_key").map(Secret::new),
    );
    let role = value("role_arn");
    let with = |arn: String, key: AccessKey| {
        let external_id = value("external_id").map(Secret::unregistered);
        ProfileCredentials::Role(Role {
            arn,
            key,
            external_id,
            session_name: value("role_session_name"),
        })
    };
    if let (Some(arn), Some(source)) = (
        &role,
        value("source_profile").filter(|source| source != name),
    ) {
        if depth == MAX_CHAIN {
            return Err("its source profiles form a cycle".to_owned());
        }
        return match gives(&source, sections, depth + 1)? {
            None => Err(format!(
                "its source profile {} does not exist",
                values::shown(&source)
            )),
            Some(ProfileCredentials::Keys(key)) => Ok(Some(with(arn.clone(), key))),
            Some(ProfileCredentials::Role(_)) => Ok(Some(ProfileCredentials::Unprobed(
                "a chain of several roles".to_owned(),
            ))),
            Some(_) => Ok(Some(ProfileCredentials::Unprobed(
                "a role through a source profile without keys".to_owned(),
            ))),
        };
    }
    let whole = match (id, secret) {
        (Some(id), Some(secret)) => Some(AccessKey {
            id,
            secret,
            session: value("aws_session_token").map(Secret::new),
        }),
        (None, None) => None,
        _ => {
            return Err(
                "its key is incomplete: an ID without a secret, or a secret without an ID"
                    .to_owned(),
            );
        }
    };
    Ok(Some(match (whole, role) {
        (Some(key), Some(arn)) => with(arn, key),
        (Some(key), None) => ProfileCredentials::Keys(key),
        (None, role) => {
            if value("credential_source").is_some() {
                ProfileCredentials::Unprobed("credential_source".to_owned())
            } else if let Some(file) = value("web_identity_token_file") {
                ProfileCredentials::WebIdentity {
                    token_file: PathBuf::from(file),
                    role_arn: role,
                }
            } else if ["sso_session", "sso_account_id", "sso_start_url"]
                .iter()
                .any(|key| value(key).is_some())
            {
                ProfileCredentials::Unprobed("SSO".to_owned())
            } else if value("credential_process").is_some() {
                ProfileCredentials::Unprobed("credential_process".to_owned())
            } else if role.is_some() {
                ProfileCredentials::Unprobed("a role without a source profile".to_owned())
            } else {
                ProfileCredentials::Nothing
            }
        }
    }))
}

/// Parses the sections of a file; `[profile x]` and `[x]` are equivalent, since credentials files
/// have only the latter.
fn parse(text: &str, sections: &mut Sections) {
    let mut current = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(title) = trimmed
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            let title = title.trim();
            let name = title.strip_prefix("profile ").map_or(title, str::trim);
            current = Some(name.to_owned());
            sections.entry(name.to_owned()).or_default();
        } else if let (Some(name), Some((key, value))) = (&current, trimmed.split_once('=')) {
            // An indented line belongs to the value before it.
            if !line.starts_with([' ', '\t']) {
                let section = sections.entry(name.clone()).or_default();
                let value = value.split(" #").next().unwrap_or_default();
                section.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
        }
    }
}

fn bounded(path: &Path) -> io::Result<String> {
    let bytes = regular_file::read_start(path, MAX_FILE)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
