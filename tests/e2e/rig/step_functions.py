"""A Step Functions of the tests: verifies SigV4 with botocore and keeps the rules of StartExecution. A process of its own.

  python -m rig.step_functions FOLDER [--faults SHARE] [--close SHARE]

Prints its port. FOLDER/executions gets a line for each new execution (when in ms, name, input), FOLDER/calls counts the
answers at the end (SIGTERM). It is faster than moto (which tests/e2e/test_triggers.py uses as well) and misbehaves when told:
`faults` is the share of calls that are throttled, fail, or lose their answer behind the start; `close` the share of
executions that end at once, so that a second start of the same name is ExecutionAlreadyExists.
"""
import argparse
import asyncio
import collections
import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ACCESS_KEY, SECRET_KEY, TOKEN = 'ASIATRIGGER', 'secret/of+the=tests', 'session/token+of=the/tests'
MACHINE = 'arn:aws:states:eu-west-1:123456789012:stateMachine:orders'
# Characters that a name may not have (StartExecution).
NOT_IN_NAMES = re.compile(r'[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]')
LARGEST = 262144


class Verifier:
    """What botocore says the Authorization of a request must be."""

    def __init__(self):
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        self.request, self.credentials = AWSRequest, Credentials(ACCESS_KEY, SECRET_KEY, TOKEN)
        self.auth = SigV4Auth(self.credentials, 'states', 'eu-west-1')

    def problem(self, method, path, headers, body, now):
        given = headers.get('authorization', '')
        found = re.fullmatch(r'AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, '
                             r'SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})', given)
        if not found:
            return 'MissingAuthenticationTokenException'
        key, day, region, service, names, signature = found.groups()
        date = headers.get('x-amz-date', '')
        if (key, region, service) != (ACCESS_KEY, 'eu-west-1', 'states') or headers.get('x-amz-security-token') != TOKEN:
            return 'UnrecognizedClientException'
        names = names.split(';')
        if not {'host', 'x-amz-date', 'x-amz-security-token', 'x-amz-target', 'content-type'} <= set(names):
            return 'InvalidSignatureException'
        try:
            signed_at = time.mktime(time.strptime(date, '%Y%m%dT%H%M%SZ')) - time.timezone
        except ValueError:
            return 'IncompleteSignatureException'
        if not date.startswith(day) or abs(signed_at - now) > 300:
            return 'InvalidSignatureException'
        request = self.request(method, f'http://{headers["host"]}{path}', headers={n: headers[n] for n in names if n in headers},
                               data=body)
        request.context['timestamp'] = date
        wanted = self.auth.signature(self.auth.string_to_sign(request, self.auth.canonical_request(request)), request)
        return None if wanted == signature else 'InvalidSignatureException'


class Machine:
    """StartExecution: which answer, and whether something new began."""

    def __init__(self, folder, faults, close):
        self.log = open(folder / 'executions', 'w', buffering=1 << 16)
        self.faults, self.close, self.pick = faults, close, random.Random(5)
        self.inputs, self.closed, self.calls = {}, set(), collections.Counter()

    def start(self, body):
        """Status, document, whether the answer gets lost."""
        fault = self.pick.random()
        if fault < self.faults / 3:
            return self.error('ThrottlingException')
        if fault < 2 * self.faults / 3:
            self.calls['503'] += 1
            return 503, {}, False
        try:
            asked = json.loads(body)
            machine, name, text = asked['stateMachineArn'], asked['name'], asked['input']
        except (ValueError, KeyError):
            return self.error('ValidationException')
        if machine != MACHINE:
            return self.error('StateMachineDoesNotExist')
        if not 1 <= len(name) <= 80 or NOT_IN_NAMES.search(name):
            return self.error('InvalidName')
        try:
            json.loads(text)
        except ValueError:
            return self.error('InvalidExecutionInput')
        if len(text.encode()) > LARGEST:
            return self.error('InvalidExecutionInput')
        if name in self.inputs:
            if name in self.closed or self.inputs[name] != hash(text):
                return self.error('ExecutionAlreadyExists')
            self.calls['same again'] += 1
        else:
            self.inputs[name] = hash(text)
            if self.pick.random() < self.close:
                self.closed.add(name)
            self.log.write(f'{time.time() * 1000:.0f}\t{name}\t{json.dumps(json.loads(text))}\n')
            self.calls['started'] += 1
        return 200, {'executionArn': f'{MACHINE}:{name}', 'startDate': time.time()}, fault < self.faults

    def error(self, name):
        self.calls[name] += 1
        return 400, {'__type': 'com.amazonaws.states#' + name, 'message': 'said by the test'}, False


async def serve(machine, verifier, reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b'\r\n\r\n')).decode('latin-1').split('\r\n')
            method, path, _ = head[0].split(' ')
            headers = {name.lower(): value.strip() for name, value in (line.split(':', 1) for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get('content-length', 0)))
            problem = verifier.problem(method, path, headers, body, time.time())
            if not problem and headers.get('x-amz-target') != 'AWSStepFunctions.StartExecution':
                problem = 'UnknownOperationException'
            status, document, lost = machine.error(problem) if problem else machine.start(body)
            if lost:
                machine.calls['answer lost'] += 1
                break
            text = json.dumps(document).encode()
            writer.write(b'HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n'
                         % (status, len(text)) + text)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    options = argparse.ArgumentParser()
    options.add_argument('folder', type=Path)
    options.add_argument('--faults', type=float, default=0)
    options.add_argument('--close', type=float, default=0)
    chosen = options.parse_args()
    machine, verifier = Machine(chosen.folder, chosen.faults, chosen.close), Verifier()
    server = await asyncio.start_server(lambda reader, writer: serve(machine, verifier, reader, writer), '127.0.0.1', 0)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    while not over.is_set():
        machine.log.flush()
        try:
            await asyncio.wait_for(over.wait(), 0.2)
        except asyncio.TimeoutError:
            pass
    machine.log.close()
    (chosen.folder / 'calls').write_text(json.dumps(machine.calls))


class StepFunctions:
    """The process, for a test."""

    def __init__(self, folder, faults=0.0, close=0.0):
        from rig.process import die_with_parent
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'rig.step_functions', str(self.folder), '--faults', str(faults), '--close', str(close)],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1], preexec_fn=die_with_parent)
        self.port = int(self.process.stdout.readline())
        self.seen, self.at = [], 0

    def executions(self):
        """(when in ms, name, input) of each, as far as it was written."""
        with open(self.folder / 'executions') as log:
            log.seek(self.at)
            text = log.read()
            whole = text[:text.rfind('\n') + 1]
            self.at += len(whole.encode())
        for line in whole.splitlines():
            when, name, document = line.split('\t', 2)
            self.seen.append((int(when), name, json.loads(document)))
        return self.seen

    def stop(self):
        """How often it gave which answer."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)
        return json.loads((self.folder / 'calls').read_text())


if __name__ == '__main__':
    asyncio.run(main())
