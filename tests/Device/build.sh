#!/usr/bin/env bash
# Makes tests/Device/bin/carry, all that another machine needs beside tests/fixtures: the program with its own .NET, packed, the symbols that TorchSharp's binding asks of libtorch, and the scripts. Needs .NET, and nm and readelf (binutils).
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")"
rm -rf bin/publish bin/carry
dotnet publish -c Release -r linux-x64 --self-contained -p:DebugType=none -p:SatelliteResourceLanguages=en -o bin/publish
mkdir -p bin/carry
binding=bin/publish/libLibTorchSharp.so
nm -D --undefined-only "$binding" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' | sort -u > bin/carry/needed.txt
# Weak ones may be missing. Addresses of data and of functions in tables are looked up when the binding is loaded; all others when they are called.
readelf -rW "$binding" | awk '/R_X86_64_(64|GLOB_DAT|DTPMOD64|DTPOFF64|TPOFF64|COPY)/ && $5 { sub(/@.*/, "", $5); print $5 }' | sort -u | comm -12 - bin/carry/needed.txt > bin/carry/at-load.txt
XZ_OPT="-T0 -6" tar -C bin/publish -cJf bin/carry/axpo-device.tar.xz .
cp run.sh symbols.py peer.py bin/carry/
du -sh bin/publish bin/carry
