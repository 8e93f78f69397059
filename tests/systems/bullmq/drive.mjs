// Gives BullMQ work and looks at what comes back: drive.mjs suite | flood COUNT | foreign. Prints one line of JSON.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { bullmq, connection, ioredis, pause } from './common.mjs';

const { FlowProducer, Queue, QueueEvents } = bullmq;
const queue = new Queue('jobs', { connection });
const events = new QueueEvents('jobs', { connection });
queue.on('error', () => {});
events.on('error', () => {});
const noted = () => new Set(readFileSync(process.env.QUEUE_NOTES, 'utf8').split('\n').filter(Boolean)).size;

async function suite() {
  await events.waitUntilReady();
  const done = [];
  const result = (job) => job.waitUntilFinished(events, 30000);
  assert.equal(await result(await queue.add('add', { x: 2, y: 3 })), 5);
  done.push('a result');
  await assert.rejects(result(await queue.add('wrong', {})), /as told/);
  done.push('a failure');
  assert.equal(await result(await queue.add('flaky', { failures: 2 }, { attempts: 4, backoff: 100 })), 2);
  done.push('retries');
  const began = Date.now();
  assert.equal(await result(await queue.add('add', { x: 1, y: 2 }, { delay: 1000 })), 3);
  assert(Date.now() - began > 900);
  done.push('a delay');
  assert.equal(await result(await queue.add('add', { x: 4, y: 4 }, { priority: 1 })), 8);
  done.push('priorities');
  const many = await queue.addBulk(Array.from({ length: 20 }, (_, i) => ({ name: 'add', data: { x: i, y: i } })));
  assert.deepEqual(await Promise.all(many.map(result)), Array.from({ length: 20 }, (_, i) => 2 * i));
  done.push('many at once');
  const flows = new FlowProducer({ connection });
  const flow = await flows.add({ name: 'total', queueName: 'jobs', data: {},
    children: [1, 2, 3].map((x) => ({ name: 'add', queueName: 'children', data: { x, y: 1 } })) });
  assert.equal(await result(flow.job), 9);
  done.push('a flow');
  await queue.upsertJobScheduler('each', { every: 300 }, { name: 'note', data: { n: 1000001 } });
  while (noted() < 1 || (await queue.getJobSchedulers()).length !== 1) await pause(50);
  await queue.removeJobScheduler('each');
  done.push('a scheduler');
  const unique = { jobId: 'one', delay: 60000 };
  assert.equal((await queue.add('add', {}, unique)).id, (await queue.add('add', {}, unique)).id);
  await (await queue.getJob('one')).remove();
  done.push('a unique job');
  await queue.pause();
  const held = await queue.add('add', { x: 1, y: 1 });
  await pause(200);
  assert(['waiting', 'paused'].includes(await held.getState()));
  await queue.resume();
  assert.equal(await result(held), 2);
  done.push('pause and resume');
  assert((await queue.getWorkers()).length >= 1);
  assert((await queue.getJobCounts()).completed > 20);
  await queue.clean(0, 1000, 'completed');
  await queue.obliterate({ force: true });
  done.push('workers, counts, clean, obliterate');
  await flows.close();
  return { parts: done };
}

async function flood(count) {
  const began = Date.now();
  const between = 1000 * Number(process.env.QUEUE_PAUSE ?? 0);
  const size = between ? 1 : 100;
  for (let n = 0; n < count; n += size) {
    if (between) await pause(between);
    await queue.addBulk(Array.from({ length: Math.min(size, count - n) }, (_, i) => ({
      name: 'note', data: { n: n + i }, opts: { jobId: `note-${process.pid}-${n + i}` } })));
  }
  while (noted() < count && Date.now() - began < 120000) await pause(20);
  return { count, seconds: (Date.now() - began) / 1000 };
}

// By the library's own connection; each refusal leaves it usable.
async function foreign() {
  const client = new ioredis.Redis(connection);
  let refused = 0;
  const other = () => new ioredis.Redis({ ...connection, db: 9, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  for (const call of [() => client.get('foreign:secret'), () => client.set('foreign:secret', 1), () => client.publish('foreign:news', 1),
    () => client.select(9), () => client.scan(0), () => client.keys('*'), () => client.call('PSUBSCRIBE', '__keyevent@*__:*'),
    () => client.eval("return redis.call('GET', 'foreign:secret')", 0)]) {
    await assert.rejects(call(), /NOPERM|ERR|not granted|No permissions/i);
    refused += 1;
  }
  // ioredis tells of a refused SELECT by an event, and goes on in database 0.
  const apart = other();
  const told = await Promise.race([new Promise((resolve) => apart.on('error', resolve)), pause(10000)]);
  assert.match(String(told), /NOPERM|ERR/);
  apart.disconnect();
  assert((await queue.add('note', { n: -1 })).id);
  return { refused: refused + 1 };
}

const told = await { suite, flood, foreign }[process.argv[2]](...process.argv.slice(3).map(Number));
console.log(JSON.stringify(told));
process.exit(0);
