//! Several who write at once, and what is noted of it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use groma_model::Schema;
use groma_query::{Audit, AuditEntry, CopyIn, Engine, EngineOptions, Outcome, QueryError, Session};
use groma_store::{Journal, JournalError, JournalReader, LIVE, MemoryJournal, SharedWorld, World};
use tokio::runtime::{Builder, Runtime};

/// A disk that says when it was asked to write, and writes when it is told to.
struct SlowJournal {
    journal: MemoryJournal,
    asked: Sender<()>,
    told: Mutex<Receiver<()>>,
}

impl Journal for SlowJournal {
    fn reader(&self) -> Result<Box<dyn JournalReader>, JournalError> {
        self.journal.reader()
    }

    fn append(&self, entry: &[u8]) -> Result<u64, JournalError> {
        self.asked.send(()).unwrap();
        self.told.lock().unwrap().recv().unwrap();
        self.journal.append(entry)
    }

    fn rewrite(&mut self, entries: &[(u64, Vec<u8>)]) -> Result<(), JournalError> {
        self.journal.rewrite(entries)
    }
}

#[derive(Default)]
struct Noted(Mutex<Vec<AuditEntry>>);

impl Noted {
    /// Statements and what became of them.
    fn outcomes(&self) -> Vec<(String, String)> {
        let noted = self.0.lock().unwrap();
        noted.iter().map(|entry| (entry.statement.clone(), entry.outcome.clone())).collect()
    }
}

impl Audit for Noted {
    fn note(&self, entry: AuditEntry) {
        self.0.lock().unwrap().push(entry);
    }

