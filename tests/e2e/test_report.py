"""`keyward audit report` over what a real Keyward recorded, looked at in a browser, counted again by hand; `keyward access review`."""
import csv
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from rig import browser
from rig.keyward import BINARY, Keyward, run
from rig.process import ROOT, Process
from rig.redis_server import RedisServer
from rig.resp import RespError

POLICY = """
apiVersion: keyward/v1
team: shop
owners: [shop@example.com]
grants:
  - name: web
    who: [{issuer: local, groups: [web]}]
    allow: [{commands: ["@read", "@write", "-@dangerous", eval], keys: ["shop:*"]}]
    audit: {reads: true}
  - name: reports
    who: [{issuer: local, groups: [analysts]}]
    allow: [{commands: [get, mget], keys: ["shop:*"]}]
  - name: emergency
    who: [{issuer: local, groups: [web]}]
    break_glass: true
    limits: {session: 60s}
    allow: [{commands: ["@all", "-@dangerous"], keys: ["*"]}]
"""
HOSTILE = 'x<script>alert(1)</script>"\'&evil'            # as far as a login lets it in
REASON = 'INC-7 <b>the cart</b> is "stuck"'
SUBJECT = 'Analysts may ask for lengths \x1b[31m\u202e<script>alert(1)</script>'

def git(folder, *arguments):
    return subprocess.run(['git', '-C', folder, '-c', 'user.name=Ann Example', '-c', 'user.email=ann@example.com', *arguments],
                          check=True, capture_output=True, text=True).stdout

def commit(server, message):
    git(server.policies, 'add', '-A')
    git(server.policies, 'commit', '-q', '-m', message)

def work(server, issuer):
    """Logins, changes, refusals, break-glass, a hostile name, a change of policy, a revocation."""
    for name in ('cart-1', 'cart-2'):
        with server.login(issuer.token(name, ['web'])) as client:
            for i in range(5):
                assert client('SET', f'shop:{name}:{i}', 'v') == b'OK'
            client('GET', 'payroll:1')
            client('FLUSHALL')
            client('EVAL', "return redis.call('GET', KEYS[1])", '1', 'shop:x')
    with server.login(issuer.token(HOSTILE, ['web'])) as client:
        client('SET', 'shop:h', 'v')
        client('SET', HOSTILE + '\x1b[31m\u202e', 'v')
        assert client('KEYWARD', 'BREAK-GLASS', REASON).startswith(b'OK')
        client('DEL', 'anything')
    with server.connect() as client:
        client('AUTH', 'no-token')
    leaver = server.login(issuer.token('ann-ex', ['web']))
    assert leaver('SET', 'shop:last', 'v') == b'OK'
    status, _ = server.api('POST', '/v1/revocations', {'principal': 'local:ann-ex', 'reason': 'left the company'})
    assert status in (200, 201)
    assert isinstance(leaver('SET', 'shop:last', 'v'), RespError)
    leaver.close()

@pytest.fixture(scope='module')
def worked(tmp_path_factory, authority, issuer, issuer_config):
    """A stopped server after a day with a change of policy, a refused one and a crash; its report."""
    folder = tmp_path_factory.mktemp('report')
    redis = RedisServer(folder / 'redis', authority)
    server = Keyward(folder / 'keyward', authority, redis, [issuer_config], {'shop.yaml': POLICY})
    git(server.policies, 'init', '-q')
    commit(server, 'The first policy')
    server.start()
    work(server, issuer)
    server.replace_policy(POLICY.replace('get, mget', 'get, mget, strlen'), 'shop.yaml')
    commit(server, SUBJECT)
    server.reload_now()
    server.kill()                                     # a crash: the next run says so
    server.start()
    with server.login(issuer.token('cart-1', ['web'])) as client:
        assert client('SET', 'shop:again', 'v') == b'OK'
    assert server.stop() == 0
    redis.stop()
    server.report = folder / 'made'
    ended = run('audit', 'report', server.trail.folder, '--policy', server.policies, '--to', '2100-01-01', '--output', server.report)
    assert ended.returncode == 0, ended.stderr
    server.said = ended.stdout
    return server

def kind(record):
    return record['unmapped']['keyward']['kind']

