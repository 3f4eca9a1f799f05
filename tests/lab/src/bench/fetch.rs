//! Fetches pages over plain HTTP, each over a new connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time;

use super::error;

/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Returns the body of a complete response with status 200.
pub(crate) async fn fetch(addr: SocketAddr, path: &str) -> io::Result<String> {
    let body = fetch_with(addr, path, "").await?;
    String::from_utf8(body).map_err(|_| error(format!("{path} is not UTF-8")))
}

/// Returns the raw body of a complete response with status 200, requested with extra headers.
pub(crate) async fn fetch_with(addr: SocketAddr, path: &str, headers: &str) -> io::Result<Vec<u8>> {
    let exchange = async {
        let mut stream = TcpStream::connect(addr).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut response = Vec::with_capacity(128 * 1024);
        stream.read_to_end(&mut response).await?;
        body(&response).ok_or_else(|| {
            error(format!(
                "{addr} did not return a complete response with status 200 for {path}"
            ))
        })
    };
    time::timeout(TIMEOUT, exchange).await?
}

/// Waits until a server listens at `addr`.
pub(crate) async fn wait_until_listening(addr: SocketAddr) -> io::Result<()> {
    let connects = async {
        while TcpStream::connect(addr).await.is_err() {
            time::sleep(Duration::from_millis(20)).await;
        }
    };
    time::timeout(TIMEOUT, connects)
        .await
        .map_err(|_| error(format!("timed out: nothing listens on {addr}")))
}

fn body(response: &[u8]) -> Option<Vec<u8>> {
    let (head, body) = split_once(response, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status_ok = lines.next()?.starts_with("HTTP/1.1 200 ");
    let length = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    };
    let complete = match lines.find_map(length) {
        Some(length) => (length == body.len()).then(|| body.to_vec()),
        None => decode_chunks(body),
    };
    complete.filter(|_| status_ok)
}

fn decode_chunks(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    loop {
        let (size, rest) = split_once(body, b"\r\n")?;
        let size = usize::from_str_radix(str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            return Some(decoded);
        }
        decoded.extend_from_slice(rest.get(..size)?);
        body = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let index = bytes
        .windows(separator.len())
        .position(|window| window == separator)?;
    Some((&bytes[..index], &bytes[index + separator.len()..]))
}

/// Returns the value of a series, which is given as in the exposition format.
pub(crate) fn series_value(metrics: &str, series: &str) -> Option<f64> {
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_responses_are_rejected() {
        let text =
            |response: &str| body(response.as_bytes()).map(|body| String::from_utf8(body).unwrap());
        let plain =
            |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nbody");
        assert_eq!(text(&plain(4)).as_deref(), Some("body"));
        assert_eq!(text(&plain(5)), None);
        let chunked = "HTTP/1.1 200 OK\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n";
        assert_eq!(text(chunked).as_deref(), Some("body"));
        assert_eq!(text(&chunked[..30]), None);
        assert_eq!(text("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"), None);
    }

    #[test]
    fn series_is_found_by_its_whole_name() {
        let metrics = "# TYPE a counter\na_total{b=\"c\"} 7\na_total 8\n";
        assert_eq!(series_value(metrics, "a_total"), Some(8.0));
        assert_eq!(series_value(metrics, "a_total{b=\"c\"}"), Some(7.0));
        assert_eq!(series_value(metrics, "a"), None);
    }
}
