"""A worker of Conductor's own Python SDK. Arguments: the server's API, how many tasks at once."""
import sys
import threading

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.http.models import TaskResult
from conductor.client.http.models.task_result_status import TaskResultStatus
from conductor.client.worker.worker_task import worker_task

THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 10


@worker_task(task_definition_name='kw_step', thread_count=THREADS, poll_interval_millis=20, register_task_def=False)
def step(number: int = 0) -> dict:
    return {'number': number, 'double': 2 * number}


@worker_task(task_definition_name='kw_flaky', thread_count=2, poll_interval_millis=20, register_task_def=False)
def flaky(task) -> TaskResult:
    """Fails the first time, as a task with retries may."""
    done = task.retry_count and task.retry_count > 0
    return TaskResult(task_id=task.task_id, workflow_instance_id=task.workflow_instance_id,
                      status=TaskResultStatus.COMPLETED if done else TaskResultStatus.FAILED,
                      output_data={'tries': (task.retry_count or 0) + 1})


@worker_task(task_definition_name='kw_limited', thread_count=4, poll_interval_millis=20, register_task_def=False)
def limited(number: int = 0) -> dict:
    return {'number': number}


@worker_task(task_definition_name='kw_quick', thread_count=2, poll_interval_millis=20, register_task_def=False)
def quick() -> dict:
    return {}


if __name__ == '__main__':
    handler = TaskHandler(configuration=Configuration(server_api_url=sys.argv[1]), scan_for_annotated_workers=True)
    handler.start_processes()
    print('ready', flush=True)
    threading.Event().wait()
