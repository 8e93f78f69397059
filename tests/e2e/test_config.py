"""Bad files: all errors at once with their places, exit 1; a running server keeps what it has."""
import json
import re
import signal
import socket
import time

import pytest

from conftest import POLICY
from rig.keyward import run
from rig.process import until
from rig.resp import RespError

PLACE = re.compile(r'^\S+?:\d+:\d+: .+', re.M)

BAD_POLICY = """apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
  - name: app
    who: [{issuer: local, groups: [app]}]
    allow:
      - commands: ["@nonsense", "nosuchcommand"]
        keys: ["app:*"]
      - commandz: ["get"]
  - name: app
    who: []
    allow:
      - commands: ["get"]
        keys: ["app:*"]
"""
FALSE_EXPECTATION = POLICY + """
expect:
  - as: {issuer: local, subject: x, groups: [app]}
    allow: ["GET foreign"]
    deny: ["GET app:x"]
"""


def test_check_names_every_error_with_its_place(tmp_path):
    (tmp_path / 'bad.yaml').write_text(BAD_POLICY)
    ended = run('check', tmp_path / 'bad.yaml')
    text = ended.stdout + ended.stderr
    assert ended.returncode == 1
    places = PLACE.findall(text)
    assert len(places) >= 4, text
    for word in ('nonsense', 'nosuchcommand', 'commandz'):
        assert any(word in place for place in places), f'{word} is not named:\n{text}'


def test_check_runs_the_expectations(tmp_path):
    (tmp_path / 'p.yaml').write_text(FALSE_EXPECTATION)
    ended = run('check', tmp_path / 'p.yaml')
    assert ended.returncode == 1
    assert 'GET foreign' in ended.stdout + ended.stderr and 'GET app:x' in ended.stdout + ended.stderr


def test_check_accepts_what_is_good(make_keyward):
    server = make_keyward()
    server.config_file.write_text(json.dumps(server.config))
    for path in (server.policies, server.config_file):
        ended = run('check', path)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_wrong_words_are_usage():
    assert run('nosuchverb').returncode == 2
    assert run('serve').returncode == 2
    assert run('serve', '--nosuchoption').returncode == 2
    assert run('--help').returncode == 0
    for verb in ('dev', 'serve', 'check', 'token', 'version'):
        ended = run(verb, '--help')
        assert ended.returncode == 0 and 'keyward ' + verb in ended.stdout, ended.stdout


def test_version():
    ended = run('version', '--json')
    assert ended.returncode == 0 and json.loads(ended.stdout)['version']


def serve_fails(server, seconds=15):
    server.config_file.write_text(json.dumps(server.config, indent=1))
    ended = run('serve', '--config', server.config_file, timeout=seconds)
    return ended.returncode, ended.stdout + ended.stderr


def test_a_bad_configuration_tells_everything(make_keyward):
    server = make_keyward()
    server.config['listenerz'] = []
    server.config['shards'] = 'many'
    server.config['listeners'][0]['tls']['certificate'] = 'nosuch.pem'
    server.config['upstream']['password'] = 'inline'
    server.config['policies'] = 'nosuchfolder'
    code, text = serve_fails(server)
    assert code == 1
    assert len(PLACE.findall(text)) >= 5, text
    for word in ('listenerz', 'shards', 'nosuch.pem', 'password', 'folder'):
        assert word in text, text


def test_no_configuration_file(tmp_path):
    ended = run('serve', '--config', tmp_path / 'none.yaml')
    assert ended.returncode == 1 and 'none.yaml' in ended.stdout + ended.stderr


def test_a_bad_policy_at_start(make_keyward):
    server = make_keyward(policies={'bad.yaml': BAD_POLICY})
    code, text = serve_fails(server)
    assert code == 1 and len(PLACE.findall(text)) >= 4, text


def test_a_port_that_is_taken(make_keyward):
    server = make_keyward()
    with socket.create_server(('127.0.0.1', server.port)):
        code, text = serve_fails(server)
    assert code == 1 and str(server.port) in text, text


