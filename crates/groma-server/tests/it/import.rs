//! Import through SQL: what it reports is there, twice is once, and bad input is a row.

use std::fs;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use groma_server::{Progress, ServeConfig, StoreOptions};
use tokio_postgres::error::SqlState;

use crate::served::Served;

pub(crate) const SPAN: &str = r#"[[
  {"traceId":"000000000000000a","id":"000000000000000a","name":"get","timestamp":1,"duration":9,
   "kind":"SERVER","localEndpoint":{"serviceName":"front","ipv4":"10.0.0.1"}},
  {"traceId":"000000000000000a","id":"000000000000000b","parentId":"000000000000000a","name":"get",
   "timestamp":2,"duration":5,"kind":"CLIENT","localEndpoint":{"serviceName":"front","ipv4":"10.0.0.1"},
   "remoteEndpoint":{"serviceName":"back","ipv4":"10.0.0.2"}}
]]"#;

#[test]
fn importing_twice_doubles_nothing() {
    let served = Served::world();
    let input = tempfile::TempDir::new().unwrap();
    fs::write(input.path().join("service.farm.csv"), "id,balancing\nnew,nearest\nbad,sideways\n")
        .unwrap();
    fs::write(input.path().join("spans.json"), SPAN).unwrap();
    fs::write(input.path().join("noise.bin"), [0, 159, 146, 150]).unwrap();
    let import = format!("SELECT * FROM import('{}')", input.path().display());
    served.run(async |served| {
        let client = served.client("live").await;
        let count = async |sql: &str| client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
        let mut seen = Vec::new();
        for _ in 0..2 {
            client.simple_query(&import).await.unwrap();
            seen.push([
                count("SELECT count(*) FROM service.farm").await,
                count("SELECT count(*) FROM model.problems").await,
                count("SELECT count(*) FROM model.segments").await,
                count("SELECT \"count\" FROM trace.counts WHERE name = 'messages'").await,
            ]);
        }
        assert_eq!(seen[0], seen[1]);
        let [farms, problems, segments, messages] = seen[0];
        assert_eq!(farms, 4);
        assert!(problems >= 2, "{problems} problems: the bad value and the file nobody knows");
        assert_eq!(segments, 1);
        assert!(messages > 0);
    });
}

#[test]
fn two_imports_of_one_file_at_once_are_one() {
    // Each import that has begun to read waits for the other: for a while, as the other may not.
    let begun = (Mutex::new(0), Condvar::new());
    let wait = move |progress: Progress<'_>| {
        if progress.facts + progress.messages == 0 {
            let mut count = begun.0.lock().unwrap();
            *count += 1;
            begun.1.notify_all();
            drop(begun.1.wait_timeout_while(count, Duration::from_secs(1), |count| *count < 2));
        }
    };
    let options = StoreOptions { progress: Some(Arc::new(wait)), ..StoreOptions::default() };
    let served = Served::with(ServeConfig::default(), options, |_| ());
    let input = tempfile::TempDir::new().unwrap();
    let file = input.path().join("spans.json");
    fs::write(&file, SPAN).unwrap();
    let import = format!("SELECT messages FROM import('{}')", file.display());
    served.run(async |served| {
        let (one, other) = (served.client("live").await, served.client("live").await);
        let (told, told_too) =
            tokio::join!(one.query_one(&import, &[]), other.query_one(&import, &[]));
        let messages: i64 = told.unwrap().get(0);
        assert!(messages > 0);
        assert_eq!(told_too.unwrap().get::<_, i64>(0), messages);
        let count = async |sql: &str| one.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
        assert_eq!(count("SELECT count(*) FROM model.segments").await, 1);
        assert_eq!(
            count("SELECT \"count\" FROM trace.counts WHERE name = 'messages'").await,
            messages
        );
    });
}

#[test]
fn what_is_the_servers_own_is_neither_read_nor_written_to() {
    let served = Served::world();
    let input = tempfile::TempDir::new().unwrap();
    let (data, own) = (served.folder().display(), served.folder().join("server.json"));
    let mapping = format!(
        "[[input]]\nname = \"own\"\nfile = \"{}\"\n\n\
         [[map]]\nfrom = \"own\"\nkind = \"service.farm\"\nkey = \"{{secret}}\"\n",
        own.display()
    );
    let mapping_file = input.path().join("mapping.toml");
    fs::write(&mapping_file, mapping).unwrap();
    std::os::unix::fs::symlink(&own, input.path().join("linked.jsonl")).unwrap();
    served.run(async |served| {
        let client = served.client("live").await;
        for call in [
            format!("import('{data}')"),
            format!("import('{data}/audit.jsonl')"),
            format!("import('{}')", input.path().join("linked.jsonl").display()),
            format!("import('machine:', NULL, NULL, '{data}/segments/recording')"),
            "import('/proc/self/environ')".to_owned(),
        ] {
            let error = client.simple_query(&format!("SELECT * FROM {call}")).await;
            let error = error.map(drop).unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{call}: {error:?}");
        }
        let folder = format!("SELECT * FROM import('{}')", input.path().display());
        client.simple_query(&folder).await.unwrap();
        let count = async |sql: &str| client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
        assert_eq!(count("SELECT count(*) FROM service.farm").await, 2, "those of the world");
        let told = "SELECT count(*) FROM model.problems WHERE reason LIKE '%the server''s own%'";
        assert!(count(told).await >= 1);
        assert_eq!(
            count("SELECT count(*) FROM model.problems WHERE text LIKE '%secret%'").await,
            0
        );

        client.simple_query("COPY (SELECT 1 AS one) TO 'one.parquet'").await.unwrap();
        let exported = format!("SELECT * FROM import('{data}/exports/one.parquet')");
        client.simple_query(&exported).await.unwrap();
    });
}

#[test]
fn a_path_that_is_not_there_is_an_error_that_names_it() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        let error =
            client.simple_query("SELECT * FROM import('/not/there')").await.map(drop).unwrap_err();
        let refused = error.as_db_error().unwrap();
        assert!(refused.message().contains("/not/there"), "{refused:?}");
        assert_eq!(refused.code().code(), "58P01");
    });
}
