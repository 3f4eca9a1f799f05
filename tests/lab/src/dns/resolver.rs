//! Answers DNS queries from a zone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::time;

use super::{DnsFault, DnsQuery};
use crate::mutex::lock;
use crate::response_writer::NOISE;

/// The zone, the faults and the recorded queries.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    pub(super) zone: Mutex<HashMap<String, Vec<IpAddr>>>,
    pub(super) faults: Mutex<Faults>,
    pub(super) queries: Mutex<Vec<DnsQuery>>,
}

/// Faults for all names and for single names.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) all: Option<DnsFault>,
    pub(super) names: HashMap<String, DnsFault>,
}

/// Number of queries to record; later ones are dropped.
const MAX_RECORDED_QUERIES: usize = 4096;

// === impl Resolver ===

impl Resolver {
    fn fault(&self, name: &str) -> Option<DnsFault> {
        let faults = lock(&self.faults);
        faults.names.get(name).or(faults.all.as_ref()).cloned()
    }

    /// Answers a message after the delay of its fault. `None` means no response.
    pub(super) async fn respond(&self, message: &[u8], tcp: bool) -> Option<Vec<u8>> {
        let request = Message::from_vec(message).ok()?;
        let query = request.queries.first()?.clone();
        let recorded = DnsQuery {
            name: normalize(&query.name().to_utf8()),
            record_type: query.query_type().to_string(),
            tcp,
        };
        let fault = self.fault(&recorded.name);
        let mut addresses = lock(&self.zone).get(&recorded.name).cloned();
        {
            let mut queries = lock(&self.queries);
            if queries.len() < MAX_RECORDED_QUERIES {
                queries.push(recorded);
            }
        }

        let mut response = Message::response(request.metadata.id, OpCode::Query);
        response.metadata.recursion_desired = request.metadata.recursion_desired;
        response.metadata.recursion_available = true;
        response.add_query(query.clone());
        match fault {
            Some(DnsFault::Silent) => return None,
            Some(DnsFault::TruncatedSilent) if tcp => return None,
            Some(DnsFault::Noise) => return Some(NOISE.to_vec()),
            Some(DnsFault::Nxdomain) => addresses = None,
            Some(DnsFault::NoAddress) => addresses = Some(Vec::new()),
            Some(DnsFault::NoIpv4) => {
                addresses = addresses.map(|all| all.into_iter().filter(IpAddr::is_ipv6).collect());
            }
            Some(DnsFault::Address(address)) => {
                addresses = Some(address.parse().into_iter().collect());
            }
            Some(DnsFault::OtherQuery) => {
                response.queries.clear();
                response.add_query(Query::query(Name::root(), RecordType::TXT));
            }
            Some(DnsFault::Slow(delay)) => time::sleep(delay).await,
            Some(DnsFault::Servfail) => {
                response.metadata.response_code = ResponseCode::ServFail;
                return response.to_vec().ok();
            }
            Some(DnsFault::Refused) => {
                response.metadata.response_code = ResponseCode::Refused;
                return response.to_vec().ok();
            }
            Some(DnsFault::Truncated | DnsFault::TruncatedSilent) if !tcp => {
                response.metadata.truncation = true;
                return response.to_vec().ok();
            }
            Some(DnsFault::Truncated | DnsFault::TruncatedSilent) | None => {}
        }
        let found: Vec<RData> = addresses
            .iter()
            .flatten()
            .filter_map(|address| rdata(*address, query.query_type()))
            .collect();
        for data in &found {
            response.add_answer(Record::from_rdata(query.name().clone(), 5, data.clone()));
        }
        if found.is_empty() {
            response.add_authority(Record::from_rdata(Name::root(), 5, RData::SOA(soa())));
        }
        if addresses.is_none() {
            response.metadata.response_code = ResponseCode::NXDomain;
        }
        response.to_vec().ok()
    }
}

/// Normalises a name for comparison.
pub(super) fn normalize(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn rdata(address: IpAddr, record_type: RecordType) -> Option<RData> {
    match (address, record_type) {
        (IpAddr::V4(address), RecordType::A) => Some(RData::A(A(address))),
        (IpAddr::V6(address), RecordType::AAAA) => Some(RData::AAAA(AAAA(address))),
        _ => None,
    }
}

fn soa() -> SOA {
    SOA::new(Name::root(), Name::root(), 1, 7200, 1800, 86_400, 5)
}
