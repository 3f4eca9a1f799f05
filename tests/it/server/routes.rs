//! Tests of every route and method.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use castai_health_exporter::config::WebSettings;
use castai_health_exporter::server;
use castai_health_exporter::server::Handlers;
use flate2::read::GzDecoder;
use tokio::sync::{mpsc, oneshot};

use super::{RunningServer, fixed_handlers, web};

#[tokio::test]
async fn metrics_have_prometheus_content_type() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let reply = server.get("/metrics?x=1").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(reply.header("content-encoding"), "");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(
        reply.text(),
        "# HELP up Up.\n# TYPE up gauge\nup 1\n".repeat(50)
    );
}

#[tokio::test]
async fn response_is_gzipped_on_accept_encoding() {
    let server = RunningServer::start(&web(), fixed_handlers());
    for (accepted, zipped) in [
        ("gzip", true),
        ("deflate, GZIP;q=0.5", true),
        ("identity;q=1, *;q=0", false),
        ("gzip;q=0", false),
        ("gzip;q=0.0", false),
        ("br", false),
    ] {
        let reply = server
            .request(
                "GET",
                "/metrics",
                &format!("Accept-Encoding: {accepted}\r\n"),
            )
            .await;
        assert_eq!(
            reply.header("content-encoding") == "gzip",
            zipped,
            "{accepted}"
        );
        assert_eq!(reply.header("vary"), "Accept-Encoding");
        let mut text = String::new();
        if zipped {
            assert!(reply.body.len() < 200);
            GzDecoder::new(reply.body.as_slice())
                .read_to_string(&mut text)
                .unwrap();
        } else {
            reply.text().clone_into(&mut text);
        }
        assert!(text.ends_with("up 1\n"), "{accepted}");
    }
}

#[tokio::test]
async fn each_route_has_its_content_type() {
    let server = RunningServer::start(&web(), fixed_handlers());
    for (path, status, kind, holds) in [
        ("/", 200, "text/html; charset=utf-8", "Status"),
        ("/api/v1/status", 200, "application/json", "schema_version"),
        ("/api/v1/history", 200, "application/json", "begins"),
        ("/runbooks/", 200, "text/html; charset=utf-8", "Runbooks"),
        ("/-/healthy", 200, "text/plain; charset=utf-8", "healthy"),
        ("/-/ready", 200, "text/plain; charset=utf-8", "ready"),
        (
            "/runbooks/CastaiDown",
            200,
            "text/html; charset=utf-8",
            "<title>Castai ⬇",
        ),
        (
            "/runbooks/CastaiDown.md",
            200,
            "text/plain; charset=utf-8",
            "# Castai ⬇",
        ),
        (
            "/runbooks/Unheard",
            404,
            "text/plain; charset=utf-8",
            "no such runbook",
        ),
        (
            "/runbooks/..%2f..%2fetc",
            404,
            "text/plain; charset=utf-8",
            "not found",
        ),
        ("/nowhere", 404, "text/plain; charset=utf-8", "not found"),
        ("/metrics/", 404, "text/plain; charset=utf-8", "not found"),
    ] {
        let reply = server.get(path).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (status, kind),
            "{path}"
        );
        assert!(reply.text().contains(holds), "{path}: {}", reply.text());
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn only_pages_have_a_content_security_policy() {
    let server = RunningServer::start(&web(), fixed_handlers());
    for path in ["/", "/runbooks/", "/runbooks/CastaiDown"] {
        let policy = server.get(path).await;
        assert_eq!(
            policy.header("content-security-policy"),
            "default-src 'none'",
            "{path}"
        );
    }
    let metrics = server.get("/metrics").await;
    assert_eq!(metrics.header("content-security-policy"), "");
}

#[tokio::test]
async fn runbook_file_is_a_page_for_browsers_and_markdown_for_programs() {
    let server = RunningServer::start(&web(), fixed_handlers());
    for (accept, start) in [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "<!DOCTYPE"),
        ("*/*", "# Castai ⬇"),
        ("text/markdown", "# Castai ⬇"),
    ] {
        let header = format!("Accept: {accept}\r\n");
        let reply = server
            .request("GET", "/runbooks/CastaiDown.md", &header)
            .await;
        assert!(
            reply.text().starts_with(start),
            "{accept}: {}",
            reply.text()
        );
        assert_eq!(reply.header("vary"), "Accept, Accept-Encoding");
    }
}

