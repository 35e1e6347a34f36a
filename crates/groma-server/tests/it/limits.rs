//! What ends a statement: a cancel, the statement timeout, a client that goes, the end of the server.

use std::time::{Duration, Instant};

use groma_server::{Running, ServeConfig, Store, StoreOptions};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use crate::served::Served;

/// Hours of work that gives one row.
pub(crate) const LONG: &str = "SELECT sum(a.value * b.value) FROM generate_series(1, 3000000) a \
    CROSS JOIN generate_series(1, 3000000) b";
/// Far less than the statement would take, far more than ending it does, on a busy machine too.
const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_cancel_ends_the_statement_and_not_the_session() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        let token = client.cancel_token();
        // A cancel that comes before the statement is of no effect.
        let again_and_again = async {
            loop {
                token.cancel_query(NoTls).await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let error = tokio::select! {
            ended = client.simple_query(LONG) => ended.map(drop).unwrap_err(),
            () = again_and_again => unreachable!(),
            () = tokio::time::sleep(SOON) => panic!("no cancel takes"),
        };
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error:?}");
        // The last cancel may still be on its way.
        let one = loop {
            match client.query("SELECT 1", &[]).await {
                Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {}
                answered => break answered,
            }
        };
        assert_eq!(one.unwrap().len(), 1);
    });
}

#[test]
fn the_statement_timeout_holds_in_both_protocols() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        client.batch_execute("SET statement_timeout = 3000").await.unwrap();
        let started = Instant::now();
        let simple = client.simple_query(LONG).await.map(drop).unwrap_err();
        let extended = client.query(LONG, &[]).await.map(drop).unwrap_err();
        for error in [simple, extended] {
            assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error:?}");
            assert!(error.as_db_error().unwrap().message().contains("timeout"), "{error:?}");
        }
        assert!(started.elapsed() < SOON);
        client.batch_execute("SET statement_timeout = 0; SELECT 1").await.unwrap();
    });
}

#[test]
fn a_stopped_server_takes_its_file_away_and_frees_the_store() {
    let served = Served::world();
    assert_eq!(Running::find(served.folder()).unwrap().address, served.address);
    let refused = Store::open(served.folder(), StoreOptions::default()).map(drop).unwrap_err();
    assert!(refused.to_string().contains(&served.address.to_string()), "{refused}");
    let folder = served.stop();
    assert_eq!(Running::find(folder.path()), None);
    assert!(Store::open(folder.path(), StoreOptions::default()).is_ok());
}

#[test]
fn a_file_left_by_a_dead_server_is_passed_over() {
    let folder = tempfile::TempDir::new().unwrap();
    let left = r#"{"pid": 4194304999, "address": "127.0.0.1:1"}"#;
    std::fs::write(folder.path().join("server.json"), left).unwrap();
    assert_eq!(Running::find(folder.path()), None);
    std::fs::write(folder.path().join("server.json"), "half a f").unwrap();
    assert_eq!(Running::find(folder.path()), None);
}

#[test]
fn a_query_that_would_eat_the_memory_ends_and_the_server_does_not() {
    let options = StoreOptions {
        memory_bytes_max: Some(96 << 20),
        query_memory_bytes_max: Some(32 << 20),
        ..StoreOptions::default()
    };
    let served = Served::with(ServeConfig::default(), options, |_| ());
    served.run(async |served| {
        let client = served.client("live").await;
        let other = served.client("live").await;
        for sql in [
            // A list of all values, a text of all values, a join's side, one row alone.
            "SELECT length(string_agg(value::text, ',')) FROM generate_series(1, 20000000)",
            "SELECT array_agg(value) FROM generate_series(1, 20000000)",
            "SELECT count(*) FROM generate_series(1, 9000000) a JOIN generate_series(1, 9000000) b USING (value)",
        ] {
            let error = client.simple_query(sql).await.map(drop).unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::OUT_OF_MEMORY), "{sql}: {error:?}");
            let told = error.as_db_error().unwrap();
            assert!(told.message().contains("32.0 MB"), "{}", told.message());
            assert!(told.hint().unwrap().contains("--query-memory"), "{:?}", told.hint());
            assert_eq!(other.query("SELECT 1", &[]).await.unwrap().len(), 1);
        }
        for sql in [
            "SELECT length(repeat('x', 2000000000))",
            "SELECT length(lpad('x', 2000000000))",
            "SELECT array_length(range(0, 1000000000))",
            "SELECT length(replace(repeat('x', 10000000), 'x', repeat('y', 10000000)))",
            "SELECT length(regexp_replace(repeat('x', 10000000), 'x', repeat('y', 10000000), 'g'))",
            "SELECT array_length(array_repeat(repeat('x', 10000000), 1000000))",
            "SELECT length(array_to_string(range(0, 1000000), repeat('x', 10000000)))",
            "SELECT max(length(repeat(value::text, 1000000))) FROM generate_series(1, 100000)",
        ] {
            let error = client.simple_query(sql).await.map(drop).unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::OUT_OF_MEMORY), "{sql}: {error:?}");
        }
        for fine in [
            "SELECT repeat('x', 1000), lpad('x', 1000), range(0, 1000), repeat('x', -1)",
            "SELECT replace('abc', 'b', NULL), array_repeat('x', 1000), array_repeat(NULL, 2)",
            "SELECT replace(repeat('x', 1000), 'x', 'yy'), regexp_replace('a-b', '-', '+', 'g')",
            "SELECT max(replace(value::text, '9', repeat('nine', 100))) FROM generate_series(1, 9000)",
            "SELECT array_to_string(range(0, 1000), ', '), array_to_string(['a', NULL], '-', '?')",
        ] {
            client.simple_query(fine).await.map(drop).unwrap();
        }
        assert_eq!(client.query("SELECT 1", &[]).await.unwrap().len(), 1);
    });
}

#[test]
fn a_client_that_says_nothing_is_sent_away_if_the_server_was_told_so() {
    let idle_timeout = Some(Duration::from_millis(300));
    let served = Served::empty(ServeConfig { idle_timeout, ..ServeConfig::default() });
    served.run(async |served| {
        let client = served.client("live").await;
        let began = Instant::now();
        while !client.is_closed() {
            assert!(began.elapsed() < SOON, "it is still let sit there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}
