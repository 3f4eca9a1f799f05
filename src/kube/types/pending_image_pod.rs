//! Pods of any namespace that wait for an image in vain; of all others nothing is kept.

use jiff::Timestamp;
use serde::Deserialize;

use crate::kube::types::{Kept, Meta, pod, raw};

/// A pod whose image does not come.
#[derive(Clone, Debug)]
pub struct WaitingPod {
    /// `namespace/name`.
    pub name: Box<str>,
    /// The node that pulls.
    pub node: Box<str>,
    /// When the pod was made.
    pub created: Option<Timestamp>,
    /// The images it waits for.
    pub images: Box<[Image]>,
}

/// An image that does not come.
#[derive(Clone, Debug)]
pub struct Image {
    /// The container that needs it.
    pub container: Box<str>,
    /// Its name, as the pod has it.
    pub image: Box<str>,
    /// `ErrImagePull`, `ImagePullBackOff`, …
    pub reason: Box<str>,
    /// What the kubelet says.
    pub message: Box<str>,
}

/// What is read of a pod that is pending.
#[derive(Debug, Deserialize)]
pub struct RawWaitingPod {
    metadata: Meta,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSpec {
    #[serde(default)]
    node_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus {
    init_container_statuses: Vec<RawContainer>,
    container_statuses: Vec<RawContainer>,
}

#[derive(Debug, Deserialize)]
struct RawContainer {
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    state: RawState,
}

#[derive(Debug, Default, Deserialize)]
struct RawState {
    waiting: Option<pod::Waiting>,
}

raw!(RawWaitingPod);

impl Kept for WaitingPod {
    type Raw = RawWaitingPod;
    const MOST: usize = 2000;

    fn keep(raw: RawWaitingPod, before: Option<&Self>) -> Option<Self> {
        let RawWaitingPod {
            metadata,
            spec,
            status,
        } = raw;
        let statuses = status
            .init_container_statuses
            .into_iter()
            .chain(status.container_statuses);
        let images: Box<[_]> = statuses
            .filter_map(|status| Image::of(status, before))
            .collect();
        (!images.is_empty()).then(|| Self {
            name: format!("{}/{}", metadata.namespace, metadata.name).into(),
            node: spec.node_name.into(),
            created: metadata.creation_timestamp,
            images,
        })
    }

    /// The newest are kept.
    fn worth(&self) -> (u8, i64) {
        (0, self.created.map_or(0, Timestamp::as_second))
    }
}

impl Image {
    /// Old kubelets say why only while they try; the reason is kept over the pause.
    fn of(status: RawContainer, before: Option<&WaitingPod>) -> Option<Self> {
        let waiting = status
            .state
            .waiting
            .filter(pod::Waiting::is_about_an_image)?;
        let only_back_off = waiting.says_only_back_off();
        let known = before.filter(|_| only_back_off).and_then(|before| {
            before
                .images
                .iter()
                .find(|image| *image.container == *status.name && *image.image == *status.image)
        });
        let message = known.map_or_else(|| waiting.message.into(), |known| known.message.clone());
        Some(Self {
            container: status.name.into(),
            image: status.image.into(),
            reason: waiting.reason.into(),
            message,
        })
    }
}
