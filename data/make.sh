#!/usr/bin/env bash
# Makes data/*.tsv from the sources named in NOTICE. Needs npm, python3 and a folder with the GeoNames and airportsdata extracts.
# usage: data/make.sh FOLDER   (FOLDER holds airports.tsv, cities15000.tsv, countries-geonames.json)
set -euo pipefail
out=$(cd "$(dirname "$0")" && pwd)
from=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && for p in countries-list@3.4.1 periodic-table@0.0.8; do npm pack --silent "$p"; done && for f in *.tgz; do mkdir "${f%.tgz}" && tar xzf "$f" -C "${f%.tgz}"; done)
python3 - "$work" "$from" "$out" <<'PY'
import csv, json, sys
from collections import Counter
work, source, out = sys.argv[1:]
plain = lambda s: bool(s) and s.isascii() and all(c.isalpha() or c in " -'." for c in s) and len(s) <= 28

listed = json.load(open(f"{work}/countries-list-3.4.1/package/countries.min.json"))
geonames = json.load(open(f"{source}/countries-geonames.json"))
currencies = json.load(open(f"{work}/countries-list-3.4.1/package/currencies.all.min.json"))
lagging = {"BG", "HR", "ZW", "CW", "SX"}   # sources disagree on their currency
rows = []
for iso, c in sorted(listed.items()):
    g = geonames.get(iso)
    if not g or not plain(c["name"]) or c["capital"] != g["capital"] or not plain(c["capital"]):
        continue
    phones, phone = c["phone"], g["phone"].replace("+", "").replace("-", "")
    if len(phones) != 1 or str(phones[0]) != phone:
        continue
    codes = c["currency"]
    code = codes[0] if len(codes) == 1 and codes[0] == g["currencycode"] and iso not in lagging else ""
    name = currencies.get(code, "")
    name = name if isinstance(name, str) else name.get("name", "")
    rows.append([iso, c["name"], c["capital"], code if plain(code) else "", phone, c["continent"]])
for column in (1, 2, 4):                    # names, capitals and calling codes that occur once: every answer is unique, every "after" a function
    seen = Counter(r[column] for r in rows)
    rows = [r for r in rows if seen[r[column]] == 1]
def write(name, header, rows):
    with open(f"{out}/{name}", "w", newline="\n") as f:
        f.write("\t".join(header) + "\n")
        for r in rows:
            f.write("\t".join(map(str, r)) + "\n")
    print(name, len(rows))
write("countries.tsv", ["iso", "name", "capital", "currency", "calling_code", "continent"], rows)

elements = [[e["atomicNumber"], e["name"], e["symbol"]] for e in json.load(open(f"{work}/periodic-table-0.0.8/package/data.json"))]
write("elements.tsv", ["number", "name", "symbol"], elements)

cities = Counter(); population = {}
for c in csv.DictReader(open(f"{source}/cities15000.tsv"), delimiter="\t", quoting=csv.QUOTE_NONE):
    cities[c["name"]] += 1
    population[(c["name"], c["country"])] = int(c["population"])
airports = [a for a in csv.DictReader(open(f"{source}/airports.tsv"), delimiter="\t", quoting=csv.QUOTE_NONE)
            if plain(a["city"]) and cities[a["city"]] == 1 and population.get((a["city"], a["country"]), 0) >= 500_000]
per_city = Counter(a["city"] for a in airports)
airports = sorted([a["iata"], a["city"], a["country"]] for a in airports if per_city[a["city"]] == 1)
write("airports.tsv", ["iata", "city", "country"], airports)
PY
