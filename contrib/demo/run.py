#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The main job of listd, from the proof of a domain to the last copy.

    contrib/demo/run.py [--once] [--members N] [--domains N] [--sample N]

contrib/quickstart builds the programs and calls this with LISTD_SRCDIR and
LISTD_BUILDDIR set.  Exit status 0 when all that was checked held.
"""

import argparse
import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import harness
from harness import core

import judge
import letters
import people

ONCE_SECONDS = 1800     # for the whole story
EVIDENCE = """Exported from the mill's web shop on 2026-11-20.  Each of these
people pressed the button of a confirmation mail there; the shop's log of
these presses is kept by the office.
"""


class Story:
    """Prints what is done and counts what did not hold."""

    def __init__(self):
        self.began = time.monotonic()
        self.steps = self.checks = self.failed = 0

    def step(self, title):
        self.steps += 1
        print("\n%2d. %s" % (self.steps, title))

    def fact(self, text):
        print("    %s" % text)

    def check(self, truth, text, otherwise=()):
        self.checks += 1
        print("    %s %s" % ("ok:" if truth else "NOT SO:", text))
        if not truth:
            self.failed += 1
            for line in otherwise:
                print("            %s" % line)

    def seconds(self):
        return time.monotonic() - self.began


def progress(every=2.0):
    """A function to watch a campaign with: tells how far it is, sometimes."""
    last = [time.monotonic()]

    def watch(now):
        if time.monotonic() - last[0] >= every:
            last[0] = time.monotonic()
            print("    %d of %d delivered" % (now["delivered"],
                                              now["count"]))
    return watch


def user_name():
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "number %d" % os.getuid()


# ---- the story

def set_up(story, t, options):
    story.step("A host, and the rest of the world beside it")
    w = harness.World(t, domains=options.domains)
    story.fact("all of it runs as one ordinary user, %s, in %s" % (
        user_name(), t.folder))
    story.fact("a certificate authority, certificates for web and mail")
    record = w.make_key()
    story.fact("a DKIM key: " + record[:60] + "...")
    story.fact("DNS at %s: %d destination domains, their mail exchangers at "
               "%d sites" % (w.dns.server, w.domains, w.sites))
    story.fact("an SMTP sink is all of these sites, port %d" % w.sink.port)
    w.daemon.start()
    story.fact("listd: " + ", ".join(
        "%s (%d)" % (name, len(pids)) if len(pids) > 1 else name
        for name, pids in sorted(w.daemon.roles().items())))
    return w, record


def domain(story, w, record):
    story.step("An organization proves that a domain is its own")
    name, text = w.prove_domain()
    shown = w.ctl("org", "show", "default")
    story.fact("published: %s TXT \"%s\"" % (name, text))
    story.check([(d["domain"], d["proof"]) for d in shown["domains"]] ==
                [(harness.world.SENDING, "dns")],
                "%s is proven by DNS" % harness.world.SENDING, [str(shown)])
    w.publish(record)


def mailing_list(story, w):
    story.step("A list; its owner confirms from their own mailbox")
    w.make_list()
    shown = w.ctl("list", "show", harness.world.LIST)
    story.check(not shown["may_send"], "before that it may not send: " +
                "; ".join(shown["missing"]))
    link = w.link_in(w.mail_to(harness.world.OWNER))
    w.press(link)
    shown = w.ctl("list", "show", harness.world.LIST)
    story.check(shown["may_send"], "after the button was pressed it may",
                shown["missing"])


def import_people(story, w, options):
    story.step("%d members over %d domains come from a file, with evidence" %
               (options.members, w.domains))
    members = people.members(options.members, w.domains)
    began = time.monotonic()
    done = w.import_members(people.table(members), EVIDENCE)
    seconds = time.monotonic() - began
    n = done["counts"]
    story.check(n["added"] == options.members and n["bad"] == 0,
                "%d added in %.1f s" % (n["added"], seconds), [str(done)])
    return members


def join(story, w):
    story.step("Two more ask by themselves, one by the web, one by mail")
    before = w.ctl("list", "show", harness.world.LIST)["active"]
    by_form = people.Person("form@" + harness.world.destination(7))
    w.join_by_form(by_form.address)
    story.check(w.ctl("list", "show", harness.world.LIST)["active"] ==
                before, "nobody joins by a form alone")
    w.press(w.link_in(w.mail_to(by_form.address)))
    story.fact("%s pressed the button that the mail led to" % by_form.address)

    by_mail = people.Person("mail@" + harness.world.destination(8))
    w.send_mail(by_mail.address, "%s-subscribe@%s" % (
        harness.world.LIST, harness.world.HOST), "hello", "Let me in.")
    asked = w.mail_to(by_mail.address).parsed()
    w.send_mail(by_mail.address, asked["Reply-To"].addresses[0].addr_spec,
                "Re: " + asked["Subject"], "Yes please.",
                ["In-Reply-To: " + asked["Message-ID"]])
    harness.wait_until(
        lambda: w.ctl("list", "show", harness.world.LIST)["active"] >=
        before + 2, 30, "the reply to count")
    story.fact("%s answered the mail" % by_mail.address)
    now = w.ctl("list", "show", harness.world.LIST)["active"]
    story.check(now == before + 2, "%d members" % now)
    return [by_form, by_mail]


def history(story, w, person):
    story.step("What can be proven of the one who joined by the web")
    r = w.daemon.listctl("--json", "subscriber", "history", person.address)
    for line in r.out.splitlines():
        entry = json.loads(line)
        story.fact(" ".join("%s=%s" % (k, v) for k, v in entry.items()
                            if isinstance(v, (str, int)) and v != "")[:150])
    story.check(len(r.out.splitlines()) >= 3,
                "the request, the mail and the confirmation are on record")


def campaign(story, w, letter, audience, personal):
    """Send it; returns the judge that has looked at all copies."""
    number = w.skip_mail()
    path = w.t.write("letter%d.eml" % number, letter)
    began = time.monotonic()
    shown = w.wait_finished(w.send(path), watch=progress())
    seconds = time.monotonic() - began
    story.fact("%d copies in %.1f s, %.0f a second" % (
        shown["delivered"], seconds, shown["delivered"] / seconds))
    story.check(shown["delivered"] == shown["count"] == len(audience),
                "%d meant, %d delivered" % (shown["count"],
                                            shown["delivered"]),
                [str(shown)])
    looked = judge.Judge(audience, personal)
    copies = w.sink.messages(start=number)
    for copy in copies:
        looked.look(copy)
    story.check(len(copies) == len(audience) and not looked.missing(),
                "the sink has %d copies, one for each member" % len(copies),
                ["no copy: " + a for a in looked.missing()[:judge.SHOWN]])
    story.check(looked.complaints == 0,
                "each has one recipient, who is in To:, and a return path, "
                "Message-ID and\n        link to leave that no other copy has"
                + ("; greeting in text and HTML\n        and the attachment "
                   "are the member's own" if personal else ""),
                looked.first)
    return copies


def signatures(story, w, copies, n):
    story.step("Every signature is judged")
    figures, bad = w.verify_archive()
    story.check(figures.get("bad") == 0 and figures.get("messages", 0) >
                len(copies), "libopendkim: %d messages, %d pass" % (
                    figures.get("messages", 0), figures.get("signed", 0)),
                bad)
    story.check(figures.get("one-click") == figures.get("covered") ==
                len(copies), "%d of them have one-click fields, and the "
                "signatures of %d cover them" % (figures.get("one-click", 0),
                                                 figures.get("covered", 0)))
    sample = copies[::max(1, len(copies) // n)][:n]
    verdicts = second_opinion(w, sample)
    if isinstance(verdicts, str):
        story.fact("SKIPPED: opendkim-testmsg and dkimverify need DNS on port "
                   "53 in a network")
        story.fact("    namespace: " + verdicts)
        keys = harness.Keys(w.keys)
        for m in sample:
            keys.verify(m.data)
        story.check(True, "python3-dkim, its library: %d of %d pass" % (
            len(sample), len(sample)))
        return
    for program, v in verdicts.items():
        story.check(v["passed"] == len(sample) and v["refused_changed"],
                    "%s: %d of %d pass, and one letter changed is seen" % (
                        program, v["passed"], len(sample)), [v["complaint"]])


def second_opinion(w, sample):
    """What second_opinion.py printed; or why it could not run."""
    folder = w.t.path("second-opinion")
    os.mkdir(folder)
    for i, m in enumerate(sample):
        with open(os.path.join(folder, "%d.eml" % i), "wb") as f:
            f.write(m.data)
    with open(os.path.join(folder, "zone"), "w") as f:
        f.write(w.zone() + "\n")
    namespace = ["unshare", "--map-root-user", "--mount", "--net"]
    try:
        subprocess.run(namespace + ["true"], check=True, timeout=30,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except (OSError, subprocess.CalledProcessError) as e:
        return (getattr(e, "stderr", None) or str(e).encode()).decode(
            errors="replace").strip()
    script = os.path.join(core.SRCDIR, "contrib/demo/second_opinion.py")
    p = subprocess.run(
        namespace + ["/usr/bin/python3", script,
                     w.t.program("tests/fake_dns"), folder],
        timeout=300, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode != 0:
        raise harness.Failed("second_opinion.py: %s" %
                             p.stderr.decode(errors="replace"))
    return json.loads(p.stdout)


def leave(story, w, copies, audience):
    story.step("One member leaves with one click, as a mail provider posts it")
    copy = copies[len(copies) // 2]
    url = judge.one_click_url(copy)
    story.fact("POST " + url)
    began = time.monotonic()
    answer = w.one_click(url)
    ms = (time.monotonic() - began) * 1000
    story.check(answer.status == 200, "answered %d in %.1f ms, durable by "
                "then" % (answer.status, ms), [repr(answer)])
    now = w.ctl("list", "show", harness.world.LIST)["active"]
    story.check(now == len(audience) - 1, "%d members" % now)
    return copy.rcpt


def the_end(story, w, gone):
    said = w.sink.summary()
    story.check(said["anomalies"] == 0,
                "the sink saw nothing that a correct client does not do",
                w.sink.anomalies() if said["anomalies"] and
                os.path.exists(w.sink._stem + ".journal") else ())
    story.check(not w.daemon.log().count("event=alarm"),
                "no alarm in the log; %s left and stayed away" % gone)


def tell(story, t, options):
    w, record = set_up(story, t, options)
    domain(story, w, record)
    mailing_list(story, w)
    members = import_people(story, w, options)
    joined = join(story, w)
    history(story, w, joined[0])
    audience = members + joined
    story.step("A newsletter: text and HTML, three placeholders, an "
               "attachment")
    copies = campaign(story, w, letters.newsletter(), audience, True)
    signatures(story, w, copies, options.sample)
    gone = leave(story, w, copies, audience)
    rest = [p for p in audience if p.address != gone]
    story.step("A second mailing")
    campaign(story, w, letters.reminder(), rest, False)
    the_end(story, w, gone)
    return w


# ---- around it

def stay(w):
    """Until somebody has seen enough."""
    d = w.daemon
    print("""
