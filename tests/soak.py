#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hours of a host's life in minutes; what `make soak` calls.

For SOAK_MINUTES (default 5) campaigns follow each other to SOAK_MEMBERS
(default 3000) people at 10 sites.  Meanwhile people join and leave, servers
defer, lose connections after the last dot and drop them before it, and every
few seconds a role, or all of the daemon, is killed.  SOAK_SEED repeats a run
as far as the machine allows.

What must hold (P1, P2, P4; F01, F20, S34):

    nobody is skipped       each who was a member all the time has each copy
    few are mailed twice    no more than could be open at the kills, and what
                            the sink itself left unanswered
    who left gets nothing   no MAIL a second or more after the answer, ever
    books are balanced      delivered + failed + expired + suppressed + left is
                            the count at release
    nothing grows           memory and descriptors of the roles
    the store is sound      listctl check and audit verify at the end
"""

import json
import os
import random
import subprocess
import time

import harness
from harness import world

MINUTES = float(os.environ.get("SOAK_MINUTES", "5"))
MEMBERS = int(os.environ.get("SOAK_MEMBERS", "3000"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
SITES = 10
PER_SITE = 3            # connections
DEPTH = 8               # deliveries on one (listd/scheduler.h)
BATCH = 4096            # outcomes that may wait for their commit
KILL_SECONDS = (4, 12)  # between two kills; five a minute are an alarm
SLACK_MS = 1000         # from an answer to the last MAIL
CAMPAIGN_SECONDS = 180
GROWTH_KB = 30 << 10
ROLES = ["queue", "deliver", "inbound", "web", "all"]
RULES = """
rcpt percent=2 seed=%d reply "451 4.2.1 later, please"
dot every=701 drop
data every=503 reset
""" % SEED


class Soak:
    def __init__(self, t):
        self.t = t
        self.random = random.Random(SEED)
        self.clock = t.clock()
        self.w = harness.World(
            t, domains=50, sites=SITES, tls=False, journal=True,
            clock=self.clock, deliver_roles=2, log_level="notice",
            connections_per_site=PER_SITE, map_size="512m")
        self.members = set()
        self.left = {}          # {address: machine's ms of the answer}
        self.campaigns = self.copies = self.again = self.kills = 0
        self.joined = 0
        self.next_kill = 0
        self.sizes = []         # (kilobytes, descriptors) after campaigns

    # ---- what happens to the host

    def kill(self):
        """End a role, or everything, in the middle of its work."""
        what = self.random.choice(ROLES)
        self.kills += 1
        if what != "all":
            pid = self.w.daemon.kill_role(
                what, index=self.random.randrange(2) if what == "deliver"
                else 0)
            self.w.daemon.wait_role(what, other_than=pid)
            return
        self.w.daemon.kill()
        self.w.daemon.start()

    def maybe_kill(self):
        if time.monotonic() < self.next_kill:
            return
        try:
            self.kill()
        except harness.Failed as e:
            if "no role" not in str(e):         # it is being started now
                raise
        self.next_kill = time.monotonic() + self.random.uniform(*KILL_SECONDS)

    def leave(self):
        address = self.random.choice(sorted(self.members))
        path = subprocess.run(
            [self.t.program("tests/bench/unsubscribe_paths"),
             self.w.daemon.data_dir, "1", "1"],
            input=(address + "\n").encode(), check=True, timeout=30,
            stdout=subprocess.PIPE).stdout.decode().strip()
        try:
            answer = self.w.http("POST", path, content_type="application/"
                                 "x-www-form-urlencoded",
                                 body=b"List-Unsubscribe=One-Click")
        except (OSError, ValueError):           # killed under our hands
            self.members.discard(address)       # nobody knows: not judged
            return
        if answer.status == 503:
            return
        self.members.discard(address)
        self.left[address] = time.monotonic() * 1000

    def join(self):
        """By the operator's hand, and the reply to the confirmation."""
        self.joined += 1
        address = "joined%d@%s" % (self.joined, world.destination(
            self.joined % self.w.domains))
        r = self.w.daemon.listctl("subscriber", "add", world.LIST, address,
                                  status=None)
        if r.status != 0:
            return
        try:
            self.w.press(self.w.link_in(self.w.mail_to(address, seconds=20)))
        except (OSError, ValueError, harness.Failed):
            return                              # not a member, or not known
        self.members.add(address)

    # ---- one campaign

    def send(self):
        path = self.t.write("soak.eml", "From: Mill News <%s>\r\nSubject: "
                            "Number %d\r\n\r\nDear {{name}},\r\n\r\nnumber %d."
                            "\r\n" % (world.FROM, self.campaigns,
                                      self.campaigns))

        def ask():
            r = self.w.daemon.listctl("--json", "campaign", "send",
                                      world.LIST, path, status=None)
            return r.status == 0 and r
        # Whoever asks again for the same content gets the same campaign.
        r = harness.wait_until(ask, 60, "the campaign to be taken", step=0.2)
        return json.loads(r.out.splitlines()[-1])["id"]

    def campaign(self):
        self.w.sink.reset()
        audience = set(self.members)
        number = self.send()
        end = time.monotonic() + CAMPAIGN_SECONDS
        while True:
            self.maybe_kill()
            if self.random.random() < 0.3:
                self.leave()
            if self.random.random() < 0.05:
                self.join()
            now = self.state(number)
            if now is not None and now["state"] == "finished":
                break
            # What waits for a retry is waited for in the daemon's time.
            if now is not None and now["deferred"] > 0 and \
                    now.get("waiting") == 0:
                self.clock.jump(120)
            if time.monotonic() > end:
                raise harness.Failed("campaign %d: %r" % (number, now))
            time.sleep(0.2)
        self.judge(number, now, audience)
        self.campaigns += 1

    def state(self, number):
        r = self.w.daemon.listctl("--json", "campaign", "show", number,
                                  status=None)
        return r.json() if r.status == 0 else None

    def judge(self, number, now, audience):
        ends = sum(now[k] for k in ("delivered", "failed", "expired",
                                    "suppressed", "left"))
        if ends != now["count"]:
            raise harness.Failed("the figures do not sum up: %r" % now)
        counts = self.w.sink.counts()
        skipped = [a for a in audience & self.members
                   if counts.get(a, (0, 0))[0] == 0]
        if skipped:
            raise harness.Failed("campaign %d: %d skipped, %s ...: %r" % (
                number, len(skipped), skipped[0], now))
        self.copies += sum(n for n, _ in counts.values())
        self.again += sum(max(0, n - 1 - lost)
                          for a, (n, lost) in counts.items()
                          if not a.startswith("joined"))
        pids = sum(self.w.daemon.roles().values(), [])
        self.sizes.append((sum(map(kilobytes, pids)),
                           sum(map(descriptors, pids))))

    # ---- the whole

    def at_the_end(self):
        late = [(e.rcpt, e.ms - self.left[e.rcpt])
                for e in self.w.sink.events("rcpt") if e.rcpt in self.left and
                e.ms > self.left[e.rcpt] + SLACK_MS]
        if late:
            raise harness.Failed("mailed after they had left: %r" % late[:5])
        most = self.kills * (SITES * PER_SITE * DEPTH + BATCH)
        if self.again > most:
            raise harness.Failed("%d copies too many, %d could be" % (
                self.again, most))
        if self.w.sink.summary()["anomalies"]:
            raise harness.Failed("the sink: %r" % self.w.sink.anomalies()[:5])
        first, last = self.sizes[len(self.sizes) // 3], self.sizes[-1]
        if last[0] > first[0] + GROWTH_KB:
            raise harness.Failed("memory grew: %r" % self.sizes)
        self.w.ctl("audit", "verify")
        self.w.daemon.stop()
        self.w.daemon.listctl("check", seconds=300)
        print("%d campaigns, %d copies, %d more than once; %d kills; %d left, "
              "%d joined; roles of %d MB with %d descriptors" % (
                  self.campaigns, self.copies, self.again, self.kills,
                  len(self.left), self.joined, last[0] >> 10, last[1]))


def kilobytes(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            return sum(int(line.split()[1]) for line in f
                       if line.startswith("RssAnon"))
    except OSError:
        return 0


def descriptors(pid):
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return 0


def soak(t):
    s = Soak(t)
    s.w.ready_list()
    s.members = {"m%05d@%s" % (i, world.destination(i % s.w.domains))
                 for i in range(MEMBERS)}
    s.w.import_members("email,name\n" + "".join(
        "%s,Reader\n" % a for a in sorted(s.members)), "Said so.\n")
    s.w.sink.rules(RULES)
    end = time.monotonic() + MINUTES * 60
    s.next_kill = time.monotonic() + 2
    while time.monotonic() < end:
        s.campaign()
    s.w.sink.rules(None)
    s.at_the_end()


if __name__ == "__main__":
    harness.run(soak)
