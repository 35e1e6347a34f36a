//! What ends a statement: a cancel, the statement timeout, a client that goes, the end of the server.

use std::time::{Duration, Instant};

use groma_server::{Running, Store, StoreOptions};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use crate::served::Served;

/// Hours of work that gives one row.
const LONG: &str = "SELECT sum(a.value * b.value) FROM generate_series(1, 3000000) a \
    CROSS JOIN generate_series(1, 3000000) b";
/// Far less than the statement would take, far more than ending it does.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_cancel_ends_the_statement_and_not_the_session() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        let token = client.cancel_token();
        let canceller = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            token.cancel_query(NoTls).await.unwrap();
        });
        let started = Instant::now();
        let error = client.simple_query(LONG).await.map(drop).unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error:?}");
        assert!(started.elapsed() < SOON);
        canceller.await.unwrap();
        assert_eq!(client.query("SELECT 1", &[]).await.unwrap().len(), 1);
    });
}

#[test]
fn the_statement_timeout_holds_in_both_protocols() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        client.batch_execute("SET statement_timeout = 300").await.unwrap();
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
