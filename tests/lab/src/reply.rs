//! Sending an answer, well or badly.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time;

use crate::answer::Answer;
use crate::fault::Fault;
use crate::journal::Entry;
use crate::request::Request;
use crate::vocabulary::Skew;
use crate::web;

/// What becomes of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum After {
    /// It waits for the next request.
    Keep,
    /// It ends in good order.
    Close,
    /// It ends by FIN alone, without a word of TLS.
    Cut,
    /// It ends by RST.
    Reset,
}

/// Bytes that are neither TLS nor HTTP.
pub(crate) const NOISE: [u8; 32] = [
    0x00, 0xff, 0xfe, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x80, 0x81, 0x0d, 0x0a, 0x0d, 0x0a, 0x9c, 0x07,
    0xc3, 0x28, 0xf0, 0x28, 0x8c, 0xbc, 0x00, 0x00, 0x7f, 0x45, 0x4c, 0x46, 0xde, 0xad, 0xbe, 0xef,
];

/// The pause between the pieces of what never ends, so that it costs little.
const PACE: Duration = Duration::from_millis(1);

/// Sends the answer in the way that the fault wants.
pub(crate) async fn perform(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    entry: &Entry,
    request: &Request,
    mut answer: Answer,
    fault: Option<&Fault>,
) -> io::Result<After> {
    let mut skew = Skew::default();
    match fault {
        Some(Fault::HttpHang) => {
            web::drain(stream).await?;
            return Ok(After::Close);
        }
        Some(Fault::HttpClose) => return Ok(After::Close),
        Some(Fault::HttpReset) => return Ok(After::Reset),
        Some(Fault::AnswerSlow(delay)) => time::sleep(*delay).await,
        Some(Fault::Clock(clock)) => skew = *clock,
        Some(Fault::Html(status)) => answer = Answer::html(*status, "Something stands in the way"),
        Some(Fault::Status(status)) => {
            answer = Answer {
                status: *status,
                headers: Vec::new(),
                body: Vec::new(),
                pieces: None,
            }
        }
        Some(Fault::CloseAfterEach) => {
            write(stream, entry, &answer, Some(skew)).await?;
            return Ok(After::Close);
        }
        Some(Fault::Echo) => {
            answer = Answer::text(400, &format!("bad request: {:?}", request.headers))
        }
        Some(Fault::Empty) => answer.body.clear(),
        Some(Fault::RedirectLoop) => {
            answer = Answer::html(302, "Found").with("Location", request.target.clone())
        }
        Some(Fault::RedirectTo(place)) => {
            answer = Answer::html(302, "Found").with("Location", place.clone())
        }
        Some(Fault::HugeHeaders) => {
            for _ in 0..16 {
                answer = answer.with("X-Padding", "a".repeat(2000));
            }
        }
        Some(Fault::EndlessHeaders) => {
            let head = answer.head(skew);
            return endless(
                stream,
                entry,
                head.as_bytes(),
                format!("X-Endless: {}\r\n", "a".repeat(1000)).as_bytes(),
            )
            .await;
        }
        Some(Fault::EndlessInterim) => {
            return endless(
                stream,
                entry,
                b"",
                b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
            )
            .await;
        }
        Some(Fault::EndlessBody) => {
            let head = format!("{}Connection: close\r\n\r\n", answer.head(skew));
            return endless(stream, entry, head.as_bytes(), &[b' '; 4096]).await;
        }
        Some(Fault::Http09) => return raw(stream, entry, &answer.body, After::Close).await,
        Some(Fault::Noise) => return raw(stream, entry, &NOISE, After::Close).await,
        Some(Fault::Truncated) => {
            let (mut bytes, body) = parts(&answer, skew);
            bytes.extend(&body[..body.len() / 2]);
            return raw(stream, entry, &bytes, After::Cut).await;
        }
        Some(Fault::DripHead) => {
            let (mut bytes, body) = parts(&answer, skew);
            bytes.extend(body);
            return drip(stream, entry, b"", &bytes).await;
        }
        Some(Fault::DripBody) => {
            let (head, body) = parts(&answer, skew);
            return drip(stream, entry, &head, body).await;
        }
        _ => {}
    }
    if request.method == "HEAD" {
        answer.body.clear();
    }
    if let Some(pieces) = answer.pieces.take() {
        return chunked(stream, entry, answer.head(skew), pieces).await;
    }
    write(stream, entry, &answer, Some(skew)).await?;
    Ok(After::Keep)
}

/// Sends what comes as it comes; ends when its source does, or when the client leaves.
async fn chunked(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    entry: &Entry,
    head: String,
    mut pieces: mpsc::Receiver<Vec<u8>>,
) -> io::Result<After> {
    raw(stream, entry, format!("{head}\r\n").as_bytes(), After::Keep).await?;
    loop {
        let mut early = [0];
        let piece = tokio::select! {
            piece = pieces.recv() => piece,
            // A client that says something now has left, or breaks the protocol.
            _ = stream.read(&mut early) => return Ok(After::Cut),
        };
        let Some(piece) = piece else { break };
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend(piece);
        chunk.extend(b"\r\n");
        stream.write_all(&chunk).await?;
        stream.flush().await?;
    }
    raw(stream, entry, b"0\r\n\r\n", After::Keep).await
}

/// Sends an answer as it should be.
pub(crate) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    entry: &Entry,
    answer: &Answer,
    skew: Option<Skew>,
) -> io::Result<()> {
    let (mut bytes, body) = parts(answer, skew.unwrap_or_default());
    bytes.extend(body);
    raw(stream, entry, &bytes, After::Keep)
        .await
        .map(|_after| ())
}

fn parts(answer: &Answer, skew: Skew) -> (Vec<u8>, &[u8]) {
    let head = format!(
        "{}Content-Length: {}\r\n\r\n",
        answer.head(skew),
        answer.body.len()
    );
    (head.into_bytes(), &answer.body)
}

async fn raw(
    stream: &mut (impl AsyncWrite + Unpin),
    entry: &Entry,
    bytes: &[u8],
    after: After,
) -> io::Result<After> {
    entry.answering();
    stream.write_all(bytes).await?;
    stream.flush().await?;
    entry.answered();
    Ok(after)
}

async fn endless(
    stream: &mut (impl AsyncWrite + Unpin),
    entry: &Entry,
    head: &[u8],
    piece: &[u8],
) -> io::Result<After> {
    raw(stream, entry, head, After::Keep).await?;
    loop {
        raw(stream, entry, piece, After::Keep).await?;
        time::sleep(PACE).await;
    }
}

async fn drip(
    stream: &mut (impl AsyncWrite + Unpin),
    entry: &Entry,
    head: &[u8],
    drops: &[u8],
) -> io::Result<After> {
    raw(stream, entry, head, After::Keep).await?;
    for drop in drops {
        raw(stream, entry, &[*drop], After::Keep).await?;
        time::sleep(Duration::from_secs(1)).await;
    }
    Ok(After::Keep)
}
