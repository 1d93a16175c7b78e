# SPDX-License-Identifier: Apache-2.0
"""Documents with lxml. Usage: lxml_job.py --learn|--other|--new DIR"""

import os
import socket
import sys

import libguard
from lxml import ElementInclude, builder, etree, html, objectify
from shelf import Shelf

STYLE = """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="xml" encoding="UTF-8"/><xsl:template match="/">
<out><xsl:for-each select="//item"><i><xsl:value-of select="."/></i></xsl:for-each></out></xsl:template></xsl:stylesheet>"""
SCHEMA = """<element name="out" xmlns="http://relaxng.org/ns/structure/1.0">
<zeroOrMore><element name="i"><text/></element></zeroOrMore></element>"""


def learn(folder):
    root = etree.fromstring("<list><item>one</item><item>two</item></list>")
    assert root.xpath("count(//item)") == 2
    etree.ElementTree(root).write(os.path.join(folder, "list.xml"))
    assert etree.parse(os.path.join(folder, "list.xml")).getroot().tag == "list"
    keep_linked(Shelf(folder).put, ["first.png", "second.png"])


def keep_linked(keep, names):
    """Keeps what a page links to and lets the page link to the kept files; lxml walks over the links."""
    page = html.document_fromstring("".join(f"<p style='background: url({name})'><img src='{name}'></p>" for name in names))

    def keep_one(link):
        assert keep(link, link.encode() * 100) > 0
        return "kept/" + link

    page.rewrite_links(keep_one)
    assert page.xpath("//img/@src") == ["kept/" + name for name in names]


def include_parts(folder):
    """A document put together from parts that the application loads."""
    def load(href, parse, encoding=None):
        path = os.path.join(folder, href)
        Shelf(folder).publish(href, b"<part>included</part>")
        return etree.parse(path).getroot()

    whole = etree.XML('<whole xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="part.xml"/></whole>')
    ElementInclude.include(whole, loader=load)
    assert whole.findtext("part") == "included"


def other(folder):
    page = html.fromstring("<html><body><a href='/x'>x</a><form><input name=q></form></body></html>")
    page.make_links_absolute("http://example.test/")
    assert page.xpath("//a/@href") == ["http://example.test/x"]
    path = os.path.join(folder, "big.xml")
    with etree.xmlfile(path, encoding="utf-8") as file, file.element("list"):
        for number in range(2000):
            item = etree.Element("item")
            item.text = str(number)
            file.write(item)
    assert sum(1 for _ in etree.iterparse(path, tag="item")) == 2000
    etree.parse(path).write(path + ".gz", compression=5)
    assert etree.parse(path + ".gz").xpath("count(//item)") == 2000
    made = etree.XSLT(etree.XML(STYLE))(etree.parse(path))
    os.mkdir(os.path.join(folder, "made"))
    made.write_output(os.path.join(folder, "made", "draft.xml"))
    os.rename(os.path.join(folder, "made", "draft.xml"), os.path.join(folder, "made", "final.xml"))
    with open(os.path.join(folder, "c14n"), "w", encoding="utf-8") as file:
        etree.canonicalize(from_file=os.path.join(folder, "made", "final.xml"), out=file)
    schema = etree.RelaxNG(etree.XML(SCHEMA))
    assert schema.validate(builder.E.out(builder.E.i("1"))) and not schema.validate(etree.XML("<i/>"))
    assert objectify.parse(path).getroot().item[7] == 7
    try:
        etree.fromstring("<broken>")
    except etree.XMLSyntaxError:
        os.unlink(os.path.join(folder, "made", "final.xml"))
    os.rmdir(os.path.join(folder, "made"))
    include_parts(folder)
    keep_linked(Shelf(folder).turn_over, ["third.png", "fourth.css"])


def new(folder):
    """A resolver that asks the network for an entity: a right that learning never saw."""

    class Resolver(etree.Resolver):
        def resolve(self, system_url, public_id, context):
            try:
                socket.create_connection(("127.0.0.1", 9), timeout=2).close()
            except OSError as error:
                print(f"refused: {error}")
            return self.resolve_string("<!ENTITY e 'x'>", context)

    parser = etree.XMLParser(load_dtd=True)
    parser.resolvers.add(Resolver())
    etree.fromstring('<!DOCTYPE list SYSTEM "outer.dtd"><list/>', parser)


if __name__ == "__main__":
    libguard.serving()
    {"--learn": learn, "--other": other, "--new": new}[sys.argv[1]](sys.argv[2])
    print("done")
