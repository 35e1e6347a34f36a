//! The network model finds in the generated data center what the generator meant.

use std::collections::HashMap;
use std::sync::Arc;

use groma_generate::{Crossings, Plan, Volume, generate, model};
use groma_model::{Schema, Timestamp, Version};
use groma_network::{Network, PathClass, Reason, classify};
use groma_store::{Snapshot, identify};

use crate::recount::records;
use crate::world::World;

/// Bytes of messages by reason; `None`: local.
type Reasons = HashMap<Option<Reason>, Volume>;

#[test]
fn paths_and_reasons_are_those_that_the_generator_meant() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { scale: 1e-5, ..Plan::default() }.perfect();
    let truth = generate(&plan, folder.path(), &mut |_| {}).unwrap();
    let world = World::read(folder.path());
    let network = network(&plan);
    let endpoint = |name: &str| network.endpoint(name).unwrap();
    let candidates: HashMap<&str, Vec<_>> = (world.groups.keys())
        .map(|group| {
            let members = world.instances.iter().filter(|(_, one)| one.group == *group);
            (group.as_str(), members.map(|(name, _)| endpoint(name)).collect())
        })
        .collect();

    let (mut app, mut esb, mut external) = (Reasons::new(), Reasons::new(), 0);
    let mut seen = std::collections::HashSet::new();
    for record in records(folder.path()) {
        if !seen.insert(record.message) {
            continue;
        }
        let (from, to) = match record.sent {
            true => (&record.process, &record.peer),
            false => (&record.peer, &record.process),
        };
        let path = network.path(endpoint(from), endpoint(to));
        let (Some(source), Some(destination)) =
            (world.instances.get(&**from), world.instances.get(&**to))
        else {
            assert_eq!(path.class, PathClass::External, "{from} -> {to}");
            external += 1;
            continue;
        };
        let within_esb = !source.farm.is_empty() && !destination.farm.is_empty();
        let answers = source.farm.is_empty() || within_esb && record.reply;
        let (caller, called, called_instance) =
            if answers { (to, from, source) } else { (from, to, destination) };
        let eligible = &candidates[called_instance.group.as_str()];
        let verdict = classify(&network, endpoint(caller), endpoint(called), eligible);
        let reasons = if within_esb { &mut esb } else { &mut app };
        let volume = reasons.entry(verdict.reason).or_default();
        volume.messages += 1;
        volume.bytes += record.bytes;
        volume.hop_bytes += record.bytes * path.distribution_hops.round() as u64;
    }
    assert_eq!(external, truth.hops.client_to_esb.messages + truth.hops.esb_to_client.messages);
    assert_eq!(app, by_reason(&truth.esb_app));
    assert_eq!(esb, by_reason(&truth.esb_esb));
}

fn by_reason(crossings: &Crossings) -> Reasons {
    let all = [
        (None, crossings.local),
        (Some(Reason::Lb), crossings.load_balancer),
        (Some(Reason::Vlan), crossings.vlan),
        (Some(Reason::LbAndVlan), crossings.load_balancer_and_vlan),
        (Some(Reason::Placement), crossings.placement),
        (Some(Reason::Pinned), crossings.pinned),
    ];
    all.into_iter().filter(|(_, volume)| volume.messages > 0).collect()
}

fn network(plan: &Plan) -> Network {
    let snapshot = Snapshot::empty(Schema::builtin());
    let (changes, problems) = identify(
        snapshot.schema(),
        &Arc::from("generated"),
        &model(plan).unwrap(),
        Timestamp(plan.start_ns),
    );
    assert_eq!(problems, []);
    Network::build(&snapshot.apply(&changes, Version(1)), Timestamp(plan.start_ns))
}
