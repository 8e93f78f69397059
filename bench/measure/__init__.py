"""The parts of `bench/compare` and `bench/page`. Standard library only, but for the charts (plots.py)."""
