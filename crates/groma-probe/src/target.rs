//! Which processes to watch.

use std::collections::BTreeMap;

use crate::error::ProbeError;
use crate::process;

/// Targets at most; the whole machine is another target.
pub const TARGETS_MAX: usize = 256;

/// Which processes to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// These, each by itself.
    Pids(Vec<u32>),
    /// Those of this name, as `/proc/PID/comm` has it.
    Comm(String),
    /// Every process of the machine.
    All,
}

/// The processes behind a target: each group is one service, under the id of its first process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Watched {
    Groups(BTreeMap<u32, Vec<u32>>),
    All,
}

impl Target {
    pub(crate) fn find(&self, with_children: bool) -> Result<Watched, ProbeError> {
        let mut leaders = match self {
            Self::All => return Ok(Watched::All),
            Self::Pids(pids) => {
                let found: Result<Vec<_>, _> = pids
                    .iter()
                    .map(|pid| process::leader_of(*pid).ok_or(ProbeError::NoProcess { pid: *pid }))
                    .collect();
                found?
            }
            Self::Comm(name) => process::all()
                .into_iter()
                .filter(|pid| process::comm(*pid).as_deref() == Some(&short(name)))
                .collect(),
        };
        leaders.sort_unstable();
        leaders.dedup();
        if leaders.is_empty() {
            return Err(match self {
                Self::Comm(name) => ProbeError::NoName { name: name.clone() },
                _ => ProbeError::NoTarget,
            });
        }
        if leaders.len() > TARGETS_MAX {
            return Err(ProbeError::TooManyTargets { found: leaders.len() });
        }
        Ok(Watched::Groups(if with_children { families(&leaders) } else { alone(&leaders) }))
    }
}

/// The kernel keeps 15 bytes of a name.
fn short(name: &str) -> String {
    let end = name.floor_char_boundary(15.min(name.len()));
    name[..end].to_owned()
}

fn alone(leaders: &[u32]) -> BTreeMap<u32, Vec<u32>> {
    leaders.iter().map(|leader| (*leader, vec![*leader])).collect()
}

/// A leader below another leader belongs to that one.
fn families(leaders: &[u32]) -> BTreeMap<u32, Vec<u32>> {
    let below = process::descendants(leaders);
    let mut groups = BTreeMap::new();
    for leader in leaders.iter().filter(|leader| !below.contains(leader)) {
        let mut members = vec![*leader];
        members.extend(process::descendants(&[*leader]));
        groups.insert(*leader, members);
    }
    groups
}
