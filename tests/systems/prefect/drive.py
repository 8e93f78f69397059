"""What people do with Prefect, against two replicas of its server; a JSON line at the end.   drive.py STEP[,STEP...] [NUMBER]

Runs in Prefect's own environment. A step fails by an assertion; each has replica 0 do one half and replica 1 the other where it can."""
import asyncio
import json
import os
import sys
import threading
import time
import uuid
from datetime import timedelta
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.concurrency.sync import concurrency
from prefect.events import Event, Resource
from prefect.events.actions import RunDeployment
from prefect.events.clients import PrefectEventsClient, PrefectEventSubscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.exceptions import PrefectHTTPStatusError
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.transactions import IsolationLevel
from prefect.states import Cancelling, Pending, Running
from prefect_redis import RedisDatabase, RedisLockManager

APIS = os.environ['API_URLS'].split()
REDIS = os.environ['FLOW_REDIS_URL']
POOL = 'pool'
HERE = str(Path(__file__).parent)
TOLD = {}


def replica(number):
    return PrefectClient(APIS[number % len(APIS)])


async def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (value := await condition()):
        assert time.monotonic() < end, f'{what} did not come within {seconds} s'
        await asyncio.sleep(0.3)
    return value


async def ended(client, run_id, seconds=180, wanted=StateType.COMPLETED):
    async def look():
        run = await client.read_flow_run(run_id)
        return run if run.state and run.state.is_final() else None
    run = await until(look, seconds, f'the end of flow run {run_id}')
    assert run.state.type == wanted, f'{run.name}: {run.state}'
    return run


async def setup(_):
    async with replica(0) as client:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type='process'))
        await client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name='gate', limit=2))
        await client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name='door', limit=1))
        await client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name='wide', limit=1000))
        await client.create_concurrency_limit(tag='db', concurrency_limit=1)
    for name, more in {'fan_out': {'concurrency_limit': 2}, 'echo': {}, 'keep': {}}.items():
        source = await flow.from_source(source=HERE, entrypoint=f'flows.py:{name}')
        await source.deploy(name=name, work_pool_name=POOL, build=False, push=False, print_next_steps=False, ignore_warnings=True,
                            job_variables={'env': {'FLOW_REDIS_URL': REDIS}}, **more)


class Gauge:
    """How many were inside at once."""

    def __init__(self):
        self.lock, self.inside, self.most, self.entered = threading.Lock(), 0, 0, 0

    def __enter__(self):
        with self.lock:
            self.inside += 1
            self.entered += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_):
        with self.lock:
            self.inside -= 1


async def retries(_):
    tries = {'task': 0, 'flow': 0}

    @task(retries=3, retry_delay_seconds=0)
    def third_time():
        tries['task'] += 1
        if tries['task'] < 3:
            raise ValueError('not yet')

    @flow(retries=1)
    def twice():
        tries['flow'] += 1
        third_time()
        if tries['flow'] < 2:
            raise ValueError('again')

    await asyncio.to_thread(twice)
    assert tries['flow'] == 2 and tries['task'] == 4, tries


async def limits(_):
    """A limit by name for what tasks do, and one by tag for whole tasks; both with leases in Redis."""
    named, tagged = Gauge(), Gauge()

    @task
    def work(_):
        with concurrency('gate', occupy=1), named:
            time.sleep(0.2)

    @task(tags=['db'], retries=20, retry_delay_seconds=1)
    def alone(_):
        with tagged:
            time.sleep(0.2)

    @flow
    def limited():
        for future in [*work.map(range(8)), *alone.map(range(3))]:
            future.result()

    await asyncio.to_thread(limited)
    assert named.entered == 8 and 1 <= named.most <= 2, vars(named)
    assert tagged.entered == 3 and tagged.most == 1, vars(tagged)


async def leases(_):
    """Taken at one replica, seen, renewed and given back at the other."""
    async with replica(0) as here, replica(1) as there:
        async def take(client, seconds=60):
            try:
                answer = await client.increment_concurrency_slots_with_lease(['door'], 1, 'concurrency', lease_duration=seconds)
            except PrefectHTTPStatusError as error:
                assert error.response.status_code == 423, error
                return None
            return uuid.UUID(answer.json()['lease_id'])
        lease = await take(here)
        assert lease and await take(there) is None
        await there.renew_concurrency_lease(lease, 60)
        await there.release_concurrency_slots_with_lease(lease)
        lease = await take(there)
        assert lease, 'the door stayed shut'
        await here.release_concurrency_slots_with_lease(lease)


