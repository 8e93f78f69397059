"""Sends numbered tasks for a while and waits for each result: celery_steady.py SECONDS PAUSE. Prints one line of JSON."""
import json
import sys
import threading
import time

from celery_app import app, note

seconds, pause = float(sys.argv[1]), float(sys.argv[2])
sent, received, wrong, trouble = [], {}, [], []
done = threading.Event()


def collect():
    at = 0
    while at < len(sent) or not done.is_set():
        if at == len(sent):
            time.sleep(0.01)
            continue
        n, result = sent[at]
        at += 1
        try:
            value = result.get(timeout=60)
        except Exception as error:  # noqa: BLE001
            trouble.append(f'result {n}: {error!r}')
            continue
        received[n] = received.get(n, 0) + 1
        if value != n:
            wrong.append(n)


collector = threading.Thread(target=collect)
collector.start()
end, n = time.monotonic() + seconds, 0
while time.monotonic() < end:
    n += 1
    try:
        sent.append((n, note.apply_async((n,), retry=False)))  # whatever goes wrong once is seen
    except Exception as error:  # noqa: BLE001
        trouble.append(f'send {n}: {error!r}')
    time.sleep(pause)
done.set()
collector.join()
print(json.dumps({'published': n, 'received': len(received), 'wrong': wrong, 'trouble': trouble}))
app.close()
