//! Selection of the addresses that this pod has a route to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use crate::catalogue::FailureMode;
use crate::net::PhaseError;
use crate::own_resources;

/// Documentation addresses, which only a default route covers (RFC 5737, RFC 3849). No packet is
/// sent to them.
const DEFAULT_ROUTE_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const DEFAULT_ROUTE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Returns the addresses that this pod has a route to, or all of them if it has a route to none, so
/// that connecting shows why.
///
/// # Errors
/// `net_dns_no_address` if all addresses are of one family and the pod only has a default route for
/// the other.
pub(super) fn routable(
    host: &str,
    addresses: Vec<IpAddr>,
    has_route: impl Fn(IpAddr) -> bool,
) -> Result<Vec<IpAddr>, PhaseError> {
    let routed: Vec<_> = addresses
        .iter()
        .copied()
        .filter(|address| has_route(*address))
        .collect();
    if !routed.is_empty() || addresses.is_empty() {
        return Ok(if routed.is_empty() { addresses } else { routed });
    }
    let (family, own, other) = match addresses[0] {
        IpAddr::V4(_) => ("IPv4", DEFAULT_ROUTE_V4.into(), DEFAULT_ROUTE_V6.into()),
        IpAddr::V6(_) => ("IPv6", DEFAULT_ROUTE_V6.into(), DEFAULT_ROUTE_V4.into()),
    };
    let one_family = addresses
        .iter()
        .all(|address| address.is_ipv4() == addresses[0].is_ipv4());
    if !one_family || has_route(own) || !has_route(other) {
        return Ok(addresses);
    }
    Err(PhaseError::failed(
        FailureMode::NetDnsNoAddress,
        format!(
            "{host} has only {family} addresses ({}), but this pod has no {family} route",
            addresses[0]
        ),
    ))
}

/// Returns whether the kernel has a route. Connecting a UDP socket sends no packet.
pub(super) fn has_route(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    UdpSocket::bind((any, 0))
        .inspect_err(own_resources::note)
        .and_then(|socket| socket.connect((address, 53)))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_has_no_address_only_if_the_other_family_has_a_route() {
        let v6: IpAddr = "2001:db8:1::1".parse().unwrap();
        let v4: IpAddr = "198.51.100.1".parse().unwrap();
        let mode = |addresses: &[IpAddr], routes: &[IpAddr]| {
            let routed = routable("api.cast.lab", addresses.to_vec(), |address| {
                routes.contains(&address)
            });
            routed.map_err(|error| error.finding.mode)
        };
        assert_eq!(
            mode(&[v6], &[DEFAULT_ROUTE_V4.into()]),
            Err(FailureMode::NetDnsNoAddress)
        );
        assert_eq!(
            mode(&[v4], &[DEFAULT_ROUTE_V6.into()]),
            Err(FailureMode::NetDnsNoAddress)
        );
        assert_eq!(
            mode(&[v6], &[]),
            Ok(vec![v6]),
            "without any route, connecting reports the failure"
        );
        assert_eq!(
            mode(&[v6], &[DEFAULT_ROUTE_V4.into(), DEFAULT_ROUTE_V6.into()]),
            Ok(vec![v6]),
            "a single unreachable route"
        );
        assert_eq!(mode(&[v6, v4], &[]), Ok(vec![v6, v4]));
        assert_eq!(mode(&[v6, v4], &[v4]), Ok(vec![v4]));
    }
}
