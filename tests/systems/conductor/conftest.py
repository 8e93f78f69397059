"""What the tests of Conductor start, and what ends it."""
import pytest
from stack import Conductor, Example, Worker, go_on, policies

from rig.redis_server import ADMIN_PASSWORD, ADMIN_USER

WHO, STORE, LOCKS = 'conductor-1', 'conductor-store', 'conductor-locks'


@pytest.fixture
def keyward(make_keyward):
    return make_keyward(policies=policies(), upstream='tls').start()


@pytest.fixture
def tokens(issuer):
    """The two secrets of a server: tokens(60) are good for a minute."""
    return lambda ttl=3600: {'store-token': issuer.token(WHO, [STORE], ttl=ttl), 'locks-token': issuer.token(WHO, [LOCKS], ttl=ttl)}


class Stack:
    def __init__(self, system, folder, authority):
        self.system, self.folder, self.authority, self.running = system, folder, authority, []

    def _keep(self, one):
        self.running.append(one)
        return one

    def _place(self, name):
        place = self.folder / f'{name}{len(self.running)}'
        place.mkdir()
        return place

    def through(self, keyward, secrets, more=None):
        return self._keep(Conductor(self.system, self._place('through'), 'conductor.properties', {'KEYWARD': f'localhost:{keyward.port}'},
                                    self.authority, secrets, more))

    def direct(self, redis):
        """Without Keyward, on the same Redis, over TLS with a password, under names of its own."""
        more = {'conductor.redis.user': ADMIN_USER, 'conductor.redis-lock.serverUsername': ADMIN_USER, 'conductor.redis-lock.namespace': 'directlock',
                'conductor.redis.workflowNamespacePrefix': 'direct', 'conductor.redis.queueNamespacePrefix': 'direct_queues'}
        return self._keep(Conductor(self.system, self._place('direct'), 'conductor.properties', {'KEYWARD': f'localhost:{redis.tls_port}'},
                                    self.authority, {'store-token': ADMIN_PASSWORD, 'locks-token': ADMIN_PASSWORD}, more))

    def agent(self, agent):
        return self._keep(Conductor(self.system, self._place('agent'), 'conductor-agent.properties', {'AGENT': f'127.0.0.1:{agent.port}'}))

    def example(self, *arguments):
        return self._keep(Example(self.system, self._place('example') / 'run.log', arguments))

    def worker(self, conductor, threads=10):
        return self._keep(Worker(self.system, self._place('worker'), conductor, threads))

    def end(self):
        for one in reversed(self.running):
            if one.process.alive():
                go_on(one)
            one.process.stop(5)


@pytest.fixture
def stack(system, tmp_path, authority):
    """Starts servers and workers, and ends them with the test."""
    made = Stack(system, tmp_path, authority)
    yield made
    made.end()
