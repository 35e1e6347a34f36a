//! An entry to bytes.

use groma_model::{AttributeIndex, EntityRef, Fact, Interval, KindId, Schema, Timestamp, Value};
use rustc_hash::FxHashMap;

use super::bytes::{checksum, put_fixed, put_number, put_signed};
use super::{Entry, FORMAT, FORMAT_SCHEMA, tag, with_note};
use crate::{
    Alias, Change, Commit, Fork, ForkMode, LeftOut, Poll, PollOutcome, Ruling, SchemaRow,
    StoreError, Verdict,
};

/// Writes an entry. Cost: linear.
///
/// # Errors
/// [`StoreError::NotInSchema`] if a change names a kind or attribute that is not there.
pub(crate) fn encode(entry: &Entry, schema: &Schema) -> Result<Vec<u8>, StoreError> {
    let mut writer = Writer {
        schema,
        texts: FxHashMap::default(),
        texts_out: Vec::new(),
        kinds: FxHashMap::default(),
        kinds_out: Vec::new(),
        stamps: FxHashMap::default(),
        stamps_out: Vec::new(),
        body: Vec::new(),
    };
    writer.entry(entry)?;
    let bytes =
        writer.finish(if matches!(entry, Entry::Schema(_)) { FORMAT_SCHEMA } else { FORMAT });
    Ok(match entry {
        Entry::Commit { commit, .. } if commit.left_out != LeftOut::default() => {
            with_note(&bytes, &commit.left_out)
        }
        _ => bytes,
    })
}

struct Writer<'a> {
    schema: &'a Schema,
    texts: FxHashMap<&'a str, u64>,
    texts_out: Vec<u8>,
    kinds: FxHashMap<KindId, u64>,
    kinds_out: Vec<u8>,
    stamps: FxHashMap<Stamp<'a>, u64>,
    stamps_out: Vec<u8>,
    body: Vec<u8>,
}

/// What most facts of a commit have in common.
#[derive(PartialEq, Eq, Hash)]
struct Stamp<'a> {
    source: &'a str,
    observed_at: Timestamp,
    heard_at: Timestamp,
    valid: Interval,
}

impl<'a> Writer<'a> {
    fn entry(&mut self, entry: &'a Entry) -> Result<(), StoreError> {
        match entry {
            Entry::Commit { database, version, commit, problems_not_kept } => {
                if let Some(merged) = &commit.merged_from {
                    self.body.push(tag::MERGE);
                    self.text(&merged.name);
                    self.number(merged.version.0);
                }
                let polled = commit.poll.as_ref();
                self.body.push(if polled.is_some() { tag::POLLED_COMMIT } else { tag::COMMIT });
                self.text(database);
                self.number(version.0);
                self.number(*problems_not_kept);
                polled.into_iter().for_each(|poll| self.poll(poll));
                self.commit(commit)?;
            }
            Entry::Fork { fork, back } => self.fork(fork, back)?,
            Entry::Compacted { oldest, heard_at, began_at } => {
                self.body.push(tag::COMPACTED);
                self.number(oldest.0);
                self.time(*heard_at);
                self.time(*began_at);
            }
            Entry::Drop { name } => {
                self.body.push(tag::DROP);
                self.text(name);
            }
            Entry::Schema(row) => self.schema_row(row),
        }
        Ok(())
    }

    fn fork(&mut self, fork: &'a Fork, back: &'a [Change]) -> Result<(), StoreError> {
        self.body.push(tag::FORK_BY);
        self.text(&fork.name);
        self.text(&fork.template);
        self.time(fork.created_at);
        self.text(&fork.created_by);
        self.body.push(match fork.mode {
            ForkMode::Frozen => tag::FROZEN,
            ForkMode::Tracking => tag::TRACKING,
        });
        self.number(fork.at.map_or(0, |version| version.0 + 1));
        self.changes(back)
    }

    fn schema_row(&mut self, row: &'a SchemaRow) {
        self.body.push(tag::SCHEMA);
        self.number(row.version.0);
        self.time(row.heard_at);
        self.text(&row.source);
        self.number(row.files.len() as u64);
        for file in &row.files {
            self.text(&file.name);
            self.text(&file.text);
        }
    }

