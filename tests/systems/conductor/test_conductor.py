"""Conductor's own server, with Redis for workflows, queues and locks, through Keyward under its two templates."""
import threading
import time

import flows
import pytest
from stack import policies, send
from tour import tour

from rig.agent import Agent
from rig.foreign import all_refused, plant
from rig.keyward import run
from rig.process import until
from rig.resp import RespError
from rig.setting import ended_well, no_refusals, refused, who_did_what
from rig.token_file import TokenFile

WHO, STORE, LOCKS = 'conductor-1', 'conductor-store', 'conductor-locks'
SMALL, LARGE = (1, 3, 4), (20, 10, 35)  # workflows, tasks in a row, tasks at once: 12 tasks of workers and 1,000


def good(told, tried_again=False):
    """Every result is right; and unless something was cut, no task was tried again."""
    assert not told['wrong'], told['wrong'][:5]
    assert tried_again or told['tried_again'] == 0, told
    return told


def counted(told):
    return f'{told["workflows"]} workflows, {told["tasks"]:,} tasks of workers in {told["wall_s"]:.1f} s'


def test_what_is_foreign_stays_out(keyward, tokens, matrix):
    """By the rights of both identities; each connection goes on after every refusal."""
    key, tried = plant(keyward.redis), 0
    own = {'store-token': ('GET', 'conductor.test.TASK.1'), 'locks-token': ('PTTL', 'conductorlock.1')}
    other_lock = 'redisson_lock__channel:{other.1}'
    more = {'store-token': [own['locks-token'], ('SUBSCRIBE', 'redisson_lock__channel:{conductorlock.1}'), ('GET', 'direct.test.TASK.1')],
            'locks-token': [own['store-token'], ('SUBSCRIBE', other_lock), ('EVAL', 'return 1', '1', 'otherlock.1'),
                            ('EVAL', 'return 1', '2', 'conductorlock.1', other_lock, '0', '60000', 'id', 'publish')]}
    for name, token in tokens().items():
        with keyward.login(token) as client:
            tried += all_refused(client, own[name], key)
            for words in more[name]:
                answer = client(*words)
                assert isinstance(answer, RespError) and answer.prefix == 'NOPERM', (words, answer)
                assert not isinstance(client(*own[name]), RespError)
                tried += 1
    denied = refused(keyward)
    assert len(denied) == tried and {who for who, *_ in denied} == {WHO}, denied[:3]
    matrix.cell('conductor', 'foreign', f'{tried} attempts with the tokens of the store and of the locks refused, each recorded under {WHO}; '
                                        'both connections went on')
    ended_well(keyward)


def run_example(stack, *arguments):
    example = stack.example(*arguments).start()
    worker = stack.worker(example).start()
    good(example.run(*SMALL))
    assert run('audit', 'search', '--outcome', 'denied', '--count', example.trail).stdout.strip() == '0'
    assert run('audit', 'search', '--user', WHO, '--command', 'EVALSHA', '--limit', '1', example.trail).returncode == 0
    worker.process.stop(3)
    assert example.process.stop(30) == 130


def test_the_example(stack):
    """examples/conductor/run as a person starts it, and a workflow on it."""
    run_example(stack)


@pytest.mark.full
def test_the_example_with_an_agent(stack):
    run_example(stack, '--agent')


@pytest.mark.full
def test_a_server_under_its_templates(stack, keyward, tokens, matrix):
    conductor = stack.through(keyward, tokens()).start()
    for _ in range(2):
        stack.worker(conductor).start()
    told = good(conductor.run(*LARGE))
    steps = tour(conductor.api)
    no_refusals(keyward)
    assert not conductor.complaints(), conductor.complaints()[:5]
    matrix.cell('conductor', 'template', f'{counted(told)} with forks, joins, timers and a retry each; then {", ".join(steps)}: no refusal', **told)

    did = who_did_what(keyward)
    records = keyward.trail.records()
    grants = {}
    for record in records:
        if record.get('class_uid') == 6005:
            own = record['unmapped']['keyward']
            grants.setdefault(own.get('grant'), set()).update(own.get('keys', []))
    assert {who for who, _ in did} == {WHO} and did[WHO, 'EVALSHA'] > 1000 and did[WHO, 'EVAL'] > 1000
    assert all(key.startswith(('conductor.', 'conductor_queues.')) for key in grants[STORE])
    assert all(key.startswith(('conductorlock.', 'redisson_lock__channel:{conductorlock.')) for key in grants[LOCKS])
    print('commands that change something:', did.most_common())
    matrix.cell('conductor', 'trail', f'{sum(did.values()):,} commands that change something, all by {WHO}: the store\'s under {STORE}, '
                                      f'the locks\' under {LOCKS}, none outside of their prefixes')
    ended_well(keyward)


