"""Graph patterns: Groma over the wire, DuckDB's recursive SQL and networkx on the same random cabling.

    GROMA=path/to/groma python benches/graphs.py [DEVICES ...]

For each size a data center of so many devices with four times as many cables, each on ports of its own, is
made (seed 1), imported and served. Each question is asked of Groma, where a cable is four references of the
model; of DuckDB, where it is a row of a table of two device numbers; and of networkx. The answers must be
the same; the times are the best of ten, without loading. DuckDB answers in its fastest form known to us:
recursion that keeps what it has (UNION), and USING KEY for shortest ways.
"""

import contextlib
import csv
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import duckdb
import networkx as nx
import psycopg

GROMA = os.environ["GROMA"]
SIZES = [int(size) for size in sys.argv[1:]] or [1_000, 10_000]
HOPS, PAIRS = 4, 20


def make(devices, folder):
    """Cables as pairs of device numbers; written as tables of kinds."""
    dice = random.Random(1)
    cables = [(dice.randrange(devices), dice.randrange(devices)) for _ in range(4 * devices)]
    with contextlib.ExitStack() as files:
        def table(kind, *columns):
            rows = csv.writer(files.enter_context(open(folder / f"{kind}.csv", "w", newline="")))
            rows.writerow(["id", *columns])
            return rows
        device, port = table("physical.device", "role"), table("physical.port", "device", "name")
        link = table("physical.link", "a", "b")
        for number in range(devices):
            device.writerow([f"d{number}", "access"])
        for number, ends in enumerate(cables):
            ports = [f"d{end}:p{number}{side}" for end, side in zip(ends, "ab")]
            for end, name in zip(ends, ports):
                port.writerow([name, f"d{end}", name.split(":")[1]])
            link.writerow([f"c{number}", *ports])
    return cables


