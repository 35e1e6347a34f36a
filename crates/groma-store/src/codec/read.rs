//! Bytes to an entry, trusting nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use groma_model::{
    AliasKind, Attribute, AttributeIndex, EntityRef, Fact, Interval, Kind, KindId, Problem, Schema,
    Source, Timestamp, Value, ValueType, Version,
};

use super::bytes::{Malformed, Reader, checksum};
use super::{Entry, FORMAT, SetAside, tag};
use crate::{
    Alias, Change, Commit, Fork, ForkMode, MergedFrom, Poll, PollOutcome, Ruling, Segment, Verdict,
};

/// Most elements that room is made for at once; a longer list grows as it is read.
const RESERVED_MAX: usize = 1 << 16;

/// Reads an entry. What does not fit the schema is set aside and counted. Cost: linear.
pub(crate) fn decode(bytes: &[u8], schema: &Schema) -> Result<(Entry, Vec<SetAside>), Malformed> {
    let (sealed, sum) = bytes.split_last_chunk::<8>().ok_or(Malformed("it is too short"))?;
    if checksum(sealed) != u64::from_le_bytes(*sum) {
        return Err(Malformed("its checksum is wrong"));
    }
    let mut bytes = Reader::new(sealed);
    if bytes.byte()? != FORMAT {
        return Err(Malformed("its format is not known; a newer groma may have written it"));
    }
    let mut decoder = Decoder::new(bytes, schema)?;
    let entry = decoder.entry()?;
    if !decoder.bytes.is_at_end() {
        return Err(Malformed("there is more behind its end"));
    }
    let set_aside = decoder.set_aside.into_iter();
    Ok((entry, set_aside.map(|(what, count)| SetAside { what, count }).collect()))
}

struct Decoder<'a> {
    bytes: Reader<'a>,
    schema: &'a Schema,
    texts: Vec<Arc<str>>,
    kinds: Vec<WrittenKind>,
    stamps: Vec<Stamp>,
    set_aside: BTreeMap<String, u64>,
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

/// An entity, or its kind's place among the written ones if the schema no longer has that.
type Referred = Result<EntityRef, usize>;

