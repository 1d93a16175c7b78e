# SPDX-License-Identifier: Apache-2.0
"""Documents with lxml. Usage: lxml_job.py --learn|--other|--new DIR"""

import os
import socket
import sys

from lxml import etree, html

STYLE = """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="xml" encoding="UTF-8"/><xsl:template match="/">
<out><xsl:for-each select="//item"><i><xsl:value-of select="."/></i></xsl:for-each></out></xsl:template></xsl:stylesheet>"""


def learn(folder):
    root = etree.fromstring("<list><item>one</item><item>two</item></list>")
    assert root.xpath("count(//item)") == 2
    etree.ElementTree(root).write(os.path.join(folder, "list.xml"))
    assert etree.parse(os.path.join(folder, "list.xml")).getroot().tag == "list"


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
    etree.canonicalize(from_file=os.path.join(folder, "made", "final.xml"), out=open(os.path.join(folder, "c14n"), "w"))
    try:
        etree.fromstring("<broken>")
    except etree.XMLSyntaxError:
        os.unlink(os.path.join(folder, "made", "final.xml"))
    os.rmdir(os.path.join(folder, "made"))


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
    {"--learn": learn, "--other": other, "--new": new}[sys.argv[1]](sys.argv[2])
    print("done")
