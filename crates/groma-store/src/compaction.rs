//! Giving up the far past: what no version that can still be asked shows is taken out of the journal.
//!
//! ```text
//! plan (with the world) --> prepare (without it: reads the journal twice) --> World::compact, step by step
//! ```
//!
//! Entries stay, with their sequences; only facts that were replaced, removed or taken back before the
//! oldest version kept leave them. A fact stays if it is seen in any database at that version, or in a
//! state that a merge can start from. **Invariant:** leaving out any of the others changes no answer of
//! that version or a later one. What does depend on the others is noted of a commit before they go:
//! see [`LeftOut`].

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use groma_model::{Source, Timestamp, Version};
use rustc_hash::FxHashSet;

use crate::codec::{self, Entry};
use crate::databases::Databases;
use crate::journal::JournalReader;
use crate::schemas::Schemas;
use crate::set_aside::Place;
use crate::snapshot::News;
use crate::{Database, StoreError};

mod thinning;

use thinning::{Kept, Thinning};

/// Most bytes that one step of a compaction writes, if it writes more than one entry: others wait for it.
pub const COMPACTION_STEP_BYTES_MAX: usize = 4 << 20;

/// Most bytes of entries that one compaction holds ready. What is older than them is left to the next.
pub const COMPACTION_BYTES_MAX: usize = 256 << 20;

/// What the changes of a commit no longer tell, since a compaction took some of them or of earlier ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many changes are gone.
    pub changes: u64,
    /// The latest observation of each source among them.
    pub observed: Vec<(Source, Timestamp)>,
    /// The sources that said something new by it; `None`: the changes tell.
    pub news: Option<News>,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionReport {
    /// The oldest version that can be asked from now on, and when it was heard.
    pub oldest: (Version, Timestamp),
    /// Changes taken out of the journal.
    pub changes: u64,
    /// Size of the entries up to that version before, in bytes.
    pub bytes_before: u64,
    /// Size of the same entries after.
    pub bytes_after: u64,
}

/// What is to be compacted; reading it needs no world.
pub struct CompactionPlan {
    pub(crate) oldest: (Version, Timestamp),
    pub(crate) began_at: Timestamp,
    /// The oldest version that could be asked when it was planned.
    pub(crate) oldest_before: Version,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) reader: Box<dyn JournalReader>,
}

/// What is to be written, in steps that [`World::compact`](crate::World::compact) takes one by one, so
/// that others need not wait for all of it. The newest entries come first: what is noted of an entry is
/// written before the facts go on which it depends.
pub struct Compaction {
    report: CompactionReport,
    oldest_before: Version,
    /// Written with the first step.
    pub(crate) marker: Option<Entry>,
    /// By sequence.
    entries: VecDeque<Thinned>,
    step_bytes_max: usize,
}

struct Thinned {
    sequence: u64,
    bytes: Vec<u8>,
    bytes_before: usize,
    changes: u64,
}

impl Compaction {
    /// What it does once all its steps are taken.
    pub fn report(&self) -> CompactionReport {
        self.report
    }

    /// With steps of another size than [`COMPACTION_STEP_BYTES_MAX`].
    #[must_use]
    pub fn in_steps_of(self, step_bytes_max: usize) -> Compaction {
        Compaction { step_bytes_max, ..self }
    }

    /// The oldest version of a world that can take its next step.
    pub(crate) fn starts_at(&self) -> Version {
        if self.marker.is_some() { self.oldest_before } else { self.report.oldest.0 }
    }

    pub(crate) fn next_step(&mut self) -> Vec<(u64, Vec<u8>)> {
        let (mut step, mut bytes) = (Vec::new(), 0);
        while let Some(last) = self.entries.back() {
            bytes += last.bytes.len();
            if !step.is_empty() && bytes > self.step_bytes_max {
                break;
            }
            step.extend(self.entries.pop_back().map(|entry| (entry.sequence, entry.bytes)));
        }
        step
    }

    pub(crate) fn is_done(&self) -> bool {
        self.entries.is_empty()
    }
}

/// What a first reading found.
struct Look {
    kept: Kept,
    /// The entry of the oldest version.
    last: u64,
    /// Entries up to this one stay as they are: they are written in other names.
    as_is_until: u64,
    /// Entries that stay whole.
    whole: FxHashSet<u64>,
    /// Where a value that does not fit was, or is: what came in its place stays.
    unfit: FxHashSet<Place>,
    news: NewsLog,
}

/// The sources that said something new by each entry; most entries have one of few sets.
#[derive(Default)]
struct NewsLog {
    numbers: BTreeMap<News, u32>,
    sets: Vec<News>,
    /// By sequence.
    entries: Vec<(u64, u32)>,
}

impl NewsLog {
    fn note(&mut self, sequence: u64, news: News) {
        let number = *self.numbers.entry(news).or_insert_with_key(|news| {
            self.sets.push(news.clone());
            self.sets.len() as u32 - 1
        });
        self.entries.push((sequence, number));
    }

    fn of(&self, sequence: u64) -> Option<News> {
        let place = self.entries.binary_search_by_key(&sequence, |(sequence, _)| *sequence).ok()?;
        self.sets.get(self.entries[place].1 as usize).cloned()
    }
}

