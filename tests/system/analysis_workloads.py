# SPDX-License-Identifier: Apache-2.0
"""Broad use of real programs, for tracing: each workload starts its program below a tracer and uses what it can.

A workload is a function (tracer, directory) -> None. `tracer` is the argument list to put in front of the program; what
is started is stopped by its own means, at the latest by pid.
"""

import glob
import os
import signal
import socket
import subprocess
import time

from analysis_processes import QUIET, certificate, children, free_port, over_tls, serve, stop, wait_for
from analysis_bind import bind9
from analysis_lighttpd import lighttpd, lighttpd_modules
from analysis_web_servers import apache2, apache_modules, nginx


def sqlite3(tracer, directory):
    script = """PRAGMA journal_mode=WAL;
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); CREATE VIRTUAL TABLE f USING fts5(x);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<20000) INSERT INTO t SELECT i, hex(randomblob(20)) FROM c;
INSERT INTO f SELECT b FROM t; SELECT count(*) FROM f WHERE f MATCH 'A*';
CREATE INDEX i ON t(b); ANALYZE; DELETE FROM t WHERE a%3=0; VACUUM;
PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE; PRAGMA mmap_size=100000000; SELECT sum(length(b)) FROM t;
ATTACH 'other.db' AS o; CREATE TABLE o.x AS SELECT * FROM t; DETACH o;
.backup copy.db
.output out.txt
.mode csv
SELECT * FROM t LIMIT 1000;
.output
.once |cat >/dev/null
SELECT 1;
.import out.txt imported
.shell true
.save saved.db
.dump
SELECT datetime('now','localtime'), writefile('w.bin', zeroblob(9)), length(readfile('w.bin'));
.timer on
.archive --create --file a.sar out.txt
.quit
"""
    for database in ("test.db", ":memory:"):
        subprocess.run([*tracer, "sqlite3", database], input=script.encode(), cwd=directory, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=300, check=False)
    subprocess.run([*tracer, "sqlite3", "-readonly", "/nonexistent/x.db", "select 1"], cwd=directory, check=False, **QUIET)


def curl(tracer, directory):
    plain, secure = serve(directory), serve(directory, tls=True)
    http_url, https_url = f"http://127.0.0.1:{plain.server_port}/", f"https://localhost:{secure.server_port}/"
    big = os.path.join(directory, "big")
    with open(big, "wb") as file:
        file.write(b"x" * 3_000_000)
    for arguments in (
        [http_url], ["-I", http_url], ["--compressed", http_url], ["-L", http_url + "moved"], ["-k", https_url],
        [https_url], ["-k", "--http1.1", "-T", big, https_url], ["-T", big, http_url], ["-F", f"a=@{big}", http_url],
        ["-o", "out", "-r", "0-99", http_url], ["-c", "jar", "-b", "jar", http_url], ["-Z", http_url, http_url + "b"],
        ["--limit-rate", "2M", "-T", big, http_url], ["-m", "2", "http://127.0.0.1:1/"], ["--resolve", "x.test:80:127.0.0.1",
        "-m", "2", "http://x.test/"], ["file://" + big], ["-v", "--trace", "trace", http_url], ["-C", "-", "-o", "out", http_url],
        ["--unix-socket", "/nonexistent", http_url], ["--interface", "lo", http_url], ["http://no-such-name.invalid/"],
        ["--create-dirs", "-o", "a/b/c", http_url], ["-R", "-O", http_url + "named"], ["--version"], ["--help", "all"],
        ["-K", "/dev/null", http_url], ["--negotiate", "-u", ":", http_url], ["--proxy", http_url, "http://example.test/"],
        ["-d", "@" + big, http_url], ["telnet://127.0.0.1:1"], ["--doh-url", https_url, "-k", "-m", "2", "http://y.test/"]):
        subprocess.run([*tracer, "curl", "-s", *arguments], cwd=directory, timeout=120, check=False, **QUIET)
    plain.shutdown()
    secure.shutdown()


