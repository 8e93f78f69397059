"""Short-lived tokens as the password of redis-py, renewed while connections live.

    import redis, keyward_redis
    provider = keyward_redis.from_file('/var/run/secrets/keyward/token')
    r = redis.Redis(host='keyward', port=6380, ssl=True, ssl_ca_certs='ca.pem', protocol=3, credential_provider=provider)

Celery and Airflow (kombu 5.6.1 and newer) name it in the URL and set it up by the environment:

    rediss://keyward:6380/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs=ca.pem&credential_provider=keyward_redis.from_environment

What which version can do stands in README.md beside this file. Needs nothing but redis-py. Tokens are neither logged nor shown.
"""
from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import inspect
import json
import logging
import os
import random
import shlex
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import weakref

import redis

try:  # 5.3 and newer: tokens are also given to connections that are open
    from redis.credentials import StreamingCredentialProvider as _Base
except ImportError:
    try:  # 4.5 and newer: a provider is asked at each connect
        from redis.credentials import CredentialProvider as _Base
    except ImportError:  # older: see connection_class()
        _Base = object

__version__ = '0.1.0'
__all__ = ['Provider', 'TokenError', 'from_file', 'from_command', 'from_client_credentials', 'from_environment', 'connection_class']
log = logging.getLogger('keyward_redis')

KUBERNETES_FILE = '/var/run/secrets/tokens/keyward'  # a projected volume with `audience: keyward`, mounted at .../tokens
UNKNOWN_LIFE = 300.0  # of a token that does not tell when it ends
MOST = 16384          # Redis takes no longer argument before a login


class TokenError(redis.exceptions.ConnectionError):
    """There is no token. A connection error, so that whoever retries connections retries this."""


class Token:
    """What redis-py's own renewal wants to know: it reads the user name as `oid`."""

    def __init__(self, value, user=None, expires_at=None):
        self._value, self._user, self.received_at = value, user, time.time()
        self.expires_at = expires_at or _end_of(value) or self.received_at + UNKNOWN_LIFE

    def __repr__(self):
        return f'<Token, {self.expires_at - time.time():.0f} s left>'

    def get_value(self):
        return self._value

    def try_get(self, key):
        return (self._user or 'default') if key == 'oid' else None

    def is_expired(self):
        return time.time() >= self.expires_at

    def ttl(self):
        return 1000 * (self.expires_at - time.time())

    def get_expires_at_ms(self):
        return 1000 * self.expires_at

    def get_received_at_ms(self):
        return 1000 * self.received_at

    def credentials(self):
        return (self._user, self._value) if self._user else (self._value,)


def _end_of(value):
    """The claim `exp` of a JWT, unchecked: Keyward checks it. None for what is no JWT."""
    parts = value.split('.')
    if len(parts) != 3:
        return None
    try:
        end = json.loads(base64.urlsafe_b64decode(parts[1] + '=' * (-len(parts[1]) % 4))).get('exp')
        return float(end) if isinstance(end, (int, float)) else None
    except (ValueError, AttributeError):
        return None


def _checked(text, where):
    value = text.strip()
    if not value or len(value) > MOST or not value.isascii() or any(c.isspace() for c in value):
        raise TokenError(f'{where} holds no token: one line of at most {MOST} characters is wanted')
    return value


# --- where tokens come from: `get()` answers a value and its end (None: as the token says)

class FileSource:
    """A file that somebody else keeps fresh, such as a Kubernetes projected token. Looked at every second."""

    def __init__(self, path):
        self.path, self._seen = os.fspath(path), None

    def stale(self):
        try:
            found = os.stat(self.path)  # follows links: a projected volume is switched by one
        except OSError:
            return False
        return (found.st_mtime_ns, found.st_ino, found.st_size) != self._seen

    def get(self):
        try:
            with open(self.path, encoding='ascii', errors='replace') as file:
                found = os.fstat(file.fileno())
                value = _checked(file.read(MOST + 2), self.path)
        except OSError as error:
            raise TokenError(f'{self.path}: {error.strerror}') from None
        self._seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        return value, None


