//! Values by their object identifiers, as a walk gave them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use groma_model::Problem;

/// Most values of one walk.
pub(super) const VALUES_MAX: usize = 4 << 20;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Integer(i64),
    Bytes(Vec<u8>),
    Oid(Vec<u32>),
    Ip(Ipv4Addr),
}

/// A whole walk.
#[derive(Debug, Default)]
pub(super) struct Walk {
    values: BTreeMap<Vec<u32>, Value>,
}

impl Walk {
    /// The value of a scalar, without the 0 behind it.
    pub(super) fn scalar(&self, oid: &[u32]) -> Option<&Value> {
        self.values.get(&[oid, &[0]].concat())
    }

    /// The rows of a column by their index.
    pub(super) fn column<'a>(
        &'a self,
        oid: &'a [u32],
    ) -> impl Iterator<Item = (&'a [u32], &'a Value)> {
        let rows =
            self.values.range(oid.to_vec()..).take_while(move |(key, _)| key.starts_with(oid));
        rows.map(move |(key, value)| (&key[oid.len()..], value))
            .filter(|(index, _)| !index.is_empty())
    }

    /// The value of a column in one row.
    pub(super) fn cell(&self, oid: &[u32], index: &[u32]) -> Option<&Value> {
        self.values.get(&[oid, index].concat())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl Value {
    pub(super) fn integer(&self) -> Option<i64> {
        if let Value::Integer(number) = self { Some(*number) } else { None }
    }

    /// Text without what fills it up; empty counts as none.
    pub(super) fn text(&self) -> Option<String> {
        let Value::Bytes(bytes) = self else { return None };
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if let Value::Bytes(bytes) = self { bytes } else { &[] }
    }

    /// A MAC address; that of nobody is none.
    pub(super) fn mac(&self) -> Option<String> {
        mac(self.bytes())
    }
}

/// Six bytes that are not all zero, in lower case.
pub(super) fn mac(bytes: &[u8]) -> Option<String> {
    let [a, b, c, d, e, f] = bytes else { return None };
    let text = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
    bytes.iter().any(|byte| *byte != 0).then_some(text)
}

/// An address of an index: 4 or 16 numbers.
pub(super) fn ip(index: &[u32]) -> Option<IpAddr> {
    let bytes: Vec<u8> =
        index.iter().map(|part| u8::try_from(*part).ok()).collect::<Option<_>>()?;
    let v4 = <[u8; 4]>::try_from(&bytes[..]).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(&bytes[..]).ok().map(IpAddr::from))
}

/// `InetAddressType`, length and bytes at the start of an index, with what follows.
pub(super) fn typed_ip(index: &[u32]) -> Option<(IpAddr, &[u32])> {
    let length = usize::try_from(*index.get(1)?).ok()?;
    let bytes = index.get(2..2 + length)?;
    // ipv4z and ipv6z have the number of a zone behind.
    let own = match index[0] {
        3 => bytes.get(..4)?,
        4 => bytes.get(..16)?,
        _ => bytes,
    };
    Some((ip(own)?, &index[2 + length..]))
}

/// Reads `OID|type|value` lines. One that cannot be read is a problem.
pub(super) fn read(place: &str, bytes: &[u8], problems: &mut Vec<Problem>) -> Walk {
    let mut walk = Walk::default();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match value(line) {
            Ok(Some((oid, value))) if walk.values.len() < VALUES_MAX => {
                walk.values.insert(oid, value);
            }
            Ok(None) => {}
            Ok(Some(_)) => {
                let reason = format!("a walk of more than {VALUES_MAX} values is not read further");
                problems.push(Problem::new(format!("{place}:{}", index + 1), "", reason));
                break;
            }
            Err(reason) => {
                let shown = crate::lines::lossy_start(line);
                problems.push(Problem::new(format!("{place}:{}", index + 1), &shown, reason));
            }
        }
    }
    walk
}

