//! Tests of basic authentication.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use castai_health_exporter::config::exporter::server::OpenRoute;
use castai_health_exporter::config::{OpenRoutes, WebSettings};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use super::{RunningServer, fixed_handlers, with_file};

fn write(folder: &Path, password: &str) {
    let hash = bcrypt::hash(password, 4).unwrap();
    let file = format!(
        "basic_auth_users:\n  prometheus: {hash}\n  some.body: {hash}\n\
         http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    Content-Security-Policy: sandbox\n"
    );
    std::fs::write(folder.join("next"), file).unwrap();
    std::fs::rename(folder.join("next"), folder.join("web.yaml")).unwrap();
}

fn start_with_password(password: &str) -> (TempDir, RunningServer) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), password);
    let server = RunningServer::start(&with_file(folder.path().join("web.yaml")), fixed_handlers());
    (folder, server)
}

fn header(credentials: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(credentials))
}

#[tokio::test]
async fn every_route_requires_basic_auth() {
    let (_folder, server) = start_with_password("right");
    for path in [
        "/",
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/api/v1/status",
        "/nowhere",
    ] {
        let reply = server.get(path).await;
        assert_eq!(
            (reply.status, reply.header("www-authenticate")),
            (401, "Basic"),
            "{path}"
        );
        let reply = server
            .request("GET", path, &header("prometheus:right"))
            .await;
        assert_eq!(
            reply.status,
            if path == "/nowhere" { 404 } else { 200 },
            "{path}"
        );
    }
}

#[tokio::test]
async fn open_routes_require_no_password() {
    let (health, metrics) = (["/-/healthy", "/-/ready"], ["/metrics"]);
    let guarded = ["/", "/api/v1/status", "/runbooks/CastaiDown", "/nowhere"];
    for (open_routes, open) in [
        (OpenRoutes::from_iter([OpenRoute::Health]), health.to_vec()),
        (
            OpenRoutes::from_iter([OpenRoute::Metrics]),
            metrics.to_vec(),
        ),
        (
            OpenRoutes::from_iter([OpenRoute::Health, OpenRoute::Metrics]),
            [&health[..], &metrics].concat(),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "right");
        let web = WebSettings {
            open_routes,
            route_prefix: "/castai".to_owned(),
            ..with_file(folder.path().join("web.yaml"))
        };
        let server = RunningServer::start(&web, fixed_handlers());
        for path in [&health[..], &metrics, &guarded].concat() {
            let reply = server.get(&format!("/castai{path}")).await;
            let wanted = if open.contains(&path) { 200 } else { 401 };
            assert_eq!(reply.status, wanted, "{path} with {open_routes:?}");
        }
        // Other spellings of an open route are guarded.
        for path in [
            "/castai/metrics/",
            "/castai//metrics",
            "/metrics",
            "/castai/%6detrics",
        ] {
            assert_eq!(server.get(path).await.status, 401, "{path}");
        }
    }
}

#[tokio::test]
async fn wrong_password_or_unknown_user_gets_401() {
    let (_folder, server) = start_with_password("ri:ght");
    for (sent, status) in [
        (header("prometheus:ri:ght"), 200),
        (header("some.body:ri:ght"), 200),
        (header("prometheus:ri:ght").replace("Basic", "bAsIc"), 200),
        (header("prometheus:wrong"), 401),
        (header("prometheus:"), 401),
        (header("nobody:ri:ght"), 401),
        (header("prometheus"), 401),
        ("Authorization: Basic %%%\r\n".to_owned(), 401),
        ("Authorization: Bearer right\r\n".to_owned(), 401),
        ("Authorization: Basic\r\n".to_owned(), 401),
    ] {
        // The second response comes from the password cache.
        for _ in 0..2 {
            assert_eq!(
                server.request("GET", "/metrics", &sent).await.status,
                status,
                "{sent}"
            );
        }
    }
}

#[tokio::test]
async fn changed_password_takes_effect_immediately() {
    let (folder, server) = start_with_password("old");
    assert_eq!(
        server
            .request("GET", "/metrics", &header("prometheus:old"))
            .await
            .status,
        200
    );
    write(folder.path(), "new");
    assert_eq!(
        server
            .request("GET", "/metrics", &header("prometheus:old"))
            .await
            .status,
        401
    );
    assert_eq!(
        server
            .request("GET", "/metrics", &header("prometheus:new"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn configured_headers_are_on_every_response() {
    let (_folder, server) = start_with_password("right");
    for reply in [
        server.get("/").await,
        server
            .request("GET", "/", &header("prometheus:right"))
            .await,
    ] {
        assert_eq!(reply.header("x-frame-options"), "sameorigin");
        assert_eq!(reply.header("content-security-policy"), "sandbox");
    }
}

#[tokio::test]
async fn password_guessing_does_not_lock_out_valid_users() {
    let (_folder, server) = start_with_password("right");
    assert_eq!(
        server
            .request("GET", "/metrics", &header("prometheus:right"))
            .await
            .status,
        200
    );
    for guess in 0..200 {
        assert_eq!(
            server
                .request("GET", "/metrics", &header(&format!("prometheus:{guess}")))
                .await
                .status,
            401
        );
    }
    assert_eq!(
        server
            .request("GET", "/metrics", &header("prometheus:right"))
            .await
            .status,
        200
    );
}

/// A hash that no password matches and that takes the server at least a quarter of a second.
fn expensive_hash() -> String {
    format!("$2y$12${}", ".".repeat(53))
}

#[tokio::test]
async fn passwords_of_clients_that_hang_up_stay_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!(
        "basic_auth_users:\n  slow: {}\n  prometheus: {}\n",
        expensive_hash(),
        bcrypt::hash("right", 4).unwrap()
    );
    std::fs::write(folder.path().join("web.yaml"), file).unwrap();
    let server = RunningServer::start(&with_file(folder.path().join("web.yaml")), fixed_handlers());
    let right = header("prometheus:right");
    assert_eq!(server.request("GET", "/metrics", &right).await.status, 200);
    for guess in 0..40 {
        let mut stream = server.connect().await;
        let authorization = header(&format!("slow:{guess}"));
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{authorization}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
    }
    let reply = server
        .request("GET", "/metrics", &header("slow:last"))
        .await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, "5"));
    // A cached result does not wait for the others.
    assert_eq!(
        server.request("GET", "/-/healthy", &right).await.status,
        200
    );
}