class CommandSource:
    """A program that prints a token. Run without a shell; what it says when it fails is not shown."""

    def __init__(self, argv, timeout=10.0):
        self.argv, self.timeout = (shlex.split(argv) if isinstance(argv, str) else [os.fspath(a) for a in argv]), timeout
        if not self.argv:
            raise ValueError('the command is empty')

    def get(self):
        try:
            ended = subprocess.run(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   timeout=self.timeout)
        except subprocess.TimeoutExpired:
            raise TokenError(f'{self.argv[0]} did not end within {self.timeout:g} s') from None
        except OSError as error:
            raise TokenError(f'{self.argv[0]}: {error.strerror}') from None
        if ended.returncode != 0:
            raise TokenError(f'{self.argv[0]} ended with {ended.returncode}')
        return _checked(ended.stdout.decode('ascii', 'replace'), f'the output of {self.argv[0]}'), None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class ClientCredentialsSource:
    """OAuth 2 client credentials (RFC 6749 section 4.4), by HTTP Basic. `secret_file` is read anew each time."""

    def __init__(self, url, client_id, secret_file=None, secret=None, scope=None, audience=None, resource=None, ca=None):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != 'https' and parts.hostname not in ('localhost', '127.0.0.1', '::1'):
            raise ValueError('a client secret is sent by https only')
        if (secret_file is None) == (secret is None):
            raise ValueError('one of secret_file and secret is wanted')
        self.url, self.client_id, self._file, self._secret = url, client_id, secret_file, secret
        more = {'scope': scope, 'audience': audience, 'resource': resource}
        self._body = {'grant_type': 'client_credentials', **{name: value for name, value in more.items() if value}}
        self._open = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)), _NoRedirects).open

    def get(self):
        secret = self._secret
        if self._file is not None:
            try:
                with open(self._file, encoding='utf-8') as file:
                    secret = file.read().strip()
            except OSError as error:
                raise TokenError(f'{self._file}: {error.strerror}') from None
        pair = ':'.join(urllib.parse.quote_plus(text) for text in (self.client_id, secret))  # RFC 6749 section 2.3.1
        request = urllib.request.Request(self.url, urllib.parse.urlencode(self._body).encode(), {
            'Authorization': 'Basic ' + base64.b64encode(pair.encode()).decode(), 'Accept': 'application/json'})
        try:
            with self._open(request, timeout=10) as answer:
                got = json.loads(answer.read(1 << 20))
        except urllib.error.HTTPError as error:
            raise TokenError(f'{self.url} answered {error.code}') from None
        except (OSError, ValueError):
            raise TokenError(f'{self.url} gave no answer that could be read') from None
        if not isinstance(got, dict) or not isinstance(got.get('access_token'), str):
            raise TokenError(f'{self.url} gave no access_token')
        life = got.get('expires_in')
        value = _checked(got['access_token'], f'the answer of {self.url}')
        return value, _end_of(value) or (time.time() + life if isinstance(life, (int, float)) and life > 0 else None)


# --- the provider

