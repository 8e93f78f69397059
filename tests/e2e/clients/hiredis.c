// hiredis over a plain loopback listener: hiredis PORT TOKEN. Prints `done` when all of it held.
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static redisContext *c;

static void want(redisReply *r, int type, const char *text) {
  if (!r || r->type != type || (text && (!r->str || strncmp(r->str, text, strlen(text)) != 0))) {
    printf("wanted %d %s, got %d %s\n", type, text ? text : "", r ? r->type : -1, r && r->str ? r->str : c->errstr);
    exit(1);
  }
  freeReplyObject(r);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  c = redisConnect("127.0.0.1", atoi(argv[1]));
  if (!c || c->err) return 1;
  want(redisCommand(c, "GET app:x"), REDIS_REPLY_ERROR, "NOAUTH");
  want(redisCommand(c, "AUTH %s", "rubbish"), REDIS_REPLY_ERROR, "WRONGPASS");
  want(redisCommand(c, "AUTH %s", argv[2]), REDIS_REPLY_STATUS, "OK");
  want(redisCommand(c, "SET app:hi %b", "a\0b", (size_t)3), REDIS_REPLY_STATUS, "OK");
  redisReply *r = redisCommand(c, "GET app:hi");
  if (!r || r->len != 3 || memcmp(r->str, "a\0b", 3) != 0) return 1;
  freeReplyObject(r);
  want(redisCommand(c, "GET foreign"), REDIS_REPLY_ERROR, "NOPERM");
  want(redisCommand(c, "PUBLISH foreign x"), REDIS_REPLY_ERROR, "NOPERM");
  want(redisCommand(c, "SELECT 9"), REDIS_REPLY_ERROR, NULL);
  want(redisCommand(c, "SCAN 0"), REDIS_REPLY_ERROR, "NOPERM");
  want(redisCommand(c, "PSUBSCRIBE __keyevent@*__:*"), REDIS_REPLY_ERROR, "NOPERM");
  for (int i = 0; i < 10000; ++i) redisAppendCommand(c, "INCR app:hic");
  for (int i = 1; i <= 10000; ++i) {
    if (redisGetReply(c, (void **)&r) != REDIS_OK || r->type != REDIS_REPLY_INTEGER || r->integer != i) return 1;
    freeReplyObject(r);
  }
  redisFree(c);
  puts("done");
  return 0;
}
