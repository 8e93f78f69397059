"""moto's server: Step Functions, and EventBridge with a queue behind it. Verifies signatures and rights of the user `trigger`.

Run by a Python that has moto, it prints where it is; each line on its standard input is answered with all that came.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

ACCOUNT, REGION, QUEUE, MACHINE, BUS = '123456789012', 'eu-west-1', 'orders', 'orders', 'orders'


def serve():
    import boto3
    from moto.core.responses import ActionAuthenticatorMixin
    from moto.server import ThreadedMotoServer
    from moto.sqs.models import sqs_backends
    from moto.stepfunctions.models import stepfunctions_backends
    server = ThreadedMotoServer(ip_address='127.0.0.1', port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f'http://127.0.0.1:{port}'

    def client(name):
        return boto3.client(name, region_name=REGION, endpoint_url=url, aws_access_key_id='x', aws_secret_access_key='x')
    iam = client('iam')
    iam.create_user(UserName='trigger')
    key = iam.create_access_key(UserName='trigger')['AccessKey']
    iam.put_user_policy(UserName='trigger', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': ['states:*', 'events:PutEvents', 'events:DescribeEventBus'], 'Resource': '*'}]}))
    machine = client('stepfunctions').create_state_machine(
        name=MACHINE, definition=json.dumps({'StartAt': 'A', 'States': {'A': {'Type': 'Pass', 'End': True}}}),
        roleArn=f'arn:aws:iam::{ACCOUNT}:role/x')['stateMachineArn']
    client('sqs').create_queue(QueueName=QUEUE)
    events = client('events')
    events.create_event_bus(Name=BUS)
    events.put_rule(Name='orders', EventBusName=BUS, EventPattern=json.dumps({'source': ['shop.orders'], 'detail-type': ['OrderPlaced']}))
    events.put_targets(Rule='orders', EventBusName=BUS, Targets=[{'Id': '1', 'Arn': f'arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}'}])
    # From here on each call is verified.
    ActionAuthenticatorMixin.request_count = int(os.environ['INITIAL_NO_AUTH_ACTION_COUNT'])
    print(json.dumps({'url': url, 'machine': machine, 'key': key['AccessKeyId'], 'secret': key['SecretAccessKey']}), flush=True)
    for _ in sys.stdin:
        machines = stepfunctions_backends[ACCOUNT][REGION].state_machines
        came = {'executions': [[one.name, one.execution_input] for each in machines for one in each.executions],
                'messages': [json.loads(one.body) for one in sqs_backends[ACCOUNT][REGION].queues[QUEUE]._messages]}
        print(json.dumps(came), flush=True)


class Moto:
    """The process, for a test. `url`, `machine`, `key`, `secret`."""

    def __init__(self, python):
        from rig.process import die_with_parent
        self.process = subprocess.Popen([python, '-m', 'rig.moto'], cwd=Path(__file__).parents[1], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=die_with_parent,
                                        env={**os.environ, 'INITIAL_NO_AUTH_ACTION_COUNT': '1000'})
        facts = json.loads(next(line for line in self.process.stdout if line.startswith('{')))  # behind what Flask says
        self.url, self.machine, self.key, self.secret = (facts[name] for name in ('url', 'machine', 'key', 'secret'))

    def came(self):
        self.process.stdin.write('\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def executions(self):
        """(name, input) of each."""
        return self.came()['executions']

    def messages(self):
        """The events that EventBridge's rule sent to the queue."""
        return self.came()['messages']

    def stop(self):
        self.process.kill()
        self.process.wait()


if __name__ == '__main__':
    serve()
