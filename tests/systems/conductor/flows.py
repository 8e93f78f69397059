"""Workflows with forks, joins, timers and retries: registers them, runs them, checks every result. The standard library is enough."""
import concurrent.futures
import json
import sys
import time
import urllib.error
import urllib.request

OWNER = 'conductor@example.com'


def simple(name, reference, **inputs):
    return {'name': name, 'taskReferenceName': reference, 'type': 'SIMPLE', 'inputParameters': inputs}


def definition(line, wide):
    """One task, then side by side: `line` tasks in a row, a timer and a task that fails once, `wide` tasks at once; a last task."""
    return {
        'name': f'kw_flow_{line}_{wide}', 'version': 1, 'schemaVersion': 2, 'ownerEmail': OWNER, 'timeoutSeconds': 600,
        'timeoutPolicy': 'ALERT_ONLY', 'inputParameters': ['tasks', 'inputs'],
        'tasks': [
            simple('kw_step', 'first', number=1),
            {'name': 'fork', 'taskReferenceName': 'fork', 'type': 'FORK_JOIN', 'forkTasks': [
                [simple('kw_step', f'line{i}', number=i) for i in range(line)],
                [{'name': 'timer', 'taskReferenceName': 'timer', 'type': 'WAIT', 'inputParameters': {'duration': '1 seconds'}},
                 simple('kw_flaky', 'flaky'), simple('kw_limited', 'limited', number=1)],
                [{'name': 'wide', 'taskReferenceName': 'wide', 'type': 'FORK_JOIN_DYNAMIC', 'dynamicForkTasksParam': 'tasks',
                  'dynamicForkTasksInputParamName': 'inputs',
                  'inputParameters': {'tasks': '${workflow.input.tasks}', 'inputs': '${workflow.input.inputs}'}},
                 {'name': 'wide_join', 'taskReferenceName': 'wide_join', 'type': 'JOIN'}]]},
            {'name': 'join', 'taskReferenceName': 'join', 'type': 'JOIN', 'joinOn': [f'line{line - 1}', 'limited', 'wide_join']},
            simple('kw_step', 'last', number='${first.output.double}')],
        'outputParameters': {'last': '${last.output.double}', 'tries': '${flaky.output.tries}'},
    }


def steps(line, wide):
    """How many tasks of one such workflow a worker executes; the one that fails once counts twice."""
    return 1 + line + 3 + wide + 1


class Api:
    def __init__(self, base):
        self.base = base

    def __call__(self, method, path, body=None, timeout=30):
        request = urllib.request.Request(self.base + path, method=method, headers={'Content-Type': 'application/json'},
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            text = answer.read().decode()
        return json.loads(text) if text[:1] in ('{', '[') else text

    def patiently(self, method, path, body=None, seconds=30):
        """Asked again while the server is in trouble, as a client with retries would."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self(method, path, body)
            except (OSError, urllib.error.URLError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)


def register(api, line, wide):
    task = {'ownerEmail': OWNER, 'retryDelaySeconds': 1, 'retryLogic': 'FIXED', 'retryCount': 3, 'timeoutSeconds': 300,
            'responseTimeoutSeconds': 20, 'timeoutPolicy': 'RETRY'}
    api('POST', '/metadata/taskdefs', [
        dict(task, name='kw_step'), dict(task, name='kw_flaky'), dict(task, name='kw_quick'),
        dict(task, name='kw_limited', concurrentExecLimit=20, rateLimitPerFrequency=100, rateLimitFrequencyInSeconds=1)])
    quick = {'name': 'kw_quick', 'version': 1, 'schemaVersion': 2, 'ownerEmail': OWNER, 'tasks': [simple('kw_quick', 'quick')],
             'timeoutSeconds': 60, 'timeoutPolicy': 'TIME_OUT_WF'}
    api('PUT', '/metadata/workflow', [definition(line, wide), quick])


def start(api, line, wide):
    names = [f'wide{i}' for i in range(wide)]
    tasks = [{'name': 'kw_step', 'taskReferenceName': name, 'type': 'SIMPLE'} for name in names]
    return api.patiently('POST', f'/workflow/kw_flow_{line}_{wide}',
                         {'tasks': tasks, 'inputs': {name: {'number': i} for i, name in enumerate(names)}})


def wait(api, ids, seconds):
    end = time.monotonic() + seconds
    for one in ids:
        while True:
            told = api.patiently('GET', f'/workflow/{one}?includeTasks=false')
            if told['status'] != 'RUNNING':
                break
            if time.monotonic() > end:
                raise TimeoutError(f'workflow {one} did not end in {seconds} s')
            time.sleep(0.05)


def wrong(told, line, wide):
    """What is not as it must be in a workflow that ended, and how many tasks were tried again (other than the one that fails once)."""
    one = told['workflowId']
    if told['status'] != 'COMPLETED':
        return [f'{one}: {told["status"]} {told.get("reasonForIncompletion")}'], 0
    found = []
    if told['output'] != {'last': 4, 'tries': told['output'].get('tries')} or told['output']['tries'] < 2:
        found.append(f'{one}: output {told["output"]}')
    executed = [task for task in told['tasks'] if task['taskType'].startswith('kw_')]
    completed = [task for task in executed if task['status'] == 'COMPLETED']
    names = [task['referenceTaskName'] for task in completed]
    if len(names) != steps(line, wide) - 1 or len(set(names)) != len(names):
        found.append(f'{one}: {len(names)} tasks completed, {len(set(names))} different, not {steps(line, wide) - 1}')
    for task in completed:
        if task['taskType'] == 'kw_step' and task['outputData'].get('double') != 2 * task['inputData']['number']:
            found.append(f'{one}: {task["referenceTaskName"]} {task["outputData"]}')
    timer = next(task for task in told['tasks'] if task['taskType'] == 'WAIT')
    if timer['endTime'] - timer['startTime'] < 1000:
        found.append(f'{one}: the timer ended after {timer["endTime"] - timer["startTime"]} ms')
    return found, len(executed) - steps(line, wide)


def run(base, flows, line, wide, seconds=240, between=None):
    """Runs that many workflows, all at once or `between` seconds after each other. Wall time until the last one ended, the milliseconds that
    each took, tasks that workers executed, what was wrong."""
    api = Api(base)
    register(api, line, wide)
    began = time.monotonic()
    if between is None:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            ids = list(pool.map(lambda _: start(api, line, wide), range(flows)))
    else:
        ids = []
        for number in range(flows):
            time.sleep(max(0.0, began + number * between - time.monotonic()))
            ids.append(start(api, line, wide))
    wait(api, ids, seconds)
    wall = time.monotonic() - began
    ended = [api.patiently('GET', f'/workflow/{one}?includeTasks=true') for one in ids]
    looked = [wrong(one, line, wide) for one in ended]
    tasks = flows * steps(line, wide)
    return {'workflows': flows, 'tasks': tasks, 'wall_s': round(wall, 3),
            'took_ms': sorted(one['endTime'] - one['startTime'] for one in ended), 'tasks_per_s': round(tasks / wall, 1),
            'wrong': [text for found, _ in looked for text in found], 'tried_again': sum(again for _, again in looked)}


if __name__ == '__main__':
    print(json.dumps(run(sys.argv[1], *map(int, sys.argv[2:5]))))
