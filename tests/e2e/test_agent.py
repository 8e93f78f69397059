"""`keyward agent`, `exec` and `redis-cli`: plain clients live longer than many tokens behind it."""
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis as redis_py

from rig.agent import Agent
from rig.keyward import BINARY, run
from rig.process import Process, until
from rig.resp import Client, Closed, RespError, connect
from rig.token_file import TokenFile

HERE = Path(__file__).parent
LIFE = 4  # of a token, in seconds
LIVES = int(os.environ.get('KEYWARD_TOKEN_LIVES', '2'))  # 20 and more in a long run


@pytest.fixture
def token_file(tmp_path, issuer):
    files = []

    def make(subject='app-1', groups=('app',), life=LIFE):
        files.append(TokenFile(tmp_path / f'token-{len(files)}', lambda ttl: issuer.token(subject, list(groups), ttl), life, part=0.35))
        return files[-1]

    yield make
    for file in files:
        file.stop()


@pytest.fixture
def make_agent(tmp_path):
    agents = []

    def make(server, *arguments, **options):
        agents.append(Agent(tmp_path / f'agent-{len(agents)}', server, arguments, **options))
        return agents[-1]

    yield make
    for agent in agents:
        agent.stop()


def on_unix(agent, timeout=20):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(agent.socket))
    client = Client.__new__(Client)
    client.sock, client.held = sock, b''
    sock.settimeout(timeout)
    return client


class Holding:
    """Between an agent and Keyward: accepts at once, and passes on nothing until `let` is set."""

    def __init__(self, port):
        self.to, self.let, self.listening = port, threading.Event(), socket.create_server(('127.0.0.1', 0))
        self.port, self.accepted = self.listening.getsockname()[1], threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                near = self.listening.accept()[0]
            except OSError:
                return
            self.accepted.set()
            threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near):
        self.let.wait(30)
        far = socket.create_connection(('127.0.0.1', self.to))
        while True:
            for one in select.select([near, far], [], [])[0]:
                try:
                    data = one.recv(65536)
                    (far if one is near else near).sendall(data)
                except OSError:
                    data = b''
                if not data:
                    near.close()
                    far.close()
                    return


def test_a_token_that_comes_while_a_connection_is_made(keyward, make_agent, tmp_path, issuer):
    """The login takes the token of its moment, not of the moment when connecting began: that one is nobody's to renew."""
    file = TokenFile(tmp_path / 'token', lambda ttl: issuer.token('app-1', ['app'], ttl), 4, part=1000)
    holding = Holding(keyward.port)
    try:
        agent = make_agent(SimpleNamespace(port=holding.port, authority=keyward.authority), '--token-file', file.path).start()
        with connect(agent.port, plain=True) as client:
            client.send('PING')
            assert holding.accepted.wait(10)
            time.sleep(1)
            file.ttl = 30
            file.make = lambda ttl: issuer.token('app-1', ['app'], 30)
            file.write()
            until(lambda: agent.status()['token']['expires_in'] > 10, 5, 'the agent having the newer token')
            holding.let.set()
            assert client.read() == b'PONG'
            time.sleep(4)  # the first token has ended
            assert client('SET', 'app:held', 'v') == b'OK'
            assert agent.status()['renewals_refused'] == agent.status()['logins_refused'] == 0
    finally:
        holding.listening.close()
        file.stop()


def test_sockets_are_ones_own(keyward, make_agent, token_file):
    agent = make_agent(keyward, '--token-file', token_file().path).start()
    assert agent.socket.stat().st_mode & 0o777 == 0o600
    for client in (on_unix(agent), connect(agent.port, plain=True)):
        with client:
            assert client('AUTH', 'whatever', 'it says') == b'OK'
            assert client('SET', 'app:k', 'v') == b'OK' and client('GET', 'app:k') == b'v'
            assert client('HELLO', 3, 'AUTH', 'default', 'x', 'SETNAME', 'me')[b'proto'] == 3
            assert client('GET', 'other:k').prefix == 'NOPERM'
    assert 'loopback' in run('agent', '--upstream', f'rediss://localhost:{keyward.port}', '--token-file', 'x', '--listen',
                             '0.0.0.0:7000').stderr
    assert 'TLS' in run('agent', '--upstream', f'redis://localhost:{keyward.port}', '--token-file', 'x', '--listen',
                        '127.0.0.1:7000').stderr
    assert agent.stop() == 0
    assert not agent.socket.exists()
    tokens = Path(agent.process.argv[agent.process.argv.index('--token-file') + 1]).read_text()
    assert tokens not in agent.process.text()


