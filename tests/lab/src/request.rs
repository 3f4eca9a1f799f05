//! Reading an HTTP/1.1 request: strict enough for a client that is under test, and bounded.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// One request as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// `GET`, `CONNECT`, …
    pub method: String,
    /// The path and query, or what stands in their place.
    pub target: String,
    /// Names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// Up to 64 KiB.
    pub body: Vec<u8>,
}

/// The bytes of a connection that were read and belong to a later request.
#[derive(Debug, Default)]
pub(crate) struct Unread(Vec<u8>);

/// Bytes that a header section or a body may have.
const LIMIT: usize = 64 * 1024;

// === impl Request ===

impl Request {
    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The decoded value of a query parameter.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .find(|(given, _)| decode(given) == name)
            .map(|(_, value)| decode(value))
    }

    /// Every parameter of the query and of a form in the body, decoded.
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

// === impl Unread ===

impl Unread {
    /// Reads the next request; `None` is the end of the connection.
    pub(crate) async fn request(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<Request>> {
        let malformed = || io::Error::from(io::ErrorKind::InvalidData);
        let end = loop {
            if let Some(end) = self.0.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if self.0.len() > LIMIT {
                return Err(malformed());
            }
            if stream.read_buf(&mut self.0).await? == 0 {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.0.drain(..end).collect();
        let mut request = Request::parse(&head).ok_or_else(malformed)?;
        let length = match request.header("content-length") {
            Some(length) => length
                .parse()
                .ok()
                .filter(|length| *length <= LIMIT)
                .ok_or_else(malformed)?,
            None => 0,
        };
        while self.0.len() < length {
            if stream.read_buf(&mut self.0).await? == 0 {
                return Ok(None);
            }
        }
        request.body = self.0.drain(..length).collect();
        Ok(Some(request))
    }

    /// The bytes that came after the last request.
    pub(crate) fn into_rest(self) -> Vec<u8> {
        self.0
    }
}

/// Undoes `%41` and `+`.
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
    async fn two_requests_in_one_segment_are_told_apart() {
        let mut wire: &[u8] =
            b"POST /a?x=k8s.io%2Fname%3Dy HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\n";
        let mut unread = Unread::default();
        let first = unread.request(&mut wire).await.unwrap().unwrap();
        assert_eq!(
            (first.path(), first.body.as_slice()),
            ("/a", b"hi".as_slice())
        );
        assert_eq!(first.query("x").as_deref(), Some("k8s.io/name=y"));
        assert_eq!(
            unread.request(&mut wire).await.unwrap().unwrap().target,
            "/b"
        );
        assert_eq!(unread.request(&mut wire).await.unwrap(), None);
    }

    #[tokio::test]
    async fn hostile_requests_are_errors() {
        for wire in [
            &b"\r\n\r\n"[..],
            b"GET / HTTP/2\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        ] {
            assert!(Unread::default().request(&mut &*wire).await.is_err());
        }
        let endless = vec![b'a'; 2 * LIMIT];
        assert!(
            Unread::default()
                .request(&mut endless.as_slice())
                .await
                .is_err()
        );
    }
}
