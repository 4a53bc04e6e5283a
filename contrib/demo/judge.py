# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the copies that a sink got of a campaign."""

import email
import email.utils
import html
import re

import letters

SHOWN = 10      # complaints that are told


def _parts(message):
    """{content type: decoded octets} of the leaves."""
    return {p.get_content_type(): p.get_payload(decode=True)
            for p in message.walk() if not p.is_multipart()}


def one_click_url(copy):
    """The HTTPS URI of List-Unsubscribe."""
    text = email.message_from_bytes(copy.data)["List-Unsubscribe"] or ""
    found = re.findall(r"<(https://[^>]+)>", text)
    return found[0] if len(found) == 1 else None


class Judge:
    """Looks at copies one by one; complaints are counted and the first of
    them kept."""

    def __init__(self, people, personal):
        self.people = {p.address: p for p in people}
        self.personal = personal        # the letter with placeholders
        self.got = {}                   # {address: copies}
        self.complaints = 0
        self.first = []
        self._seen = {}                 # {what: {value}}

    def complain(self, copy, text):
        self.complaints += 1
        if len(self.first) < SHOWN:
            self.first.append("%s: %s" % (copy.rcpt, text))

    def look(self, copy):
        message = email.message_from_bytes(copy.data)
        person = self.people.get(copy.rcpt)
        self.got[copy.rcpt] = self.got.get(copy.rcpt, 0) + 1
        if len(copy.rcpts) != 1:
            self.complain(copy, "%d recipients" % len(copy.rcpts))
        if person is None:
            self.complain(copy, "a stranger")
            return
        if self.got[copy.rcpt] > 1:
            self.complain(copy, "more than one copy")
        to = email.utils.getaddresses(message.get_all("To", []))
        if [address for _name, address in to] != [copy.rcpt]:
            self.complain(copy, "To: %r" % (to,))
        self._unlike_others(copy, message)
        if self.personal:
            self._personal(copy, person, _parts(message))

    def _unlike_others(self, copy, message):
        """What no two copies may share."""
        for what, value in (("return path", copy.sender),
                            ("Message-ID", message["Message-ID"]),
                            ("one-click URL", one_click_url(copy))):
            seen = self._seen.setdefault(what, set())
            if not value:
                self.complain(copy, "no " + what)
            elif value in seen:
                self.complain(copy, "%s of another copy" % what)
            seen.add(value)

    def _personal(self, copy, person, parts):
        text = parts.get("text/plain", b"").decode("utf-8", "replace")
        page = parts.get("text/html", b"").decode("utf-8", "replace")
        if text.splitlines()[:1] != [person.greeting()]:
            self.complain(copy, "greeted as %r" % text[:60])
        if "<p>%s</p>" % html.escape(person.greeting()) not in page:
            self.complain(copy, "greeted otherwise in HTML")
        url = one_click_url(copy)
        if url is None or url not in text or url not in html.unescape(page):
            self.complain(copy, "its own link to leave is not to be seen")
        if parts.get("text/calendar") != letters.EVENT.encode():
            self.complain(copy, "the attachment is not as it was")

    def missing(self):
        """Who should have got a copy and did not."""
        return [a for a in self.people if a not in self.got]
