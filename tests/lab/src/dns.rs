//! Fake recursive DNS resolver with one small zone, over UDP and TCP.

mod resolver;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use resolver::{Faults, Resolver, normalize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;

use crate::fault_enum::fault_enum;
use crate::mutex::lock;

fault_enum! {
    /// Faults of the resolver, for one name or for all.
    DnsFault {
        /// The name does not exist.
        Nxdomain = "nxdomain",
        /// The resolver answers SERVFAIL.
        Servfail = "servfail",
        /// The resolver answers REFUSED.
        Refused = "refused",
        /// No response.
        Silent = "silent",
        /// The name exists but has no address.
        NoAddress = "no-address",
        /// The name has no IPv4 address; IPv6 addresses are returned.
        NoIpv4 = "no-ipv4",
        /// The UDP response is truncated, so that the client must use TCP.
        Truncated = "truncated",
        /// The UDP response is truncated and TCP queries get no response.
        TruncatedSilent = "truncated-silent",
        /// Binary garbage instead of a response.
        Noise = "noise",
        /// The response has another question section.
        OtherQuery = "other-query",
    } with {
        /// The response is delayed.
        Slow(Duration) = "slow" like "6s",
        /// The name resolves to this address.
        Address(String) = "address" like "192.0.2.1",
    }
}

/// A running resolver.
#[derive(Debug)]
pub struct Dns {
    addr: SocketAddr,
    resolver: Arc<Resolver>,
    task: AbortHandle,
}

/// A DNS query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DnsQuery {
    /// Lower case, without the final dot.
    pub name: String,
    /// `A`, `AAAA`, …
    pub record_type: String,
    /// Whether the query came over TCP.
    pub tcp: bool,
}

/// Limit of concurrent queries.
const MAX_CONCURRENT_QUERIES: usize = 512;

// === impl Dns ===

impl Dns {
    /// Starts on `ip` and a free port, with these names. Requires a tokio runtime.
    pub fn start<'a>(
        ip: IpAddr,
        zone: impl IntoIterator<Item = (&'a str, IpAddr)>,
    ) -> io::Result<Self> {
        let (udp, tcp) = bind(ip)?;
        let addr = udp.local_addr()?;
        let resolver = Arc::new(Resolver::default());
        let task = tokio::spawn(run(udp, tcp, resolver.clone())).abort_handle();
        let dns = Self {
            addr,
            resolver,
            task,
        };
        for (name, address) in zone {
            dns.add(name, address);
        }
        Ok(dns)
    }

    /// Returns the address it listens on over UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Adds an address to a name.
    pub fn add(&self, name: &str, address: IpAddr) {
        lock(&self.resolver.zone)
            .entry(normalize(name))
            .or_default()
            .push(address);
    }

    /// Injects a fault for all names.
    pub fn set(&self, fault: DnsFault) {
        lock(&self.resolver.faults).all = Some(fault);
    }

    /// Injects a fault for one name.
    pub fn set_for(&self, name: &str, fault: DnsFault) {
        lock(&self.resolver.faults)
            .names
            .insert(normalize(name), fault);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        *lock(&self.resolver.faults) = Faults::default();
    }

    /// Returns the queries so far.
    pub fn queries(&self) -> Vec<DnsQuery> {
        lock(&self.resolver.queries).clone()
    }

    /// Clears the recorded queries.
    pub fn clear(&self) {
        lock(&self.resolver.queries).clear();
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Binds the same free port over UDP and TCP.
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

async fn run(udp: UdpSocket, tcp: TcpListener, resolver: Arc<Resolver>) {
    let udp = Arc::new(udp);
    let mut tasks = JoinSet::new();
    let mut datagram = [0; 4096];
    loop {
        tokio::select! {
            Some(_) = tasks.join_next() => {}
            Ok((length, peer)) = udp.recv_from(&mut datagram), if tasks.len() < MAX_CONCURRENT_QUERIES => {
                let (udp, resolver, message) = (udp.clone(), resolver.clone(), datagram[..length].to_vec());
                tasks.spawn(async move {
                    if let Some(response) = resolver.respond(&message, false).await {
                        // The client may be gone.
                        let _ = udp.send_to(&response, peer).await;
                    }
                });
            }
            Ok((stream, _peer)) = tcp.accept(), if tasks.len() < MAX_CONCURRENT_QUERIES => {
                let conversation = time::timeout(Duration::from_mins(1), serve_tcp(stream, resolver.clone()));
                tasks.spawn(async move {
                    // The client may be gone.
                    let _ = conversation.await;
                });
            }
            else => time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve_tcp(mut stream: TcpStream, resolver: Arc<Resolver>) -> io::Result<()> {
    loop {
        let mut message = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut message).await?;
        match resolver.respond(&message, true).await {
            Some(response) => {
                let length = u16::try_from(response.len()).map_err(io::Error::other)?;
                stream.write_u16(length).await?;
                stream.write_all(&response).await?;
            }
            None => return crate::shutdown::drain(&mut stream).await,
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

    async fn query(dns: &Dns, name: &str, tcp: bool) -> Option<Message> {
        let mut query = Message::new(7, MessageType::Query, OpCode::Query);
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
        let query = query.to_vec().unwrap();
        let exchange = async {
            let mut response = vec![0; 4096];
            let length = if tcp {
                let mut stream = TcpStream::connect(dns.addr()).await.unwrap();
                stream
                    .write_u16(u16::try_from(query.len()).unwrap())
                    .await
                    .unwrap();
                stream.write_all(&query).await.unwrap();
                let length = usize::from(stream.read_u16().await.unwrap());
                stream.read_exact(&mut response[..length]).await.unwrap()
            } else {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                socket.send_to(&query, dns.addr()).await.unwrap();
                socket.recv(&mut response).await.unwrap()
            };
            Message::from_vec(&response[..length]).unwrap()
        };
        time::timeout(Duration::from_millis(300), exchange)
            .await
            .ok()
    }

    #[tokio::test]
    async fn faults_apply_to_one_name_or_all() {
        let dns = Dns::start(
            [127, 0, 0, 1].into(),
            [("api.cast.lab", ADDRESS), ("other.lab", ADDRESS)],
        )
        .unwrap();
        let code = async |name: &str| {
            query(&dns, name, false)
                .await
                .map(|response| response.metadata.response_code)
        };
        assert_eq!(
            query(&dns, "API.cast.lab.", false).await.unwrap().answers[0].data,
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
    async fn truncated_udp_response_is_complete_over_tcp() {
        let dns = Dns::start([127, 0, 0, 1].into(), [("api.cast.lab", ADDRESS)]).unwrap();
        dns.set(DnsFault::Truncated);
        let (udp, tcp) = (
            query(&dns, "api.cast.lab.", false).await.unwrap(),
            query(&dns, "api.cast.lab.", true).await.unwrap(),
        );
        assert!(udp.metadata.truncation && udp.answers.is_empty());
        assert!(!tcp.metadata.truncation && tcp.answers.len() == 1);
        assert_eq!(
            dns.queries()
                .iter()
                .map(|query| query.tcp)
                .collect::<Vec<_>>(),
            [false, true]
        );
    }
}
