//! Traffic follows from that of another version: after random changes of forks, of forks of forks and of the
//! past, it is what an engine that never saw another version says. GROMA_WALKS says how many random walks;
//! 4 if it does not.

use std::fmt::Write;

use sqllogictest::{AsyncDB, DBOutput};

use crate::dice::Dice;
use crate::world::{Asker, WorldHandle};

const STEPS: usize = 10;
const MESSAGES: usize = 400;

/// What may happen to a database, whose name stands for `DB`.
const CHANGES: &[&str] = &[
    "UPDATE DB.service.farm SET balancing = 'nearest'",
    "UPDATE DB.service.farm SET balancing = 'nearest', load_cap = 1.2",
    "UPDATE DB.service.farm SET balancing = 'round_robin'",
    "UPDATE DB.service.service SET balancing = 'nearest'",
    "UPDATE DB.service.service SET balancing = 'nearest' WHERE id = 'pay'",
    "UPDATE DB.service.service SET balancing = 'round_robin'",
    "UPDATE DB.service.service SET stateful = true WHERE id = 'book'",
    "UPDATE DB.physical.link SET up = false WHERE id = 'a1:u--d1:1'",
    "UPDATE DB.physical.link SET up = true WHERE id = 'a1:u--d1:1'",
    "UPDATE DB.physical.link SET up = false WHERE id = 'a3:u--d2:3'",
    "UPDATE DB.physical.link SET up = true",
    "UPDATE DB.physical.link SET up = false WHERE id = 'a2:3--h3:e'",
    "UPDATE DB.physical.device SET up = false WHERE id = 'd2'",
    "UPDATE DB.physical.device SET up = true WHERE id = 'd2'",
    "UPDATE DB.physical.port SET up = false WHERE id = 'd1:v20'",
    "UPDATE DB.physical.port SET up = true WHERE id = 'd1:v20'",
    "UPDATE DB.physical.port SET access_vlan = 20 WHERE id IN ('a1:1', 'h1:e')",
    "UPDATE DB.physical.port SET access_vlan = 10 WHERE id IN ('a2:4', 'h4:e')",
    "UPDATE DB.physical.port SET allowed_vlans = '10' WHERE id = 'a2:u'",
    "UPDATE DB.network.vlan SET merged_into = '10' WHERE vid = 20",
    "UPDATE DB.network.vlan SET merged_into = NULL",
    "UPDATE DB.compute.vm SET host = 'h3' WHERE id = 'v1'",
    "UPDATE DB.compute.vm SET host = 'h5' WHERE id IN ('v1', 'v2')",
    "UPDATE DB.compute.vm SET vlan = 20 WHERE id = 'v2'",
    "UPDATE DB.service.instance SET runs_on = 'compute.host/h1' WHERE id = 'pay4'",
    "UPDATE DB.service.instance SET farm = NULL, service = 'pay' WHERE id = 'esb5'",
    "UPDATE DB.network.address SET prefix_length = 16 WHERE id = 'h4:e|10.0.20.4'",
    "INSERT INTO DB.service.instance (id, service, runs_on) VALUES ('pay6', 'pay', 'compute.host/h6')",
    "DELETE FROM DB.service.instance WHERE id = 'book4'",
    "DELETE FROM DB.physical.link WHERE id = 'a1:2--h2:e'",
    "WORLD DB\nphysical.port h6:e access_vlan=10 valid_to=5\nphysical.port h6:e access_vlan=20 valid_from=5
    physical.port a3:6 access_vlan=10 valid_to=5\nphysical.port a3:6 access_vlan=20 valid_from=5",
    "WORLD DB\nphysical.port a3:u mtu=1500 valid_to=7\nphysical.port a3:u mtu=9000 valid_from=7",
];

