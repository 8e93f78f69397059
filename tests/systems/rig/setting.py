"""Where a system was set up, its policy from a template, a Redis to compare with, and the questions to a trail."""
import json
import os
import subprocess
from collections import Counter
from pathlib import Path

from rig.process import ROOT
from rig.redis_server import ADMIN_PASSWORD, ADMIN_USER, RedisServer
from rig.resp import RespError, connect

CACHE = Path(os.environ.get('KEYWARD_CACHE', ROOT / '.cache'))


class System:
    """`place`: what `setup` made, kept between runs. `folder`: the tests, and what they give the system."""

    def __init__(self, name):
        self.name, self.place, self.folder = name, CACHE / 'systems' / name, ROOT / 'tests/systems' / name
        self.python = self.place / 'venv/bin/python'  # where the system is one in Python

    def there(self):
        return subprocess.run([str(self.folder / 'setup'), '--there'], stdin=subprocess.DEVNULL).returncode == 0


def team(name, template, grants, parameters=None, more=''):
    """The policy file of a team that takes grants of a template over: `grants` maps each grant to the group that has it.
    `more`: YAML that is added to every grant, at the grant's own depth (four spaces)."""
    lines = ['apiVersion: keyward/v1', f'team: {name}', f'owners: [{name}@example.com]', 'grants:']
    for grant, group in grants.items():
        taken = {'name': template, 'grant': grant, **({'with': parameters} if parameters else {})}
        lines += [f'  - name: {name}-{grant}', f'    who: [{{issuer: local, groups: [{group}]}}]', f'    template: {json.dumps(taken)}']
        lines += [more.rstrip('\n')] if more else []
    return '\n'.join(lines) + '\n'


class Direct(RedisServer):
    """A Redis that is reached over TLS with a password: what a system has without Keyward."""

    user, password = ADMIN_USER, ADMIN_PASSWORD

    def url(self, database=0, query=''):
        return f'rediss://{self.user}:{self.password}@localhost:{self.tls_port}/{database}{query}'

    def login(self, authority):
        client = connect(self.tls_port, authority.ca)
        answer = client('AUTH', self.user, self.password)
        if isinstance(answer, RespError):
            raise answer
        return client


def keyward_url(server, token, database=0, query='', user='default'):
    return f'rediss://{user}:{token}@localhost:{server.port}/{database}{query}'


def refused(server):
    """The refusals in the trail, short: (who, command, reason)."""
    return [(r['actor']['user']['name'], r.get('query_info', {}).get('name', '').upper(), r.get('status_detail')) for r in server.trail.denials()]


def no_refusals(server):
    denied = server.trail.denials()
    assert not denied, f'{len(denied)} refusals:\n' + '\n'.join(json.dumps(d)[:700] for d in denied[:5])


def who_did_what(server):
    """How often each (user, command) stands in the trail, as not refused. Reads only where the policy has them recorded."""
    return Counter((r['actor']['user']['name'], r['query_info']['name'].upper()) for r in server.trail.records()
                   if r.get('class_uid') == 6005 and r.get('action_id') != 2 and 'query_info' in r)


def ended_well(server):
    """Stops a Keyward; its trail verifies."""
    assert server.stop() == 0, server.process.text()[-3000:]
    verdict = server.trail.verify()
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
