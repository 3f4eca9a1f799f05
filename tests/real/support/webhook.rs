//! A webhook that records the notifications of Alertmanager.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// A notification of Alertmanager.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    /// Payload of the webhook.
    pub(crate) body: Value,
    /// Time of arrival.
    pub(crate) at: Instant,
}

/// Serves a webhook that records notifications.
pub(crate) async fn receive() -> (String, watch::Receiver<Vec<Notification>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (writer, notifications) = watch::channel(Vec::new());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let writer = writer.clone();
            tokio::spawn(async move { serve_webhook(stream, &writer).await });
        }
    });
    (address, notifications)
}

/// Reads requests until the connection closes.
async fn serve_webhook(
    mut stream: TcpStream,
    notifications: &watch::Sender<Vec<Notification>>,
) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
        };
        let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))?
            .trim()
            .parse()
            .ok()?;
        while read.len() < head + length {
            stream.read_buf(&mut read).await.ok()?;
        }
        let body = serde_json::from_slice(&read[head..head + length]).ok()?;
        notifications.send_modify(|all| {
            all.push(Notification {
                body,
                at: Instant::now(),
            });
        });
        read.drain(..head + length);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await
            .ok()?;
    }
}
