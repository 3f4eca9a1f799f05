//! A server that answers like an exporter, with documents of the test.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running server; dropping it stops it.
pub(crate) struct CannedExporter {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl CannedExporter {
    /// Serves these documents by path.
    pub(crate) async fn start(documents: BTreeMap<&'static str, String>) -> Self {
        Self::respond(move |path| match documents.get(path) {
            Some(body) => ("200 OK", body.clone()),
            None => ("404 Not Found", "not found".to_owned()),
        })
        .await
    }

    /// Responds to a path with a status and a body.
    pub(crate) async fn respond(
        response: impl Fn(&str) -> (&'static str, String) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let Ok(read) = stream.read(&mut request).await else {
                    continue;
                };
                counter.fetch_add(1, Ordering::Relaxed);
                let request = String::from_utf8_lossy(&request[..read]);
                let path = request.split(' ').nth(1).unwrap_or_default();
                let (status, body) = response(path);
                let response = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    /// Returns the number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for CannedExporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}