    fn commit(&mut self, commit: &'a Commit) -> Result<(), StoreError> {
        self.text(&commit.source);
        self.time(commit.heard_at);
        self.number(commit.problems.len() as u64);
        for problem in &commit.problems {
            self.text(&problem.place);
            self.text(&problem.text);
            self.text(&problem.reason);
        }
        self.number(commit.segments.len() as u64);
        for segment in &commit.segments {
            self.text(&segment.file);
            self.text(&segment.source);
            self.number(segment.records);
            self.time(segment.from);
            self.time(segment.to);
            self.number(segment.bytes);
        }
        self.changes(&commit.changes)
    }

    fn changes(&mut self, changes: &'a [Change]) -> Result<(), StoreError> {
        self.number(changes.len() as u64);
        let mut last: Option<&EntityRef> = None;
        for change in changes {
            self.change(change, last)?;
            last = Some(change.entity());
        }
        Ok(())
    }

    fn change(&mut self, change: &'a Change, last: Option<&EntityRef>) -> Result<(), StoreError> {
        let entity = change.entity();
        let same = last == Some(entity);
        let what = match change {
            Change::Exists { .. } => tag::EXISTS,
            Change::Assert { .. } => tag::ASSERT,
            Change::Retract { .. } => tag::RETRACT,
            Change::Remove { .. } => tag::REMOVE,
            Change::Alias { .. } => tag::ALIAS,
            Change::Rule { .. } => tag::RULE,
        };
        self.body.push(if same { what | tag::SAME_ENTITY } else { what });
        if !same {
            self.reference(entity)?;
        }
        match change {
            Change::Assert { attribute, fact, .. } => {
                self.attribute(entity, *attribute)?;
                self.fact(fact)?;
            }
            Change::Retract { attribute, source, valid_from, .. } => {
                self.attribute(entity, *attribute)?;
                self.text(source);
                self.time(*valid_from);
            }
            Change::Alias { alias, .. } => self.alias(alias),
            Change::Rule { ruling, .. } => self.ruling(ruling),
            Change::Exists { .. } | Change::Remove { .. } => {}
        }
        Ok(())
    }

    fn attribute(
        &mut self,
        entity: &EntityRef,
        attribute: AttributeIndex,
    ) -> Result<(), StoreError> {
        let kind = self.schema.kind(entity.kind);
        if kind.attributes.len() <= attribute {
            let what = format!("attribute {attribute} of {kind}");
            return Err(StoreError::NotInSchema { what });
        }
        self.number(attribute as u64);
        Ok(())
    }

    fn poll(&mut self, poll: &'a Poll) {
        self.time(poll.at);
        match &poll.outcome {
            PollOutcome::Complete { since } => {
                self.body.push(tag::COMPLETE);
                self.time(*since);
            }
            PollOutcome::Partial => self.body.push(tag::PARTIAL),
            PollOutcome::Failed { reason } => {
                self.body.push(tag::FAILED);
                self.text(reason);
            }
        }
    }

    fn alias(&mut self, alias: &'a Alias) {
        self.text(alias.kind.name());
        self.text(&alias.text);
        self.text(&alias.source);
        for time in [alias.heard_at, alias.valid.from, alias.valid.to] {
            self.time(time);
        }
    }

    fn ruling(&mut self, ruling: &'a Ruling) {
        self.text(&ruling.other);
        self.text(&ruling.source);
        self.time(ruling.heard_at);
        match ruling.verdict {
            Verdict::Apart => self.body.push(tag::APART),
            Verdict::Same(valid) => {
                self.body.push(tag::SAME);
                self.time(valid.from);
                self.time(valid.to);
            }
        }
    }

