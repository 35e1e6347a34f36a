//! One interface under several spellings: `Eth1/1` is `Ethernet1/1`, `te7/3` is `Te7/3`.

/// What an interface is, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameClass {
    /// A port for management only (`mgmt0`, `Management1`, `em0`, `fxp0`, ...).
    Management,
    /// A LAG (`Port-Channel3`, `po10`, `ae0`, `bond0`).
    Lag,
    /// A VLAN interface (`Vlan10`, `irb.10`).
    Svi,
    /// A loopback.
    Loopback,
    /// A VXLAN interface (`Vxlan1`, `nve1`, `vtep`).
    Vxlan,
    /// A part of another interface (`Ethernet3.2`).
    Subinterface,
    /// Anything else.
    Other,
}

/// Full prefix and the short forms that vendors and LLDP use for it.
const PREFIXES: [(&str, &[&str]); 14] = [
    ("ethernet", &["ethernet", "ethe", "eth", "et"]),
    ("fastethernet", &["fastethernet", "fa"]),
    ("gigabitethernet", &["gigabitethernet", "gige", "gi"]),
    ("twopointfivegige", &["twopointfivegigabitethernet", "twopointfivegige", "tw"]),
    ("tengigabitethernet", &["tengigabitethernet", "tengige", "te"]),
    ("twentyfivegige", &["twentyfivegigabitethernet", "twentyfivegige", "twe"]),
    ("fortygigabitethernet", &["fortygigabitethernet", "fortygige", "fo"]),
    ("hundredgige", &["hundredgigabitethernet", "hundredgige", "hu"]),
    ("port-channel", &["port-channel", "portchannel", "bundle-ether", "po", "be"]),
    ("management", &["management", "mgmteth", "mgmt", "ma"]),
    ("loopback", &["loopback", "lo"]),
    ("vlan", &["vlan", "vl"]),
    ("vxlan", &["vxlan", "vx"]),
    ("tunnel", &["tunnel", "tu"]),
];

/// A form that is equal for all spellings of one interface *of one device*: lower case, the prefix written out.
/// It is a key to compare by, not a name to show. `et-0/0/1` (Junos) keeps its prefix, since the hyphen is part of it.
pub(crate) fn comparable(name: &str) -> String {
    let name = name.trim().trim_matches('"').to_ascii_lowercase();
    let compact: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    let Some(split) = compact.find(|c: char| c.is_ascii_digit()) else { return compact };
    let (prefix, number) = compact.split_at(split);
    for (full, shorts) in PREFIXES {
        if shorts.contains(&prefix) {
            return format!("{full}{number}");
        }
    }
    compact
}

/// What the name says about the interface. `eth0` is [`NameClass::Other`]: whether it is for management
/// depends on the device.
pub(crate) fn class(name: &str) -> NameClass {
    let comparable = comparable(name);
    let split = comparable.find(|c: char| c.is_ascii_digit()).unwrap_or(comparable.len());
    let (prefix, number) = comparable.split_at(split);
    if prefix == "irb." {
        return NameClass::Svi;
    }
    let class = match prefix {
        "management" | "em" | "fxp" | "me" | "vme" | "bme" => NameClass::Management,
        "port-channel" | "ae" | "bond" => NameClass::Lag,
        "vlan" => NameClass::Svi,
        "loopback" => NameClass::Loopback,
        "vxlan" | "nve" | "vtep" | "vtep." => NameClass::Vxlan,
        _ => NameClass::Other,
    };
    match (number.contains('.'), class) {
        (true, NameClass::Management | NameClass::Loopback | NameClass::Vxlan) | (false, _) => {
            class
        }
        (true, _) => NameClass::Subinterface,
    }
}

/// The interface that a name such as `Ethernet3.2` is a part of, and the number of the part.
pub(crate) fn parent(name: &str) -> Option<(&str, u32)> {
    let (parent, unit) = name.rsplit_once('.')?;
    Some((parent, unit.parse().ok()?)).filter(|(parent, _)| !parent.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_interface_compare_equal() {
        for (a, b) in [
            ("Eth1/1", "Ethernet1/1"),
            ("te7/3", "Te7/3"),
            ("te7/3", "TenGigabitEthernet7/3"),
            ("Po10", "port-channel10"),
            ("Vx1", "Vxlan1"),
            ("\"Ethernet2\"", "Ethernet2"),
            ("mgmt0", "Management0"),
            ("Gi0/1.20", "GigabitEthernet0/1.20"),
        ] {
            assert_eq!(comparable(a), comparable(b), "{a} and {b}");
        }
        assert_ne!(comparable("Ethernet1/1"), comparable("Ethernet1/11"));
        assert_ne!(comparable("xe-0/0/0"), comparable("et-0/0/0"));
    }

    #[test]
    fn a_name_tells_what_it_is() {
        assert_eq!(class("mgmt0"), NameClass::Management);
        assert_eq!(class("Management1"), NameClass::Management);
        assert_eq!(class("em0.0"), NameClass::Management);
        assert_eq!(class("irb.20"), NameClass::Svi);
        assert_eq!(class("Ethernet3.2"), NameClass::Subinterface);
        assert_eq!(class("ae0.0"), NameClass::Subinterface);
        assert_eq!(class("Port-Channel3"), NameClass::Lag);
        assert_eq!(class("swp1"), NameClass::Other);
        assert_eq!(parent("Ethernet3.2"), Some(("Ethernet3", 2)));
        assert_eq!(parent("Ethernet3"), None);
    }
}
