"""BullMQ 6 through Keyward, under the template bullmq."""
from rig.queues import *  # noqa: F403 - the tests, and Queue

QUEUE = Queue(
    'bullmq', subject='bullmq-worker-1', own=('LLEN', 'bull:jobs:wait'), probe='bull:probe', flood=8000,
    worker=lambda s: ['node', s.folder / 'worker.mjs'], drive=lambda s: ['node', s.folder / 'drive.mjs'], ready='ready')
