// A Node client of examples/clients over many token lifetimes: renewal.mjs MODULE KIND PORT CA TOKEN_FILE SECONDS.
// Prints one line of JSON with what it counted.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const [module, kind, port, caFile, tokenFile, seconds] = process.argv.slice(2);
const { connect, KeywardRedis } = await import(pathToFileURL(module).href);
const trouble = [];
let connects = 0;
async function client() {
  const made = kind === 'node-redis' ? await connect({ port, caFile, tokenFile })
    : new KeywardRedis({ host: 'localhost', port: Number(port), caFile, tokenFile });
  made.on('error', (error) => trouble.push(error.message));
  made.on(kind === 'node-redis' ? 'ready' : 'connect', () => { connects += 1; });
  await made.ping();
  return made;
}
const send = (redis, ...words) => (kind === 'node-redis' ? redis.sendCommand(words) : redis.call(...words));

const redis = await client();
const blocker = await client();
const subscriber = await client();
const heard = [];
if (kind === 'node-redis') {
  await subscriber.subscribe(`app:${kind}`, (message) => heard.push(Number(message)));
} else {
  subscriber.on('message', (_, message) => heard.push(Number(message)));
  await subscriber.subscribe(`app:${kind}`);
}
const warm = connects;
const end = Date.now() + Number(seconds) * 1000;
const popped = (async () => {
  const got = [];
  while (Date.now() < end + 1500) {
    const answer = await send(blocker, 'BLPOP', `app:${kind}:jobs`, '1');
    if (answer) got.push(Number(answer[1]));
  }
  return got;
})();
let n = 0;
while (Date.now() < end) {
  n += 1;
  assert.equal(Number(await send(redis, 'INCR', `app:${kind}:n`)), n);
  await send(redis, 'RPUSH', `app:${kind}:jobs`, String(n));
  assert.equal(Number(await send(redis, 'PUBLISH', `app:${kind}`, String(n))), 1);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const jobs = await popped;
const whole = (list) => list.length === n && list.every((value, at) => value === at + 1);
console.log(JSON.stringify({ count: n, popped: whole(jobs), heard: whole(heard), warm, connects, trouble }));
process.exit(0);
