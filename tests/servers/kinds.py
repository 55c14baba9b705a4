# SPDX-License-Identifier: BSD-2-Clause
"""
The servers: how each is started, put under load and brought to rest, and what people who know it expect
to read first about its memory.
"""

import base64
import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Callable

from sources import FOLDER, debian, module, written

THREADS = 3


@dataclass(frozen=True)
class Expected:
    """What people expect among the first rows or suspects, and the words that name it there."""

    what: str
    words: str  # a regular expression
    stripped: str | None = None  # the same, where variables have no names
    reason: str = ""  # why it is not there, if it is not


# --- HTTP -------------------------------------------------------------------------------------------


def request(url, method="GET", body=None, headers=None):
    asked = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.read()


def answers(url):
    try:
        request(url)
        return True
    except (OSError, urllib.error.URLError):
        return False


class Load:
    """Threads that ask without end, a little apart."""

    def __init__(self, asks):
        self.over = threading.Event()
        self.done = self.failed = 0
        self.threads = [
            threading.Thread(target=self._run, args=(asks, i), daemon=True) for i in range(THREADS)
        ]

    def _run(self, asks, number):
        turn = number
        while not self.over.is_set():
            try:
                asks(turn)
                self.done += 1
            except (OSError, urllib.error.URLError):
                self.failed += 1
            turn += THREADS
            time.sleep(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


# --- the servers ------------------------------------------------------------------------------------


class Server:
    """Listens on 127.0.0.1 alone, at `port` and the few behind it."""

    about = ""  # what it does under load
    expects = ()
    health = "/metrics"

    def __init__(self, port, executable):
        self.port = port
        self.executable = executable
        self.url = f"http://127.0.0.1:{port}"
        self.home = FOLDER / f"home-{port}"
        self.kept = contextlib.ExitStack()  # connections, which end with it

    def fresh_home(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)

    def command(self):
        raise NotImplementedError

    def serves(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=30).close()
        except OSError:
            return False
        return answers(f"{self.url}{self.health}")

    def prepare(self):
        """What it holds in the end."""

    def ask(self, turn):
        """The load."""
        raise NotImplementedError

    def rest(self, process):
        """So that what it holds stands still."""
        del process
        time.sleep(2)

    def collect(self):
        request(f"{self.url}/debug/pprof/heap?gc=1")

    def figures(self):
        """What the server says of its heap: bytes and objects."""
        text = request(f"{self.url}/metrics").decode()
        own = dict(re.findall(r"^go_memstats_(\w+) (\S+)$", text, re.MULTILINE))
        return float(own["heap_alloc_bytes"]), float(own["heap_objects"])

    def connect(self, hello=b""):
        connection = self.kept.enter_context(
            socket.create_connection(("127.0.0.1", self.port), timeout=30)
        )
        connection.sendall(hello)
        return connection

    def leave(self):
        self.kept.close()


class Prometheus(Server):
    about = "scrapes itself forty times a second and answers queries"
    expects = (
        Expected("the head and its series", r"tsdb\.(Head|stripeSeries|memSeries)"),
        Expected("the head's index of postings", r"MemPostings",
                 reason="it is the head's alone, and counts there"),
        Expected("the scrape caches", r"scrape.*([cC]ache)"),
    )

    def configure(self, jobs):
        entry = """
  - job_name: itself-{0}
    scrape_interval: 1s
    static_configs: [{{targets: ['127.0.0.1:{1}'], labels: {{copy: 'c{0}'}}}}]"""
        text = "global: {scrape_interval: 1s}\n"
        if jobs:
            text += "scrape_configs:" + "".join(entry.format(i, self.port) for i in range(jobs))
        (self.home / "prometheus.yml").write_text(text + "\n")

    def command(self):
        self.fresh_home()
        self.configure(40)
        return [
            self.executable,
            f"--config.file={self.home}/prometheus.yml",
            f"--storage.tsdb.path={self.home}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def prepare(self):
        time.sleep(20)

    def ask(self, turn):
        query = ("go_goroutines", "sum(rate(prometheus_http_requests_total[1m]))", "up")[turn % 3]
        query = urllib.request.quote(query)
        request(f"{self.url}/api/v1/query?query={query}")

    def rest(self, process):
        self.configure(0)
        process.send_signal(signal.SIGHUP)
        time.sleep(5)


class Rclone(Server):
    about = "serves a folder of 20,000 files by WebDAV"
    expects = (
        Expected("the cached folders of the served tree", r"vfs\.(Dir|VFS|File)"),
    )
    FILES = 20000

    def __init__(self, port, executable):
        super().__init__(port, executable)
        self.served = self.url
        self.url = f"http://127.0.0.1:{port + 1}"

    def command(self):
        self.home.mkdir(parents=True, exist_ok=True)
        for i in range(self.FILES):
            path = self.home / f"folder-{i % 20}" / f"file-{i}.txt"
            if i < 20:
                path.parent.mkdir(exist_ok=True)
            if not path.exists():
                path.write_text(f"file {i}\n")
        return [
            self.executable,
            *("serve", "webdav", self.home, "--addr", f"127.0.0.1:{self.port}", "--rc"),
            *("--rc-addr", f"127.0.0.1:{self.port + 1}", "--rc-no-auth", "--rc-enable-metrics"),
            *("--dir-cache-time", "1h", "--config", "/dev/null"),
        ]

    def list(self, folder):
        request(f"{self.served}/folder-{folder}/", "PROPFIND", headers={"Depth": "1"})

    def prepare(self):
        for folder in range(20):
            self.list(folder)

    def ask(self, turn):
        if turn % 8:
            number = turn * 7919 % self.FILES
            request(f"{self.served}/folder-{number % 20}/file-{number}.txt")
        else:
            self.list(turn % 20)

    def collect(self):
        request(f"{self.url}/core/gc", "POST", b"")


class Etcd(Server):
    about = "holds 20,000 keys, leases and watches, and takes 1 KiB a put"
    expects = (
        Expected("raft's log entries", r"raftpb\.Entry|MemoryStorage"),
        Expected("the index of keys", r"treeIndex|keyIndex"),
        Expected("watches and what waits for them", r"watch",
                 reason="fifty watches are few beside keys and log"),
    )
    KEYS, AT_ONCE, WATCHES, LEASES = 20000, 100, 50, 2000

    def command(self):
        self.fresh_home()
        peer = f"http://127.0.0.1:{self.port + 1}"
        return [
            self.executable,
            *("--data-dir", self.home / "data", "--enable-pprof", "--unsafe-no-fsync"),
            *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"default={peer}"),
        ]

    def post(self, path, asked):
        return request(f"{self.url}/v3/{path}", "POST", json.dumps(asked).encode())

    @staticmethod
    def put(number, size):
        def text(value):
            return base64.b64encode(value.encode()).decode()

        return {"key": text(f"/registry/objects/{number:08}"), "value": text("x" * size)}

    def watch(self, number):
        key = base64.b64encode(f"/registry/objects/{number:04}".encode()).decode()
        end = base64.b64encode(f"/registry/objects/{number:04}~".encode()).decode()
        body = json.dumps({"create_request": {"key": key, "range_end": end}}).encode()
        head = f"POST /v3/watch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        self.connect(head.encode() + body)

    def prepare(self):
        for first in range(0, self.KEYS, self.AT_ONCE):
            puts = [
                {"request_put": self.put(number, 256)} for number in range(first, first + self.AT_ONCE)
            ]
            self.post("kv/txn", {"success": puts})
        for number in range(self.LEASES):
            self.post("lease/grant", {"TTL": 3600, "ID": number + 1})
        for number in range(self.WATCHES):
            self.watch(number)

    def ask(self, turn):
        self.post("kv/put", self.put(turn * 7919 % self.KEYS, 1024))


class Nats(Server):
    about = "has 100 clients with 200 subscriptions each, and a stream of JetStream in memory"
    expects = (
        Expected("the account's list of subscriptions", r"Sublist|Account\.sl|subscription"),
        Expected("messages of the stream in memory", r"memStore"),
        Expected("clients", r"^\S*server\.client\b",
                 reason="what a client has but its subscriptions is little, and those are the account's too"),
    )
    health = "/varz"
    CLIENTS, SUBSCRIPTIONS, MESSAGES = 100, 200, 10000

    def __init__(self, port, executable):
        super().__init__(port, executable)
        self.url = f"http://127.0.0.1:{port + 1}"
        self.debugged = f"http://127.0.0.1:{port + 2}"

    def command(self):
        self.fresh_home()
        (self.home / "nats.conf").write_text(
            f"listen: 127.0.0.1:{self.port}\nhttp: 127.0.0.1:{self.port + 1}\n"
            f"prof_port: {self.port + 2}\njetstream {{ store_dir: {self.home} }}\n"
            'ping_interval: "1h"\n'  # its clients do not answer
        )
        return [self.executable, "-a", "127.0.0.1", "-c", self.home / "nats.conf"]

    @staticmethod
    def read_until(connection, wanted):
        read = b""
        while wanted not in read:
            some = connection.recv(65536)
            if not some:
                raise OSError("the connection ended")
            read = read[-len(wanted) :] + some
        return read

    def client(self, *lines):
        connection = self.connect(b'CONNECT {"verbose":false,"name":"load"}\r\n')
        self.say(connection, *lines)
        return connection

    def say(self, connection, *lines):
        connection.sendall(b"".join(lines) + b"PING\r\n")
        self.read_until(connection, b"PONG\r\n")

    @staticmethod
    def publish(subject, body, reply=""):
        return f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n"

    def prepare(self):
        for i in range(self.CLIENTS):
            self.client(
                *(
                    f"SUB sensors.{i}.room.{j}.> {j + 1}\r\n".encode()
                    for j in range(self.SUBSCRIPTIONS)
                )
            )
        stream = {"name": "ORDERS", "subjects": ["orders.*"], "storage": "memory", "retention": "limits",
                  "max_msgs": self.MESSAGES, "discard": "old", "num_replicas": 1, "max_consumers": -1,
                  "max_bytes": -1, "max_age": 0}
        first = self.client(b"SUB made 1\r\n")
        first.sendall(self.publish("$JS.API.STREAM.CREATE.ORDERS", json.dumps(stream).encode(), "made"))
        self.read_until(first, b"stream_create_response")
        self.loading = [self.client() for _ in range(THREADS)]
        for begin in range(0, self.MESSAGES, 500):
            self.say(
                self.loading[0],
                *(self.publish(f"orders.{i % 1000}", b"x" * 512) for i in range(begin, begin + 500)),
            )

    def ask(self, turn):
        self.say(
            self.loading[turn % THREADS],
            self.publish(f"sensors.{turn % self.CLIENTS}.room.{turn % self.SUBSCRIPTIONS}.{turn % 10}",
                         b"21.5"),
            self.publish(f"orders.{turn % 1000}", b"y" * 512),
        )

    def collect(self):
        request(f"{self.debugged}/debug/pprof/heap?gc=1")

    def figures(self):
        text = request(f"{self.debugged}/debug/pprof/heap?debug=1").decode()
        own = dict(re.findall(r"^# (Heap\w+) = (\d+)$", text, re.MULTILINE))
        return float(own["HeapAlloc"]), float(own["HeapObjects"])


class Caddy(Server):
    about = "has 100 names with certificates of its own, 300 routes and 300 connections"
    expects = (
        Expected("certificates in its cache", r"certmagic|x509\.Certificate\b",
                 reason="the cache is held by a variable that has no name here, and shares each certificate"),
        Expected("connections and their buffers", r"net/http\.(\(\*?)?conn|bufio"),
        Expected("routes and their handlers", r"rawCfg|caddyhttp\.(Route|App|Server)",
                 r"interface \{\}\).*any\)|caddyhttp\.Server",
                 reason="the settings that they are made from take more than they do"),
    )
    NAMES, ROUTES, CONNECTIONS = 100, 300, 300

    def __init__(self, port, executable):
        super().__init__(port, executable)
        self.url = f"http://127.0.0.1:{port + 1}"
        self.served = f"http://127.0.0.1:{port}"

    def command(self):
        self.fresh_home()
        (self.home / "files").mkdir()
        for i in range(100):
            (self.home / "files" / f"{i}.html").write_text("x" * 4096)
        names = [f"site-{i}.localhost" for i in range(self.NAMES)]
        routes = [
            {"match": [{"path": [f"/api/{i}/*"]}],
             "handle": [{"handler": "static_response", "body": f"api {i}"}]}
            for i in range(self.ROUTES)
        ] + [{"handle": [{"handler": "file_server", "root": str(self.home / "files")}]}]
        settings = {
            "admin": {"listen": f"127.0.0.1:{self.port + 1}"},
            "storage": {"module": "file_system", "root": str(self.home / "storage")},
            "apps": {
                "http": {"servers": {"main": {
                    "listen": [f"127.0.0.1:{self.port}"], "routes": routes,
                    "automatic_https": {"disable": True}, "idle_timeout": "1h"}}},
                "pki": {"certificate_authorities": {"local": {"install_trust": False}}},
                "tls": {"certificates": {"automate": names},
                        "automation": {"policies": [{"issuers": [{"module": "internal"}]}]}},
            },
        }
        (self.home / "caddy.json").write_text(json.dumps(settings))
        return ["env", f"HOME={self.home}", f"XDG_DATA_HOME={self.home}", f"XDG_CONFIG_HOME={self.home}",
                self.executable, "run", "--config", self.home / "caddy.json"]

    def prepare(self):
        for i in range(self.CONNECTIONS):
            connection = self.connect(f"GET /api/{i}/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            connection.recv(65536)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            made = list((self.home / "storage").glob("certificates/*/*/*.crt"))
            if len(made) >= self.NAMES:
                break
            time.sleep(0.5)

    def ask(self, turn):
        path = f"/api/{turn % self.ROUTES}/x" if turn % 2 else f"/{turn % 100}.html"
        request(f"{self.served}{path}")


class Keeper(Server):
    about = "(of google.golang.org/grpc) keeps 20,000 to 40,000 requests, and 800 streams of 100 connections"
    expects = (
        Expected("requests that the service keeps", r"main\.keeper\.requests"),
        Expected("streams that are open", r"main\.(keeper\.watchers|watcher)|ServerStream"),
        Expected("connections and their buffers", r"transport\.(http2Server|bufWriter)|http2\.Framer",
                 reason="a hundred connections that wait keep no buffers"),
    )

    def __init__(self, port, executable):
        super().__init__(port, executable)
        self.url = f"http://127.0.0.1:{port + 1}"

    def command(self):
        return [self.executable, f"127.0.0.1:{self.port}"]

    def prepare(self):
        self.clients = self.kept.enter_context(
            subprocess.Popen(
                [self.executable, f"127.0.0.1:{self.port}", "load"], stdout=subprocess.PIPE
            )
        )
        self.kept.callback(self.clients.kill)
        if self.clients.stdout.readline() != b"READY\n":
            raise RuntimeError("the clients have ended")

    def ask(self, turn):
        del turn
        request(f"{self.url}/metrics")

    def rest(self, process):
        self.clients.send_signal(signal.SIGSTOP)
        super().rest(process)

    def collect(self):
        request(f"{self.url}/collect")


@dataclass(frozen=True)
class Source:
    """A server of the list: its kind, its first port, and where it is from."""

    kind: type
    port: int
    get: Callable

    def server(self):
        return self.kind(self.port, self.get())


SERVERS = {
    "prometheus, Debian's": Source(Prometheus, 19090, lambda: debian("prometheus", "usr/bin/prometheus")),
    "prometheus": Source(
        Prometheus,
        19095,
        lambda: module("prometheus", "github.com/prometheus/prometheus/cmd/prometheus", "v0.316.0",
                       "github.com/prometheus/prometheus"),
    ),
    "rclone": Source(Rclone, 19100, lambda: module("rclone", "github.com/rclone/rclone", "v1.76.0")),
    "etcd, Debian's": Source(Etcd, 19105, lambda: debian("etcd-server", "usr/bin/etcd")),
    "etcd": Source(Etcd, 19110, lambda: module("etcd", "go.etcd.io/etcd/server/v3", "v3.7.3")),
    "nats, Debian's": Source(Nats, 19115, lambda: debian("nats-server", "usr/sbin/nats-server")),
    "nats": Source(
        Nats, 19120, lambda: module("nats-server", "github.com/nats-io/nats-server/v2", "v2.15.3")
    ),
    "caddy, Debian's": Source(Caddy, 19125, lambda: debian("caddy", "usr/bin/caddy")),
    "caddy": Source(
        Caddy,
        19130,
        lambda: module("caddy", "github.com/caddyserver/caddy/v2/cmd/caddy", "v2.11.9",
                       "github.com/caddyserver/caddy/v2"),
    ),
    "grpc": Source(Keeper, 19135, lambda: written("keeper", "google.golang.org/grpc@v1.85.0")),
}