const QUESTIONS: &[&str] = &[
    "SELECT * FROM DB.traffic.reasons",
    "SELECT * FROM DB.traffic.crossing",
    "SELECT * FROM DB.traffic.matrix",
    "SELECT * FROM DB.traffic.heatmap",
    "SELECT * FROM DB.traffic.layers",
    "SELECT * FROM DB.traffic.link_load",
    "SELECT * FROM DB.traffic.balance",
];

/// What is summed up by lane is the sum of its cells.
const SUMS: [&str; 2] = [
    "SELECT hop_kind, class, reason, cause, stretch, sum(messages), sum(bytes), sum(saved_by_balancing_bytes),
        sum(saved_by_vlan_bytes), sum(saved_by_both_bytes) FROM DB.traffic.reasons GROUP BY 1, 2, 3, 4, 5",
    "SELECT hop_kind, class, reason, cause, stretch, sum(messages), sum(bytes), sum(saved_by_balancing_bytes),
        sum(saved_by_vlan_bytes), sum(saved_by_both_bytes) FROM DB.traffic.crossing GROUP BY 1, 2, 3, 4, 5",
];

#[test]
fn traffic_that_follows_is_traffic_placed_from_nothing() {
    let asked = std::env::var("GROMA_WALKS").ok().and_then(|count| count.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for walk in 0..asked.unwrap_or(4) {
        runtime.block_on(take_walk(&mut Dice(walk), walk));
    }
}

async fn take_walk(dice: &mut Dice, walk: u64) {
    let handle = WorldHandle::new();
    let mut asker = Asker::new(handle.clone());
    asker.run(&world(dice)).await.unwrap();
    let mut databases = vec!["live".to_owned()];
    let mut told = String::new();
    for step in 0..STEPS {
        let mut database = databases[dice.below(databases.len())].clone();
        if dice.below(2) == 0 || database == "live" && dice.below(4) != 0 {
            let fork = format!("f{step}");
            asker.run(&format!("CREATE DATABASE {fork} TEMPLATE {database}")).await.unwrap();
            writeln!(told, "CREATE DATABASE {fork} TEMPLATE {database}").unwrap();
            databases.push(fork.clone());
            database = fork;
        }
        for _ in 0..=dice.below(2) {
            let change = CHANGES[dice.below(CHANGES.len())].replace("DB", &database);
            writeln!(told, "{change}").unwrap();
            asker.run(&change).await.unwrap_or_else(|error| panic!("{change}: {error}"));
        }
        let past = format!("\"{database}@1970-01-01T00:00:06Z\"");
        let mut fresh = Asker::new(handle.anew());
        for name in [&database, &past] {
            for question in QUESTIONS {
                let question = question.replace("DB", name);
                let (said, right) =
                    (ask(&mut asker, &question).await, ask(&mut fresh, &question).await);
                assert_eq!(said, right, "walk {walk}, {question}, after\n{told}");
            }
            let [lanes, cells] = SUMS.map(|question| question.replace("DB", name));
            let (lanes, cells) = (ask(&mut asker, &lanes).await, ask(&mut asker, &cells).await);
            assert_eq!(lanes, cells, "walk {walk}, {name}, after\n{told}");
        }
    }
}

async fn ask(asker: &mut Asker, question: &str) -> Vec<Vec<String>> {
    let answer = asker.run(question).await.unwrap_or_else(|error| panic!("{question}: {error}"));
    let DBOutput::Rows { mut rows, .. } = answer else { panic!("a question is answered by rows") };
    rows.sort();
    rows
}

/// Three access switches below two distribution switches, machines of two VLANs, virtual machines, a farm,
/// three services, one of them stateful, and trees of calls between them.
fn world(dice: &mut Dice) -> String {
    let mut text = "WORLD
        physical.device d1 role=distribution
        physical.device d2 role=distribution
        physical.port d1:p device=d1 name=p mode=trunk
        physical.port d2:p device=d2 name=p mode=trunk
        physical.link d1:p--d2:p a=d1:p b=d2:p
        physical.port d1:v10 device=d1 name=v10 type=svi vlan=10
        physical.port d1:v20 device=d1 name=v20 type=svi vlan=20
        network.address d1:v10|10.0.10.254 ip=10.0.10.254 prefix_length=24 port=d1:v10
        network.address d1:v20|10.0.20.254 ip=10.0.20.254 prefix_length=24 port=d1:v20
        network.vlan 10 vid=10 zone=blue
        network.vlan 20 vid=20 zone=red
        compute.vm v1 host=h1 vlan=10
        compute.vm v2 host=h2 vlan=20
        service.farm esb balancing=round_robin
        service.service pay
        service.service book
        service.service ledger stateful=true
        service.instance esb1 farm=esb runs_on=host/h1
        service.instance esb3 farm=esb runs_on=host/h3
        service.instance esb5 farm=esb runs_on=host/h5
        service.instance pay1 service=pay runs_on=vm/v1
        service.instance pay2 service=pay runs_on=host/h2
        service.instance pay4 service=pay runs_on=host/h4
        service.instance book2 service=book runs_on=vm/v2
        service.instance book4 service=book runs_on=host/h4
        service.instance ledger6 service=ledger runs_on=host/h6\n"
        .to_owned();
    for (access, above) in [(1, 1), (2, 1), (3, 2)] {
        write!(
            text,
            "physical.device a{access} role=access
            physical.port a{access}:u device=a{access} name=u mode=trunk
            physical.port d{above}:{access} device=d{above} name={access} mode=trunk
            physical.link a{access}:u--d{above}:{access} a=a{access}:u b=d{above}:{access}\n"
        )
        .unwrap();
    }
    for host in 1..=6 {
        let (access, vlan) = ((host + 1) / 2, if host % 2 == 1 { 10 } else { 20 });
        write!(
            text,
            "physical.device h{host} role=host
            physical.port h{host}:e device=h{host} name=e mode=access access_vlan={vlan}
            physical.port a{access}:{host} device=a{access} name={host} mode=access access_vlan={vlan}
            physical.link a{access}:{host}--h{host}:e a=a{access}:{host} b=h{host}:e
            network.address h{host}:e|10.0.{vlan}.{host} ip=10.0.{vlan}.{host} prefix_length=24 port=h{host}:e
            compute.host h{host}\n"
        )
        .unwrap();
    }
    let buses = ["esb1", "esb3", "esb5"];
    let programs = ["pay1", "pay2", "pay4", "book2", "book4", "ledger6", "nobody", "10.0.20.4"];
    let mut number = 0;
    while number < MESSAGES {
        // A client calls a bus, which calls programs and another bus, which calls a program.
        let (tree, second) = (number + 1, 1 + number * 9 / MESSAGES);
        let bus = buses[dice.below(3)];
        let other = buses[dice.below(3)];
        let mut line = |text: &mut String, from: &str, to: &str, parent: usize, hop: &str| {
            number += 1;
            let bytes = 1 + dice.below(1_000);
            let parent = if parent == 0 { String::new() } else { format!(" parent={parent}") };
            let client = from.starts_with("192");
            let (process, way, peer) =
                if client { (to, "receive", from) } else { (from, "send", to) };
            let at = number % 1_000;
            writeln!(
                text,
                "message {second}.{at:03} {process} {way} {peer} id={number}{parent} tx={tree}{hop} bytes={bytes}"
            )
            .unwrap();
            number
        };
        let asked = line(&mut text, "192.0.2.7:4711", bus, 0, "");
        let program = |dice: &mut usize| programs[*dice % programs.len()];
        let mut pick = tree * 7;
        line(&mut text, bus, program(&mut pick), asked, "-1");
        pick += 1;
        let passed = line(&mut text, bus, other, asked, "-2");
        line(&mut text, other, program(&mut pick), passed, "-2-1");
    }
    text
}
