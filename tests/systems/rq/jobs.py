"""What the workers of the test do."""
import os
import time


class NotYet(Exception):
    pass


def note(n):
    """Writes down that it ran, so that a lost or a second run shows."""
    time.sleep(float(os.environ.get('QUEUE_WORK', '0')))
    with open(os.environ['QUEUE_NOTES'], 'a') as file:
        file.write(f'{n}\n')
    return n


def add(x, y):
    return x + y


def flaky(path, failures):
    with open(path, 'a+') as file:
        file.write('x')
        file.flush()
        if os.path.getsize(path) <= failures:
            raise NotYet
    return failures


def nap(seconds):
    time.sleep(seconds)
    return seconds
