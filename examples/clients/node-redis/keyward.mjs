// node-redis: a streaming credentials provider. Each client that subscribes to it sends AUTH as soon as there is a new token.
import { readFileSync } from 'node:fs';
import { createClient } from 'redis';

// The token of a file that somebody else keeps fresh (kubelet, keyward agent, vault agent); looked at every second.
export function fromFile(path) {
  const read = () => ({ username: 'default', password: readFileSync(path, 'ascii').trim() });
  return {
    type: 'streaming-credentials-provider',
    async subscribe(listener) {
      let last = read();
      const timer = setInterval(() => {
        try {
          const fresh = read();
          if (fresh.password && fresh.password !== last.password) listener.onNext(last = fresh);
        } catch (error) { listener.onError(error); }
      }, 1000);
      timer.unref();
      return [last, { dispose: () => clearInterval(timer) }];
    },
    onReAuthenticationError: (error) => console.error('login in place failed:', error.message),
  };
}

export function connect({ port, caFile, tokenFile, ...more }) {
  return createClient({
    socket: { host: 'localhost', port: Number(port), tls: true, ca: readFileSync(caFile) },
    credentialsProvider: fromFile(tokenFile),
    RESP: 3, // a RESP2 connection with subscriptions takes no AUTH
    ...more,
  }).on('error', (error) => console.error(error.message)).connect();
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const [port, caFile, tokenFile] = process.argv.slice(2);
  const redis = await connect({ port, caFile, tokenFile });
  console.log(await redis.set('app:node-redis', 'hello'), await redis.get('app:node-redis'));
  await redis.close();
}
