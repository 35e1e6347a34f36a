//! How evenly calls are spread over the members of farms and replica sets.

use std::collections::HashMap;

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "traffic",
    name: "balance",
    doc: "How many calls each member of a farm or replica set took, as recorded and as balanced in this database.",
    columns: &[
        column("group_id", Type::Text, "The farm or service."),
        column("member", Type::Text, "The instance."),
        column("kind", Type::Text, "ESB or APP."),
        column("recorded_calls", Type::Integer, "Calls it took when they were recorded."),
        column("calls", Type::Integer, "Calls it takes in this database."),
        column(
            "load_over_mean",
            Type::Float,
            "calls divided by the group's mean; NULL: the group took none.",
        ),
    ],
    rows: |view, sheet| {
        let traffic = view.traffic();
        let recorded = match &traffic.rebalanced {
            Some(rebalanced) => rebalanced.calls_before.clone(),
            None => calls_taken(&traffic),
        };
        let calls = traffic
            .rebalanced
            .as_ref()
            .map_or_else(|| recorded.clone(), |rebalanced| rebalanced.calls_after.clone());
        let of = |calls: &[u64], member: usize| calls.get(member).copied().unwrap_or(0);
        for group in &traffic.parties.groups {
            let total: u64 = group.members.iter().map(|member| of(&calls, *member)).sum();
            let mean = total as f64 / group.members.len().max(1) as f64;
            for member in &group.members {
                let party = traffic.party(*member as u32);
                let taken = of(&calls, *member);
                sheet.push([
                    Cell::Text(&party.label),
                    Cell::Text(&party.name),
                    Cell::Text(party.role.name()),
                    Cell::Integer(of(&recorded, *member) as i64),
                    Cell::Integer(taken as i64),
                    if total == 0 { Cell::Null } else { Cell::Float(taken as f64 / mean) },
                ])?;
            }
        }
        Ok(())
    },
};

fn calls_taken(traffic: &crate::traffic::Traffic) -> Vec<u64> {
    let mut taken: HashMap<u32, u64> = HashMap::new();
    for cell in traffic.cells() {
        *taken.entry(cell.callee).or_default() += cell.requests.max(cell.replies);
    }
    let mut calls = vec![0; traffic.parties.parties.len()];
    taken.into_iter().for_each(|(party, count)| calls[party as usize] = count);
    calls
}
