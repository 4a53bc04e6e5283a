#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the ledger costs, with the entries of BENCH_MEMBERS (default 1000000)
members that an import brought with vouched evidence, 26 octets a row.

    ledger_import_rows_per_s
                         as large_import_rows_per_s of large.py
    ledger_import_cpu_us of the queue role for a row
    ledger_import_rss_mb the most the queue role held meanwhile, mapped files
                         apart
    ledger_subscriber_bytes
                         of the store for a subscription
    ledger_entry_bytes   ... for an entry: it, the way to it, its place in the
                         tree
    ledger_leaf_bytes    ... what of it is the tree's
    ledger_verify_per_s  entries that listctl ledger verify looks at, beside
                         the running daemon, from its start to its end
    ledger_verify_s      ... the seconds that took, and
    ledger_verify_cpu_s  the CPU time
    ledger_verify_rss_mb ... and the most it held, mapped files apart
"""

import json
import os
import resource
import subprocess
import time

import harness
from fanout import Peak, cpu_us, figure, private_kb, table_octets
from large import MEMBERS, fill, world


def bring(t, w):
    queue = w.daemon.roles()["queue"]
    peak = Peak(queue)
    peak.start()
    before = cpu_us(queue)
    figure("ledger_import_rows_per_s", fill(t, w, MEMBERS), "/s")
    figure("ledger_import_cpu_us", (cpu_us(queue) - before) / MEMBERS, "us")
    peak.over.set()
    figure("ledger_import_rss_mb", peak.kb / 1024, "MB")


def sizes(w):
    of = table_octets(os.path.join(w.daemon.data_dir, "subscribers"), [
        "members", "by_id", "by_hash", "counts", "consent", "consent_of",
        "leaves", "tiles"])
    tree = of["leaves"] + of["tiles"]
    figure("ledger_subscriber_bytes", sum(of[n] for n in (
        "members", "by_id", "by_hash", "counts")) / MEMBERS, "octets")
    figure("ledger_entry_bytes", (of["consent"] + of["consent_of"] + tree) /
           MEMBERS, "octets")
    figure("ledger_leaf_bytes", tree / MEMBERS, "octets")


def children_s():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def most_kb(p):
    """The most that p and its child held; it ends meanwhile."""
    most = 0
    while p.poll() is None:
        try:
            with open("/proc/%d/task/%d/children" % (p.pid, p.pid)) as f:
                most = max(most, private_kb([p.pid] + [
                    int(pid) for pid in f.read().split()]))
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    return most


def verify(w):
    before, began = children_s(), time.monotonic()
    p = subprocess.Popen(w.daemon.listctl_argv("ledger", "verify", json=True),
                         stdout=subprocess.PIPE)
    most = most_kb(p)
    took = time.monotonic() - began
    summary = json.loads(p.stdout.read().splitlines()[-1])
    if p.returncode != 0 or summary["entries"] < MEMBERS:
        raise harness.Failed("verify: %r" % summary)
    figure("ledger_verify_per_s", summary["entries"] / took, "/s")
    figure("ledger_verify_s", took, "s")
    figure("ledger_verify_cpu_s", children_s() - before, "s")
    figure("ledger_verify_rss_mb", most / 1024, "MB")


def ledger(t):
    w = world(t)
    bring(t, w)
    sizes(w)
    verify(w)


if __name__ == "__main__":
    harness.run(ledger)
