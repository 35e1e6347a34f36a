//! What to change in NetBox so that it says what is: drift, as requests to its REST interface.
//!
//! The reverse of `facts`, as far as one request to one object can say it. Related objects are named
//! by an attribute, as NetBox allows, so that nothing has to be asked to write a proposal. Who
//! applies it looks the object up, and changes it only if there is exactly one.

use serde_json::{Value, json};

/// Where an entity or one of its attributes differs: a row of `model.drift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift<'a> {
    /// Full name of the kind.
    pub kind: &'a str,
    /// Key of the entity.
    pub id: &'a str,
    /// Which attribute; `None`: the entity as such, which only one side knows.
    pub attribute: Option<&'a str>,
    /// What was observed, printed; `None`: that there is no value.
    pub observed: Option<&'a str>,
}

/// A change of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Path of the objects below `/api/`, such as `dcim/devices`.
    pub object: &'static str,
    /// Filters that find the one that is meant.
    pub lookup: Value,
    /// What it is given.
    pub body: Value,
}

/// What to change in NetBox so that there is no such drift any more.
///
/// # Errors
/// Why it is for a person to do, lower case.
pub fn propose(drift: &Drift<'_>) -> Result<Patch, String> {
    let Some(attribute) = drift.attribute else {
        return Err(match drift.observed {
            Some("present") => {
                format!("NetBox has no such {}: add it, if it is meant to be there", drift.kind)
            }
            _ => "nobody observed it: remove it, or find out what became of it".into(),
        });
    };
    let (object, lookup) = object_of(drift.kind, drift.id)
        .ok_or_else(|| format!("no NetBox field: {} is made of several objects", drift.kind))?;
    let body = body(drift.kind, attribute, drift)?;
    Ok(Patch { object, lookup, body })
}

/// Which object an entity is, and how it is found.
fn object_of(kind: &str, id: &str) -> Option<(&'static str, Value)> {
    Some(match kind {
        "facility.site" => ("dcim/sites", json!({ "name": id })),
        "facility.rack" => ("dcim/racks", named_in_site(id)),
        "physical.device" | "compute.host" => ("dcim/devices", json!({ "name": id })),
        "compute.vm" => ("virtualization/virtual-machines", json!({ "name": id })),
        "physical.port" => {
            let (device, name) = id.split_once(':')?;
            ("dcim/interfaces", json!({ "device": device, "name": name }))
        }
        "network.address" => {
            let (port, ip) = id.rsplit_once('|')?;
            let (device, name) = port.split_once(':')?;
            let lookup = json!({ "address": ip, "device": device, "interface": name });
            ("ipam/ip-addresses", lookup)
        }
        "network.vlan" => ("ipam/vlans", json!({ "vid": id.rsplit_once('/')?.1 })),
        "network.subnet" => ("ipam/prefixes", json!({ "prefix": id.rsplit_once('|')?.1 })),
        _ => return None,
    })
}

/// `r1`, or `dc1/r1` where several sites have one.
fn named_in_site(id: &str) -> Value {
    json!({ "name": id.rsplit_once('/').map_or(id, |(_, name)| name) })
}

fn body(kind: &str, attribute: &str, drift: &Drift<'_>) -> Result<Value, String> {
    let none = |why: &str| Err(format!("no NetBox field: {why}"));
    let of = |field: &str, value: Value| Ok(json!({ field: value }));
    let value = drift.observed;
    // NetBox keeps no text as an empty one, and no object as null.
    let text = || Value::from(value.unwrap_or_default());
    let name = || value.map_or(Value::Null, |name| json!({ "name": name }));
    match (kind, attribute) {
        ("facility.site", "region") => of("region", name()),
        ("facility.rack", "height_units") => of("u_height", integer(value)?),
        ("facility.rack", "room") => of("location", name()),
        ("physical.device" | "compute.host", "rack") => of("rack", value.map_or(Value::Null, rack)),
        ("physical.device", "serial") => of("serial", text()),
        ("physical.device", "asset_tag") => of("asset_tag", value.map_or(Value::Null, Value::from)),
        ("physical.device", "os") => of("platform", name()),
        ("physical.device", "model") => {
            let Some(model) = value else { return none("a device has a type") };
            of("device_type", json!({ "model": model }))
        }
        ("physical.device", "up") => match truth(value)? {
            true => of("status", "active".into()),
            false => of("status", "offline".into()),
        },
        ("physical.device", "vendor") => none("the vendor is one of its type: change the type"),
        ("physical.device", "role") => none("roles are words of the site's own"),
        ("physical.device" | "compute.host" | "compute.vm", "address") => {
            none("a primary address is an object that belongs to an interface")
        }
        ("physical.port", "mtu") => of("mtu", integer(value)?),
        ("physical.port", "speed_bits_per_second") => match value {
            None => of("speed", Value::Null),
            Some(text) => of("speed", (whole(text)? / 1000).into()),
        },
        ("physical.port", "admin_up") => of("enabled", truth(value)?.into()),
        ("physical.port", "description") => of("description", text()),
        ("physical.port" | "network.address" | "network.subnet", "vrf") => of("vrf", name()),
        ("physical.port", "mode") => match value {
            Some("access") => of("mode", "access".into()),
            Some("trunk") => of("mode", "tagged".into()),
            _ => of("mode", "".into()),
        },
        ("physical.port", "access_vlan" | "native_vlan") => of("untagged_vlan", vlan(value)?),
        ("physical.port", "allowed_vlans") => none("tagged VLANs are named by numbers of NetBox"),
        ("physical.port" | "compute.vm", "mac") => {
            none("since NetBox 4.2 a MAC address is an object of its own")
        }
        ("network.address", "prefix_length") => {
            let Some((_, ip)) = drift.id.rsplit_once('|') else { return none("it has no address") };
            let Some(length) = value else { return none("an address has a length") };
            of("address", format!("{ip}/{}", whole(length)?).into())
        }
        ("network.vlan", "name") => of("name", text()),
        ("network.subnet", "vid") => of("vlan", vlan(value)?),
        ("compute.vm", "host") => of("device", name()),
        _ => none(&format!("nothing in NetBox says {attribute} of a {kind}")),
    }
}

