#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same kind of message through Postfix and OpenDKIM, for comparison.

BENCH_POSTFIX (default 5000) messages of 5 KB, one recipient a transaction, are
given to a Postfix of our own by its own smtp-source, signed with RSA-2048 by an
OpenDKIM of our own as its milter, queued with the syncs that Postfix does, and
relayed to the sink.  All on the loopback, with configuration, queue and data
in the test's folder; the machine's own Postfix is not touched.  Needs root,
which Postfix starts as; without it, or without the programs, it is skipped.

    postfix_cpu_us       user and system time of all of Postfix's processes
                         and of OpenDKIM, for a message; smtp-source apart
    postfix_cpu_ratio    that over a bare RSA-2048 signature in the same run
    postfix_opendkim_cpu_us
                         what of it is OpenDKIM's
    postfix_per_s        from the first message in to the last one out

Postfix does less for it than listd: no copy is made for its reader, and nobody
is asked whether mail to them is wanted still.
"""

import os
import pwd
import shutil
import socket
import subprocess
import time

import harness
from harness import Skip, process, wait_until

from fanout import TICK, figure, rsa_us

MESSAGES = int(os.environ.get("BENCH_POSTFIX", "5000"))
OCTETS = 5000
SESSIONS = 20
SECONDS = 600
PROGRAMS = "/usr/lib/postfix/sbin"
SOURCE, OPENDKIM = "/usr/sbin/smtp-source", "/usr/sbin/opendkim"
ADDRESS = "127.0.0.1"
FROM = "news@mill.example"

MAIN = """\
compatibility_level = 3.6
queue_directory = %(folder)s/queue
data_directory = %(folder)s/data
command_directory = /usr/sbin
daemon_directory = %(programs)s
mail_owner = postfix
setgid_group = postdrop
maillog_file = %(folder)s/log
maillog_file_prefixes = %(folder)s
myhostname = mx.mill.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:%(sink)d
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
alias_database =
smtp_dns_support_level = disabled
smtp_tls_security_level = none
smtpd_milters = inet:127.0.0.1:%(milter)d
milter_default_action = tempfail
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_destination_concurrency_limit = 20
default_destination_recipient_limit = 1
smtp_connection_cache_on_demand = yes
"""

MASTER = """\
%(address)s:%(port)d inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - 20 smtp
relay unix - - n - 20 smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

# The headers that listd signs, too.
DKIM = """\
Domain mill.example
Selector s1
KeyFile %(folder)s/key.pem
Socket inet:%(milter)d@127.0.0.1
Mode s
Canonicalization relaxed/relaxed
SignatureAlgorithm rsa-sha256
InternalHosts 127.0.0.0/8
Background no
Syslog no
RequireSafeKeys no
UserID postfix
"""


def listens(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex((ADDRESS, port)) == 0


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def start_opendkim(t, folder, words):
    key = os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True,
                   stderr=subprocess.DEVNULL, timeout=60)
    shutil.chown(key, "postfix")
    os.chmod(key, 0o600)
    conf = write(folder, "opendkim.conf", DKIM % words)
    p = t.spawn([OPENDKIM, "-f", "-x", conf], "opendkim")
    wait_until(lambda: listens(words["milter"]), 20, "OpenDKIM to listen")
    return p


def start_postfix(t, folder, words):
    config = os.path.join(folder, "etc")
    for name in ("etc", "queue", "data"):
        os.mkdir(os.path.join(folder, name), 0o755)
    shutil.chown(os.path.join(folder, "data"), "postfix")
    write(config, "main.cf", MAIN % words)
    write(config, "master.cf", MASTER % words)
    said = subprocess.run(["/usr/sbin/postfix", "-c", config, "check"],
                          stdin=subprocess.DEVNULL, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if said.returncode != 0:
        raise harness.Failed("postfix check: %r" % said.stdout)
    p = t.spawn([os.path.join(PROGRAMS, "master"), "-s", "-c", config],
                "postfix-master")
    wait_until(lambda: listens(words["port"]), 30, "Postfix to listen")
    return p


def family_us(pid):
    """CPU of a process, of its children, and of those it waited for."""
    total = 0
    for one in [pid] + process.children(pid):
        fields = process.stat_fields(one)
        if fields is not None:  # else it is gone, and its parent has it
            total += sum(int(v) for v in fields[11:15])
    return total * 1e6 / TICK


def postfix(t):
    for path in (os.path.join(PROGRAMS, "master"), SOURCE, OPENDKIM):
        if not os.path.exists(path):
            raise Skip("there is no " + path)
    try:
        pwd.getpwnam("postfix")
    except KeyError:
        raise Skip("there is no user postfix") from None
    sink = t.sink(store=False, journal=False,
                  options=["--no-check", "--no-count"])
    for folder in (os.path.dirname(t.folder), t.folder):
        os.chmod(folder, 0o711)
    folder = t.path("mta")
    os.mkdir(folder, 0o755)
    words = {"folder": folder, "programs": PROGRAMS, "address": ADDRESS,
             "sink": sink.port, "port": t.free_port(),
             "milter": t.free_port()}
    dkim = start_opendkim(t, folder, words)
    master = start_postfix(t, folder, words)
    run(words["port"], sink, 200)       # all processes are there
    rsa = rsa_us(t)
    before = family_us(master.popen.pid), family_us(dkim.popen.pid)
    seconds = run(words["port"], sink, MESSAGES)
    after = family_us(master.popen.pid), family_us(dkim.popen.pid)
    mta, milter = (b - a for a, b in zip(before, after))
    figure("postfix_cpu_us", (mta + milter) / MESSAGES, "us")
    figure("postfix_cpu_ratio", (mta + milter) / MESSAGES /
           ((rsa + rsa_us(t)) / 2), "of 1")
    figure("postfix_opendkim_cpu_us", milter / MESSAGES, "us")
    figure("postfix_per_s", MESSAGES / seconds, "/s")


def run(port, sink, n):
    """n messages in and out; the seconds it took."""
    accepted = sink.summary()["accepted"]
    began = time.monotonic()
    subprocess.run([SOURCE, "-s", str(SESSIONS), "-m", str(n), "-l",
                    str(OCTETS), "-f", FROM, "-t", "reader@box.example",
                    "-S", "News of the mill", "%s:%d" % (ADDRESS, port)],
                   check=True, timeout=SECONDS)
    wait_until(lambda: sink.summary()["accepted"] >= accepted + n, SECONDS,
               "%d messages to come out" % n, step=0.05)
    return time.monotonic() - began


if __name__ == "__main__":
    harness.run(postfix, needs_root=True)
