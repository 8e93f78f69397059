// Where Redis is, for the worker and the driver: QUEUE_URL and, for TLS, QUEUE_CA.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export const bullmq = createRequire(process.env.KEYWARD_NODE_MODULES + '/')('bullmq');
export const ioredis = createRequire(process.env.KEYWARD_NODE_MODULES + '/')('ioredis');
const url = new URL(process.env.QUEUE_URL);
export const connection = {
  host: url.hostname, port: Number(url.port), maxRetriesPerRequest: null,
  ...(url.password ? { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) } : {}),
  ...(url.protocol === 'rediss:' ? { tls: { ca: readFileSync(process.env.QUEUE_CA), servername: 'localhost' } } : {}),
};
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
