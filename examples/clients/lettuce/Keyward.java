// Lettuce: a credentials provider that streams; with ON_NEW_CREDENTIALS each connection sends AUTH as soon as there is a new token,
// inside MULTI after EXEC. Subscribers too, in RESP3.
//   mvn -q compile exec:java -Dexec.mainClass=Keyward -Dexec.args="PORT CA TOKEN_FILE SECONDS"
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCredentials;
import io.lettuce.core.RedisCredentialsProvider;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import io.lettuce.core.protocol.ProtocolVersion;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

public class Keyward {
  /** A file that somebody else keeps fresh (kubelet, keyward agent, vault agent); looked at every second. */
  record FileTokens(Path file) implements RedisCredentialsProvider {
    RedisCredentials read() {
      try {
        return RedisCredentials.just("default", Files.readString(file).strip());
      } catch (java.io.IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }

    public Mono<RedisCredentials> resolveCredentials() {
      return Mono.fromSupplier(this::read);
    }

    public boolean supportsStreaming() {
      return true;
    }

    public Flux<RedisCredentials> credentials() {
      return Flux.interval(Duration.ZERO, Duration.ofSeconds(1)).map(tick -> read())
          .onErrorContinue((error, tick) -> {})
          .distinctUntilChanged(c -> new String(c.getPassword()));
    }
  }

  static RedisClient client(int port, String ca, String tokenFile) {
    RedisURI uri = RedisURI.builder().withHost("localhost").withPort(port).withSsl(true)
        .withAuthentication(new FileTokens(Path.of(tokenFile))).build();
    RedisClient client = RedisClient.create(uri);
    client.setOptions(ClientOptions.builder().protocolVersion(ProtocolVersion.RESP3)
        .reauthenticateBehavior(ClientOptions.ReauthenticateBehavior.ON_NEW_CREDENTIALS)
        .sslOptions(SslOptions.builder().jdkSslProvider().trustManager(new File(ca)).build()).build());
    return client;
  }

  public static void main(String[] args) throws Exception {
    RedisClient client = client(Integer.parseInt(args[0]), args[1], args[2]);
    var redis = client.connect().sync();
    var subscriber = client.connectPubSub();
    AtomicLong heard = new AtomicLong();
    subscriber.addListener(new RedisPubSubAdapter<String, String>() {
      @Override
      public void message(String channel, String message) {
        if (Long.parseLong(message) == heard.get() + 1) heard.incrementAndGet();
      }
    });
    subscriber.sync().subscribe("app:lettuce");
    long id = redis.clientId();
    long end = System.currentTimeMillis() + 1000L * Integer.parseInt(args[3]);
    long n = 0;
    while (System.currentTimeMillis() < end) {
      n += 1;
      if (redis.incr("app:lettuce:n") != n) throw new IllegalStateException("a command was lost or done twice");
      redis.publish("app:lettuce", Long.toString(n));
      Thread.sleep(5);
    }
    Thread.sleep(300);
    System.out.println("{\"count\": " + n + ", \"heard\": " + (heard.get() == n) + ", \"connects\": " + redis.clientId() + ", \"warm\": " + id
        + ", \"trouble\": []}");
    System.exit(0);
  }
}
