// A BullMQ queue, a worker and its events for a while: bullmq_steady.mjs '{"seconds", "pause", "name", "connection": {...} | "port",
// "caFile", "tokenFile", "module"}'. Numbered jobs; prints one line of JSON: how often each was executed, and how often each result was heard.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.env.KEYWARD_NODE_MODULES + '/');
const { Queue, QueueEvents, Worker } = require('bullmq');
const given = JSON.parse(process.argv[2]);
const trouble = [];
let connects = 0;

async function connection() {
  if (given.connection) return { ...given.connection, maxRetriesPerRequest: null };
  const { KeywardRedis } = await import(pathToFileURL(given.module).href);
  class Counted extends KeywardRedis {
    constructor(own) {
      super(own);
      this.on('connect', () => { connects += 1; });
    }

    duplicate(override) {
      return new Counted({ ...this.own, ...override });
    }
  }
  return new Counted({ host: 'localhost', port: given.port, caFile: given.caFile, tokenFile: given.tokenFile, maxRetriesPerRequest: null });
}

const shared = await connection();
const options = () => ({ connection: shared, prefix: 'bull' });
const watch = (name, it) => it.on('error', (error) => trouble.push(`${name}: ${error.message}`));
const executed = new Map();
const heard = new Map();
const add = (map, n) => map.set(n, (map.get(n) ?? 0) + 1);

const events = watch('events', new QueueEvents(given.name, options()));
events.on('completed', ({ returnvalue }) => add(heard, Number(returnvalue)));
await events.waitUntilReady();
const worker = watch('worker', new Worker(given.name, async (job) => { add(executed, job.data.n); return job.data.n; },
  { ...options(), concurrency: 4, drainDelay: given.drain ?? 5 }));
await worker.waitUntilReady();
const queue = watch('queue', new Queue(given.name, options()));
await queue.waitUntilReady();
const warm = connects;

const end = Date.now() + given.seconds * 1000;
let published = 0;
while (Date.now() < end) {
  published += 1;
  await queue.add(given.name, { n: published }, { removeOnComplete: 1000 });
  await new Promise((resolve) => setTimeout(resolve, given.pause));
}
for (let waited = 0; waited < 200 && (executed.size < published || heard.size < published); waited += 1) {
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const twice = (map) => [...map.values()].filter((times) => times > 1).length;
console.log(JSON.stringify({
  published, executed: executed.size, executedTwice: twice(executed), heard: heard.size, heardTwice: twice(heard), warm, connects, trouble,
}));
setTimeout(() => process.exit(0), 3000).unref();
await Promise.allSettled([worker.close(true), events.close(), queue.close()]);
process.exit(0);