/// `None`: it has no value.
fn value(line: &[u8]) -> Result<Option<(Vec<u32>, Value)>, String> {
    let mut fields = line.splitn(3, |byte| *byte == b'|');
    let mut text = || fields.next().and_then(|field| std::str::from_utf8(field).ok());
    let (oid, kind) = (text().ok_or("no OID")?, text().ok_or("no type")?);
    let raw = fields.next().ok_or("no value")?;
    let oid = parse_oid(oid).ok_or("not an object identifier")?;
    let (kind, is_hex) = kind.strip_suffix('x').map_or((kind, false), |kind| (kind, true));
    if kind.contains(':') {
        return Err("a value that snmpsim makes up while it runs is no observation".into());
    }
    let raw = if is_hex { unhex(raw).ok_or("not hexadecimal")? } else { raw.to_vec() };
    let text = || std::str::from_utf8(&raw).map(str::trim).map_err(|_| "not text");
    Ok(Some((
        oid,
        match kind {
            "2" | "65" | "66" | "67" | "70" => {
                // A counter of 64 bits may be too large for us; nothing that we read is.
                Value::Integer(
                    text()?
                        .parse::<i128>()
                        .map_err(|_| "not a number")?
                        .try_into()
                        .unwrap_or(i64::MAX),
                )
            }
            "4" | "68" => Value::Bytes(raw),
            "6" => Value::Oid(parse_oid(text()?).ok_or("not an object identifier")?),
            "64" => match <[u8; 4]>::try_from(&raw[..]).ok().filter(|_| is_hex) {
                Some(bytes) => Value::Ip(bytes.into()),
                None => Value::Ip(text()?.parse().map_err(|_| "not an IPv4 address")?),
            },
            "5" | "128" | "129" | "130" => return Ok(None),
            other => return Err(format!("there is no type {other}")),
        },
    )))
}

fn parse_oid(text: &str) -> Option<Vec<u32>> {
    text.trim_start_matches('.').split('.').map(|part| part.parse().ok()).collect()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let digits: Vec<u32> = text
        .iter()
        .filter(|b| !b.is_ascii_whitespace())
        .map(|b| digit(*b))
        .collect::<Option<_>>()?;
    digits.chunks(2).map(|pair| Some((pair.first()? * 16 + pair.get(1)?) as u8)).collect()
}

/// Writes a line that [`read`] reads.
pub(super) fn write(out: &mut Vec<u8>, oid: &str, value: &Value, kind: &str) {
    out.extend(oid.as_bytes());
    match value {
        Value::Integer(number) => out.extend(format!("|{kind}|{number}").as_bytes()),
        Value::Ip(ip) => out.extend(format!("|{kind}|{ip}").as_bytes()),
        Value::Oid(parts) => {
            let text = parts.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            out.extend(format!("|{kind}|{text}").as_bytes());
        }
        Value::Bytes(bytes) if bytes.iter().all(|b| (0x20..0x7f).contains(b)) => {
            out.extend(format!("|{kind}|").as_bytes());
            out.extend(bytes);
        }
        Value::Bytes(bytes) => {
            out.extend(format!("|{kind}x|").as_bytes());
            out.extend(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
        }
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let text = b"1.3.6.1.2.1.1.5.0|4|leaf1|a\n1.3.1|4x|00ff0a\n1.3.2|64|10.0.0.1\n1.3.3|64x|0a000002\n\
                     1.3.4|6|1.3.6\n1.3.5|70|18446744073709551615\n1.3.6|4:delay|x\n1.3.7|99|x\nx|4|y\n";
        let mut problems = Vec::new();
        let walk = read("w", text, &mut problems);
        assert_eq!(
            walk.scalar(&[1, 3, 6, 1, 2, 1, 1, 5]).unwrap().text().as_deref(),
            Some("leaf1|a")
        );
        assert_eq!(walk.values[&vec![1, 3, 1]].bytes(), [0, 255, 10]);
        assert_eq!(walk.values[&vec![1, 3, 3]], Value::Ip(Ipv4Addr::new(10, 0, 0, 2)));
        assert_eq!(
            problems.iter().map(|p| p.place.as_str()).collect::<Vec<_>>(),
            ["w:7", "w:8", "w:9"]
        );
        let mut out = Vec::new();
        write(&mut out, "1.3.1", &Value::Bytes(vec![0, 255, 10]), "4");
        assert_eq!(out, b"1.3.1|4x|00ff0a\n");
    }

    #[test]
    fn indexes_hold_addresses() {
        assert_eq!(
            typed_ip(&[1, 4, 10, 0, 0, 1, 7]),
            Some(("10.0.0.1".parse().unwrap(), &[7][..]))
        );
        assert_eq!(typed_ip(&[1, 9, 10]), None);
    }
}
