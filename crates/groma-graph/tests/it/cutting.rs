//! Components, articulation points and bridges against taking each part away and counting.

use groma_graph::Net;
use proptest::prelude::*;

use crate::world::{Links, link, links, number, of_links};

const PORTS: u8 = 9;

/// Sizes of the components of what is left.
fn sizes(ports: &[u8], links: &[(u8, u8)]) -> Vec<usize> {
    let mut group: Vec<usize> = (0..usize::from(PORTS)).collect();
    for _ in 0..PORTS {
        for (a, b) in links.iter().filter(|(a, b)| ports.contains(a) && ports.contains(b)) {
            let least = group[usize::from(*a)].min(group[usize::from(*b)]);
            group[usize::from(*a)] = least;
            group[usize::from(*b)] = least;
        }
    }
    let mut counts = vec![0; usize::from(PORTS)];
    ports.iter().for_each(|port| counts[group[usize::from(*port)]] += 1);
    counts.retain(|count| *count > 0);
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts
}

/// The ports of the component of one.
fn around(port: u8, links: &Links) -> Vec<u8> {
    let mut reached = vec![port];
    let mut next = 0;
    while next < reached.len() {
        for (a, b) in links {
            for (from, to) in [(a, b), (b, a)] {
                if *from == reached[next] && !reached.contains(to) {
                    reached.push(*to);
                }
            }
        }
        next += 1;
    }
    reached
}

proptest! {
    #[test]
    fn cuts_are_what_parts_the_rest_when_it_is_taken_away(links in links(PORTS, 16)) {
        let graph = of_links(PORTS, &links);
        let net = Net::new(&graph, &[0]);
        let all: Vec<u8> = (0..PORTS).collect();

        let components = net.components();
        let mut counts = vec![0; usize::from(PORTS)];
        components.iter().for_each(|component| counts[*component as usize] += 1);
        counts.retain(|count| *count > 0);
        prop_assert_eq!(counts, sizes(&all, &links));

        let cuts = net.cuts();
        let mut points: Vec<(u8, u32)> =
            cuts.vertices.iter().map(|cut| (number(&graph, cut.part), cut.cut_off)).collect();
        points.sort_unstable();
        let mut expected = Vec::new();
        for port in 0..PORTS {
            let mut rest = around(port, &links);
            rest.retain(|other| *other != port);
            let parts = sizes(&rest, &links);
            if parts.len() > 1 {
                expected.push((port, (rest.len() - parts[0]) as u32));
            }
        }
        prop_assert_eq!(points, expected);

        let mut bridges: Vec<(usize, u32)> =
            cuts.edges.iter().map(|cut| (link(&graph, cut.part.owner), cut.cut_off)).collect();
        bridges.sort_unstable();
        let mut expected = Vec::new();
        for (place, (a, _)) in links.iter().enumerate() {
            let mut left = links.clone();
            left.remove(place);
            let part = around(*a, &links);
            let parts = sizes(&part, &left);
            if parts.len() > 1 {
                expected.push((place, (part.len() - parts[0]) as u32));
            }
        }
        prop_assert_eq!(bridges, expected);
    }
}
