//! What to generate: every quantity of the data center's traffic by name.

use serde::Serialize;

use crate::GenerateError;

/// Deepest transaction of a tree; the root has depth 1.
pub const DEPTH_MAX: usize = 6;

/// Machines, switches and software are those of the paper at every scale; only the traffic shrinks.
///
/// `Plan::default()` is one thousandth of the traffic of "Grok the data center" with imperfections;
/// `docs/generator.md` says which published number each parameter answers for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Same seed, same plan: same bytes.
    pub seed: u64,
    /// Traffic as a fraction of the paper's, above 0, at most 1.
    pub scale: f64,
    /// Start of the window, nanoseconds since 1970 UTC.
    pub start_ns: i64,
    /// Length of the window in seconds.
    pub window_seconds: f64,
    /// How long before the window sessions start, so that its left edge cuts some, in seconds.
    pub warm_up_seconds: f64,
    /// Client sessions in the window at scale 1.
    pub sessions: f64,
    /// Mean number of trees in a session (geometric, at least 1).
    pub trees_per_session: f64,
    /// Mean number of children of a transaction at depth 1, 2, ... (geometric).
    pub children_means: [f64; DEPTH_MAX],
    /// Largest relative departure of the session rate from its mean: a slow sine.
    pub rate_swing: f64,
    /// Median pause of a client between two trees of its session, in seconds (lognormal, sigma 1).
    pub pause_median_seconds: f64,
    /// Longest pause, in seconds; below a minute, so that a client's pause is no dormancy.
    pub pause_max_seconds: f64,
    /// How long trees last.
    pub durations: Durations,
    /// Where messages go and how large they are.
    pub traffic: Traffic,
    /// What is wrong with the records.
    pub faults: Faults,
    /// Records in one segment, a file of `messages/`.
    pub segment_records: usize,
}

/// Durations of trees: three kinds of tree, none of which a single lognormal could give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Durations {
    /// Share of trees that end within [`Durations::short_max_seconds`].
    pub short_share: f64,
    /// Median of a short tree, in seconds (lognormal, cut at the maximum).
    pub short_median_seconds: f64,
    /// Sigma of the logarithm of a short tree's duration.
    pub short_sigma: f64,
    /// A short tree is shorter than this, in seconds; a conversation is not.
    pub short_max_seconds: f64,
    /// Share of trees that are silent for more than [`Durations::silence_min_seconds`].
    pub dormant_share: f64,
    /// Shape of the Pareto distribution of a conversation's duration.
    pub conversation_alpha: f64,
    /// Longest conversation, in seconds.
    pub conversation_max_seconds: f64,
    /// Shortest silence of a dormant tree, in seconds; no other tree is silent as long.
    pub silence_min_seconds: f64,
    /// Shape of the Pareto distribution of a dormant tree's silence.
    pub silence_alpha: f64,
}

/// Destinations and sizes of messages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Traffic {
    /// Calls from one ESB instance to another per transaction.
    pub esb_calls_per_transaction: f64,
    /// Share of ESB-ESB calls between farms of one group.
    pub same_group_share: f64,
    /// Mean bytes of an ESB-APP request and its reply together.
    pub app_pair_bytes: f64,
    /// Mean bytes of an ESB-ESB request and its reply together.
    pub esb_pair_bytes: f64,
    /// Share of the request in a pair of messages, in the mean.
    pub request_share: f64,
    /// Sigma of the logarithm of a pair's bytes.
    pub bytes_sigma: f64,
    /// Mean bytes of a client's request.
    pub client_request_bytes: f64,
    /// Mean bytes of the reply to a client.
    pub client_reply_bytes: f64,
    /// Sigma of the logarithm of a client's request and reply.
    pub client_bytes_sigma: f64,
    /// Exponent of the Zipf distribution of services.
    pub service_exponent: f64,
    /// Share of the volume of services that have no replica near an ESB.
    pub far_volume_share: f64,
    /// Share of the volume of services that live in the VLAN of their ESB group.
    pub esb_vlan_volume_share: f64,
    /// Share of replies with status 500.
    pub error_share: f64,
}

