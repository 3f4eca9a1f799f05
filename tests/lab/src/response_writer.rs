//! Writes responses to connections, intact or altered by a fault.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time;

use crate::fault::Fault;
use crate::fault_enum::ClockSkew;
use crate::request::Request;
use crate::request_log::ConnectionRecorder;
use crate::response::Response;
use crate::{echo, shutdown};

/// The server's next step on a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ConnectionAction {
    /// Wait for the next request.
    KeepAlive,
    /// Shut down cleanly.
    Close,
    /// Send FIN without a TLS `close_notify`.
    CloseAbruptly,
    /// Send RST.
    Reset,
}

/// Bytes that are neither TLS nor HTTP.
pub(crate) const NOISE: [u8; 32] = [
    0x00, 0xff, 0xfe, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x80, 0x81, 0x0d, 0x0a, 0x0d, 0x0a, 0x9c, 0x07,
    0xc3, 0x28, 0xf0, 0x28, 0x8c, 0xbc, 0x00, 0x00, 0x7f, 0x45, 0x4c, 0x46, 0xde, 0xad, 0xbe, 0xef,
];

/// An interim response.
const INTERIM: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";

/// Pause between the chunks of an endless response, to keep its CPU cost low.
const ENDLESS_PAUSE: Duration = Duration::from_millis(1);

/// Sends `response`, altered by `fault`.
pub(crate) async fn send_with_fault(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    recorder: &ConnectionRecorder,
    request: &Request,
    mut response: Response,
    fault: Option<&Fault>,
) -> io::Result<ConnectionAction> {
    let mut skew = ClockSkew::default();
    match fault {
        Some(Fault::HttpHang) => {
            shutdown::drain(stream).await?;
            return Ok(ConnectionAction::Close);
        }
        Some(Fault::HttpClose) => return Ok(ConnectionAction::Close),
        Some(Fault::HttpReset) => return Ok(ConnectionAction::Reset),
        Some(Fault::ResponseSlow(delay)) => time::sleep(*delay).await,
        Some(Fault::Clock(clock)) => skew = *clock,
        Some(Fault::Html(status)) => response = Response::html(*status, "Blocked"),
        Some(Fault::Status(status)) => {
            response = Response {
                status: *status,
                headers: Vec::new(),
                body: Vec::new(),
                chunks: None,
            }
        }
        Some(Fault::CloseAfterEach) => {
            send(stream, recorder, &response, Some(skew)).await?;
            return Ok(ConnectionAction::Close);
        }
        Some(Fault::Echo) => {
            response = Response::text(400, &format!("bad request: {:?}", request.headers));
        }
        Some(Fault::EchoAs(form)) => {
            response = echo::response(request, form);
        }
        Some(Fault::Empty) => response.body.clear(),
        Some(Fault::RedirectLoop) => {
            response = Response::html(302, "Found").with_header("Location", request.target.clone());
        }
        Some(Fault::RedirectTo(url)) => {
            response = Response::html(302, "Found").with_header("Location", url.clone());
        }
        Some(Fault::HugeHeaders) => {
            for _ in 0..16 {
                response = response.with_header("X-Padding", "a".repeat(2000));
            }
        }
        Some(Fault::EndlessHeaders) => {
            let head = response.head(skew);
            return repeat_forever(
                stream,
                recorder,
                head.as_bytes(),
                format!("X-Endless: {}\r\n", "a".repeat(1000)).as_bytes(),
            )
            .await;
        }
        Some(Fault::EndlessInterim) => {
            return repeat_forever(stream, recorder, b"", &INTERIM.repeat(100)).await;
        }
        Some(Fault::EndlessChunks) => {
            let head = format!("{}Transfer-Encoding: chunked\r\n\r\n", response.head(skew));
            let chunks = b"1\r\n \r\n".repeat(1000);
            return repeat_forever(stream, recorder, head.as_bytes(), &chunks).await;
        }
        Some(Fault::EndlessBody) => {
            let head = format!("{}Connection: close\r\n\r\n", response.head(skew));
            return repeat_forever(stream, recorder, head.as_bytes(), &[b' '; 4096]).await;
        }
        Some(Fault::Http09) => {
            return write_bytes(stream, recorder, &response.body, ConnectionAction::Close).await;
        }
        Some(Fault::Noise) => {
            return write_bytes(stream, recorder, &NOISE, ConnectionAction::Close).await;
        }
        Some(Fault::Truncated) => {
            let (mut bytes, body) = serialize(&response, skew);
            bytes.extend(&body[..body.len() / 2]);
            return write_bytes(stream, recorder, &bytes, ConnectionAction::CloseAbruptly).await;
        }
        Some(Fault::DripHead) => {
            let (mut bytes, body) = serialize(&response, skew);
            bytes.extend(body);
            return write_slowly(stream, recorder, b"", &bytes).await;
        }
        Some(Fault::DripBody) => {
            let (head, body) = serialize(&response, skew);
            return write_slowly(stream, recorder, &head, body).await;
        }
        _ => {}
    }
    if request.method == "HEAD" {
        response.body.clear();
    }
    if let Some(chunks) = response.chunks.take() {
        return stream_chunks(stream, recorder, response.head(skew), chunks).await;
    }
    send(stream, recorder, &response, Some(skew)).await?;
    Ok(ConnectionAction::KeepAlive)
}

