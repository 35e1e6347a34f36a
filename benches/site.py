"""A model of a site: a million facts in 60,000 entities. Load, open, ask, change, fork, compare and merge.

    GROMA=path/to/groma python benches/site.py

Two sources speak: an inventory of devices, ports and cables, and a second one of the ports' state. The
clock of "open" runs from starting the server to its first answer; of "ask", from the time at which a
request was due, so that a server that falls behind is seen. BENCH_FOLDER keeps the files for the next run.
"""

import concurrent.futures
import contextlib
import csv
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import psycopg

GROMA = os.environ["GROMA"]
DEVICES, PORTS_PER_DEVICE, LINKS = 1_000, 49, 10_000
ASKED_PER_SECOND, ASKED_FOR_SECONDS, ASKED_BESIDE_SECONDS = 500, 20, 5
WRITERS = [1, 4]
COMMITS, FORKS = 300, 100
CHANGED = [1_000, 10_000, 49_000]


def write(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def make(folder):
    """Some files per source, in Groma's plain form: a file per kind."""
    ports = [(f"d{device:04}", port) for device in range(DEVICES) for port in range(PORTS_PER_DEVICE)]
    mac = lambda number: ":".join(f"{number >> shift & 255:02x}" for shift in (40, 32, 24, 16, 8, 0))
    write(folder / "inventory" / "physical.device.csv",
          ["id", "role", "tier", "fabric", "vendor", "model", "os", "address", "clock_synchronized", "up",
           "serial", "asset_tag", "fqdn"],
          ((f"d{n:04}", "access", 1, "f1", "maker", "m1", "os 1.2", f"10.0.{n >> 8}.{n & 255}", "true", "true",
            f"S{n:06}", f"A{n:06}", f"d{n:04}.example.net") for n in range(DEVICES)))
    write(folder / "inventory" / "physical.port.csv",
          ["id", "device", "name", "type", "mac", "mtu", "speed_bits_per_second", "admin_up", "up", "mode",
           "access_vlan", "native_vlan", "vlan", "vrf", "routing_cost", "description", "allowed_vlans"],
          ((f"{device}:e{port}", device, f"e{port}", "ethernet", mac(0x020000000000 + 64 * n + port), 9000,
            10_000_000_000, "true", "true", "access", 10 + port, 1, 1, "blue", 1, f"to rack {port}", "1-100")
           for n, (device, port) in enumerate(ports)))
    write(folder / "inventory" / "physical.link.csv", ["id", "a", "b", "up", "evidence", "out_of_band"],
          ((f"d{a:04}:e{p}--d{a + 1:04}:e{p + 10}", f"d{a:04}:e{p}", f"d{a + 1:04}:e{p + 10}", "true",
            "both-ends", "false") for a in range(DEVICES - 1) for p in range(10) if 10 * a + p < LINKS))
    write(folder / "state" / "physical.port.csv", ["id", "mtu", "up", "description"],
          ((f"{device}:e{port}", 9000, "true", f"to rack {port}") for device, port in ports))


def groma(store, *arguments):
    return subprocess.run([GROMA, "--data", store, *arguments], check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def serving(store):
    """A server, and how long it took from its start to its first answer."""
    started = time.perf_counter()
    process = subprocess.Popen([GROMA, "--data", store, "serve", "--listen", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        if found := re.search(r"^listening at .*-p (\d+)", line):
            break
    connection = psycopg.connect(host="127.0.0.1", port=int(found.group(1)), dbname="live", user="bench",
                                 autocommit=True)
    connection.execute("SELECT id FROM physical.port WHERE id = 'd0001:e1'").fetchone()
    try:
        yield process, connection, time.perf_counter() - started
    finally:
        connection.close()
        process.send_signal(signal.SIGINT)
        process.wait()


def memory_mebibytes(process, what):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", status).group(1)) // 1024


def report(what, seconds, note=""):
    print(f"  {what:<58} {seconds * 1000:10.2f} ms  {note}", flush=True)


def spread(what, times):
    times = sorted(times)
    at = lambda part: times[min(len(times) - 1, int(part * len(times)))]
    report(f"{what}, median", at(0.5))
    report(f"{what}, 99 of 100", at(0.99), f"of {len(times)}")


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ask(connection, seconds=ASKED_FOR_SECONDS, beside=""):
    """Point queries at a fixed rate; a late answer delays none of the later ones' due times."""
    times, start = [], time.perf_counter()
    for number in range(ASKED_PER_SECOND * seconds):
        due = start + number / ASKED_PER_SECOND
        while (now := time.perf_counter()) < due:
            time.sleep(max(0.0, due - now))
        port = f"d{number * 7 % DEVICES:04}:e{number % PORTS_PER_DEVICE}"
        row = connection.execute("SELECT mtu, up FROM physical.port WHERE id = %s", (port,)).fetchone()
        assert row == (9000, True), row
        times.append(time.perf_counter() - due)
    spread(f"point query, {ASKED_PER_SECOND} a second{beside}", times)


def ask_beside(connection, writers):
    """The same, while others commit as fast as they can, each to a device of its own."""
    done = threading.Event()

    def write(number):
        other = psycopg.connect(host="127.0.0.1", port=connection.info.port, dbname="live", user="writer",
                                autocommit=True)
        commits = 0
        while not done.is_set():
            other.execute("UPDATE physical.device SET os = %s WHERE id = %s", (f"os {commits}", f"d{number:04}"))
            commits += 1
        other.close()
        return commits

    with concurrent.futures.ThreadPoolExecutor(writers) as pool:
        started, commits = time.perf_counter(), [pool.submit(write, number) for number in range(writers)]
        ask(connection, ASKED_BESIDE_SECONDS, f", beside {writers}")
        done.set()
        rate = sum(each.result() for each in commits) / (time.perf_counter() - started)
    print(f"  {f'commits a second of {writers} meanwhile':<58} {rate:10.0f}", flush=True)


def change(connection):
    times = []
    for number in range(COMMITS):
        text = f"note {number}"
        times.append(timed(lambda: connection.execute(
            "UPDATE physical.port SET description = %s WHERE id = 'd0002:e2'", (text,))))
        seen = connection.execute("SELECT description FROM physical.port WHERE id = 'd0002:e2'").fetchone()
        assert seen == (text,), seen
    spread("commit of one change, durable and visible", times)
    spread("fork, durable", [timed(lambda: connection.execute(f"CREATE DATABASE f{number} TEMPLATE live"))
                             for number in range(FORKS)])


def merge(connection):
    """Two facts change per port; `live` changes elsewhere meanwhile."""
    for ports in CHANGED:
        name = f"work{ports}"
        connection.execute(f"CREATE DATABASE {name} TEMPLATE live")
        connection.execute(f"UPDATE {name}.physical.port SET mtu = 1500, vrf = 'red' WHERE id IN "
                           f"(SELECT id FROM physical.port ORDER BY id LIMIT {ports})")
        connection.execute(f"UPDATE physical.device SET os = 'os {ports}' WHERE id = 'd0003'")
        count = lambda sql: connection.execute(sql).fetchone()[0]
        found = []
        report(f"diff of {2 * ports:,} changes", timed(lambda: found.append(
            count(f"SELECT count(*) FROM model_diff('live', '{name}') WHERE kind = 'physical.port'"))))
        assert found == [2 * ports], found
        report(f"three-way merge of {2 * ports:,} changes",
               timed(lambda: connection.execute(f"SELECT count(*) FROM merge('{name}', 'live')").fetchone()))
        assert count("SELECT count(*) FROM physical.port WHERE vrf = 'red'") == ports
        assert count("SELECT count(*) FROM physical.device WHERE id = 'd0003' AND os = 'os %d'" % ports) == 1
        # Back, so that the next one changes as many.
        connection.execute("UPDATE physical.port SET mtu = 9000, vrf = 'blue' WHERE vrf = 'red'")


def main():
    with contextlib.ExitStack() as stack:
        folder = os.environ.get("BENCH_FOLDER") or stack.enter_context(tempfile.TemporaryDirectory())
        files, store = pathlib.Path(folder) / "site", pathlib.Path(folder) / "site-store"
        if not files.exists():
            make(files)
        shutil.rmtree(store, ignore_errors=True)
        for source in ["inventory", "state"]:
            report(f"load {source}", timed(lambda: groma(
                str(store), "import", str(files / source), "--source", source)))
        process, connection, opened = stack.enter_context(serving(str(store)))
        facts, = connection.execute("SELECT count(*) FROM model.facts").fetchone()
        entities, = connection.execute("SELECT count(*) FROM model.entities").fetchone()
        report("open after a restart, to the first answer", opened, f"{facts:,} facts in {entities:,} entities")
        print(f"  {'memory after opening and counting':<58} {memory_mebibytes(process, 'VmRSS'):10} MiB")
        ask(connection)
        for writers in WRITERS:
            ask_beside(connection, writers)
        change(connection)
        merge(connection)
        print(f"  {'memory at most':<58} {memory_mebibytes(process, 'VmHWM'):10} MiB")


if __name__ == "__main__":
    sys.exit(main())
