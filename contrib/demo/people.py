# SPDX-License-Identifier: Apache-2.0
"""The members of the demonstration: addresses and what is known of each."""

import csv
import io

from harness import world

# Given names and cities as mail meets them: not all of ASCII.
NAMES = """Ada Amélie André Anna Béla Carlos Chloé Dagmar Dmitri Élise Emma
Finn François Giulia Hana Hélène İbrahim Ines Jörg José Júlia Kaito Katarzyna
Lars Léa Łukasz Mária Mateo Mei Nadia Nils Noor Olga Óscar Priya Rafał Renée
Rosa Samir Siân Sofía Søren Tove Ülkü Wanjiru Yuki Zoë Žofia""".split()
CITIES = """Aarhus Besançon Bogotá Cluj Córdoba Dakar Düsseldorf Galway
Göteborg Győr Hamburg Incheon İzmir Kraków Kyoto Lagos Lyon Málaga Montréal
Nairobi Odense Plzeň Porto Québec Reykjavík Salvador Sapporo Timișoara Tromsø
Ústí Valparaíso Warszawa Zürich""".split()


class Person:
    """Somebody imported; one who joined by form or mail has no name."""

    def __init__(self, address, name=None, city=None, number=None):
        self.address = address
        self.name = name
        self.city = city
        self.number = number

    def greeting(self):
        """The line that only this person's copy has."""
        if self.name is None:
            return "Dear reader,"
        return "Dear %s of %s, member %s," % (self.name, self.city,
                                              self.number)


def members(n, domains):
    return [Person("reader%05d@%s" % (i, world.destination(i % domains)),
                   NAMES[i * 7 % len(NAMES)], CITIES[i * 11 % len(CITIES)],
                   "M-%05d" % i) for i in range(n)]


def table(people):
    """As the CSV file of an import."""
    out = io.StringIO()
    w = csv.writer(out)
    w.writerow(["email", "first_name", "city", "member"])
    for p in people:
        w.writerow([p.address, p.name, p.city, p.number])
    return out.getvalue()
