"""The loads by name. `kind` says which function of runs.py takes it."""

KW = dict(kind='load', conns=50, pipe=1, size=100, keys=100000, gets=50)
GETS = ', GET only (nothing that Keyward would record)'
LOADS = {
    'W1': dict(KW, what='50 connections, no pipelining, GET:SET 1:1, 100 B, 100k keys'),
    'W2': dict(KW, pipe=16, what='50 connections, pipeline 16, GET:SET 1:1, 100 B'),
    'W3': dict(KW, conns=500, what='500 connections, no pipelining, GET:SET 1:1, 100 B'),
    'W4': dict(KW, conns=4, what='4 connections, no pipelining, GET:SET 1:1, 100 B (latency)'),
    'W5': dict(KW, conns=16, size=65536, keys=1000, what='16 connections, no pipelining, GET:SET 1:1, 64 KiB values'),
    'W6': dict(kind='churn', conns=4, what='new connection per request: connect, full TLS handshake, [AUTH], PING, close; 4 at a time'),
    'W6r': dict(kind='churn', conns=4, resume=True, what='the same, with TLS session resumption'),
    'W6a': dict(kind='churn', conns=4, what='AUTH itself: connect, full TLS handshake, AUTH, close; beside the same with a refused PING in its place'),
    'W7': dict(kind='hold', counts='idle', idle=0, what='memory of idle connections: growth between the two counts'),
    'W8': dict(KW, rate=10000, spacing='--step', what='10,000 requests a second over 50 connections that send in step, every 5 ms: latency and CPU away from saturation'),
    'W8p': dict(KW, rate=10000, what='the same, but requests come one by one by a Poisson clock'),
    'W1g': dict(KW, gets=100, what='W1' + GETS),
    'W2g': dict(KW, gets=100, pipe=16, what='W2' + GETS),
    'W1s': dict(KW, gets=0, what='50 connections, no pipelining, SET only, 100 B: each is recorded'),
    'W2s': dict(KW, gets=0, pipe=16, what='50 connections, pipeline 16, SET only, 100 B'),
    'W4g': dict(KW, gets=100, conns=4, what='W4' + GETS),
    'calls': dict(KW, kind='calls', what='system calls of the proxy per request of W1, and its connections to Redis'),
    'curve': dict(KW, kind='curve', points=[.25, .5, .75], what='latency at 25, 50 and 75 % of capacity: 50 connections, requests start when a Poisson '
                  'clock says so, latency counts from then; capacity is what W1 reaches just before'),
    'fair': dict(KW, kind='fair', conns=10, heavy=1, heavy_pipe=1000, what='10 connections with one command at a time beside one that always has 1,000 under way'),
    'shards': dict(KW, loose=True, what='W1 on all CPUs, nothing pinned: CPU per request of two shards and one'),
    'conns': dict(kind='hold', counts='many', idle=20, what='many connections, logged in: accept rate, memory, CPU while all idle'),
}


def seconds(o, w):
    """About how long one run takes, for the time left."""
    if w['kind'] == 'hold':
        counts = counts_of(o, w)
        return 4 + counts[-1] / 2500 + len(counts) * 2 + (len(counts) - 1) * (o.idle_secs if w['idle'] else 0)
    if w['kind'] == 'curve':
        return (len(w['points'])) * (o.secs + o.warm + 0.5) + 2.5
    return o.secs + o.warm + 0.6 + (o.secs / 2 if w['kind'] == 'fair' else 0)


def counts_of(o, w):
    return [int(n) for n in (o.idle_counts if w['counts'] == 'idle' else o.many_counts).split(',')]