@pytest.mark.skipif(os.geteuid() != 0, reason='needs another user to connect as')
def test_a_socket_of_both_families_is_known(keyward, make_agent, token_file):
    """A JVM opens IPv6 sockets and reaches 127.0.0.1 with them; the kernel lists them as such (RFC 4291 2.5.5.2)."""
    agent = make_agent(keyward, '--token-file', token_file().path).start()
    sock = socket.socket(socket.AF_INET6)
    sock.connect(('::ffff:127.0.0.1', agent.port))
    with Client(sock) as client:
        assert client('SET', 'app:k', 'v') == b'OK'


def test_other_users_are_turned_away(keyward, make_agent, token_file, tmp_path):
    nobody = ("import os,socket,sys; os.setgid(65534); os.setuid(65534); s=socket.create_connection(('127.0.0.1', int(sys.argv[1]))); "
              "s.sendall(b'PING\\r\\n'); print(s.recv(100))")
    for allowed, answer in ((), b''), (('--allow-uid', '65534'), b'+PONG'):
        agent = make_agent(keyward, '--token-file', token_file().path, *allowed).start()
        ended = subprocess.run([sys.executable, '-c', nobody, str(agent.port)], capture_output=True, text=True, timeout=20)
        said = ended.stdout + ended.stderr
        assert answer.decode() in said if answer else "b''" in said or 'reset' in said.lower(), said
        assert agent.socket.stat().st_mode & 0o777 == (0o666 if allowed else 0o600)
        assert agent.stop() == 0


def test_connections_outlive_tokens_in_every_state(keyward, make_agent, token_file):
    """Idle, in MULTI, watching, waiting, subscribed in RESP2 and RESP3: none of them is closed or hears of a renewal."""
    agent = make_agent(keyward, '--token-file', token_file().path).start()
    names = ('idle', 'multi', 'watch', 'resp2', 'resp3', 'busy', 'list', 'zset', 'stream', 'timed')
    clients = {name: connect(agent.port, plain=True, timeout=60) for name in names}
    busy = clients['busy']
    assert clients['idle']('SET', 'app:n', 0) == b'OK'
    assert clients['watch']('WATCH', 'app:w') == b'OK'
    clients['resp3']('HELLO', 3)
    for name in ('resp2', 'resp3'):
        assert clients[name]('SUBSCRIBE', 'app:c')[0] == b'subscribe'
    busy('XGROUP', 'CREATE', 'app:s', 'g', '0', 'MKSTREAM')
    count, began, waited = 0, time.monotonic(), None
    clients['list'].send('BRPOP', 'app:q', 0)
    clients['zset'].send('BZPOPMIN', 'app:z', LIFE * 200)
    clients['stream'].send('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', 0, 'STREAMS', 'app:s', '>')
    clients['timed'].send('BRPOP', 'app:none', LIFE * 1.5)
    while time.monotonic() < began + LIFE * LIVES:
        assert busy('INCR', 'app:n') == (count := count + 1)
        assert clients['multi']('MULTI') == b'OK' and clients['multi']('INCR', 'app:m') == b'QUEUED'
        assert clients['multi']('EXEC') == [count]
        assert busy('PUBLISH', 'app:c', count) == 2
        for name in ('resp2', 'resp3'):
            assert clients[name].read() == [b'message', b'app:c', b'%d' % count]
        assert clients['resp2']('PING') == [b'pong', b'']
        if waited is None and select.select([clients['timed'].sock], [], [], 0.01)[0]:
            assert clients['timed'].read() is None
            waited = time.monotonic() - began
    assert LIFE * 1.5 - 0.1 < waited < LIFE * 1.5 + 1
    assert clients['idle']('GET', 'app:n') == b'%d' % count
    assert clients['watch']('MULTI') == b'OK' and clients['watch']('EXEC') == []
    assert clients['resp2']('UNSUBSCRIBE')[0] == b'unsubscribe'
    assert clients['resp2']('GET', 'app:n') == b'%d' % count
    assert busy('LPUSH', 'app:q', 'x') == 1 and busy('ZADD', 'app:z', 1, 'm') == 1 and busy('XADD', 'app:s', '5-1', 'f', 'v')
    assert clients['list'].read() == [b'app:q', b'x']
    assert clients['zset'].read() == [b'app:z', b'm', b'1']
    assert clients['stream'].read() == [[b'app:s', [[b'5-1', [b'f', b'v']]]]]
    clients['list'].send('BRPOP', 'app:q', 0)
    time.sleep(0.2)
    clients['list'].close()
    time.sleep(0.3)
    assert busy('LPUSH', 'app:q', 'kept') == 1 == busy('LLEN', 'app:q'), 'an element went to a client that had left'
    status = agent.status()
    assert status['renewals'] >= (LIVES - 1) * 8 and status['renewals_refused'] == 0, status
    for client in clients.values():
        client.close()


