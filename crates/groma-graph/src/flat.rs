//! Chains of several references followed once and for all, for those that are asked often.
//!
//! A cable between two devices is four references. Whoever looks at a few follows them; a search that
//! crosses the whole network would follow the same ones again and again. So an index counts how often
//! a chain is followed, and then writes down where it leads from everywhere, until the next version.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::{Chain, NodeIndex, Vertex, Way};

/// So often a chain is followed before where it leads is written down.
const FOLLOWED_MAX: u32 = 512;

/// Where chains of one index lead.
#[derive(Debug, Default)]
pub(crate) struct Flats {
    chains: Mutex<Vec<(Chain, Arc<FlatChain>)>>,
}

/// Where one chain leads, both ways, once it is written down.
#[derive(Debug, Default)]
pub(crate) struct FlatChain {
    followed: AtomicU32,
    along: OnceLock<Flat>,
    against: OnceLock<Flat>,
}

/// By vertex, the owners and other ends of its edges.
#[derive(Debug, Default)]
pub(crate) struct Flat {
    spans: Vec<(u32, u32)>,
    edges: Vec<(u32, Vertex)>,
}

impl Flats {
    pub(crate) fn of(&self, chain: &Chain) -> Arc<FlatChain> {
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, flat)) = chains.iter().find(|(known, _)| known == chain) {
            return Arc::clone(flat);
        }
        let flat = Arc::<FlatChain>::default();
        chains.push((chain.clone(), Arc::clone(&flat)));
        flat
    }
}

impl FlatChain {
    /// Where it leads, if it is asked often enough; `write` says so.
    pub(crate) fn get(&self, way: Way, write: impl FnOnce() -> Flat) -> Option<&Flat> {
        let flat = match way {
            Way::Along => &self.along,
            Way::Against => &self.against,
        };
        if let Some(flat) = flat.get() {
            return Some(flat);
        }
        let often = self.followed.fetch_add(1, Ordering::Relaxed) >= FOLLOWED_MAX;
        often.then(|| flat.get_or_init(write))
    }
}

impl Flat {
    pub(crate) fn new(nodes_end: usize) -> Flat {
        Flat { spans: vec![(0, 0); nodes_end], edges: Vec::new() }
    }

    /// Adds all edges of a node, which must not have been added before.
    pub(crate) fn add(&mut self, node: NodeIndex, add: impl FnOnce(&mut Vec<(u32, Vertex)>)) {
        let start = self.edges.len() as u32;
        add(&mut self.edges);
        self.spans[node.0 as usize] = (start, self.edges.len() as u32);
    }

    pub(crate) fn at(&self, node: NodeIndex) -> &[(u32, Vertex)] {
        let (start, end) = self.spans[node.0 as usize];
        &self.edges[start as usize..end as usize]
    }
}