async def locks(_):
    """Two flows at once run a task that is cached and serialized by a lock in Redis: it is run once."""
    manager = RedisLockManager(connection_url=REDIS)
    store = RedisDatabase(connection_url=REDIS)
    gauge, key = Gauge(), uuid.uuid4().hex
    policy = (INPUTS + TASK_SOURCE).configure(isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=manager)

    @task(cache_policy=policy, persist_result=True)
    def once(word):
        with gauge:
            time.sleep(0.5)
        return word

    @flow
    def asks():
        return once(key)

    both = await asyncio.gather(asyncio.to_thread(asks), asyncio.to_thread(asks))
    assert both == [key, key] and gauge.entered == 1, (both, gauge.entered)
    await store.awrite_path(f'results:{key}', b'kept')
    assert await store.aread_path(f'results:{key}') == b'kept'


async def events_in_the_database(client, prefix):
    """A filter counts what occurred until it was made."""
    wanted = EventFilter(event=EventNameFilter(prefix=[prefix])).model_dump(mode='json')
    return (await client._client.post('/events/filter', json={'filter': wanted, 'limit': 50})).json()['total']


async def events(count):
    """All of them stored and streamed once, from both replicas; followers after what they follow, though sent before it."""
    mark = uuid.uuid4().hex[:8]
    heard, ready = [], asyncio.Event()
    wanted = EventFilter(event=EventNameFilter(prefix=[f'test.{mark}.']))

    def event(name, **more):
        return Event(event=f'test.{mark}.{name}', resource=Resource({'prefect.resource.id': f'test.{mark}.{name}'}), **more)

    async def listen(api):
        async with PrefectEventSubscriber(filter=wanted, api_url=api) as subscriber:
            ready.set()
            async for one in subscriber:
                heard.append(one.id)
                if len(set(heard)) == count:
                    return

    listener = asyncio.create_task(listen(APIS[0]))
    await asyncio.wait_for(ready.wait(), 30)
    made = []
    for n in range(count // 2):
        first = event(f'{n}.first')
        made.append((event(f'{n}.second', follows=first.id), first))
    async with PrefectEventsClient(api_url=APIS[0]) as here, PrefectEventsClient(api_url=APIS[-1]) as there:
        for second, first in made:
            await there.emit(second)
            await here.emit(first)
    async with replica(0) as client:
        async def stored():
            total = await events_in_the_database(client, f'test.{mark}.')
            return total if total >= count else None
        assert await until(stored, 90, f'{count} events in the database') == count
    await asyncio.wait_for(listener, 60)
    assert len(heard) == len(set(heard)) == count
    TOLD['events'] = TOLD.get('events', 0) + count


async def automation(count):
    """An automation whose trigger wants an event and the one that follows it runs a deployment: reactive triggers, ordering, actions."""
    mark = uuid.uuid4().hex[:8]
    async with replica(0) as client:
        deployment = await client.read_deployment_by_name('echo/echo')
        await client.create_automation(AutomationCore(
            name=f'on-{mark}', trigger=EventTrigger(expect={f'auto.{mark}'}, match={'prefect.resource.id': 'auto.*'}, posture=Posture.Reactive,
                                                    threshold=1, within=timedelta(0)),
            actions=[RunDeployment(deployment_id=deployment.id, parameters={'word': mark})]))
        await asyncio.sleep(1)
        async with PrefectEventsClient(api_url=APIS[-1]) as sender:
            for n in range(count):
                await sender.emit(Event(event=f'auto.{mark}', resource=Resource({'prefect.resource.id': f'auto.{n}'})))

        async def fired():
            runs = await client.read_flow_runs(limit=200)
            mine = [run for run in runs if run.parameters.get('word') == mark]
            return len(mine) >= count and mine
        runs = await until(fired, 90, f'{count} runs by the automation')
        assert len(runs) == count
        for run in runs:
            await ended(client, run.id)


async def deployments(count):
    """Runs of deployments, made at both replicas, by the worker; with their logs."""
    runs = []
    for n in range(count):
        async with replica(n) as client:
            name, parameters = [('fan-out/fan_out', {'width': 6}), ('keep/keep', {'key': uuid.uuid4().hex})][n % 2]
            deployment = await client.read_deployment_by_name(name)
            runs.append((await client.create_flow_run_from_deployment(deployment.id, parameters=parameters)).id)
    async with replica(0) as client:
        for run in runs:
            await ended(client, run)

        async def logged():
            return await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=runs)))
        assert await until(logged, 30, 'logs of the runs')


