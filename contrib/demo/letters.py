# SPDX-License-Identifier: Apache-2.0
"""What the organization of the demonstration writes."""

import email.message

from harness import world

GREETING = ("{{#first_name}}Dear {{first_name}} of {{city}}, member "
            "{{member}},{{/first_name}}"
            "{{^first_name}}Dear reader,{{/first_name}}")

EVENT = """\
BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//mill.example//news//EN\r
BEGIN:VEVENT\r
UID:open-day@mill.example\r
DTSTAMP:20260101T000000Z\r
DTSTART:20270515T080000Z\r
DTEND:20270515T160000Z\r
SUMMARY:Open day at the mill\r
LOCATION:1 Water Lane\\, Millbrook\r
END:VEVENT\r
END:VCALENDAR\r
"""


def newsletter():
    """HTML and text, three placeholders, an attachment."""
    m = email.message.EmailMessage()
    m["From"] = "Mill News <%s>" % world.FROM
    m["Subject"] = "The wheel turns again{{#first_name}}, {{first_name}}" \
        "{{/first_name}}"
    m.set_content(GREETING + """

the new wheel has been turning since Monday.  We grind on Tuesdays and
Fridays, and on the open day everybody may try.

The calendar entry is attached.

You get this because you asked for it.  To stop:
{{unsubscribe_url}}
""")
    m.add_alternative("""\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Mill News</title></head>
<body>
<p>%s</p>
<p>the new wheel has been turning since Monday.  We grind on <b>Tuesdays</b>
and <b>Fridays</b>, and on the open day everybody may try.</p>
<p>The calendar entry is attached.</p>
<p>You get this because you asked for it.
<a href="{{unsubscribe_url}}">Stop it here</a>.</p>
</body></html>
""" % GREETING, subtype="html")
    m.add_attachment(EVENT.encode(), maintype="text", subtype="calendar",
                     filename="open-day.ics")
    return m.as_bytes()


def reminder():
    """A short text without placeholders; its footer is the program's."""
    m = email.message.EmailMessage()
    m["From"] = "Mill News <%s>" % world.FROM
    m["Subject"] = "Open day tomorrow"
    m.set_content("Tomorrow from ten to six the mill is open to everybody.\n")
    return m.as_bytes()