@contextlib.contextmanager
def served(store):
    process = subprocess.Popen([GROMA, "--data", store, "serve", "--listen", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        port = next(int(found.group(1)) for line in process.stdout
                    if (found := re.search(r"^listening at .*-p (\d+)", line)))
        with psycopg.connect(host="127.0.0.1", port=port, dbname="live", user="bench", autocommit=True) as connection:
            yield connection
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def best(ask):
    times = []
    for _ in range(10):
        started = time.perf_counter()
        answer = ask()
        times.append(time.perf_counter() - started)
    return answer, min(times)


def questions(devices):
    """Name, Groma's SQL, DuckDB's SQL, networkx' function; each gives one number."""
    dice = random.Random(2)
    starts = [dice.randrange(devices) for _ in range(PAIRS)]
    ends = [dice.randrange(devices) for _ in range(PAIRS)]
    one = starts[0]
    yield (
        f"devices within {HOPS} cables of one",
        f"""SELECT count(*) FROM GRAPH_TABLE (cabling MATCH ANY SHORTEST
            (a WHERE a.id = 'd{one}')-[IS cable]-{{1,{HOPS}}}(b) WHERE b.id <> 'd{one}' COLUMNS (b.id))""",
        f"""WITH RECURSIVE reached(node, hops) AS (SELECT {one}, 0 UNION
            SELECT cables.target, hops + 1 FROM reached JOIN cables ON source = node WHERE hops < {HOPS})
            SELECT count(DISTINCT node) FROM reached WHERE node <> {one}""",
        lambda graph: len(nx.single_source_shortest_path_length(graph, one, cutoff=HOPS)) - 1,
    )
    yield (
        "sum of the shortest ways from one to all",
        f"""SELECT sum(n) FROM GRAPH_TABLE (cabling MATCH p = ANY SHORTEST
            (a WHERE a.id = 'd{one}')-[IS cable]-*(b) COLUMNS (path_length(p) AS n))""",
        f"""WITH RECURSIVE way(node, hops) USING KEY (node) AS (SELECT {one}, 0 UNION
            SELECT target, min(way.hops) + 1 FROM way JOIN cables ON source = way.node
            WHERE NOT EXISTS (SELECT 1 FROM recurring.way AS known WHERE known.node = target AND known.hops <= way.hops + 1)
            GROUP BY target)
            SELECT sum(hops) FROM way""",
        lambda graph: sum(nx.single_source_shortest_path_length(graph, one).values()),
    )
    pairs = sorted(set(zip(starts, ends)))
    listed = " OR ".join(f"(a = 'd{a}' AND b = 'd{b}')" for a, b in pairs)
    names = lambda numbers: ", ".join(f"'d{number}'" for number in sorted(set(numbers)))
    yield (
        f"sum of the shortest ways of {PAIRS} pairs",
        f"""SELECT sum(n) FROM GRAPH_TABLE (cabling MATCH p = ANY SHORTEST
            (a WHERE a.id IN ({names(starts)}))-[IS cable]-*(b WHERE b.id IN ({names(ends)}))
            COLUMNS (a.id AS a, b.id AS b, path_length(p) AS n)) WHERE {listed}""",
        f"""WITH RECURSIVE wanted(a, b) AS (VALUES {", ".join(map(str, pairs))}),
            way(start, node, hops) USING KEY (start, node) AS (SELECT DISTINCT a, a, 0 FROM wanted UNION
            SELECT start, target, min(way.hops) + 1 FROM way JOIN cables ON source = way.node
            WHERE NOT EXISTS (SELECT 1 FROM recurring.way AS known
                WHERE known.start = way.start AND known.node = target AND known.hops <= way.hops + 1)
            GROUP BY start, target)
            SELECT sum(hops) FROM wanted JOIN way ON start = a AND node = b""",
        lambda graph: sum(nx.shortest_path_length(graph, a, b) for a, b in pairs if nx.has_path(graph, a, b)),
    )
    yield (
        "triangles",
        """SELECT count(*) FROM GRAPH_TABLE (cabling MATCH (a)-[IS cable]->(b)-[IS cable]->(c), (a)-[IS cable]->(c)
            COLUMNS (1 AS one))""",
        """SELECT count(*) FROM wires x JOIN wires y ON x.target = y.source
            JOIN wires z ON z.source = x.source AND z.target = y.target""",
        None,
    )
    yield (
        "components",
        "SELECT max(component) FROM components()",
        """WITH RECURSIVE least(node, part) USING KEY (node) AS (SELECT node, node FROM nodes UNION
            SELECT target, min(least.part) FROM least JOIN cables ON source = least.node
            JOIN recurring.least AS known ON known.node = target WHERE least.part < known.part GROUP BY target)
            SELECT count(DISTINCT part) FROM least""",
        nx.number_connected_components,
    )
    yield ("articulation points", "SELECT count(*) FROM cut() WHERE part = 'vertex'", None,
           lambda graph: sum(1 for _ in nx.articulation_points(graph)))


def run(devices):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tables = folder / "tables"
        tables.mkdir()
        cables = make(devices, tables)
        store = folder / "store"
        subprocess.run([GROMA, "--data", store, "import", tables], check=True, capture_output=True)
        database = duckdb.connect()
        database.execute("SET threads = 2")
        database.execute("CREATE TABLE wires(source INTEGER, target INTEGER)")
        database.execute("INSERT INTO wires SELECT unnest(?), unnest(?)", [[a for a, _ in cables], [b for _, b in cables]])
        database.execute("CREATE TABLE cables AS SELECT DISTINCT * FROM (FROM wires UNION ALL SELECT target, source FROM wires)")
        database.execute(f"CREATE TABLE nodes AS SELECT range AS node FROM range({devices})")
        graph = nx.Graph(cables)
        graph.add_nodes_from(range(devices))
        graph.remove_edges_from(list(nx.selfloop_edges(graph)))
        print(f"{devices} devices, {len(cables)} cables")
        wrong = False
        with served(store) as connection:
            for name, groma, duck, function in questions(devices):
                ours, seconds = best(lambda: int(connection.execute(groma).fetchone()[0]))
                line = f"  {name}: {ours}; groma {1000 * seconds:.1f} ms"
                if duck:
                    theirs, duck_seconds = best(lambda: int(database.execute(duck).fetchone()[0]))
                    wrong |= theirs != ours
                    line += f", duckdb {1000 * duck_seconds:.1f} ms ({duck_seconds / seconds:.1f} x)"
                    line += "" if theirs == ours else f" DIFFERS: {theirs}"
                if function:
                    theirs, nx_seconds = best(lambda: function(graph))
                    wrong |= theirs != ours
                    line += f", networkx {1000 * nx_seconds:.1f} ms"
                    line += "" if theirs == ours else f" DIFFERS: {theirs}"
                print(line, flush=True)
    return wrong


sys.exit(any([run(size) for size in SIZES]))
