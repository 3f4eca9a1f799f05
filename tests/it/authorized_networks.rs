//! Tests of authorized networks: whether a list of networks contains an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use castai_health_exporter::cloud::authorized_networks::{AuthorizedNetworks, CidrBlock};
use proptest::prelude::*;

const CASTAI: &str = "35.221.40.21";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn network_containing(list: &[&str], of: &str) -> Option<String> {
    AuthorizedNetworks::parse(list.iter().copied())
        .narrowest_containing(address(of))
        .map(CidrBlock::to_string)
}

#[test]
fn address_is_contained_only_in_its_networks() {
    for (list, by) in [
        (&["35.221.40.21/32"][..], Some("35.221.40.21/32")),
        (&["35.221.40.21"], Some("35.221.40.21/32")),
        (&["10.0.0.0/8", "35.221.40.0/24"], Some("35.221.40.0/24")),
        (&["0.0.0.0/0"], Some("0.0.0.0/0")),
        (
            &["0.0.0.0/0", "35.208.0.0/12", "35.221.0.0/16"],
            Some("35.221.0.0/16"),
        ),
        (&["35.221.40.99/24"], Some("35.221.40.99/24")),
        (&["::ffff:35.221.40.21"], Some("35.221.40.21/32")),
        (&["::ffff:35.221.40.0/120"], Some("35.221.40.0/24")),
        (&[" 35.221.40.21/32 "], Some("35.221.40.21/32")),
        (&["::/0"], None),
        (&["::ffff:0:0/95"], None),
        (&["0.0.0.0/32"], None),
        (&["35.221.40.20/32", "35.221.41.0/24"], None),
        (&["AzureCloud", "Storage.WestEurope"], None),
        (
            &[
                "35.221.40.21/33",
                "35.221.40/24",
                "35.221.40.21/+8",
                "35.221.40.21/",
                "*",
            ],
            None,
        ),
        (&[], None),
    ] {
        assert_eq!(network_containing(list, CASTAI).as_deref(), by, "{list:?}");
        let mapped = format!("::ffff:{CASTAI}");
        assert_eq!(
            network_containing(list, &mapped).as_deref(),
            by,
            "{list:?}, mapped"
        );
    }
    assert_eq!(network_containing(&["0.0.0.0/0"], "2001:db8::1"), None);
    assert_eq!(
        network_containing(&["2001:db8::/32"], "2001:db8::1").as_deref(),
        Some("2001:db8::/32")
    );
}

#[test]
fn merged_list_is_complete_and_without_duplicates() {
    let merged = |list: &[&str], more: &[&str]| {
        let more: Vec<_> = more.iter().map(|text| address(text)).collect();
        AuthorizedNetworks::parse(list.iter().copied()).merged_with(&more)
    };
    let list = [
        "203.0.113.0/24",
        "AzureCloud",
        "198.51.100.7",
        "203.0.113.0/24",
    ];
    assert_eq!(
        merged(&list, &[CASTAI, CASTAI]).as_deref(),
        Some("203.0.113.0/24,198.51.100.7/32,AzureCloud,35.221.40.21/32")
    );
    assert_eq!(
        merged(&["35.0.0.0/8"], &[CASTAI, "2001:db8::1"]).as_deref(),
        Some("35.0.0.0/8,2001:db8::1/128")
    );
    assert_eq!(
        merged(&["203.0.113.0/24", "$(reboot)"], &[CASTAI]),
        None,
        "an incomplete list would lock clients out"
    );
}

#[test]
fn evidence_lists_a_few_networks() {
    let many: Vec<String> = (0..40)
        .map(|last| format!("198.51.100.{last}/32"))
        .collect();
    let shown = AuthorizedNetworks::parse(many.iter().map(String::as_str)).to_string();
    assert!(shown.ends_with("198.51.100.4/32 and 35 more"), "{shown}");
    assert_eq!(AuthorizedNetworks::default().to_string(), "none");
}

/// A network of either family that contains the address; host bits are arbitrary.
fn network_containing_strategy(held: IpAddr) -> impl Strategy<Value = String> {
    let most = if held.is_ipv4() { 32u8 } else { 128 };
    (0..=most, any::<u128>()).prop_map(move |(length, noise)| match held {
        IpAddr::V4(held) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let noise = u32::try_from(noise & u128::from(u32::MAX)).unwrap();
            let address = Ipv4Addr::from(u32::from(held) & mask | noise & !mask);
            if noise % 3 == 0 {
                format!("::ffff:{address}/{}", length + 96)
            } else {
                format!("{address}/{length}")
            }
        }
        IpAddr::V6(held) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            format!(
                "{}/{length}",
                Ipv6Addr::from(u128::from(held) & mask | noise & !mask)
            )
        }
    })
}

/// A network that does not contain the address: it differs in a bit of the prefix.
fn network_excluding_strategy(held: IpAddr) -> impl Strategy<Value = String> {
    (0..32u8, 0..=32u8).prop_map(move |(bit, more)| match held {
        IpAddr::V4(held) => {
            let length = (bit + 1).saturating_add(more).min(32);
            format!(
                "{}/{length}",
                Ipv4Addr::from(u32::from(held) ^ 1 << (31 - bit))
            )
        }
        IpAddr::V6(held) => format!("{}/128", Ipv6Addr::from(u128::from(held) ^ 1 << bit)),
    })
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits)).to_canonical()),
    ]
}

fn others() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("AzureCloud".to_owned()),
        Just("0.0.0.0/32".to_owned()),
        Just("::ffff:0:0/90".to_owned()),
        "[ -~]{0,12}".prop_filter("no network", |text| text.parse::<CidrBlock>().is_err()),
    ]
}

proptest! {
    #[test]
    fn network_is_found_in_any_order_among_others(
        (held, by, rest) in addresses().prop_flat_map(|held| {
            let rest = proptest::collection::vec(prop_oneof![network_excluding_strategy(held), others()], 0..6);
            (Just(held), network_containing_strategy(held), rest)
        }),
        place in any::<prop::sample::Index>(),
    ) {
        prop_assume!(held != IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let mut list = rest;
        let without = AuthorizedNetworks::parse(list.iter().map(String::as_str));
        prop_assert_eq!(without.narrowest_containing(held), None, "{:?}", list);
        list.insert(place.index(list.len() + 1), by);
        prop_assert!(AuthorizedNetworks::parse(list.iter().map(String::as_str)).narrowest_containing(held).is_some(), "{:?}", list);
    }

    #[test]
    fn merged_list_contains_old_and_new_addresses(
        list in proptest::collection::vec(addresses().prop_flat_map(network_containing_strategy), 0..8),
        more in proptest::collection::vec(addresses(), 0..4),
        other in addresses(),
    ) {
        let before = AuthorizedNetworks::parse(list.iter().map(String::as_str));
        let merged = before.merged_with(&more).unwrap();
        let after = AuthorizedNetworks::parse(merged.split(',').filter(|text| !text.is_empty()));
        for address in &more {
            prop_assert!(after.narrowest_containing(*address).is_some(), "{} in {}", address, merged);
        }
        prop_assert_eq!(after.invalid_entries(), 0);
        let wanted = before.narrowest_containing(other).is_some() || more.contains(&other);
        prop_assert_eq!(after.narrowest_containing(other).is_some(), wanted, "{} in {}", other, merged);
    }
}
