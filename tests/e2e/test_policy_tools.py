"""The verbs by which a team adopts and defends a policy, on a trail that a running Keyward wrote."""
import json
import subprocess

import pytest

from rig.keyward import run
from rig.resp import RespError

WIDE = """
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
  - name: app
    who:
      - {issuer: local, groups: [app]}
    databases: [0, 1]
    allow:
      - commands: ["@all", "-@dangerous", "-scan", "-randomkey", "-dbsize", "info"]
        keys: ["app:*", "shared:*"]
        channels: ["app:*"]
    audit: {reads: true}
  - name: idle
    who:
      - {issuer: local, groups: [idle]}
    allow:
      - commands: [get]
        keys: ["idle:*"]
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where the verbs work: policies/ and, after `day`, trail/."""
    path = tmp_path_factory.mktemp('tools')
    (path / 'policies').mkdir()
    (path / 'policies/e2e.yaml').write_text(WIDE)
    return path


@pytest.fixture(scope='module')
def day(folder, authority, issuer, issuer_config, redis_shared):
    """A small day's work, and the trail of it."""
    from rig.keyward import Keyward
    server = Keyward(folder / 'server', authority, redis_shared, [issuer_config], {'e2e.yaml': WIDE},
                     more={'instance': 'tools'}).start()  # beside the shared one, on its Redis
    try:
        for who in ('alice', 'bob'):
            with server.login(issuer.token(who, ['app'])) as client:
                for n in range(30):
                    client('SET', f'app:job:{n}', 'x' * n)
                    client('GET', f'app:job:{n}')
                client('LPUSH', 'app:queue', 'a')
                client('BRPOP', 'app:queue', '1')
                client('HSET', 'shared:totals', who, '1')
                client('PUBLISH', 'app:events', 'x')
                assert client('EVAL', "redis.call('SET', KEYS[1], ARGV[1]) return redis.pcall('incr', KEYS[2])", '2',
                              'app:lua', f'app:count:{who}', 'v') == 1
                assert isinstance(client('GET', 'foreign'), RespError)
                assert isinstance(client('GET', 'app:queue'), RespError) or True
    finally:
        assert server.stop() == 0
    return server


def tool(folder, *arguments, code=0, timeout=60):
    ended = run('policy', *arguments, cwd=folder, timeout=timeout)
    assert ended.returncode == code, f'{ended.returncode}: {ended.stdout[-3000:]}\n{ended.stderr[-3000:]}'
    return ended


def test_what_is_suggested_holds_and_works(folder, day, make_keyward, issuer):
    ended = tool(folder, 'suggest', day.trail.folder, '--team', 'e2e', '--owner', 'e2e@example.com')
    print(ended.stdout, ended.stderr)
    text = ended.stdout
    assert 'refuses 0' in ended.stderr
    rules = text.count('- commands:')
    assert 0 < rules < 10 and '"@' not in text and '["*"]' not in text and '- "*"' not in text
    assert 'app:job:*' in text and '{subject}' in text and 'foreign' not in text
    (folder / 'suggested.yaml').write_text(text)
    assert run('policy', 'test', folder / 'suggested.yaml').returncode == 0
    # A server under that file does the same work, scripts included, and refuses the rest.
    server = make_keyward(policies={'suggested.yaml': text}).start()
    with server.login(issuer.token('alice', ['app'])) as client:
        assert client('SET', 'app:job:7', 'v') == b'OK'
        assert client('EVAL', "redis.call('SET', KEYS[1], ARGV[1]) return redis.pcall('incr', KEYS[2])", '2',
                      'app:lua', 'app:count:alice', 'v')
        assert isinstance(client('GET', 'app:count:bob'), RespError)
        assert isinstance(client('DEL', 'app:queue'), RespError)
        assert isinstance(client('SET', 'app:other:1', 'v'), RespError)


def test_suggest_says_it_as_json(folder, day):
    answer = json.loads(tool(folder, 'suggest', day.trail.folder, '--json', '--grant', 'app').stdout)
    assert answer['ok'] and answer['rules'] > 0 and answer['replay']['newly_refused'] == 0
    assert 'apiVersion: keyward/v1' in answer['policy']
    assert run('policy', 'suggest', day.trail.folder, '--grant', 'nobody').returncode == 1
    assert run('policy', 'suggest', folder / 'nowhere').returncode == 1


def test_replay(folder, day):
    same = tool(folder, 'replay', day.trail.folder)
    assert '0 would now be REFUSED' in same.stdout
    (folder / 'narrow').mkdir(exist_ok=True)
    (folder / 'narrow/e2e.yaml').write_text(WIDE.replace('"shared:*"', '"foreign"'))
    ended = tool(folder, 'replay', day.trail.folder, '--policies', 'narrow', code=1)
    assert '2 x hset on shared:totals' in ended.stdout and 'e2e.yaml:11' in ended.stdout
    assert '2 x get on foreign' in ended.stdout
    answer = json.loads(tool(folder, 'replay', day.trail.folder, '--policies', 'narrow', '--json', code=1).stdout)
    assert answer['newly_refused'] == 2 and answer['newly_allowed'] == 2 and answer['unjudged'] == 0
    assert answer['newly_refused_groups'][0]['reason'] == 'key'


