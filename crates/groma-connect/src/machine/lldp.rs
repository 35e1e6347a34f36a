//! LLDP frames (IEEE 802.1AB): who is at the other end of a cable.

/// What a neighbour says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Neighbor {
    /// Its name.
    pub(crate) system: Option<String>,
    /// Its port, as it names it, with the one it describes behind.
    pub(crate) ports: Vec<String>,
}

/// Reads frames that stand one behind the other, each with its length as a little-endian number of 8 bytes in front,
/// as systemd-networkd keeps them. `Err`: what is wrong with the first that cannot be read.
pub(super) fn neighbors(bytes: &[u8]) -> Result<Vec<Neighbor>, String> {
    let mut neighbors = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_at_checked(8) {
        let length: [u8; 8] = length.try_into().map_err(|_| "a length is cut off")?;
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        let Some((frame, after)) = after.split_at_checked(length) else {
            return Err(format!("a frame of {length} bytes is cut off"));
        };
        neighbors.push(frame_of(frame).ok_or("a frame is no LLDP frame")?);
        rest = after;
    }
    Ok(neighbors)
}

/// Reads one Ethernet frame.
fn frame_of(frame: &[u8]) -> Option<Neighbor> {
    if frame.get(12..14)? != [0x88, 0xcc] {
        return None;
    }
    let mut neighbor = Neighbor::default();
    let mut described = None;
    let mut rest = &frame[14..];
    while let Some((head, after)) = rest.split_at_checked(2) {
        let head = u16::from_be_bytes([head[0], head[1]]);
        let (kind, value) = (head >> 9, after.get(..usize::from(head & 0x1ff))?);
        rest = &after[value.len()..];
        match (kind, value) {
            (0, _) => break,
            (2, [subtype, id @ ..]) => neighbor.ports.extend(port_id(*subtype, id)),
            (4, text) => described = text_of(text),
            (5, text) => neighbor.system = text_of(text),
            _ => {}
        }
    }
    neighbor.ports.extend(described);
    Some(neighbor)
}

/// The id of a port: text, or a MAC address. Other forms name nothing that we know.
pub(crate) fn port_id(subtype: u8, id: &[u8]) -> Option<String> {
    match (subtype, id) {
        (3, [a, b, c, d, e, f]) => Some(format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")),
        (1 | 2 | 5 | 7, text) => text_of(text),
        _ => None,
    }
}

fn text_of(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches(['\0', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_names_the_other_end() {
        let mut frame = vec![1, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc];
        let mut tlv = |kind: u16, value: &[u8]| {
            frame.extend((kind << 9 | value.len() as u16).to_be_bytes());
            frame.extend(value);
        };
        tlv(1, b"\x04\x02\0\0\0\0\x01");
        tlv(2, b"\x05Ethernet1");
        tlv(3, &120_u16.to_be_bytes());
        tlv(4, b"to web-1");
        tlv(5, b"leaf01.example.org");
        tlv(0, b"");
        let mut bytes = (frame.len() as u64).to_le_bytes().to_vec();
        bytes.extend(&frame);
        let neighbor = Neighbor {
            system: Some("leaf01.example.org".into()),
            ports: vec!["Ethernet1".into(), "to web-1".into()],
        };
        assert_eq!(neighbors(&bytes), Ok(vec![neighbor]));
        for cut in 9..bytes.len() {
            assert!(neighbors(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}
