//! Bytes to an entry, trusting nothing.

use std::sync::Arc;

use groma_model::{
    AliasKind, Attribute, AttributeIndex, EntityRef, Fact, Interval, Kind, KindId, Problem,
    Renames, Schema, SchemaText, Source, Timestamp, Value, ValueType, Version,
};

use super::bytes::{Malformed, Reader, unsealed};
use super::noted::{is_noted, noted};
use super::{Entry, FORMAT, FORMAT_SCHEMA, tag};
use crate::set_aside::{Aside, UNFIT_KEPT_MAX, Unfit};
use crate::{
    Alias, Change, Commit, Fork, ForkMode, LeftOut, MergedFrom, Poll, PollOutcome, Ruling,
    SchemaRow, Segment, Verdict,
};

/// Most elements that room is made for at once; a longer list grows as it is read.
const RESERVED_MAX: usize = 1 << 16;

/// Whether an entry is a schema, from its first byte.
pub(crate) fn is_schema(bytes: &[u8]) -> bool {
    bytes.first() == Some(&FORMAT_SCHEMA)
}

/// Reads an entry, whose names `steps` lead to those of `schema`. What does not fit is set aside.
/// Cost: linear.
pub(crate) fn decode(
    bytes: &[u8],
    schema: &Schema,
    steps: &[Renames],
) -> Result<(Entry, Aside), Malformed> {
    if is_noted(bytes) {
        let (bytes, left_out) = noted(bytes)?;
        let (mut entry, aside) = decode_plain(bytes, schema, steps)?;
        let Entry::Commit { commit, .. } = &mut entry else {
            return Err(Malformed("something is noted of what is no commit"));
        };
        commit.left_out = left_out;
        return Ok((entry, aside));
    }
    decode_plain(bytes, schema, steps)
}

fn decode_plain(
    bytes: &[u8],
    schema: &Schema,
    steps: &[Renames],
) -> Result<(Entry, Aside), Malformed> {
    let mut bytes = unsealed(bytes)?;
    if !matches!(bytes.byte()?, FORMAT | FORMAT_SCHEMA) {
        return Err(Malformed("its format is not known; a newer groma may have written it"));
    }
    let mut decoder = Decoder::new(bytes, schema, steps)?;
    let entry = decoder.entry()?;
    if !decoder.bytes.is_at_end() {
        return Err(Malformed("there is more behind its end"));
    }
    Ok((entry, decoder.aside))
}

struct Decoder<'a> {
    bytes: Reader<'a>,
    schema: &'a Schema,
    steps: &'a [Renames],
    texts: Vec<Arc<str>>,
    kinds: Vec<WrittenKind>,
    stamps: Vec<Stamp>,
    aside: Aside,
}

/// A kind as it was when the entry was written.
struct WrittenKind {
    name: Arc<str>,
    /// `None`: the schema no longer has it.
    id: Option<KindId>,
    attributes: Vec<(Arc<str>, Option<AttributeIndex>)>,
}

struct Stamp {
    source: Source,
    observed_at: Timestamp,
    heard_at: Timestamp,
    valid: Interval,
}

/// An entity, by its kind's place among the written ones.
#[derive(Clone)]
struct Referred {
    kind: usize,
    key: Arc<str>,
}