class Provider(_Base):
    """Give the same one to all clients of a process: they share one token and one thread that renews it."""

    def __init__(self, source, user=None, refresh=0.7):
        """`refresh`: the part of a token's life after which a new one is got (files are taken when they change)."""
        if not 0.1 <= refresh <= 0.95:
            raise ValueError('refresh is between 0.1 and 0.95')
        self.source, self.user, self._refresh = source, user, refresh * random.uniform(0.95, 1.0)
        self._token, self._failed_until, self._failure, self._same_until = None, 0.0, None, 0.0
        self._served = threading.local()
        self._forget_clients()
        _providers.add(self)

    def _forget_clients(self):
        """Also in a forked child: the parent's sockets are not the child's to write to, and its thread is not there."""
        self._lock, self._taking = threading.Lock(), threading.Lock()
        self._pools, self._async_pools, self._singles = weakref.WeakSet(), weakref.WeakSet(), []
        self._subscribers = weakref.WeakSet()
        self._loop, self._thread, self._wake, self._closed = None, None, threading.Event(), False
        self._pushed = self._token

    # what redis-py calls

    def get_credentials(self):
        # With a thread that renews, a connect waits for no token endpoint while the token at hand is good.
        renewed_elsewhere = self._thread is not None and self._good() and not hasattr(self.source, 'stale')
        self._served.token = self._token if renewed_elsewhere else self.token()
        return self._served.token.credentials()

    async def get_credentials_async(self):
        self._loop = asyncio.get_running_loop()
        return (await self._loop.run_in_executor(None, self.token)).credentials()

    def on_next(self, callback):
        """redis-py tells whose connections want new tokens. Only the connections are taken from it: its own way reads the
        answer of a subscriber's AUTH in another thread than the subscriber's, and lets an AUTH that failed at release
        spoil a command that succeeded."""
        owner = getattr(callback, '__self__', None)
        event = getattr(owner, '_event', None)
        if hasattr(event, 'pubsub_connection'):
            if not inspect.iscoroutinefunction(callback):
                self._subscribed(event)
        elif hasattr(event, 'connection_pools'):
            asynchronous = inspect.iscoroutinefunction(callback)
            with self._lock:
                (self._async_pools if asynchronous else self._pools).update(event.connection_pools)
            if not asynchronous:
                for pool in event.connection_pools:
                    _notice_subscribers(pool, self)
        elif not inspect.iscoroutinefunction(callback):
            with self._lock:
                self._singles = [one for one in self._singles if one() is not None]
                self._singles.append(weakref.WeakMethod(callback) if owner is not None else (lambda: callback))
        self._start()

    def _subscribed(self, event):
        """All subscribers of a client share one event, so that it may be another's by now: all that the pool knows count."""
        pool = event.connection_pool
        with getattr(pool, '_lock', None) or contextlib.nullcontext():
            found = [one for one in (event.pubsub_connection, *getattr(pool, '_in_use_connections', ())) if one._connect_callbacks]
        with self._lock:
            subscribers = [_Subscriber.of(one) for one in found]
            self._subscribers.update(subscribers)
        # One was connected by this thread just now: a token that came since was not given to it.
        if self._token is not getattr(self._served, 'token', self._token):
            for subscriber in subscribers:
                subscriber.renew(self._token)

    def _subscribes(self, connection):
        """For who takes a connection from a pool and subscribes on it without telling redis-py, as kombu does."""
        if str(getattr(connection, 'protocol', 2)) != '3' or '_keyward' in connection.__dict__:
            return
        subscriber = _Subscriber.of(connection)
        with self._lock:
            self._subscribers.add(subscriber)
        if connection._re_auth_token is not None:  # came while it waited for its first subscription
            connection.set_re_auth_token(None)
            subscriber.renew(self._token)

    def on_error(self, callback):
        """Nobody is called: a token that cannot be got is logged, and asked for again."""

    def is_streaming(self):
        return True

    # tokens

    def token(self):
        """A token that is good now. One thread gets a new one; the others wait for it only when the one at hand has ended."""
        if self._due() and self._taking.acquire(blocking=not self._good()):
            try:
                if self._due() and time.monotonic() >= self._failed_until:
                    self._take()
            except TokenError as error:
                self._failure, self._failed_until = error, time.monotonic() + 1.0
                if self._good():
                    log.warning('no new token: %s', error)
            finally:
                self._taking.release()
        token = self._token
        if token is None or token.is_expired():
            raise TokenError(str(self._failure or 'the token has ended and there is no newer one'))
        return token

    def _good(self):
        return self._token is not None and not self._token.is_expired()

    def _due(self):
        if self._token is None:
            return True
        if hasattr(self.source, 'stale'):
            return self.source.stale()
        return time.time() >= self._next()

    def _next(self):
        life = self._token.expires_at - self._token.received_at
        return max(self._token.received_at + self._refresh * life, self._same_until)

    def _take(self):
        value, end = self.source.get()
        if self._token is not None and value == self._token.get_value():  # a program that keeps its token until the end
            self._same_until = time.time() + max(1.0, (self._token.expires_at - time.time()) / 4)
            return
        self._token = Token(value, self.user, end)
        self._pushed = self._pushed or self._token  # nobody has an older one

    # renewal

    def _start(self):
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=_renew_for, args=[weakref.ref(self), self._wake], name='keyward_redis',
                                                daemon=True)
                self._thread.start()

    def close(self):
        """Ends the renewal; connections that are open live as long as their tokens."""
        self._closed = True
        self._wake.set()

    def _pause(self):
        if self._token is None:
            return 1.0
        if hasattr(self.source, 'stale'):
            return min(max((self._token.expires_at - time.time()) / 10, 0.1), 1.0)
        return min(max(self._next() - time.time(), 0.2), 30.0)

    def _push(self, token):
        """A client that hangs must not keep the others from their token."""
        with self._lock:
            pools, async_pools, subscribers = list(self._pools), list(self._async_pools), list(self._subscribers)
            singles = [one() for one in self._singles if one() is not None]
        work = [(_renew_pool, pool, token) for pool in pools] + [(call, token) for call in singles]
        work += [(_Subscriber.renew, subscriber, token) for subscriber in subscribers]
        for pool in async_pools:
            if self._loop is not None and not self._loop.is_closed():
                asyncio.run_coroutine_threadsafe(pool.re_auth_callback(token), self._loop)
        threads = [threading.Thread(target=_quietly, args=call, daemon=True) for call in work]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 10
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


