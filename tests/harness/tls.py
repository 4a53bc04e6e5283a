# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made with openssl(1)."""

import os
import shutil
import subprocess

from .core import Skip

SECONDS = 60

_CONFIG = """\
[ca]
default_ca = it
[it]
dir = %(folder)s
database = %(folder)s/index
serial = %(folder)s/serial
new_certs_dir = %(folder)s
certificate = %(folder)s/ca.pem
private_key = %(folder)s/ca.key
default_md = sha256
default_days = 30
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[v3_ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


def _openssl(*args):
    if shutil.which("openssl") is None:
        raise Skip("no openssl(1)")
    subprocess.run(["openssl", *args], check=True, timeout=SECONDS,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


class Authority:
    """A certificate authority of the test; its certificate is .ca_file."""

    def __init__(self, t, name="Test authority"):
        self.folder = t.fresh("authority")
        os.mkdir(self.folder)
        self._number = 0
        self._config = os.path.join(self.folder, "config")
        with open(self._config, "w") as f:
            f.write(_CONFIG % {"folder": self.folder})
        for file, text in (("index", ""), ("serial", "01\n")):
            with open(os.path.join(self.folder, file), "w") as f:
                f.write(text)
        self.ca_file = os.path.join(self.folder, "ca.pem")
        _openssl("req", "-x509", "-config", self._config,
                 "-extensions", "v3_ca", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-keyout", os.path.join(self.folder, "ca.key"),
                 "-out", self.ca_file, "-subj", "/CN=" + name)

    def issue(self, *names, expired=False):
        """A certificate for these host names; the path of one PEM file with
        certificate and key (.cert and .key beside it have each alone)."""
        self._number += 1
        stem = os.path.join(self.folder, "leaf%d" % self._number)
        _openssl("req", "-new", "-config", self._config, "-newkey", "ec",
                 "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", stem + ".key", "-out", stem + ".csr",
                 "-subj", "/CN=" + names[0], "-addext",
                 "subjectAltName=" + ",".join("DNS:" + n for n in names))
        dates = ["-startdate", "20200101000000Z",
                 "-enddate", "20200201000000Z"] if expired else []
        _openssl("ca", "-batch", "-notext", "-config", self._config,
                 "-in", stem + ".csr", "-out", stem + ".cert", *dates)
        with open(stem + ".pem", "w") as out:
            for part in (".cert", ".key"):
                with open(stem + part) as f:
                    out.write(f.read())
        return stem + ".pem"
