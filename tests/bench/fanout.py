#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a campaign costs, measured on the running daemon.

BENCH_MEMBERS (default 50000) members over 500 domains at 20 sites are imported
and sent a message of 5 KB with three placeholders, one recipient a transaction,
every outcome durable, by two deliver roles.  The sink that takes them runs on
the same machine, speaks no TLS and only counts.  Then members leave by
one-click posts, which are compared with libmicrohttpd answering the same posts
with a fixed page: the same client and number of lasting connections, as of a
large provider whose people all press the button, one request at a time on
each, the same number of threads, both without TLS.  The client takes of the
same cores.

    rsa_sign_us          CPU of one RSA-2048 signature while every core signs;
                         mean of before and after the send
    delivery_cpu_us      user and system time of all roles, from the first MAIL
                         to the last commit, over the deliveries
    delivery_cpu_ratio   the second over the first
    cpu_us_ROLE          what of it is the role's
    deliveries_per_s     from the first MAIL to the last commit
    busy                 (listd + sink CPU) / (cores x time - steal), then
    sink_cpu_us          the sink's CPU for a message
    context_switches     of all roles, for a delivery
    enqueue_ms           in the queue role, from the call "campaign send" until
                         the campaign is durable: content adopted and synced,
                         compiled, judged, signed for a try, released
    enqueue_commit_ms    of that the release: the list's figures in a commit of
                         S, the campaign's one row in a commit of Q
    send_call_ms         the whole call as the client sees it
    first_copy_ms        from the call to the first MAIL at the sink
    rss_mb               the most that all roles together held while sending,
                         mapped files apart
    import_rows_per_s    rows with three attributes and vouched evidence, from
                         the call to its answer, the store idle
    subscriber_bytes     of the store for a subscription: row and indexes
    attribute_bytes      ... for its attributes
    entry_bytes          ... for its consent entry and its place in the ledger
    oneclick_per_s       durable one-click posts answered
    oneclick_ratio       that over what the fixed page gave
    oneclick_cpu_us_ROLE the role's user and system time for a post
    fixed_cpu_us         that of the server with the fixed page
"""

import array
import ctypes
import ctypes.util
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

import harness
from harness import process, wait_until

MEMBERS = int(os.environ.get("BENCH_MEMBERS", "50000"))
DOMAINS = 500
SEND_SECONDS = 60 + MEMBERS / 100
POSTS = 20000           # at most
IDLE_SECONDS = 1.5      # after which a store counts as idle (writer.h)
CONNECTIONS = 512
HTTP_THREADS = 2
TICK = os.sysconf("SC_CLK_TCK")
IPC_CALL, IPC_DONE = 0x0400, 0x0403


def figure(name, value, unit):
    print("bench %s %s %s" % (name, "%.4g" % value if value < 1000 else
                              "%.0f" % value, unit))


# ---- what the kernel counts

def cpu_us(pids):
    """User and system time of these processes."""
    fields = [process.stat_fields(pid) for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields) * 1e6 / TICK


def switches(pids):
    total = 0
    for pid in pids:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/status" % (pid, task)) as f:
                total += sum(int(line.split()[1]) for line in f
                             if "ctxt_switches" in line)
    return total


def private_kb(pids):
    """Memory that no file stands behind."""
    total = 0
    for pid in pids:
        with open("/proc/%d/status" % pid) as f:
            total += sum(int(line.split()[1]) for line in f
                         if line.startswith(("RssAnon", "RssShmem")))
    return total


def steal_us():
    with open("/proc/stat") as f:
        return int(f.readline().split()[8]) * 1e6 / TICK


class Peak(threading.Thread):
    """The most memory these processes had, looked at now and then."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids = pids
        self.kb = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.25):
            self.kb = max(self.kb, private_kb(self.pids))


def rsa_us(t):
    out = subprocess.run([t.program("tests/bench/bench_rsa")], check=True,
                         timeout=120, stdout=subprocess.PIPE).stdout
    return float(out.split()[0])


# ---- the store's tables, as LMDB's own library sees them

class MdbStat(ctypes.Structure):
    _fields_ = [("psize", ctypes.c_uint), ("depth", ctypes.c_uint)] + [
        (n, ctypes.c_size_t) for n in ("branch", "leaf", "overflow",
                                       "entries")]


MDB_RDONLY, MDB_MAXDBS = 0x20000, 64


