//! Lines that the stand-in of the agent writes to its log.

/// A delivery.
pub(super) const DELIVERY_LINE: &str = r#"time="x" level=info msg="delta upload finished" full_snapshot=false items=3 response_code=204"#;

/// A fatal configuration error.
pub(super) const FATAL_LINE: &str =
    r#"time="x" level=fatal msg="agent failed: unknown provider \"eksx\"""#;

/// A lost lease.
pub(super) const LEASE_LOST_LINE: &str = r#"E1122 13:00:10.148702       1 leaderelection.go:316] error retrieving resource lock castai-agent/agent-leader-election-lock: Get "https://10.96.0.21:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/x?timeout=3s": net/http: TLS handshake timeout"#;

/// A key that CAST AI rejects, in the agent's log.
pub(super) const UNAUTHORIZED_LINE: &str = r#"time="x" level=error msg="failed getting agent configuration: request error status_code=401 body={\"message\":\"Unauthorized\"}""#;

/// The same in the log of the cluster controller.
pub(super) const CONTROLLER_UNAUTHORIZED_LINE: &str = r#"time="x" level=error msg="polling actions: get action request failed: iteration: 3 get cluster-actions: request error host=https://api.cast.ai, status_code=401 body={\"message\":\"Unauthorized\"}""#;