impl<'a> Decoder<'a> {
    fn new(bytes: Reader<'a>, schema: &'a Schema) -> Result<Decoder<'a>, Malformed> {
        let mut decoder = Decoder {
            bytes,
            schema,
            texts: Vec::new(),
            kinds: Vec::new(),
            stamps: Vec::new(),
            set_aside: BTreeMap::new(),
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
                Ok(Entry::Fork(Fork::new(name, template, self.time()?)))
            }
            tag::FORK_BY => self.fork().map(Entry::Fork),
            tag::DROP => Ok(Entry::Drop { name: self.text()? }),
            other => self.committed(other),
        }
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

    fn fork(&mut self) -> Result<Fork, Malformed> {
        let (name, template, created_at) = (self.text()?, self.text()?, self.time()?);
        let created_by = self.text()?;
        let mode = match self.bytes.byte()? {
            tag::FROZEN => ForkMode::Frozen,
            tag::TRACKING => ForkMode::Tracking,
            _ => return Err(Malformed("a fork is of no known mode")),
        };
        let at = self.bytes.number()?.checked_sub(1).map(Version);
        Ok(Fork { name, template, created_at, created_by, mode, at })
    }

    fn commit(&mut self, poll: Option<Poll>) -> Result<Commit, Malformed> {
        Ok(Commit {
            poll,
            merged_from: None,
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
            let entity = last.clone().ok_or(Malformed("its first change has no entity"))?;
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
    fn known(&mut self, entity: Referred) -> Option<EntityRef> {
        entity
            .map_err(|kind| {
                let what = self.kinds[kind].name.to_string();
                *self.set_aside.entry(what).or_default() += 1;
            })
            .ok()
    }

    /// `None`: set aside.
    fn assertion(&mut self, entity: Referred) -> Result<Option<Change>, Malformed> {
        let written = self.bytes.number()? as usize;
        let stamp = self.bytes.number()? as usize;
        let value = self.value()?;
        let Some(entity) = self.known(entity) else { return Ok(None) };
        let stamp = self.stamps.get(stamp).ok_or(Malformed("a stamp is not in its table"))?;
        let (source, valid) = (Arc::clone(&stamp.source), stamp.valid);
        let (observed_at, heard_at) = (stamp.observed_at, stamp.heard_at);
        let (name, attribute) = self.attribute(&entity, written)?;
        let kind = self.schema.kind(entity.kind);
        let fitting = attribute
            .and_then(|attribute| Some((attribute, fit(value, &kind.attributes[attribute])?)));
        let Some((attribute, value)) = fitting else {
            self.set_aside(&entity, &name);
            return Ok(None);
        };
        let fact = Fact { value, source, observed_at, heard_at, valid };
        Ok(Some(Change::Assert { entity, attribute, fact }))
    }

    /// `None`: set aside, as what it takes back was.
    fn retraction(&mut self, entity: Referred) -> Result<Option<Change>, Malformed> {
        let written = self.bytes.number()? as usize;
        let (source, valid_from) = (self.text()?, self.time()?);
        let Some(entity) = self.known(entity) else { return Ok(None) };
        let (name, attribute) = self.attribute(&entity, written)?;
        let Some(attribute) = attribute else {
            self.set_aside(&entity, &name);
            return Ok(None);
        };
        Ok(Some(Change::Retract { entity, attribute, source, valid_from }))
    }

    /// The name of an attribute as it was written, and its place today if there is one.
    fn attribute(
        &self,
        entity: &EntityRef,
        written: usize,
    ) -> Result<(Arc<str>, Option<AttributeIndex>), Malformed> {
        (self.kinds.iter())
            .find(|kind| kind.id == Some(entity.kind))
            .and_then(|kind| kind.attributes.get(written).cloned())
            .ok_or(Malformed("an attribute is not in its table"))
    }

    fn set_aside(&mut self, entity: &EntityRef, attribute: &str) {
        let what = format!("{}.{attribute}", self.schema.kind(entity.kind));
        *self.set_aside.entry(what).or_default() += 1;
    }

    /// `Err` inside: it refers to a kind that the schema no longer has.
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
            tag::REFERENCE => match self.reference()? {
                Ok(target) => Value::Reference(target),
                Err(_) => return Ok(Written::OfUnknownKind),
            },
            tag::REFERENCES => {
                let targets: Result<Arc<[_]>, _> =
                    self.list(2, Decoder::reference)?.into_iter().collect();
                match targets {
                    Ok(targets) => Value::References(targets),
                    Err(_) => return Ok(Written::OfUnknownKind),
                }
            }
            _ => return Err(Malformed("a value is of no known sort")),
        };
        Ok(Written::Value(value))
    }

    fn reference(&mut self) -> Result<Referred, Malformed> {
        let kind = self.bytes.number()? as usize;
        let key = self.text()?;
        let id = self.kinds.get(kind).ok_or(Malformed("a kind is not in its table"))?.id;
        Ok(id.map(|kind| EntityRef { kind, key }).ok_or(kind))
    }

    fn kind(&mut self) -> Result<WrittenKind, Malformed> {
        let name = self.text()?;
        let kind = self.schema.find(&name);
        let attributes = self.list(1, |decoder| {
            let name = decoder.text()?;
            let index = kind.and_then(|kind: &Kind| kind.attribute(&name));
            Ok((name, index))
        })?;
        Ok(WrittenKind { name, id: kind.map(|kind| kind.id), attributes })
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
    OfUnknownKind,
}

/// The value, if the attribute can hold it today.
fn fit(written: Written, attribute: &Attribute) -> Option<Option<Value>> {
    let value = match written {
        Written::Absent => return Some(None),
        Written::OfUnknownKind => return None,
        Written::Value(value) => value,
    };
    let value = match (&attribute.of, value) {
        (ValueType::Enum(words), Value::Text(text)) => {
            Value::Text(Arc::clone(words.iter().find(|word| **word == text)?))
        }
        (ValueType::Reference(kinds), Value::Reference(target))
            if !kinds.contains(&target.kind) =>
        {
            return None;
        }
        (ValueType::References(kinds), Value::References(targets))
            if !targets.iter().all(|target| kinds.contains(&target.kind)) =>
        {
            return None;
        }
        (ValueType::Text, value @ Value::Text(_))
        | (ValueType::Integer, value @ Value::Integer(_))
        | (ValueType::Float, value @ Value::Float(_))
        | (ValueType::Boolean, value @ Value::Boolean(_))
        | (ValueType::Timestamp, value @ Value::Timestamp(_))
        | (ValueType::Texts, value @ Value::Texts(_))
        | (ValueType::Integers, value @ Value::Integers(_))
        | (ValueType::Reference(_), value @ Value::Reference(_))
        | (ValueType::References(_), value @ Value::References(_)) => value,
        _ => return None,
    };
    Some(Some(value))
}
