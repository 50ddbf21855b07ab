"""The global generators start from the task's seed, numpy's also where the task itself imports it."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy

from tidemill.worker.seeding import seed, seeded

PROGRAM = """
import sys
from tidemill.worker.seeding import seed, seeded
if sys.argv[1] == "inside":
    with seeded(7):
        import numpy
        print(numpy.random.random())
elif sys.argv[1] == "after":
    with seeded(7):
        pass
    import numpy
    print(numpy.random.random())
else:
    seed(lambda: 1)
    seed(lambda: 7)
    import numpy
    print(numpy.random.random())
"""

STANDARD = """
import sys
from tidemill.worker.seeding import seed, seeded
assert "random" not in sys.modules
if sys.argv[1] == "inside":
    with seeded(7):
        import random
        print(random.random())
elif sys.argv[1] == "after":
    with seeded(7):
        import random
    print(random.random())
else:
    seed(lambda: 1)
    seed(lambda: 7)
    import random
    print(random.random())
"""


def number(how: str, program: str = PROGRAM) -> float:
    done = subprocess.run([sys.executable, "-c", program, how], capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_numpy_is_seeded_though_it_is_imported_later() -> None:
    with seeded(7):
        expected = float(numpy.random.random())
    assert number("inside") == number("later") == expected
    assert number("after") != expected, "what is imported after the task is not the task's"


def test_python_is_seeded_though_random_is_imported_later() -> None:
    expected = random.Random(7).random()
    assert number("inside", STANDARD) == number("later", STANDARD) == expected
    assert number("after", STANDARD) != expected, "what comes after the task is not the task's"


def test_the_generators_are_given_back_as_they_were() -> None:
    kept, kept_numpy = random.getstate(), numpy.random.get_state()[1].tolist()
    finders = list(sys.meta_path)
    with seeded(7):
        first = random.random(), numpy.random.random()
    assert (random.getstate(), numpy.random.get_state()[1].tolist()) == (kept, kept_numpy)
    with seeded(7):
        assert (random.random(), numpy.random.random()) == first
        seed(lambda: 8)
        assert random.random() != first[0]
    assert sys.meta_path == finders
