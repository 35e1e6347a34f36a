//! When the messages of a tree happen: durations, silences, and children that keep no order.

use crate::Plan;
use crate::dice::{Dice, Even};
use crate::tree::{NONE, Tree, WIRE};

const SECOND_NS: f64 = 1e9;
/// Time of a message on the wire, where the tree leaves as much, in nanoseconds.
const LATENCY_NS: (f64, f64) = (60e3, 350e3);
/// A conversation is silent for this part of its duration at least and at most.
const CONVERSATION_SILENCE: (f64, f64) = (0.3, 0.95);
/// Duration of a dormant tree as a multiple of its silence.
const DORMANT_DURATION: (f64, f64) = (1.02, 1.5);
/// The silence of a conversation stays below the limit of dormancy by this, in seconds.
const SILENCE_MARGIN_SECONDS: f64 = 1.0;

/// Draws durations and lays trees out in time.
pub(crate) struct Clock<'a> {
    plan: &'a Plan,
    classes: Even,
    dormant_share: f64,
    order: Vec<u32>,
}

/// What was done to a tree on purpose.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Disorder {
    pub(crate) early_children: u64,
    pub(crate) late_children: u64,
    pub(crate) lost_transactions: u64,
}

/// A long tree: the time between its first and last message, and its longest silence. Seconds.
struct Long {
    duration: f64,
    silence: f64,
    silence_max: f64,
}

