"""Runs every test_*.py beside it and ends with the one line that `./fnq test` adds up."""
import os
import sys
import unittest

folder = os.path.dirname(os.path.abspath(__file__))
loader = unittest.TestLoader()
if only := os.environ.get("FNQ_TEST_ONLY"):
    loader.testNamePatterns = [f"*{only}*"]
result = unittest.TextTestRunner(verbosity=2 if only else 1).run(loader.discover(folder))
failed = len({test.id() for test, _ in result.failures + result.errors})
skipped = len(result.skipped)
print(f"{result.testsRun - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
sys.exit(1 if failed or not result.testsRun else 0)
