"""Debian's Chromium without a screen: what a page became, what it said on the console, what it asked the network for."""
import os
import re
import shutil
import subprocess

# As few words to the world as can be: nothing here may reach out but the page, and the page must not.
FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync', '--disable-extensions', '--hide-scrollbars',
         '--host-resolver-rules=MAP * ~NOTFOUND', '--enable-logging=stderr', '--log-level=0']


def find():
    """The program, or None."""
    return os.environ.get('KEYWARD_BROWSER') or shutil.which('chromium')


class Visit:
    """One page, opened and left: `dom`, `console` (lines), `requests` (what the page asked the network for)."""

    def __init__(self, page, folder, screenshot=None, size=(1200, 1600), dark=False):
        folder.mkdir(parents=True, exist_ok=True)
        net = folder / 'net.json'
        todo = [f'--screenshot={screenshot}'] if screenshot else ['--dump-dom']
        dark_flags = ['--blink-settings=preferredColorScheme=0'] if dark else []
        ended = subprocess.run([find(), *FLAGS, *dark_flags, f'--user-data-dir={folder / "profile"}', f'--log-net-log={net}',
                                f'--window-size={size[0]},{size[1]}', *todo, page.resolve().as_uri()],
                               capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr[-2000:]
        self.dom = ended.stdout
        self.console = [line for line in ended.stderr.splitlines() if ':CONSOLE' in line]
        self.requests = sorted(asked_by_pages(net.read_text(errors='replace')))


def asked_by_pages(log):
    """Addresses of a net log that a page asked for. What Chromium asks for itself (updates, the time) has no origin."""
    for line in log.splitlines():
        if '"initiator":' in line and '"initiator":"not an origin"' not in line:
            for url in re.findall(r'"url":"([^"]+)"', line):
                if not url.startswith(('file:', 'data:', 'chrome', 'about:')):
                    yield url


def tables(dom):
    """The rows of every table by its id, as dictionaries by the text of the heading; numbers and moments as their sorting keys."""
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.all, self.table, self.row, self.cell, self.heads = {}, None, None, None, []

        def handle_starttag(self, tag, attrs):
            attrs = dict(attrs)
            if tag == 'table':
                self.table, self.heads = self.all.setdefault(attrs['id'].removeprefix('table-'), []), []
            elif tag == 'tr' and self.table is not None:
                self.row = []
            elif tag in ('td', 'th') and self.table is not None:
                self.cell = [attrs.get('data-s'), '']

        def handle_data(self, data):
            if self.cell is not None:
                self.cell[1] += data

        def handle_endtag(self, tag):
            if tag == 'th' and self.cell is not None:
                self.heads.append(self.cell[1])
                self.cell = None
            elif tag == 'td' and self.cell is not None:
                self.row.append(int(self.cell[0]) if self.cell[0] is not None else self.cell[1])
                self.cell = None
            elif tag == 'tr' and self.row:
                self.table.append(dict(zip(self.heads, self.row)))
                self.row = None
            elif tag == 'table':
                self.table = None

    reader = Reader()
    reader.feed(dom)
    return reader.all