#[tokio::test]
async fn head_has_headers_of_get_without_body() {
    let server = RunningServer::start(&web(), fixed_handlers());
    for path in ["/metrics", "/", "/-/healthy", "/nowhere"] {
        let get = server.get(path).await;
        let head = server.request("HEAD", path, "").await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(
            head.header("content-length"),
            get.header("content-length"),
            "{path}"
        );
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn wrong_method_gets_405_with_allow_header() {
    let server = RunningServer::start(&web(), fixed_handlers());
    for (method, path, allowed) in [
        ("POST", "/metrics", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("OPTIONS", "/api/v1/status", "GET, HEAD"),
        ("GET", "/-/reload", "POST, PUT"),
    ] {
        let reply = server.request(method, path, "").await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, allowed),
            "{method} {path}"
        );
    }
    assert_eq!(server.request("POST", "/nowhere", "").await.status, 404);
}

#[tokio::test]
async fn readiness_503_lists_checks_without_verdict() {
    let ready = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ready);
    let verdict = move || {
        if seen.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("waiting for dns".to_owned())
        }
    };
    let server = RunningServer::start(
        &web(),
        Handlers {
            ready: Box::new(verdict),
            ..fixed_handlers()
        },
    );
    let reply = server.get("/-/ready").await;
    assert_eq!((reply.status, reply.text()), (503, "waiting for dns\n"));
    assert_eq!(server.get("/-/healthy").await.status, 200);
    ready.store(true, Ordering::Relaxed);
    assert_eq!(server.get("/-/ready").await.status, 200);
}

#[tokio::test]
async fn reload_is_forbidden_unless_enabled() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let reply = server
        .request("POST", "/-/reload", "Content-Length: 0\r\n")
        .await;
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("--web.enable-lifecycle"));
}

#[tokio::test]
async fn reload_response_lists_configuration_problems() {
    let (reload, mut asked) = mpsc::channel::<oneshot::Sender<Result<(), String>>>(1);
    let server = RunningServer::start(
        &web(),
        Handlers {
            reload: Some(reload),
            ..fixed_handlers()
        },
    );
    let reader = tokio::spawn(async move {
        let answers = [Ok(()), Err("config.yaml:3: scope: unknown".to_owned())];
        for answer in answers {
            asked.recv().await.unwrap().send(answer).unwrap();
        }
    });
    assert_eq!(
        server
            .request("POST", "/-/reload", "Content-Length: 0\r\n")
            .await
            .status,
        200
    );
    let reply = server
        .request("PUT", "/-/reload", "Content-Length: 5\r\n\r\nhello")
        .await;
    assert_eq!(
        (reply.status, reply.text()),
        (500, "config.yaml:3: scope: unknown\n")
    );
    reader.await.unwrap();
    assert_eq!(
        server.request("POST", "/-/reload", "").await.status,
        503,
        "the reload channel is closed"
    );
}

#[tokio::test]
async fn all_routes_are_below_the_route_prefix() {
    let server = RunningServer::start(
        &WebSettings {
            route_prefix: "/castai".to_owned(),
            ..web()
        },
        fixed_handlers(),
    );
    assert_eq!(server.get("/castai/metrics").await.status, 200);
    assert_eq!(server.get("/metrics").await.status, 404);
    for path in ["/", "/castai"] {
        let reply = server.get(path).await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (302, "/castai/"),
            "{path}"
        );
    }
    assert_eq!(server.get("/castai/").await.status, 200);
    let runbooks = server.get("/castai/runbooks").await;
    assert_eq!(
        (runbooks.status, runbooks.header("location")),
        (302, "/castai/runbooks/")
    );
}

#[tokio::test]
async fn address_in_use_is_named_with_its_cause() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let error = server::bind(&WebSettings {
        listen: vec![server.address],
        ..web()
    })
    .unwrap_err()
    .to_string();
    assert!(
        error.contains(&server.address.to_string()) && error.contains("in use"),
        "{error}"
    );
    server.stop().await;
}

#[tokio::test]
async fn every_listen_address_is_served() {
    let listen = vec!["127.0.0.1:0".parse().unwrap(), "[::]:0".parse().unwrap()];
    let bound = server::bind(&WebSettings { listen, ..web() }).unwrap();
    let addresses = bound.addresses();
    assert!(addresses.len() == 2 && addresses.iter().all(|address| address.port() != 0));
    let serving = tokio::spawn(bound.serve(fixed_handlers(), std::future::pending()));
    for address in addresses {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", address.port()))
            .await
            .unwrap();
        assert_eq!(
            super::request(&mut stream, "GET", "/-/healthy", "")
                .await
                .status,
            200
        );
    }
    serving.abort();
}
