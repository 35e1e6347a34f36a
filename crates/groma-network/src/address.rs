//! MAC addresses and longest-prefix matching.

use std::net::IpAddr;

use ipnet::IpNet;
use rustc_hash::FxHashMap;

/// A MAC address as a number; never 0, which loopbacks report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(u64);

impl Mac {
    /// Reads `44:38:39:00:00:13`, `44-38-39-00-00-13`, `4438.3900.0013`. `None`: not a MAC, or all zeros.
    pub fn parse(text: &str) -> Option<Mac> {
        let mut number = 0_u64;
        let mut digit_count = 0;
        for byte in text.trim().bytes() {
            match byte {
                b':' | b'-' | b'.' => {}
                _ => {
                    let digit = char::from(byte).to_digit(16)?;
                    number = number << 4 | u64::from(digit);
                    digit_count += 1;
                    if digit_count > 12 {
                        return None;
                    }
                }
            }
        }
        (digit_count == 12 && number != 0).then_some(Mac(number))
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let b = self.0.to_be_bytes();
        write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[2], b[3], b[4], b[5], b[6], b[7])
    }
}

/// Reads an address with or without a length or zone: `10.0.0.1`, `10.0.0.1/24`, `fe80::1%eth0`.
pub(crate) fn parse_ip(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.split_once(['/', '%']).map_or(text, |(address, _)| address);
    text.parse().ok()
}

/// Reads `10.0.0.1`, `10.0.0.1:8080`, `[fe80::1]:80`.
pub(crate) fn parse_ip_and_port(text: &str) -> Option<IpAddr> {
    parse_ip(text)
        .or_else(|| text.trim().parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
        .map(|ip| ip.to_canonical())
}

/// Reads a prefix; host bits may be set, and a bare address is a host prefix.
pub(crate) fn parse_prefix(text: &str) -> Option<IpNet> {
    match text.trim() {
        "default" => "0.0.0.0/0".parse().ok(),
        text => text
            .parse::<IpNet>()
            .ok()
            .map(|prefix| prefix.trunc())
            .or_else(|| parse_ip(text).map(IpNet::from)),
    }
}

/// Values by prefix, found by the longest prefix that holds an address.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PrefixMap<T> {
    values: FxHashMap<IpNet, T>,
    /// Lengths in use, the longest first: IPv4 and IPv6.
    lengths: [Vec<u8>; 2],
}

impl<T> Default for PrefixMap<T> {
    fn default() -> Self {
        PrefixMap { values: FxHashMap::default(), lengths: [Vec::new(), Vec::new()] }
    }
}

impl<T> PrefixMap<T> {
    /// The value of this very prefix, put there if there is none.
    pub(crate) fn entry(&mut self, prefix: IpNet, make: impl FnOnce() -> T) -> &mut T {
        let lengths = &mut self.lengths[usize::from(prefix.addr().is_ipv6())];
        if let Err(place) = lengths.binary_search_by(|length| prefix.prefix_len().cmp(length)) {
            lengths.insert(place, prefix.prefix_len());
        }
        self.values.entry(prefix).or_insert_with(make)
    }

    /// Keeps the values that `keep` is true of. The lengths stay: one that is not in use finds nothing.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.values.retain(|_, value| keep(value));
    }

    /// The value of this very prefix.
    pub(crate) fn get(&self, prefix: IpNet) -> Option<&T> {
        self.values.get(&prefix)
    }

    /// The values of the prefixes that hold `ip`, the longest first.
    pub(crate) fn matches(&self, ip: IpAddr) -> impl Iterator<Item = (IpNet, &T)> {
        self.covering(IpNet::from(ip))
    }

    /// The value of the longest prefix that holds `ip`.
    pub(crate) fn longest(&self, ip: IpAddr) -> Option<(IpNet, &T)> {
        self.matches(ip).next()
    }

    /// The values of the prefixes that hold all of `prefix`, the longest first.
    pub(crate) fn covering(&self, prefix: IpNet) -> impl Iterator<Item = (IpNet, &T)> {
        let lengths = &self.lengths[usize::from(prefix.addr().is_ipv6())];
        (lengths.iter()).filter(move |length| **length <= prefix.prefix_len()).filter_map(
            move |length| {
                let wider = IpNet::new(prefix.addr(), *length).ok()?.trunc();
                self.values.get(&wider).map(|value| (wider, value))
            },
        )
    }

    /// All prefixes in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (IpNet, &T)> {
        self.values.iter().map(|(prefix, value)| (*prefix, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let mut map = PrefixMap::default();
        for prefix in ["0.0.0.0/0", "172.16.0.0/16", "172.16.2.0/24", "172.16.2.7/32"] {
            map.entry(parse_prefix(prefix).unwrap(), || prefix);
        }
        let find = |ip: &str| map.longest(ip.parse().unwrap()).map(|(_, value)| *value);
        assert_eq!(find("172.16.2.7"), Some("172.16.2.7/32"));
        assert_eq!(find("172.16.2.8"), Some("172.16.2.0/24"));
        assert_eq!(find("172.16.9.9"), Some("172.16.0.0/16"));
        assert_eq!(find("8.8.8.8"), Some("0.0.0.0/0"));
        assert_eq!(find("::1"), None);
    }

    #[test]
    fn macs_are_read_in_every_spelling_and_zeros_are_none() {
        let mac = Mac::parse("44:38:39:FF:00:13");
        assert_eq!(mac, Mac::parse("4438.39ff.0013"));
        assert_eq!(mac.unwrap().to_string(), "44:38:39:ff:00:13");
        assert_eq!(Mac::parse("00:00:00:00:00:00"), None);
        assert_eq!(Mac::parse("*"), None);
    }
}
