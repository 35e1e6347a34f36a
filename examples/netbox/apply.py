#!/usr/bin/env python3
"""Applies a proposal of `groma netbox propose FILE` to a NetBox: python3 apply.py FILE [--apply]

Without --apply it only says what it would do. Take out of the file what you do not want. The address comes from
NETBOX_URL, the token, which may write, from NETBOX_TOKEN. An object is changed only if the look-up finds exactly one.
"""
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def ask(method, path, body=None):
    token = os.environ["NETBOX_TOKEN"]
    scheme = "Bearer" if token.startswith("nbt_") else "Token"
    request = urllib.request.Request(
        os.environ["NETBOX_URL"].rstrip("/") + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"{scheme} {token}", "Content-Type": "application/json", "Accept": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def apply(change, really):
    patch = change["netbox"]
    found = ask("GET", f"/api/{patch['object']}/?{urllib.parse.urlencode(patch['lookup'])}")["results"]
    if len(found) != 1:
        return f"{len(found)} objects fit, not one"
    if really:
        ask(patch["method"], f"/api/{patch['object']}/{found[0]['id']}/", patch["body"])
    return None


def main():
    names = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if len(names) != 1 or "NETBOX_URL" not in os.environ or "NETBOX_TOKEN" not in os.environ:
        sys.exit(__doc__)
    with open(names[0]) as file:
        proposal = json.load(file)
    if proposal["form"] != "groma-netbox-proposal-1":
        sys.exit(f"{names[0]} is no proposal that this script knows")
    really, failed = "--apply" in sys.argv, 0
    for change in proposal["drift"]:
        what = f"{change['kind']} {change['id']} {change['attribute'] or ''}".rstrip()
        if change["netbox"] is None:
            print(f"by hand  {what}: {change['by_hand']}")
            continue
        try:
            wrong = apply(change, really)
        except urllib.error.HTTPError as error:
            wrong = f"{error.code} {error.read(500).decode(errors='replace')}"
        except OSError as error:
            wrong = str(error)
        failed += wrong is not None
        print(f"{'FAILED  ' if wrong else 'changed ' if really else 'would   '} {what}: {wrong or json.dumps(change['netbox']['body'])}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