PYTHON_SCRIPT = r"""
import array, asyncio, base64, bz2, collections, concurrent.futures, csv, ctypes, curses, datetime, decimal, difflib, email
import fcntl, fileinput, glob, grp, gzip, hashlib, heapq, http.client, inspect, json, locale, logging, lzma, mmap, multiprocessing
import os, pickle, platform, pwd, queue, random, re, readline, resource, sched, secrets, select, selectors, shutil, signal
import socket, sqlite3, ssl, stat, statistics, struct, subprocess, sys, syslog, tarfile, tempfile, termios, threading, time
import tracemalloc, unicodedata, urllib.request, uuid, venv, xml.etree.ElementTree, zipfile, zlib, zoneinfo, _posixshmem
from multiprocessing import shared_memory
d = tempfile.mkdtemp(); os.chdir(d)
open('a', 'w').write('x' * 100000); os.link('a', 'b'); os.symlink('a', 'c'); os.rename('b', 'e'); os.chmod('e', 0o600)
os.mkdir('m'); os.utime('a'); os.truncate('a', 10); os.stat('a'); os.statvfs('.'); os.listdir('.'); list(os.scandir('.'))
os.replace('e', 'm/f'); shutil.copytree('m', 'n'); shutil.copyfile('a', 'g'); shutil.make_archive('z', 'zip', 'm')
fd = os.open('a', os.O_RDWR); os.pread(fd, 1, 0); os.pwrite(fd, b'y', 0); os.fsync(fd); os.ftruncate(fd, 5); fcntl.flock(fd, 2)
os.preadv(fd, [bytearray(2)], 0); os.pwritev(fd, [b'1'], 0); os.posix_fadvise(fd, 0, 0, 0); os.posix_fallocate(fd, 0, 99)
fcntl.lockf(fd, fcntl.LOCK_EX); os.lseek(fd, 0, 0); os.dup2(fd, 50); os.set_inheritable(50, True); os.close(50)
m = mmap.mmap(fd, 0); m.flush(); m.close(); os.mkfifo('p'); r, w = os.pipe(); os.sendfile(w, fd, 0, 3); os.close(r); os.close(w)
try: os.setxattr('a', 'user.x', b'1'); os.getxattr('a', 'user.x'); os.listxattr('a'); os.removexattr('a', 'user.x')
except OSError: pass
for f in (os.getpid, os.getppid, os.getuid, os.getgroups, os.getlogin, os.getloadavg, os.times, os.uname, os.cpu_count,
          os.getpgrp, os.getsid, os.sched_getaffinity, os.getpriority, os.sync, os.urandom, os.memfd_create, os.eventfd):
    try: f(*({os.getsid: (0,), os.sched_getaffinity: (0,), os.getpriority: (0, 0), os.urandom: (8,), os.memfd_create: ('x',),
              os.eventfd: (0,)}.get(f, ())))
    except OSError: pass
resource.getrlimit(resource.RLIMIT_NOFILE); resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); resource.getrusage(0)
pwd.getpwuid(0); grp.getgrgid(0); os.nice(0); os.umask(0o22); time.sleep(0.01); time.clock_gettime(0); time.process_time()
signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
signal.pthread_sigmask(signal.SIG_BLOCK, [10]); os.kill(os.getpid(), 10); signal.sigtimedwait([10], 1); signal.sigpending()
subprocess.run(['true']); subprocess.run('echo x | cat', shell=True, capture_output=True); os.system('true'); os.popen('true').read()
subprocess.run(['true'], close_fds=False, preexec_fn=lambda: None); subprocess.Popen(['sleep', '9']).kill()
pid = os.fork()
if pid == 0: os._exit(0)
os.waitpid(pid, 0); os.posix_spawn('/bin/true', ['true'], {}); os.wait()
pid, master = __import__('pty').fork()
if pid == 0: os._exit(0)
os.waitpid(pid, 0); os.close(master)
def use(n): return n * n
if True:
    with concurrent.futures.ThreadPoolExecutor(4) as e: list(e.map(use, range(20)))
    with multiprocessing.get_context('fork').Pool(2) as p: p.map(use, range(9))
    q = multiprocessing.get_context('fork').Queue(); q.put(1); q.get()
    s = shared_memory.SharedMemory(create=True, size=100); s.close(); s.unlink()
    multiprocessing.get_context('fork').Semaphore(1).acquire()
server = socket.create_server(('127.0.0.1', 0)); port = server.getsockname()[1]
def answer():
    c, _ = server.accept(); c.recv(9); c.sendall(b'HTTP/1.0 200 OK\r\n\r\nhi'); c.shutdown(2); c.close()
t = threading.Thread(target=answer); t.start(); urllib.request.urlopen(f'http://127.0.0.1:{port}/').read(); t.join()
u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); u.bind('sock'); v, w = socket.socketpair(); v.sendmsg([b'x']); w.recvmsg(9)
socket.send_fds(v, [b'f'], [0]); socket.recv_fds(w, 9, 1); v.setsockopt(1, 7, 1000); v.getsockopt(1, 7); v.setblocking(False)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.sendto(b'x', ('127.0.0.1', 9)); socket.if_nameindex()
socket.getaddrinfo('localhost', 80); socket.gethostname()
for name in ('no-such-name.invalid',):
    try: socket.getaddrinfo(name, 80)
    except OSError: pass
e = select.epoll(); e.register(v, 1); e.poll(0); select.select([v], [], [], 0); select.poll().poll(0); e.close()
async def main():
    p = await asyncio.create_subprocess_exec('true'); await p.wait(); await asyncio.to_thread(use, 2)
    s = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0); s.close()
    await asyncio.sleep(0.01)
asyncio.run(main())
db = sqlite3.connect('x.db'); db.execute('create table t(a)'); db.execute('insert into t values(1)'); db.commit(); db.close()
ssl.create_default_context(); hashlib.sha256(b'x'); hashlib.scrypt(b'a', salt=b'b', n=2, r=1, p=1); secrets.token_hex()
ctypes.CDLL(None).getpid(); zoneinfo.ZoneInfo('Europe/Berlin'); locale.setlocale(locale.LC_ALL, ''); syslog.syslog('x')
lzma.compress(b'x'); bz2.compress(b'x'); tarfile.open('t.tar', 'w').add('a'); zipfile.ZipFile('t.zip', 'w').write('a')
logging.basicConfig(filename='l'); logging.error('x'); uuid.uuid1(); platform.platform(); os.getxattr; inspect.stack()
sys.stdout.flush(); __import__('test.support') if False else None
shutil.rmtree(d, ignore_errors=True); raise SystemExit(0)
"""


