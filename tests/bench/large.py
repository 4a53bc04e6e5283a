#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What size does to it, measured on the running daemon.

    large.py [large] [deferred] [profile]

large: BENCH_MEMBERS (default 1000000; 10000000 is what it is for and takes
about ten minutes, most of it the import) members over 500 domains, made up row
by row into one CSV file of some 26 octets a member and taken by the real
import.  They are sent a letter for BENCH_SECONDS (default 20), then the
campaign is paused, resumed and cancelled.

    large_import_rows_per_s  rows without attributes, with vouched evidence
    large_enqueue_ms     as enqueue_ms of fanout.py
    large_first_copy_ms  from the call to the first MAIL at the sink
    large_rss_mb         the most that all roles held while sending, mapped
                         files apart (RssAnon and RssShmem)
    large_rss_mb_ROLE    what of it a role held after BENCH_SECONDS, and
    large_idle_rss_mb    of all before anything was sent
    large_per_s          copies while it went
    pause_ms resume_ms cancel_ms
                         each call as the client sees it, with most members
                         open; what was out is recalled before it answers
    large_wrong          recipients by which delivered differs from what the
                         sink accepted, or the cancelled campaign's figures
                         from its count

deferred: BENCH_DEFERRED (default 1000000) members who were all tried once and
wait.  The rows are written by tests/bench/defer_all, a writer for tests alone,
into the stopped daemon's store: so many real refusals would only take long.

    defer_rows_per_s     of that writer, for comparison
    queue_bytes          of the queue's store for one of them
    restart_ms           from the start of the program until the first MAIL:
                         to the owner of a list that is made then
    restart_ready_ms     ... until every role is ready
    deferred_rss_mb      of all roles then
    deferred_pause_ms deferred_resume_ms deferred_suspend_ms deferred_cancel_ms
                         as above, with all of them waiting

profile: BENCH_PROFILE (default 20000) members as a real list has them: 67 % at
one site, 9 % and 6 % at two more, the others over 180 domains at 37; of the
answers to RCPT 2 % are 4xx and 1 % are 5xx, and the final dot takes 50 ms.
Each site is one set of hosts that some domains share, 12 the large ones.  The
second takes so many messages a minute, the third so many connections; the
figures are those of the sink.

    profile_per_s        attempts from the first MAIL until all have an outcome
    profile_cap          connections to a site that the configuration allows
    profile_most         the most at one site at once
    profile_over         sites where there were more than that
    profile_large_per_s  attempts at the large site while it had work, and
    profile_large_ratio  that over what its connections can take, one of which
                         is kept for notices
    profile_minute_cap profile_minute_most
                         messages in a minute at the second site: allowed, seen
    profile_connects_cap profile_connects_most
                         likewise connections at the third
    profile_tail_s       until the long tail was done, and
    profile_all_s        until all was: the large site must not delay the rest
