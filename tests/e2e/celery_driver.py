"""Sends work and looks at what comes back: celery_driver.py suite | flood COUNT | steady SECONDS. Prints `done` when all of it held."""
import sys
import time

from celery import chain, chord, group
from celery.exceptions import TaskRevokedError
from celery.result import AsyncResult

from celery_app import add, app, fan_out, flaky, nap, total, wrong

PATIENCE = 60


def single():
    assert add.delay(2, 3).get(PATIENCE) == 5
    assert add.apply_async((1, 1), priority=9).get(PATIENCE) == 2
    failed = wrong.delay()
    try:
        failed.get(PATIENCE)
        raise AssertionError('the task must fail')
    except ValueError:
        pass
    assert failed.state == 'FAILURE' and 'as told' in failed.traceback


def groups():
    assert group(add.s(i, i) for i in range(40))().get(PATIENCE) == [2 * i for i in range(40)]


def chords():
    assert chord([add.s(i, i) for i in range(20)])(total.s()).get(PATIENCE) == sum(2 * i for i in range(20))
    assert chain(add.s(1, 2), add.s(3), add.s(4))().get(PATIENCE) == 10
    assert fan_out.delay(7).get(PATIENCE) == sum(i + 1 for i in range(7))


def retries():
    assert flaky.delay(3).get(PATIENCE) == 3


def countdown():
    began = time.time()
    assert add.apply_async((1, 2), countdown=2).get(PATIENCE) == 3
    assert time.time() - began >= 1.9


def revoke():
    late = add.apply_async((1, 2), countdown=8)
    app.control.revoke(late.id)
    running = nap.delay(40)
    time.sleep(1.5)
    app.control.revoke(running.id, terminate=True)
    for result in (late, running):
        try:
            result.get(30)
            raise AssertionError('a revoked task must not succeed')
        except TaskRevokedError:
            pass


def inspect():
    seen = app.control.inspect(['w@test'], timeout=10)  # named, so that it need not wait for others
    assert list(seen.ping().values()) == [{'ok': 'pong'}]
    assert list(seen.stats().values())[0]['pool']['max-concurrency'] == 2
    assert [q['name'] for q in list(seen.active_queues().values())[0]] == ['celery']
    assert 'celery_app.add' in list(seen.registered().values())[0]
    assert app.control.rate_limit('celery_app.nap', '100/s', reply=True)


def events():
    heard = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={'*': lambda event: heard.append(event['type'])})
        add.delay(1, 1)
        try:
            receiver.capture(limit=3, timeout=20, wakeup=True)
        except TimeoutError:
            pass
    assert heard, 'no event was heard'


def housekeeping():
    result = add.delay(4, 4)
    assert result.get(PATIENCE) == 8
    result.forget()
    assert AsyncResult(result.id, app=app).state == 'PENDING'
    app.control.purge()


def flood(count):
    """Every task comes back, whatever happens to the connections meanwhile."""
    ids = []
    while len(ids) < count:
        for attempt in range(30):
            try:
                ids.append(add.apply_async((len(ids), 1), retry=True, retry_policy={'max_retries': 20, 'interval_start': 0.1}).id)
                break
            except Exception as error:  # noqa: BLE001 - a publisher tries again
                print('send again:', type(error).__name__, flush=True)
                time.sleep(0.2)
        else:
            raise AssertionError('could not send')
        time.sleep(0.02)
    missing, end = dict(enumerate(ids)), time.time() + 120
    while missing and time.time() < end:
        for n, name in list(missing.items()):
            try:
                result = app.backend.get_task_meta(name)
            except Exception:  # noqa: BLE001 - asked again in the next round
                continue
            if result['status'] == 'SUCCESS':
                assert result['result'] == n + 1
                del missing[n]
            app.backend._cache.clear() if hasattr(app.backend, '_cache') else None
        time.sleep(0.5)
    assert not missing, f'{len(missing)} of {count} tasks are lost: {list(missing.items())[:5]}'
    print(f'{count} tasks, none lost')


def steady(seconds):
    """Work and pauses for that long, over connections that stay: every result comes, and none twice."""
    total_sent, end = 0, time.time() + seconds
    while time.time() < end:
        assert group(add.s(total_sent + i, i) for i in range(20))().get(PATIENCE) == [total_sent + 2 * i for i in range(20)]
        assert app.control.inspect(['w@test'], timeout=10).ping()
        total_sent += 20
        time.sleep(0.2)
    ran = sum(list(app.control.inspect(['w@test'], timeout=10).stats().values())[0]['total'].values())
    assert ran == total_sent, f'{total_sent} tasks were sent and {ran} run'
    print(f'{total_sent} tasks')


if sys.argv[1] == 'steady':
    steady(float(sys.argv[2]))
elif sys.argv[1] == 'suite':
    for part in (single, groups, chords, retries, countdown, revoke, inspect, events, housekeeping):
        began = time.time()
        part()
        print(f'{part.__name__} {time.time() - began:.1f} s', flush=True)
else:
    flood(int(sys.argv[2]))
print('done')
