"""What the tests of the systems stand on, over what the end-to-end tests stand on: `rig.keyward` and its like are those of tests/e2e."""
from pathlib import Path

END_TO_END = Path(__file__).resolve().parents[2] / 'e2e'
__path__.append(str(END_TO_END / 'rig'))
