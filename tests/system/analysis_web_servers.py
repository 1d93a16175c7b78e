# SPDX-License-Identifier: Apache-2.0
"""Broad use of nginx and Apache: see analysis_workloads.py."""

import glob
import http.client
import itertools
import os
import signal
import ssl
import subprocess
import time

from analysis_processes import QUIET, ask_in_turn, ask_oddly, certificate, children, free_port, serve, stop, wait_for

# What is made once must be made anew each time: caches and folders are there only once, and each phase has to see it.
ROUNDS = itertools.count()

NGINX_CONFIGURATION = """
worker_processes 2; daemon off; pid {d}/pid; error_log {d}/error.log info; thread_pool default threads=4;
worker_rlimit_nofile 2048; worker_cpu_affinity auto; working_directory {d};
events {{ worker_connections 256; accept_mutex on; }}
http {{ access_log {d}/access.log; client_body_temp_path {d}/body; proxy_temp_path {d}/proxy; fastcgi_temp_path {d}/f;
  uwsgi_temp_path {d}/u; scgi_temp_path {d}/s; proxy_cache_path {d}/cache keys_zone=c:1m; gzip on; gzip_types text/plain;
  gzip_min_length 10; open_file_cache max=100; resolver 127.0.0.1:1; resolver_timeout 300ms; limit_req_zone $remote_addr zone=l:1m rate=100r/s;
  server {{ listen 127.0.0.1:{p} reuseport; listen 127.0.0.1:{t} ssl; listen unix:{d}/socket; ssl_certificate {c};
    ssl_certificate_key {k}; ssl_session_cache shared:x:1m; root {d}/root; autoindex on; aio threads; sendfile on;
    client_max_body_size 50m; client_body_buffer_size 8k;
    location /up/ {{ dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; dav_access user:rw; }}
    location /direct/ {{ directio 512; alias {d}/root/; }}
    location /nosend/ {{ sendfile off; aio off; alias {d}/root/; }}
    location /proxy/ {{ proxy_pass http://127.0.0.1:{b}/; proxy_cache c; proxy_cache_valid 60s; }}
    location /store/ {{ proxy_pass http://127.0.0.1:{b}/; proxy_store {d}/stored; }}
    location /limited/ {{ limit_req zone=l; limit_rate 100k; alias {d}/root/; }}
    location /fcgi/ {{ fastcgi_pass 127.0.0.1:1; }}
    location /named/ {{ set $n no-such.invalid; proxy_pass http://$n/; }}
    location /private/ {{ auth_basic x; auth_basic_user_file {d}/passwords; alias {d}/root/; }}
  }} }}
"""


