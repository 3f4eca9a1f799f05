//! Image-pull messages of container runtimes and registries.

use super::super::{Row, TextKind, assert_classified, classify, classify_line};

const IMAGES: &[Row] = &[
    (
        r#"Failed to pull image "myreg.azurecr.io/app:1": rpc error: code = Unknown desc = failed to pull and unpack image "myreg.azurecr.io/app:1": failed to resolve reference "myreg.azurecr.io/app:1": failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized"#,
        "image_auth_failed",
    ),
    (
        r#"Failed to pull image "myreg.azurecr.io/app:1": rpc error: code = Unknown desc = failed to pull and unpack image: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://myreg.azurecr.io/oauth2/token?scope=x: 403 Forbidden"#,
        "image_forbidden",
    ),
    (
        r#"Failed to pull image "x": failed to pull and unpack image "x": failed to resolve reference "x": unexpected status from HEAD request to https://us-docker.pkg.dev/v2/a/manifests/1: 401 Unauthorized"#,
        "image_auth_failed",
    ),
    (
        r#"Failed to pull image "x": unexpected status code https://index.docker.io/v2/a: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit"#,
        "image_rate_limited",
    ),
    (
        r#"Failed to pull image "x": rpc error: code = Unknown desc = Error response from daemon: received unexpected HTTP status: 500 Internal Server Error"#,
        "image_registry_5xx",
    ),
    (
        r#"Failed to pull image "x": pulling from host gcr.io failed with status code [manifests 1.0.0]: 403 Forbidden"#,
        "image_forbidden",
    ),
    (
        r#"Failed to pull image "x": failed to pull and unpack image "docker.io/library/nope:1": failed to resolve reference: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"#,
        "image_auth_or_missing",
    ),
    (
        r#"Failed to pull image "x": pull access denied, repository does not exist or may require authorization: no basic auth credentials"#,
        "image_auth_failed",
    ),
    (
        r#"Failed to pull image "us-docker.pkg.dev/castai-hub/library/agent:v9": rpc error: code = NotFound desc = failed to pull and unpack image: us-docker.pkg.dev/castai-hub/library/agent:v9: not found"#,
        "image_not_found",
    ),
    (
        r#"Failed to pull image "x": [rpc error: code = NotFound desc = failed to pull and unpack image "x": not found, rpc error: code = Unknown desc = failed to pull and unpack image "x": unexpected status: 401 Unauthorized]"#,
        "image_not_found",
    ),
    (
        r#"Failed to pull image "x": failed to do request: Head "https://r.example/v2/": dial tcp: lookup r.example on 10.0.0.2:53: no such host"#,
        "image_dns",
    ),
    (
        r#"Failed to pull image "x": failed to do request: Head "https://r.example/v2/": dial tcp: lookup r.example: i/o timeout"#,
        "image_dns",
    ),
    (
        r#"Failed to pull image "x": failed to do request: Head "https://r.example/v2/": dial tcp 10.0.0.9:443: i/o timeout"#,
        "image_timeout",
    ),
    (
        r#"Failed to pull image "x": failed to do request: Head "https://r.example/v2/": dial tcp 10.0.0.9:443: connect: connection refused"#,
        "image_refused",
    ),
    (
        r#"Failed to pull image "x": failed to do request: Head "https://r.example/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority"#,
        "image_tls_untrusted",
    ),
    (
        r#"Failed to pull image "x": failed to do request: Head "https://r.example/v2/": net/http: TLS handshake timeout"#,
        "image_timeout",
    ),
    (
        r#"Failed to pull image "x": no match for platform in manifest: not found"#,
        "image_platform_mismatch",
    ),
    (
        r#"Failed to pull image "x": write /var/lib/containerd/io: no space left on device"#,
        "image_no_space",
    ),
    (
        r#"Failed to apply default image tag "X Y": couldn't parse image name "X Y": invalid reference format"#,
        "image_invalid_name",
    ),
    (
        r#"Container image "x" is not present with pull policy of Never"#,
        "image_never_pull",
    ),
    (
        r#"Back-off pulling image "x": ErrImagePull: failed to pull and unpack image "x": unexpected status: 401 Unauthorized"#,
        "image_auth_failed",
    ),
    // containerd up to 1.6, then later versions.
    (
        r#"ErrImagePull: failed to resolve reference "r/x:1": unexpected status: 403 Forbidden"#,
        "image_forbidden",
    ),
    (
        r#"ErrImagePull: failed to resolve reference "r/x:1": unexpected status: 404 Not Found"#,
        "image_not_found",
    ),
    (
        "ErrImagePull: failed to copy: httpReadSeeker: failed open: unexpected status code https://r/v2/x/blobs/sha256:00: 502 Bad Gateway - Server message: unknown",
        "image_registry_5xx",
    ),
    (
        r#"ErrImagePull: failed to resolve reference "r:5000/x:1": unexpected status from HEAD request to https://r:5000/v2/x/manifests/1: 503 Service Unavailable"#,
        "image_registry_5xx",
    ),
    (
        r#"ErrImagePull: failed to do request: Head "http://r:5000/v2/x/manifests/1": http: server gave HTTP response to HTTPS client"#,
        "image_tls_untrusted",
    ),
    (
        r#"ErrImagePull: failed to pull and unpack image "docker.io/library/x:1": failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/library/x/manifests/sha256:00: 429 Too Many Requests"#,
        "image_rate_limited",
    ),
    (
        "ErrImagePull: failed to extract layer sha256:00: write /var/lib/containerd/x: no space left on device: unknown",
        "image_no_space",
    ),
    // A message that was formatted twice.
    (
        r#"Failed to pull image "x": unexpected status code https://r/v2/x/manifests/1?scope=repository%!A(MISSING)x%!A(MISSING)pull: 403 Forbidden"#,
        "image_forbidden",
    ),
    (
        r#"Failed to pull image "x": Too Many Requests (HAP429)"#,
        "image_rate_limited",
    ),
    // Artifact Registry reports a missing image and missing permission with the same message.
    (
        r#"ErrImagePull: failed to authorize: denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/p/locations/eu/repositories/r" (or it may not exist)"#,
        "image_forbidden",
    ),
    // CRI-O.
    (
        "ErrImagePull: initializing source docker://quay.io/x/y:1: reading manifest 1 in quay.io/x/y: unauthorized: access to the requested resource is not authorized",
        "image_auth_failed",
    ),
    (
        "ErrImagePull: reading manifest v9 in registry.k8s.io/pause: manifest unknown",
        "image_not_found",
    ),
    (
        "ErrImagePull: initializing source docker://x: reading manifest latest in docker.io/library/x: requested access to the resource is denied",
        "image_forbidden",
    ),
    (
        r#"ErrImagePull: initializing source docker://r:5000/x: pinging container registry r:5000: Get "https://r:5000/v2/": dial tcp 10.0.0.9:5000: connect: connection refused"#,
        "image_refused",
    ),
    (
        "ErrImagePull: pinging container registry r: received unexpected HTTP status: 503 Service Unavailable",
        "image_registry_5xx",
    ),
    (
        "ErrImagePull: reading manifest 1 in r/x: invalid status code from registry 404 (Not Found)",
        "image_not_found",
    ),
    (
        "SignatureValidationFailed: image pull failed for r/x because the signature validation failed: Source image rejected: A signature was required, but no signature exists",
        "image_signature",
    ),
    (
        "ErrImagePull: Source image rejected: A signature was required, but no signature exists",
        "image_signature",
    ),
    (
        r#"ErrImagePull: choosing an image from manifest list docker://x:1: no image found in image index for architecture "arm64", variant "v8", OS "linux""#,
        "image_platform_mismatch",
    ),
    (
        "RegistryUnavailable: image pull failed for r/x because the registry is unavailable",
        "image_registry_unavailable",
    ),
    // Docker.
    (
        r#"Failed to pull image "nope": rpc error: code = Unknown desc = Error response from daemon: pull access denied for nope, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"#,
        "image_auth_or_missing",
    ),
    (
        r#"Failed to pull image "x:9": rpc error: code = Unknown desc = Error response from daemon: manifest for x:9 not found: manifest unknown: manifest unknown"#,
        "image_not_found",
    ),
    (
        r#"Failed to pull image "r/x": rpc error: code = Unknown desc = Error response from daemon: Get "https://r/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"#,
        "image_timeout",
    ),
    (
        r#"Failed to pull image "r/x": rpc error: code = Unknown desc = Error response from daemon: unauthorized: authentication required"#,
        "image_auth_failed",
    ),
    (
        r#"Failed to pull image "x": rpc error: code = Unknown desc = Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries"#,
        "image_platform_mismatch",
    ),
    // An image with words of other rules in its name.
    (
        r#"Failed to pull image "signature-service": rpc error: code = Unknown desc = unauthorized: authentication required"#,
        "image_auth_failed",
    ),
    // One entry per credential that was tried. An error about the image outranks the one for
    // anonymous access.
    (
        r#"Failed to pull image "x": [rpc error: code = Unknown desc = failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized, rpc error: code = NotFound desc = failed to pull and unpack image "x": x: not found]"#,
        "image_not_found",
    ),
    (
        r#"Failed to pull image "x": [rpc error: code = Unknown desc = unexpected status from GET request to https://r/token: 403 Forbidden, rpc error: code = Unknown desc = failed to fetch anonymous token: unexpected status: 401 Unauthorized]"#,
        "image_forbidden",
    ),
    (
        r#"Failed to pull image "x": [rpc error: code = Unknown desc = failed to authorize: 401 Unauthorized: unauthorized, rpc error: code = Unknown desc = pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed]"#,
        "image_auth_failed",
    ),
    (
        r#"(combined from similar events): Failed to pull image "x": rpc error: code = Unknown desc = failed to do request: Head "https://r/v2/": dial tcp: lookup r: i/o timeout"#,
        "image_dns",
    ),
    // Newer kubelets give the reason for back-off.
    (
        r#"ImagePullBackOff: Back-off pulling image "r/x:1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "r/x:1": r/x:1: not found"#,
        "image_not_found",
    ),
    (
        r#"ImagePullBackOff: Back-off pulling image "r/x": SignatureValidationFailed: image pull failed for r/x because the signature validation failed: Source image rejected: A signature was required, but no signature exists"#,
        "image_signature",
    ),
    (
        r#"ImagePullBackOff: Back-off pulling image "r/x": RegistryUnavailable: image pull failed for r/x because the registry is unavailable"#,
        "image_registry_unavailable",
    ),
    // Older kubelets keep the message of the last attempt without its reason.
    (
        "ImagePullBackOff: image pull failed for r/x because the registry is unavailable",
        "image_registry_unavailable",
    ),
    (
        "ImagePullBackOff: image pull failed for r/x because the signature validation failed",
        "image_signature",
    ),
    (
        r#"Failed to pull image "gcr.io/x/y:1": rpc error: code = Unknown desc = error parsing HTTP 429 response body: invalid character 'R' looking for beginning of value: "Rate exceeded""#,
        "image_rate_limited",
    ),
    (
        r#"ImagePullBackOff: Back-off pulling image "r/x:1""#,
        "image_unknown",
    ),
    (
        r#"InvalidImageName: Failed to apply default image tag "X:1": couldn't parse image reference "X:1": invalid reference format: repository name must be lowercase"#,
        "image_invalid_name",
    ),
    (
        r#"ErrImageNeverPull: Container image "x:1" is not present with pull policy of Never"#,
        "image_never_pull",
    ),
    (
        r#"ImageInspectError: Failed to inspect image "x": rpc error: code = Unknown desc = layer not known"#,
        "image_unknown",
    ),
    (r#"Back-off pulling image "x""#, "image_unknown"),
    ("Error: ErrImagePull", "image_unknown"),
];

#[test]
fn image_pull_errors_have_their_modes() {
    assert_classified(|text| classify(Some(TextKind::K8sEvent), text), IMAGES);
    assert_classified(classify_line, IMAGES);
}