_providers = weakref.WeakSet()


def _in_child():
    global _of_environment_lock
    _of_environment_lock = threading.Lock()
    for provider in list(_providers):
        provider._forget_clients()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_in_child)


def _renew_for(reference, wake):
    while True:
        provider = reference()
        if provider is None or provider._closed:
            return
        try:
            token, pause = provider.token(), provider._pause()
            if token is not provider._pushed:
                provider._pushed = token
                provider._push(token)
        except Exception as error:  # noqa: BLE001 - it is tried again
            log.warning('no token: %s', error if isinstance(error, TokenError) else type(error).__name__)
            pause = 1.0
        del provider
        wake.wait(pause)


def _quietly(call, *arguments):
    try:
        call(*arguments)
    except Exception as error:  # noqa: BLE001 - this connection is cut at its end and made anew
        log.warning('a connection was not renewed: %s', type(error).__name__)


def _log_in_again(connection, token):
    """AUTH on a connection that nothing is under way on; without a good answer it is closed."""
    if connection._sock is None:
        return  # the next connect asks for credentials
    try:
        connection.send_command('AUTH', token.try_get('oid'), token.get_value(), check_health=False)
        connection.read_response()
    except Exception as error:  # noqa: BLE001
        log.warning('a login in place failed: %s', type(error).__name__)
        connection.disconnect()


def _renew_pool(pool, token):
    if not hasattr(pool, '_available_connections') or not hasattr(pool, '_in_use_connections'):
        return  # BlockingConnectionPool: a new token at the next connect
    with pool._lock:
        for connection in pool._available_connections:
            _log_in_again(connection, token)
        for connection in pool._in_use_connections:
            if '_keyward' in connection.__dict__:
                continue  # a subscriber renews itself
            connection.re_auth = _ReAuth(connection)
            connection.set_re_auth_token(token)


SUBSCRIBING = ('SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE')


def _notice_subscribers(pool, provider):
    """Connections that this pool makes from now on say when they become subscribers."""
    made = getattr(pool, 'connection_class', None)
    if not isinstance(made, type) or not hasattr(made, 'send_command') or hasattr(made, '_keyward_provider'):
        return

    def send_command(self, *arguments, **options):
        if arguments and arguments[0] in SUBSCRIBING:
            provider = self._keyward_provider()
            if provider is not None:
                provider._subscribes(self)
        return made.send_command(self, *arguments, **options)

    pool.connection_class = type(made.__name__, (made,), {'send_command': send_command, '_keyward_provider': weakref.ref(provider),
                                                          '__module__': made.__module__})


class _ReAuth:
    """In place of Connection.re_auth(), which redis-py calls at release and kombu between two pops: never raises."""

    def __init__(self, connection):
        self._connection = weakref.ref(connection)

    def __call__(self):
        connection = self._connection()
        token = connection and connection._re_auth_token
        if token is not None:
            connection.set_re_auth_token(None)
            _log_in_again(connection, token)


