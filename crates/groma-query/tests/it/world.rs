//! The world of a story, and how its questions reach the engine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use groma_events::{SegmentOptions, SegmentWriter};
use groma_model::{Observation, Raw, Schema, SchemaText, Timestamp};
use groma_query::{Engine, EngineOptions, Outcome, QueryError, Session};
use groma_store::{
    Commit, LIVE, MemoryJournal, Poll, PollOutcome, Segment, SharedWorld, World, Writer as _,
    identify,
};
use groma_trace::{Direction, MessageBatch, MessageRecord};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};

use crate::Answer;

/// Shared by all connections of a story.
#[derive(Clone)]
pub(crate) struct WorldHandle {
    engine: Engine,
    world: Arc<SharedWorld>,
    folder: Arc<tempfile::TempDir>,
}

impl WorldHandle {
    pub(crate) fn new() -> WorldHandle {
        let world = World::open(schema(), Box::new(MemoryJournal::default())).unwrap();
        let (world, folder) =
            (Arc::new(SharedWorld::new(world)), Arc::new(tempfile::tempdir().unwrap()));
        WorldHandle { engine: engine(&world, &folder), world, folder }
    }

    /// The same world, asked through an engine that has derived nothing from it.
    pub(crate) fn anew(&self) -> WorldHandle {
        WorldHandle { engine: engine(&self.world, &self.folder), ..self.clone() }
    }

    /// A session inside a database.
    pub(crate) fn session(&self, database: &str) -> Session {
        self.engine.session(database, "tester").unwrap()
    }

    /// The line of `WORLD` may name the database, and say `heard=seconds` and `observed=seconds`.
    fn fill(&self, text: &str) {
        let (head, text) = text.split_once('\n').unwrap_or(("", text));
        let (mut database, mut heard_at, mut observed_at) = (LIVE, Timestamp(1), Timestamp(1));
        for word in head.split_whitespace() {
            match word.split_once('=') {
                Some(("heard", at)) => heard_at = seconds(at),
                Some(("observed", at)) => observed_at = seconds(at),
                _ => database = word,
            }
        }
        let lines =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (messages, entities): (Vec<&str>, Vec<&str>) =
            lines.partition(|line| line.starts_with("message "));
        let (polls, entities): (Vec<&str>, Vec<&str>) =
            entities.into_iter().partition(|line| line.starts_with("poll "));
        let mut world = self.world.turn();
        let mut said: Vec<_> = entities.into_iter().map(observation).collect();
        for (_, heard, said) in said.iter_mut().filter(|(source, ..)| source == STORY) {
            *heard = heard_at;
            said.observed_at = observed_at;
        }
        for said in said.chunk_by(|a, b| (&a.0, a.1) == (&b.0, b.1)) {
            let (source, heard_at) = (said[0].0.as_str().into(), said[0].1);
            let observations: Vec<_> = said.iter().map(|(.., said)| said.clone()).collect();
            let (changes, problems) = identify(world.schema(), &source, &observations, heard_at);
            let is_polled = &*source != STORY;
            let poll = is_polled.then_some(Poll { at: heard_at, outcome: PollOutcome::Partial });
            let commit = Commit { problems, poll, ..Commit::new(source, heard_at, changes) };
            world.commit(database, commit).unwrap();
        }
        polls.into_iter().for_each(|line| world.commit(database, poll(line)).map(drop).unwrap());
        if !messages.is_empty() {
            let segment = self.write(&messages);
            world.add_segments(LIVE, "story".into(), vec![segment], Timestamp(2)).unwrap();
        }
    }

    fn write(&self, messages: &[&str]) -> Segment {
        let mut batch = MessageBatch::default();
        messages.iter().for_each(|line| batch.push(&message(line)));
        let file = format!("{}.parquet", std::fs::read_dir(self.folder.path()).unwrap().count());
        let path: PathBuf = self.folder.path().join(&file);
        let mut writer = SegmentWriter::create(&path, SegmentOptions::default()).unwrap();
        writer.write(&batch).unwrap();
        let summary = writer.finish().unwrap();
        Segment {
            file: file.as_str().into(),
            source: "story".into(),
            records: summary.records,
            from: Timestamp(0),
            to: seconds("1000"),
            bytes: summary.file_bytes,
        }
    }
}

fn engine(world: &Arc<SharedWorld>, folder: &tempfile::TempDir) -> Engine {
    let options = EngineOptions {
        segments_folder: Some(folder.path().to_owned()),
        ..EngineOptions::default()
    };
    Engine::new(Arc::clone(world), options)
}

/// Who says what a story does not say by whom.
const STORY: &str = "story";

/// Sources that a site would name: a plan, and two that watch, of which the first is believed first as
/// long as it is fresh.
const SOURCES: &str = r#"
[[source]]
name = "plan"
says = "desired"
[[source]]
name = "watcher"
rank = 1
fresh_for = "1h"
"#;

fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let site = SchemaText { name: "site.toml".into(), text: SOURCES.into() };
        let (schema, errors) = Schema::builtin().extended(&[site]);
        assert_eq!(errors, []);
        Arc::new(schema)
    });
    Arc::clone(&SCHEMA)
}