def python(tracer, directory):
    script = os.path.join(directory, "script.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(PYTHON_SCRIPT)
    for arguments in ([script], ["-c", "print(1)"], ["-S", "-E", "-c", "import sys; sys.exit(3)"], ["-m", "json.tool", "/nonexistent"]):
        done = subprocess.run([*tracer, "/usr/bin/python3.11", *arguments], cwd=directory, timeout=600, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if arguments == [script] and done.returncode != 0:
            raise RuntimeError(f"the Python workload failed:\n{done.stderr[-800:]}")


def python_extensions():
    return sorted(glob.glob("/usr/lib/python3.11/lib-dynload/*.so"))


def memcached(tracer, directory):
    port, tls = free_port(), free_port()
    key, cert = certificate(directory)
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([*tracer, "/usr/bin/memcached", "-l", f"notls:127.0.0.1:{port},127.0.0.1:{tls}", "-U", str(port), "-m", "8",
                                "-Z", "-o", f"ssl_chain_cert={cert},ssl_key={key}", "-vv", *user], cwd=directory, **QUIET)
    try:
        wait_for(port)
        wait_for(tls)
        for command in (b"set t 0 0 1\r\n1\r\n", b"get t\r\n", b"refresh_certs\r\n", b"get t\r\n"):
            if not over_tls(tls, command):
                raise RuntimeError(f"memcached did not answer {command} over TLS")
        value = b"v" * 100_000
        script = [b"set a 0 0 100000\r\n" + value + b"\r\n", b"get a b c\r\n", b"add a 0 0 1\r\nx\r\n", b"append a 0 0 1\r\nx\r\n",
                  b"set n 0 0 1\r\n5\r\n", b"incr n 3\r\n", b"decr n 1\r\n", b"gets a\r\n", b"touch a 10\r\n", b"delete n\r\n", b"stats\r\n",
                  b"stats items\r\n", b"stats slabs\r\n", b"stats conns\r\n", b"slabs reassign 1 2\r\n", b"lru_crawler enable\r\n",
                  b"lru_crawler metadump all\r\n", b"verbosity 2\r\n", b"flush_all\r\n", b"version\r\n", b"watch fetchers\r\n", b"bogus\r\n"]
        for command in script:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.settimeout(0.3)
                client.sendall(command)
                try:
                    while client.recv(65536):
                        pass
                except OSError:
                    pass
        with socket.create_connection(("127.0.0.1", port), 5) as client:  # the binary protocol: no-op, quit
            client.sendall(b"\x80\x0a" + b"\0" * 22 + b"\x80\x07" + b"\0" * 22)
            client.recv(100)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.settimeout(1)
            datagrams.sendto(b"\0\1\0\0\0\1\0\0get a\r\n", ("127.0.0.1", port))
            try:
                datagrams.recv(2000)
            except OSError:
                pass
        many = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(60)]
        for client in many:
            client.sendall(b"set k 0 0 3\r\nabc\r\nget k\r\n")
        for client in many:
            client.close()
        for pid in children(process.pid):
            os.kill(pid, signal.SIGHUP)
        time.sleep(0.5)
    finally:
        stop(process, (signal.SIGINT, signal.SIGTERM, signal.SIGKILL))


def redis(tracer, directory, program="/usr/bin/redis-server", threads=True, tls=True):
    """`threads`: versions before 6 have none for clients. `tls`: not all were built with it."""
    port, tls_port = free_port(), free_port()
    key, cert = certificate(directory)
    secure = ["--tls-port", str(tls_port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert,
              "--tls-auth-clients", "no"] if tls else []
    several = ["--io-threads", "2", "--io-threads-do-reads", "yes"] if threads else []
    process = subprocess.Popen([*tracer, program, "--port", str(port), "--bind", "127.0.0.1", "--dir", directory,
                                "--appendonly", "yes", "--save", "60 1", *several, *secure,
                                "--unixsocket", os.path.join(directory, "redis.sock"), "--logfile", os.path.join(directory, "log"),
                                "--maxmemory", "50mb", "--activedefrag", "no"], cwd=directory, **QUIET)
    try:
        wait_for(port)
        if tls:
            wait_for(tls_port)
        if tls and not over_tls(tls_port, b"SET t 1\r\nGET t\r\n"):
            raise RuntimeError("redis did not answer over TLS")
        with socket.socket(socket.AF_UNIX) as local:
            local.connect(os.path.join(directory, "redis.sock"))
            local.sendall(b"PING\r\nQUIT\r\n")
            local.recv(100)
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            client.settimeout(60)
            for command in ("SET a 1", "GET a", "INCR a", "LPUSH l x y z", "BRPOP l 1", "ZADD z 1 a 2 b", "ZRANGE z 0 -1", "EXPIRE a 10",
                            "EVAL return(1) 0", "CONFIG SET save 30", "CONFIG GET *", "INFO all", "BGSAVE", "BGREWRITEAOF", "CLIENT LIST",
                            "DEBUG SLEEP 0.1", "MEMORY DOCTOR", "SAVE", "CONFIG REWRITE", "SUBSCRIBE c", "UNSUBSCRIBE c", "MONITOR", "RESET",
                            "FLUSHALL ASYNC", "XADD s * f v", "XREAD COUNT 1 STREAMS s 0", "SCRIPT FLUSH", "ACL LIST", "LATENCY DOCTOR",
                            "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "CONFIG SET appendonly no", "CONFIG SET appendonly yes",
                            f"CONFIG SET port {free_port()}", f"CONFIG SET tls-cert-file {cert}", "OBJECT HELP", "NOSUCH"):
                client.sendall(command.encode() + b"\r\n")
                time.sleep(0.05)
                client.recv(1_000_000)
            for i in range(200):
                client.sendall(f"SET k{i} {'v' * 2000}\r\n".encode())
            client.recv(10_000)
            if tls:
                over_tls(tls_port, b"GET t\r\n")
            time.sleep(3)
            client.sendall(b"SHUTDOWN SAVE\r\n")
            process.wait(60)
    finally:
        if process.poll() is None:
            stop(process)


# Name -> (program, workload, libraries that it loads by names made at run time).
WORKLOADS = {
    "sqlite3": ("/usr/bin/sqlite3", sqlite3, list),
    "curl": ("/usr/bin/curl", curl, list),
    "python3.11": ("/usr/bin/python3.11", python, python_extensions),
    "nginx": ("/usr/sbin/nginx", nginx, list),
    "memcached": ("/usr/bin/memcached", memcached, list),
    "apache2": ("/usr/sbin/apache2", apache2, apache_modules),
    "redis": ("/usr/bin/redis-server", redis, list),
    "lighttpd": ("/usr/sbin/lighttpd", lighttpd, lighttpd_modules),
    "bind9": ("/usr/sbin/named", bind9, list),
}