def test_a_wrong_redis_password(make_keyward):
    server = make_keyward()
    server.password_file.write_text('wrong-password-of-the-test')
    server.config_file.write_text(json.dumps(server.config))
    try:
        server.start(seconds=4)
        raise AssertionError('it says it is ready')
    except AssertionError as error:
        assert 'says it is ready' not in str(error)
    text = server.process.text()
    assert 'wrong-password-of-the-test' not in text
    assert 'WRONGPASS' in text or 'password' in text.lower(), text


def test_reload_keeps_the_old_policy_when_the_new_one_is_bad(make_keyward, app_token):
    server = make_keyward().start()
    with server.login(app_token) as client:
        assert client('SET', 'app:x', 1) == b'OK'
        server.write_policies({'bad.yaml': BAD_POLICY})
        server.reload()
        until(lambda: 'nosuchcommand' in server.process.text(), 10, 'the complaint in the log')
        assert client('SET', 'app:x', 2) == b'OK'
        with server.login(app_token) as another:
            assert another('GET', 'app:x') == b'2'
        server.write_policies({'e2e.yaml': POLICY.replace('"app:*"', '"new:*"')})
        server.reload()

        def moved():
            answer = client('SET', 'new:x', 1)
            return answer == b'OK'
        until(moved, 10, 'the new policy on a connection that lived through it')
        refused = client('GET', 'app:x')
        assert isinstance(refused, RespError) and refused.prefix == 'NOPERM'


def test_a_grant_that_goes_ends_what_it_allowed(make_keyward, issuer):
    server = make_keyward().start()
    with server.login(issuer.token('someone', ['other'])) as client:
        assert client('SET', 'other:x', 1) == b'OK'
        server.write_policies({'e2e.yaml': POLICY.replace('groups: [other]', 'groups: [nobody]')})
        server.reload()

        def cut_off():
            try:
                answer = client('GET', 'other:x')
            except Exception:  # noqa: BLE001 - closed counts
                return True
            return isinstance(answer, RespError)
        until(cut_off, 10, 'the end of the rights')


def test_reload_takes_a_new_certificate(make_keyward, authority, app_token):
    server = make_keyward().start()
    before = server.connect().sock.getpeercert()['serialNumber']
    certificate, key = authority.server('renewed')
    server.certificate.write_bytes(certificate.read_bytes())
    server.key.write_bytes(key.read_bytes())
    server.reload()
    until(lambda: server.connect().sock.getpeercert()['serialNumber'] != before, 10, 'the new certificate', every=0.2)


def test_terminate_drains(make_keyward, app_token):
    server = make_keyward(limits={'drain_deadline': '3s'}).start()
    client = server.login(app_token)
    assert client('SET', 'app:x', 1) == b'OK'
    began = time.monotonic()
    server.process.signal(signal.SIGTERM)
    assert client.closed_within(6)
    assert server.stop() == 0
    assert time.monotonic() - began < 8
    assert not server.redis.leased_users()
    assert server.trail.verify().returncode == 0


@pytest.mark.parametrize('page', ['/healthz', '/readyz', '/metrics'])
def test_admin_pages(keyward, page):
    status, text = keyward.get(page)
    assert status == 200
    if page == '/metrics':
        assert '# TYPE keyward_' in text
        for line in text.splitlines():
            assert line.startswith('#') or re.match(r'^[a-z_:]+(\{.*\})? [-+0-9.eInfNa]+$', line), line


def test_admin_refuses_what_it_does_not_know(keyward):
    assert keyward.get('/nosuch')[0] == 404


def test_not_ready_without_redis(make_keyward, app_token):
    server = make_keyward().start()
    server.redis.process.kill()
    until(lambda: server.get('/readyz')[0] == 503, 15, 'readiness going off')
    assert server.get('/healthz')[0] == 200
    assert 'redis' in server.get('/readyz')[1]
    server.redis.start()
    until(server.ready, 20, 'readiness coming back')
    with server.login(app_token) as client:
        assert client('SET', 'app:x', 1) == b'OK'