def rows(server, name):
    with open(server.report / f'{name}.csv', newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))

def test_figures_are_those_of_the_trail(worked):
    records = worked.trail.records()
    accepted = Counter(r['actor']['user']['uid'] for r in records if kind(r) == 'command')
    refused = Counter(r['actor']['user']['uid'] for r in records if kind(r) == 'denial')
    logins = Counter(r['user']['uid'] for r in records if kind(r) == 'login')
    told = {row['principal']: row for row in rows(worked, 'principals')}
    assert len(told) == len(set(accepted) | set(refused) | set(logins)) == 4
    for principal in ('local:cart-1', 'local:cart-2', 'local:ann-ex'):
        row = told[principal]
        assert (int(row['commands']), int(row['refused']), int(row['logins'])) == (accepted[principal], refused[principal], logins[principal])
    reasons = Counter(r.get('status_detail') for r in records if kind(r) == 'denial')
    assert {row['reason']: int(row['count']) for row in rows(worked, 'refusal_reasons')} == reasons
    assert {row['kind']: int(row['count']) for row in rows(worked, 'kinds')} == Counter(map(kind, records))
    by_grant = Counter(r['unmapped']['keyward'].get('grant', '') for r in records if kind(r) == 'command')
    assert {row['grant']: int(row['commands']) for row in rows(worked, 'grants')} == \
        {'web': by_grant['web'], 'emergency': by_grant['emergency'], 'reports': 0} | ({'none': by_grant['']} if by_grant[''] else {})

def test_what_happened_is_told(worked):
    [left] = [row for row in rows(worked, 'leavers') if row['principal'] == 'local:ann-ex' and row['how'].startswith('revocation')]
    assert left['lost'] == 'all access' and left['time_to_last'] == '', 'nothing was accepted after it'
    glass = rows(worked, 'break_glass')
    assert [row['event'] for row in glass] in (['taken'], ['taken', 'ended']) and glass[0]['reason'] == REASON
    changes = [row for row in rows(worked, 'policy_changes') if row['outcome'] == 'in force']
    assert [row['author'] for row in changes] == ['Ann Example <ann@example.com>'] * len(changes)
    assert changes[-1]['subject'] == SUBJECT.replace('\x1b', r'\x1b').replace('\u202e', '<U+202E>') and int(changes[-1]['gains']) >= 1
    assert any(row['before'] == 'crash' for row in rows(worked, 'runs'))
    assert {row['result'] for row in rows(worked, 'integrity')} == {'whole'}
    assert any(row['version'].startswith('TLSv1.') for row in rows(worked, 'tls'))
    assert 'INC-7' not in worked.said and 'not used' in worked.said and 'crash' in worked.said

