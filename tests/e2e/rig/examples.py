"""The client examples of the repository, where they find what they import."""
import os
import shutil

from rig.process import ROOT

EXAMPLES = ROOT / 'examples/clients'


def node_example(name, folder):
    """A copy beside the installed Node packages: imports are looked up from where a file lies."""
    place = folder / 'node'
    place.mkdir(exist_ok=True)
    if not (place / 'node_modules').exists():
        (place / 'node_modules').symlink_to(os.environ['KEYWARD_NODE_MODULES'])
    return shutil.copy(EXAMPLES / name / 'keyward.mjs', place / f'{name}.mjs')
