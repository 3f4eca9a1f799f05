//! Kubernetes objects, reduced on arrival to the fields that checks need.

pub mod cached_object;
pub mod event;
pub mod left_out;
mod lenient;
pub mod node;
pub mod object;
pub mod pending_image_pod;
pub mod pod;
pub mod pod_spec;
pub mod workload;
