# SPDX-License-Identifier: Apache-2.0
"""Debian's nginx and redis with LD_PRELOAD alone: lists for their phases, per process, each by a filter of its own.

Usage: preload_servers.py [--as-user] [CASE…]. Learned from one run with little work; nobody starts a supervisor by hand.
"""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402
import process_filter  # noqa: E402
from phases import expect, wait_for_phases  # noqa: E402
from process_filter import filters_of, own_filters, wait_for_filter  # noqa: E402

NGINX, REDIS = "/usr/sbin/nginx", "/usr/bin/redis-server"
CONFIGURATION = """
worker_processes 2; daemon off; pid {d}/nginx.pid; error_log {d}/error.log; events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u;
  scgi_temp_path {d}/s; server {{ listen 127.0.0.1:{p} reuseport; root {d}; }} }}
"""


def nginx_command(setting, port):
    configuration = os.path.join(setting.work, f"nginx-{port}.conf")
    with open(configuration, "w", encoding="ascii") as file:
        file.write(CONFIGURATION.format(d=setting.work, p=port))
    return [NGINX, "-c", configuration, "-p", setting.work, "-e", os.path.join(setting.work, "error.log")]


def redis_command(setting, port):
    return [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--dir", setting.work, "--save", "", "--io-threads", "2"]


def get(port):
    """Several connections, so that each worker answers one."""
    for path in ("/page.html", "/missing") * 6:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        expect(path, connection.getresponse().status, 200 if path == "/page.html" else 404)
        connection.close()


def ask_redis(port):
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            for command, answer in ((b"SET a 1\r\n", b"+OK\r\n"), (b"GET a\r\n", b"$1\r\n1\r\n"), (b"PING\r\n", b"+PONG\r\n")):
                client.sendall(command)
                expect(command.decode(), client.recv(100), answer)


SERVERS = {"nginx": (nginx_command, get, ["--masters", "nginx"]), "redis": (redis_command, ask_redis, [])}


def learned(setting, name):
    """Lists of the run and, as real servers have rare paths, of static analysis."""
    if name in setting.policies:
        return setting.policies[name]
    command, use, flags = SERVERS[name]
    setting.runs += 1
    port, profile = harness.free_port(), setting.path(f"{name}-profile")
    with open(os.path.join(setting.work, "page.html"), "w", encoding="ascii") as file:
        file.write("page\n")
    service = setting.service([harness.libguard_binary(), "record", "--everyday", "--phases", "quiescence", "--backend", "notify", *flags,
                               "--app", setting.work, "-o", profile, "--", *command(setting, port)], port)
    wait_for_phases(setting, 1)
    use(port)
    expect(f"{name} after the recording", service.stop(), 0)
    setting.policies[name] = setting.make_policy(profile, os.path.join(setting.work, f"{name}.yaml"), "--analyze")
    return setting.policies[name]


def alone(setting, name, starts="quiescence"):
    """The server as a user would start it: LD_PRELOAD and the name of the policy."""
    policy, port = learned(setting, name), harness.free_port()
    setting.runs += 1
    settings = [f"LD_PRELOAD={harness.client_library()}", f"LIBGUARD_POLICY={policy}", f"LIBGUARD_PHASES={starts}"]
    return setting.service(["env", *settings, *SERVERS[name][0](setting, port)], port)


def nothing_refused(setting):
    expect("deviations", [harness.tell_event(event) for event in harness.read_events(setting.events)], [])


def says_so_once(service):
    with open(service.log, encoding="utf-8") as log:
        lines = re.findall(r"^libguard: .*", log.read(), re.M)
    expect("lines about it", [re.sub(r"\d+", "N", line) for line in lines],
           ["libguard: process N serves: by a filter of its own N calls end it from here on"])


def check_nginx(setting, service, master):
    """Both workers have switched, the master as `master` says; another worker switches when it comes."""
    workers = {event["pid"] for event in wait_for_phases(setting, 2)} - {service.process.pid}
    wait_for_filter(setting, 2)
    expect("workers", len(workers), 2)
    get(service.port)
    for pid in workers:
        expect("filters of a worker", filters_of(pid), {own_filters() + 2})
    expect("filters of the master", filters_of(service.process.pid), {own_filters() + master})
    os.kill(min(workers), signal.SIGKILL)
    wait_for_filter(setting, 3)
    get(service.port)
    expect("how nginx ended", service.stop(), 0)
    nothing_refused(setting)
    says_so_once(service)


def nginx_alone(setting):
    """The policy's own start and masters: the environment only names the file."""
    check_nginx(setting, alone(setting, "nginx", ""), 1)


def nginx_by_function(setting):
    """A function that only workers call, by its address: as in a file without symbols."""
    symbols = subprocess.run(["nm", "-D", NGINX], check=True, capture_output=True, text=True).stdout
    address = next(line.split()[0] for line in symbols.splitlines() if line.endswith(" ngx_process_events_and_timers"))
    check_nginx(setting, alone(setting, "nginx", f"function:nginx+0x{int(address, 16):x}"), 1)


def redis_by_function(setting):
    service = alone(setting, "redis", "function:aeMain")
    wait_for_phases(setting, 1)
    wait_for_filter(setting, 1)
    ask_redis(service.port)
    expect("filters of all threads", filters_of(service.process.pid), {own_filters() + 2})
    expect("how redis ended", service.stop(), 0)
    nothing_refused(setting)
    says_so_once(service)


CASES = [nginx_alone, nginx_by_function, redis_by_function]

if __name__ == "__main__":
    sys.exit(process_filter.main(CASES))