def table_octets(folder, names):
    """{name: octets of its pages}"""
    lmdb = ctypes.CDLL(ctypes.util.find_library("lmdb"))
    env, txn, dbi = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_uint()

    def need(rc):
        if rc != 0:
            raise harness.Failed("lmdb: error %d" % rc)

    need(lmdb.mdb_env_create(ctypes.byref(env)))
    need(lmdb.mdb_env_set_maxdbs(env, MDB_MAXDBS))
    need(lmdb.mdb_env_open(env, folder.encode(), MDB_RDONLY, 0o600))
    need(lmdb.mdb_txn_begin(env, None, MDB_RDONLY, ctypes.byref(txn)))
    found = {}
    for name in names:
        stat = MdbStat()
        need(lmdb.mdb_dbi_open(txn, name.encode(), 0, ctypes.byref(dbi)))
        need(lmdb.mdb_stat(txn, dbi, ctypes.byref(stat)))
        found[name] = stat.psize * (stat.branch + stat.leaf + stat.overflow)
    lmdb.mdb_txn_abort(txn)
    lmdb.mdb_env_close(env)
    return found


def measure_store(w):
    sizes = table_octets(os.path.join(w.daemon.data_dir, "subscribers"), [
        "members", "by_id", "by_hash", "counts", "attributes", "consent",
        "consent_of", "leaves", "tiles"])
    rows = sum(sizes[n] for n in ("members", "by_id", "by_hash", "counts"))
    figure("subscriber_bytes", rows / MEMBERS, "octets")
    figure("attribute_bytes", sizes["attributes"] / MEMBERS, "octets")
    figure("entry_bytes", sum(sizes[n] for n in (
        "consent", "consent_of", "leaves", "tiles")) / MEMBERS, "octets")


# ---- one call without the start of a program around it

def call(w, verb, args, files):
    """What listctl does (listd/verbs.h); the last JSON value."""
    body = json.dumps({"verb": verb, "args": args, "options": {},
                       "files": list(files)}).encode()
    head = struct.pack(">IHHI", len(body) + 4, IPC_CALL, len(files),
                       len(body))
    fds = array.array("i", [os.open(p, os.O_RDONLY) for p in files.values()])
    value = None
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(w.daemon.socket)
        s.sendmsg([head + body], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                   fds)])
        with s.makefile("rb") as answers:
            while True:
                length, kind, _ = struct.unpack(">IHH", answers.read(8))
                data = answers.read(length)
                if kind == IPC_DONE:
                    break
                if kind == IPC_CALL + 1:
                    value = json.loads(data[4:])
    for fd in fds:
        os.close(fd)
    if data[0] != 0:
        raise harness.Failed("%s: %r" % (verb, data))
    return value


# ---- the parts

def members():
    return ["m%06d@%s" % (i, harness.world.destination(i % DOMAINS))
            for i in range(MEMBERS)]


def letter():
    words = "All the grain of the valley goes through one pair of stones. "
    page = "".join("<p>%s</p>\n" % (words * 4) for _ in range(10))
    return "\n".join([
        "From: Mill News <%s>" % harness.world.FROM,
        "Subject: News for {{name}}", "MIME-Version: 1.0",
        "Content-Type: multipart/alternative; boundary=b", "",
        "--b", "Content-Type: text/plain; charset=utf-8", "",
        "Dear {{name}} of {{city}}, member {{number}},", "",
        "\n".join([words] * 30), "", "Stop: {{unsubscribe_url}}",
        "--b", "Content-Type: text/html; charset=utf-8", "",
        "<html><body><p>Dear {{name}} of {{city}}, member {{number}},</p>",
        page, "<p><a href=\"{{unsubscribe_url}}\">Stop</a></p>",
        "</body></html>", "--b--", ""])


def measure_import(w, addresses):
    rows = ["%s,Name %d,City %d,%d" % (a, i % 97, i % 89, i)
            for i, a in enumerate(addresses)]
    table = "\n".join(["email,name,city,number"] + rows + [""])
    time.sleep(IDLE_SECONDS)
    began = time.monotonic()
    done = w.import_members(table, "Confirmed elsewhere.\n", seconds=900)
    if done["counts"]["added"] != MEMBERS:
        raise harness.Failed("import: %r" % done)
    figure("import_rows_per_s", MEMBERS / (time.monotonic() - began), "/s")


def first_mail(w, began):
    """Wait for it; milliseconds since began."""
    while w.sink.summary()["begun"] == 0:
        if time.monotonic() > began + 60:
            raise harness.Failed("no MAIL within 60 s")
        time.sleep(0.0005)
    return (time.monotonic() - began) * 1000


