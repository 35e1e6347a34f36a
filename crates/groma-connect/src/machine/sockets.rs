//! Tables of sockets: `/proc/net/tcp`, `tcp6`, `udp`, `udp6`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use groma_model::Problem;

/// One line of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) is_tcp: bool,
    pub(super) local: (IpAddr, u16),
    pub(super) remote: (IpAddr, u16),
    pub(super) state: u8,
    pub(super) inode: u64,
}

const ESTABLISHED: u8 = 0x01;
const CLOSE: u8 = 0x07;
const LISTEN: u8 = 0x0a;

impl Socket {
    /// Whether it waits for others to speak first.
    pub(super) fn listens(&self) -> bool {
        if self.is_tcp { self.state == LISTEN } else { self.state == CLOSE && self.remote.1 == 0 }
    }

    /// Whether it has another end now.
    pub(super) fn is_connected(&self) -> bool {
        self.state == ESTABLISHED && self.remote.1 != 0
    }
}

/// Reads a table. `name` is `tcp`, `tcp6`, `udp` or `udp6`. A line that cannot be read is a problem.
pub(super) fn read(
    name: &str,
    place: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for (index, line) in text.lines().enumerate().skip(1) {
        match socket(line, name.starts_with("tcp")) {
            Some(socket) => sockets.push(socket),
            None => {
                let place = format!("{place}:{}", index + 1);
                problems.push(Problem::new(place, line.trim(), "not a line of a table of sockets"));
            }
        }
    }
    sockets
}

/// `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 4711 ...`
fn socket(line: &str, is_tcp: bool) -> Option<Socket> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote) = (end(fields.next()?)?, end(fields.next()?)?);
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Socket { is_tcp, local, remote, state, inode })
}

/// An address as the kernel prints it: words of four bytes in the order of the machine, here little-endian.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word =
        |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_le_bytes);
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for index in 0..4 {
                bytes[index * 4..][..4].copy_from_slice(&word(index * 8)?);
            }
            // ::ffff:10.0.0.1 is 10.0.0.1, which is how the other end sees it.
            let ip = Ipv6Addr::from(bytes);
            ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
        }
        _ => return None,
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0
   1: 0000000000000000FFFF00000200000A:0016 0000000000000000FFFF00000300000A:C350 01 00000000:00000000 02:0 0 0 0 4712 1
   2: nonsense
";
        let mut problems = Vec::new();
        let sockets = read("tcp6", "t", text, &mut problems);
        assert_eq!(sockets[0].local, ("127.0.0.1".parse().unwrap(), 8080));
        assert!(sockets[0].listens() && sockets[1].is_connected());
        assert_eq!(sockets[1].remote, ("10.0.0.3".parse().unwrap(), 50_000));
        assert_eq!((sockets[1].inode, problems.len()), (4712, 1));
    }
}
