//! Sums over flows.

use crate::settings::Accounting;
use crate::traffic::{Flow, Traffic};

/// Sums over some flows; bytes are exact.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) hop_bytes: f64,
    pub(crate) saved_by_balancing: u64,
    pub(crate) saved_by_vlan: u64,
    pub(crate) saved_by_both: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, traffic: &Traffic, flow: &Flow) {
        let (bytes, verdict) = (flow.bytes(), &flow.verdict);
        self.messages += flow.messages();
        self.bytes += bytes;
        self.hop_bytes += bytes as f64 * traffic.distribution_hops(flow);
        self.saved_by_balancing += if verdict.saves_lb { bytes } else { 0 };
        self.saved_by_vlan += if verdict.saves_vlan { bytes } else { 0 };
        self.saved_by_both += if verdict.saves_both { bytes } else { 0 };
    }

    /// The amount that the session counts in.
    pub(crate) fn volume(&self, accounting: Accounting) -> f64 {
        match accounting {
            Accounting::Bytes => self.bytes as f64,
            Accounting::HopBytes => self.hop_bytes,
        }
    }
}
