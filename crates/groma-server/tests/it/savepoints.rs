//! Savepoints as drivers use them: psycopg's nested transactions, SQLAlchemy's `begin_nested`.

use crate::python::python;
use crate::served::Served;

#[test]
fn nested_transactions_of_psycopg_go_on_after_an_error_and_say_what_stays() {
    let served = Served::world();
    python(
        &served,
        served.address.port(),
        r#"
import sys, psycopg
from psycopg.pq import TransactionStatus
dsn = f"host=127.0.0.1 port={sys.argv[1]} user=tester dbname=live"
with psycopg.connect(dsn) as db:
    told = []
    db.add_notice_handler(lambda notice: told.append(notice.message_primary))
    db.execute("INSERT INTO service.farm (id) VALUES ('before')")
    try:
        with db.transaction():
            db.execute("SELECT nothing FROM service.farm")
    except psycopg.errors.UndefinedColumn:
        pass
    assert db.info.transaction_status == TransactionStatus.INTRANS
    assert told == [], told
    with db.transaction(force_rollback=True):
        with db.transaction():
            db.execute("INSERT INTO service.farm (id) VALUES ('stays')")
    assert len(told) == 1 and told[0].startswith("ROLLBACK takes nothing back"), told
    assert db.execute("SELECT count(*) FROM service.farm WHERE id = 'stays'").fetchone() == (1,)

    # A cursor goes with the savepoint that it came after, and not with one that came after it.
    db.execute("DECLARE early CURSOR FOR SELECT id FROM service.farm ORDER BY id")
    db.execute("SAVEPOINT Point")
    db.execute("DECLARE late CURSOR FOR SELECT id FROM service.farm")
    db.execute("ROLLBACK TO SAVEPOINT point")
    assert db.execute("FETCH 1 FROM early").fetchone() == ("before",)
    db.execute("RELEASE point")
    for sql, error in [
        ("FETCH 1 FROM late", psycopg.errors.InvalidCursorName),
        ("ROLLBACK TO point", psycopg.errors.InvalidSavepointSpecification),
        ("RELEASE point", psycopg.errors.InvalidSavepointSpecification),
    ]:
        db.execute("SAVEPOINT outer_point")
        try:
            db.execute(sql)
            assert False, sql
        except error:
            assert db.info.transaction_status == TransactionStatus.INERROR
        db.execute("ROLLBACK TO outer_point")
    db.commit()
    assert db.info.transaction_status == TransactionStatus.IDLE
with psycopg.connect(dsn, autocommit=True) as db:
    for sql in ["SAVEPOINT a", "ROLLBACK TO a", "RELEASE a"]:
        try:
            db.execute(sql)
            assert False, sql
        except psycopg.errors.NoActiveSqlTransaction:
            pass
"#,
    );
}

#[test]
fn begin_nested_of_sqlalchemy() {
    let served = Served::world();
    python(
        &served,
        served.address.port(),
        r#"
import sys, sqlalchemy
from sqlalchemy import text
engine = sqlalchemy.create_engine(f"postgresql+psycopg://tester@127.0.0.1:{sys.argv[1]}/live")
with engine.begin() as db:
    nested = db.begin_nested()
    try:
        db.execute(text("SELECT nothing FROM service.farm"))
        assert False
    except sqlalchemy.exc.ProgrammingError:
        nested.rollback()
    with db.begin_nested():
        assert db.execute(text("SELECT count(*) FROM service.farm")).scalar() == 2
    assert db.execute(text("SELECT count(*) FROM service.farm")).scalar() == 2
"#,
    );
}
