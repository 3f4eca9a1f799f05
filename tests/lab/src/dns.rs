//! A recursive resolver with one small zone, over UDP and TCP.

mod world;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;
use world::{Faults, World, canonical};

use crate::journal::lock;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// What the resolver can do wrong, for one name or for all.
    DnsFault {
        /// The name does not exist.
        Nxdomain = "nxdomain",
        /// The resolver failed.
        Servfail = "servfail",
        /// The resolver does not want to.
        Refused = "refused",
        /// No answer at all.
        Silent = "silent",
        /// The name exists and has no address.
        NoAddress = "no-address",
        /// The name has no IPv4 address; others are told.
        NoIpv4 = "no-ipv4",
        /// Over UDP the answer is cut, so that TCP must be used.
        Truncated = "truncated",
        /// Over UDP the answer is cut, and TCP is silent.
        TruncatedSilent = "truncated-silent",
        /// Binary noise for an answer.
        Noise = "noise",
        /// The right answer to another question.
        OtherQuestion = "other-question",
    } with {
        /// The answer comes late.
        Slow(Duration) = "slow" like "6s",
        /// The name leads to this address.
        Address(String) = "address" like "192.0.2.1",
    }
}

/// A running resolver.
#[derive(Debug)]
pub struct Dns {
    addr: SocketAddr,
    world: Arc<World>,
    task: AbortHandle,
}

/// A question that was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// In lower case, without the last dot.
    pub name: String,
    /// `A`, `AAAA`, …
    pub record_type: String,
    /// Whether it came over TCP.
    pub tcp: bool,
}

/// Questions answered at a time.
const TASKS: usize = 512;

// === impl Dns ===

impl Dns {
    /// Starts on `ip` and a free port, with these names; must be called inside a runtime.
    pub fn start<'a>(
        ip: IpAddr,
        zone: impl IntoIterator<Item = (&'a str, IpAddr)>,
    ) -> io::Result<Self> {
        let (udp, tcp) = bind(ip)?;
        let addr = udp.local_addr()?;
        let world = Arc::new(World::default());
        let task = tokio::spawn(run(udp, tcp, world.clone())).abort_handle();
        let dns = Self { addr, world, task };
        for (name, address) in zone {
            dns.add(name, address);
        }
        Ok(dns)
    }

    /// Where it listens, over UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Adds an address to a name.
    pub fn add(&self, name: &str, address: IpAddr) {
        lock(&self.world.zone)
            .entry(canonical(name))
            .or_default()
            .push(address);
    }

    /// Misbehaves for every name from now on.
    pub fn set(&self, fault: DnsFault) {
        lock(&self.world.faults).all = Some(fault);
    }

    /// Misbehaves for this name from now on.
    pub fn set_for(&self, name: &str, fault: DnsFault) {
        lock(&self.world.faults)
            .names
            .insert(canonical(name), fault);
    }

    /// Behaves from now on.
    pub fn heal(&self) {
        *lock(&self.world.faults) = Faults::default();
    }

    /// What was asked so far.
    pub fn questions(&self) -> Vec<Question> {
        lock(&self.world.questions).clone()
    }