async def schedule(_):
    """The scheduler, a service that Docket runs again and again, makes runs of a deployment with a schedule."""
    async with replica(0) as client:
        deployment = await client.read_deployment_by_name('echo/echo')
        await client.create_deployment_schedules(deployment.id, [(IntervalSchedule(interval=timedelta(hours=1)), True)])

        async def scheduled():
            runs = await client.read_flow_runs(limit=200)
            return [run for run in runs if run.auto_scheduled and run.deployment_id == deployment.id]
        assert await until(scheduled, 60, 'scheduled runs')


async def late(_):
    """A run that nobody takes is marked Late by another of these services."""
    async with replica(1) as client:
        pool = 'nobody-' + uuid.uuid4().hex[:6]
        await client.create_work_pool(WorkPoolCreate(name=pool, type='process'))
        source = await flow.from_source(source=HERE, entrypoint='flows.py:echo')
        id_ = await source.deploy(name=pool, work_pool_name=pool, build=False, push=False, print_next_steps=False, ignore_warnings=True)
        run = await client.create_flow_run_from_deployment(id_)

        async def is_late():
            return (await client.read_flow_run(run.id)).state.name == 'Late'
        await until(is_late, 60, 'the run being late')
        await client.delete_flow_run(run.id)


async def cancellation(_):
    """A run whose process does not answer to being cancelled is ended by a task of Docket, which also queues its cleanup."""
    async with replica(0) as client:
        deployment = await client.read_deployment_by_name('echo/echo')
        run = await client.create_flow_run_from_deployment(deployment.id, state=Pending())
        await client.set_flow_run_state(run.id, Running(), force=True)
        await client.set_flow_run_state(run.id, Cancelling(), force=True)
        await ended(client, run.id, wanted=StateType.CANCELLED)


async def survive(count):
    """Events and a flow while somebody ends every connection of Redis again and again. Which of the events Prefect has stored is for the
    caller to judge: it marks an event as seen before it adds it to the stream, so an event can end between the two. (No limit is passed: a
    slot is taken in the database first, and stays taken when its lease then cannot be made.)"""
    mark = 'survive.'

    @task
    def tick(_):
        time.sleep(0.2)

    @flow
    def busy():
        for number in range(30):
            tick(number)

    running = asyncio.create_task(asyncio.to_thread(busy))
    async with PrefectEventsClient(api_url=APIS[-1]) as sender:
        for n in range(count):
            await sender.emit(Event(event=f'{mark}{n}', resource=Resource({'prefect.resource.id': f'test.{n}'})))
            await asyncio.sleep(10 / count)
    await asyncio.wait_for(running, 120)
    TOLD['stored'], began = -1, time.monotonic()
    still = began
    async with replica(0) as client:
        # Consumers wait for up to a minute before they try Redis again.
        while TOLD['stored'] < count and time.monotonic() - began < 180 and (TOLD['stored'] < 1 or time.monotonic() - still < 20):
            total = await events_in_the_database(client, mark)
            if total != TOLD['stored']:
                TOLD['stored'], still = total, time.monotonic()
            await asyncio.sleep(0.5)


async def load(count):
    """What a comparison times: a flow whose tasks each take a lease, and events that follow each other."""
    done = Gauge()

    @task
    def pass_through(_):
        with concurrency('wide', occupy=1), done:  # nobody waits: Prefect waits for random times
            pass

    @flow
    def busy():
        for future in pass_through.map(range(count)):
            future.result()

    began = time.monotonic()
    await asyncio.to_thread(busy)
    TOLD['tasks_s'] = round(time.monotonic() - began, 3)
    assert done.entered == count
    await events(2 * count)


async def main():
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    for name in sys.argv[1].split(','):
        began = time.monotonic()
        await globals()[name](number)
        TOLD[f'{name}_s'] = round(time.monotonic() - began, 2)
        print(f'{name}: {TOLD[f"{name}_s"]} s', flush=True)
    print(json.dumps(TOLD))
    print('done')


if __name__ == '__main__':
    asyncio.run(main())
