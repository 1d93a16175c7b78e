# SPDX-License-Identifier: Apache-2.0
"""Broad use of lighttpd: see analysis_workloads.py."""

import glob
import http.client
import os
import signal
import subprocess
import time

from analysis_processes import QUIET, ask_in_turn, ask_oddly, certificate, children, free_port, over_tls, serve, stop, wait_for

MODULES = "accesslog auth authn_file dirlisting extforward openssl proxy ssi status userdir".split()
# ssi.exec is a program of the server's own.
CONFIGURATION = """
server.modules = ("mod_rewrite", "mod_redirect", "mod_access", "mod_alias", "mod_setenv", "mod_expire", "mod_simple_vhost",
  "mod_evhost", {modules})
server.document-root = "{d}/root"
server.bind = "127.0.0.1"
server.port = {p}
server.pid-file = "{d}/pid"
server.errorlog = "{d}/error.log"
accesslog.filename = "{d}/access.log"
server.upload-dirs = ("{d}/upload")
server.max-request-size = 4096
{user}
index-file.names = ("index.html")
mimetype.assign = (".txt" => "text/plain", ".html" => "text/html")
dir-listing.activate = "enable"
ssi.extension = (".shtml")
status.status-url = "/status"
url.redirect = ("^/moved$" => "/small.txt")
url.rewrite-once = ("^/other$" => "/small.txt")
$HTTP["url"] =~ "^/private/" {{
  auth.backend = "plain"
  auth.backend.plain.userfile = "{d}/passwords"
  auth.require = ("" => ("method" => "basic", "realm" => "x", "require" => "valid-user"))
}}
$HTTP["url"] =~ "^/proxy/" {{ proxy.server = ("" => (("host" => "127.0.0.1", "port" => {b}))) }}
$HTTP["url"] =~ "^/dead/" {{ proxy.server = ("" => (("host" => "127.0.0.1", "port" => 1))) }}
$HTTP["url"] =~ "^/expires/" {{ expire.url = ("" => "access 1 hours") }}
$SERVER["socket"] == "{d}/socket" {{ }}
$SERVER["socket"] == "127.0.0.1:{t}" {{ ssl.engine = "enable" ssl.pemfile = "{c}" ssl.privkey = "{k}" }}
"""


def lighttpd_modules():
    return glob.glob("/usr/lib/lighttpd/*.so")


def lighttpd(tracer, directory):
    backend, port, tls = serve(directory), free_port(), free_port()
    key, cert = certificate(directory)
    root = os.path.join(directory, "root")
    for folder in (root, os.path.join(root, "list"), os.path.join(root, "private"), os.path.join(directory, "upload")):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)
    for name, size in (("small.txt", 100), ("big.txt", 3_000_000), ("index.html", 50), ("private/x", 10)):
        with open(os.path.join(root, name), "wb") as file:
            file.write(b"0123456789" * (size // 10))
    with open(os.path.join(root, "page.shtml"), "w", encoding="ascii") as file:
        file.write('<!--#echo var="DATE_LOCAL" --><!--#include file="small.txt" --><!--#flastmod file="small.txt" -->\n')
    with open(os.path.join(directory, "passwords"), "w", encoding="ascii") as file:
        file.write("user:p\n")
    configuration = os.path.join(directory, "lighttpd.conf")
    with open(configuration, "w", encoding="ascii") as file:
        file.write(CONFIGURATION.format(d=directory, p=port, t=tls, c=cert, k=key, b=backend.server_port, modules=", ".join(f'"mod_{name}"' for name in MODULES),
                                        user='server.username = "nobody"\nserver.groupname = "nogroup"' if os.geteuid() == 0 else ""))
    process = subprocess.Popen([*tracer, "/usr/sbin/lighttpd", "-D", "-f", configuration], **QUIET)
    try:
        wait_for(port)
        requests(port, directory)
        time.sleep(1)  # at rest
        requests(port, directory)
        for path in ("/", "/big.txt", "/proxy/a", "/list/", "/none"):
            if not over_tls(tls, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()):
                raise RuntimeError(f"lighttpd did not answer {path} over TLS")
        for pid in children(process.pid):
            os.kill(pid, signal.SIGHUP)  # logs anew
        time.sleep(1)
        requests(port, directory)
        for pid in children(process.pid):
            os.kill(pid, signal.SIGUSR1)  # reads its configuration anew
        time.sleep(1.5)
        wait_for(port)
        requests(port, directory)
        for pid in children(process.pid):
            os.kill(pid, signal.SIGINT)  # ends when it is done
        process.wait(60)
    finally:
        if process.poll() is None:
            stop(process)
        backend.shutdown()


def requests(port, directory):
    for path in ("/", "/small.txt", "/big.txt", "/list/", "/page.shtml", "/status", "/status?auto", "/moved", "/other", "/proxy/a", "/dead/",
                 "/private/x", "/expires/", "/~nobody/", "/none", "/%00", "/../x"):
        for headers in ({}, {"Authorization": "Basic dXNlcjpw", "Accept-Encoding": "gzip"}, {"Range": "bytes=0-9,20-29"},
                        {"If-Modified-Since": "Sun, 06 Nov 2044 08:49:37 GMT"}):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", path, headers=headers)
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                pass
            connection.close()
    ask_in_turn(port, (("POST", "/proxy/", b"z" * 500_000, {}), ("PUT", "/x", b"y", {}), ("HEAD", "/small.txt", None, {}),
                       ("OPTIONS", "/", None, {}), ("BAD", "/", None, {}), ("POST", "/small.txt", b"w" * 6_000_000, {})))
    ask_oddly(port, os.path.join(directory, "socket"))