impl<'a> Decoder<'a> {
    fn new(
        bytes: Reader<'a>,
        schema: &'a Schema,
        steps: &'a [Renames],
    ) -> Result<Decoder<'a>, Malformed> {
        let mut decoder = Decoder {
            bytes,
            schema,
            steps,
            texts: Vec::new(),
            kinds: Vec::new(),
            stamps: Vec::new(),
            aside: Aside::default(),
        };
        decoder.texts = decoder.list(1, |decoder| decoder.bytes.text().map(Arc::from))?;
        decoder.kinds = decoder.list(2, Decoder::kind)?;
        decoder.stamps = decoder.list(33, Decoder::stamp)?;
        Ok(decoder)
    }

    fn entry(&mut self) -> Result<Entry, Malformed> {
        match self.bytes.byte()? {
            tag::MERGE => self.merge(),
            tag::FORK => {
                let (name, template) = (self.text()?, self.text()?);
                let fork = Fork::new(name, template, self.time()?);
                Ok(Entry::Fork { fork, back: Vec::new() })
            }
            tag::FORK_BY => self.fork(),
            tag::DROP => Ok(Entry::Drop { name: self.text()? }),
            tag::SCHEMA => Ok(Entry::Schema(self.schema_row()?)),
            tag::COMPACTED => Ok(Entry::Compacted {
                oldest: Version(self.bytes.number()?),
                heard_at: self.time()?,
                began_at: self.time()?,
            }),
            other => self.committed(other),
        }
    }

    fn schema_row(&mut self) -> Result<SchemaRow, Malformed> {
        Ok(SchemaRow {
            version: Version(self.bytes.number()?),
            heard_at: self.time()?,
            source: self.text()?,
            files: self
                .list(2, |decoder| Ok(SchemaText::new(&decoder.text()?, &decoder.text()?)))?,
        })
    }

    fn committed(&mut self, tag: u8) -> Result<Entry, Malformed> {
        if tag != tag::COMMIT && tag != tag::POLLED_COMMIT {
            return Err(Malformed("it is of no known sort"));
        }
        Ok(Entry::Commit {
            database: self.text()?,
            version: Version(self.bytes.number()?),
            problems_not_kept: self.bytes.number()?,
            commit: {
                let poll = (tag == tag::POLLED_COMMIT).then(|| self.poll()).transpose()?;
                self.commit(poll)?
            },
        })
    }

    fn merge(&mut self) -> Result<Entry, Malformed> {
        let from = MergedFrom { name: self.text()?, version: Version(self.bytes.number()?) };
        let tag = self.bytes.byte()?;
        let mut entry = self.committed(tag)?;
        if let Entry::Commit { commit, .. } = &mut entry {
            commit.merged_from = Some(from);
        }
        Ok(entry)
    }

    fn fork(&mut self) -> Result<Entry, Malformed> {
        let (name, template, created_at) = (self.text()?, self.text()?, self.time()?);
        let created_by = self.text()?;
        let mode = match self.bytes.byte()? {
            tag::FROZEN => ForkMode::Frozen,
            tag::TRACKING => ForkMode::Tracking,
            _ => return Err(Malformed("a fork is of no known mode")),
        };
        let at = self.bytes.number()?.checked_sub(1).map(Version);
        let fork = Fork { name, template, created_at, created_by, mode, at };
        Ok(Entry::Fork { fork, back: self.changes()? })
    }

    fn commit(&mut self, poll: Option<Poll>) -> Result<Commit, Malformed> {
        Ok(Commit {
            poll,
            merged_from: None,
            left_out: LeftOut::default(),
            source: self.text()?,
            heard_at: self.time()?,
            problems: self.list(3, Decoder::problem)?,
            segments: self.list(20, Decoder::segment)?,
            changes: self.changes()?,
        })
    }

    fn problem(&mut self) -> Result<Problem, Malformed> {
        let (place, text, reason) = (self.text()?, self.text()?, self.text()?);
        Ok(Problem::new(&*place, &text, &*reason))
    }

    fn segment(&mut self) -> Result<Segment, Malformed> {
        Ok(Segment {
            file: self.text()?,
            source: self.text()?,
            records: self.bytes.number()?,
            from: self.time()?,
            to: self.time()?,
            bytes: self.bytes.number()?,
        })
    }

    fn changes(&mut self) -> Result<Vec<Change>, Malformed> {
        let count = self.bytes.count(1)?;
        let mut changes = Vec::with_capacity(count.min(RESERVED_MAX));
        let mut last: Option<Referred> = None;
        for _ in 0..count {
            let what = self.bytes.byte()?;
            if what & tag::SAME_ENTITY == 0 {
                last = Some(self.reference()?);
            }
            let entity = last.as_ref().ok_or(Malformed("its first change has no entity"))?;
            match what & !tag::SAME_ENTITY {
                tag::EXISTS => {
                    changes.extend(self.known(entity).map(|entity| Change::Exists { entity }))
                }
                tag::REMOVE => {
                    changes.extend(self.known(entity).map(|entity| Change::Remove { entity }))
                }
                tag::ALIAS => {
                    let alias = self.alias()?;
                    let known = self.known(entity);
                    changes.extend(
                        known.zip(alias).map(|(entity, alias)| Change::Alias { entity, alias }),
                    );
                }
                tag::RULE => {
                    let ruling = self.ruling()?;
                    let known = self.known(entity);
                    changes.extend(known.map(|entity| Change::Rule { entity, ruling }));
                }
                tag::ASSERT => changes.extend(self.assertion(entity)?),
                tag::RETRACT => changes.extend(self.retraction(entity)?),
                _ => return Err(Malformed("a change is of no known sort")),
            }
        }
        Ok(changes)
    }

    fn poll(&mut self) -> Result<Poll, Malformed> {
        let at = self.time()?;
        let outcome = match self.bytes.byte()? {
            tag::COMPLETE => PollOutcome::Complete { since: self.time()? },
            tag::PARTIAL => PollOutcome::Partial,
            tag::FAILED => PollOutcome::Failed { reason: self.text()?.to_string() },
            _ => return Err(Malformed("a poll came to nothing known")),
        };
        Ok(Poll { at, outcome })
    }

    /// `None`: a sort of alias that is not known; a newer groma may have written it.
    fn alias(&mut self) -> Result<Option<Alias>, Malformed> {
        let kind = AliasKind::named(&self.text()?);
        let (text, source, heard_at) = (self.text()?, self.text()?, self.time()?);
        let valid = Interval { from: self.time()?, to: self.time()? };
        Ok(kind.map(|kind| Alias { kind, text, source, heard_at, valid }))
    }

    fn ruling(&mut self) -> Result<Ruling, Malformed> {
        let (other, source, heard_at) = (self.text()?, self.text()?, self.time()?);
        let verdict = match self.bytes.byte()? {
            tag::SAME => Verdict::Same(Interval { from: self.time()?, to: self.time()? }),
            tag::APART => Verdict::Apart,
            _ => return Err(Malformed("a verdict is of no known sort")),
        };
        Ok(Ruling { other, verdict, source, heard_at })
    }

    /// `None`: set aside.
    fn known(&mut self, entity: &Referred) -> Option<EntityRef> {
        let kind = &self.kinds[entity.kind];
        if kind.id.is_none() {
            *self.aside.gone.entry(kind.name.to_string()).or_default() += 1;
        }
        kind.id.map(|kind| EntityRef { kind, key: Arc::clone(&entity.key) })
    }

    /// `None`: set aside.
    fn assertion(&mut self, referred: &Referred) -> Result<Option<Change>, Malformed> {
        let written = self.bytes.number()? as usize;
        let stamp = self.bytes.number()? as usize;
        let value = self.value()?;
        let Some(entity) = self.known(referred) else { return Ok(None) };
        let Some(attribute) = self.attribute(referred, written)? else { return Ok(None) };
        let stamp = self.stamps.get(stamp).ok_or(Malformed("a stamp is not in its table"))?;
        let of = &self.schema.kind(entity.kind).attributes[attribute];
        let value = match value.fit(of, self.schema) {
            Ok(value) => value,
            Err(unfit) if self.aside.unfit.len() < UNFIT_KEPT_MAX => {
                let place = (entity, attribute, Arc::clone(&stamp.source), stamp.valid.from);
                self.aside.unfit.push((place, unfit));
                return Ok(None);
            }
            Err(_) => {
                self.aside.unfit_more += 1;
                return Ok(None);
            }
        };
        let fact = Fact {
            value,
            source: Arc::clone(&stamp.source),
            observed_at: stamp.observed_at,
            heard_at: stamp.heard_at,
            valid: stamp.valid,
        };
        Ok(Some(Change::Assert { entity, attribute, fact }))
    }

    /// `None`: set aside, as what it takes back was.
    fn retraction(&mut self, referred: &Referred) -> Result<Option<Change>, Malformed> {
        let written = self.bytes.number()? as usize;
        let (source, valid_from) = (self.text()?, self.time()?);
        let Some(entity) = self.known(referred) else { return Ok(None) };
        let attribute = self.attribute(referred, written)?;
        Ok(attribute.map(|attribute| Change::Retract { entity, attribute, source, valid_from }))
    }

    /// The place today of an attribute. `None`: set aside.
    fn attribute(
        &mut self,
        referred: &Referred,
        written: usize,
    ) -> Result<Option<AttributeIndex>, Malformed> {
        let kind = &self.kinds[referred.kind];
        let (name, attribute) =
            kind.attributes.get(written).ok_or(Malformed("an attribute is not in its table"))?;
        if attribute.is_none() {
            *self.aside.gone.entry(format!("{}.{name}", kind.name)).or_default() += 1;
        }
        Ok(*attribute)
    }

    fn value(&mut self) -> Result<Written, Malformed> {
        let value = match self.bytes.byte()? {
            tag::NONE => return Ok(Written::Absent),
            tag::TEXT => Value::Text(self.text()?),
            tag::INTEGER => Value::Integer(self.bytes.signed()?),
            tag::FLOAT => Value::Float(f64::from_bits(self.bytes.fixed()?)),
            tag::FALSE => Value::Boolean(false),
            tag::TRUE => Value::Boolean(true),
            tag::TIMESTAMP => Value::Timestamp(self.time()?),
            tag::TEXTS => Value::Texts(self.list(1, Decoder::text)?.into()),
            tag::INTEGERS => {
                Value::Integers(self.list(1, |decoder| decoder.bytes.signed())?.into())
            }
            tag::REFERENCE => {
                let target = self.reference()?;
                match self.kinds[target.kind].id {
                    Some(kind) => Value::Reference(EntityRef { kind, key: target.key }),
                    None => return Ok(Written::Keys(vec![target.key])),
                }
            }
            tag::REFERENCES => {
                let targets = self.list(2, Decoder::reference)?;
                let known: Option<Arc<[EntityRef]>> = (targets.iter())
                    .map(|target| {
                        let kind = self.kinds[target.kind].id?;
                        Some(EntityRef { kind, key: Arc::clone(&target.key) })
                    })
                    .collect();
                match known {
                    Some(targets) => Value::References(targets),
                    None => {
                        let keys = targets.into_iter().map(|target| target.key);
                        return Ok(Written::Keys(keys.collect()));
                    }
                }
            }
            _ => return Err(Malformed("a value is of no known sort")),
        };
        Ok(Written::Value(value))
    }

    fn reference(&mut self) -> Result<Referred, Malformed> {
        let kind = self.bytes.number()? as usize;
        let key = self.text()?;
        if self.kinds.len() <= kind {
            return Err(Malformed("a kind is not in its table"));
        }
        Ok(Referred { kind, key })
    }

    fn kind(&mut self) -> Result<WrittenKind, Malformed> {
        let (schema, steps) = (self.schema, self.steps);
        let name = self.text()?;
        let today = steps.iter().fold(&name, |name, step| step.kind(name));
        let kind = schema.find_once_named(today);
        let attributes = self.list(1, |decoder| {
            let attribute = decoder.text()?;
            let (_, today) = steps.iter().fold((&name, &attribute), |(kind, attribute), step| {
                (step.kind(kind), step.attribute(kind, attribute))
            });
            let index = kind.and_then(|kind: &Kind| kind.attribute_once_named(today));
            Ok((attribute, index))
        })?;
        Ok(WrittenKind { id: kind.map(|kind| kind.id), attributes, name })
    }

    fn stamp(&mut self) -> Result<Stamp, Malformed> {
        Ok(Stamp {
            source: self.text()?,
            observed_at: self.time()?,
            heard_at: self.time()?,
            valid: Interval { from: self.time()?, to: self.time()? },
        })
    }

    fn text(&mut self) -> Result<Arc<str>, Malformed> {
        let place = self.bytes.number()? as usize;
        self.texts.get(place).cloned().ok_or(Malformed("a text is not in its table"))
    }

    fn time(&mut self) -> Result<Timestamp, Malformed> {
        Ok(Timestamp(self.bytes.fixed()? as i64))
    }

    fn list<T>(
        &mut self,
        size_min: usize,
        mut each: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.bytes.count(size_min)?;
        let mut list = Vec::with_capacity(count.min(RESERVED_MAX));
        for _ in 0..count {
            list.push(each(self)?);
        }
        Ok(list)
    }
}

/// What was written as the value of a fact.
enum Written {
    Absent,
    Value(Value),
    /// Of entities of which not every kind is there any more.
    Keys(Vec<Arc<str>>),
}

impl Written {
    /// The value as the attribute holds it today.
    fn fit(self, attribute: &Attribute, schema: &Schema) -> Result<Option<Value>, Unfit> {
        match (self, &attribute.of) {
            (Written::Absent, _) => Ok(None),
            (Written::Value(value), _) => match value.refit(attribute, schema) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(Unfit { reason: error.to_string(), given: error.given }),
            },
            (Written::Keys(keys), ValueType::Texts) => Ok(Some(Value::Texts(keys.into()))),
            (Written::Keys(keys), ValueType::Text) if keys.len() == 1 => {
                Ok(Some(Value::Text(Arc::clone(&keys[0]))))
            }
            (Written::Keys(keys), _) => {
                let reason = format!("{}: what it refers to is of no kind today", attribute.name);
                Err(Unfit { given: keys.join(","), reason })
            }
        }
    }
}
