//! A data center and its traffic, made from a seed.
//!
//! ```text
//! Plan --Layout--> machines, switches, VLANs, farms, services --model, table--> model/<kind>.csv
//!        Layout --traffic: sessions, trees, clock--> records on their way --messages--> messages/NNNNN.parquet
//!                                                 \--truth--> truth.json
//! ```
//!
//! The data center is the same at every scale; the traffic shrinks. Records stream in their order
//! of arrival: what is kept are open sessions and records on their way. `docs/generator.md` says
//! which published number each parameter answers for.

mod arrivals;
mod clock;
mod dice;
mod error;
mod fat_tree;
mod layout;
mod messages;
mod model;
mod plan;
mod table;
mod traffic;
mod tree;
mod truth;

use std::fs;
use std::path::Path;

use groma_model::Observation;

pub use error::GenerateError;
pub use fat_tree::{FAT_TREE_PORTS_MAX, fat_tree};
pub use plan::{DEPTH_MAX, Durations, Faults, Plan, Traffic as TrafficPlan};
pub use traffic::Progress;
pub use truth::{
    Counts, Crossings, FarmBalance, Hops, Injected, Restart, Shapes, Skew, Truth, VlanMove, Volume,
};

use crate::layout::Layout;

/// Writes `model/<kind>.csv`, `messages/NNNNN.parquet` and `truth.json` into `folder`, which is
/// made if needed; files of the same names are replaced. Same plan, same bytes.
///
/// Memory does not grow with the window. Errors: a parameter out of range, a file that cannot be
/// written.
pub fn generate(
    plan: &Plan,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Truth, GenerateError> {
    plan.check()?;
    let layout = Layout::new(plan);
    table::write(&model::observe(&layout, plan), &folder.join("model"))?;
    let mut tally = messages::write(plan, &layout, &folder.join("messages"), progress)?;
    describe_faults(&layout, &mut tally.injected);
    let truth = tally.truth(plan);
    let path = folder.join("truth.json");
    let json = serde_json::to_vec_pretty(&truth)
        .map_err(|error| GenerateError::Write { path: path.clone(), source: error.into() })?;
    fs::write(&path, json).map_err(GenerateError::writing(&path))?;
    Ok(truth)
}

/// The data center of a plan, as observations of one source. About 90,000 entities.
pub fn model(plan: &Plan) -> Result<Vec<Observation>, GenerateError> {
    plan.check()?;
    Ok(model::observe(&Layout::new(plan), plan))
}

fn describe_faults(layout: &Layout, injected: &mut Injected) {
    let name = |index: u32| layout.names[index as usize].to_string();
    for (slot, ahead_ns) in &layout.skews {
        let instance = name(layout.slots[*slot].name);
        injected.skews.push(Skew { instance, ahead_ns: *ahead_ns });
    }
    for slot in &layout.slots {
        if let Some((at_ns, after)) = slot.restart {
            let (before, after) = (name(slot.name), name(after));
            injected.restarts.push(Restart { before, after, at_ns });
        }
    }
    for moved in &layout.moves {
        let machine = model::Machine::of(moved.machine);
        let from = model::vid(layout::vlan_of_machine(machine.pair, machine.index));
        injected.vlan_moves.push(VlanMove {
            machine: machine.name(),
            from,
            to: model::vid(moved.to),
            at_ns: moved.at_ns,
        });
    }
}
