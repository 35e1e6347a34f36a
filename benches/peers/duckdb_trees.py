"""The tree-and-matrix part of the reconstruction in DuckDB, on the same Parquet.

    python duckdb_trees.py FOLDER [THREADS]

Prints a line `answers ...` that must equal Groma's, and the time. It does less than Groma: no
depths, no missing parents, no clock skew, no causal order; but duplicates, trees, sessions and the
matrix are the same.
"""

import resource
import sys
import time

import duckdb

folder = sys.argv[1]
db = duckdb.connect()
if len(sys.argv) > 2:
    db.execute(f"SET threads = {int(sys.argv[2])}")
files = f"{folder}/*.parquet"


def run():
    started = time.perf_counter()
    # Each message once: the record of the sender says who sent it, the other one who received it.
    db.execute(f"""
        CREATE OR REPLACE TEMP TABLE messages AS
        SELECT tree, message,
               any_value("transaction") AS transaction_id,
               any_value(reply) AS reply,
               any_value(bytes) AS bytes,
               coalesce(min(process) FILTER (direction = 'send'), min(peer)) AS sender,
               coalesce(min(process) FILTER (direction = 'receive'), min(peer)) AS receiver,
               min(time) AS first, max(time) AS last, max(session) AS session, count(*) AS records
        FROM read_parquet('{files}')
        GROUP BY tree, message""")
    db.execute("""
        CREATE OR REPLACE TEMP TABLE trees AS
        SELECT tree, max(session) AS session, min(first) AS start_at, max(last) AS end_at,
               count(DISTINCT transaction_id) AS transactions
        FROM messages GROUP BY tree""")
    db.execute("""
        CREATE OR REPLACE TEMP TABLE sessions AS
        SELECT session, count(*) AS trees, min(start_at) AS start_at, max(end_at) AS end_at
        FROM trees WHERE session IS NOT NULL GROUP BY session""")
    db.execute("""
        CREATE OR REPLACE TEMP TABLE matrix AS
        SELECT CASE WHEN reply THEN receiver ELSE sender END AS caller,
               CASE WHEN reply THEN sender ELSE receiver END AS callee,
               count(*) FILTER (NOT reply) AS requests,
               count(*) FILTER (reply) AS replies,
               sum(bytes) FILTER (NOT reply) AS request_bytes,
               sum(bytes) FILTER (reply) AS reply_bytes
        FROM messages WHERE sender <> receiver
        GROUP BY ALL""")
    return time.perf_counter() - started


def one(sql):
    return db.execute(sql).fetchone()


best = min(run() for _ in range(2))
records, messages = one("SELECT sum(records), count(*) FROM messages")
trees, transactions, nanos = one("""
    SELECT count(*), sum(transactions), sum(epoch_ns(end_at) - epoch_ns(start_at)) FROM trees""")
sessions = one("SELECT count(*) FROM sessions")[0]
cells, asked, traffic = one("""
    SELECT count(*), sum(requests),
           sum(coalesce(request_bytes, 0) + coalesce(reply_bytes, 0)) FROM matrix""")
print(
    f"answers records={records} messages={messages} transactions={transactions} trees={trees} "
    f"tree_nanos={nanos} sessions={sessions} cells={cells} requests={asked} bytes={traffic}"
)
peak = resource.getrusage(resource.RUSAGE_SELF)
print(f"duckdb {duckdb.__version__} {best:.3f} s, peak {peak.ru_maxrss // 1024} MiB, "
      f"processor {peak.ru_utime + peak.ru_stime:.1f} s in all")
