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

/// Runs a program of psycopg, which connects to `dsn`.
pub(crate) fn psycopg(served: &Served, program: &str) {
    let begin = r#"
import sys, psycopg
dsn = f"host=127.0.0.1 port={sys.argv[1]} user=tester dbname=live"
"#;
    python(served, served.address.port(), &[begin, program].concat());
}

#[test]
fn psycopg_asks_copies_and_is_told_of_errors() {
    let served = Served::world();
    psycopg(
        &served,
        r#"
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

#[test]
fn parameters_are_null_lists_and_arguments_of_functions() {
    let served = Served::world();
    psycopg(
        &served,
        r#"
with psycopg.connect(dsn, autocommit=True) as db:
    def one(sql, *values): return db.execute(sql, values).fetchone()
    insert = "INSERT INTO physical.device (id, tier, role, model) VALUES (%s, %s, %s, %s)"
    db.execute(insert, ("q1", None, "access", "{swp1}"))
    db.execute(insert, ("a,b", 3, None, None))
    assert one("SELECT tier, role, model FROM physical.device WHERE id = %s", "q1") == (None, "access", "{swp1}")
    db.execute("UPDATE physical.device SET tier = %s, role = %s WHERE id = %s", (None, "core", "a,b"))
    assert one("SELECT tier, role FROM physical.device WHERE id = %s", "a,b") == (None, "core")
    assert one("SELECT %s, coalesce(%s, 7)", None, None) == (None, 7)
    def ids(values): return db.execute("SELECT id FROM physical.device WHERE id = any(%s) ORDER BY id", (values,)).fetchall()
    assert ids(["a,b", "q1", None]) == [("a,b",), ("q1",)] and ids(["x"]) == [] and ids([]) == []
    try:
        db.execute("UPDATE physical.device SET tier = %s WHERE id = 'q1'", ("high",))
        assert False
    except psycopg.errors.InvalidTextRepresentation as error:
        assert "parameter $1" in str(error), error
    ends = [id for (id,) in db.execute("SELECT id FROM service.instance ORDER BY id LIMIT 2").fetchall()]
    paths = [
        db.execute("SELECT * FROM path(%s, %s)", ends, binary=binary).fetchall()
        for binary in (False, True)
    ]
    literal = db.execute(f"SELECT * FROM path('{ends[0]}', '{ends[1]}')").fetchall()
    assert paths == [literal, literal] and literal, (paths, literal)
    try:
        db.execute("SELECT * FROM path(%s, %s)", (ends[0], "nowhere"))
        assert False
    except psycopg.errors.UndefinedObject as error:
        assert "nowhere" in str(error), error
"#,
    );
}

#[test]
fn asyncpg_gives_values_of_the_types_that_it_is_told() {
    let served = Served::world();
    python(
        &served,
        served.address.port(),
        r#"
import sys, asyncio, asyncpg
async def main():
    db = await asyncpg.connect(host="127.0.0.1", port=int(sys.argv[1]), user="tester", database="live")
    await db.execute("INSERT INTO physical.device (id, tier) VALUES ($1, $2)", "ap2", 3)
    await db.execute("UPDATE physical.device SET tier = $1 WHERE id = $2", None, "ap2")
    row = await db.fetchrow("SELECT id, tier FROM physical.device WHERE id = any($1)", ["ap2", "x"])
    assert tuple(row) == ("ap2", None), row
    await db.close()
asyncio.run(main())
"#,
    );
}

#[test]
fn who_says_that_nothing_is_written_writes_nothing() {
    let served = Served::world();
    psycopg(
        &served,
        r#"
def refused(db, *statements):
    for sql in statements:
        try:
            db.execute(sql)
            assert False, sql
        except psycopg.errors.ReadOnlySqlTransaction as error:
            assert error.diag.message_hint, error
insert = "INSERT INTO service.farm (id) VALUES ('never')"
with psycopg.connect(dsn, autocommit=True) as db:
    db.execute("BEGIN READ ONLY")
    assert db.execute("SHOW transaction_read_only").fetchone() == ("on",)
    refused(db, insert)
    db.execute("ROLLBACK")
    db.execute("SET default_transaction_read_only = on")
    refused(db, insert, "DELETE FROM service.farm", "CREATE DATABASE f TEMPLATE live",
        "SELECT * FROM entity_alias('service.farm', 'orders', 'host-name', 'b')")
    db.execute("SET default_transaction_read_only = off")
    db.execute("INSERT INTO service.farm (id) VALUES ('kept')")
    warnings = []
    db.add_notice_handler(lambda told: warnings.append(told.message_primary))
    db.execute("BEGIN")
    db.execute("INSERT INTO service.farm (id) VALUES ('also-kept')")
    try:
        db.execute("SELECT nothing")
    except psycopg.Error:
        pass
    assert db.execute("COMMIT").statusmessage == "ROLLBACK"
    assert len(warnings) == 1 and "takes nothing back" in warnings[0], warnings
with psycopg.connect(dsn) as db:
    db.read_only = True
    refused(db, insert)
"#,
    );
}
