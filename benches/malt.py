"""A model of the size of google/malt-example-models through a mapping file: imported durably, asked for a path.

    GROMA=path/to/groma python benches/malt.py

16 spines, 64 leaves with 8 hosts each: 6,133 entities and 7,064 relationships in one JSON file, of which
some concern nothing that the mapping takes. The time is the whole command's, from start to exit.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import time

GROMA = os.environ["GROMA"]
MAPPING = pathlib.Path(__file__).parent.parent / "crates/groma-connect/testdata/malt.toml"
ENTITIES, RELATIONSHIPS, RUNS = 6_133, 7_064, 5


def model():
    entities, relationships = [], []
    ports_of = {"spine": [f"down{port}" for port in range(1, 65)],
                "leaf": [f"up{port}" for port in range(1, 17)] + [f"server{port}" for port in range(1, 9)],
                "host": ["eth0"]}
    for role, count in [("spine", 16), ("leaf", 64), ("host", 512)]:
        for number in range(1, count + 1):
            device = f"{role}{number}"
            entities.append({"id": device, "kind": "EK_PACKET_SWITCH", "attrs": {"role": role}})
            for index, name in enumerate(ports_of[role]):
                port = f"port/{device}:{name}"
                entities.append({"id": port, "kind": "EK_PORT", "attrs": {"name": name, "index": index}})
                relationships.append({"a": device, "kind": "RK_CONTAINS", "z": port})
    entities.append({"id": "net1", "kind": "EK_NETWORK", "attrs": {"prefix": "10.0.0.0/21", "vlan": 10}})
    for number in range(ENTITIES - len(entities)):
        host = number % 512 + 1
        address = f"10.0.{host // 250}.{host % 250 + 1}/21" if number < 512 else ""
        entities.append({"id": f"interface{number}", "kind": "EK_INTERFACE", "attrs": {"address": address}})
        relationships.append({"a": f"interface{number}", "kind": "RK_TRAVERSES", "z": f"port/host{host}:eth0"})
    relationships += [{"a": "controller", "kind": "RK_CONTROLS", "z": f"port/{number}"}
                      for number in range(RELATIONSHIPS - len(relationships))]
    return {"entities": entities, "relationships": relationships}


def groma(store, *arguments):
    return subprocess.run([GROMA, "--data", str(store), *arguments], check=True, capture_output=True, text=True).stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        files = pathlib.Path(folder) / "malt"
        files.mkdir()
        (files / "mapping.toml").write_text(MAPPING.read_text())
        (files / "model.json").write_text(json.dumps(model()))
        for run in range(RUNS):
            store = pathlib.Path(folder) / f"store{run}"
            started = time.perf_counter()
            groma(store, "import", str(files))
            print(f"  import of {ENTITIES:,} entities and {RELATIONSHIPS:,} relationships "
                  f"{(time.perf_counter() - started) * 1000:8.0f} ms")
        started = time.perf_counter()
        path = groma(store, "path", "host1", "host512", "--json")
        print(f"  the same store opened and asked for a path {(time.perf_counter() - started) * 1000:17.0f} ms")
        assert "CROSSING" in path, path


if __name__ == "__main__":
    main()
