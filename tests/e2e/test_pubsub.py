"""Subscriptions: both protocols, order between messages and answers, what is refused, what ends them."""
import pytest

from rig.process import until
from rig.resp import Push, RespError


def logged_in(keyward, token, protocol):
    return keyward.login(token, protocol=protocol)


@pytest.mark.parametrize('protocol', [2, 3])
def test_messages_arrive_in_order(keyward, app_token, protocol):
    with logged_in(keyward, app_token, protocol) as subscriber, keyward.login(app_token) as publisher:
        subscriber.send('SUBSCRIBE', 'app:a', 'app:b')
        assert [subscriber.read() for _ in range(2)] == [[b'subscribe', b'app:a', 1], [b'subscribe', b'app:b', 2]]
        assert subscriber('PSUBSCRIBE', 'app:*') == [b'psubscribe', b'app:*', 3]
        for n in range(200):
            publisher.send('PUBLISH', 'app:a', n)
        assert [publisher.read() for _ in range(200)] == [2] * 200
        for n in range(200):
            got = [subscriber.read(), subscriber.read()]
            assert [b'message', b'app:a', b'%d' % n] in got and [b'pmessage', b'app:*', b'app:a', b'%d' % n] in got
        subscriber.send('UNSUBSCRIBE')
        assert sorted((subscriber.read() for _ in range(2)), key=lambda m: m[1])[0][:2] == [b'unsubscribe', b'app:a']
        assert subscriber('PUNSUBSCRIBE', 'app:*') == [b'punsubscribe', b'app:*', 0]
        assert subscriber('SET', 'app:after', 1) == b'OK'  # out of subscriber mode: an ordinary connection again
        assert subscriber('GET', 'app:after') == b'1'


def test_resp3_commands_and_pushes_share_a_connection(keyward, app_token):
    with logged_in(keyward, app_token, 3) as client, keyward.login(app_token) as other:
        confirmation = client('SUBSCRIBE', 'app:c')
        assert isinstance(confirmation, Push)
        assert client('SET', 'app:k', 'v') == b'OK'
        assert client('GET', 'app:k') == b'v'
        assert client('PING') == b'PONG'
        assert other('PUBLISH', 'app:c', 'x') == 1
        message = client.read()
        assert isinstance(message, Push) and message == [b'message', b'app:c', b'x']
        assert client('AUTH', app_token) == b'OK'  # renewal while subscribed keeps the subscription
        assert other('PUBLISH', 'app:c', 'y') == 1
        assert client.read() == [b'message', b'app:c', b'y']


def test_resp2_subscriber_mode_takes_few_commands(keyward, app_token):
    with logged_in(keyward, app_token, 2) as client:
        client('SUBSCRIBE', 'app:c')
        refused = client('GET', 'app:k')
        assert isinstance(refused, RespError) and "Can't execute 'get'" in str(refused)
        refused = client('AUTH', app_token)
        assert isinstance(refused, RespError)
        assert client('PING') == [b'pong', b'']
        assert client('PING', 'x') == [b'pong', b'x']
        assert client('RESET') == b'RESET'
        refused = client('GET', 'app:k')
        assert isinstance(refused, RespError) and refused.prefix == 'NOAUTH'


@pytest.mark.parametrize('command', [['SUBSCRIBE', 'foreign'], ['SUBSCRIBE', 'app:ok', 'foreign'], ['PSUBSCRIBE', '*'],
                                     ['PSUBSCRIBE', 'ap*'], ['PUBLISH', 'foreign', 'x'], ['PSUBSCRIBE', '__keyevent@*__:*']])
def test_foreign_channels_are_refused(keyward, app_token, command):
    with logged_in(keyward, app_token, 3) as client:
        refused = client(*command)
        assert isinstance(refused, RespError) and refused.prefix == 'NOPERM'
        assert client('PING') == b'PONG'


def test_a_pattern_narrower_than_the_grant(keyward, app_token):
    """Redis compares PSUBSCRIBE arguments with channel rules literally; Keyward must make it work all the same."""
    with logged_in(keyward, app_token, 2) as client, keyward.login(app_token) as other:
        assert client('PSUBSCRIBE', 'app:/0.celeryev/worker.*') == [b'psubscribe', b'app:/0.celeryev/worker.*', 1]
        assert other('PUBLISH', 'app:/0.celeryev/worker.heartbeat', 'x') == 1
        assert client.read() == [b'pmessage', b'app:/0.celeryev/worker.*', b'app:/0.celeryev/worker.heartbeat', b'x']


def test_a_lost_subscriber_is_no_longer_counted(keyward, app_token):
    client = logged_in(keyward, app_token, 2)
    client('SUBSCRIBE', 'app:gone')
    client.close()
    with keyward.login(app_token) as other:
        until(lambda: other('PUBLISH', 'app:gone', 'x') == 0, 10, 'the end of the subscription')
