// What an application does with Jedis, Lettuce and Redisson: Clients jedis | lettuce | redisson suite | preamble. Redis is in REDIS_URL, its
// authority in REDIS_CA (PEM) and in REDIS_TRUST (PKCS12, password changeit). Prints one line of JSON.
import io.lettuce.core.ClientOptions;
import io.lettuce.core.Consumer;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SslOptions;
import io.lettuce.core.XReadArgs.StreamOffset;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import java.io.File;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.redisson.Redisson;
import org.redisson.api.RedissonClient;
import org.redisson.api.RTopic;
import org.redisson.client.codec.StringCodec;
import org.redisson.config.Config;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XReadGroupParams;

public class Clients {
  static final URI url = URI.create(System.getenv("REDIS_URL"));
  static final boolean tls = url.getScheme().equals("rediss");
  static final String user = url.getUserInfo().split(":", 2)[0], password = url.getUserInfo().split(":", 2)[1];
  static final ExecutorService POOL = Executors.newCachedThreadPool();
  static final List<String> parts = new ArrayList<>();

  static void check(boolean holds, String what) {
    if (!holds) throw new IllegalStateException(what + " does not hold");
  }

  static void part(boolean holds, String what) {
    check(holds, what);
    parts.add(what);
  }

  /** Every call must be refused, and `goesOn` works after each. */
  static int refused(Callable<?> goesOn, List<Callable<?>> calls) throws Exception {
    for (Callable<?> call : calls) {
      Object got;
      try {
        got = POOL.submit(call).get(20, TimeUnit.SECONDS);
      } catch (java.util.concurrent.ExecutionException refusal) {
        String text = String.valueOf(refusal.getCause()) + refusal.getCause().getCause();
        System.err.println(text);
        check(text.contains("NOPERM") || text.contains("granted") || text.contains("ERR") || text.contains("not available") || text.contains("Unable to connect"), "a refusal: " + text);
        check("v".equals(goesOn.call()), "going on after " + text);
        continue;
      }
      throw new IllegalStateException("must be refused, but was answered with " + got);
    }
    return calls.size();
  }

  static Jedis jedis(int database, boolean resp3) {
    var config = DefaultJedisClientConfig.builder().user(user).password(password).database(database).clientName("jedis").ssl(tls)
        .socketTimeoutMillis(20000);
    if (resp3) config.protocol(RedisProtocol.RESP3);
    if (tls) {
      config.sslOptions(redis.clients.jedis.SslOptions.builder().truststore(new File(System.getenv("REDIS_TRUST")), "changeit".toCharArray())
          .trustStoreType("PKCS12").build());
    }
    return new Jedis(new HostAndPort("localhost", url.getPort()), config.build());
  }

