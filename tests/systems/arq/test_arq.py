"""arq through Keyward, under the template arq."""
from rig.queues import *  # noqa: F403 - the tests, and Queue

# A worker asks DBSIZE when it starts. A job whose worker was cut off just as it took it runs again when its mark ends: 10 s after job_timeout.
QUEUE = Queue(
    'arq', more='    allow: [{commands: [dbsize], read: ["*"]}]', subject='arq-worker-1', own=('ZCARD', 'arq:queue'), probe='arq:probe', flood=2000,
    allowed=[('DBSIZE',)], patience=20,
    worker=lambda s: [s.place / 'venv/bin/arq', 'tasks.WorkerSettings'],
    drive=lambda s: [s.python, s.folder / 'drive.py'], ready='Starting worker')
