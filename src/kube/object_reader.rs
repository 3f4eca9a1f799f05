//! Single objects of the API server, read as the account of this process.

use crate::classify::kube_status;
use crate::kube::Door;
use crate::net::Answer;
use crate::report::Evidence;

/// What was found where an object was looked for.
#[derive(Debug)]
pub enum Found {
    /// The answer with the object.
    Object(Answer),
    /// It does not exist.
    Nothing,
}

/// What is asked for, in the words of RBAC and as a path.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Such as `get configmaps/castai-agent-metadata in the namespace castai-agent`.
    pub right: String,
    /// The path with its query.
    pub path: String,
}

/// Reads one object.
///
/// # Errors
/// Why it could not be read; a missing right is named.
pub async fn read(door: &Door, wanted: &Wanted) -> Result<Found, Evidence> {
    let answer = async { door.enter().await?.get(&wanted.path).await };
    let answer = answer.await.map_err(|verdict| verdict.evidence())?;
    match answer.status.as_u16() {
        403 => Err(Evidence::from(format!(
            "this exporter's account may not {}",
            wanted.right
        ))),
        404 => Ok(Found::Nothing),
        status => match kube_status(status, Some(&answer.content_type()), &answer.body) {
            None => Ok(Found::Object(answer)),
            Some(mode) => Err(Evidence::from(format!(
                "GET {} was answered {} {} ({mode})",
                wanted.path,
                answer.status,
                answer.quoted()
            ))),
        },
    }
}
