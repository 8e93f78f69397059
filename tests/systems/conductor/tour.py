"""The rest of Conductor's API, once each: what a policy that was made from workflows alone would miss."""
import time

from flows import OWNER, Api, simple


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f'not within {seconds} s'
        time.sleep(0.1)
    return found


def tour(base):
    """Every step is checked by its result. Answers the steps it took."""
    api, done = Api(base), []

    def status(one):
        return api('GET', f'/workflow/{one}?includeTasks=false')['status']

    def begin(name, **more):
        return api('POST', '/workflow', {'name': name, 'version': 1, 'input': {}, **more})

    waits = {'name': 'kw_waits', 'version': 1, 'schemaVersion': 2, 'ownerEmail': OWNER, 'timeoutSeconds': 300, 'timeoutPolicy': 'TIME_OUT_WF',
             'tasks': [{'name': 'hold', 'taskReferenceName': 'hold', 'type': 'WAIT', 'inputParameters': {}}]}
    calls = dict(waits, name='kw_calls', tasks=[{'name': 'sub', 'taskReferenceName': 'sub', 'type': 'SUB_WORKFLOW',
                                                 'subWorkflowParam': {'name': 'kw_waits', 'version': 1}}])
    reads = dict(waits, name='kw_reads', tasks=[{'name': 'pull', 'taskReferenceName': 'pull', 'type': 'PULL_WORKFLOW_MESSAGES',
                                                 'inputParameters': {'batchSize': 2}}])
    alone = dict(waits, name='kw_alone', tasks=[simple('kw_nobody', 'nobody')])
    api('PUT', '/metadata/workflow', [waits, calls, reads, alone])
    api('POST', '/metadata/taskdefs', [{'name': 'kw_nobody', 'ownerEmail': OWNER, 'timeoutSeconds': 60, 'responseTimeoutSeconds': 30}])
    assert api('GET', '/metadata/workflow/kw_waits')['name'] == 'kw_waits'
    assert {'kw_waits', 'kw_calls'} <= {one['name'] for one in api('GET', '/metadata/workflow')}
    assert 'kw_nobody' in {one['name'] for one in api('GET', '/metadata/taskdefs')}
    done.append('definitions')

    one = begin('kw_waits', correlationId='tour')
    api('PUT', f'/workflow/{one}/pause')
    assert status(one) == 'PAUSED'
    api('PUT', f'/workflow/{one}/resume')
    assert status(one) == 'RUNNING'
    api('GET', '/workflow/kw_waits/correlated/tour')  # found by an index, which Redis alone has not
    assert one in api('GET', '/workflow/running/kw_waits')
    task = api('GET', f'/workflow/{one}')['tasks'][0]
    assert api('GET', f'/tasks/{task["taskId"]}')['workflowInstanceId'] == one
    api('POST', '/tasks', {'taskId': task['taskId'], 'workflowInstanceId': one, 'status': 'COMPLETED', 'outputData': {'by': 'hand'}})
    until(lambda: status(one) == 'COMPLETED')
    done.append('pause, resume, correlation, a task completed by hand')

    two = begin('kw_waits')
    api('DELETE', f'/workflow/{two}?reason=tour')
    assert status(two) == 'TERMINATED'
    api('POST', f'/workflow/{two}/restart')
    assert status(two) == 'RUNNING'
    api('DELETE', f'/workflow/{two}')
    api('POST', f'/workflow/{two}/retry')
    api('DELETE', f'/workflow/{two}')
    api('DELETE', f'/workflow/{two}/remove?archiveWorkflow=false')
    done.append('terminate, restart, retry, remove')

    parent = begin('kw_calls')
    child = until(lambda: api('GET', f'/workflow/{parent}')['tasks'][0].get('subWorkflowId'))
    until(lambda: [task for task in api('GET', f'/workflow/{child}')['tasks'] if task['status'] == 'IN_PROGRESS'])
    api('POST', f'/tasks/{child}/hold/COMPLETED', {})
    until(lambda: status(parent) == 'COMPLETED')
    done.append('a workflow in a workflow')

    reader = begin('kw_reads')
    for number in (1, 2):
        api('POST', f'/workflow/{reader}/messages', {'number': number})
    until(lambda: status(reader) == 'COMPLETED', 40)
    done.append('messages to a workflow')

    lone = begin('kw_alone')
    polled = api('GET', '/tasks/poll/batch/kw_nobody?workerid=tour&count=1&timeout=1000')
    assert [t['workflowInstanceId'] for t in polled] == [lone]
    api('POST', f'/tasks/{polled[0]["taskId"]}/log', 'half way')
    api('POST', '/tasks', {'taskId': polled[0]['taskId'], 'workflowInstanceId': lone, 'status': 'IN_PROGRESS', 'callbackAfterSeconds': 30})
    api('POST', '/tasks', {'taskId': polled[0]['taskId'], 'workflowInstanceId': lone, 'status': 'FAILED_WITH_TERMINAL_ERROR'})
    until(lambda: status(lone) == 'FAILED')
    api('GET', '/tasks/queue/all'), api('GET', '/tasks/queue/sizes?taskType=kw_nobody')
    api('GET', '/tasks/queue/polldata?taskType=kw_nobody'), api('GET', '/tasks/queue/polldata/all')
    api('POST', '/tasks/queue/requeue/kw_nobody')
    done.append('polls, logs, a task put off, queue sizes')

    event = {'name': 'kw_event', 'event': 'conductor:kw_signals', 'active': True, 'actions': [
        {'action': 'start_workflow', 'start_workflow': {'name': 'kw_waits', 'version': 1}}]}
    api('POST', '/event', event)
    api('PUT', '/event', dict(event, active=False))
    assert 'kw_event' in {one['name'] for one in api('GET', '/event')}
    api('GET', '/event/conductor:kw_signals?activeOnly=false')
    api('DELETE', '/event/kw_event')
    done.append('event handlers')

    api('POST', '/scheduler/schedules', {'name': 'kw_schedule', 'cronExpression': '* * * * * *', 'zoneId': 'UTC',
                                         'startWorkflowRequest': {'name': 'kw_waits', 'version': 1, 'correlationId': 'scheduled', 'input': {}}})
    until(lambda: api('GET', '/workflow/running/kw_waits'), 30)
    api('GET', '/scheduler/schedules'), api('GET', '/scheduler/schedules?workflowName=kw_waits')
    api('PUT', '/scheduler/schedules/kw_schedule/pause')
    api('PUT', '/scheduler/schedules/kw_schedule/resume')
    api('GET', '/scheduler/search/executions')
    api('DELETE', '/scheduler/schedules/kw_schedule')
    for scheduled in api('GET', '/workflow/running/kw_waits'):
        api('DELETE', f'/workflow/{scheduled}')
    done.append('a schedule')

    api('GET', '/admin/config'), api('GET', '/admin/queues?verbose=true'), api('GET', '/admin/task/kw_nobody')
    api('POST', f'/admin/sweep/requeue/{one}')
    api('DELETE', '/metadata/taskdefs/kw_nobody'), api('DELETE', '/metadata/workflow/kw_alone/1')
    done.append('administration')
    return done


if __name__ == '__main__':
    import sys
    print(tour(sys.argv[1]))
