//! Sources on a schedule: heard again and again, left alone while they fail, and back by themselves.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use groma_connect::live::BackOff;
use groma_query::Listing;
use groma_server::{POLLS_AT_ONCE_MAX, SecretPlace, ServeConfig, SourceConfig};
use tokio_postgres::{Client, Row};

use crate::netbox_double::{Mood, TOKEN, serve};
use crate::served::Served;

/// How long a test waits for what a schedule does by itself.
const PATIENCE: Duration = Duration::from_secs(60);

fn source(name: &str, path: impl AsRef<Path>, every: Duration) -> SourceConfig {
    SourceConfig {
        name: name.into(),
        path: path.as_ref().to_owned(),
        every,
        listing: Listing::Complete,
        database: "live".into(),
        secrets: Default::default(),
    }
}

fn served(sources: Vec<SourceConfig>) -> Served {
    let back_off = BackOff { first: Duration::from_millis(20), most: Duration::from_millis(200) };
    Served::empty(ServeConfig { sources, back_off, ..ServeConfig::default() })
}

/// With a token in a file of its own.
fn netbox(address: &str, folder: &Path, token: &str) -> SourceConfig {
    let file = folder.join("token");
    write_token(folder, token);
    let path = format!("netbox+http://{address}");
    let secrets = [("token".to_owned(), SecretPlace::File(file))].into();
    SourceConfig { secrets, ..source("netbox", path, Duration::from_secs(3600)) }
}

