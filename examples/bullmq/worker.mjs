import { Worker } from 'bullmq';

new Worker('jobs', async (job) => 2 * job.data.n, { connection: { url: process.env.REDIS_URL, maxRetriesPerRequest: null } });
