"""deploy/python: connections of redis-py and of Celery live through many tokens."""
import json
import os
import subprocess
import sys
import time

import pytest

from rig.process import ROOT, Process, last_json
from rig.token_file import TokenFile

HERE = ROOT / 'tests/e2e'
PYTHON = ROOT / 'deploy/python'
SECONDS = float(os.environ.get('KEYWARD_RENEWAL_SECONDS', '7'))
TTL = 4


def with_module(**more):
    return dict(os.environ, PYTHONPATH=str(PYTHON), **more)


@pytest.fixture
def token_file(tmp_path, issuer):
    made = []

    def make(subject='app-1', groups=('app',), ttl=TTL):
        made.append(TokenFile(tmp_path / f'{subject}.jwt', lambda ttl: issuer.token(subject, list(groups), ttl=ttl), ttl))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def no_token_shown(server, tokens):
    everything = server.trail.text() + server.process.text()
    for token in tokens:
        assert token not in everything and token.rsplit('.', 1)[1] not in everything


VERSIONS = {'8.1': 3, '8.1 in RESP2': 2, '6': 3, '5': 3, '4.3': 2}


def python_with(version, old_python):
    """The Python with this redis-py; scripts/test sets up the ones beside the current."""
    if version.startswith('8'):
        return sys.executable
    if version == '4.3':
        return old_python
    path = os.environ.get(f'KEYWARD_REDIS{version}_PYTHON', str(ROOT / f'.venv/redis{version}/bin/python'))
    if not os.path.exists(path):
        pytest.fail(f'{path} does not exist: scripts/test makes it')
    return path


def test_connections_live_through_many_tokens(make_keyward, token_file, old_python, tmp_path):
    """Every version at once; nothing may fail even once, since nothing is tried again."""
    server = make_keyward(limits={'expiry_grace': '1s'}).start()
    file = token_file()
    running = {}
    for number, (version, protocol) in enumerate(VERSIONS.items()):
        argv = [python_with(version, old_python), HERE / 'clients/renewal.py', server.port, server.authority.ca, file.path, SECONDS, protocol,
                number]
        running[version] = Process(argv, tmp_path / f'redis-py {version}.out', env={'PYTHONPATH': str(PYTHON)})
    aio = Process([sys.executable, HERE / 'clients/renewal_asyncio.py', server.port, server.authority.ca, file.path, SECONDS],
                  tmp_path / 'asyncio.out', env={'PYTHONPATH': str(PYTHON)})
    for version, process in running.items():
        assert process.popen.wait(SECONDS + 60) == 0, f'{version}: {process.text()[-3000:]}'
        told = last_json(process, version)
        assert not told['trouble'], told
        count = told['count']
        assert count['popped'] == count['pushed'] > 100
        if told['in_place']:
            assert told['connects'] == told['warm'], f'{version}: a connection was made anew instead of renewed'
        if VERSIONS[version] == 3:
            assert count['listened'] == count['polled'] == count['published'] > 100 and count['quiet'] == 0
        assert 'not renewed' not in process.text() and 'in place failed' not in process.text() and 'Traceback' not in process.text()
    assert aio.popen.wait(30) == 0, aio.text()[-3000:]
    told = last_json(aio, 'asyncio')
    assert told['same'] and told['count'] > 100
    assert file.written >= SECONDS / TTL
    no_token_shown(server, file.tokens)


def python(script, *arguments, **env):
    return subprocess.run([sys.executable, '-c', script, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env=with_module(**env))


def say(*arguments, **env):
    return subprocess.run([sys.executable, '-m', 'keyward_redis', *map(str, arguments)], capture_output=True, text=True, timeout=30,
                          env=with_module(**env))


FROM_PROVIDER = '''
import os, sys, time, redis, keyward_redis
url, ca, port = sys.argv[1:]
provider = keyward_redis.from_client_credentials(url, 'worker', secret_file=os.environ['SECRET'], resource='urn:keyward:ttl:4', ca=ca)
r = redis.Redis(host='localhost', port=int(port), ssl=True, ssl_ca_certs=ca, protocol=3, credential_provider=provider)
tokens, end, n = set(), time.monotonic() + 5, 0
me = r.client_id()
while time.monotonic() < end:
    n += 1
    assert r.incr('app:n') == n
    tokens.add(provider.token().get_value())
    time.sleep(0.01)
assert r.client_id() == me, 'it was connected anew'
assert 'eyJ' not in repr(provider.token()) and 'eyJ' not in repr(r.connection_pool)
print(len(tokens))
'''


def test_client_credentials(make_keyward, provider, tmp_path):
    from test_oidc import POLICY_OF_IDP
    server = make_keyward(issuers=[provider.config()], policies={'p.yaml': POLICY_OF_IDP}).start()
    secret = tmp_path / 'secret'
    secret.write_text('s1\n')
    ended = python(FROM_PROVIDER, provider.issuer + '/token', server.authority.ca, server.port, SECRET=str(secret))
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) >= 2 and ended.stderr == ''
    by_environment = {'KEYWARD_TOKEN_URL': provider.issuer + '/token', 'KEYWARD_CLIENT_ID': 'worker', 'KEYWARD_RESOURCE': 'urn:keyward',
                      'KEYWARD_CLIENT_SECRET_FILE': str(secret), 'KEYWARD_TOKEN_CA': str(server.authority.ca)}
    with server.login(say('token', **by_environment).stdout.strip()) as client:
        assert client('PING') == b'PONG'
    secret.write_text('wrong-secret\n')
    ended = say('token', **by_environment)
    assert ended.returncode == 1 and '/token answered 401' in ended.stderr and 'wrong-secret' not in ended.stderr