    fn fact(&mut self, fact: &'a Fact) -> Result<(), StoreError> {
        let stamp = self.stamp(fact);
        self.number(stamp);
        let Some(value) = &fact.value else {
            self.body.push(tag::NONE);
            return Ok(());
        };
        match value {
            Value::Text(text) => {
                self.body.push(tag::TEXT);
                self.text(text);
            }
            Value::Integer(number) => {
                self.body.push(tag::INTEGER);
                put_signed(&mut self.body, *number);
            }
            Value::Float(number) => {
                self.body.push(tag::FLOAT);
                put_fixed(&mut self.body, number.to_bits());
            }
            Value::Boolean(truth) => self.body.push(if *truth { tag::TRUE } else { tag::FALSE }),
            Value::Timestamp(time) => {
                self.body.push(tag::TIMESTAMP);
                self.time(*time);
            }
            Value::Texts(texts) => {
                self.body.push(tag::TEXTS);
                self.number(texts.len() as u64);
                texts.iter().for_each(|text| self.text(text));
            }
            Value::Integers(numbers) => {
                self.body.push(tag::INTEGERS);
                self.number(numbers.len() as u64);
                numbers.iter().for_each(|number| put_signed(&mut self.body, *number));
            }
            Value::Reference(target) => {
                self.body.push(tag::REFERENCE);
                self.reference(target)?;
            }
            Value::References(targets) => {
                self.body.push(tag::REFERENCES);
                self.number(targets.len() as u64);
                for target in targets.iter() {
                    self.reference(target)?;
                }
            }
        }
        Ok(())
    }

    fn stamp(&mut self, fact: &'a Fact) -> u64 {
        let stamp = Stamp {
            source: &fact.source,
            observed_at: fact.observed_at,
            heard_at: fact.heard_at,
            valid: fact.valid,
        };
        if let Some(place) = self.stamps.get(&stamp) {
            return *place;
        }
        let source = self.text_place(&fact.source);
        put_number(&mut self.stamps_out, source);
        for time in [fact.observed_at, fact.heard_at, fact.valid.from, fact.valid.to] {
            put_fixed(&mut self.stamps_out, time.0 as u64);
        }
        let place = self.stamps.len() as u64;
        self.stamps.insert(stamp, place);
        place
    }

    fn reference(&mut self, entity: &'a EntityRef) -> Result<(), StoreError> {
        let kind = self.kind_place(entity.kind)?;
        self.number(kind);
        self.text(&entity.key);
        Ok(())
    }

    fn kind_place(&mut self, id: KindId) -> Result<u64, StoreError> {
        if let Some(place) = self.kinds.get(&id) {
            return Ok(*place);
        }
        let kind = (self.schema.kinds().get(usize::from(id.0)))
            .ok_or_else(|| StoreError::NotInSchema { what: format!("kind {}", id.0) })?;
        let name = self.text_place(&kind.name);
        put_number(&mut self.kinds_out, name);
        put_number(&mut self.kinds_out, kind.attributes.len() as u64);
        for attribute in &kind.attributes {
            let name = self.text_place(&attribute.name);
            put_number(&mut self.kinds_out, name);
        }
        let place = self.kinds.len() as u64;
        self.kinds.insert(id, place);
        Ok(place)
    }

    fn text(&mut self, text: &'a str) {
        let place = self.text_place(text);
        self.number(place);
    }

    fn text_place(&mut self, text: &'a str) -> u64 {
        let place = self.texts.len() as u64;
        *self.texts.entry(text).or_insert_with(|| {
            put_number(&mut self.texts_out, text.len() as u64);
            self.texts_out.extend_from_slice(text.as_bytes());
            place
        })
    }

    fn number(&mut self, number: u64) {
        put_number(&mut self.body, number);
    }

    fn time(&mut self, time: Timestamp) {
        put_fixed(&mut self.body, time.0 as u64);
    }

    fn finish(self, format: u8) -> Vec<u8> {
        let tables = [
            (self.texts.len(), &self.texts_out),
            (self.kinds.len(), &self.kinds_out),
            (self.stamps.len(), &self.stamps_out),
        ];
        let size: usize = tables.iter().map(|(_, out)| out.len() + 10).sum();
        let mut entry = Vec::with_capacity(1 + size + self.body.len() + 8);
        entry.push(format);
        for (count, out) in tables {
            put_number(&mut entry, count as u64);
            entry.extend_from_slice(out);
        }
        entry.extend_from_slice(&self.body);
        let sum = checksum(&entry);
        put_fixed(&mut entry, sum);
        entry
    }
}
