"""The tree-and-matrix part of the reconstruction in Polars, on the same Parquet.

    python polars_trees.py FOLDER

Prints a line `answers ...` that must equal Groma's and DuckDB's, and the time.
"""

import resource
import sys
import time

import polars as pl

folder = sys.argv[1]
started = time.perf_counter()
log = pl.scan_parquet(f"{folder}/*.parquet").with_columns(
    pl.col("direction").cast(pl.String) == "send",
    pl.col("process", "peer").cast(pl.String),
)
messages = (
    log.group_by("tree", "message")
    .agg(
        pl.col("transaction", "reply", "bytes").first(),
        pl.col("process").filter(pl.col("direction")).min().alias("sent_by"),
        pl.col("process").filter(~pl.col("direction")).min().alias("received_by"),
        pl.col("peer").min(),
        pl.col("time").min().alias("first"),
        pl.col("time").max().alias("last"),
        pl.col("session").max(),
        pl.len().alias("records"),
    )
    .with_columns(
        sender=pl.coalesce("sent_by", "peer"), receiver=pl.coalesce("received_by", "peer")
    )
    .drop("sent_by", "received_by", "peer")
    .collect(engine="streaming")
)
trees = messages.group_by("tree").agg(
    pl.col("session").max(),
    pl.col("first").min(),
    pl.col("last").max(),
    pl.col("transaction").n_unique().alias("transactions"),
)
sessions = (
    trees.filter(pl.col("session").is_not_null())
    .group_by("session")
    .agg(pl.len(), pl.col("first").min(), pl.col("last").max())
)
reply = pl.col("reply")
matrix = (
    messages.filter(pl.col("sender") != pl.col("receiver"))
    .with_columns(
        caller=pl.when(reply).then("receiver").otherwise("sender"),
        callee=pl.when(reply).then("sender").otherwise("receiver"),
        size=pl.col("bytes").cast(pl.UInt64),
    )
    .group_by("caller", "callee")
    .agg(
        (~reply).sum().alias("requests"),
        reply.sum().alias("replies"),
        pl.col("size").filter(~reply).sum().alias("request_bytes"),
        pl.col("size").filter(reply).sum().alias("reply_bytes"),
    )
)
seconds = time.perf_counter() - started

nanos = (trees["last"].cast(pl.Int64) - trees["first"].cast(pl.Int64)).sum()
traffic = matrix["request_bytes"].sum() + matrix["reply_bytes"].sum()
print(
    f"answers records={messages['records'].sum()} messages={messages.height} "
    f"transactions={trees['transactions'].sum()} trees={trees.height} tree_nanos={nanos} "
    f"sessions={sessions.height} cells={matrix.height} requests={matrix['requests'].sum()} "
    f"bytes={traffic}"
)
peak = resource.getrusage(resource.RUSAGE_SELF)
print(
    f"polars {pl.__version__} {seconds:.3f} s, peak {peak.ru_maxrss // 1024} MiB, "
    f"processor {peak.ru_utime + peak.ru_stime:.1f} s in all"
)
