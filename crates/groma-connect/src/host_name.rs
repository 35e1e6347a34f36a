//! Keys of machines out of the names that one input gives them.
//!
//! People call a machine by its name without the domain, and so do most sources. Where an input has
//! several machines of that name in several domains, each keeps its full one.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// The name without its domain; an address is a name as it is.
pub(crate) fn short(name: &str) -> &str {
    match name.parse::<IpAddr>() {
        Ok(_) => name,
        Err(_) => name.split('.').next().unwrap_or(name),
    }
}

/// The name with its domain, for the attribute `fqdn`; `None`: it has none.
pub(crate) fn full(name: &str) -> Option<&str> {
    (short(name) != name).then_some(name)
}

/// By name its key: the short name, unless several of these names are short for that. They are names
/// of different machines, and their order does not matter.
pub(crate) fn keys<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, &'a str> {
    let mut keys: BTreeMap<&str, &str> =
        names.into_iter().map(|name| (name, short(name))).collect();
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    keys.values().for_each(|short| *holders.entry(short).or_default() += 1);
    for (name, key) in keys.iter_mut().filter(|(_, key)| holders[**key] > 1) {
        *key = name;
    }
    keys
}