impl CompactionPlan {
    /// Finds what can be left out. Cost: reads the journal twice up to the oldest version; memory for
    /// one more model and the entries to be written, at most [`COMPACTION_BYTES_MAX`].
    ///
    /// # Errors
    /// The journal fails, or an entry cannot be read.
    pub fn prepare(self) -> Result<Compaction, StoreError> {
        let Look { kept, last, as_is_until, whole, unfit, news } = self.look()?;
        let mut thinning = Thinning::new(kept, unfit);
        let mut entries: VecDeque<Thinned> = VecDeque::new();
        let (mut bytes_before, mut bytes_ready) = (0, 0);
        self.each(&mut |sequence, bytes| {
            bytes_before += bytes.len() as u64;
            if as_is_until < sequence {
                let may_thin = sequence < last && !whole.contains(&sequence);
                let thinned = self.thin(sequence, bytes, may_thin, &news, &mut thinning)?;
                bytes_ready += thinned.as_ref().map_or(0, |entry| entry.bytes.len());
                entries.extend(thinned);
            }
            while bytes_ready > COMPACTION_BYTES_MAX && entries.len() > 1 {
                bytes_ready -= entries.pop_front().map_or(0, |entry| entry.bytes.len());
            }
            Ok(if sequence < last { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let ((oldest, heard_at), began_at) = (self.oldest, self.began_at);
        let less: i64 =
            entries.iter().map(|entry| entry.bytes_before as i64 - entry.bytes.len() as i64).sum();
        Ok(Compaction {
            report: CompactionReport {
                oldest: self.oldest,
                changes: entries.iter().map(|entry| entry.changes).sum(),
                bytes_before,
                bytes_after: bytes_before.saturating_add_signed(-less),
            },
            oldest_before: self.oldest_before,
            marker: Some(Entry::Compacted { oldest, heard_at, began_at }),
            entries,
            step_bytes_max: COMPACTION_STEP_BYTES_MAX,
        })
    }

    /// An entry as it is to be written. `None`: it stays as it is.
    fn thin(
        &self,
        sequence: u64,
        bytes: &[u8],
        may_thin: bool,
        news: &NewsLog,
        thinning: &mut Thinning,
    ) -> Result<Option<Thinned>, String> {
        // Nothing was renamed since.
        let decoded = codec::decode(bytes, &self.schemas.schema, &[]);
        let (mut entry, aside) = decoded.map_err(|malformed| malformed.to_string())?;
        let (database, commit) = match &mut entry {
            Entry::Commit { database, commit, .. } => (&*database, commit),
            Entry::Fork { fork, .. } => {
                thinning.forget(&fork.name);
                return Ok(None);
            }
            _ => return Ok(None),
        };
        let is_unnoted = commit.left_out.news.is_none();
        let needs_note = is_unnoted && thinning.has_thinned_before(commit);
        let changes = thinning.thin(database, commit, may_thin && aside.is_empty());
        if is_unnoted && (needs_note || changes > 0) {
            commit.left_out.news = news.of(sequence);
        }
        let thinned = match changes {
            0 if needs_note => codec::with_note(bytes, &commit.left_out),
            0 => return Ok(None),
            _ => codec::encode(&entry, &self.schemas.schema).map_err(|error| error.to_string())?,
        };
        let bytes_before = bytes.len();
        Ok(Some(Thinned { sequence, bytes: thinned, bytes_before, changes }))
    }

    /// Reads what there was up to the oldest version.
    fn look(&self) -> Result<Look, StoreError> {
        let renamed = self.schemas.last_renaming();
        let mut databases = Databases::empty(Arc::clone(&self.schemas.schema));
        let (mut states, mut entities) = (Vec::new(), Vec::new());
        let (mut whole, mut unfit) = (FxHashSet::default(), FxHashSet::default());
        let (mut as_is_until, mut last, mut news) = (0, 0, NewsLog::default());
        self.each(&mut |sequence, bytes| {
            let (entry, aside) = databases.decode(bytes, &self.schemas)?;
            unfit.extend(aside.unfit.iter().map(|(place, _)| place.clone()));
            let said = databases.take_in(&entry, aside, &mut |before, entry| {
                // It may lose an entity without a word of its own.
                if before.followed() {
                    whole.insert(sequence);
                }
                spoken_of(before, entry, &mut entities);
            })?;
            match &entry {
                Entry::Commit { database, .. } => {
                    news.note(sequence, said);
                    if let Ok(after) = databases.get(database) {
                        spoken_of(after, &entry, &mut entities);
                    }
                }
                Entry::Schema(row) if row.version == renamed => as_is_until = sequence,
                _ => {}
            }
            last = sequence;
            let is_reached = self.oldest.0 <= databases.version();
            Ok(if is_reached { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        databases.needed(&mut states, &mut entities);
        let kept = Kept::of(&self.schemas.schema, &states, entities);
        Ok(Look { kept, last, as_is_until, whole, unfit, news })
    }

    fn each(&self, take: &mut TakeEntry<'_>) -> Result<(), StoreError> {
        let mut damage = None;
        self.reader.read(0, &mut |sequence, bytes| {
            take(sequence, bytes).unwrap_or_else(|reason| {
                damage = Some(StoreError::Damaged { sequence, reason });
                ControlFlow::Break(())
            })
        })?;
        damage.map_or(Ok(()), Err)
    }
}

/// Takes an entry with its sequence; an error: the entry is damaged, and why.
type TakeEntry<'a> = dyn FnMut(u64, &[u8]) -> Result<ControlFlow<()>, String> + 'a;

/// What a tracking fork speaks of, there and in its template: what is the fork's own follows from both.
fn spoken_of(database: &Database, entry: &Entry, entities: &mut Vec<Arc<crate::Entity>>) {
    let (Some(overlay), Entry::Commit { commit, .. }) = (database.overlay(), entry) else { return };
    for change in &commit.changes {
        let id = change.entity();
        let states = [database.snapshot(), overlay.template()];
        entities.extend(states.iter().filter_map(|state| state.said_of(id.kind, &id.key).cloned()));
    }
}
