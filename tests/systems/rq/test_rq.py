"""RQ 3 through Keyward, under the template rq."""
from rig.queues import *  # noqa: F403 - the tests, and Queue

# A worker with several queues takes jobs by BLPOP, so a cut connection can take one with it; with one queue it is BLMOVE.
QUEUE = Queue(
    'rq', subject='rq-worker-1', own=('HSET', 'rq:own', 'f', 'v'), probe='rq:probe', once=True, flood=100, fire=100,
    worker=lambda s: ['bash', '-c', 'exec "$0" worker --url "$QUEUE_URL" --with-scheduler high default', s.place / 'venv/bin/rq'],
    drive=lambda s: [s.python, s.folder / 'drive.py'], ready='Listening on')
