// A BullMQ queue, its worker and its events with a plain connection: bullmq.mjs NODE_MODULES PORT SECONDS.
// Prints one JSON line: every job is added, done and heard of exactly once.
import { createRequire } from 'node:module';

const [modules, port, seconds] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const { Queue, QueueEvents, Worker } = createRequire(modules + '/x.js')('bullmq');
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const errors = [];
const note = (where) => (error) => errors.push(`${where}: ${error.message}`);

const queue = new Queue('jobs', { connection });
const events = new QueueEvents('jobs', { connection });
const done = new Map();
const worker = new Worker('jobs', async (job) => {
  done.set(job.data.n, (done.get(job.data.n) ?? 0) + 1);
  return job.data.n * 2;
}, { connection, concurrency: 4 });
for (const [name, one] of Object.entries({ queue, events, worker })) {
  one.on('error', note(name));
  one.on('ioredis:close', () => errors.push(`${name}: closed`));
}
let completed = 0;
events.on('completed', () => { completed += 1; });
await Promise.all([queue.waitUntilReady(), events.waitUntilReady(), worker.waitUntilReady()]);

let added = 0;
const end = Date.now() + seconds * 1000;
while (Date.now() < end) {
  // Every so often nothing, so that the worker waits in Redis for longer than a token is good.
  for (let i = 0; i < 20; i += 1) await queue.add('job', { n: added++ }, { delay: i % 5 === 0 ? 50 : 0 });
  await new Promise((go) => setTimeout(go, added % 100 === 0 ? 3000 : 50));
}
const patience = Date.now() + 20000;
while (completed < added && Date.now() < patience) await new Promise((go) => setTimeout(go, 50));
const twice = [...done.values()].filter((count) => count !== 1).length;
const seen = [...errors];
await worker.close();
await events.close();
await queue.close();
console.log(JSON.stringify({ added, done: done.size, completed, twice, errors: seen }));
process.exit(0);
