#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Other programs' verdicts on signed messages, in a network of their own.

    unshare --map-root-user --mount --net second_opinion.py FAKE_DNS FOLDER

opendkim-testmsg and dkimverify ask the DNS of the system, on port 53.  Inside
new namespaces nobody else has that port, and resolv.conf can be another file
without the machine noticing.  FOLDER holds the zone (zone) and the messages
(*.eml); standard output gets one JSON object: how many each program passed, its
first complaint, and whether it refused the first message with a letter changed.
"""

import fcntl
import glob
import json
import os
import socket
import struct
import subprocess
import sys

PROGRAMS = ["opendkim-testmsg", "dkimverify"]
SECONDS = 30
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack(
            "16sh14x", b"lo", IFF_UP | IFF_RUNNING))


def start_dns(fake_dns, folder):
    p = subprocess.Popen([fake_dns, "-l", "127.0.0.1:53",
                          os.path.join(folder, "zone")],
                         stdout=subprocess.PIPE)
    for line in p.stdout:
        if line == b"ready\n":
            return p
    sys.exit("no DNS: status %d" % p.wait())


def judge(program, message):
    """"" when the program is content, else what it says."""
    p = subprocess.run([program], input=message, timeout=SECONDS,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p.returncode and (p.stdout.decode(errors="replace").strip() or
                             "status %d" % p.returncode) or ""


def main(fake_dns, folder):
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    loopback_up()
    resolv = os.path.join(folder, "resolv.conf")
    with open(resolv, "w") as f:
        f.write("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"],
                   check=True)
    dns = start_dns(fake_dns, folder)
    verdicts = {}
    try:
        messages = []
        for path in sorted(glob.glob(os.path.join(folder, "*.eml"))):
            with open(path, "rb") as f:
                messages.append(f.read())
        changed = messages[0].replace(b"\r\n\r\n", b"\r\n\r\nX", 1)
        for program in PROGRAMS:
            said = [judge(program, m) for m in messages]
            verdicts[program] = {
                "passed": said.count(""),
                "refused_changed": judge(program, changed) != "",
                "complaint": next(filter(None, said), ""),
            }
    finally:
        dns.terminate()
        dns.wait()
    print(json.dumps(verdicts))


if __name__ == "__main__":
    main(*sys.argv[1:])