"""

import collections
import os
import subprocess
import time

import harness
from harness import wait_until
from harness.world import FROM, LIST, destination

from fanout import (DOMAINS, IDLE_SECONDS, Peak, call, figure, first_mail,
                    letter, private_kb)
import fanout

MEMBERS = int(os.environ.get("BENCH_MEMBERS", "1000000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "20"))
DEFERRED = int(os.environ.get("BENCH_DEFERRED", "1000000"))
PROFILE = int(os.environ.get("BENCH_PROFILE", "20000"))
IMPORT_SECONDS = 3000
CAP = 10
TAIL = 180
SITES = 40
SHARING = 12            # domains of each large site
DOT_MS = 50
PER_MINUTE = 1800
CONNECTS = 60           # a minute, each for
PER_CONNECTION = 20     # messages
LARGE, SECOND, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"


def world(t, **settings):
    options = settings.pop("sink_options", ["--no-check", "--no-count"])
    w = harness.World(t, domains=DOMAINS, tls=False, store=True,
                      map_size="64g", map_size_queue="16g",
                      import_max_size="2g", log_level="notice",
                      sink_options=options, **settings)
    w.ready_list()
    w.sink.store_off()
    return w


def roles_of(w):
    return [w.daemon.process.pid] + sum(w.daemon.roles().values(), [])


def fill(t, w, n, domain=lambda i: destination(i % DOMAINS)):
    """n members of the list, through the import; rows a second."""
    path = t.path("members.csv")
    with open(path, "w", buffering=1 << 20) as f:
        f.write("email\n")
        for start in range(0, n, 10000):
            f.write("".join(["m%07d@%s\n" % (i, domain(i)) for i in
                             range(start, min(n, start + 10000))]))
    time.sleep(IDLE_SECONDS)
    began = time.monotonic()
    done = w.ctl("subscriber", "import", LIST, path, "--source",
                 "members of the mill's own web shop", "--evidence",
                 "confirmed", "--evidence-file",
                 t.write("evidence.txt", "Confirmed elsewhere.\n"),
                 seconds=IMPORT_SECONDS)
    os.unlink(path)
    if done["counts"]["added"] != n:
        raise harness.Failed("import: %r" % done)
    return n / (time.monotonic() - began)


def timed(w, name, verb, args):
    began = time.monotonic()
    value = call(w, verb, args, {})
    figure(name, (time.monotonic() - began) * 1000, "ms")
    return value


def show(w, number):
    return call(w, "campaign show", {"ID": str(number)}, {})


def none_open(w):
    return call(w, "queue summary", {}, {})["open"] == 0


def released_ms(w):
    return int(w.daemon.wait_log(
        r"event=campaign-released .* commit_ms=\d+ ms=(\d+)").group(1))


def ended(row):
    return sum(row[k] for k in ("delivered", "failed", "expired",
                                "suppressed", "left"))


# ---- many members

def large(t):
    w = world(t)
    figure("large_import_rows_per_s", fill(t, w, MEMBERS), "/s")
    time.sleep(IDLE_SECONDS)
    figure("large_idle_rss_mb", private_kb(roles_of(w)) / 1024, "MB")
    path = t.write("letter.eml", letter_without_values())
    w.sink.reset()
    peak = Peak(roles_of(w))
    peak.start()
    began = time.monotonic()
    number = call(w, "campaign send", {"LIST": LIST}, {"FILE": path})["id"]
    figure("large_first_copy_ms", first_mail(w, began), "ms")
    figure("large_enqueue_ms", released_ms(w), "ms")
    time.sleep(SECONDS)
    for name, pids in sorted(w.daemon.roles().items()):
        figure("large_rss_mb_" + name, private_kb(pids) / 1024, "MB")
    ids = {"ID": str(number)}
    timed(w, "pause_ms", "campaign pause", ids)
    took = time.monotonic() - began
    wait_until(lambda: none_open(w), 60, "nothing to be out")
    row, accepted = show(w, number), w.sink.summary()["accepted"]
    figure("large_per_s", row["delivered"] / took, "/s")
    wrong = abs(row["delivered"] - accepted)
    timed(w, "resume_ms", "campaign resume", ids)
    wait_until(lambda: w.sink.summary()["accepted"] > accepted, 60,
               "it to go on")
    timed(w, "cancel_ms", "campaign cancel", ids)
    wait_until(lambda: none_open(w), 60, "nothing to be out")
    peak.over.set()
    row = show(w, number)
    wrong += abs(row["delivered"] - w.sink.summary()["accepted"])
    wrong += abs(row["count"] - ended(row) - row["unsent"])
    wrong += abs(row["count"] - MEMBERS)
    figure("large_rss_mb", peak.kb / 1024, "MB")
    figure("large_wrong", wrong, "each")
    t.equal(wrong, 0, "figures that differ: %r" % row)


def letter_without_values():
    """5 KB, with what every member has."""
    text = letter()
    for name in ("name", "city", "number"):
        text = text.replace("{{%s}}" % name, "{{address}}")
    return text


# ---- many who wait

def deferred(t):
    w = world(t)
    fill(t, w, DEFERRED)
    path = t.write("letter.eml", letter_without_values())
    w.sink.rules("connect hang\n")     # nothing of it goes out
    number = call(w, "campaign send", {"LIST": LIST}, {"FILE": path})["id"]
    ids = {"ID": str(number)}
    w.daemon.stop()
    began = time.monotonic()
    out = subprocess.run(
        [t.program("tests/bench/defer_all"), w.daemon.data_dir, str(number),
         "36000"], check=True, timeout=600, stdout=subprocess.PIPE).stdout
    figure("defer_rows_per_s", int(out) / (time.monotonic() - began), "/s")
    t.equal(int(out), DEFERRED, "rows")
    size = sum(fanout.table_octets(os.path.join(
        w.daemon.data_dir, "queue"), ["deferrals"]).values())
    figure("queue_bytes", size / DEFERRED, "octets")
    w.sink.rules(None)
    w.sink.reset()
    restart(w)
    figure("deferred_rss_mb", private_kb(roles_of(w)) / 1024, "MB")
    timed(w, "deferred_pause_ms", "campaign pause", ids)
    timed(w, "deferred_resume_ms", "campaign resume", ids)
    timed(w, "deferred_suspend_ms", "queue suspend",
          {"SITE": "mx01.sink.example"})
    row = show(w, number)
    t.equal((row["state"], row["deferred"], ended(row)),
            ("running", DEFERRED, 0), "while they wait: %r" % row)
    timed(w, "deferred_cancel_ms", "campaign cancel", ids)
    row = show(w, number)
    t.equal((row["state"], row["unsent"], ended(row)),
            ("cancelled", DEFERRED, 0), "cancelled: %r" % row)


def restart(w):
    """Until it is ready, and until it hands out what is asked of it then:
    the mail to the owner of a new list."""
    began = time.monotonic()
    w.daemon.start()
    figure("restart_ready_ms", (time.monotonic() - began) * 1000, "ms")
    w.ctl("list", "create", "other", "--from", FROM, "--title", "Other",
          "--postal-address", harness.world.POSTAL, "--owner",
          harness.world.OWNER)
    wait_until(lambda: w.sink.summary()["begun"] > 0, 120,
               "mail after the start", step=0.001)
    figure("restart_ms", (time.monotonic() - began) * 1000, "ms")


# ---- as receivers are

def at(i):
    """The destination of the i-th member of a real list."""
    share = i * 7919 % 100
    if share < 82:
        site = 0 if share < 67 else 1 if share < 76 else 2
        return destination(i // 100 % SHARING * SITES + site)
    n = i % TAIL
    return destination(n // (SITES - 3) * SITES + 3 + n % (SITES - 3))


RULES = """\
rcpt percent=2 seed=1 reply "452 4.2.2 mailbox full"
rcpt percent=1 seed=2 reply "550 5.1.1 no such user"
dot delay %d
""" % DOT_MS

# Of the others the data that are shipped must not say what they may take.
OVERLAY = harness.scene.UNSHAPED + """
[provider second]
mx = mx02.sink.example
messages_per_minute = %d
[provider third]
mx = mx03.sink.example
connects_per_minute = %d
messages_per_connection = %d
""" % (PER_MINUTE, CONNECTS, PER_CONNECTION)


def profile(t):
    w = world(t, sites=SITES, journal=True, sink_options=["--no-check"],
              shaping_overlay=t.write("profile.conf", OVERLAY),
              connections_per_site=CAP)
    fill(t, w, PROFILE, at)
    w.sink.reset()
    w.sink.rules(RULES)
    path = t.write("letter.eml", letter_without_values())
    began = time.monotonic()
    number = call(w, "campaign send", {"LIST": LIST}, {"FILE": path})["id"]
    first_mail(w, began)

    def all_tried():
        row = show(w, number)
        return ended(row) + row["deferred"] >= PROFILE
    wait_until(all_tried, 60 + PROFILE / 50, "an outcome for each", step=0.1)
    figure("profile_per_s", PROFILE / (time.monotonic() - began), "/s")
    most = peaks(w.sink.events("connect", "close"))
    figure("profile_cap", CAP, "each")
    figure("profile_most", max(most.values()), "each")
    figure("profile_over", sum(n > CAP for n in most.values()), "sites")
    large_site(w)
    t.check(max(most.values()) <= CAP, "connections: %r" % most)
    for name, cap, seen in (
            ("minute", PER_MINUTE, in_a_minute(w, "mail", SECOND)),
            ("connects", CONNECTS, in_a_minute(w, "connect", THIRD))):
        figure("profile_%s_cap" % name, cap, "each")
        figure("profile_%s_most" % name, seen, "each")
        t.check(seen <= cap, "%s in a minute: %d" % (name, seen))
    tail(w, began)
    row = show(w, number)
    if row["count"] != PROFILE:
        raise harness.Failed("not all: %r" % row)


def large_site(w):
    """How fast it went where nothing but connections and answers limit."""
    seen = [e.ms for e in w.sink.events("mail") if e.local == LARGE]
    per_s = (len(seen) - 1) * 1000 / (max(seen) - min(seen))
    figure("profile_large_per_s", per_s, "/s")
    figure("profile_large_ratio", per_s / ((CAP - 1) * 1000 / DOT_MS),
           "of 1")


def in_a_minute(w, event, local):
    return harness.most_within([e.ms for e in w.sink.events(event)
                                if e.local == local], 60000)


def tail(w, began):
    """When the last of the tail, and the last of all, was answered."""
    last = collections.Counter()
    for e in w.sink.events("rcpt"):
        part = "all" if e.local in (LARGE, SECOND, THIRD) else "tail"
        last[part] = max(last[part], e.ms / 1000 - began)
    figure("profile_tail_s", last["tail"], "s")
    figure("profile_all_s", max(last.values()), "s")


def peaks(events):
    """{local address: the most connections at once}"""
    now, most = collections.Counter(), collections.Counter()
    for e in sorted(events, key=lambda e: e.ms):
        now[e.local] += 1 if e.event == "connect" else -1
        most[e.local] = max(most[e.local], now[e.local])
    return most


if __name__ == "__main__":
    harness.run(large, deferred, profile)
