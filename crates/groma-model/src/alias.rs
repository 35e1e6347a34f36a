//! Names by which one thing is known to several sources, and which texts are no name at all.

use std::fmt;
use std::net::IpAddr;

/// A sort of name. In the order in which they are believed: the first two are put on a thing once,
/// the others may belong to another thing later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AliasKind {
    /// Serial number that the maker gave.
    Serial,
    /// Number that the owner gave.
    AssetTag,
    /// MAC address.
    Mac,
    /// Fully qualified domain name.
    Fqdn,
    /// Host name without a domain.
    HostName,
    /// IP address.
    Address,
}

/// What makers, installers and scripts write where they know nothing, in upper case.
const PLACEHOLDERS: [&str; 26] = [
    "N/A",
    "NA",
    "NONE",
    "(NONE)",
    "NULL",
    "NIL",
    "UNKNOWN",
    "UNDEFINED",
    "UNSPECIFIED",
    "DEFAULT",
    "DEFAULT STRING",
    "EMPTY",
    "TBD",
    "TBA",
    "TEST",
    "NOT SPECIFIED",
    "NOT AVAILABLE",
    "NOT APPLICABLE",
    "TO BE FILLED BY O.E.M.",
    "SYSTEM SERIAL NUMBER",
    "CHASSIS SERIAL NUMBER",
    "BASE BOARD SERIAL NUMBER",
    "NO ASSET TAG",
    "ASSET TAG",
    "0123456789",
    "123456789",
];

/// Host names that come with an image.
const IMAGE_NAMES: [&str; 10] = [
    "localhost",
    "host",
    "hostname",
    "router",
    "switch",
    "linux",
    "debian",
    "ubuntu",
    "raspberrypi",
    "cumulus",
];

impl AliasKind {
    /// All of them, in order.
    pub const ALL: [AliasKind; 6] = [
        AliasKind::Serial,
        AliasKind::AssetTag,
        AliasKind::Mac,
        AliasKind::Fqdn,
        AliasKind::HostName,
        AliasKind::Address,
    ];

    /// As schema files and tables spell it.
    pub const fn name(self) -> &'static str {
        match self {
            AliasKind::Serial => "serial",
            AliasKind::AssetTag => "asset-tag",
            AliasKind::Mac => "mac",
            AliasKind::Fqdn => "fqdn",
            AliasKind::HostName => "host-name",
            AliasKind::Address => "address",
        }
    }

    /// Reads [`AliasKind::name`]; an underscore may stand for the hyphen.
    pub fn named(name: &str) -> Option<AliasKind> {
        let name = name.replace('_', "-");
        AliasKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it stays with one thing for ever, so that two entities that ever had it are one.
    /// Others make two entities one only while both have it.
    pub const fn is_lasting(self) -> bool {
        matches!(self, AliasKind::Serial | AliasKind::AssetTag)
    }

    /// The spelling under which it is compared. `None`: the text is no such name, or one that many
    /// things have (`N/A`, `00:00:00:00:00:00`, `localhost`, 127.0.0.1, a virtual router's MAC).
    pub fn normalize(self, text: &str) -> Option<String> {
        let text = text.trim();
        if PLACEHOLDERS.contains(&text.to_uppercase().as_str()) {
            return None;
        }
        match self {
            AliasKind::Serial | AliasKind::AssetTag => {
                let mut letters = text.chars().filter(|c| c.is_alphanumeric());
                let first = letters.next()?;
                let repeats = text.chars().count() > 2 && letters.all(|c| c == first);
                (!repeats).then(|| text.to_uppercase())
            }
            AliasKind::Mac => mac(text),
            AliasKind::Fqdn => domain_name(text).filter(|name| {
                let top = name.rsplit('.').next().unwrap_or_default();
                name.contains('.') && top.chars().all(|c| c.is_alphabetic() || c == '-')
            }),
            AliasKind::HostName => domain_name(text).filter(|name| !name.contains('.')),
            AliasKind::Address => address(text),
        }
    }
}