def nginx(tracer, directory):
    backend, port, tls = serve(directory), free_port(), free_port()
    key, cert = certificate(directory)
    root = os.path.join(directory, "root")
    os.makedirs(os.path.join(root, "up"), exist_ok=True)
    for name, size in (("small.txt", 100), ("big.txt", 3_000_000), ("index.html", 50)):
        with open(os.path.join(root, name), "wb") as file:
            file.write(b"0123456789" * (size // 10))
    with open(os.path.join(directory, "passwords"), "w", encoding="ascii") as file:
        file.write("user:$6$abcdefgh$QuZDjtTe7LTIyPZbNkkRMaFiZTXUkTMkXeZDJkV2F9DvAQZ3cHmUBuDHK8tNvbwXEEYmPGyiSxCOQmLmKv4Rf0\n")
    for folder in (root, os.path.join(root, "up"), directory):
        os.chmod(folder, 0o777)
    configuration = os.path.join(directory, "nginx.conf")
    with open(configuration, "w", encoding="ascii") as file:
        file.write(NGINX_CONFIGURATION.format(d=directory, p=port, t=tls, c=cert, k=key, b=backend.server_port))
    command = ["/usr/sbin/nginx", "-c", configuration, "-p", directory, "-e", os.path.join(directory, "start.log")]
    subprocess.run([*tracer, *command, "-t"], check=False, timeout=60, **QUIET)
    process = subprocess.Popen([*tracer, *command], **QUIET)
    try:
        wait_for(port)
        for round_number in range(2):
            nginx_requests(port, tls, directory)
            master = int(open(os.path.join(directory, "pid"), encoding="ascii").read())
            os.kill(master, signal.SIGUSR1 if round_number == 0 else signal.SIGHUP)
            time.sleep(1.5)
        os.kill(children(master)[0], signal.SIGKILL)  # the master makes a new worker
        time.sleep(1)
        nginx_requests(port, tls, directory)
        os.kill(master, signal.SIGUSR2)  # a new binary
        time.sleep(2)
        os.kill(master, signal.SIGWINCH)
        time.sleep(1)
        for name in ("pid", "pid.oldbin"):
            try:
                os.kill(int(open(os.path.join(directory, name), encoding="ascii").read()), signal.SIGQUIT)
            except (OSError, ValueError):
                pass
        process.wait(60)
    finally:
        if process.poll() is None:
            stop(process)
        backend.shutdown()


def nginx_requests(port, tls, directory):
    n = next(ROUNDS)
    paths = ["/", "/small.txt", "/big.txt", "/up/", "/missing", "/direct/big.txt", "/nosend/big.txt", f"/proxy/{n}", f"/proxy/{n}",
             f"/store/{n}/x", "/fcgi/", "/named/", "/private/small.txt", "/limited/small.txt", "/%00", "/../../etc/passwd"]
    context = ssl._create_unverified_context()
    for secure in (False, True):
        for path in paths:
            for headers in ({}, {"Accept-Encoding": "gzip", "Authorization": "Basic dXNlcjpw"}, {"Range": "bytes=0-9,20-29"}):
                make = (lambda: http.client.HTTPSConnection("127.0.0.1", tls, timeout=5, context=context)) if secure else (
                    lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=5))
                connection = make()
                try:
                    connection.request("GET", path, headers=headers)
                    connection.getresponse().read()
                except (OSError, http.client.HTTPException):
                    pass
                connection.close()
    ask_in_turn(port, (
        ("PUT", "/up/f", b"x" * 200_000, {}), ("PUT", f"/up/d{n}/g", b"y", {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}),
        ("COPY", "/up/f", None, {"Destination": "/up/h"}), ("MOVE", "/up/h", None, {"Destination": "/up/i"}),
        ("MKCOL", f"/up/new{n}/", None, {}), ("COPY", f"/up/d{n}/", None, {"Destination": "/up/e/"}), ("DELETE", "/up/e/", None, {}),
        ("DELETE", "/up/f", None, {}), ("POST", "/proxy/", b"z" * 500_000, {}), ("HEAD", "/", None, {}), ("BAD", "/", None, {})))
    ask_oddly(port, os.path.join(directory, "socket"))


APACHE_MODULES = ("mpm_event authn_core authn_file authz_core authz_host authz_user auth_basic access_compat alias autoindex cache "
                  "cache_disk cgid dav dav_fs deflate dir env expires filter headers include info mime negotiation proxy proxy_http "
                  "reqtimeout rewrite setenvif socache_shmcb ssl status userdir").split()
APACHE_CONFIGURATION = """
{modules}
ServerName localhost
PidFile {d}/pid
ErrorLog {d}/error.log
LogLevel info
CustomLog "{d}/access.log" "%h %u %r"
CustomLog "|/bin/cat" "%h"
Mutex file:{d}
ScriptSock {d}/cgisock
DavLockDB {d}/davlock
CacheRoot {d}/cache
CacheEnable disk /proxy
{user}
StartServers 1
MaxRequestWorkers 50
ThreadsPerChild 10
MaxConnectionsPerChild 60
Listen 127.0.0.1:{p}
Listen 127.0.0.1:{t}
TypesConfig /etc/mime.types
DocumentRoot {d}/root
<Directory {d}/root>
  Options +Indexes +FollowSymLinks +MultiViews +Includes
  AllowOverride All
</Directory>
<Location /up>
  Dav On
</Location>
<Location /private>
  AuthType Basic
  AuthName x
  AuthUserFile {d}/passwords
  Require valid-user
</Location>
<Location /status>
  SetHandler server-status
</Location>
<Location /info>
  SetHandler server-info
</Location>
ScriptAlias /cgi {d}/cgi
<Directory {d}/cgi>
  Require all granted
</Directory>
RewriteEngine on
RewriteRule ^/moved$ /small.txt [R]
ProxyPass /proxy http://127.0.0.1:{b}/
ProxyPass /dead http://127.0.0.1:1/
SetOutputFilter DEFLATE
SSLSessionCache shmcb:{d}/ssl(512000)
<VirtualHost 127.0.0.1:{t}>
  SSLEngine on
  SSLCertificateFile {c}
  SSLCertificateKeyFile {k}
</VirtualHost>
"""


def apache_modules():
    # The library for DBM files makes the name of its driver at run time.
    return [f"/usr/lib/apache2/modules/mod_{name}.so" for name in APACHE_MODULES] + glob.glob("/usr/lib/*/apr-util-1/apr_dbm_*.so")


def apache2(tracer, directory, programs=True, dav=True):
    """`programs`: with CGI and a log that is piped into a program. `dav`: with WebDAV, which brings a database along."""
    backend, port, tls = serve(directory), free_port(), free_port()
    key, cert = certificate(directory)
    root, cgi = os.path.join(directory, "root"), os.path.join(directory, "cgi")
    for folder in (root, os.path.join(root, "up"), cgi, os.path.join(directory, "cache")):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)
    for name, size in (("small.txt", 100), ("big.txt", 3_000_000), ("index.html", 50)):
        with open(os.path.join(root, name), "wb") as file:
            file.write(b"0123456789" * (size // 10))
    with open(os.path.join(cgi, "script"), "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho Content-Type: text/plain\necho\necho $QUERY_STRING\n")
    os.chmod(os.path.join(cgi, "script"), 0o755)
    with open(os.path.join(directory, "passwords"), "w", encoding="ascii") as file:
        file.write("user:$apr1$abcdefgh$kZ/dZb0Yk0HmKbRqhTPE..\n")
    modules = "\n".join(f"LoadModule {name}_module {path}" for name, path in zip(APACHE_MODULES, apache_modules())
                        if (programs or name != "cgid") and (dav or not name.startswith("dav")))
    left_out = [] if programs else ["ScriptSock", 'CustomLog "|']
    left_out += [] if dav else ["DavLockDB", "  Dav On"]
    configuration = os.path.join(directory, "apache.conf")
    with open(configuration, "w", encoding="ascii") as file:
        lines = APACHE_CONFIGURATION.splitlines(keepends=True)
        text = "".join(line for line in lines if not line.startswith(tuple(left_out)))
        file.write(text.format(d=directory, p=port, t=tls, c=cert, k=key, b=backend.server_port, modules=modules,
                                               user="User nobody\nGroup nogroup" if os.geteuid() == 0 else ""))
    process = subprocess.Popen([*tracer, "/usr/sbin/apache2", "-DFOREGROUND", "-f", configuration, "-d", directory], **QUIET)
    try:
        wait_for(port)
        time.sleep(1)  # at rest: its children serve
        apache_requests(port, tls)
        master = int(open(os.path.join(directory, "pid"), encoding="ascii").read())
        crash_one(master)
        os.kill(master, signal.SIGUSR1)  # graceful
        time.sleep(2)
        apache_requests(port, tls)
        os.kill(master, signal.SIGHUP)
        time.sleep(2)
        nginx_requests(port, tls, directory)
        os.kill(master, signal.SIGWINCH)  # graceful stop
        process.wait(60)
    finally:
        if process.poll() is None:
            stop(process)
        backend.shutdown()


def crash_one(master):
    """The newest worker meets a signal that it dies of: its handler makes calls of its own, in whatever phase it is."""
    workers = [pid for pid in children(master) if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "apache2"]
    os.kill(workers[-1], signal.SIGSEGV)
    time.sleep(1.5)


def apache_requests(port, tls):
    n = next(ROUNDS)
    context = ssl._create_unverified_context()
    for path in (f"/proxy/{n}", f"/proxy/{n}", "/", "/small.txt", "/small", "/up/", "/status", "/status?auto", "/info", "/cgi/script?x", "/dead/",
                 "/private/x", "/moved", "/~nobody/", "/big.txt", "/none", f"/proxy/{n}/last"):
        for secure in (False, True):
            connection = http.client.HTTPSConnection("127.0.0.1", tls, timeout=5, context=context) if secure else (
                http.client.HTTPConnection("127.0.0.1", port, timeout=5))
            try:
                connection.request("GET", path, headers={"Authorization": "Basic dXNlcjpw", "Accept-Encoding": "gzip"})
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                pass
            connection.close()
    ask_in_turn(port, [(method, path, body, {"Depth": "1"}) for method, path, body in (
        ("PUT", "/up/f", b"x" * 100_000), ("PROPFIND", "/up/", None), ("LOCK", "/up/f", b""), ("MKCOL", f"/up/new{n}", None),
        ("DELETE", "/up/f", None), ("OPTIONS", "/", None), ("POST", "/cgi/script", b"y" * 5000))])
