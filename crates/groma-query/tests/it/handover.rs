//! Messages to addresses that go from machine to machine: every byte goes over the cable of the machine
//! that had the address when it was sent, or over none if nobody had it. GROMA_MESSAGES says how many;
//! 100,000 if it does not.

use std::collections::BTreeMap;
use std::fmt::Write;

use sqllogictest::{AsyncDB, DBOutput};

use crate::dice::Dice;
use crate::world::{Asker, WorldHandle};

const MACHINES: usize = 24;
const ADDRESSES: usize = 40;
/// So often each address changes hands.
const HANDOVERS: usize = 20;
const SECONDS: usize = 900;

#[test]
fn no_message_goes_to_who_had_the_address_before_or_after() {
    let asked = std::env::var("GROMA_MESSAGES").ok().and_then(|count| count.parse().ok());
    let messages = asked.unwrap_or(100_000);
    let mut dice = Dice(7);
    let (mut text, held) = world(&mut dice);
    let mut truth: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..messages {
        // In thousandths of a second, so that messages fall next to every change as well.
        let time = (number * SECONDS * 1_000 / messages).max(1);
        let address = dice.below(ADDRESSES);
        let of_address = held[address].partition_point(|(from, _)| from * 1_000 <= time);
        let bytes = 1 + dice.below(1_000_000);
        let links = match held[address][of_address - 1].1 {
            Some(machine) => vec![cable(machine), cable(MACHINES)],
            None => vec![NOWHERE.to_owned()],
        };
        for link in links {
            *truth.entry(link).or_default() += bytes as u64;
        }
        let (second, rest) = (time / 1_000, time % 1_000);
        writeln!(
            text,
            "message {second}.{rest:03} caller send 10.0.10.{address} id={} tx={} bytes={bytes}",
            number + 1,
            number + 1
        )
        .unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let mut asker = Asker::new(WorldHandle::new());
        asker.run(&text).await.unwrap();
        let load = format!(
            "SELECT link, sum(bytes) FROM traffic.link_load WHERE link LIKE '%:1--m%' GROUP BY link
            UNION ALL SELECT '{NOWHERE}', sum(bytes) FROM traffic.crossing WHERE class = 'UNPLACED'"
        );
        asker.run(&load).await.unwrap()
    });
    let DBOutput::Rows { rows, .. } = answer else { panic!("a question is answered by rows") };
    let answer: BTreeMap<String, u64> = rows
        .into_iter()
        .map(|row| (row[0].clone(), row[1].parse::<f64>().unwrap() as u64))
        .collect();
    assert_eq!(answer, truth);
}

/// Where messages go to an address that nobody has.
const NOWHERE: &str = "nowhere";

fn cable(machine: usize) -> String {
    format!("s{machine}:1--m{machine}:e")
}

/// From which second on which machine has an address, if any has.
type Holders = Vec<(usize, Option<usize>)>;

/// Machines on a switch each, the caller on the last, and for each address who has it.
fn world(dice: &mut Dice) -> (String, Vec<Holders>) {
    let mut text = "WORLD\nphysical.device d role=distribution\n".to_owned();
    for machine in 0..=MACHINES {
        write!(
            text,
            "physical.device m{machine} role=host
            physical.device s{machine} role=access
            physical.port m{machine}:e device=m{machine} name=e mode=access access_vlan=10
            physical.port s{machine}:1 device=s{machine} name=1 mode=access access_vlan=10
            physical.port s{machine}:u device=s{machine} name=u mode=trunk
            physical.port d:{machine} device=d name={machine} mode=trunk
            physical.link s{machine}:1--m{machine}:e a=s{machine}:1 b=m{machine}:e
            physical.link s{machine}:u--d:{machine} a=s{machine}:u b=d:{machine}
            compute.host m{machine}\n"
        )
        .unwrap();
    }
    text += "service.service s\n";
    writeln!(text, "service.instance caller service=s runs_on=host/m{MACHINES}").unwrap();
    let mut held = Vec::new();
    for address in 0..ADDRESSES {
        let mut times: Vec<usize> = (0..HANDOVERS).map(|_| 1 + dice.below(SECONDS - 1)).collect();
        times.extend([0, SECONDS]);
        times.sort_unstable();
        times.dedup();
        let mut holders = Vec::new();
        for (part, window) in times.windows(2).enumerate() {
            if dice.below(8) == 0 {
                holders.push((window[0], None));
                continue;
            }
            let machine = dice.below(MACHINES);
            holders.push((window[0], Some(machine)));
            // The name comes before or after that of the holder before it.
            let name = format!("i{}-{address}-{part}", dice.below(10));
            writeln!(
                text,
                "service.instance {name} service=s runs_on=host/m{machine} address=10.0.10.{address} valid_from={} valid_to={}",
                window[0], window[1]
            )
            .unwrap();
        }
        held.push(holders);
    }
    (text, held)
}
