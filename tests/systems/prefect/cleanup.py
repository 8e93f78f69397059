"""The queue of prefect-redis by which servers tell workers what to tear down, as servers use it: a worker that cannot tear down
(a process worker) never takes a message."""
import asyncio
import uuid

from prefect.client.schemas.worker_channel import CANCELLING_TIMEOUT_TEARDOWN
from prefect_redis.cleanup_queue import WorkerCleanupQueue


async def main():
    dispatcher, service, pool = WorkerCleanupQueue(), WorkerCleanupQueue(), uuid.uuid4()

    async def enqueue():
        return await service.enqueue(message_id=uuid.uuid4(), idempotency_key=uuid.uuid4().hex, work_pool_id=pool,
                                     kind=CANCELLING_TIMEOUT_TEARDOWN, target={'flow_run_id': str(uuid.uuid4())})

    seen = await dispatcher.read_wakeup_sequence(pool)
    waiting = asyncio.create_task(dispatcher.wait_for_wakeup(pool, after=seen, timeout=20))
    await asyncio.sleep(0.5)
    first = await enqueue()
    assert await waiting, 'nobody was woken'
    taken = await dispatcher.reserve(work_pool_id=pool)
    assert taken.message_id == first.message_id and await dispatcher.reserve(work_pool_id=pool) is None
    one = {'work_pool_id': pool, 'message_id': first.message_id}
    await dispatcher.renew(**one, reservation_token=taken.reservation_token)
    await dispatcher.release(**one, reservation_token=taken.reservation_token, reason='not now')
    taken = await dispatcher.reserve(work_pool_id=pool)
    await dispatcher.ack(**one, reservation_token=taken.reservation_token)
    assert await dispatcher.reserve(work_pool_id=pool) is None
    await service.expire_leases(limit=10)
    print('done')


asyncio.run(main())
