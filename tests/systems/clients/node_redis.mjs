// What an application does with node-redis: node_redis.mjs suite | preamble. Redis is in REDIS_URL, its authority in REDIS_CA. Prints one line of JSON.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.env.KEYWARD_NODE_MODULES + '/');
const { createClient } = require('redis');
const url = process.env.REDIS_URL;
const options = (more = {}) => ({
  url, RESP: 3, socket: { ...(url.startsWith('rediss') ? { tls: true, ca: readFileSync(process.env.REDIS_CA) } : {}), reconnectStrategy: false }, ...more,
});
const connect = async (more) => {
  const client = createClient(options(more));
  client.on('error', () => {});
  return client.connect();
};

async function suite() {
  const parts = [];
  const r = await connect();
  assert.equal(await r.set('app:node', 'v'), 'OK');
  assert.equal(await r.get('app:node'), 'v');
  parts.push('strings');
  await r.hSet('app:node:h', { a: '1', b: '2' });
  assert.deepEqual({ ...(await r.hGetAll('app:node:h')) }, { a: '1', b: '2' });
  await r.zAdd('app:node:z', { score: 1.5, value: 'm' });
  assert.equal(await r.zScore('app:node:z', 'm'), 1.5);
  parts.push('collections');
  assert.equal((await Promise.all(Array.from({ length: 1000 }, () => r.incr('app:node:n')))).at(-1), 1000);
  parts.push('pipelines');
  assert.deepEqual(await r.multi().incr('app:node:n').del('app:node:n').exec(), [1001, 1]);
  parts.push('transactions');
  const blocker = await connect();
  const popped = blocker.blPop('app:node:q', 10);
  await r.rPush('app:node:q', 'job');
  assert.equal((await popped).element, 'job');
  parts.push('blocking reads');
  await r.xGroupCreate('app:node:s', 'g', '0', { MKSTREAM: true });
  const id = await r.xAdd('app:node:s', '*', { k: 'v' });
  assert(JSON.stringify(await r.xReadGroup('g', 'c', [{ key: 'app:node:s', id: '>' }])).includes(id));
  assert.equal(await r.xAck('app:node:s', 'g', id), 1);
  parts.push('streams');
  const sha = await r.scriptLoad("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  assert.equal(await r.evalSha(sha, { keys: ['app:node:l'], arguments: ['5'] }), 5);
  parts.push('scripts');
  const subscriber = await connect();
  const heard = new Promise((resolve) => subscriber.pSubscribe('app:news:*', resolve).then(() => r.publish('app:news:node', 'hi')));
  assert.equal(await heard, 'hi');
  parts.push('channels');
  const calls = [() => r.get('foreign:secret'), () => r.set('foreign:secret', '1'), () => r.publish('foreign:news', '1'), () => r.sendCommand(['SELECT', '9']),
    () => connect({ database: 9 }), () => r.sendCommand(['SCAN', '0']), () => r.keys('*'), () => subscriber.pSubscribe('__keyevent@*__:*', () => {}),
    () => r.eval("return redis.call('GET', 'foreign:secret')")];
  for (const call of calls) {
    await assert.rejects(call(), /NOPERM|granted|ERR|not available|No permissions/i);
    assert.equal(await r.get('app:node'), 'v');
  }
  return { client: `node-redis ${require('redis/package.json').version}`, parts, refused: calls.length };
}

async function preamble() {
  const r = await connect({ database: 1, name: 'node' });
  assert.equal(await r.ping(), 'PONG');
  return { client: `node-redis ${require('redis/package.json').version}` };
}

console.log(JSON.stringify(await { suite, preamble }[process.argv[2]]()));
process.exit(0);
