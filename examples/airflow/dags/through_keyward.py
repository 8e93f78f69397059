"""Work of every kind that reaches Redis: a fan-out, retries, the operators, sensors and the trigger of the Redis provider."""
from __future__ import annotations

import os
import time
from functools import cached_property

from airflow.providers.redis.hooks.redis import RedisHook
from airflow.providers.redis.operators.redis_publish import RedisPublishOperator
from airflow.providers.redis.sensors.redis_key import RedisKeySensor
from airflow.providers.redis.sensors.redis_pub_sub import RedisPubSubSensor
from airflow.providers.redis.triggers.redis_await_message import AwaitMessageTrigger
from airflow.sdk import DAG, BaseOperator, Param, task
from redis.exceptions import ResponseError

PREFIX = os.environ.get('EXAMPLE_PREFIX', 'airflow:')  # what global_keyprefix is for Celery: the provider adds none


def redis():
    return RedisHook('redis_default').get_conn()


class AwaitMessage(BaseOperator):
    """Waits in the triggerer, not in a worker."""

    template_fields = ('channel',)

    def __init__(self, *, channel, **options):
        super().__init__(**options)
        self.channel = channel

    def execute(self, context):
        self.defer(trigger=AwaitMessageTrigger(channels=self.channel, poll_interval=0.2), method_name='heard')

    def heard(self, context, event=None):
        return event['data']


with DAG('fan_out', params={'width': Param(20, type='integer'), 'nap': Param(0.0, type='number')}, schedule=None, catchup=False):
    @task
    def numbers(params=None):
        return list(range(params['width']))

    @task
    def square(n, params=None):
        time.sleep(params['nap'])
        return n * n

    @task
    def total(squares, params=None):
        assert sum(squares) == sum(n * n for n in range(params['width']))
        return sum(squares)

    total(square.expand(n=numbers()))


with DAG('retries', schedule=None, catchup=False):
    @task(retries=3, retry_delay=1, retry_exponential_backoff=False)
    def third_time_lucky(ti=None):
        """Counts in Redis how often it was tried."""
        key = f'{PREFIX}tries:{ti.run_id}'
        tries = redis().incr(key)
        redis().expire(key, 3600)
        if tries < 3:
            raise RuntimeError(f'try {tries}')
        return tries

    third_time_lucky()


class Heard(RedisPubSubSensor):
    """The provider's message holds bytes, which Airflow 3 takes into no XCom (provider 4.7): text instead."""

    @cached_property
    def pubsub(self):
        client = RedisHook(self.redis_conn_id).get_conn()
        client.connection_pool.connection_kwargs['decode_responses'] = True
        listener = client.pubsub()
        listener.subscribe(self.channels)
        return listener


with DAG('sensors', params={'deferred': Param(True, type='boolean')}, schedule=None, catchup=False):
    channel = PREFIX + 'news:{{ run_id }}'
    key = PREFIX + 'ready:{{ run_id }}'
    heard = Heard(task_id='heard', channels=channel, redis_conn_id='redis_default', mode='poke', poke_interval=0.2, timeout=120)
    ready = RedisKeySensor(task_id='ready', key=key, redis_conn_id='redis_default', mode='reschedule', poke_interval=1, timeout=120)
    tell = RedisPublishOperator(task_id='tell', channel=channel, message='{{ run_id }}')

    @task.branch
    def how(params=None):
        return ['deferred', 'reach_both'] if params['deferred'] else ['reach_both']

    deferred = AwaitMessage(task_id='deferred', channel=channel + ':deferred')

    @task
    def reach_both(params=None, run_id=None):
        """Publishes until each listener has had it: pub/sub keeps nothing for who comes late."""
        names = [f'{PREFIX}news:{run_id}'] + ([f'{PREFIX}news:{run_id}:deferred'] if params['deferred'] else [])
        end = time.time() + 90
        while names:
            names = [name for name in names if not redis().publish(name, 'hello')]
            assert time.time() < end, f'nobody listens to {names}'
            time.sleep(0.2)
        redis().set(f'{PREFIX}ready:{run_id}', '1', ex=600)

    reached = reach_both()
    how() >> [deferred, reached]
    reached >> tell


with DAG('long_task', params={'seconds': Param(30, type='number')}, schedule=None, catchup=False):
    @task(retries=2, retry_delay=1)
    def nap(params=None, ti=None):
        """Says where it runs, then takes its time."""
        key = f'{PREFIX}nap:{ti.run_id}'
        redis().rpush(key, str(os.getpid()))
        redis().expire(key, 3600)
        time.sleep(params['seconds'])

    nap()


with DAG('refused', schedule=None, catchup=False):
    @task
    def keeps_to_its_own():
        """What belongs to others is refused, with an error that says why; the connection goes on."""
        client = redis()
        for words in (['GET', 'payroll:salaries'], ['SET', 'payroll:salaries', '0'], ['PUBLISH', 'payroll:news', 'x'], ['KEYS', '*'],
                      ['SELECT', '1'], ['CONFIG', 'GET', '*']):
            try:
                client.execute_command(*words)
            except ResponseError as error:
                print(words, error)
            else:
                raise AssertionError(f'{words} was not refused')
            assert client.set(f'{PREFIX}mine', '1', ex=60)
        listener = client.pubsub()
        listener.psubscribe('__keyevent@*__:*')
        try:
            listener.get_message(timeout=5)
        except ResponseError as error:
            print('PSUBSCRIBE', error)
        else:
            raise AssertionError('PSUBSCRIBE was not refused')
        assert client.get(f'{PREFIX}mine') == b'1'

    keeps_to_its_own()
