//! Cursors: some rows at a time, by SQL, by psql and by psycopg.

use groma_query::CURSORS_MAX;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::psql::psql;
use crate::python::psycopg;
use crate::served::Served;

/// More rows than anybody would wait for: only what is fetched is made.
const ENDLESS: &str = "SELECT value AS n FROM generate_series(1, 1000000000000)";

async fn fetched(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await.unwrap();
    let cell = |message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    messages.into_iter().filter_map(cell).collect()
}

async fn refused(client: &Client, sql: &str) -> String {
    let error = client.simple_query(sql).await.map(drop).unwrap_err();
    error.as_db_error().unwrap().code().code().to_owned()
}

#[test]
fn a_cursor_gives_rows_as_they_are_fetched() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        assert_eq!(refused(&client, &format!("DECLARE c CURSOR FOR {ENDLESS}")).await, "25P01");
        client
            .batch_execute(&format!("BEGIN; DECLARE c NO SCROLL CURSOR FOR {ENDLESS}"))
            .await
            .unwrap();
        assert_eq!(fetched(&client, "FETCH FORWARD 3 FROM c").await, ["1", "2", "3"]);
        assert_eq!(fetched(&client, "FETCH c").await, ["4"]);
        assert_eq!(fetched(&client, "FETCH 10000 IN C").await.last().unwrap(), "10004");
        // Another one beside it, of a few rows, which is read to its end and beyond.
        client
            .batch_execute("DECLARE \"A b\" CURSOR FOR SELECT id FROM service.farm ORDER BY id")
            .await
            .unwrap();
        assert_eq!(fetched(&client, "FETCH ALL FROM \"A b\"").await, ["bills", "orders"]);
        assert_eq!(fetched(&client, "FETCH 5 FROM \"A b\"").await, [""; 0]);
        assert_eq!(fetched(&client, "FETCH NEXT FROM c").await, ["10005"]);
        client.batch_execute("CLOSE c; COMMIT").await.unwrap();
        assert_eq!(refused(&client, "FETCH 1 FROM \"A b\"").await, "34000");
    });
}

#[test]
fn cursors_end_with_their_transaction_unless_held_and_see_one_version() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        let declare = |name: &str, hold: &str| {
            format!("DECLARE {name} CURSOR {hold} FOR SELECT id FROM service.farm ORDER BY id")
        };
        client.batch_execute(&declare("held", "WITH HOLD")).await.unwrap();
        client.batch_execute("BEGIN").await.unwrap();
        client.batch_execute(&declare("short", "")).await.unwrap();
        client.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(refused(&client, "FETCH 1 FROM short").await, "34000");
        client.batch_execute("INSERT INTO service.farm (id) VALUES ('a-new-one')").await.unwrap();
        assert_eq!(fetched(&client, "FETCH ALL FROM held").await, ["bills", "orders"]);
        assert_eq!(refused(&client, &declare("held", "WITH HOLD")).await, "42P03");
        for (sql, code) in [
            ("FETCH PRIOR FROM held", "0A000"),
            ("FETCH -1 FROM held", "0A000"),
            ("FETCH", "42601"),
            ("CLOSE nobody", "34000"),
            ("DECLARE s SCROLL CURSOR WITH HOLD FOR SELECT 1", "0A000"),
            ("DECLARE s CURSOR WITH HOLD FOR SELECT * FROM nowhere", "42P01"),
        ] {
            assert_eq!(refused(&client, sql).await, code, "{sql}");
        }
        for number in 1..CURSORS_MAX {
            client.batch_execute(&declare(&format!("c{number}"), "WITH HOLD")).await.unwrap();
        }
        assert_eq!(refused(&client, &declare("more", "WITH HOLD")).await, "53400");
        client.batch_execute("CLOSE ALL").await.unwrap();
        client.batch_execute(&declare("more", "WITH HOLD")).await.unwrap();
        client.batch_execute("DISCARD ALL").await.unwrap();
        assert_eq!(refused(&client, "FETCH 1 FROM more").await, "34000");
    });
}

#[test]
fn psql_fetches_in_portions() {
    let served = Served::world();
    let count = "SELECT value FROM generate_series(1, 1000) ORDER BY value";
    let Some(text) = psql(&served, "live", &["\\set FETCH_COUNT 7", count]) else { return };
    assert_eq!((text.lines().count(), text.lines().last()), (1000, Some("1000")), "{text}");
}

#[test]
fn psycopg_reads_with_named_cursors() {
    let served = Served::world();
    psycopg(
        &served,
        r#"
with psycopg.connect(dsn) as db:
    for binary in (False, True):
        with db.cursor("many", binary=binary) as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT value, value::text AS text FROM generate_series(1, 10000) WHERE value > %s ORDER BY value", (5,))
            assert [column.name for column in cursor.description] == ["value", "text"], cursor.description
            assert cursor.fetchone() == (6, "6")
            assert cursor.fetchmany(2) == [(7, "7"), (8, "8")]
            for row in cursor:
                if row[0] == 1000:
                    break
        plain = db.execute("SELECT 1")
        assert plain.statusmessage == "SELECT 1", plain.statusmessage
    with db.cursor("held", withhold=True) as cursor:
        cursor.execute("SELECT id FROM service.farm ORDER BY id")
        db.commit()
        fetched = db.execute("FETCH FORWARD 0001 FROM held")
        assert (fetched.statusmessage, fetched.fetchall()) == ("FETCH 1", [("bills",)]), fetched.statusmessage
        assert cursor.fetchall() == [("orders",)]
"#,
    );
}