/// Imperfections of the records and changes of the data center. Shares lie in `[0, 1]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Faults {
    /// Share of child transactions whose first record is stamped before their parent's.
    pub early_child_share: f64,
    /// By how much at most, in seconds.
    pub early_child_max_seconds: f64,
    /// Share of child transactions that end after their parent.
    pub late_child_share: f64,
    /// By how much at most, in seconds.
    pub late_child_max_seconds: f64,
    /// Share of records that arrive twice.
    pub duplicate_share: f64,
    /// Mean delay until a record arrives, in seconds (exponential); 0: records arrive in order.
    pub delay_mean_seconds: f64,
    /// Share of records that are held up for longer.
    pub held_up_share: f64,
    /// By how much at most, in seconds (uniform).
    pub held_up_max_seconds: f64,
    /// Share of transactions with children whose own records are all lost.
    pub lost_parent_share: f64,
    /// Share of records without a time.
    pub missing_time_share: f64,
    /// ESB instances whose machine has a wrong clock.
    pub skewed_instances: usize,
    /// Smallest error of a wrong clock, in seconds, ahead or behind.
    pub skew_min_seconds: f64,
    /// Largest error of a wrong clock, in seconds, ahead or behind.
    pub skew_max_seconds: f64,
    /// Instances that restart within the window and come back under another name.
    pub restarts: usize,
    /// Machines that move to another VLAN within the window: one in twelve minutes.
    pub vlan_moves: usize,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            seed: 1,
            scale: 0.001,
            // 2026-11-20T10:00:00Z
            start_ns: 1_795_168_800_000_000_000,
            window_seconds: 3_420.0,
            warm_up_seconds: 300.0,
            sessions: 30e6,
            trees_per_session: 47.0 / 30.0,
            children_means: [1.26, 0.82, 0.58, 0.40, 0.25, 0.0],
            rate_swing: 0.1,
            pause_median_seconds: 2.0,
            pause_max_seconds: 45.0,
            durations: Durations::default(),
            traffic: Traffic::default(),
            faults: Faults::default(),
            segment_records: 4 << 20,
        }
    }
}

impl Default for Durations {
    fn default() -> Durations {
        Durations {
            short_share: 0.95,
            short_median_seconds: 0.12,
            short_sigma: 1.0,
            short_max_seconds: 2.0,
            dormant_share: 0.0024,
            conversation_alpha: 1.1,
            conversation_max_seconds: 900.0,
            silence_min_seconds: 60.0,
            silence_alpha: 1.3,
        }
    }
}

impl Default for Traffic {
    fn default() -> Traffic {
        Traffic {
            esb_calls_per_transaction: 0.5,
            same_group_share: 0.294,
            app_pair_bytes: 14_900.0,
            esb_pair_bytes: 10_800.0,
            request_share: 1.0 / 3.0,
            bytes_sigma: 1.5,
            client_request_bytes: 1_000.0,
            client_reply_bytes: 3_000.0,
            client_bytes_sigma: 0.8,
            service_exponent: 1.0,
            far_volume_share: 0.042,
            esb_vlan_volume_share: 0.0466,
            error_share: 0.002,
        }
    }
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            early_child_share: 0.0007,
            early_child_max_seconds: 0.000_75,
            late_child_share: 0.05,
            late_child_max_seconds: 0.2,
            duplicate_share: 0.017,
            delay_mean_seconds: 0.2,
            held_up_share: 0.001,
            held_up_max_seconds: 30.0,
            lost_parent_share: 0.001,
            missing_time_share: 0.0,
            skewed_instances: 4,
            skew_min_seconds: 0.005,
            skew_max_seconds: 0.060,
            restarts: 6,
            vlan_moves: 5,
        }
    }
}

impl Faults {
    /// No imperfections and no changes: records arrive in the order of their times.
    pub fn none() -> Faults {
        Faults {
            early_child_share: 0.0,
            late_child_share: 0.0,
            duplicate_share: 0.0,
            delay_mean_seconds: 0.0,
            held_up_share: 0.0,
            lost_parent_share: 0.0,
            missing_time_share: 0.0,
            skewed_instances: 0,
            restarts: 0,
            vlan_moves: 0,
            ..Faults::default()
        }
    }
}

impl Plan {
    /// The same traffic without imperfections.
    #[must_use]
    pub fn perfect(mut self) -> Plan {
        self.faults = Faults::none();
        self
    }

