"""Reflects the small world of the tests with SQLAlchemy over psycopg 3, and reads it with pandas."""

import sys

import pandas
import psycopg
import sqlalchemy
from sqlalchemy import text

where = f"me@127.0.0.1:{sys.argv[1]}/live"
engine = sqlalchemy.create_engine(f"postgresql+psycopg://{where}")
inspector = sqlalchemy.inspect(engine)

assert {"service", "network", "model"} <= set(inspector.get_schema_names())
assert {"farm", "instance"} <= set(inspector.get_table_names("service"))
columns = {column["name"]: column for column in inspector.get_columns("farm", "service")}
assert isinstance(columns["load_cap"]["type"], sqlalchemy.DOUBLE_PRECISION), columns["load_cap"]
assert not columns["id"]["nullable"] and columns["balancing"]["nullable"]
assert columns["balancing"]["comment"] == "How a caller picks a member."
assert inspector.get_pk_constraint("farm", "service")["constrained_columns"] == ["id"]
keys = {tuple(key["constrained_columns"]): key for key in inspector.get_foreign_keys("instance", "service")}
assert (keys[("farm",)]["referred_schema"], keys[("farm",)]["referred_table"]) == ("service", "farm")
assert inspector.get_indexes("farm", "service") == []
assert inspector.get_view_names("service") == []
assert inspector.get_table_comment("farm", "service")["text"].startswith("A group of")
assert inspector.has_table("farm", schema="service") and not inspector.has_table("frm", schema="service")

metadata = sqlalchemy.MetaData()
instance = sqlalchemy.Table("instance", metadata, schema="service", autoload_with=engine)
farm = metadata.tables["service.farm"]
with engine.connect() as connection:
    join = sqlalchemy.select(instance.c.id, farm.c.balancing).join(farm).order_by(instance.c.id)
    assert connection.execute(join).first() == ("bills-1", "round_robin")

frame = pandas.read_sql(text("SELECT id, farm FROM service.instance WHERE farm = :farm ORDER BY id"),
                        engine, params={"farm": "orders"})
assert list(frame["id"]) == ["orders-1", "orders-2"], frame
assert len(pandas.read_sql_table("farm", engine, schema="service")) == 2

with psycopg.connect(f"postgresql://{where}") as connection:
    with connection.transaction():
        connection.execute("UPDATE service.farm SET balancing = %s WHERE id = %s", ("nearest", "orders"))
    row = connection.execute("SELECT balancing FROM service.farm WHERE id = %s", ("orders",)).fetchone()
    assert row == ("nearest",), row