def test_unreadable_lines_are_counted(folder, day, tmp_path):
    lines = b''.join(p.read_bytes() for p in sorted(day.trail.folder.glob('*.jsonl')))
    damaged = tmp_path / 'damaged.jsonl'
    damaged.write_bytes(b'rubbish\n\xff\xfe\n{"class_uid":6005,"half"\n' + lines + b'{"class_uid":6005,"torn')
    answer = json.loads(tool(folder, 'replay', damaged, '--json').stdout)
    assert answer['trail']['unreadable'] == 3 and answer['commands'] > 100
    damaged.write_bytes(b'rubbish\n')
    assert 'no command to judge' in tool(folder, 'replay', damaged, code=1).stderr


def test_access(folder, day):
    by_key = tool(folder, 'access', '--key', 'app:job:1', '--trail', day.trail.folder).stdout
    assert 'e2e.yaml:11' in by_key and 'local:alice' in by_key and 'local:bob' in by_key and 'read, write' in by_key
    answer = json.loads(tool(folder, 'access', '--key', 'app:job:1', '--trail', day.trail.folder, '--json').stdout)
    assert {u['principal']: (u['reads'], u['writes']) for u in answer['used_by']} == {'local:alice': (1, 1), 'local:bob': (1, 1)}
    assert answer['trail']['first'] and [g['grant'] for g in answer['grants']] == ['app']
    assert json.loads(tool(folder, 'access', '--key', 'app:job:1', '--db', '5', '--json').stdout)['grants'] == []
    whole = tool(folder, 'access', '--trail', day.trail.folder).stdout
    assert 'UNUSED' in whole and '1 grants and 1 rules were not used' in whole
    person = tool(folder, 'access', '--principal', 'sub=alice,group=app').stdout
    assert 'grants: app' in person and 'app:*' in person
    assert tool(folder, 'access', '--principal', '{"issuer": "local", "subject": "x"}', code=1).stdout.startswith('no grant')
    tool(folder, 'access', '--principal', 'nonsense', code=2)
    tool(folder, 'access', '--key', 'a', '--grant', 'b', code=2)


def test_diff(folder):
    (folder / 'new').mkdir(exist_ok=True)
    (folder / 'new/e2e.yaml').write_text(WIDE.replace('commands: [get]', 'commands: [get, set]').replace('"shared:*"', '"shared:totals"'))
    assert 'nobody gains or loses' in tool(folder, 'diff', 'policies', 'policies').stdout
    text = tool(folder, 'diff', 'policies', 'new', code=1).stdout
    assert '+ gains set on keys idle:*' in text and 'narrowed' in text
    markdown = tool(folder, 'diff', '--format', 'markdown', 'policies', 'new', code=1).stdout
    assert markdown.index('**+ gains**') < markdown.index('- loses')
    answer = json.loads(tool(folder, 'diff', '--json', 'policies', 'new', code=1).stdout)
    assert answer['changed'] and len(answer['people']) == 2
    tool(folder, 'diff', 'policies', 'nowhere', code=2)
    tool(folder, 'diff', code=2)


def test_diff_against_a_commit(folder, tmp_path):
    def git(*arguments):
        subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.com', *arguments], cwd=tmp_path, check=True,
                       capture_output=True)
    policies = tmp_path / 'deep/policies'
    policies.mkdir(parents=True)
    (policies / 'e2e.yaml').write_text(WIDE)
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'x')
    assert run('policy', 'diff', 'git:HEAD', cwd=tmp_path / 'deep').returncode == 0
    (policies / 'e2e.yaml').write_text(WIDE.replace('commands: [get]', 'commands: [get, del]'))
    ended = run('policy', 'diff', 'git:HEAD', cwd=tmp_path / 'deep')
    assert ended.returncode == 1 and '+ gains del on keys idle:*' in ended.stdout
    assert run('policy', 'diff', 'git:nothing', cwd=tmp_path / 'deep').returncode == 2
    assert run('policy', 'diff', 'git:--help', cwd=tmp_path / 'deep').returncode == 2


def test_fmt(folder, tmp_path):
    path = tmp_path / 'p.yaml'
    untidy = WIDE.replace('grants:', '# Who may what.\ngrants:  # all\n').replace('[get]', '[ "get" ]  # only this')
    path.write_text(untidy)
    path.chmod(0o640)
    checked = run('policy', 'fmt', '--check', path)
    assert checked.returncode == 1 and '+++ ' in checked.stdout and path.read_text() == untidy
    assert run('policy', 'fmt', path).stdout.strip() == str(path)
    tidy = path.read_text()
    assert '# Who may what.' in tidy and 'grants:  # all' in tidy and 'commands: [get]  # only this' in tidy
    assert path.stat().st_mode & 0o777 == 0o640 and [p.name for p in tmp_path.iterdir()] == ['p.yaml']
    assert run('policy', 'fmt', '--check', tmp_path).returncode == 0
    assert run('policy', 'fmt', path).stdout == ''
    # What does not load is left alone.
    path.write_text('team: x\ngrants: [')
    assert run('policy', 'fmt', path).returncode == 1 and path.read_text() == 'team: x\ngrants: ['


@pytest.mark.parametrize('verb', ['suggest', 'diff', 'access', 'replay', 'fmt'])
def test_every_verb_has_an_example(verb):
    ended = run('policy', verb, '--help')
    assert ended.returncode == 0 and 'Example' in ended.stdout and '--json' in ended.stdout
