"""Keyward under strace: which system calls a load costs, told apart by what they are made on."""
import re
import time
from collections import Counter

from rig.budget import Metered, program, settle
from rig.process import until

CALL = re.compile(r'^\d+(?:<(?P<thread>.*?)>)? +(?P<time>\d+\.\d+) (?P<call>\w+)\((?:\d+<(?P<on>.*?)>[,)])?')
VERBS = {'read': 'recv', 'readv': 'recv', 'recv': 'recv', 'recvfrom': 'recv', 'recvmsg': 'recv', 'write': 'send',
         'writev': 'send', 'send': 'send', 'sendto': 'send', 'sendmsg': 'send', 'epoll_pwait': 'epoll_wait',
         'epoll_pwait2': 'epoll_wait'}


class Strace(Metered):
    def __init__(self, folder, *arguments):
        self.log = folder / 'strace.log'
        # -D: the process that the test started is Keyward itself. -Y: names of threads. -s 0: no contents.
        meter = [program('strace', 'strace'), '-D', '-f', '-Y', '-yy', '-ttt', '-s', '0', '-o', self.log]
        super().__init__(meter, folder, *arguments)

    def between(self, begin, end, without=()):
        """The system calls that began in that time, of all threads but those named."""
        until(lambda: self._last() > end, 10, 'a later line in the log of strace')
        counts = Counter()
        for line in self.log.read_text(errors='replace').splitlines():
            call = CALL.match(line)
            if call and begin <= float(call['time']) <= end and call['thread'] not in without:
                counts[self._name(call['call'], call['on'] or '')] += 1
        return counts

    def _last(self):
        with open(self.log, 'rb') as log:
            log.seek(max(0, log.seek(0, 2) - 4096))
            times = re.findall(rb'^\d+\S* +(\d+\.\d+) ', log.read(), re.M)
        return float(times[-1]) if times else 0.0

    def _name(self, call, descriptor):
        call = VERBS.get(call, call)
        if f':{self.port}->' in descriptor:
            return f'client {call}'
        if f'->127.0.0.1:{self.redis.port}]' in descriptor:
            return f'upstream {call}'
        if str(self.trail.folder) in descriptor:
            return f'trail {call}'
        return call

    def measure(self, load):
        load.run(self, 64)
        settle()
        begin = time.time()
        load.run(self, load.traced)
        settle()
        # The keeper of the trail looks around every few seconds, whatever is asked meanwhile.
        return self.between(begin, time.time(), without=('keeper',))

    def idle(self, seconds):
        settle()
        begin = time.time()
        time.sleep(seconds)
        return self.between(begin, begin + seconds)
