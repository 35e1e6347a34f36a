//! One spelling for the names of interfaces: `Eth1/1`, `Ethernet1/1` and `ethernet1/1` are one port.

/// Short forms and what they stand for. Only compared within one device.
const LONG_FORMS: [(&str, &str); 24] = [
    ("eth", "ethernet"),
    ("et", "ethernet"),
    ("e", "ethernet"),
    ("fa", "fastethernet"),
    ("fas", "fastethernet"),
    ("gi", "gigabitethernet"),
    ("gig", "gigabitethernet"),
    ("ge", "gigabitethernet"),
    ("te", "tengigabitethernet"),
    ("ten", "tengigabitethernet"),
    ("tengige", "tengigabitethernet"),
    ("twe", "twentyfivegige"),
    ("fo", "fortygigabitethernet"),
    ("for", "fortygigabitethernet"),
    ("hu", "hundredgigabitethernet"),
    ("hundredgige", "hundredgigabitethernet"),
    ("po", "port-channel"),
    ("portchannel", "port-channel"),
    ("lo", "loopback"),
    ("vl", "vlan"),
    ("ma", "management"),
    ("mgmt", "management"),
    ("tu", "tunnel"),
    ("nve", "vxlan"),
];

/// The spelling under which a name is compared: lower case, the short form of its type written out.
pub(crate) fn canonical(name: &str) -> String {
    let lower: String =
        name.trim().chars().filter(|c| *c != ' ').map(|c| c.to_ascii_lowercase()).collect();
    let digits = lower.find(|c: char| c.is_ascii_digit()).unwrap_or(lower.len());
    let (word, rest) = lower.split_at(digits);
    match LONG_FORMS.iter().find(|(short, _)| *short == word) {
        Some((_, long)) if !rest.is_empty() => format!("{long}{rest}"),
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_port_are_one() {
        for (a, b) in [
            ("Eth1/1", "Ethernet1/1"),
            ("te7/3", "Te7/3"),
            ("Te7/3", "TenGigabitEthernet7/3"),
            ("Po3", "port-channel3"),
            ("Vlan 10", "Vl10"),
        ] {
            assert_eq!(canonical(a), canonical(b), "{a} {b}");
        }
        assert_ne!(canonical("eth1"), canonical("eth1.2"));
        assert_ne!(canonical("lo"), canonical("lo0"));
    }
}
