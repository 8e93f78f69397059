import asyncio

from arq import create_pool

from tasks import WorkerSettings


async def main():
    pool = await create_pool(WorkerSettings.redis_settings)
    jobs = [await pool.enqueue_job('double', n) for n in range(5)]
    print('results:', [await job.result(timeout=30) for job in jobs])

asyncio.run(main())
