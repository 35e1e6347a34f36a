//! What people's programs do: psycopg, pandas, DuckDB and Polars, in the Python that `cargo xtask ci`
//! prepares. Skipped, and said so, where there is none.

use std::process::Command;

use crate::served::Served;

/// Runs a program that gets the port and the data folder; its assertions are the test.
pub(crate) fn python(served: &Served, port: u16, program: &str) {
    let Some(python) = std::env::var_os("GROMA_TEST_PYTHON") else {
        return eprintln!("skipped: GROMA_TEST_PYTHON names no Python");
    };
    let output = Command::new(python)
        .args(["-c", program, &port.to_string()])
        .arg(served.folder())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
}

#[test]
fn psycopg_asks_copies_and_is_told_of_errors() {
    let served = Served::world();
    python(
        &served,
        served.address.port(),
        r#"
import sys, psycopg
dsn = f"host=127.0.0.1 port={sys.argv[1]} user=tester dbname=live"
with psycopg.connect(dsn, autocommit=True) as db:
    row = db.execute("SELECT %s::int + 1, %s::text", (41, "x")).fetchone()
    assert row == (42, "x"), row
    me, also_me, version = db.execute("SELECT current_user, session_user, version()").fetchone()
    assert me == also_me == "tester", (me, also_me)
    shown = db.execute("SHOW server_version").fetchone()[0]
    assert version.split()[1] == shown == db.info.parameter_status("server_version").split()[0], (version, shown)
    with db.cursor().copy("COPY service.farm (id, balancing) FROM STDIN") as copy:
        for number in range(1000):
            copy.write_row((f"farm-{number}", "nearest"))
    with db.cursor().copy("COPY (SELECT id, balancing FROM service.farm ORDER BY id) TO STDOUT") as copy:
        rows = list(copy.rows())
    assert len(rows) == 1002 and rows[0] == ("bills", "round_robin"), rows[:3]
    try:
        with db.cursor().copy("COPY service.farm (id, balancing) FROM STDIN") as copy:
            copy.write_row(("good", "nearest"))
            copy.write_row(("bad", "sideways"))
        assert False, "a bad row was taken"
    except psycopg.errors.InvalidTextRepresentation as error:
        assert "line 2" in error.diag.message_detail, error.diag.message_detail
    assert db.execute("SELECT count(*) FROM service.farm").fetchone() == (1002,)
    try:
        db.execute("SELECT nothing FROM service.farm")
        assert False
    except psycopg.errors.UndefinedColumn as error:
        assert error.diag.message_hint, "a hint"
"#,
    );
}

#[test]
fn duckdb_and_polars_read_what_is_exported() {
    let served = Served::world();
    python(
        &served,
        served.address.port(),
        r#"
import sys, psycopg, duckdb, polars
dsn = f"host=127.0.0.1 port={sys.argv[1]} user=tester dbname=live"
with psycopg.connect(dsn, autocommit=True) as db:
    done = db.execute("COPY (SELECT * FROM model.facts) TO 'today/facts.parquet'")
    assert done.statusmessage.startswith("COPY "), done.statusmessage
    count = db.execute("SELECT count(*) FROM model.facts").fetchone()[0]
path = f"{sys.argv[2]}/exports/today/facts.parquet"
assert done.statusmessage == f"COPY {count}", (done.statusmessage, count)
assert duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall() == [(count,)]
assert polars.read_parquet(path).height == count
"#,
    );
}

#[test]
fn pandas_reads_a_frame() {
    let served = Served::world();
    python(
        &served,
        served.address.port(),
        r#"
import sys, psycopg, pandas, warnings
warnings.simplefilter("ignore")
dsn = f"host=127.0.0.1 port={sys.argv[1]} user=tester dbname=live"
with psycopg.connect(dsn, autocommit=True) as db:
    frame = pandas.read_sql("SELECT id, farm FROM service.instance ORDER BY id", db)
assert list(frame["farm"]) == ["bills", "orders", "orders"], frame
"#,
    );
}
