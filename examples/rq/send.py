import os
import time

from redis import Redis
from rq import Queue

import tasks

queue = Queue(connection=Redis.from_url(os.environ['REDIS_URL']))
jobs = [queue.enqueue(tasks.double, n) for n in range(5)]
while not all(job.latest_result() for job in jobs):
    time.sleep(0.1)
print('results:', [job.latest_result().return_value for job in jobs])
