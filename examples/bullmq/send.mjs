import { Queue, QueueEvents } from 'bullmq';

const connection = { url: process.env.REDIS_URL, maxRetriesPerRequest: null };
const queue = new Queue('jobs', { connection });
const events = new QueueEvents('jobs', { connection });
await events.waitUntilReady();
const jobs = await Promise.all([0, 1, 2, 3, 4].map((n) => queue.add('double', { n })));
console.log('results:', JSON.stringify(await Promise.all(jobs.map((job) => job.waitUntilFinished(events, 30000)))));
process.exit(0);