impl<'a> Clock<'a> {
    pub(crate) fn new(plan: &'a Plan, dice: &mut Dice) -> Clock<'a> {
        let dormant_share = plan.durations.dormant_share / silence_seen_share(plan);
        let classes = Even::new(dice);
        Clock { plan, classes, dormant_share, order: Vec::new() }
    }

    /// Sets `at_ns` and `latency_ns` of every message of a tree that starts at `start_ns`.
    pub(crate) fn lay_out(&mut self, tree: &mut Tree, dice: &mut Dice, start_ns: i64) {
        let durations = &self.plan.durations;
        let class = self.classes.next();
        if class < durations.short_share {
            let duration = self.short(dice);
            spread_evenly(tree, dice, start_ns, duration);
        } else if class < 1.0 - self.dormant_share {
            let silence_max = durations.silence_min_seconds - SILENCE_MARGIN_SECONDS;
            let duration = dice.pareto(
                durations.short_max_seconds,
                durations.conversation_alpha,
                durations.conversation_max_seconds,
            );
            let part = dice.between(CONVERSATION_SILENCE.0, CONVERSATION_SILENCE.1);
            let silence = (duration * part).min(silence_max);
            self.spread_with_silence(tree, dice, start_ns, Long { duration, silence, silence_max });
        } else {
            let silence = dice.pareto(
                durations.silence_min_seconds,
                durations.silence_alpha,
                silence_cap(self.plan),
            );
            let duration = silence * dice.between(DORMANT_DURATION.0, DORMANT_DURATION.1);
            let long = Long { duration, silence, silence_max: silence };
            self.spread_with_silence(tree, dice, start_ns, long);
        }
    }

    fn short(&self, dice: &mut Dice) -> f64 {
        let durations = &self.plan.durations;
        // The median lies below the maximum: half of the draws fit.
        loop {
            let seconds = dice.lognormal(durations.short_median_seconds, durations.short_sigma);
            if seconds < durations.short_max_seconds {
                return seconds;
            }
        }
    }

    /// One of the gaps between messages becomes the silence, the others share the rest. None grows
    /// over `silence_max`, so that a tree of few messages cannot last for long without one.
    fn spread_with_silence(&mut self, tree: &mut Tree, dice: &mut Dice, start_ns: i64, long: Long) {
        let messages = &mut tree.messages;
        self.order.clear();
        self.order.extend(0..messages.len() as u32);
        self.order.sort_by(|a, b| messages[*a as usize].at.total_cmp(&messages[*b as usize].at));
        let silent = dice.below(self.order.len() - 1);
        let gap = |messages: &[crate::tree::Message], place: usize| {
            messages[self.order[place + 1] as usize].at - messages[self.order[place] as usize].at
        };
        let last = messages[self.order[self.order.len() - 1] as usize].at;
        let rest = (last - gap(messages, silent)).max(f64::MIN_POSITIVE);
        let mut seconds = 0.0;
        for place in 0..self.order.len() {
            let mut stretch = 0.0;
            let mut step = 0.0;
            if place + 1 < self.order.len() {
                let old = gap(messages, place);
                step = if place == silent {
                    long.silence
                } else {
                    ((long.duration - long.silence) * old / rest).min(long.silence_max)
                };
                stretch = step / old.max(f64::MIN_POSITIVE);
            }
            let message = &mut messages[self.order[place] as usize];
            message.at_ns = start_ns + (seconds * SECOND_NS) as i64;
            message.latency_ns = latency(dice, stretch);
            seconds += step;
        }
    }

    /// Moves children before or behind their parents and loses the records of some parents.
    pub(crate) fn disturb(&self, tree: &mut Tree, dice: &mut Dice) -> Disorder {
        let faults = &self.plan.faults;
        let mut disorder = Disorder::default();
        for child in 0..tree.transactions.len() {
            let transaction = &mut tree.transactions[child];
            if transaction.has_children && dice.chance(faults.lost_parent_share) {
                transaction.lost = true;
                disorder.lost_transactions += 1;
            }
            if transaction.parent == NONE {
                continue;
            }
            let (first, last) = (transaction.first as usize, transaction.last as usize);
            let parent = transaction.parent as usize;
            let parent = &tree.transactions[parent];
            let (parent_first, parent_last) = (parent.first as usize, parent.last as usize);
            if dice.chance(faults.early_child_share) {
                let by = dice.unit() * faults.early_child_max_seconds * SECOND_NS;
                tree.messages[first].at_ns = tree.messages[parent_first].at_ns - 1 - by as i64;
                disorder.early_children += 1;
            }
            if dice.chance(faults.late_child_share) {
                let by = dice.unit() * faults.late_child_max_seconds * SECOND_NS;
                let parent_end = &tree.messages[parent_last];
                let end_ns = parent_end.at_ns + parent_end.latency_ns;
                tree.messages[last].at_ns = end_ns + 1 + by as i64;
                disorder.late_children += 1;
            }
        }
        disorder
    }
}

fn spread_evenly(tree: &mut Tree, dice: &mut Dice, start_ns: i64, duration: f64) {
    let last = tree.messages.iter().map(|message| message.at).fold(f64::MIN_POSITIVE, f64::max);
    let stretch = duration / last;
    for message in &mut tree.messages {
        message.at_ns = start_ns + (message.at * stretch * SECOND_NS) as i64;
        message.latency_ns = latency(dice, stretch);
    }
}

/// At most what the tree leaves for a message: `stretch` seconds for each unit of abstract time.
fn latency(dice: &mut Dice, stretch: f64) -> i64 {
    dice.between(LATENCY_NS.0, LATENCY_NS.1).min(WIRE * stretch * SECOND_NS) as i64
}

fn silence_cap(plan: &Plan) -> f64 {
    (plan.window_seconds - 1.0).max(plan.durations.silence_min_seconds)
}

/// A silence that an edge of the window cuts is not seen: 1 - its mean length / the window.
fn silence_seen_share(plan: &Plan) -> f64 {
    let (least, alpha) = (plan.durations.silence_min_seconds, plan.durations.silence_alpha);
    let ratio = least / silence_cap(plan);
    let beyond = if (alpha - 1.0).abs() < 1e-6 {
        -least * ratio.ln()
    } else {
        least / (alpha - 1.0) * (1.0 - ratio.powf(alpha - 1.0))
    };
    (1.0 - (least + beyond) / plan.window_seconds).max(0.1)
}