/// `poll source hours complete|partial|failed [reason]`
fn poll(line: &str) -> Commit {
    let mut words = line.splitn(5, ' ').skip(1);
    let mut word = || words.next().unwrap_or_default();
    let (source, hours, outcome, reason) = (word(), word(), word(), word());
    let at = hour(hours);
    let outcome = match outcome {
        "complete" => PollOutcome::Complete { since: at },
        "partial" => PollOutcome::Partial,
        "failed" => PollOutcome::Failed { reason: reason.to_owned() },
        other => panic!("a poll does not end {other}"),
    };
    Commit { poll: Some(Poll { at, outcome }), ..Commit::new(source.into(), at, Vec::new()) }
}

fn hour(hours: &str) -> Timestamp {
    Timestamp(seconds(hours).0 * 3_600)
}

/// `kind id attribute=value ... [valid_from=seconds] [valid_to=seconds] [source=name@hours]`
fn observation(line: &str) -> (String, Timestamp, Observation) {
    let (kind, rest) =
        line.split_once(' ').expect("a line of a world is: kind id attribute=value ...");
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let id = words.next().expect("an entity has an id");
    let mut observation = Observation::new(kind.to_owned(), id, Timestamp(1));
    let mut source = STORY.to_owned();
    for word in words {
        let (attribute, value) = word.split_once('=').expect("attribute=value");
        match attribute {
            "valid_from" => observation.valid.from = seconds(value),
            "valid_to" => observation.valid.to = seconds(value),
            "source" => {
                let (name, hours) = value.split_once('@').expect("source=name@hours");
                source = name.to_owned();
                observation.observed_at = hour(hours);
            }
            _ => observation = observation.with(attribute.to_owned(), Raw::Text(value.to_owned())),
        }
    }
    (source, observation.observed_at, observation)
}

fn seconds(text: &str) -> Timestamp {
    Timestamp((text.parse::<f64>().unwrap() * 1e9) as i64)
}

/// `message seconds process send|receive peer id=1 tx=1-2 [parent=..] [reply] [bytes=..] [service=..] [session=..]`
fn message(line: &str) -> MessageRecord {
    let words: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let [_, seconds, process, direction, peer, rest @ ..] = words.as_slice() else {
        panic!("a message is too short: {line}")
    };
    let named: HashMap<&str, &str> =
        rest.iter().map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
    let number = |name: &str| named.get(name).map_or(0, |text| text.parse().unwrap());
    let (tree, transaction, parent_transaction) =
        groma_trace::hierarchical_id(named["tx"]).expect("tx is hierarchical");
    MessageRecord {
        time: Some(self::seconds(seconds)),
        process: (*process).into(),
        direction: if *direction == "send" { Direction::Send } else { Direction::Receive },
        peer: (*peer).into(),
        message: number("id"),
        parent_message: number("parent"),
        reply: named.contains_key("reply"),
        tree,
        transaction,
        parent_transaction,
        session: number("session"),
        service: named.get("service").map(|name| (*name).into()),
        bytes: named.get("bytes").map(|text| text.parse().unwrap()),
        status: None,
    }
}

/// One connection of a story.
pub(crate) struct Asker {
    world: WorldHandle,
    session: Option<Session>,
}

impl Asker {
    pub(crate) fn new(world: WorldHandle) -> Asker {
        Asker { world, session: None }
    }
}

#[async_trait::async_trait]
impl AsyncDB for Asker {
    type Error = QueryError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<Answer, QueryError> {
        if let Some(text) = sql.strip_prefix("WORLD") {
            self.world.fill(text);
            return Ok(DBOutput::StatementComplete(0));
        }
        // `IN name` enters another database: the connections of a story are told apart this way.
        if let Some(name) = sql.strip_prefix("IN ") {
            self.session = Some(self.world.engine.session(name.trim(), "tester")?);
            return Ok(DBOutput::StatementComplete(0));
        }
        if self.session.is_none() {
            self.session = Some(self.world.engine.session(LIVE, "tester")?);
        }
        let session = self.session.as_ref().expect("just opened");
        let mut answer = DBOutput::StatementComplete(0);
        for outcome in session.execute(sql).await? {
            answer = match outcome {
                Outcome::Command { tag } => DBOutput::StatementComplete(
                    tag.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0),
                ),
                Outcome::CopyOut { .. } | Outcome::CopyIn(_) => {
                    return Err(QueryError::new(QueryError::NOT_SUPPORTED, "a story has no COPY"));
                }
                Outcome::Rows { schema, mut stream } => {
                    let mut rows = Vec::new();
                    while let Some(batch) = stream.next().await {
                        let batch = batch.map_err(QueryError::from)?;
                        let options = FormatOptions::default().with_null("NULL");
                        let columns: Vec<_> = batch
                            .columns()
                            .iter()
                            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
                            .collect();
                        rows.extend((0..batch.num_rows()).map(|row| {
                            columns
                                .iter()
                                .map(|column| cell(column.value(row).to_string()))
                                .collect()
                        }));
                    }
                    DBOutput::Rows {
                        types: vec![DefaultColumnType::Text; schema.fields().len()],
                        rows,
                    }
                }
            };
        }
        Ok(answer)
    }

    async fn shutdown(&mut self) {}
}

fn cell(text: String) -> String {
    if text.is_empty() { "(empty)".into() } else { text }
}