def test_the_same_bytes_again_and_signed(worked, tmp_path):
    again = tmp_path / 'again'
    arguments = ('audit', 'report', worked.trail.folder, '--git', f'{worked.folder}:policies', '--to', '2100-01-01', '--output', again)
    assert run(*arguments, '--threads', '1').returncode == 0
    for path in sorted(worked.report.iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    assert run(*arguments).returncode == 1, 'nothing is replaced unasked'
    public = tmp_path / 'key.pem'
    public.write_text(run('audit', 'key', worked.trail.folder).stdout)
    assert run('audit', 'report', '--check', again, '--trusted-key', public).returncode == 0
    (again / 'grants.csv').write_text('changed')
    ended = run('audit', 'report', '--check', again)
    assert ended.returncode == 1 and ended.stdout == 'grants.csv: altered\n'

def test_periods(worked, tmp_path):
    ended = run('audit', 'report', worked.trail.folder, '--from', '2001-01-01', '--to', '2001-02-01', '--output', tmp_path / 'none')
    assert ended.returncode == 0 and 'no record in this period' in ended.stdout
    for wrong in (['--from', 'yesterday'], ['--from', '2026-01-02', '--to', '2026-01-01']):
        assert run('audit', 'report', worked.trail.folder, *wrong, '--output', tmp_path / 'wrong').returncode == 2
    facts = json.loads(run('audit', 'report', worked.trail.folder, '--json', '--to', '2100-01-01').stdout)
    assert [s['criterion'] for s in facts['sections']][:3] == ['CC6.1', 'CC6.2', 'CC6.3']

@pytest.mark.skipif(not browser.find(), reason='no chromium here (apt-get install chromium)')
def test_in_a_browser(worked, tmp_path):
    page = worked.report / 'report.html'
    other = tmp_path / 'other.html'
    other.write_text('<!DOCTYPE html><img src="http://127.0.0.1:9/x.png"><script>console.log("said")</script>')
    seen = browser.Visit(other, tmp_path / 'other')
    assert len(seen.console) == 1 and seen.requests == ['http://127.0.0.1:9/x.png'], 'what is looked for would be seen'
    seen = browser.Visit(page, tmp_path / 'visit')
    assert seen.console == [] and seen.requests == []
    assert seen.dom.count('<script') == 1 and '<button type="button">' in seen.dom, 'its script ran, and no other'
    assert re.search(r'\balert\(1\)', seen.dom) and '\x1b' not in seen.dom and '\u202e' not in seen.dom
    records = worked.trail.records()
    shown = browser.tables(seen.dom)
    for row in shown['principals']:
        if row['Principal'] in ('local:cart-1', 'local:cart-2'):
            assert row['Commands'] == sum(kind(r) == 'command' and r['actor']['user']['uid'] == row['Principal'] for r in records)
    assert sum(row['Count'] for row in shown['kinds']) == len(records)
    picture = tmp_path / 'report.png'
    looked = browser.Visit(page, tmp_path / 'look', screenshot=picture)
    assert looked.console == [] and picture.read_bytes().startswith(b'\x89PNG') and picture.stat().st_size > 20_000

def test_access_review(worked, tmp_path):
    sheet, kept = tmp_path / 'sheet.yaml', tmp_path / 'kept'
    review = ('access', 'review', worked.trail.folder, '--policy', worked.policies)
    assert run(*review, '--output', sheet).returncode == 0
    assert run(*review, '--output', sheet).returncode == 1, 'a worksheet is never overwritten'
    told = {(row['grant'], row['used'] > 0): row for row in json.loads(run(*review, '--json').stdout)['rows']}
    assert set(told) == {('web', True), ('reports', False), ('emergency', True)}
    assert told['web', True]['granted_by'].startswith('Ann Example <ann@example.com>, ')
    assert run('policy', 'keygen', tmp_path / 'ann.pem').returncode == 0
    sign = ('access', 'review', '--sign', sheet, '--reviewer', 'Ann Example', '--key', tmp_path / 'ann.pem', '--keep', kept)
    ended = run(*sign)
    assert ended.returncode == 1 and ended.stderr.count('has no decision') == 3 and f'{sheet}:' in ended.stderr
    text = sheet.read_text().replace('decision: ""', 'decision: "keep"', 2)
    sheet.write_text(text.replace('decision: ""', 'decision: "remove"'))
    assert run(*sign).returncode == 0
    [signed] = kept.iterdir()
    assert run('access', 'review', '--check', signed).returncode == 0
    facts = json.loads(run('audit', 'report', worked.trail.folder, '--reviews', kept, '--json').stdout)
    [told] = next(s for s in facts['sections'] if s['id'] == 'cc6-3')['tables']['access_reviews']['rows']
    assert (told['reviewer'], told['keep'], told['remove'], told['signature']) == ('Ann Example', 2, 1, 'holds')
    altered = tmp_path / 'altered.yaml'
    altered.write_text(signed.read_text().replace('"remove"', '"keep"'))
    assert run('access', 'review', '--check', altered).returncode == 1
    since = json.loads(run(*review, '--diff', signed, '--json').stdout)['since']
    assert since['changes'] == [] and [one['done'] for one in since['decisions']] == [False]
    later = tmp_path / 'policies'
    shutil.copytree(worked.policies, later, ignore=shutil.ignore_patterns('.git'))
    (later / 'shop.yaml').write_text(POLICY.replace('get, mget', 'get').split('  - name: emergency')[0])
    since = json.loads(run('access', 'review', worked.trail.folder, '--policy', later, '--diff', signed, '--json').stdout)['since']
    assert {(one['what'], one['grant']) for one in since['changes']} >= {('removed', 'emergency'), ('narrowed', 'reports')}


@pytest.mark.skipif(not browser.find(), reason='no chromium here (apt-get install chromium)')
def test_the_three_commands_of_the_readme(tmp_path):
    """As they stand there, but for what opens the page."""
    block = re.search(r'## What an auditor gets.*?```\n(.*?)```', (ROOT / 'README.md').read_text(), re.S).group(1)
    begin, make, show = block.strip().splitlines()
    assert begin == 'scripts/dev' and show.startswith('xdg-open ')
    shutil.copytree(ROOT / 'policies', tmp_path / 'policies')
    (tmp_path / 'build/release').mkdir(parents=True)
    (tmp_path / 'build/release/keyward').symlink_to(BINARY.resolve())
    dev = Process(['build/release/keyward', 'dev', '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'], tmp_path / 'dev.log', cwd=tmp_path)
    dev.expect(lambda: any(line.startswith('ready') for line in dev.text().splitlines()), 20, 'the ready line')
    ended = subprocess.run(['bash', '-c', make], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    seen = browser.Visit(tmp_path / show.split()[1], tmp_path / 'visit')
    assert dev.stop() == 0
    assert seen.console == [] and 'airflow-worker' in seen.dom


MONTH = """
  - name: airflow-emergency
    who: [{issuer: okta, groups: [oncall]}]
    break_glass: true
    limits: {session: 1h}
    allow: [{commands: ["@read", "@write", "-@dangerous"], keys: ["airflow:*"]}]
  - name: billing-export
    who: [{issuer: eks, subject: "system:serviceaccount:billing:export"}]
    allow: [{commands: [get, mget], keys: ["billing:*"]}]
  - name: quarterly-close
    who: [{issuer: okta, groups: [finance]}]
    allow: [{commands: [get, mget, hgetall], keys: ["billing:*"]}]
"""


@pytest.mark.skipif('KEYWARD_PICTURE' not in os.environ, reason='makes docs/report.png: KEYWARD_PICTURE=build/release/tests/kw_report_tests')
def test_picture_for_the_documentation(tmp_path):
    """A month of a small fleet, as tests/unit/report/month_test.cc writes it, and the first page of its report."""
    policies = tmp_path / 'access' / 'policies'
    policies.mkdir(parents=True)
    git(policies, 'init', '-q')
    versions = []
    for day, subject, edit in (('2026-09-28', 'Airflow, billing and an emergency grant', lambda text: text),
                               ('2026-10-12', 'Billing may ask how long a list is', lambda text: text.replace('[get, mget], keys', '[get, mget, llen], keys'))):
        airflow = (ROOT / 'policies/airflow.yaml').read_text()
        (policies / 'airflow.yaml').write_text(airflow.replace('\nexpect:\n', f'{edit(MONTH)}\nexpect:\n', 1))
        git(policies, 'add', '-A')
        subprocess.run(['git', '-C', policies, '-c', 'user.name=Kofi Mensah', '-c', 'user.email=kofi.mensah@example.com', 'commit', '-qm', subject],
                       check=True, env=dict(os.environ, GIT_AUTHOR_DATE=f'{day}T09:41:00Z', GIT_COMMITTER_DATE=f'{day}T09:41:00Z'))
        versions.append(json.loads(run('policy', 'diff', policies, policies, '--json').stdout)['after'])
    trail = tmp_path / 'audit'
    subprocess.run([os.environ['KEYWARD_PICTURE'], '--gtest_filter=Month.*'], check=True, capture_output=True,
                   env=dict(os.environ, KEYWARD_MONTH=str(trail), KEYWARD_MONTH_VERSIONS=','.join(versions)))
    made = tmp_path / 'report'
    ended = run('audit', 'report', trail, '--from', '2026-10-01', '--to', '2026-11-01', '--policy', policies, '--output', made)
    assert ended.returncode == 0, ended.stderr
    shot = Path(os.environ.get('KEYWARD_PICTURE_TO', ROOT / 'docs/report.png'))
    looked = browser.Visit(made / 'report.html', tmp_path / 'look', screenshot=shot, size=(1160, 1640))
    assert looked.console == [] and shot.stat().st_size < 300_000
