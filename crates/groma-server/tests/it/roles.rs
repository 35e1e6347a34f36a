//! Who may come in, and what each role may do.

use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::served::Served;

/// An admin, an operator and a reader; the password is the name twice.
async fn users(served: &Served) -> [Client; 3] {
    let owner = served.client("live").await;
    for (name, role) in [("ann", "admin"), ("olaf", "operator"), ("rita", "reader")] {
        let create = format!("CREATE ROLE {name} LOGIN PASSWORD '{name}{name}' IN ROLE {role}");
        owner.batch_execute(&create).await.unwrap();
    }
    [
        served.connect_as("ann", "annann").await.unwrap(),
        served.connect_as("olaf", "olafolaf").await.unwrap(),
        served.connect_as("rita", "ritarita").await.unwrap(),
    ]
}

#[test]
fn each_role_may_do_what_the_one_before_it_may_and_more() {
    let served = Served::world();
    served.run(async |served| {
        let [admin, operator, reader] = users(served).await;
        let statements = [
            ("SELECT count(*) FROM service.farm", 0),
            ("EXPLAIN SELECT 1", 0),
            ("SET statement_timeout = 100000", 0),
            ("COPY service.farm TO STDOUT", 0),
            ("UPDATE service.farm SET balancing = 'nearest' WHERE id = 'orders'", 1),
            ("INSERT INTO service.farm (id) VALUES ('made by ' || current_timestamp::text)", 1),
            ("DELETE FROM service.farm WHERE id = 'nobody'", 1),
            ("SELECT * FROM import('/no/such/path')", 1),
            ("COPY (SELECT 1 AS one) TO 'one.parquet'", 1),
            ("SELECT * FROM source_poll('nobody')", 1),
            ("CREATE DATABASE f TEMPLATE live", 1),
            ("DROP DATABASE IF EXISTS f", 2),
            ("CREATE ROLE x", 2),
            ("GRANT admin TO rita", 2),
            ("REVOKE admin FROM rita", 2),
            ("DROP ROLE IF EXISTS x", 2),
            ("CREATE TABLE t (a int)", 2),
        ];
        for (sql, needs) in statements {
            for (role, client) in [&reader, &operator, &admin].into_iter().enumerate() {
                let answer = client.simple_query(sql).await;
                let refused = answer.err().is_some_and(|error| {
                    let refused = error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
                    assert!(!refused || error.as_db_error().unwrap().hint().is_some());
                    refused
                });
                assert_eq!(refused, role < needs, "role {role}: {sql}");
            }
        }
    });
}

#[test]
fn whoever_is_wrong_is_told_the_same_and_later_each_time() {
    let served = Served::world();
    served.run(async |served| {
        users(served).await;
        let refused = async |user: &str, password: &str| {
            let started = Instant::now();
            let error = served.connect_as(user, password).await.map(drop).unwrap_err();
            let told = error.as_db_error().unwrap();
            assert_eq!(told.code(), &SqlState::INVALID_PASSWORD);
            (told.message().replace(user, "*"), told.hint().map(str::to_owned), started.elapsed())
        };
        let (known, known_hint, first) = refused("rita", "wrong").await;
        let (unknown, unknown_hint, second) = refused("nobody", "wrong").await;
        assert_eq!((known, known_hint), (unknown, unknown_hint));
        let (.., third) = refused("rita", "wrong").await;
        assert!(first >= Duration::from_millis(200) && second >= Duration::from_millis(400));
        assert!(third >= Duration::from_millis(800), "{third:?}");
        assert!(served.connect_as("rita", "ritarita").await.is_ok(), "the right one does not wait");
        assert!(served.connect("live").await.is_err(), "nobody comes in without a password");
    });
}