  static int jedisSuite() throws Exception {
    Jedis r = jedis(0, false);
    part("OK".equals(r.set("app:jedis", "v")) && "v".equals(r.get("app:jedis")), "strings");
    r.hset("app:jedis:h", Map.of("a", "1", "b", "2"));
    r.zadd("app:jedis:z", 1.5, "m");
    part(r.hgetAll("app:jedis:h").size() == 2 && r.zscore("app:jedis:z", "m") == 1.5, "collections");
    Pipeline pipe = r.pipelined();
    Response<Long> last = null;
    for (int i = 0; i < 1000; i += 1) last = pipe.incr("app:jedis:n");
    pipe.sync();
    part(last.get() == 1000, "pipelines");
    r.watch("app:jedis:n");
    var transaction = r.multi();
    transaction.incr("app:jedis:n");
    part(transaction.exec().equals(List.of(1001L)), "transactions");
    Thread pusher = new Thread(() -> {
      try (Jedis other = jedis(0, true)) {
        Thread.sleep(100);
        other.rpush("app:jedis:q", "job");
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
    pusher.start();
    part(r.blpop(10, "app:jedis:q").get(1).equals("job"), "blocking reads");
    r.xgroupCreate("app:jedis:s", "g", new StreamEntryID("0-0"), true);
    r.xadd("app:jedis:s", StreamEntryID.NEW_ENTRY, Map.of("k", "v"));
    var read = r.xreadGroup("g", "c", XReadGroupParams.xReadGroupParams(), Map.of("app:jedis:s", StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY));
    part(r.xack("app:jedis:s", "g", read.get(0).getValue().get(0).getID()) == 1, "streams");
    String sha = r.scriptLoad("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    part(r.evalsha(sha, 1, "app:jedis:l", "5").equals(5L), "scripts");
    BlockingQueue<String> heard = new ArrayBlockingQueue<>(10);
    Thread subscriber = new Thread(() -> jedis(0, false).psubscribe(new JedisPubSub() {
      @Override
      public void onPMessage(String pattern, String channel, String message) {
        heard.add(message);
      }

      @Override
      public void onPSubscribe(String pattern, int count) {
        heard.add("subscribed");
      }
    }, "app:news:*"));
    subscriber.setDaemon(true);
    subscriber.start();
    check("subscribed".equals(heard.poll(10, TimeUnit.SECONDS)), "PSUBSCRIBE");
    part(r.publish("app:news:jedis", "hi") == 1 && "hi".equals(heard.poll(10, TimeUnit.SECONDS)), "channels");
    return refused(() -> r.get("app:jedis"), List.of(() -> r.get("foreign:secret"), () -> r.set("foreign:secret", "1"),
        () -> r.publish("foreign:news", "1"), () -> r.select(9), () -> r.scan("0"), () -> r.keys("*"),
        () -> r.eval("return redis.call('GET', 'foreign:secret')"), () -> {
          try (Jedis other = jedis(0, false)) {
            other.psubscribe(new JedisPubSub() {}, "__keyevent@*__:*");
          }
          return null;
        }));
  }

  static RedisClient lettuce(int database) {
    RedisURI uri = RedisURI.builder().withHost("localhost").withPort(url.getPort()).withSsl(tls).withDatabase(database).withClientName("lettuce")
        .withAuthentication(user, password.toCharArray()).build();
    RedisClient client = RedisClient.create(uri);
    var options = ClientOptions.builder();
    if (tls) options.sslOptions(SslOptions.builder().jdkSslProvider().trustManager(new File(System.getenv("REDIS_CA"))).build());
    client.setOptions(options.build());
    return client;
  }

  static int lettuceSuite() throws Exception {
    RedisClient client = lettuce(0);
    var connection = client.connect();
    var r = connection.sync();
    part("OK".equals(r.set("app:lettuce", "v")) && "v".equals(r.get("app:lettuce")), "strings");
    r.hset("app:lettuce:h", Map.of("a", "1", "b", "2"));
    r.zadd("app:lettuce:z", 1.5, "m");
    part(r.hgetall("app:lettuce:h").size() == 2 && r.zscore("app:lettuce:z", "m") == 1.5, "collections");
    var async = connection.async();
    io.lettuce.core.RedisFuture<Long> last = null;
    for (int i = 0; i < 1000; i += 1) last = async.incr("app:lettuce:n");
    part(last.get(10, TimeUnit.SECONDS) == 1000, "pipelines");
    r.watch("app:lettuce:n");
    r.multi();
    r.incr("app:lettuce:n");
    part(r.exec().get(0).equals(1001L), "transactions");
    var popped = client.connect().async().blpop(10, "app:lettuce:q");
    Thread.sleep(100);
    r.rpush("app:lettuce:q", "job");
    part(popped.get(10, TimeUnit.SECONDS).getValue().equals("job"), "blocking reads");
    r.xgroupCreate(StreamOffset.from("app:lettuce:s", "0-0"), "g", io.lettuce.core.XGroupCreateArgs.Builder.mkstream());
    r.xadd("app:lettuce:s", Map.of("k", "v"));
    var read = r.xreadgroup(Consumer.from("g", "c"), StreamOffset.lastConsumed("app:lettuce:s"));
    part(r.xack("app:lettuce:s", "g", read.get(0).getId()) == 1, "streams");
    String sha = r.scriptLoad("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    part(r.evalsha(sha, ScriptOutputType.INTEGER, new String[] {"app:lettuce:l"}, "5").equals(5L), "scripts");
    BlockingQueue<String> heard = new ArrayBlockingQueue<>(10);
    var subscriber = client.connectPubSub();
    subscriber.addListener(new RedisPubSubAdapter<String, String>() {
      @Override
      public void message(String pattern, String channel, String message) {
        heard.add(message);
      }
    });
    subscriber.sync().psubscribe("app:news:*");
    part(r.publish("app:news:lettuce", "hi") == 1 && "hi".equals(heard.poll(10, TimeUnit.SECONDS)), "channels");
    return refused(() -> r.get("app:lettuce"), List.of(() -> r.get("foreign:secret"), () -> r.set("foreign:secret", "1"),
        () -> r.publish("foreign:news", "1"), () -> r.select(9), () -> r.scan(), () -> r.keys("*"),
        () -> r.eval("return redis.call('GET', 'foreign:secret')", ScriptOutputType.VALUE),
        () -> client.connectPubSub().async().psubscribe("__keyevent@*__:*").get(10, TimeUnit.SECONDS)));
  }

  static RedissonClient redisson(int database) throws Exception {
    Config config = new Config();
    config.setCodec(StringCodec.INSTANCE);
    var server = config.useSingleServer().setAddress((tls ? "rediss" : "redis") + "://localhost:" + url.getPort()).setUsername(user)
        .setPassword(password).setDatabase(database).setClientName("redisson").setConnectionMinimumIdleSize(2).setConnectionPoolSize(8)
        .setSubscriptionConnectionMinimumIdleSize(1).setRetryAttempts(0);
    if (tls) server.setSslTruststore(URI.create("file:" + System.getenv("REDIS_TRUST")).toURL()).setSslTruststorePassword("changeit");
    return Redisson.create(config);
  }

  static int redissonSuite() throws Exception {
    RedissonClient r = redisson(0);
    var value = r.<String>getBucket("app:redisson");
    value.set("v");
    part("v".equals(value.get()), "strings");
    r.getMap("app:redisson:h").put("a", "1");
    part(r.getMap("app:redisson:h").size() == 1, "collections");
    var lock = r.getLock("app:redisson:lock");
    part(lock.tryLock(1, 60, TimeUnit.SECONDS), "a lock");
    lock.unlock();
    var queue = r.<String>getBlockingQueue("app:redisson:q");
    queue.add("job");
    part("job".equals(queue.poll(5, TimeUnit.SECONDS)), "blocking reads");
    part(r.getAtomicLong("app:redisson:n").incrementAndGet() == 1, "counters");
    BlockingQueue<String> heard = new ArrayBlockingQueue<>(10);
    RTopic topic = r.getTopic("app:news:redisson");
    topic.addListener(String.class, (channel, message) -> heard.add(message));
    part(topic.publish("hi") == 1 && "hi".equals(heard.poll(10, TimeUnit.SECONDS)), "channels");
    return refused(value::get, List.of(() -> r.getBucket("foreign:secret").get(), () -> {
      r.getBucket("foreign:secret").set("1");
      return null;
    }, () -> r.getTopic("foreign:news").publish("1"), () -> r.getKeys().getKeysByPattern("*").iterator().hasNext(), () -> r.getKeys().count(),
        () -> redisson(9).getBucket("app:redisson").get(),
        () -> r.getPatternTopic("__keyevent@*__:*").addListener(String.class, (pattern, channel, message) -> {})));
  }

  public static void main(String[] arguments) {
    try {
      run(arguments);
      System.exit(0);
    } catch (Throwable trouble) {
      trouble.printStackTrace();
      System.exit(1);
    }
  }

  static void run(String[] arguments) throws Exception {
    String which = arguments[0];
    int refused = 0;
    if (arguments[1].equals("preamble")) {
      switch (which) {
        case "jedis" -> check("PONG".equals(jedis(1, false).ping()), "PING");
        case "jedis-3" -> check("PONG".equals(jedis(1, true).ping()), "PING");
        case "lettuce" -> check("PONG".equals(lettuce(1).connect().sync().ping()), "PING");
        default -> check(redisson(1).getBucket("app:none").get() == null, "GET");
      }
    } else {
      refused = switch (which) {
        case "jedis" -> jedisSuite();
        case "lettuce" -> lettuceSuite();
        default -> redissonSuite();
      };
    }
    System.out.println("{\"client\": \"" + which + "\", \"parts\": [\"" + String.join("\", \"", parts) + "\"], \"refused\": " + refused + "}");
  }
}
