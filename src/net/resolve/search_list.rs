//! Expansion of a name with the search list and `ndots`, as in Go's resolver.

use super::resolv_conf::is_valid_name;

/// Longest name in DNS, in characters.
const MAX_NAME_CHARS: usize = 254;

/// Returns the absolute names to look up, in Go's order (`net.nameList`).
pub(super) fn candidates(host: &str, search: &[String], ndots: usize) -> Vec<String> {
    let bare = host.strip_suffix('.').unwrap_or(host);
    if bare.len() >= MAX_NAME_CHARS || !is_valid_name(bare) {
        return Vec::new();
    }
    let absolute = format!("{bare}.");
    if host.ends_with('.') {
        return vec![absolute];
    }
    let searched = search.iter().map(|suffix| format!("{bare}.{suffix}."));
    let mut names: Vec<_> = searched
        .filter(|name| name.len() <= MAX_NAME_CHARS)
        .collect();
    let enough_dots = bare.bytes().filter(|byte| *byte == b'.').count() >= ndots;
    names.insert(if enough_dots { 0 } else { names.len() }, absolute);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_with_fewer_dots_than_ndots_uses_the_search_list_first() {
        let search = [
            "ns.svc.cluster.local".to_owned(),
            "cluster.local".to_owned(),
        ];
        let names = candidates("api.cast.ai", &search, 5);
        assert_eq!(
            names,
            [
                "api.cast.ai.ns.svc.cluster.local.",
                "api.cast.ai.cluster.local.",
                "api.cast.ai."
            ]
        );
        assert_eq!(candidates("api.cast.ai", &search, 2)[0], "api.cast.ai.");
        assert_eq!(candidates("api.cast.ai.", &search, 5), ["api.cast.ai."]);
    }

    #[test]
    fn invalid_dns_name_has_no_candidates() {
        assert!(candidates(&"a.".repeat(200), &[], 1).is_empty());
        assert!(candidates("", &[], 1).is_empty());
        assert!(candidates("a..b", &[], 1).is_empty());
        assert!(candidates(&"a".repeat(64), &[], 1).is_empty());
    }
}