def test_what_cannot_be_served_is_said_and_closed(make_keyward, make_agent, token_file, tmp_path):
    server = make_keyward().start()
    file = token_file(life=60)
    config = tmp_path / 'agent.yaml'
    agent = make_agent(server, '--token-file', file.path).start()
    with connect(agent.port, plain=True) as client:
        assert client('PING') == b'PONG'
        server.kill()
        with pytest.raises(Closed):
            client('PING')
    with connect(agent.port, plain=True) as client:
        began = time.monotonic()
        answer = client('PING')
        assert isinstance(answer, RespError) and answer.prefix == 'LOADING' and time.monotonic() - began < 8
        assert client.closed_within(1)
    server.start()
    with connect(agent.port, plain=True) as client:
        assert client('PING') == b'PONG'
    config.write_text('upstream: {url: redis://x:1}\ntoken: {file: a, command: [b]}\nlisteners: [{listen: 0.0.0.0:1}]\nnothing: 1\n')
    ended = run('agent', '--config', config)
    assert ended.returncode == 2
    for part in ('agent.yaml:1:', 'agent.yaml:2:', 'agent.yaml:3:', 'agent.yaml:4:'):
        assert part in ended.stderr, ended.stderr


def test_drains(keyward, make_agent, token_file):
    agent = make_agent(keyward, '--token-file', token_file(life=60).path).start()
    with connect(agent.port, plain=True) as waiting, connect(agent.port, plain=True) as idle, connect(agent.port, plain=True) as other:
        assert idle('PING') == b'PONG' and other('PING') == b'PONG'
        other('MULTI')
        waiting.send('BRPOP', 'app:q', 1)
        time.sleep(0.3)
        agent.process.signal(signal.SIGTERM)
        assert idle.closed_within(2)
        assert waiting.read() is None
        assert other('EXEC') == []
        assert other.closed_within(2)
    agent.process.popen.wait(15)
    assert agent.process.popen.returncode == 0


def test_password_of_a_listener(keyward, make_agent, token_file, tmp_path):
    secret = tmp_path / 'local.password'
    secret.write_text('open sesame\n')
    agent = make_agent(keyward, '--token-file', token_file().path, '--password-file', secret).start()
    with connect(agent.port, plain=True) as client:
        assert client('PING').prefix == 'NOAUTH'
        assert client('AUTH', 'wrong').prefix == 'WRONGPASS'
        assert client('AUTH', 'open sesame') == b'OK'
        assert client('PING') == b'PONG'


def source_arguments(keyward, token):
    return ['--upstream', f'rediss://localhost:{keyward.port}', '--ca', str(keyward.authority.ca), '--token-file', str(token)]


def test_exec_and_redis_cli(keyward, token_file, tmp_path):
    file = token_file()
    arguments = source_arguments(keyward, file.path)
    script = 'redis-cli -u $REDIS_URL SET app:e 1; redis-cli -s $KEYWARD_SOCKET GET app:e; env; exit 7'
    ended = run('exec', *arguments, '--', 'sh', '-c', script)
    assert ended.returncode == 7 and ended.stdout.startswith('OK\n1\n') and ended.stderr == '', ended
    assert file.path.read_text() not in ended.stdout
    ended = run('redis-cli', *arguments, 'GET', 'app:e')
    assert (ended.returncode, ended.stdout) == (0, '1\n'), ended
    assert run('exec', *arguments, '--', 'sh', '-c', 'kill -9 $$').returncode == 137
    assert run('exec', *arguments, '--', 'keyward-no-such-program').returncode == 127
    assert run('exec', *arguments, '--nonsense', 'x').returncode == 2
    wrong = run('exec', *source_arguments(keyward, tmp_path / 'nothing'), '--', 'true')
    assert wrong.returncode == 1 and 'cannot be read' in wrong.stderr


def test_exec_forwards_signals(keyward, token_file, tmp_path):
    script = 'trap "echo term; exit 3" TERM; echo up; while :; do sleep 0.1; done'
    process = Process([BINARY, 'exec', *source_arguments(keyward, token_file().path), '--', 'sh', '-c', script], tmp_path / 'log')
    process.expect(lambda: 'up' in process.text(), 10, 'the program')
    process.signal(signal.SIGTERM)
    assert process.popen.wait(10) == 3 and process.text() == 'up\nterm\n'


