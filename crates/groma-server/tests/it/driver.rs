//! A driver: prepared statements, parameters, binary rows, SQLSTATEs.

use std::time::{Duration, Instant};

use groma_server::ServeConfig;
use tokio_postgres::error::SqlState;

use crate::served::Served;

#[test]
fn parameters_and_binary_rows_come_through() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        let sql = "SELECT id, farm IS NOT NULL, length(id) FROM service.instance \
            WHERE farm = $1 AND length(id) > $2 ORDER BY id";
        let rows = client.query(sql, &[&"orders", &3_i32]).await.unwrap();
        let ids: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(ids, ["orders-1", "orders-2"]);
        assert!(rows[0].get::<_, bool>(1));
        let rows = client.query("SELECT count(*) FROM service.farm", &[]).await.unwrap();
        assert_eq!(rows[0].get::<_, i64>(0), 2);
    });
}

#[test]
fn a_write_takes_parameters_and_counts() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        let sql = "UPDATE service.farm SET balancing = 'nearest' WHERE id = $1";
        assert_eq!(client.execute(sql, &[&"bills"]).await.unwrap(), 1);
        assert_eq!(client.execute(sql, &[&"nobody"]).await.unwrap(), 0);
    });
}

#[test]
fn a_prepared_question_is_answered_from_what_is_there_when_it_is_asked() {
    let served = Served::world();
    served.run(async |served| {
        let (client, other) = (served.client("live").await, served.client("live").await);
        let sql = "SELECT balancing FROM service.farm WHERE id = $1";
        let prepared = client.prepare(sql).await.unwrap();
        for balancing in ["nearest", "round_robin", "nearest"] {
            let change = "UPDATE service.farm SET balancing = $1 WHERE id = 'bills'";
            other.execute(change, &[&balancing]).await.unwrap();
            for _ in 0..2 {
                let row = client.query_one(&prepared, &[&"bills"]).await.unwrap();
                assert_eq!(row.get::<_, &str>(0), balancing);
            }
        }
        // As it was in a fork that is no more, nobody is told.
        let fork = "SELECT count(*) FROM what_if.service.farm";
        other.batch_execute("CREATE DATABASE what_if TEMPLATE live").await.unwrap();
        let prepared = client.prepare(fork).await.unwrap();
        other.batch_execute("DROP DATABASE what_if").await.unwrap();
        assert!(client.query(&prepared, &[]).await.is_err());
    });
}

#[test]
fn rows_are_fetched_in_portions() {
    let served = Served::world();
    served.run(async |served| {
        let mut client = served.client("live").await;
        let transaction = client.transaction().await.unwrap();
        let portal = transaction
            .bind("SELECT value FROM generate_series(1, 10) ORDER BY 1", &[])
            .await
            .unwrap();
        let mut seen: Vec<i64> = Vec::new();
        for expected in [4, 4, 2] {
            let rows = transaction.query_portal(&portal, 4).await.unwrap();
            assert_eq!(rows.len(), expected);
            seen.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
        }
        assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    });
}

#[test]
fn refusals_have_their_sqlstate() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        for (sql, state) in [
            ("SELECT * FROM nothing", SqlState::UNDEFINED_TABLE),
            ("SELECT nothing FROM service.farm", SqlState::UNDEFINED_COLUMN),
            ("SELEC 1", SqlState::SYNTAX_ERROR),
            ("CREATE DATABASE live TEMPLATE live", SqlState::DUPLICATE_DATABASE),
        ] {
            let error = client.batch_execute(sql).await.unwrap_err();
            assert_eq!(error.code(), Some(&state), "{sql}: {error:?}");
        }
        let error = served.connect("nowhere").await.map(drop).unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INVALID_CATALOG_NAME), "{error:?}");
    });
}

#[test]
fn one_client_too_many_is_told_so_and_a_place_is_given_back() {
    let served = Served::empty(ServeConfig { connections_max: 1, ..ServeConfig::default() });
    served.run(async |served| {
        let first = served.client("live").await;
        let error = served.connect("live").await.map(drop).unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::TOO_MANY_CONNECTIONS), "{error:?}");
        drop(first);
        let began = Instant::now();
        while served.connect("live").await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "the place was not given back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}