listd runs on.
    pages       https://localhost:%d/join/%s
                http://127.0.0.1:%d/  (the same, without TLS)
    authority   %s
    listctl     %s
    mail        %s/messages
    to stop     Ctrl-C, or kill %d
""" % (w.https_port, harness.world.LIST, d.http_port, w.authority.ca_file,
       " ".join(d.listctl_argv("queue", "summary")), w.sink.store,
       os.getpid()), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while d.process.alive():
            time.sleep(1)
        print("listd ended")
    except KeyboardInterrupt:
        print("stopping")


def run(options, top):
    story = Story()
    folder = os.path.join(top, "host")
    if os.getuid() == 0:
        core.become_nobody(top)
    os.mkdir(folder)
    t = harness.Test("quickstart", folder)
    if options.once:
        signal.signal(signal.SIGALRM, core._on_alarm)
        signal.setitimer(signal.ITIMER_REAL, ONCE_SECONDS)
    try:
        w = tell(story, t, options)
        print("\n%d checks, %d did not hold; %.0f s" % (
            story.checks, story.failed, story.seconds()), flush=True)
        if not options.once:
            stay(w)
    except (harness.Failed, harness.Skip, core.OutOfTime) as e:
        story.failed += 1
        print("\nFAILED: %s" % (e or "the time is over"))
        t.show_logs()
    except Exception:
        story.failed += 1
        traceback.print_exc(file=sys.stdout)
        t.show_logs()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for complaint in t.end():
            story.failed += 1
            print("at the end: " + complaint)
    return 1 if story.failed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--members", type=int, default=10000)
    parser.add_argument("--domains", type=int, default=500)
    parser.add_argument("--sample", type=int, default=50, metavar="N",
                        help="copies that other programs judge")
    options = parser.parse_args()
    if not 10 <= options.domains <= 999 or options.sample < 1 or \
            options.members < max(options.domains, 2 * options.sample):
        parser.error("10 to 999 domains, as many members or more, and twice "
                     "as many as samples")
    sys.stdout.reconfigure(line_buffering=True)
    top = tempfile.mkdtemp(prefix="listd-quickstart-")
    try:
        sys.exit(run(options, top))
    finally:
        core._remove(top)


if __name__ == "__main__":
    main()