/// Streams chunks until the sender is dropped or the client disconnects.
async fn stream_chunks(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    recorder: &ConnectionRecorder,
    head: String,
    mut chunks: mpsc::Receiver<Vec<u8>>,
) -> io::Result<ConnectionAction> {
    write_bytes(
        stream,
        recorder,
        format!("{head}\r\n").as_bytes(),
        ConnectionAction::KeepAlive,
    )
    .await?;
    loop {
        let mut unexpected = [0];
        let chunk = tokio::select! {
            chunk = chunks.recv() => chunk,
            // A read that returns means that the client disconnected or broke the protocol.
            _ = stream.read(&mut unexpected) => return Ok(ConnectionAction::CloseAbruptly),
        };
        let Some(chunk) = chunk else { break };
        let mut frame = format!("{:x}\r\n", chunk.len()).into_bytes();
        frame.extend(chunk);
        frame.extend(b"\r\n");
        stream.write_all(&frame).await?;
        stream.flush().await?;
    }
    write_bytes(stream, recorder, b"0\r\n\r\n", ConnectionAction::KeepAlive).await
}

/// Sends `response` unaltered.
pub(crate) async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    recorder: &ConnectionRecorder,
    response: &Response,
    skew: Option<ClockSkew>,
) -> io::Result<()> {
    let (mut bytes, body) = serialize(response, skew.unwrap_or_default());
    bytes.extend(body);
    write_bytes(stream, recorder, &bytes, ConnectionAction::KeepAlive)
        .await
        .map(|_action| ())
}

fn serialize(response: &Response, skew: ClockSkew) -> (Vec<u8>, &[u8]) {
    let head = format!(
        "{}Content-Length: {}\r\n\r\n",
        response.head(skew),
        response.body.len()
    );
    (head.into_bytes(), &response.body)
}

async fn write_bytes(
    stream: &mut (impl AsyncWrite + Unpin),
    recorder: &ConnectionRecorder,
    bytes: &[u8],
    action: ConnectionAction,
) -> io::Result<ConnectionAction> {
    recorder.response_started();
    stream.write_all(bytes).await?;
    stream.flush().await?;
    recorder.response_sent();
    Ok(action)
}

async fn repeat_forever(
    stream: &mut (impl AsyncWrite + Unpin),
    recorder: &ConnectionRecorder,
    head: &[u8],
    piece: &[u8],
) -> io::Result<ConnectionAction> {
    write_bytes(stream, recorder, head, ConnectionAction::KeepAlive).await?;
    loop {
        write_bytes(stream, recorder, piece, ConnectionAction::KeepAlive).await?;
        time::sleep(ENDLESS_PAUSE).await;
    }
}

async fn write_slowly(
    stream: &mut (impl AsyncWrite + Unpin),
    recorder: &ConnectionRecorder,
    head: &[u8],
    bytes: &[u8],
) -> io::Result<ConnectionAction> {
    write_bytes(stream, recorder, head, ConnectionAction::KeepAlive).await?;
    for byte in bytes {
        write_bytes(stream, recorder, &[*byte], ConnectionAction::KeepAlive).await?;
        time::sleep(Duration::from_secs(1)).await;
    }
    Ok(ConnectionAction::KeepAlive)
}
