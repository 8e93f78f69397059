// ioredis has no credential provider: this class reads the token again every second, logs its open connection in with the new
// one, and uses it at the next reconnect. Give an instance to BullMQ as `connection`: the duplicates that it makes renew as well.
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';

export class KeywardRedis extends Redis {
  constructor(options) {
    const token = () => readFileSync(options.tokenFile, 'ascii').trim();
    super({ ...options, username: 'default', password: token(), tls: { ca: readFileSync(options.caFile) } });
    this.own = options;
    const timer = setInterval(() => {
      let fresh;
      try { fresh = token(); } catch { return; }
      if (!fresh || fresh === this.options.password) return;
      this.options.password = fresh;
      // Commands are answered in order: behind a blocking one AUTH waits for its end. Refused: reconnect with the new token.
      if (this.status === 'ready') this.call('AUTH', 'default', fresh).catch(() => this.disconnect(true));
    }, 1000);
    timer.unref();
    this.once('end', () => clearInterval(timer));
  }

  duplicate(override) {
    return new KeywardRedis({ ...this.own, ...override });
  }
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const [port, caFile, tokenFile] = process.argv.slice(2);
  const redis = new KeywardRedis({ host: 'localhost', port: Number(port), caFile, tokenFile });
  console.log(await redis.set('app:ioredis', 'hello'), await redis.get('app:ioredis'));
  await redis.quit();
}
