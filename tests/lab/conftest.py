"""What the tests on real hosts share beside the lab itself (tests/conftest.py)."""
