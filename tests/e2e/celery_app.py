"""The Celery application of the tests: an ordinary one, configured by its environment."""
import os
import time

from celery import Celery, chord, group

prefix = os.environ.get('APP_PREFIX', '')
options = {'visibility_timeout': int(os.environ.get('APP_VISIBILITY', '3600')), **({'global_keyprefix': prefix} if prefix else {})}
app = Celery('tests', broker=os.environ['APP_URL'], backend=os.environ.get('APP_BACKEND', os.environ['APP_URL']))
app.conf.update(
    broker_transport_options=options,
    result_backend_transport_options={'global_keyprefix': prefix, 'retry_policy': {'timeout': 20.0}} if prefix else {},
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=2,
    result_extended=True,
    task_default_queue='celery',
)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def nap(seconds):
    time.sleep(seconds)
    return seconds


@app.task(bind=True, max_retries=5)
def flaky(self, failures):
    if self.request.retries < failures:
        raise self.retry(countdown=0.1, exc=RuntimeError('not yet'))
    return self.request.retries


@app.task
def wrong():
    raise ValueError('as told')


@app.task(bind=True)
def fan_out(self, n):
    return self.replace(chord(group(add.s(i, 1) for i in range(n)), total.s()))


@app.task
def note(n):
    """Writes down that it ran, so that a lost or a second run shows."""
    with open(os.environ['APP_NOTES'], 'a') as file:
        file.write(f'{n}\n')
    return n
