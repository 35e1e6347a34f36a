//! Rows that nobody reads on, and rows that nobody wants any more.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use groma_query::{
    EngineOptions, Outcome, QueryError, SCANS_MAX, SCANS_OF_SESSION_MAX, SendableRecordBatchStream,
    Session,
};
use groma_store::{LIVE, MemoryJournal};

use crate::written::{ask, engine_with, runtime};

/// Takes the first rows.
async fn begin(session: &Session, sql: &str) -> Result<SendableRecordBatchStream, QueryError> {
    match session.execute(sql).await?.pop() {
        Some(Outcome::Rows { mut stream, .. }) => {
            stream.next().await.transpose()?;
            Ok(stream)
        }
        _ => panic!("{sql} gives rows"),
    }
}

#[test]
fn readers_that_do_not_read_on_are_so_many_at_most_and_others_write() {
    runtime().block_on(async {
        let engine = engine_with(Box::new(MemoryJournal::default()), EngineOptions::default());
        let session = || engine.session(LIVE, "tester").unwrap();
        let writer = session();
        let many =
            "INSERT INTO service.farm (id) SELECT value::text FROM generate_series(1, 80000)";
        ask(&writer, many).await.unwrap();

        let (all, mut suspended) = ("SELECT id FROM service.farm", Vec::new());
        for _ in 0..SCANS_MAX / SCANS_OF_SESSION_MAX {
            let reader = session();
            for _ in 0..SCANS_OF_SESSION_MAX {
                suspended.push(begin(&reader, all).await.unwrap());
            }
            let refused = begin(&reader, all).await.err().unwrap();
            assert_eq!(refused.sqlstate(), "53400", "{refused}");
        }
        let refused = begin(&session(), all).await.err().unwrap();
        assert_eq!(refused.sqlstate(), "53400", "{refused}");

        ask(&writer, "INSERT INTO service.farm (id) VALUES ('orders')").await.unwrap();
        ask(&writer, "UPDATE service.farm SET load_cap = 2 WHERE id LIKE 'ord%'").await.unwrap();
        drop(suspended);
        while ask(&writer, "SELECT count(*) FROM service.farm").await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await; // until the threads have seen it
        }
    });
}

/// Far less than all searches take, far more than ending one does.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn searches_for_each_row_let_others_work_and_end_when_nobody_wants_them() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let engine = engine_with(Box::new(MemoryJournal::default()), EngineOptions::default());
    let session = engine.session(LIVE, "tester").unwrap();
    let star = "INSERT INTO physical.device (id) VALUES ('d'); INSERT INTO physical.port (id, device) SELECT value::text, 'd' FROM generate_series(1, 8000)";
    runtime.block_on(ask(&session, star)).unwrap();
    let other = engine.session(LIVE, "tester").unwrap();
    let all = runtime.spawn(async move {
        ask(&session, "SELECT sum(array_length(reach(id, 2, '-'))) FROM physical.port").await
    });
    std::thread::sleep(Duration::from_millis(500));
    let started = Instant::now();
    runtime.block_on(runtime.spawn(async move { ask(&other, "SELECT 1").await })).unwrap().unwrap();
    assert!(!all.is_finished(), "there is enough to search");
    all.abort();
    while runtime.metrics().num_alive_tasks() > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}
