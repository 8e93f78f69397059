"""Sidekiq 6 through Keyward, under the template sidekiq, below a namespace: names have no prefix of their own."""
from rig.queues import *  # noqa: F403 - the tests, and Queue

QUEUE = Queue(
    'sidekiq', subject='sidekiq-1', own=('LLEN', 'queue:default'), probe='probe', flood=10000, once=True, parameters={'prefix': ''},
    more='    namespace: "sidekiq:"\n    scripts: ["f4a8a5467f9f4697a26fdfb839476b9ee52e897c"]',
    foreign=['channel', 'db', 'SCAN', 'keyevent', 'admin'],
    worker=lambda s: ['sidekiq', '-r', s.folder / 'jobs.rb', '-c', '5', '-q', 'high', '-q', 'default'],
    drive=lambda s: ['ruby', s.folder / 'drive.rb'], ready='Booting Sidekiq')
