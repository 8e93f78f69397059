// The workers of the test.
import { appendFileSync } from 'node:fs';
import { bullmq, connection, pause } from './common.mjs';

const jobs = {
  // Writes down that it ran, so that a lost or a second run shows.
  note: async (job) => {
    if (process.env.QUEUE_WORK) await pause(1000 * Number(process.env.QUEUE_WORK));
    appendFileSync(process.env.QUEUE_NOTES, `${job.data.n}\n`);
    return job.data.n;
  },
  add: (job) => job.data.x + job.data.y,
  flaky: (job) => { if (job.attemptsMade < job.data.failures) throw new Error('not yet'); return job.attemptsMade; },
  wrong: () => { throw new Error('as told'); },
  nap: (job) => pause(job.data.ms),
  total: async (job) => Object.values(await job.getChildrenValues()).reduce((a, b) => a + b, 0),
};
for (const name of ['jobs', 'children']) {
  const worker = new bullmq.Worker(name, async (job) => jobs[job.name](job), { connection, concurrency: 10, drainDelay: 1 });
  worker.on('error', (error) => console.log(`error ${name}: ${error.message}`));
  await worker.waitUntilReady();
}
console.log('ready');
process.on('SIGTERM', () => process.exit(0));