impl fmt::Display for AliasKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Lower case with colons. Not those of groups, and not those that redundant routers share.
fn mac(text: &str) -> Option<String> {
    let digits: Vec<char> = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.iter().all(char::is_ascii_hexdigit) {
        return None;
    }
    let pairs: Vec<String> = (digits.chunks(2))
        .map(|pair| pair.iter().collect::<String>().to_ascii_lowercase())
        .collect();
    let mac = pairs.join(":");
    const VRRP: [&str; 2] = ["00:00:5e:00:01:", "00:00:5e:00:02:"];
    const HSRP: [&str; 2] = ["00:00:0c:07:ac:", "00:00:0c:9f:f"];
    let shared = VRRP.iter().chain(&HSRP).any(|prefix| mac.starts_with(prefix));
    let group = u8::from_str_radix(&pairs[0], 16).is_ok_and(|first| first & 1 == 1);
    (!shared && !group && mac != "00:00:00:00:00:00").then_some(mac)
}

fn domain_name(text: &str) -> Option<String> {
    let name = text.trim_end_matches('.').to_lowercase();
    let host = name.split('.').next().unwrap_or_default();
    let spelled = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let means_one = spelled && !host.is_empty() && !IMAGE_NAMES.contains(&host);
    (means_one && name.parse::<IpAddr>().is_err()).then_some(name)
}

/// Without length and zone. Not those that every machine has, nor those of groups.
fn address(text: &str) -> Option<String> {
    let text = text.split(['/', '%']).next().unwrap_or_default();
    let ip = text.parse::<IpAddr>().ok()?.to_canonical();
    let common = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let means_one = !(common || ip.is_loopback() || ip.is_unspecified() || ip.is_multicast());
    means_one.then(|| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one() {
        for (kind, a, b) in [
            (AliasKind::Serial, " fdo1234x0aa ", "FDO1234X0AA"),
            (AliasKind::Mac, "4438.39FF.0013", "44-38-39-ff-00-13"),
            (AliasKind::Fqdn, "Web1.Example.com.", "web1.example.com"),
            (AliasKind::HostName, "WEB1", "web1"),
            (AliasKind::Address, "::ffff:10.0.0.1", "10.0.0.1/24"),
        ] {
            let normal = kind.normalize(a);
            assert!(normal.is_some(), "{a}");
            assert_eq!(normal, kind.normalize(b), "{a} {b}");
        }
    }

    #[test]
    fn what_many_things_have_names_none() {
        for (kind, texts) in [
            (AliasKind::Serial, ["N/A", "", "0000000", "To be filled by O.E.M.", "-", "xxxx"]),
            (
                AliasKind::Mac,
                [
                    "00:00:00:00:00:00",
                    "ff:ff:ff:ff:ff:ff",
                    "00:00:5e:00:01:0a",
                    "*",
                    "x",
                    "01:00:5e:00:00:01",
                ],
            ),
            (
                AliasKind::Fqdn,
                ["localhost.localdomain", "web1", "10.0.0.1", "sw1.1", "a b.com", ""],
            ),
            (
                AliasKind::HostName,
                ["localhost", "10.0.0.1", "web1.example.com", "none", "ubuntu", ""],
            ),
            (
                AliasKind::Address,
                ["127.0.0.1", "::1", "0.0.0.0", "169.254.1.1", "fe80::1%eth0", "10.0.0.1:80"],
            ),
        ] {
            for text in texts {
                assert_eq!(kind.normalize(text), None, "{kind} {text}");
            }
        }
    }

    #[test]
    fn a_kind_is_read_by_its_name() {
        for kind in AliasKind::ALL {
            assert_eq!(AliasKind::named(kind.name()), Some(kind));
        }
        assert_eq!(AliasKind::named("asset_tag"), Some(AliasKind::AssetTag));
        assert_eq!(AliasKind::named("nickname"), None);
    }
}
