//! COPY in and out: what goes out can come in again, and a line that does not fit is named.

use std::pin::pin;

use futures::{SinkExt as _, StreamExt as _};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::served::Served;

async fn out(client: &Client, sql: &str) -> String {
    let mut stream = pin!(client.copy_out(sql).await.unwrap());
    let mut text = Vec::new();
    while let Some(chunk) = stream.next().await {
        text.extend_from_slice(&chunk.unwrap());
    }
    String::from_utf8(text).unwrap()
}

async fn into(client: &Client, sql: &str, text: &str) -> Result<u64, tokio_postgres::Error> {
    let mut sink = pin!(client.copy_in(sql).await?);
    for chunk in text.as_bytes().chunks(7) {
        sink.send(std::io::Cursor::new(chunk.to_vec())).await?;
    }
    sink.finish().await
}

#[test]
fn what_goes_out_can_come_in_again() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        client
            .batch_execute(
                "INSERT INTO network.mlag_domain (id, devices, up) VALUES \
                ('one', 'sw1,sw2', true), ('\"two, odd\\', NULL, NULL)",
            )
            .await
            .unwrap();
        for form in ["", "(FORMAT csv, HEADER, DELIMITER ';', NULL '-')"] {
            for table in ["network.mlag_domain", "service.farm"] {
                let sent = out(&client, &format!("COPY {table} TO STDOUT {form}")).await;
                let fork = "DROP DATABASE IF EXISTS f; CREATE DATABASE f TEMPLATE live";
                client.batch_execute(fork).await.unwrap();
                let inside = served.client("f").await;
                inside.batch_execute(&format!("DELETE FROM {table}")).await.unwrap();
                let taken = into(&inside, &format!("COPY {table} FROM STDIN {form}"), &sent).await;
                assert_eq!(taken.unwrap(), 2);
                let again = out(&inside, &format!("COPY {table} TO STDOUT {form}")).await;
                assert_eq!(sent, again);
            }
        }
    });
}

#[test]
fn a_query_goes_out_with_its_header() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        let sql = "COPY (SELECT id, balancing AS how FROM service.farm ORDER BY id) TO STDOUT WITH CSV HEADER";
        let expected = "id,how\nbills,round_robin\norders,round_robin\n";
        assert_eq!(out(&client, sql).await, expected);
    });
}

#[test]
fn a_line_that_does_not_fit_is_named_and_nothing_is_kept() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        for (text, state, line) in [
            ("a\tnearest\nb\tsideways\n", SqlState::INVALID_TEXT_REPRESENTATION, 2),
            ("a\tnearest\nb\n", SqlState::BAD_COPY_FILE_FORMAT, 2),
            ("a\tnearest\textra\n", SqlState::BAD_COPY_FILE_FORMAT, 1),
            ("orders\tnearest\n", SqlState::UNIQUE_VIOLATION, 1),
            ("a\tnearest\na\tnearest\n", SqlState::UNIQUE_VIOLATION, 2),
            ("\\N\tnearest\n", SqlState::NOT_NULL_VIOLATION, 1),
        ] {
            let sql = "COPY service.farm (id, balancing) FROM STDIN";
            let error = into(&client, sql, text).await.unwrap_err();
            assert_eq!(error.code(), Some(&state), "{text}: {error:?}");
            let detail = error.as_db_error().unwrap().detail().unwrap_or_default().to_owned();
            assert!(detail.contains(&format!("line {line}")), "{text}: {detail}");
        }
        let row = client.query_one("SELECT count(*) FROM service.farm", &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 2);
    });
}

#[test]
fn copies_that_are_not_offered_say_what_to_do() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        for (sql, state) in [
            ("COPY service.farm FROM '/etc/passwd'", "0A000"),
            ("COPY service.farm TO '/etc/x.parquet'", "22023"),
            ("COPY service.farm TO '../x.parquet'", "22023"),
            ("COPY service.farm TO PROGRAM 'rm -rf x'", "0A000"),
            ("COPY service.farm TO STDOUT (FORMAT binary)", "0A000"),
            ("COPY service.farm TO STDOUT (DELIMITER 'a')", "22023"),
            ("COPY traffic.matrix FROM STDIN", "25006"),
            ("COPY service.farm (id, nothing) FROM STDIN", "42703"),
        ] {
            let error = client.batch_execute(sql).await.unwrap_err();
            assert_eq!(error.code().map(SqlState::code), Some(state), "{sql}: {error:?}");
        }
    });
}