class _Subscriber:
    """A RESP3 connection with subscriptions. AUTH is sent between two reads, and its answer is taken out by whoever reads."""

    SLICE = 0.25  # the longest time in which nobody else gets at a connection that waits for messages
    WRAPPED = ('send_packed_command', 'can_read', 'read_response', 'deregister_connect_callback')

    @classmethod
    def of(cls, connection):
        return connection.__dict__.get('_keyward') or cls(connection)

    def __init__(self, connection):
        self._connection, self._mutex = connection, threading.RLock()
        self._socket, self._awaited, self._pending = connection._sock, 0, None
        self._original = {name: getattr(connection, name) for name in self.WRAPPED}
        for name in self.WRAPPED:
            setattr(connection, name, getattr(self, name))
        connection._keyward = self

    def renew(self, token):
        self._pending = token
        if self._mutex.acquire(timeout=1.0):  # else it is read from just now, and the reader sends it
            try:
                self._send_pending()
            finally:
                self._mutex.release()

    def _send_pending(self):
        token, self._pending = self._pending, None
        if token is None or self._connection._sock is None:
            return
        self._same_socket()
        try:
            self._connection.send_command('AUTH', token.try_get('oid'), token.get_value(), check_health=False)
            self._awaited += 1
        except redis.exceptions.RedisError as error:
            log.warning('a login in place failed: %s', type(error).__name__)

    def _same_socket(self):
        if self._socket is not self._connection._sock:  # it was connected anew: no answer of the old one comes
            self._socket, self._awaited = self._connection._sock, 0
        return self._awaited > 0

    def send_packed_command(self, *arguments, **options):
        with self._mutex:
            return self._original['send_packed_command'](*arguments, **options)

    def can_read(self, timeout=0):
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = self.SLICE if end is None else min(self.SLICE, max(0.0, end - time.monotonic()))
            with self._mutex:
                self._send_pending()
                if self._original['can_read'](timeout=left):
                    return True
            if end is not None and time.monotonic() >= end:
                return False

    def read_response(self, *arguments, **options):
        if options.get('push_request') and not self.can_read(options.get('timeout', self._connection.socket_timeout)):
            raise redis.exceptions.TimeoutError('no message in time')
        with self._mutex:
            try:
                answer = self._original['read_response'](*arguments, **options)
            except redis.exceptions.ResponseError:
                if not self._same_socket():
                    raise
                self._connection.disconnect()
                raise redis.exceptions.ConnectionError('a login in place was refused') from None
            if self._same_socket() and answer in (b'OK', 'OK'):
                self._awaited -= 1
                return None  # as the answer of a health check: no message
            return answer

    def deregister_connect_callback(self, callback):
        """The PubSub gives its connection back: from here on it is an ordinary one."""
        result = self._original['deregister_connect_callback'](callback)
        for name in (*self.WRAPPED, '_keyward'):
            self._connection.__dict__.pop(name, None)
        self._pending, self._connection = None, _Nobody
        return result


class _Nobody:
    _sock = None


# --- ways to make one

def from_file(path=KUBERNETES_FILE, **options):
    return Provider(FileSource(path), **options)


def from_command(argv, **options):
    return Provider(CommandSource(argv), **options)


def from_client_credentials(url, client_id, *, user=None, refresh=0.7, **source):
    return Provider(ClientCredentialsSource(url, client_id, **source), user=user, refresh=refresh)


_of_environment = None
_of_environment_lock = threading.Lock()


def from_environment():
    """One provider for the process, by KEYWARD_TOKEN_FILE, KEYWARD_TOKEN_COMMAND, or KEYWARD_TOKEN_URL with KEYWARD_CLIENT_ID,
    KEYWARD_CLIENT_SECRET_FILE (or KEYWARD_CLIENT_SECRET), KEYWARD_SCOPE, KEYWARD_AUDIENCE, KEYWARD_RESOURCE, KEYWARD_TOKEN_CA;
    else the Kubernetes file. KEYWARD_USER, KEYWARD_REFRESH (0.7)."""
    global _of_environment
    with _of_environment_lock:
        if _of_environment is None:
            get = os.environ.get
            options = {'user': get('KEYWARD_USER') or None, 'refresh': float(get('KEYWARD_REFRESH') or 0.7)}
            if get('KEYWARD_TOKEN_FILE'):
                made = from_file(get('KEYWARD_TOKEN_FILE'), **options)
            elif get('KEYWARD_TOKEN_COMMAND'):
                made = from_command(get('KEYWARD_TOKEN_COMMAND'), **options)
            elif get('KEYWARD_TOKEN_URL'):
                made = from_client_credentials(
                    get('KEYWARD_TOKEN_URL'), get('KEYWARD_CLIENT_ID') or '', secret_file=get('KEYWARD_CLIENT_SECRET_FILE'),
                    secret=None if get('KEYWARD_CLIENT_SECRET_FILE') else get('KEYWARD_CLIENT_SECRET'), scope=get('KEYWARD_SCOPE'),
                    audience=get('KEYWARD_AUDIENCE'), resource=get('KEYWARD_RESOURCE'), ca=get('KEYWARD_TOKEN_CA'), **options)
            else:
                made = from_file(**options)
            _of_environment = made
        return _of_environment


