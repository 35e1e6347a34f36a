"""From Parquet to reasons, and what-if: time and memory of `groma serve`, at several scales.

    GROMA=path/to/groma python benches/reasons.py [SCALE ...]

For each scale (by default a thousandth, a hundredth and a twentieth of the paper's traffic) it generates
the data center (seed 1), imports it, and starts a server on the store. The clock starts with the first
question, so nothing is reconstructed before; importing is not timed. DuckDB and Polars then do the part
that is theirs, trees, sessions and matrix, on the same files. BENCH_FOLDER keeps the data for the next run.
"""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import psycopg

GROMA = os.environ["GROMA"]
SCALES = sys.argv[1:] or ["0.001", "0.01", "0.05"]
FORKS = ["near", "one_vlan", "cut"]
PEERS = pathlib.Path(__file__).parent / "peers"
MERGE = """UPDATE one_vlan.network.vlan SET merged_into = (SELECT min(id) FROM network.vlan WHERE zone IS NOT NULL)
           WHERE zone IS NOT NULL"""


def groma(store, *arguments):
    return subprocess.run([GROMA, "--data", store, *arguments], check=True, capture_output=True, text=True).stdout


class Server:
    """A server on a store, asked over the wire."""

    def __init__(self, store):
        self.process = subprocess.Popen(
            [GROMA, "--data", store, "serve", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        port = None
        for line in self.process.stdout:
            if found := re.search(r"^listening at .*-p (\d+)", line):
                port = int(found.group(1))
                break
        self.connection = psycopg.connect(
            host="127.0.0.1", port=port, dbname="live", user="bench", autocommit=True)

    def ask(self, sql):
        started = time.perf_counter()
        cursor = self.connection.execute(sql)
        answer = cursor.fetchone()[0] if cursor.description else None
        return answer, time.perf_counter() - started

    def peak_mebibytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) // 1024

    def close(self):
        self.connection.close()
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def report(what, seconds, records):
    print(f"  {what:<48} {seconds:8.3f} s {records / seconds / 1e6:9.1f} M records/s", flush=True)


def prepare(folder, scale):
    made, store = folder / f"made-{scale}", folder / f"store-{scale}"
    if not made.exists():
        groma(str(store), "generate", str(made), "--scale", scale, "--seed", "1")
    if not store.exists():
        groma(str(store), "import", str(made))
    return made, store


def run(server, scale):
    for fork in FORKS:
        server.ask(f"DROP DATABASE IF EXISTS {fork}")
    trees, reconstructed = server.ask("SELECT count(*) FROM trace.trees")
    count = lambda name: server.ask(f"SELECT count FROM trace.counts WHERE name = '{name}'")[0]
    records = count("records")
    print(f"scale {scale}: {records} records, {count('transactions')} transactions, {trees} trees")
    report("Parquet to trees, sessions and matrix", reconstructed, records)
    total, placed = server.ask("SELECT sum(bytes) FROM traffic.reasons")
    report("matrix to reasons, the network included", placed, records)
    report("Parquet to reasons", reconstructed + placed, records)
    print(f"  peak memory {server.peak_mebibytes()} MiB")
    _, forked = server.ask("CREATE DATABASE near TEMPLATE live")
    print(f"  fork {forked * 1e3:.2f} ms over the wire, durable")
    server.ask("UPDATE near.service.farm SET balancing = 'nearest'")
    same, replayed = server.ask("SELECT sum(bytes) FROM near.traffic.reasons")
    assert same == total, "re-balancing loses nothing"
    report("what if: farms choose the nearest", replayed, records)
    server.ask("CREATE DATABASE one_vlan TEMPLATE near")
    server.ask("UPDATE one_vlan.service.service SET balancing = 'nearest'")
    server.ask(MERGE)
    same, merged = server.ask("SELECT sum(bytes) FROM one_vlan.traffic.reasons")
    assert same == total, "merging VLANs loses nothing"
    report("what if: one VLAN, the nearest everywhere", merged, records)
    server.ask("CREATE DATABASE cut TEMPLATE live")
    server.ask("UPDATE cut.physical.link SET up = false WHERE id = (SELECT min(id) FROM physical.link)")
    _, cut = server.ask("SELECT sum(bytes) FROM cut.traffic.reasons")
    report("what if: a link is cut", cut, records)
    print(f"  peak memory with three forks {server.peak_mebibytes()} MiB")
    for fork in FORKS:
        server.ask(f"DROP DATABASE {fork}")
    return reconstructed


def peer(name, made):
    script = PEERS / f"{name}_trees.py"
    ended = subprocess.run([sys.executable, script, made / "messages"], capture_output=True, text=True)
    if ended.returncode != 0:
        print(f"  {name}: {ended.stderr.strip().splitlines()[-1:]}")
        return None
    print("  " + ended.stdout.strip().replace("\n", "\n  "))
    found = re.search(r"([\d.]+) s\b", ended.stdout)
    return float(found.group(1)) if found else None


def main():
    kept = os.environ.get("BENCH_FOLDER")
    with tempfile.TemporaryDirectory() as passing:
        folder = pathlib.Path(kept or passing)
        folder.mkdir(parents=True, exist_ok=True)
        for scale in SCALES:
            made, store = prepare(folder, scale)
            with contextlib.closing(Server(str(store))) as server:
                ours = run(server, scale)
            for name in ["duckdb", "polars"] if float(scale) <= 0.011 else ["duckdb"]:
                theirs = peer(name, made)
                if theirs:
                    print(f"  {name} needs {theirs / ours:.1f} times as long for trees, sessions and matrix", flush=True)


if __name__ == "__main__":
    main()
