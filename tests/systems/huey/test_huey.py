"""Huey 3 through Keyward, under the template huey."""
from rig.queues import *  # noqa: F403 - the tests, and Queue

QUEUE = Queue(
    'huey', subject='huey-consumer-1', own=('LLEN', 'huey.redis.huey'), probe='huey.r.huey.probe', flood=2500, once=True,
    worker=lambda s: [s.place / 'venv/bin/huey_consumer', 'tasks.huey', '-w', '4', '-d', '0.05', '-m', '0.2'],
    drive=lambda s: [s.python, s.folder / 'drive.py'], ready='Huey consumer started')