def connection_class(provider, base=None):
    """For redis-py below 5.3, which has no renewal (and below 4.5 no providers): a class for `ConnectionPool(connection_class=...)`
    that asks for a token at each connect, and logs in again when a connection leaves the pool with an older one."""
    class Renewing(base or redis.SSLConnection):
        username = property(lambda self: provider.user or 'default', lambda self, value: None)
        password = property(lambda self: provider.token().get_value(), lambda self, value: None)
        _keyward_token = None

        def on_connect(self):
            self._keyward_token = provider.token()
            return super().on_connect()

        def connect(self):
            # Called for each connection that leaves the pool; with a callback it is a subscriber's, where RESP2 takes no AUTH.
            if self._sock is not None and not self._connect_callbacks:
                token = provider.token()
                if token is not self._keyward_token:
                    self._keyward_token = token
                    try:
                        self.send_command('AUTH', self.username, token.get_value(), check_health=False)
                        self.read_response()
                    except redis.exceptions.RedisError:
                        self.disconnect()
            return super().connect()
    return Renewing


def __getattr__(name):
    """`result_backend = 'keyward_redis.CeleryBackend+rediss://...'`: Celery's own backend does not tell redis-py that its pool
    has a provider, so its connections are made anew at each end instead of renewed. Celery is imported only for this."""
    if name != 'CeleryBackend':
        raise AttributeError(name)
    from celery.backends.redis import RedisBackend

    class CeleryBackend(RedisBackend):
        def _create_client(self, **params):
            return self._get_client()(connection_pool=self._get_pool(**params), credential_provider=params.get('credential_provider'))
    globals()[name] = CeleryBackend
    return CeleryBackend


# --- python -m keyward_redis

def _with_password(url, user, token):
    parts = urllib.parse.urlsplit(url)
    if parts.password is not None:
        raise SystemExit('the URL has a password already')
    login = f'{urllib.parse.quote(user or parts.username or "default", safe="")}:{urllib.parse.quote(token, safe="")}'
    return urllib.parse.urlunsplit(parts._replace(netloc=f'{login}@{parts.netloc.rpartition("@")[2]}'))


def main(arguments=None):
    parser = argparse.ArgumentParser(prog='python -m keyward_redis', description='Tokens for clients that read a password once.',
                                     epilog='example: AIRFLOW__CELERY__BROKER_URL_CMD="python -m keyward_redis url --ca /etc/keyward/ca.pem '
                                            'rediss://keyward:6380/0"')
    parser.add_argument('what', choices=['url', 'token'], help='url: a Redis URL with the token in it. token: only the token')
    parser.add_argument('url', nargs='?', help='rediss://host:port/db')
    parser.add_argument('--token-file', help='default: by the environment, as from_environment()')
    parser.add_argument('--command', help='a program that prints the token')
    parser.add_argument('--user', default=os.environ.get('KEYWARD_USER'))
    parser.add_argument('--ca', default=os.environ.get('KEYWARD_CA'), help='adds ssl_cert_reqs and ssl_ca_certs, as kombu and Celery read them')
    parser.add_argument('--provider', action='store_true', help='a URL without a token that names keyward_redis.from_environment')
    given = parser.parse_intermixed_args(arguments)
    if (given.what == 'url') != (given.url is not None):
        parser.error('url wants a URL, token none')
    try:
        if given.token_file:
            provider = from_file(given.token_file)
        elif given.command:
            provider = from_command(given.command)
        else:
            provider = from_environment()
        if given.what == 'token':
            print(provider.token().get_value())
            return 0
        url = given.url if given.provider else _with_password(given.url, given.user, provider.token().get_value())
    except (TokenError, ValueError) as error:
        print(f'keyward_redis: {error}', file=sys.stderr)
        return 1
    more = {'ssl_cert_reqs': 'CERT_REQUIRED', 'ssl_ca_certs': given.ca} if given.ca else {}
    if given.provider:
        more['credential_provider'] = 'keyward_redis.from_environment'
    print(url + ('&' if '?' in url else '?') * bool(more) + urllib.parse.urlencode(more, safe='/'))
    return 0


if __name__ == '__main__':
    sys.exit(main())
