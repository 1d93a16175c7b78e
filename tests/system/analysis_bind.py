# SPDX-License-Identifier: Apache-2.0
"""Broad use of bind9's named: see analysis_workloads.py."""

import os
import signal
import socket
import struct
import subprocess
import time

from analysis_processes import QUIET, certificate, children, free_port, over_tls, stop, wait_for

CONFIGURATION = """
tls own {{ cert-file "{c}"; key-file "{k}"; }};
options {{ listen-on port {t} tls own {{ 127.0.0.1; }}; directory "{d}"; listen-on port {p} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file "{d}/pid"; recursion yes;
  dnssec-validation no; allow-query {{ any; }}; allow-transfer {{ any; }}; forward only; forwarders {{ 127.0.0.1 port 1; }};
  session-keyfile "{d}/session.key"; managed-keys-directory "{d}"; querylog yes; statistics-file "{d}/statistics"; }};
controls {{ }};
logging {{ channel file {{ file "{d}/log" versions 2 size 1m; severity debug 3; print-time yes; }}; category default {{ file; }};
  category queries {{ file; }}; }};
zone "example.test" {{ type primary; file "{d}/zone"; allow-update {{ any; }}; notify no; }};
"""
ZONE = "$TTL 60\n@ IN SOA ns admin ( 1 60 60 60 60 )\n@ IN NS ns\nns IN A 127.0.0.1\nwww IN A 127.0.0.2\nbig IN TXT " + \
    " ".join('"' + "x" * 200 + '"' for _ in range(12)) + "\n"
A, AAAA, TXT, SOA, AXFR, ANY = 1, 28, 16, 6, 252, 255
QUERY, UPDATE = 0, 5


def name_of(text):
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".") if part) + b"\0"


def query(name, kind, additional=b""):
    flags = 0x0100
    return struct.pack(">6H", 7, flags, 1, 0, 0, 1 if additional else 0) + name_of(name) + struct.pack(">2H", kind, 1) + additional


def update(name, address):
    """Adds an address to the zone (RFC 2136)."""
    record = name_of(name) + struct.pack(">2HIH", A, 1, 60, 4) + socket.inet_aton(address)
    return struct.pack(">6H", 8, UPDATE << 11, 1, 0, 1, 0) + name_of("example.test") + struct.pack(">2H", SOA, 1) + record


def over_udp(port, packet):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.sendto(packet, ("127.0.0.1", port))
        try:
            return client.recv(65536)
        except OSError:
            return b""


def over_tcp(port, packets):
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.settimeout(2)
        try:
            for packet in packets:
                client.sendall(struct.pack(">H", len(packet)) + packet)
                client.recv(65536)
        except OSError:
            pass


def requests(port):
    options = b"\0" + struct.pack(">2HIH", 41, 4096, 0, 0)
    for name, kind in (("www.example.test", A), ("www.example.test", AAAA), ("none.example.test", A), ("big.example.test", TXT),
                       ("example.test", SOA), ("example.test", ANY), ("elsewhere.invalid", A)):
        over_udp(port, query(name, kind))
        over_udp(port, query(name, kind, options))
    over_udp(port, b"garbage")
    over_udp(port, update("new.example.test", "127.0.0.9"))
    over_tcp(port, [query("www.example.test", A), query("big.example.test", TXT), query("example.test", AXFR)])
    socket.create_connection(("127.0.0.1", port), 5).close()


def bind9(tracer, directory):
    port, tls = free_port(), free_port()
    key, cert = certificate(directory)
    for name, text in (("named.conf", CONFIGURATION.format(d=directory, p=port, t=tls, c=cert, k=key)), ("zone", ZONE)):
        with open(os.path.join(directory, name), "w", encoding="ascii") as file:
            file.write(text)
    os.chmod(directory, 0o777)
    os.chmod(os.path.join(directory, "zone"), 0o666)
    user = ["-u", "bind"] if os.geteuid() == 0 else []
    process = subprocess.Popen([*tracer, "/usr/sbin/named", "-f", "-n", "2", "-c", os.path.join(directory, "named.conf"), *user], **QUIET)
    try:
        wait_for(port)
        requests(port)
        time.sleep(1.5)  # at rest
        requests(port)
        packet = query("big.example.test", TXT)
        if not over_tls(tls, struct.pack(">H", len(packet)) + packet):
            raise RuntimeError("named did not answer over TLS")
        for pid in children(process.pid):
            os.kill(pid, signal.SIGHUP)  # reads everything anew
        time.sleep(1.5)
        requests(port)
        for pid in children(process.pid):
            os.kill(pid, signal.SIGTERM)
        process.wait(60)
    finally:
        if process.poll() is None:
            stop(process)
