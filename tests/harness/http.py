# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 client that sends exactly what it is told."""

import json
import socket
import ssl
import urllib.parse

SECONDS = 20
RESPONSE_MAX = 64 << 20
BOUNDARY = "----listd-test-boundary"


class Response:
    def __init__(self, status, reason, headers, body):
        self.status = status
        self.reason = reason
        self.headers = headers          # [(name, value)] as they came
        self.body = body

    def header(self, name, default=None):
        """The first of that name."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%d %s %r" % (self.status, self.reason, self.body[:200])


def urlencoded(fields):
    """(content type, body) of a form; fields is a dict or list of pairs."""
    return ("application/x-www-form-urlencoded",
            urllib.parse.urlencode(fields).encode())


def multipart(fields, boundary=BOUNDARY):
    """The same as multipart/form-data."""
    pairs = fields.items() if isinstance(fields, dict) else fields
    body = b""
    for name, value in pairs:
        body += ("--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n"
                 "%s\r\n" % (boundary, name, value)).encode()
    return ("multipart/form-data; boundary=%s" % boundary,
            body + ("--%s--\r\n" % boundary).encode())


def one_click_bodies():
    """The two forms RFC 8058 section 3.2 allows: [(content type, body)]."""
    fields = [("List-Unsubscribe", "One-Click")]
    return [urlencoded(fields), multipart(fields)]


class _Reader:
    def __init__(self, sock):
        self.socket = sock
        self.data = b""

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            return False
        self.data += data
        if len(self.data) > RESPONSE_MAX:
            raise ValueError("endless response")
        return True

    def until(self, mark):
        while mark not in self.data:
            if not self.more():
                raise ValueError("cut off: %r" % self.data[:200])
        part, _, self.data = self.data.partition(mark)
        return part

    def take(self, n):
        while len(self.data) < n:
            if not self.more():
                raise ValueError("body cut off at %d of %d octets" %
                                 (len(self.data), n))
        part, self.data = self.data[:n], self.data[n:]
        return part

    def rest(self):
        while self.more():
            pass
        return self.data


def _read_chunked(reader):
    body = b""
    while True:
        size = int(reader.until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            while reader.until(b"\r\n"):
                pass
            return body
        body += reader.take(size)
        if reader.take(2) != b"\r\n":
            raise ValueError("chunk without its end")


def read_response(sock, method="GET"):
    """One response from a connected socket."""
    reader = _Reader(sock)
    head = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    version, status, *reason = head[0].split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise ValueError("not HTTP: %r" % head[0])
    headers = []
    for line in head[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("bad header line: %r" % line)
        headers.append((name, value.strip()))
    r = Response(int(status), reason[0] if reason else "", headers, b"")
    if method == "HEAD" or r.status in (204, 304):
        return r
    if (r.header("Transfer-Encoding") or "").lower() == "chunked":
        r.body = _read_chunked(reader)
    elif r.header("Content-Length") is not None:
        r.body = reader.take(int(r.header("Content-Length")))
    else:
        r.body = reader.rest()
    return r


def connect(port, host="127.0.0.1", source=None, tls=False, context=None,
            server_hostname=None, seconds=SECONDS):
    """A connected socket, inside TLS when asked."""
    sock = socket.create_connection(
        (host, port), seconds, source_address=(source, 0) if source else None)
    if not tls and context is None:
        return sock
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock, server_hostname=server_hostname or host)


def raw(port, data, **kwargs):
    """Send these octets; returns all that comes back until the close."""
    with connect(port, **kwargs) as sock:
        sock.sendall(data)
        return _Reader(sock).rest()


def http(port, method, target, headers=(), body=None, content_type=None,
         host_header="localhost", **kwargs):
    """One request on a connection of its own.

    headers is a list of pairs that is sent as it stands, behind Host,
    Connection: close and, with a body, Content-Type and Content-Length.
    target may be a whole URL, of which the path is used (and its host as the
    Host header).  Keyword arguments go to connect().
    """
    if "://" in target:
        parts = urllib.parse.urlsplit(target)
        host_header = parts.netloc
        target = (parts.path or "/") + ("?" + parts.query if parts.query
                                        else "")
    lines = ["%s %s HTTP/1.1" % (method, target), "Host: " + host_header,
             "Connection: close"]
    if isinstance(body, str):
        body = body.encode()
    if content_type is not None:
        lines.append("Content-Type: " + content_type)
    if body is not None or method in ("POST", "PUT"):
        lines.append("Content-Length: %d" % len(body or b""))
    lines += ["%s: %s" % pair for pair in headers]
    with connect(port, **kwargs) as sock:
        sock.sendall("\r\n".join(lines + ["", ""]).encode() + (body or b""))
        return read_response(sock, method)
