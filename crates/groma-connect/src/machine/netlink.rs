//! Dumps of the kernel's tables: asking for them, and taking them apart.

use std::io;

use groma_model::Problem;
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

/// Bytes of a netlink header: length, type, flags, number, port.
const HEADER_LENGTH: usize = 16;
/// Type of the message that ends a dump.
const DONE: u16 = 3;
/// Type of the message that says what went wrong.
const ERROR: u16 = 2;
/// Most bytes of one dump.
const DUMP_SIZE_MAX: usize = 256 << 20;

/// What is asked for, by the name of its part.
pub(super) fn dumps() -> [(&'static str, RouteNetlinkMessage); 7] {
    let link = |family: AddressFamily, mask: Vec<LinkExtentMask>| {
        let mut message = LinkMessage::default();
        message.header.interface_family = family;
        message.attributes.push(LinkAttribute::ExtMask(mask));
        RouteNetlinkMessage::GetLink(message)
    };
    let route = |family: AddressFamily| {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        RouteNetlinkMessage::GetRoute(message)
    };
    let neighbour = |family: AddressFamily| {
        let mut message = NeighbourMessage::default();
        message.header.family = family;
        RouteNetlinkMessage::GetNeighbour(message)
    };
    [
        ("links", link(AddressFamily::Unspec, vec![LinkExtentMask::SkipStats])),
        ("bridge-vlans", link(AddressFamily::Bridge, vec![LinkExtentMask::Brvlan])),
        ("addresses", RouteNetlinkMessage::GetAddress(AddressMessage::default())),
        ("routes-4", route(AddressFamily::Inet)),
        ("routes-6", route(AddressFamily::Inet6)),
        ("neighbours", neighbour(AddressFamily::Unspec)),
        ("bridge-macs", neighbour(AddressFamily::Bridge)),
    ]
}

/// Asks the kernel for a table and gives its messages as they came.
#[cfg(target_os = "linux")]
pub(super) fn dump(request: RouteNetlinkMessage) -> io::Result<Vec<u8>> {
    use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_DUMP | NLM_F_REQUEST;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&bytes, 0)?;
    let mut answer = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        for (kind, message) in raw_messages(&datagram) {
            match kind {
                DONE => return Ok(answer),
                ERROR => return Err(refusal(message)),
                _ => answer.extend_from_slice(message),
            }
        }
        if datagram.is_empty() || answer.len() > DUMP_SIZE_MAX {
            return Err(io::Error::other("the dump does not end"));
        }
    }
}

/// The error that a message of type [`ERROR`] carries.
fn refusal(message: &[u8]) -> io::Error {
    let code = message.get(HEADER_LENGTH..HEADER_LENGTH + 4).and_then(|code| code.try_into().ok());
    io::Error::from_raw_os_error(code.map_or(0, |code| i32::from_ne_bytes(code).saturating_neg()))
}

/// Type and bytes of each message, the padding included; stops where a length makes no sense.
fn raw_messages(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(rest.get(4..6)?.try_into().ok()?);
        if length < HEADER_LENGTH || length > rest.len() {
            return None;
        }
        let (message, after) = rest.split_at(length.next_multiple_of(4).min(rest.len()));
        rest = after;
        Some((kind, message))
    })
}

/// The messages of a dump. One that cannot be read is a problem, and the next one is tried.
pub(super) fn messages(
    place: &str,
    bytes: &[u8],
    problems: &mut Vec<Problem>,
) -> Vec<RouteNetlinkMessage> {
    let mut read = Vec::new();
    let mut length = 0;
    for (index, (_, message)) in raw_messages(bytes).enumerate() {
        length += message.len();
        match NetlinkMessage::<RouteNetlinkMessage>::deserialize(message) {
            Ok(NetlinkMessage { payload: NetlinkPayload::InnerMessage(inner), .. }) => {
                read.push(inner);
            }
            Ok(_) => {}
            Err(error) => {
                let reason = format!("a message of the kernel cannot be read: {error}");
                problems.push(Problem::new(format!("{place}, message {index}"), "", reason));
            }
        }
    }
    if length != bytes.len() {
        let reason = format!("{} bytes at its end are no message", bytes.len() - length);
        problems.push(Problem::new(place, "", reason));
    }
    read
}
