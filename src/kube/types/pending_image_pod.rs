//! Pods of any namespace with an image that cannot be pulled. Other pods are not cached.

use jiff::Timestamp;
use serde::Deserialize;

use crate::kube::types::cached_object::{CachedObject, slice_bytes, text_bytes};
use crate::kube::types::lenient;
use crate::kube::types::object::Object;
use crate::kube::types::pod::ContainerWaiting;

/// A pod with an image that cannot be pulled.
#[derive(Clone, Debug)]
pub struct PendingImagePod {
    /// `NAMESPACE/NAME`.
    pub name: Box<str>,
    /// The node that pulls the image.
    pub node: Box<str>,
    /// Time of creation.
    pub created: Option<Timestamp>,
    /// The missing images.
    pub images: Box<[PendingImage]>,
}

/// An image that cannot be pulled.
#[derive(Clone, Debug)]
pub struct PendingImage {
    /// The container that needs it.
    pub container: Box<str>,
    /// The image reference in the pod.
    pub image: Box<str>,
    /// The reason, such as `ErrImagePull`.
    pub reason: Box<str>,
    /// The message of the kubelet.
    pub message: Box<str>,
}

/// The spec of a pending pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PendingPodSpec {
    #[serde(deserialize_with = "lenient::or_default")]
    node_name: String,
}

/// The status of a pending pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PendingPodStatus {
    #[serde(deserialize_with = "lenient::list")]
    init_container_statuses: Vec<PendingContainerStatus>,
    #[serde(deserialize_with = "lenient::list")]
    container_statuses: Vec<PendingContainerStatus>,
}

#[derive(Clone, Debug, Deserialize)]
struct PendingContainerStatus {
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    state: PendingContainerState,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PendingContainerState {
    waiting: Option<ContainerWaiting>,
}

impl CachedObject for PendingImagePod {
    type Raw = Object<PendingPodSpec, PendingPodStatus>;
    const MAX_CACHED: usize = 2000;
    const MAX_CACHED_BYTES: usize = 2 << 20;
    const OPTIONAL: bool = true;

    fn from_raw(raw: Self::Raw, previous: Option<&Self>) -> Option<Self> {
        let Object {
            metadata,
            spec,
            status,
        } = raw;
        let statuses = status
            .init_container_statuses
            .into_iter()
            .chain(status.container_statuses);
        let images: Box<[_]> = statuses
            .filter_map(|status| PendingImage::from_status(status, previous))
            .collect();
        (!images.is_empty()).then(|| Self {
            name: format!("{}/{}", metadata.namespace, metadata.name).into(),
            node: spec.node_name.into(),
            created: metadata.creation_timestamp,
            images,
        })
    }

    fn allocated_bytes(&self) -> usize {
        let images = slice_bytes(&self.images, |image| {
            text_bytes([
                &*image.container,
                &image.image,
                &image.reason,
                &image.message,
            ])
        });
        text_bytes([&*self.name, &self.node]) + images
    }

    /// Retains the newest.
    fn retention_rank(&self) -> (u8, i64) {
        (0, self.created.map_or(0, Timestamp::as_second))
    }
}

impl PendingImage {
    /// Old kubelets report the cause only during an attempt; the back-off keeps the previous cause.
    fn from_status(
        status: PendingContainerStatus,
        previous: Option<&PendingImagePod>,
    ) -> Option<Self> {
        let waiting = status
            .state
            .waiting
            .filter(ContainerWaiting::is_image_failure)?;
        let only_back_off = waiting.is_back_off_without_cause();
        let known = previous.filter(|_| only_back_off).and_then(|previous| {
            previous
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