QUEUES = '''
apiVersion: keyward/v1
team: queues
owners: [e2e@example.com]
grants:
  - name: worker
    who: [{issuer: local, groups: [app]}]
    allow:
      - commands: ["@all", "-@dangerous", "+info"]
        keys: ["*"]
        channels: ["*"]
'''




class Subscriber(threading.Thread):
    """redis-py with a plain URL and RESP2: hears numbers on a channel and by a pattern."""

    def __init__(self, url):
        super().__init__()
        self.pubsub = redis_py.Redis.from_url(url, protocol=2).pubsub(ignore_subscribe_messages=True)
        self.pubsub.subscribe('app:news')
        self.pubsub.psubscribe('app:n*')
        self.heard, self.stopped, self.connection = [], threading.Event(), None

    def run(self):
        while not self.stopped.is_set():
            if message := self.pubsub.get_message(timeout=0.2):
                self.connection = self.connection or self.pubsub.connection._sock
                assert self.pubsub.connection._sock is self.connection, 'it had to connect again'
                self.heard.append((message['type'], int(message['data'])))

    def check(self, sent):
        until(lambda: len(self.heard) >= 2 * sent, 5, 'the last message')
        self.stopped.set()
        self.join()
        for kind in ('message', 'pmessage'):
            assert [n for k, n in self.heard if k == kind] == list(range(sent))


@pytest.mark.slow
@pytest.mark.timeout(LIFE * LIVES * 2 + 300)
@pytest.mark.parametrize('python', ['debian12'] + ['current'] * (LIVES > 2))
def test_plain_clients_outlive_tokens(python, make_keyward, make_agent, token_file, old_python, tmp_path):
    """Celery, BullMQ and a redis-py subscriber, unmodified and with redis:// URLs: nothing is lost, nothing comes twice, nobody
    has to connect again. Debian 12 has a Celery that cannot renew anything."""
    server = make_keyward(policies={'q.yaml': QUEUES}).start()
    file, seconds = token_file(), LIFE * LIVES
    agent = make_agent(server, '--token-file', file.path).start()
    interpreter = old_python if python == 'debian12' else sys.executable
    env = {'APP_URL': agent.url, 'PYTHONDONTWRITEBYTECODE': '1', 'NO_COLOR': '1'}
    worker = Process([interpreter, '-m', 'celery', '-A', 'celery_app', 'worker', '-c', '2', '-E', '--loglevel', 'INFO', '-n', 'w@test'],
                     tmp_path / 'worker.log', env=env, cwd=HERE)
    modules = os.environ.get('KEYWARD_NODE_MODULES', str(HERE / 'node_modules'))
    runs = []
    try:
        worker.expect(lambda: ' ready.' in worker.text(), 40, 'the worker being ready')
        runs = [Process([interpreter, 'celery_driver.py', 'steady', seconds], tmp_path / 'celery.out', env=env, cwd=HERE),
                Process(['node', HERE / 'clients/bullmq.mjs', modules, agent.port, seconds], tmp_path / 'bullmq.out')]
        subscriber = Subscriber(f'unix://{agent.socket}')
        subscriber.start()
        publisher, sent, began = redis_py.Redis.from_url(agent.url, protocol=2), 0, time.monotonic()
        while time.monotonic() < began + seconds:
            assert publisher.publish('app:news', sent) == 2
            sent += 1
            time.sleep(0.005)
        subscriber.check(sent)
        for process in runs:
            assert process.popen.wait(60) == 0, process.text() + worker.text()[-3000:] + agent.process.text()
        assert runs[0].text().rstrip().endswith('done'), runs[0].text()
        facts = json.loads(runs[1].text().strip().splitlines()[-1])
        assert facts['added'] == facts['done'] == facts['completed'] > 0 and facts['twice'] == 0 and facts['errors'] == [], facts
        print(f'{seconds} s, {file.written} tokens of {LIFE} s: {runs[0].text().split()[0]} Celery tasks, {facts["done"]} jobs of '
              f'BullMQ, {2 * sent} messages; {agent.status()["renewals"]} renewals')
    finally:
        [process.stop() for process in (worker, *runs)]
    for trouble in ('Connection to broker lost', 'ConnectionError', 'AuthenticationError', 'Traceback'):
        assert trouble not in worker.text(), worker.text()[-3000:]
    assert file.written >= LIVES and agent.status()['renewals_refused'] == 0
    assert not any(token in agent.process.text() for token in file.tokens)