    fn entries(&self) -> Result<Vec<AuditEntry>, QueryError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

fn engine(journal: Box<dyn Journal>) -> (Engine, Arc<Noted>) {
    let noted = Arc::<Noted>::default();
    let options = EngineOptions { audit: Some(Arc::clone(&noted) as _), ..Default::default() };
    (engine_with(journal, options), noted)
}

pub(crate) fn engine_with(journal: Box<dyn Journal>, options: EngineOptions) -> Engine {
    let world = SharedWorld::new(World::open(Schema::builtin(), journal).unwrap());
    Engine::new(Arc::new(world), options)
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The cells of an answer, as text.
pub(crate) async fn ask(session: &Session, sql: &str) -> Result<Vec<String>, QueryError> {
    let mut cells = Vec::new();
    for outcome in session.execute(sql).await? {
        let Outcome::Rows { mut stream, .. } = outcome else { continue };
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(QueryError::from)?;
            let text = arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
            let rows = text.lines().skip(3).filter(|line| line.starts_with('|'));
            cells.extend(rows.map(|row| row.trim_matches(['|', ' ']).to_owned()));
        }
    }
    Ok(cells)
}

async fn copy_in(session: &Session, sql: &str) -> Box<CopyIn> {
    match session.execute(sql).await.unwrap().pop() {
        Some(Outcome::CopyIn(copy)) => copy,
        _ => panic!("{sql} takes lines"),
    }
}

const WRITERS: usize = 8;
const TIMES: usize = 25;

#[test]
fn no_increment_is_lost_and_an_id_is_given_once() {
    runtime().block_on(async {
        let (engine, _) = engine(Box::new(MemoryJournal::default()));
        let session = engine.session(LIVE, "tester").unwrap();
        ask(&session, "INSERT INTO compute.host (id, cpus) VALUES ('h', 0)").await.unwrap();
        let mut writers = Vec::new();
        for _ in 0..WRITERS {
            let session = engine.session(LIVE, "tester").unwrap();
            writers.push(tokio::spawn(async move {
                for _ in 0..TIMES {
                    let more = "UPDATE compute.host SET cpus = cpus + 1 WHERE id = 'h'";
                    ask(&session, more).await.unwrap();
                }
                let same = ask(&session, "INSERT INTO compute.host (id) VALUES ('same')").await;
                same.map_err(|error| error.sqlstate())
            }));
        }
        let mut inserted = Vec::new();
        for writer in writers {
            inserted.push(writer.await.unwrap());
        }
        let cpus = ask(&session, "SELECT cpus FROM compute.host WHERE id = 'h'").await.unwrap();
        assert_eq!(cpus, [(WRITERS * TIMES).to_string()]);
        let there = inserted.iter().filter(|inserted| **inserted == Err(QueryError::DUPLICATE_KEY));
        assert_eq!(there.count(), WRITERS - 1, "{inserted:?}");
    });
}

#[test]
fn a_copy_sees_what_came_while_its_lines_came() {
    runtime().block_on(async {
        let (engine, _) = engine(Box::new(MemoryJournal::default()));
        let (session, other) =
            (engine.session(LIVE, "one").unwrap(), engine.session(LIVE, "two").unwrap());
        let copy = "COPY service.farm (id) FROM STDIN";
        let (mut first, mut second) =
            (copy_in(&session, copy).await, copy_in(&session, copy).await);
        first.push(b"orders\n").unwrap();
        second.push(b"bills\n").unwrap();
        ask(&other, "INSERT INTO service.farm (id) VALUES ('orders')").await.unwrap();
        let refused = first.finish(&session).await.unwrap_err();
        assert_eq!(refused.sqlstate(), QueryError::DUPLICATE_KEY, "{refused}");
        assert_eq!(second.finish(&session).await.unwrap(), "COPY 1");
        // What was known at a time stays so: its lines are said when they are committed.
        let falls = "SELECT count(*) FROM (SELECT heard_at, lag(heard_at) OVER (ORDER BY version) AS before FROM model.commits) WHERE heard_at < before";
        assert_eq!(ask(&other, falls).await.unwrap(), ["0"]);
    });
}

#[test]
fn what_was_committed_is_noted_though_nobody_waits_any_more() {
    let ((asked, is_asked), (tell, told)) = (channel(), channel());
    let journal = SlowJournal { journal: MemoryJournal::default(), asked, told: Mutex::new(told) };
    let (engine, noted) = engine(Box::new(journal));
    let runtime = runtime();
    let session = Arc::new(engine.session(LIVE, "tester").unwrap());
    let insert = "INSERT INTO service.farm (id) VALUES ('orders')";
    let writing = {
        let session = Arc::clone(&session);
        runtime.spawn(async move { ask(&session, insert).await })
    };
    is_asked.recv().unwrap();
    writing.abort();
    assert!(runtime.block_on(writing).unwrap_err().is_cancelled());
    assert_eq!(noted.outcomes(), []);
    tell.send(()).unwrap();
    while noted.outcomes().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(noted.outcomes(), [(insert.to_owned(), "done".to_owned())]);
    assert_eq!(engine.databases()[0].version().0, 1);
}

#[test]
fn a_function_that_changes_something_is_noted_as_it_ended() {
    runtime().block_on(async {
        let (engine, noted) = engine(Box::new(MemoryJournal::default()));
        let session = engine.session(LIVE, "tester").unwrap();
        ask(&session, "CREATE DATABASE f TEMPLATE live").await.unwrap();
        ask(&session, "INSERT INTO f.service.farm (id) VALUES ('orders')").await.unwrap();
        ask(&session, "BEGIN").await.unwrap();
        ask(&session, "SELECT * FROM merge('nowhere', 'live')").await.unwrap_err();
        ask(&session, "ROLLBACK").await.unwrap();
        assert_eq!(session.take_notices(), []);
        ask(&session, "BEGIN; SELECT * FROM merge('f', 'live')").await.unwrap();
        ask(&session, "ROLLBACK").await.unwrap();
        let told = session.take_notices();
        assert!(told[0].message.contains("ROLLBACK takes nothing back"), "{told:?}");
        let merges: Vec<_> = noted.outcomes().split_off(2);
        assert_eq!(
            merges,
            [
                ("merge('nowhere', 'live')".to_owned(), QueryError::NO_DATABASE.to_owned()),
                ("merge('f', 'live')".to_owned(), "done".to_owned()),
            ]
        );
        let entries = noted.entries().unwrap();
        assert_eq!(entries.last().unwrap().version, Some(2), "the version after it");
    });
}

#[test]
fn what_is_to_be_written_counts_as_memory() {
    runtime().block_on(async {
        let query_memory_bytes_max = Some(16 << 20);
        let options = EngineOptions { query_memory_bytes_max, ..Default::default() };
        let engine = engine_with(Box::new(MemoryJournal::default()), options);
        let session = engine.session(LIVE, "tester").unwrap();
        let endless =
            "INSERT INTO service.farm (id) SELECT value::text FROM generate_series(1, 10000000000)";
        let refused = ask(&session, endless).await.unwrap_err();
        assert_eq!(refused.sqlstate(), QueryError::OUT_OF_MEMORY, "{refused}");
        let mut copy = copy_in(&session, "COPY service.farm (id) FROM STDIN").await;
        let refused = (0..).find_map(|part| {
            let lines: String = (0..1000).map(|line| format!("{part}-{line}\n")).collect();
            copy.push(lines.as_bytes()).err()
        });
        assert_eq!(refused.unwrap().sqlstate(), QueryError::OUT_OF_MEMORY);
        drop(copy);
        ask(&session, "INSERT INTO service.farm (id) VALUES ('orders')").await.unwrap();
    });
}