    /// Whether every parameter lies in its range; the error names the first that does not.
    pub fn check(&self) -> Result<(), GenerateError> {
        let (durations, traffic, faults) = (&self.durations, &self.traffic, &self.faults);
        in_range("scale", self.scale, 1e-7, 1.0)?;
        in_range("window_seconds", self.window_seconds, 1.0, 1e6)?;
        in_range("warm_up_seconds", self.warm_up_seconds, 0.0, 1e5)?;
        in_range("sessions", self.sessions, 1.0, 1e12)?;
        in_range("trees_per_session", self.trees_per_session, 1.0, 1e4)?;
        for mean in self.children_means {
            in_range("children_means", mean, 0.0, 5.0)?;
        }
        in_range("rate_swing", self.rate_swing, 0.0, 0.9)?;
        in_range("pause_median_seconds", self.pause_median_seconds, 1e-3, 1e4)?;
        in_range("pause_max_seconds", self.pause_max_seconds, self.pause_median_seconds, 1e5)?;
        in_range("segment_records", self.segment_records as f64, 1_000.0, 1e9)?;

        in_range("short_share + dormant_share", durations.short_share, 0.0, 1.0)?;
        in_range("dormant_share", durations.dormant_share, 0.0, 1.0 - durations.short_share)?;
        in_range("short_max_seconds", durations.short_max_seconds, 1e-3, 1e4)?;
        let short_max = durations.short_max_seconds;
        in_range("short_median_seconds", durations.short_median_seconds, 1e-6, short_max)?;
        in_range("short_sigma", durations.short_sigma, 0.0, 5.0)?;
        in_range("conversation_alpha", durations.conversation_alpha, 0.1, 100.0)?;
        in_range("conversation_max_seconds", durations.conversation_max_seconds, short_max, 1e6)?;
        in_range("silence_min_seconds", durations.silence_min_seconds, 2.0, self.window_seconds)?;
        in_range("silence_alpha", durations.silence_alpha, 0.1, 100.0)?;

        in_range("esb_calls_per_transaction", traffic.esb_calls_per_transaction, 0.0, 1.0)?;
        in_range("app_pair_bytes", traffic.app_pair_bytes, 1.0, 1e9)?;
        in_range("esb_pair_bytes", traffic.esb_pair_bytes, 1.0, 1e9)?;
        in_range("client_request_bytes", traffic.client_request_bytes, 1.0, 1e9)?;
        in_range("client_reply_bytes", traffic.client_reply_bytes, 1.0, 1e9)?;
        in_range("bytes_sigma", traffic.bytes_sigma, 0.0, 4.0)?;
        in_range("client_bytes_sigma", traffic.client_bytes_sigma, 0.0, 4.0)?;
        in_range("service_exponent", traffic.service_exponent, 0.0, 4.0)?;
        for (name, share) in [
            ("same_group_share", traffic.same_group_share),
            ("request_share", traffic.request_share),
            ("far_volume_share", traffic.far_volume_share),
            ("esb_vlan_volume_share", traffic.esb_vlan_volume_share),
            ("error_share", traffic.error_share),
            ("early_child_share", faults.early_child_share),
            ("late_child_share", faults.late_child_share),
            ("duplicate_share", faults.duplicate_share),
            ("held_up_share", faults.held_up_share),
            ("lost_parent_share", faults.lost_parent_share),
            ("missing_time_share", faults.missing_time_share),
        ] {
            in_range(name, share, 0.0, 1.0)?;
        }
        in_range("early_child_max_seconds", faults.early_child_max_seconds, 0.0, 60.0)?;
        in_range("late_child_max_seconds", faults.late_child_max_seconds, 0.0, 60.0)?;
        in_range("delay_mean_seconds", faults.delay_mean_seconds, 0.0, 600.0)?;
        in_range("held_up_max_seconds", faults.held_up_max_seconds, 0.0, 3_600.0)?;
        in_range("skew_min_seconds", faults.skew_min_seconds, 0.0, 3_600.0)?;
        in_range("skew_max_seconds", faults.skew_max_seconds, faults.skew_min_seconds, 3_600.0)?;
        in_range("skewed_instances", faults.skewed_instances as f64, 0.0, 384.0)?;
        in_range("restarts", faults.restarts as f64, 0.0, 1_000.0)?;
        in_range("vlan_moves", faults.vlan_moves as f64, 0.0, 1_000.0)
    }

    /// Mean number of transactions in a tree.
    pub fn transactions_per_tree(&self) -> f64 {
        let mut level = 1.0;
        let mut total = 1.0;
        for mean in &self.children_means[..DEPTH_MAX - 1] {
            level *= mean;
            total += level;
        }
        total
    }
}

fn in_range(name: &'static str, value: f64, least: f64, most: f64) -> Result<(), GenerateError> {
    if value >= least && value <= most {
        Ok(())
    } else {
        Err(GenerateError::Plan { name, value, least, most })
    }
}
