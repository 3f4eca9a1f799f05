//! Fetching a page over plain HTTP, each time on a new connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time;

use super::failed;

/// How long a page may take.
const LIMIT: Duration = Duration::from_secs(20);

/// The body of a complete answer with status 200.
pub(crate) async fn fetch(addr: SocketAddr, path: &str) -> io::Result<String> {
    let body = fetch_with(addr, path, "").await?;
    String::from_utf8(body).map_err(|_| failed(format!("{path} is no text")))
}

/// The same as it comes, asked for with more headers.
pub(crate) async fn fetch_with(addr: SocketAddr, path: &str, headers: &str) -> io::Result<Vec<u8>> {
    let exchange = async {
        let mut stream = TcpStream::connect(addr).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(128 * 1024);
        stream.read_to_end(&mut answer).await?;
        body(&answer).ok_or_else(|| {
            failed(format!(
                "{addr} does not answer {path} completely and with 200"
            ))
        })
    };
    time::timeout(LIMIT, exchange).await?
}

/// Waits until something answers there.
pub(crate) async fn answers(addr: SocketAddr) -> io::Result<()> {
    let connects = async {
        while TcpStream::connect(addr).await.is_err() {
            time::sleep(Duration::from_millis(20)).await;
        }
    };
    time::timeout(LIMIT, connects)
        .await
        .map_err(|_| failed(format!("nothing listens on {addr}")))
}

fn body(answer: &[u8]) -> Option<Vec<u8>> {
    let (head, body) = split(answer, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let good = lines.next()?.starts_with("HTTP/1.1 200 ");
    let length = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    };
    let whole = match lines.find_map(length) {
        Some(length) => (length == body.len()).then(|| body.to_vec()),
        None => unchunked(body),
    };
    whole.filter(|_| good)
}

fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let (size, rest) = split(body, b"\r\n")?;
        let size = usize::from_str_radix(str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(rest.get(..size)?);
        body = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = bytes.windows(at.len()).position(|window| window == at)?;
    Some((&bytes[..place], &bytes[place + at.len()..]))
}

/// The value of one series, given as it stands in the text.
pub(crate) fn value(metrics: &str, series: &str) -> Option<f64> {
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_answers_have_a_body() {
        let text =
            |answer: &str| body(answer.as_bytes()).map(|body| String::from_utf8(body).unwrap());
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
    fn a_series_is_found_by_its_whole_name() {
        let metrics = "# TYPE a counter\na_total{b=\"c\"} 7\na_total 8\n";
        assert_eq!(value(metrics, "a_total"), Some(8.0));
        assert_eq!(value(metrics, "a_total{b=\"c\"}"), Some(7.0));
        assert_eq!(value(metrics, "a"), None);
    }
}