def send(t, w):
    """Send to all; returns delivery_cpu_us."""
    roles = w.daemon.roles()
    pids = [w.daemon.process.pid] + sum(roles.values(), [])
    sink = [w.sink.process.pid]
    path = t.write("letter.eml", letter())
    w.sink.reset()
    peak = Peak(pids)
    began = time.monotonic()
    number = call(w, "campaign send", {"LIST": harness.world.LIST},
                  {"FILE": path})["id"]
    answer_ms = (time.monotonic() - began) * 1000
    first_ms = first_mail(w, began)
    start = time.monotonic()
    at_first = cpu_us(pids), cpu_us(sink), switches(pids), steal_us()
    of_role = {name: cpu_us(its) for name, its in roles.items()}
    peak.start()
    wait_until(lambda: w.sink.summary()["accepted"] >= MEMBERS, SEND_SECONDS,
               "%d copies" % MEMBERS, step=0.1)
    wait_until(lambda: call(w, "campaign show", {"ID": str(number)},
                            {})["state"] == "finished", 30,
               "the campaign to finish", step=0.005)
    wall = time.monotonic() - start
    at_end = cpu_us(pids), cpu_us(sink), switches(pids), steal_us()
    of_role = {name: cpu_us(its) - of_role[name]
               for name, its in roles.items()}
    peak.over.set()
    cpu, sink_cpu, switched, steal = (b - a for a, b in zip(at_first, at_end))
    now = w.campaign(number)
    if now["delivered"] != MEMBERS:
        raise harness.Failed("not all were delivered: %r" % now)
    if roles != w.daemon.roles():
        raise harness.Failed("a role was started again meanwhile")
    released = re.search(r"event=campaign-released .* commit_ms=(\d+) "
                         r"ms=(\d+)", w.daemon.log())
    figure("enqueue_ms", int(released.group(2)), "ms")
    figure("enqueue_commit_ms", int(released.group(1)), "ms")
    figure("send_call_ms", answer_ms, "ms")
    figure("first_copy_ms", first_ms, "ms")
    figure("delivery_cpu_us", cpu / MEMBERS, "us")
    for name in ("deliver", "queue"):
        figure("cpu_us_" + name, of_role[name] / MEMBERS, "us")
    figure("deliveries_per_s", MEMBERS / wall, "/s")
    figure("busy", (cpu + sink_cpu) / (os.cpu_count() * wall * 1e6 - steal),
           "of 1")
    figure("sink_cpu_us", sink_cpu / MEMBERS, "us")
    figure("context_switches", switched / MEMBERS, "each")
    figure("rss_mb", peak.kb / 1024, "MB")
    return cpu / MEMBERS


def load(t, port, paths):
    """Posts answered in a second."""
    out = subprocess.run([t.program("tests/bench/http_load"), str(port),
                          str(CONNECTIONS)], input=paths, check=True,
                         timeout=300, stdout=subprocess.PIPE).stdout.split()
    posts, ok, seconds = int(out[1]), int(out[3]), float(out[5])
    if ok != posts:
        raise harness.Failed("%d of %d posts were answered 200" % (ok, posts))
    return posts / seconds


def measure_oneclick(t, w, addresses):
    chosen = addresses[:min(POSTS, MEMBERS)]
    shown = w.ctl("list", "show", harness.world.LIST)
    paths = subprocess.run(
        [t.program("tests/bench/unsubscribe_paths"), w.daemon.data_dir,
         str(shown["id"]), "1"], input="\n".join(chosen + [""]).encode(),
        check=True, timeout=60, stdout=subprocess.PIPE).stdout
    page = w.http("POST", "/u/x", body=b"")
    plain = t.spawn([t.program("tests/bench/static_http"), str(HTTP_THREADS),
                     str(len(page.body))], "static", stdin=subprocess.PIPE)
    wait_until(plain.out, 10, "static_http")
    # Half of the fixed answers before ours and half after.
    half = len(chosen) // 2 * len(paths.split(b"\n")[0] + b"\n")
    fixed = load(t, int(plain.out()), paths[:half])
    roles = w.daemon.roles()
    before = {name: cpu_us(its) for name, its in roles.items()}
    ours = load(t, w.daemon.http_port, paths)
    after = {name: cpu_us(its) for name, its in roles.items()}
    fixed = (fixed + load(t, int(plain.out()), paths[half:])) / 2
    fixed_us = cpu_us([plain.popen.pid])
    plain.popen.stdin.close()
    plain.wait(10)
    left = shown["active"] - w.ctl("list", "show",
                                   harness.world.LIST)["active"]
    if left != len(chosen):
        raise harness.Failed("%d posts, %d left" % (len(chosen), left))
    figure("oneclick_per_s", ours, "/s")
    figure("oneclick_ratio", ours / fixed, "of 1")
    for name in ("web", "queue"):
        figure("oneclick_cpu_us_" + name,
               (after[name] - before[name]) / len(chosen), "us")
    figure("fixed_cpu_us", fixed_us / len(chosen), "us")


def fanout(t):
    rsa = rsa_us(t)
    w = harness.World(t, domains=DOMAINS, tls=False, store=True,
                      http_per_address=1000, http_threads=HTTP_THREADS,
                      map_size="4g", log_level="notice",
                      sink_options=["--no-check", "--no-count"])
    w.ready_list()
    w.sink.store_off()
    addresses = members()
    measure_import(w, addresses)
    measure_store(w)
    delivery = send(t, w)
    rsa = (rsa + rsa_us(t)) / 2
    figure("rsa_sign_us", rsa, "us")
    figure("delivery_cpu_ratio", delivery / rsa, "of 1")
    measure_oneclick(t, w, addresses)


if __name__ == "__main__":
    harness.run(fanout)