@pytest.mark.full
def test_everything_is_cut_under_load(stack, keyward, tokens, matrix):
    """Every connection of Redis, then Keyward itself by kill -9, then a worker by kill -9: each workflow ends right all the same."""
    conductor = stack.through(keyward, tokens()).start()
    first, _ = [stack.worker(conductor).start() for _ in range(2)]
    good(conductor.run(*SMALL))
    told, cut = {}, {}

    def load(name):
        thread = threading.Thread(target=lambda: told.update({name: conductor.run(*LARGE)}))
        thread.start()
        time.sleep(4)
        return thread

    def serves_again(name, began):
        """From the cut until a workflow of one task that starts afterwards is through: its task waits behind no other."""
        api = flows.Api(conductor.api)
        flows.wait(api, [api.patiently('POST', '/workflow/kw_quick', {})], 60)
        cut[name] = round(time.monotonic() - began, 1)

    busy, began = load('upstream'), time.monotonic()
    with keyward.redis.admin() as admin:
        for kind in ('normal', 'pubsub'):
            admin('CLIENT', 'KILL', 'TYPE', kind, 'SKIPME', 'yes')
    serves_again('upstream', began)
    busy.join()

    busy, began = load('keyward'), time.monotonic()
    keyward.kill()
    keyward.start()
    serves_again('keyward', began)
    busy.join()

    busy, began = load('worker'), time.monotonic()
    send(9, first)
    serves_again('worker', began)
    busy.join()
    for name, result in told.items():
        good(result, tried_again=True)
    assert all(seconds < 10 for seconds in cut.values()), cut
    no_refusals(keyward)
    again = {name: f'{counted(result)}, {result["tried_again"]} of them tried again' for name, result in told.items()}
    matrix.cell('conductor', 'kill', f'no workflow lost or wrong. All connections of Redis killed: {again["upstream"]}, serving after '
                f'{cut["upstream"]} s; Keyward by kill -9 and started again: {again["keyward"]}, serving after {cut["keyward"]} s', seconds=cut)
    matrix.cell('conductor', 'worker', f'one of two by kill -9: {again["worker"]}; what it held went to the other one after its '
                                       'responseTimeoutSeconds (20)')
    ended_well(keyward)


@pytest.mark.full
def test_an_agent_renews_the_token(stack, keyward, issuer, tmp_path, matrix):
    """A token of 20 s for both clients of the server, for two minutes; Conductor knows nothing of it."""
    file = TokenFile(tmp_path / 'token', lambda ttl: issuer.token(WHO, [STORE, LOCKS], ttl=ttl), 20)
    agent = Agent(tmp_path / 'agent', keyward, ['--token-file', str(file.path)], listen=None).start()
    try:
        conductor = stack.agent(agent).start()
        stack.worker(conductor).start()
        end, done, wall = time.monotonic() + 120, 0, 0
        while time.monotonic() < end:
            told = good(conductor.run(5, 10, 35))
            done, wall = done + told['tasks'], wall + told['wall_s']
        renewed = sum(float(line.rsplit(' ', 1)[1]) for line in keyward.get('/metrics')[1].splitlines()
                      if line.startswith('keyward_sessions_renewed_total'))
        no_refusals(keyward)
        assert not keyward.trail.logins(ok=False) and not conductor.complaints(), conductor.complaints()[:3]
        assert file.written >= 10 and renewed >= 50, (file.written, renewed)
        matrix.cell('conductor', 'reauth', f'through an agent, {file.written} tokens of 20 s each: sessions renewed {renewed:.0f} times beside '
                    f'{done:,} tasks in {wall:.0f} s; no error in the server\'s log, no failed login', variant='keyward agent')
    finally:
        agent.stop()
        file.stop()
    ended_well(keyward)


@pytest.mark.full
def test_a_fixed_token_ends(stack, make_keyward, tokens, matrix):
    """Without an agent a server cannot renew: after the end of its token it is refused, plainly and not too often, and loses nothing."""
    server = make_keyward(policies=policies(), upstream='tls', limits={'expiry_grace': '1s', 'failed_logins_per_minute': 60}).start()
    life = 120  # enough to start on a busy machine
    ended = time.monotonic() + life
    conductor = stack.through(server, tokens(life)).start()
    stack.worker(conductor).start()
    good(conductor.run(*SMALL))
    flows.register(flows.Api(conductor.api), 30, 4)
    time.sleep(max(0.0, ended - 2 - time.monotonic()))
    one = flows.start(flows.Api(conductor.api), 30, 4)  # too long for what is left
    until(lambda: server.trail.logins(ok=False), ended - time.monotonic() + 30, 'a refused login')
    before, began = len(server.trail.logins(ok=False)), time.monotonic()
    time.sleep(10)
    per_second = (len(server.trail.logins(ok=False)) - before) / (time.monotonic() - began)
    said = [line for line in conductor.complaints() if 'WRONGPASS' in line]
    assert said, conductor.complaints()[:5]
    conductor.process.stop(5)
    again = stack.through(server, tokens()).start()
    stack.worker(again).start()
    api = flows.Api(again.api)
    flows.wait(api, [one], 90)
    assert not flows.wrong(api('GET', f'/workflow/{one}'), 30, 4)[0]
    no_refusals(server)
    matrix.cell('conductor', 'static', f'WRONGPASS in its log, {per_second:.1f} refused logins a second in the trail; started again at once '
                                       'with a new token it takes up the workflows that were open', refused_logins_per_second=round(per_second, 2))
    ended_well(server)
