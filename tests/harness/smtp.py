# SPDX-License-Identifier: Apache-2.0
"""An SMTP client that sends exactly what it is told."""

import re
import socket
import ssl
import time

SECONDS = 20
REPLY_MAX = 1 << 20

_reply_line = re.compile(rb"^(\d{3})([ -])(.*)$", re.DOTALL)


class Closed(Exception):
    """The other side ended the connection."""


class Timeout(Exception):
    """It said nothing in time."""


class Reply:
    """code is an int, lines the texts without code, text all of them."""

    def __init__(self, code, lines):
        self.code = code
        self.lines = lines
        self.text = "\n".join(lines)

    def __repr__(self):
        return "%d %s" % (self.code, self.text)


class Smtp:
    """Bytes go out as given; a str gets CRLF and goes out as UTF-8."""

    def __init__(self, port, host="127.0.0.1", source=None, seconds=SECONDS,
                 greeting=True, path=None):
        """path: connect to that UNIX socket instead.  greeting: read it."""
        self.seconds = seconds
        if path is not None:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(seconds)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection(
                (host, port), seconds,
                source_address=(source, 0) if source else None)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self.greeting = self.reply() if greeting else None

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def close(self):
        self.socket.close()

    def abort(self):
        """Close with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    # ---- sending

    def send(self, data):
        if isinstance(data, str):
            data = data.encode() + b"\r\n"
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed(str(e)) from None

    def send_slowly(self, data, size=1, pause=0.0):
        """In pieces of size octets, each a segment of its own."""
        for i in range(0, len(data), size):
            self.send(data[i:i + size])
            if pause:
                time.sleep(pause)

    # ---- receiving

    def _more(self, seconds):
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65536)
        except (socket.timeout, ssl.SSLWantReadError):
            raise Timeout("no reply in %g s; so far: %r" %
                          (seconds, self._rest)) from None
        except (ConnectionResetError, BrokenPipeError) as e:
            raise Closed(str(e)) from None
        if not data:
            raise Closed("end of connection; so far: %r" % self._rest)
        self._rest += data

    def line(self, seconds=None):
        """The next line as bytes, without its CRLF."""
        end = time.monotonic() + (seconds or self.seconds)
        while b"\n" not in self._rest:
            if len(self._rest) > REPLY_MAX:
                raise ValueError("endless line")
            self._more(max(0.001, end - time.monotonic()))
        line, _, self._rest = self._rest.partition(b"\n")
        if not line.endswith(b"\r"):
            raise ValueError("a reply's line ends in a bare LF: %r" % line)
        return line[:-1]

    def reply(self, seconds=None):
        """The next whole reply."""
        lines = []
        while True:
            raw = self.line(seconds)
            m = _reply_line.match(raw)
            if m is None:
                m = re.match(rb"^(\d{3})()()$", raw)
            if m is None:
                raise ValueError("not a reply: %r" % raw)
            lines.append(m.group(3).decode(errors="backslashreplace"))
            if m.group(2) != b"-":
                return Reply(int(m.group(1)), lines)

    def command(self, text, seconds=None):
        """Send one line and read its reply."""
        self.send(text)
        return self.reply(seconds)

    def expect(self, text, code, seconds=None):
        """The same, with a claim about the code."""
        reply = self.command(text, seconds)
        if reply.code != code:
            raise AssertionError("%r was answered %r, wanted %d" %
                                 (text, reply, code))
        return reply

    def rest(self, seconds=0.3):
        """What else comes within that time, as bytes; ends at a close."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                self._more(max(0.001, end - time.monotonic()))
        except (Timeout, Closed):
            pass
        data, self._rest = self._rest, b""
        return data

    def expect_close(self, seconds=None):
        """Nothing more comes and the connection ends."""
        try:
            self._more(seconds or self.seconds)
        except Closed:
            return
        except Timeout:
            raise AssertionError("still open") from None
        raise AssertionError("more came: %r" % self._rest)

    # ---- the usual steps

    def ehlo(self, name="client.example"):
        """EHLO; returns the offers as {"SIZE": "1000", "PIPELINING": ""}."""
        reply = self.expect("EHLO " + name, 250)
        offers = {}
        for line in reply.lines[1:]:
            keyword, _, value = line.partition(" ")
            offers[keyword.upper()] = value
        return offers

    def starttls(self, context=None, server_hostname="mx.example"):
        self.expect("STARTTLS", 220)
        self.shake_hands(context, server_hostname)

    def shake_hands(self, context=None, server_hostname="mx.example"):
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self.socket.settimeout(self.seconds)
        self.socket = context.wrap_socket(self.socket,
                                          server_hostname=server_hostname)

    def mail(self, sender, rcpts, content, params=""):
        """One message; content is dot-stuffed here and ends in CRLF."""
        if isinstance(rcpts, str):
            rcpts = [rcpts]
        self.expect("MAIL FROM:<%s>%s" % (sender, params), 250)
        for rcpt in rcpts:
            self.expect("RCPT TO:<%s>" % rcpt, 250)
        self.expect("DATA", 354)
        self.send(stuffed(content))
        return self.reply()

    def quit(self):
        self.expect("QUIT", 221)
        self.close()


def stuffed(content):
    """Dot-stuffed, with the final dot."""
    if content.startswith(b"."):
        content = b"." + content
    content = content.replace(b"\r\n.", b"\r\n..")
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    return content + b".\r\n"
