//! The HTTP door: forms, parameters, errors, tokens, limits, and its own description.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use groma_server::{ServeConfig, StoreOptions};
use tokio_postgres::NoTls;

use crate::limits::LONG;
use crate::python::python;
use crate::served::{Served, WORLD};
use crate::tls::certificate;

fn served() -> Served {
    with(ServeConfig::default(), StoreOptions::default())
}

fn with(config: ServeConfig, options: StoreOptions) -> Served {
    let http = Some("127.0.0.1:0".parse().unwrap());
    let served = Served::with(ServeConfig { http, ..config }, options, |_| ());
    served.run(async |served| served.client("live").await.batch_execute(WORLD).await.unwrap());
    served
}

/// What came back: status, head and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// HTTP/1.0, so that a body is what comes until the end.
pub(crate) fn request(address: SocketAddr, what: &str, headers: &[&str], body: &str) -> Answer {
    let mut socket = TcpStream::connect(address).unwrap();
    let mut text = format!("{what} HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        text.push_str("Host: 127.0.0.1\r\n");
    }
    headers.iter().for_each(|header| text.push_str(&format!("{header}\r\n")));
    socket.write_all(format!("{text}\r\n{body}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: answer[end + 4..].to_vec() }
}

fn sql(served: &Served, headers: &[&str], body: &str) -> Answer {
    request(served.http.unwrap(), "POST /v1/sql", headers, body)
}

#[test]
fn a_statement_is_answered_in_the_form_that_is_accepted() {
    let served = served();
    let rows = "SELECT id, balancing AS how, NULL::int AS n FROM service.farm ORDER BY id";
    let as_form = |form: &str| sql(&served, &[&format!("Accept: {form}")], rows);
    let answer = as_form("application/json");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.text(),
        "{\"columns\":[{\"name\":\"id\",\"type\":\"text\"},{\"name\":\"how\",\"type\":\"text\"},{\"name\":\"n\",\"type\":\"int4\"}],\
         \"rows\":[{\"id\":\"bills\",\"how\":\"round_robin\",\"n\":null},{\"id\":\"orders\",\"how\":\"round_robin\",\"n\":null}]}\n"
    );
    let csv = as_form("text/csv");
    assert_eq!(csv.text(), "id,how,n\nbills,round_robin,\norders,round_robin,\n");
    assert!(csv.head.contains("content-type: text/csv"), "{}", csv.head);
    assert_eq!(as_form("application/x-ndjson").text().lines().count(), 2);
    assert_eq!(as_form("image/png").status, 400);
    let none = sql(&served, &[], "SELECT id FROM service.farm WHERE id = 'nobody'");
    assert!(none.text().ends_with("\"rows\":[]}\n"), "{}", none.text());
    let list = sql(&served, &["Accept: text/csv"], "SELECT make_array(1, 2) AS list");
    assert_eq!(list.text(), "list\n\"{1,2}\"\n");
}

#[test]
fn parameters_and_databases_come_in_json_and_commands_give_their_tag() {
    let served = served();
    let json = ["Content-Type: application/json"];
    let ask = |body: &str| sql(&served, &json, body);
    assert!(
        sql(&served, &[], "CREATE DATABASE f TEMPLATE live").text().contains("CREATE DATABASE")
    );
    let update = r#"{"sql": "UPDATE service.farm SET balancing = $1 WHERE id = $2", "parameters": ["nearest", "bills"], "database": "f"}"#;
    let updated = ask(update);
    assert!(updated.text().contains("\"tag\":\"UPDATE 1\""), "{}", updated.text());
    let count = |database: &str| {
        let sql = "SELECT count(*) AS n FROM service.farm WHERE balancing = $1 AND length(id) > $2";
        let body = format!(
            r#"{{"sql": "{sql}", "parameters": ["nearest", 1], "database": "{database}"}}"#
        );
        ask(&body).text().to_owned()
    };
    assert!(count("f").contains("[{\"n\":1}]"), "{}", count("f"));
    assert!(count("live").contains("[{\"n\":0}]"));
    let cast = ask(r#"{"sql": "SELECT $1::int + 1 AS n", "parameters": [41]}"#);
    assert!(cast.text().contains("[{\"n\":42}]"), "{}", cast.text());
    assert_eq!(ask(r#"{"sql": "SELECT $1::int", "parameters": []}"#).status, 400);
    assert_eq!(ask(r#"{"sql": "SELECT $1::int", "parameters": ["x"]}"#).status, 400);
    assert_eq!(ask(r#"{"sql": "SELECT 1", "what": 1}"#).status, 400);
}

#[test]
fn errors_are_problems_with_sqlstate_and_hint() {
    let served = served();
    for (body, status, sqlstate) in [
        ("SELECT * FROM service.nothing", 404, "42P01"),
        ("SELEC 1", 400, "42601"),
        ("SELECT 1; SELECT 2", 400, "42601"),
        ("SELECT nothing FROM service.farm", 400, "42703"),
        ("COPY service.farm TO STDOUT", 501, "0A000"),
    ] {
        let answer = sql(&served, &[], body);
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
        assert!(
            answer.text().contains(&format!("\"sqlstate\":\"{sqlstate}\"")),
            "{}",
            answer.text()
        );
    }
    assert!(sql(&served, &[], "SELEC 1").text().contains("\"position\":1"));
    let missing = request(served.http.unwrap(), "GET /v1/nothing", &[], "");
    assert_eq!(missing.status, 404);
    let nowhere = request(served.http.unwrap(), "GET /v1/tables?database=nowhere", &[], "");
    assert_eq!(nowhere.status, 404, "{}", nowhere.text());
}

#[test]
fn a_web_page_may_not_ask_where_nobody_is_asked_for_a_token() {
    let served = served();
    let status = |headers: &[&str]| sql(&served, headers, "SELECT 1").status;
    assert_eq!(status(&["Origin: https://evil.example"]), 403);
    assert_eq!(status(&["Host: evil.example"]), 403);
    assert_eq!(status(&["Host: localhost:1", "Origin: http://localhost:1"]), 200);
}

#[test]
fn with_users_a_token_is_needed_and_may_what_its_role_may() {
    let served = served();
    let (reader, operator, ended) = served.run(async |served| {
        let owner = served.client("live").await;
        let users = "CREATE ROLE rita LOGIN PASSWORD 'x' IN ROLE reader; \
            CREATE ROLE olaf LOGIN PASSWORD 'x' IN ROLE operator";
        owner.batch_execute(users).await.unwrap();
        let token =
            async |sql: &str| -> String { owner.query_one(sql, &[]).await.unwrap().get("token") };
        (
            token("SELECT * FROM create_token('rita', '1h')").await,
            token("SELECT * FROM create_token('olaf', '1h', 'admin')").await,
            token("SELECT * FROM create_token('olaf', '1ms')").await,
        )
    });
    let ask =
        |token: &str, text: &str| sql(&served, &[&format!("Authorization: Bearer {token}")], text);
    let none = sql(&served, &[], "SELECT 1");
    assert_eq!(none.status, 401);
    assert!(none.head.contains("www-authenticate: bearer"), "{}", none.head);
    assert_eq!(ask("groma_abc_def", "SELECT 1").status, 401);
    assert_eq!(ask(&ended, "SELECT 1").status, 401);
    assert_eq!(ask(&reader, "SELECT 1").status, 200);
    assert_eq!(ask(&reader, "DELETE FROM service.farm").status, 403);
    assert_eq!(ask(&operator, "DELETE FROM service.farm WHERE id = 'bills'").status, 200);
    assert_eq!(ask(&operator, "DROP DATABASE IF EXISTS f").status, 403);
    let own = ask(&reader, "SELECT \"user\" FROM model.tokens");
    assert!(own.text().contains("[{\"user\":\"rita\"}]"), "{}", own.text());
    assert_eq!(request(served.http.unwrap(), "GET /healthz", &[], "").status, 200);
    assert_eq!(request(served.http.unwrap(), "GET /metrics", &[], "").status, 401);
}

#[test]
fn limits_have_their_status_and_are_counted() {
    let options =
        StoreOptions { query_memory_bytes_max: Some(32 << 20), ..StoreOptions::default() };
    let served = with(ServeConfig { connections_max: 3, ..ServeConfig::default() }, options);
    let eater = "SELECT array_agg(value) FROM generate_series(1, 20000000)";
    let answer = sql(&served, &[], eater);
    assert_eq!(answer.status, 507, "{}", answer.text());
    assert!(answer.text().contains("--query-memory"), "{}", answer.text());
    let large = sql(&served, &[], &" ".repeat((16 << 20) + 1));
    assert_eq!(large.status, 413);
    let metrics = || request(served.http.unwrap(), "GET /metrics", &[], "").text().to_owned();
    until("who made the world is gone", || metrics().contains("connections{door=\"wire\"} 0\n"));
    served.run(async |served| {
        let clients =
            [served.client("live").await, served.client("live").await, served.client("live").await];
        assert_eq!(sql(served, &[], "SELECT 1").status, 503);
        drop(clients);
    });
    for limit in ["connections", "query_memory", "request_bytes"] {
        let line = format!("groma_limits_hit_total{{limit=\"{limit}\"}} 1");
        assert!(metrics().contains(&line), "{line}\n{}", metrics());
    }
    assert!(metrics().contains("groma_version "));
}

#[test]
fn a_client_that_goes_ends_its_statement() {
    let served =
        with(ServeConfig { connections_max: 1, ..ServeConfig::default() }, StoreOptions::default());
    // The client that made the world gives its place back some moments after it has gone.
    until("a place is free", || sql(&served, &[], "SELECT 1").status == 200);
    let statements = || {
        let metrics = request(served.http.unwrap(), "GET /metrics", &[], "");
        let line = "groma_statements_total{door=\"http\"} ";
        let found =
            metrics.text().lines().find_map(|text| text.strip_prefix(line)?.parse::<u64>().ok());
        found.unwrap()
    };
    let before = statements();
    let mut socket = TcpStream::connect(served.http.unwrap()).unwrap();
    let head = format!(
        "POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        LONG.len()
    );
    socket.write_all(format!("{head}{LONG}").as_bytes()).unwrap();
    until("the statement runs", || statements() > before);
    assert_eq!(sql(&served, &[], "SELECT 1").status, 503, "it holds the only place");
    drop(socket);
    until("the statement ends", || sql(&served, &[], "SELECT 1").status == 200);
}

/// Waits for a state, far longer than it takes on a quiet machine.
fn until(state: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "not in a minute: {state}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn https_has_the_certificate_of_the_wire() {
    let folder = tempfile::TempDir::new().unwrap();
    let tls = certificate(folder.path());
    let root = tls.certificate.clone();
    let served =
        with(ServeConfig { tls: Some(tls), ..ServeConfig::default() }, StoreOptions::default());
    let url = format!("https://127.0.0.1:{}/v1/sql", served.http.unwrap().port());
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--cacert"]).arg(&root).args(["--data", "SELECT 1 AS one", &url]);
    match curl.output() {
        Ok(output) => {
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(text.contains("[{\"one\":1}]"), "{text}");
        }
        Err(_) => eprintln!("skipped: curl is not installed"),
    }
}

#[test]
fn the_wire_still_answers_beside() {
    let served = served();
    served.run(async |served| {
        let config = format!("host=127.0.0.1 port={} user=t dbname=live", served.address.port());
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
        tokio::spawn(connection);
        assert_eq!(client.query("SELECT 1", &[]).await.unwrap().len(), 1);
    });
}

#[test]
fn programs_read_arrow_and_parquet_and_the_description_is_valid() {
    let served = served();
    python(
        &served,
        served.http.unwrap().port(),
        r#"
import io, json, sys, urllib.request
import duckdb, pandas, polars, pyarrow
from openapi_spec_validator import validate
base = f"http://127.0.0.1:{sys.argv[1]}"
def get(path, accept="*/*", body=None):
    request = urllib.request.Request(base + path, data=body, headers={"Accept": accept})
    return urllib.request.urlopen(request).read()
validate(json.loads(get("/openapi.json")))
count = json.loads(get("/v1/sql", body=b"SELECT count(*) AS n FROM model.facts"))["rows"][0]["n"]
arrow = get("/v1/sql", "application/vnd.apache.arrow.stream", b"SELECT * FROM model.facts")
table = pyarrow.ipc.open_stream(arrow).read_all()
assert table.num_rows == count > 0, (table.num_rows, count)
parquet = get("/v1/export/model/facts.parquet")
assert polars.read_parquet(io.BytesIO(parquet)).height == count
path = f"{sys.argv[2]}/facts.parquet"
open(path, "wb").write(parquet)
assert duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall() == [(count,)]
frame = pandas.read_csv(io.BytesIO(get("/v1/tables/service/farm?limit=1&format=csv")))
assert len(frame) == 1 and list(frame)[0] == "id", frame
assert json.loads(get("/v1/databases"))["rows"][0]["name"] == "live"
many = get("/v1/sql", "application/x-ndjson", b"SELECT value FROM generate_series(1, 100000)")
assert len(many.splitlines()) == 100000
empty = get("/v1/sql", "application/vnd.apache.parquet", b"SELECT * FROM service.farm WHERE id = 'nobody'")
assert polars.read_parquet(io.BytesIO(empty)).height == 0
"#,
    );
}