FORKED = '''
import os, sys, time, redis, keyward_redis
file, ca, port = sys.argv[1:]
r = redis.Redis(host='localhost', port=int(port), ssl=True, ssl_ca_certs=ca, protocol=3,
                credential_provider=keyward_redis.from_file(file))
r.ping()
child = os.fork()
name = 'app:child' if child == 0 else 'app:parent'
me, n, end = r.client_id(), 0, time.monotonic() + 5
while time.monotonic() < end:
    n += 1
    assert r.incr(name) == n
    time.sleep(0.01)
assert r.client_id() == me or child == 0  # the child's pool is told of anew when a client is made
if child == 0:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print('done')
'''


def test_a_forked_child_leaves_the_connections_of_its_parent_alone(make_keyward, token_file):
    server = make_keyward(limits={'expiry_grace': '1s'}).start()
    ended = python(FORKED, token_file().path, server.authority.ca, server.port)
    assert ended.returncode == 0 and ended.stdout == 'done\n', ended.stdout + ended.stderr


def test_the_command_line(keyward, issuer, tmp_path):
    token, file = issuer.token('app-1', ['app']), tmp_path / 'token'
    file.write_text(token + '\n')
    url = f'rediss://localhost:{keyward.port}/0'
    assert say('token', '--token-file', file).stdout == token + '\n'
    assert say('token', '--command', f'cat {file}').stdout == token + '\n'
    printed = say('url', '--ca', keyward.authority.ca, url, KEYWARD_TOKEN_FILE=str(file)).stdout
    assert printed == f'{url.replace("//", f"//default:{token}@")}?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={keyward.authority.ca}\n'
    script = '''
import ssl, sys
from kombu import Connection
with Connection(sys.argv[1]) as connection:
    queue = connection.SimpleQueue('app:kombu')
'''
    assert 'granted keys: app:*' in python(script, printed.strip()).stderr   # logged in, and these are not the rights of a Celery worker
    named = say('url', '--provider', '--ca', keyward.authority.ca, url, KEYWARD_TOKEN_FILE=str(file)).stdout
    assert token not in named and named.endswith('&credential_provider=keyward_redis.from_environment\n')
    assert 'granted keys: app:*' in python(script, named.strip(), KEYWARD_TOKEN_FILE=str(file)).stderr
    for bad, text in (('', 'holds no token'), ('two words', 'holds no token'), (None, 'No such file')):
        file.unlink(missing_ok=True)
        if bad is not None:
            file.write_text(bad)
        ended = say('url', url, '--token-file', file)
        assert ended.returncode == 1 and text in ended.stderr and 'Traceback' not in ended.stderr and ended.stdout == ''
    ended = say('token', '--command', 'false')
    assert ended.returncode == 1 and 'false ended with 1' in ended.stderr
    assert say('url').returncode == 2


KEEPS = '''
import os, sys, time
import keyward_redis
calls = sys.argv[2]
provider = keyward_redis.from_command(['sh', '-c', f'echo x >> {calls}; cat {sys.argv[1]}'], refresh=0.1)
provider._start()
end = time.monotonic() + 3
while time.monotonic() < end:
    provider.token()
    time.sleep(0.01)
print(len(open(calls).readlines()))
'''


def test_a_program_that_keeps_its_token_is_not_asked_all_the_time(issuer, tmp_path):
    file = tmp_path / 'token'
    file.write_text(issuer.token('app-1', ['app'], ttl=12))
    ended = python(KEEPS, file, tmp_path / 'calls')
    assert 1 <= int(ended.stdout) <= 3, ended.stdout + ended.stderr


CELERY = '''
apiVersion: keyward/v1
team: data
owners: [data@example.com]
grants:
  - name: worker
    who: [{issuer: local, groups: [app]}]
    template: {name: airflow-celery, grant: worker}
    limits: {session: 1s}
'''


@pytest.mark.timeout(90)
def test_an_idle_celery_worker_lives_through_many_tokens(make_keyward, token_file, tmp_path):
    """kombu takes its subscriber's connection from the pool itself, so that redis-py tells nobody of it. Without a session
    limit above the token's life, a subscriber that nobody writes to must be renewed as well."""
    server = make_keyward(policies={'celery.yaml': CELERY}, limits={'expiry_grace': '1s'}).start()
    file = token_file(ttl=5)
    url = (f'rediss://localhost:{server.port}/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={server.authority.ca}'
           '&credential_provider=keyward_redis.from_environment')
    env = {'APP_URL': url, 'APP_BACKEND': f'keyward_redis.CeleryBackend+{url}', 'APP_PREFIX': 'airflow:', 'KEYWARD_TOKEN_FILE': str(file.path),
           'PYTHONDONTWRITEBYTECODE': '1', 'PYTHONPATH': f'{PYTHON}:{HERE}'}
    worker = Process([sys.executable, '-m', 'celery', '-A', 'celery_app', 'worker', '-c', '1', '--loglevel', 'INFO', '-n', 'w@test'],
                     tmp_path / 'worker.log', env=env, cwd=HERE)
    try:
        worker.expect(lambda: ' ready.' in worker.text(), 40, 'the worker being ready')
        time.sleep(13)
        said = worker.text()
    finally:
        worker.stop()
    ends = [r for r in server.trail.records() if r.get('unmapped', {}).get('keyward', {}).get('kind') == 'session_end'
            and r.get('status_detail') == 'expired']
    assert not ends and 'broker lost' not in said and 'in place failed' not in said, f'{len(ends)} ended\n{said[-2000:]}'
    no_token_shown(server, file.tokens)
