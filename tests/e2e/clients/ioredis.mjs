// What an application does with ioredis 6: ioredis.mjs PORT CA TOKEN. Prints `done` when all of it held.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.env.KEYWARD_NODE_MODULES + '/');
const ioredis = require('ioredis');
const Redis = ioredis.Redis ?? ioredis.default ?? ioredis;
const [port, ca, token] = process.argv.slice(2);
const options = {
  host: 'localhost', port: Number(port), username: 'default', password: token, tls: { ca: readFileSync(ca) },
  maxRetriesPerRequest: 1, retryStrategy: () => null,
};
const redis = new Redis(options);
redis.on('error', (error) => { console.error(error); process.exit(1); });

assert.equal(await redis.ping(), 'PONG');
assert.equal(await redis.set('app:i', 'v'), 'OK');
assert.equal(await redis.get('app:i'), 'v');
assert.equal(await redis.get('app:none'), null);
await redis.hset('app:ih', { a: '1', b: '2' });
assert.deepEqual({ ...(await redis.hgetall('app:ih')) }, { a: '1', b: '2' });

const many = await Promise.all(Array.from({ length: 1000 }, (_, i) => redis.incrby('app:ic', i)));
assert.equal(many.at(-1), 499500);

const pipeline = redis.pipeline();
for (let i = 0; i < 100; i += 1) pipeline.set(`app:ip${i}`, i).get(`app:ip${i}`);
assert.equal((await pipeline.exec()).length, 200);
assert.deepEqual(await redis.multi().set('app:im', 1).incr('app:im').exec(), [[null, 'OK'], [null, 2]]);

const subscriber = new Redis(options);
const heard = new Promise((resolve) => subscriber.on('message', (channel, text) => resolve([channel, text])));
await subscriber.subscribe('app:news');
assert.equal(await redis.publish('app:news', 'hi'), 1);
assert.deepEqual(await heard, ['app:news', 'hi']);

const blocker = new Redis(options);
const popped = blocker.blpop('app:iq', 10);
await redis.rpush('app:iq', 'job');
assert.deepEqual(await popped, ['app:iq', 'job']);

redis.defineCommand('double', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
assert.equal(await redis.double('app:il', 21), 21);
await assert.rejects(redis.get('foreign'), /NOPERM/);
await assert.rejects(redis.flushall(), /NOPERM/);
for (const call of [() => redis.publish('foreign', 1), () => redis.select(9), () => redis.scan(0), () => redis.psubscribe('__keyevent@*__:*')]) {
  await assert.rejects(call(), /NOPERM|ERR/);
}
assert.equal(await redis.get('app:i'), 'v');
await Promise.all([redis.quit(), subscriber.quit(), blocker.quit()]);
console.log('done');
