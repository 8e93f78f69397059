"""Dramatiq 2 through Keyward, under the template dramatiq and a namespace: its script runs KEYS when it looks for workers that ended."""
from rig.queues import *  # noqa: F403 - the tests, and Queue

QUEUE = Queue(
    'dramatiq', subject='dramatiq-worker-1', own=('LLEN', 'dramatiq:default'), probe='dramatiq-rate-limits:probe', flood=2500,
    more='    namespace: "jobs:"\n    scripts: ["fdacc359c79a5adc3b8eeb53ff5772d7c42144e3", "63a257ff9edcee2888529b5d51c86f83444f91e4"]\n'
         '    allow: [{commands: [keys], keys: ["*"]}]',
    foreign=['channel', 'db', 'keyevent', 'admin'],
    environment={'QUEUE_MAINTENANCE': '100000'},  # one command in ten looks for workers that ended, where it is one in a thousand by default
    worker=lambda s: [s.place / 'venv/bin/dramatiq', 'tasks', '-p', '1', '-t', '8'],
    drive=lambda s: [s.python, s.folder / 'drive.py'], ready='is ready for action')
