// Jedis: a TokenAuthConfig asks for a token before the last one ends, and each connection is logged in with it before its next command.
//   mvn -q compile exec:java -Dexec.mainClass=Keyward -Dexec.args="PORT CA TOKEN_FILE SECONDS"
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import redis.clients.authentication.core.IdentityProvider;
import redis.clients.authentication.core.SimpleToken;
import redis.clients.authentication.core.Token;
import redis.clients.authentication.core.TokenAuthConfig;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.JedisPooled;
import redis.clients.jedis.SslOptions;
import redis.clients.jedis.authentication.AuthXManager;

public class Keyward {
  /** A file that somebody else keeps fresh (kubelet, keyward agent, vault agent). */
  record FileTokens(Path file) implements IdentityProvider {
    public Token requestToken() {
      try {
        String token = Files.readString(file).strip();
        String claims = new String(Base64.getUrlDecoder().decode(token.split("\\.")[1]));
        Matcher exp = Pattern.compile("\"exp\":\\s*(\\d+)").matcher(claims);
        if (!exp.find()) throw new IllegalStateException("the token has no exp");
        return new SimpleToken("default", token, Long.parseLong(exp.group(1)) * 1000, System.currentTimeMillis(), Map.of());
      } catch (java.io.IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }

  static JedisPooled connect(int port, String ca, String tokenFile) {
    TokenAuthConfig tokens = TokenAuthConfig.builder()
        .identityProviderConfig(() -> new FileTokens(Path.of(tokenFile)))
        .expirationRefreshRatio(0.6f)   // after 60 % of the life that is left, again and again
        .lowerRefreshBoundMillis(1000).tokenRequestExecTimeoutInMs(1000).maxAttemptsToRetry(5).delayInMsToRetry(200)
        .build();
    // Jedis trusts the JVM's certificates or a trust store; a PEM file of a CA goes into one with:
    //   keytool -importcert -noprompt -alias keyward -file ca.pem -keystore ca.p12 -storepass changeit
    SslOptions tls = SslOptions.builder().truststore(new File(ca), "changeit".toCharArray()).trustStoreType("PKCS12").build();
    return new JedisPooled(new HostAndPort("localhost", port), DefaultJedisClientConfig.builder()
        .authXManager(new AuthXManager(tokens)).ssl(true).sslOptions(tls).resp3().build());
  }

  public static void main(String[] args) throws Exception {
    JedisPooled redis = connect(Integer.parseInt(args[0]), args[1], args[2]);
    long end = System.currentTimeMillis() + 1000L * Integer.parseInt(args[3]);
    long n = 0;
    while (System.currentTimeMillis() < end) {
      n += 1;
      if (redis.incr("app:jedis:n") != n) throw new IllegalStateException("a command was lost or done twice");
      Thread.sleep(5);
    }
    System.out.println("{\"count\": " + n + ", \"connects\": " + redis.getPool().getCreatedCount() + ", \"warm\": 1, \"trouble\": []}");
    System.exit(0);
  }
}