fn write_token(folder: &Path, token: &str) {
    let file = folder.join("token");
    fs::write(&file, format!("{token}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

async fn row(client: &Client, sql: &str) -> Row {
    client.query_one(sql, &[]).await.unwrap()
}

/// Waits until a statement says true.
async fn until(client: &Client, sql: &str) {
    let started = Instant::now();
    let says_true = |row: Row| row.get::<_, Option<bool>>(0) == Some(true);
    while !client.query_opt(sql, &[]).await.unwrap().is_some_and(says_true) {
        assert!(started.elapsed() < PATIENCE, "{sql}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// SQLSTATE and text of a poll that must fail.
async fn failed_poll(client: &Client, name: &str) -> (String, String) {
    let sql = format!("SELECT * FROM source_poll('{name}')");
    let error = client.query(&sql, &[]).await.unwrap_err();
    let told = error.as_db_error().unwrap();
    (told.code().code().to_owned(), format!("{} {:?}", told.message(), told.hint()))
}

#[test]
fn a_netbox_that_fails_is_stale_not_gone_and_comes_back() {
    let double = serve(Mood::Well);
    let folder = tempfile::TempDir::new().unwrap();
    let served = served(vec![netbox(&double.address, folder.path(), "wrong-and-secret")]);
    served.run(async |served| {
        let client = served.client("live").await;
        let is = async |what: &str| {
            let sql = format!("SELECT {what} FROM model.sources WHERE name = 'netbox'");
            until(&client, &sql).await;
        };
        is("state = 'failing' AND poll = 'waiting'").await;
        let (code, told) = failed_poll(&client, "netbox").await;
        assert!(code == "28000" && told.contains("403 Forbidden: Invalid token"), "{code} {told}");
        assert!(!told.contains("wrong-and-secret"));
        is("failures >= 2 AND failure LIKE '%Invalid token%' AND heard_at IS NULL").await;
        is("next_poll_at > now() + INTERVAL '50 minutes'").await; // only a person can help

        // The person did.
        write_token(folder.path(), TOKEN);
        let polled = row(&client, "SELECT facts FROM source_poll('netbox')").await;
        assert!(polled.get::<_, i64>(0) > 10);
        is("state = 'fresh' AND failures = 0 AND failure IS NULL AND facts > 10").await;
        is("poll = 'waiting' AND poll_every_seconds = 3600 AND next_poll_at > now()").await;
        let state = async || {
            let sql = "SELECT count(*), max(heard_at)::text FROM model.facts";
            let row = row(&client, sql).await;
            (row.get::<_, i64>(0), row.get::<_, String>(1))
        };
        let before = state().await;

        // It asks to be left alone, and is found well again by the schedule itself.
        double.set(Mood::Overrun);
        for _ in 0..2 {
            let (code, told) = failed_poll(&client, "netbox").await;
            assert!(code == "58000" && told.contains("503"), "{code} {told}");
        }
        is("state = 'failing' AND failures >= 2 AND facts > 10").await;
        let rows = row(&client, "SELECT count(*) FROM model.problems WHERE reason LIKE '%503%'");
        assert_eq!(rows.await.get::<_, i64>(0), 1, "the reason stands there once");
        let devices = row(&client, "SELECT count(*) FROM physical.device WHERE id = 'leaf1'").await;
        assert_eq!(devices.get::<_, i64>(0), 1, "stale, not gone");
        double.set(Mood::Busy); // 429 twice, then well
        is("state = 'fresh' AND failures = 0 AND failure IS NULL").await;
        assert_eq!(state().await, before, "what it said before is not written down again");

        // It vanishes while it is asked: what was not heard has not ended.
        double.set(Mood::Vanishing);
        client.query("SELECT * FROM source_poll('netbox')", &[]).await.unwrap();
        let ports = row(&client, "SELECT count(*) FROM physical.port WHERE device = 'leaf1'").await;
        assert_eq!(ports.get::<_, i64>(0), 2);
    });
    let asked = double.asked.lock().unwrap().len();
    drop(served);
    assert_eq!(double.asked.lock().unwrap().len(), asked, "nobody is asked after the end");
}

#[test]
fn a_slow_source_holds_nobody_and_those_that_wait_are_shown() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let folder = tempfile::TempDir::new().unwrap();
    let slow = |name: &str| SourceConfig {
        name: name.to_owned(),
        ..netbox(&address, folder.path(), TOKEN)
    };
    let cables = folder.path().join("service.farm.csv");
    fs::write(&cables, "id,balancing\none,nearest\n").unwrap();
    let farms = source("farms", &cables, Duration::from_secs(3600));
    let served = served(vec![slow("slow"), farms.clone()]);
    served.run(async |served| {
        let client = served.client("live").await;
        until(&client, "SELECT poll = 'asking' FROM model.sources WHERE name = 'slow'").await;
        let polled = row(&client, "SELECT facts FROM source_poll('farms')").await;
        assert_eq!(polled.get::<_, i64>(0), 1);
        let state =
            row(&client, "SELECT state, facts FROM model.sources WHERE name = 'slow'").await;
        assert_eq!(state.get::<_, Option<String>>(0), None, "it was never heard");

        // All permits are taken: the farms have to wait, and who waits is told when they are dropped.
        let many = (1..POLLS_AT_ONCE_MAX).map(|n| slow(&format!("slow{n}")));
        served.sources.set(many.chain([slow("slow"), farms]).collect());
        let asking = format!(
            "SELECT count(*) = {POLLS_AT_ONCE_MAX} FROM model.sources WHERE poll = 'asking'"
        );
        until(&client, &asking).await;
        let other = served.client("live").await;
        let waiting = tokio::spawn(async move { failed_poll(&other, "farms").await });
        until(&client, "SELECT poll = 'queued' FROM model.sources WHERE name = 'farms'").await;
        served.sources.set(Vec::new());
        let (code, told) = waiting.await.unwrap();
        assert!(code == "57014" && told.contains("nobody asks \"farms\" any more"), "{told}");
        until(&client, "SELECT count(*) = 0 FROM model.sources WHERE poll IS NOT NULL").await;
        let (code, told) = failed_poll(&client, "farms").await;
        assert!(code == "42704" && told.contains("groma serve --sources"), "{told}");
    });
    let started = Instant::now();
    drop(served);
    assert!(started.elapsed() < PATIENCE, "it ends though nobody answered");
}

#[test]
fn after_a_poll_that_failed_half_way_what_was_said_before_is_read_again() {
    let folder = tempfile::TempDir::new().unwrap();
    let (path, written) = (|name: &str| folder.path().join(name), SystemTime::now());
    for (version, balancing) in [("a", "nearest"), ("b", "round_robin")] {
        fs::create_dir(path(version)).unwrap();
        let farms = format!("id,balancing\none,{balancing}\n");
        let file = path(version).join("service.farm.csv");
        fs::write(&file, farms).unwrap();
        // Neither is the newer one.
        File::options().append(true).open(&file).unwrap().set_modified(written).unwrap();
    }
    fs::write(path("b/spans.json"), crate::import::SPAN).unwrap();
    let switch_to = |version: &str| {
        symlink(path(version), path("new")).unwrap();
        fs::rename(path("new"), path("now")).unwrap();
    };
    switch_to("a");
    let served = served(vec![source("farms", path("now"), Duration::from_secs(1))]);
    served.run(async |served| {
        let client = served.client("live").await;
        let is = async |balancing: &str| {
            until(&client, &format!("SELECT balancing = '{balancing}' FROM service.farm")).await;
        };
        is("nearest").await;
        // The spans cannot be written down, after the farms were.
        fs::remove_dir(served.folder().join("segments")).unwrap();
        switch_to("b");
        is("round_robin").await;
        until(&client, "SELECT failures > 0 FROM model.sources").await;
        switch_to("a");
        is("nearest").await;
    });
}

#[test]
fn a_file_is_read_again_when_it_changed() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("service.farm.csv");
    fs::write(&file, "id,balancing\none,nearest\ntwo,nearest\n").unwrap();
    let served = served(vec![source("farms", &file, Duration::from_secs(1))]);
    served.run(async |served| {
        let client = served.client("live").await;
        let farms = async |count: usize| {
            until(&client, &format!("SELECT count(*) = {count} FROM service.farm")).await;
        };
        farms(2).await;
        fs::write(&file, "id,balancing\none,nearest\n").unwrap();
        farms(1).await;
        let facts = row(&client, "SELECT max(heard_at)::text FROM model.facts").await;
        let polled = "SELECT polled_at::text FROM model.sources";
        let before = row(&client, polled).await.get::<_, String>(0);
        until(&client, &format!("SELECT polled_at::text > '{before}' FROM model.sources")).await;
        let again = row(&client, "SELECT max(heard_at)::text FROM model.facts").await;
        assert_eq!(again.get::<_, String>(0), facts.get::<_, String>(0), "nothing new was written");
        fs::remove_file(&file).unwrap();
        until(&client, "SELECT failure LIKE '%no such file%' FROM model.sources").await;
        farms(1).await;
        // What is past is asked nothing.
        let past = served.client(&format!("live@{}", before.replace(' ', "T"))).await;
        until(&past, "SELECT poll IS NULL FROM model.sources").await;
    });
}

#[test]
fn this_machine_is_asked_for_a_database_of_its_own() {
    let here = source("here", "machine:", Duration::from_secs(3600));
    let served = served(vec![SourceConfig { database: "survey".into(), ..here }]);
    served.run(async |served| {
        let live = served.client("live").await;
        let (code, told) = failed_poll(&live, "here").await;
        assert!(told.contains("survey"), "{code} {told}: there is no such database yet");
        live.batch_execute("CREATE DATABASE survey TEMPLATE live").await.unwrap();
        let polled = row(&live, "SELECT facts FROM source_poll('here')").await;
        assert!(polled.get::<_, i64>(0) > 0);
        let count = async |client: &Client| {
            row(client, "SELECT count(*) FROM compute.host").await.get::<_, i64>(0)
        };
        let survey = served.client("survey").await;
        assert_eq!((count(&live).await, count(&survey).await), (0, 1));
        until(&survey, "SELECT state = 'fresh' FROM model.sources WHERE name = 'here'").await;
        until(&live, "SELECT count(*) = 0 FROM model.sources").await;
    });
}