fn rack(id: &str) -> Value {
    match id.rsplit_once('/') {
        Some((site, name)) => json!({ "name": name, "site": { "name": site } }),
        None => json!({ "name": id }),
    }
}

fn vlan(value: Option<&str>) -> Result<Value, String> {
    value.map_or(Ok(Value::Null), |vid| Ok(json!({ "vid": whole(vid)? })))
}

fn integer(value: Option<&str>) -> Result<Value, String> {
    value.map_or(Ok(Value::Null), |text| whole(text).map(Value::from))
}

fn whole(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no whole number"))
}

fn truth(value: Option<&str>) -> Result<bool, String> {
    match value {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err("no NetBox field: it is unknown".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(kind: &str, id: &str, attribute: &str, observed: Option<&str>) -> String {
        match propose(&Drift { kind, id, attribute: Some(attribute), observed }) {
            Ok(Patch { object, lookup, body }) => format!("{object} {lookup} {body}"),
            Err(why) => why,
        }
    }

    #[test]
    fn what_netbox_has_a_field_for_is_a_patch() {
        for (kind, id, attribute, observed, expected) in [
            (
                "physical.device",
                "leaf1",
                "serial",
                Some("S2"),
                r#"dcim/devices {"name":"leaf1"} {"serial":"S2"}"#,
            ),
            (
                "physical.device",
                "leaf1",
                "rack",
                Some("dc1/r1"),
                r#"dcim/devices {"name":"leaf1"} {"rack":{"name":"r1","site":{"name":"dc1"}}}"#,
            ),
            (
                "physical.port",
                "leaf1:Ethernet1",
                "speed_bits_per_second",
                Some("10000000000"),
                r#"dcim/interfaces {"device":"leaf1","name":"Ethernet1"} {"speed":10000000}"#,
            ),
            (
                "physical.port",
                "leaf1:swp1",
                "admin_up",
                Some("false"),
                r#"dcim/interfaces {"device":"leaf1","name":"swp1"} {"enabled":false}"#,
            ),
            (
                "physical.port",
                "leaf1:swp1",
                "description",
                None,
                r#"dcim/interfaces {"device":"leaf1","name":"swp1"} {"description":""}"#,
            ),
            (
                "network.address",
                "leaf1:swp1|10.0.0.1",
                "prefix_length",
                Some("25"),
                r#"ipam/ip-addresses {"address":"10.0.0.1","device":"leaf1","interface":"swp1"} {"address":"10.0.0.1/25"}"#,
            ),
            (
                "network.subnet",
                "default|10.0.0.0/24",
                "vid",
                Some("20"),
                r#"ipam/prefixes {"prefix":"10.0.0.0/24"} {"vlan":{"vid":20}}"#,
            ),
        ] {
            assert_eq!(proposed(kind, id, attribute, observed), expected);
        }
    }

    #[test]
    fn what_a_person_has_to_do_is_said() {
        let why = |kind, attribute| proposed(kind, "x:y", attribute, Some("1"));
        assert!(why("physical.port", "mac").starts_with("no NetBox field: since"));
        assert!(why("physical.link", "up").starts_with("no NetBox field: physical.link is made"));
        assert!(why("physical.port", "carrier").contains("nothing in NetBox says carrier"));
        assert_eq!(proposed("physical.port", "a:b", "mtu", Some("x")), "\"x\" is no whole number");
        let one_sided = |observed| {
            let (kind, id) = ("physical.device", "leaf1");
            propose(&Drift { kind, id, attribute: None, observed: Some(observed) }).unwrap_err()
        };
        assert!(one_sided("present").contains("NetBox has no such physical.device"));
        assert!(one_sided("absent").contains("nobody observed it"));
    }
}
