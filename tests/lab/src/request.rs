//! Bounded, strict HTTP/1.1 request parser.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// An HTTP request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// `GET`, `CONNECT`, …
    pub method: String,
    /// Request target: a path with a query, or an authority for `CONNECT`.
    pub target: String,
    /// Names and values, in wire order.
    pub headers: Vec<(String, String)>,
    /// Body, at most 64 KiB.
    pub body: Vec<u8>,
}

/// Reads requests from a connection; buffers bytes that belong to later requests.
#[derive(Debug, Default)]
pub(crate) struct RequestReader {
    buffer: Vec<u8>,
}

/// Size limit of a header section and of a body.
const MAX_BYTES: usize = 64 * 1024;

// === impl Request ===

impl Request {
    /// Returns the value of the first header called `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the target without its query.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// Returns the decoded value of a query parameter.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .find(|(given, _)| decode(given) == name)
            .map(|(_, value)| decode(value))
    }

    /// Returns all decoded parameters of the query and of a form body.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let body = std::str::from_utf8(&self.body).unwrap_or_default();
        let pairs = query
            .split('&')
            .chain(body.split('&'))
            .filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(n, v)| (decode(n), decode(v)))
            .collect()
    }

    pub(crate) fn wants_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    fn parse(head: &[u8]) -> Option<Self> {
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.splitn(3, ' ');
        let (method, target, version) = (first.next()?, first.next()?, first.next()?);
        if !version.starts_with("HTTP/1.") {
            return None;
        }
        let headers = lines.filter(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        });
        Some(Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers.collect::<Option<_>>()?,
            body: Vec::new(),
        })
    }
}

// === impl RequestReader ===

impl RequestReader {
    /// Reads the next request, or `None` at the end of the connection.
    pub(crate) async fn next(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<Request>> {
        let malformed = || io::Error::from(io::ErrorKind::InvalidData);
        let end = loop {
            if let Some(end) = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end + 4;
            }
            if self.buffer.len() > MAX_BYTES {
                return Err(malformed());
            }
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let mut request = Request::parse(&head).ok_or_else(malformed)?;
        let length = match request.header("content-length") {
            Some(length) => length
                .parse()
                .ok()
                .filter(|length| *length <= MAX_BYTES)
                .ok_or_else(malformed)?,
            None => 0,
        };
        while self.buffer.len() < length {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
        request.body = self.buffer.drain(..length).collect();
        Ok(Some(request))
    }

    /// Returns the bytes read after the last request.
    pub(crate) fn into_unread_bytes(self) -> Vec<u8> {
        self.buffer
    }
}

/// Decodes `%41` and `+`.
fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                std::str::from_utf8(&hex)
                    .ok()
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok())
                    .unwrap_or(b'?')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_requests_in_one_segment_are_separated() {
        let mut wire: &[u8] =
            b"POST /a?x=k8s.io%2Fname%3Dy HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\n";
        let mut requests = RequestReader::default();
        let first = requests.next(&mut wire).await.unwrap().unwrap();
        assert_eq!(
            (first.path(), first.body.as_slice()),
            ("/a", b"hi".as_slice())
        );
        assert_eq!(first.query("x").as_deref(), Some("k8s.io/name=y"));
        assert_eq!(
            requests.next(&mut wire).await.unwrap().unwrap().target,
            "/b"
        );
        assert_eq!(requests.next(&mut wire).await.unwrap(), None);
    }

    #[tokio::test]
    async fn malformed_and_oversized_requests_are_rejected() {
        for wire in [
            &b"\r\n\r\n"[..],
            b"GET / HTTP/2\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        ] {
            assert!(RequestReader::default().next(&mut &*wire).await.is_err());
        }
        let endless = vec![b'a'; 2 * MAX_BYTES];
        assert!(
            RequestReader::default()
                .next(&mut endless.as_slice())
                .await
                .is_err()
        );
    }
}