#[test]
fn what_is_taken_from_a_user_is_taken_at_once() {
    let served = Served::world();
    served.run(async |served| {
        let [admin, operator, reader] = users(served).await;
        let state = async |client: &Client, sql: &str| {
            client.batch_execute(sql).await.err().and_then(|error| error.code().cloned())
        };
        let update = "UPDATE service.farm SET balancing = 'nearest'";
        assert_eq!(state(&operator, update).await, None);
        admin.batch_execute("GRANT reader TO olaf; REVOKE operator FROM olaf").await.unwrap();
        assert_eq!(state(&operator, update).await, Some(SqlState::INSUFFICIENT_PRIVILEGE));
        admin.batch_execute("DROP ROLE rita").await.unwrap();
        assert_eq!(
            state(&reader, "SELECT 1").await,
            Some(SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        );
        admin.batch_execute("ALTER ROLE olaf NOLOGIN").await.unwrap();
        assert!(served.connect_as("olaf", "olafolaf").await.is_err());
        admin.batch_execute("ALTER ROLE olaf LOGIN PASSWORD 'new'").await.unwrap();
        assert!(served.connect_as("olaf", "olafolaf").await.is_err());
        assert!(served.connect_as("olaf", "new").await.is_ok());
        admin.batch_execute("ALTER ROLE olaf VALID UNTIL '2001-01-01T00:00:00Z'").await.unwrap();
        assert!(served.connect_as("olaf", "new").await.is_err());
    });
}

#[test]
fn with_the_first_user_whoever_was_not_asked_is_sent_to_come_in_anew() {
    let served = Served::world();
    served.run(async |served| {
        let (founder, other) = (served.client("live").await, served.client("live").await);
        other.batch_execute("SELECT 1").await.unwrap();
        founder.batch_execute("CREATE ROLE ann LOGIN PASSWORD 'x' IN ROLE admin").await.unwrap();
        let error = other.batch_execute("SELECT 1").await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION));
        assert!(error.as_db_error().unwrap().hint().unwrap().contains("Connect again"));
        founder.batch_execute("CREATE ROLE bob LOGIN PASSWORD 'x' IN ROLE reader").await.unwrap();
        founder.batch_execute("DROP ROLE ann, bob").await.unwrap();
        other.batch_execute("SELECT 1").await.unwrap();
    });
}

#[test]
fn a_user_has_its_own_statement_timeout() {
    let served = Served::world();
    served.run(async |served| {
        let [admin, ..] = users(served).await;
        admin.batch_execute("ALTER ROLE rita SET statement_timeout = '3000ms'").await.unwrap();
        let reader = served.connect_as("rita", "ritarita").await.unwrap();
        let row = reader.query_one("SHOW statement_timeout", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "3000ms");
        let error = reader.simple_query(crate::limits::LONG).await.map(drop).unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error:?}");
    });
}

#[test]
fn changes_and_refusals_are_in_the_audit_without_passwords() {
    let served = Served::world();
    served.run(async |served| {
        let [admin, operator, reader] = users(served).await;
        operator.batch_execute("DELETE FROM service.farm WHERE id = 'bills'").await.unwrap();
        reader.batch_execute("DELETE FROM service.farm").await.unwrap_err();
        let sql = "SELECT \"user\", role, door, client, database, statement, outcome, version \
            FROM model.audit ORDER BY at";
        let rows = admin.query(sql, &[]).await.unwrap();
        let text = |row: &tokio_postgres::Row, at: usize| row.get::<_, String>(at);
        let all: Vec<String> = rows.iter().map(|row| text(row, 5)).collect();
        assert!(all.iter().any(|sql| sql.contains("PASSWORD '***' IN ROLE admin")), "{all:?}");
        assert!(!all.join("\n").contains("annann"));
        let [.., done, refused] = rows.as_slice() else { panic!("{all:?}") };
        let words = |row| [0, 1, 2, 3, 4, 6].map(|at| text(row, at));
        assert_eq!(words(done), ["olaf", "operator", "wire", "127.0.0.1", "live", "done"]);
        assert!(done.get::<_, i64>(7) > 0);
        assert_eq!(words(refused), ["rita", "reader", "wire", "127.0.0.1", "live", "42501"]);
        assert_eq!(refused.get::<_, Option<i64>>(7), None);
        let own = reader.query(sql, &[]).await.unwrap();
        assert!(own.iter().all(|row| text(row, 0) == "rita") && own.len() == 1);
        let listed = reader.query("SELECT name, role FROM model.users ORDER BY 1", &[]).await;
        assert_eq!(listed.unwrap().len(), 3);
    });
}

#[test]
fn a_database_that_is_not_there_leads_to_live_only_where_none_was_meant() {
    let served = Served::world();
    served.run(async |served| {
        for database in ["tester", "postgres"] {
            let client = served.connect(database).await.unwrap();
            let row = client.query_one("SELECT current_database()", &[]).await.unwrap();
            assert_eq!(row.get::<_, &str>(0), "live");
        }
        assert!(served.connect("other").await.is_err());
    });
}