    /// Forgets what was asked.
    pub fn clear(&self) {
        lock(&self.world.questions).clear();
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The same free port over UDP and TCP.
fn bind(ip: IpAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut attempts = 0;
    loop {
        let udp = std::net::UdpSocket::bind((ip, 0))?;
        match std::net::TcpListener::bind(udp.local_addr()?) {
            Ok(tcp) => {
                udp.set_nonblocking(true)?;
                tcp.set_nonblocking(true)?;
                return Ok((UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?));
            }
            Err(error) if attempts == 16 => return Err(error),
            Err(_taken) => attempts += 1,
        }
    }
}

async fn run(udp: UdpSocket, tcp: TcpListener, world: Arc<World>) {
    let udp = Arc::new(udp);
    let mut tasks = JoinSet::new();
    let mut datagram = [0; 4096];
    loop {
        tokio::select! {
            Some(_) = tasks.join_next() => {}
            Ok((length, peer)) = udp.recv_from(&mut datagram), if tasks.len() < TASKS => {
                let (udp, world, message) = (udp.clone(), world.clone(), datagram[..length].to_vec());
                tasks.spawn(async move {
                    if let Some(answer) = world.answer(&message, false).await {
                        // Whoever asked may have left.
                        let _ = udp.send_to(&answer, peer).await;
                    }
                });
            }
            Ok((stream, _peer)) = tcp.accept(), if tasks.len() < TASKS => {
                let conversation = time::timeout(Duration::from_mins(1), converse(stream, world.clone()));
                tasks.spawn(async move {
                    // Whoever asked may have left.
                    let _ = conversation.await;
                });
            }
            else => time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn converse(mut stream: TcpStream, world: Arc<World>) -> io::Result<()> {
    loop {
        let mut message = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut message).await?;
        match world.answer(&message, true).await {
            Some(answer) => {
                let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
                stream.write_u16(length).await?;
                stream.write_all(&answer).await?;
            }
            None => return crate::web::drain(&mut stream).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
    use hickory_proto::rr::rdata::A;
    use hickory_proto::rr::{Name, RData, RecordType};

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 20, 1));

    async fn ask(dns: &Dns, name: &str, tcp: bool) -> Option<Message> {
        let mut query = Message::new(7, MessageType::Query, OpCode::Query);
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
        let query = query.to_vec().unwrap();
        let exchange = async {
            let mut answer = vec![0; 4096];
            let length = if tcp {
                let mut stream = TcpStream::connect(dns.addr()).await.unwrap();
                stream
                    .write_u16(u16::try_from(query.len()).unwrap())
                    .await
                    .unwrap();
                stream.write_all(&query).await.unwrap();
                let length = usize::from(stream.read_u16().await.unwrap());
                stream.read_exact(&mut answer[..length]).await.unwrap()
            } else {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                socket.send_to(&query, dns.addr()).await.unwrap();
                socket.recv(&mut answer).await.unwrap()
            };
            Message::from_vec(&answer[..length]).unwrap()
        };
        time::timeout(Duration::from_millis(300), exchange)
            .await
            .ok()
    }

    #[tokio::test]
    async fn names_fail_alone_or_together() {
        let dns = Dns::start(
            [127, 0, 0, 1].into(),
            [("api.cast.lab", ADDRESS), ("other.lab", ADDRESS)],
        )
        .unwrap();
        let code = async |name: &str| {
            ask(&dns, name, false)
                .await
                .map(|answer| answer.metadata.response_code)
        };
        assert_eq!(
            ask(&dns, "API.cast.lab.", false).await.unwrap().answers[0].data,
            RData::A(A([127, 0, 20, 1].into()))
        );
        assert_eq!(code("nowhere.lab.").await, Some(ResponseCode::NXDomain));
        dns.set_for("api.cast.lab", DnsFault::Servfail);
        assert_eq!(code("api.cast.lab.").await, Some(ResponseCode::ServFail));
        assert_eq!(code("other.lab.").await, Some(ResponseCode::NoError));
        dns.set(DnsFault::Silent);
        assert_eq!(code("other.lab.").await, None);
        dns.heal();
        assert_eq!(code("other.lab.").await, Some(ResponseCode::NoError));
    }

    #[tokio::test]
    async fn a_cut_answer_is_whole_over_tcp() {
        let dns = Dns::start([127, 0, 0, 1].into(), [("api.cast.lab", ADDRESS)]).unwrap();
        dns.set(DnsFault::Truncated);
        let (udp, tcp) = (
            ask(&dns, "api.cast.lab.", false).await.unwrap(),
            ask(&dns, "api.cast.lab.", true).await.unwrap(),
        );
        assert!(udp.metadata.truncation && udp.answers.is_empty());
        assert!(!tcp.metadata.truncation && tcp.answers.len() == 1);
        assert_eq!(
            dns.questions()
                .iter()
                .map(|question| question.tcp)
                .collect::<Vec<_>>(),
            [false, true]
        );
    }
}
