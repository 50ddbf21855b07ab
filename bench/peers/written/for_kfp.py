"""kfp.local: each component in a process of its own (`SubprocessRunner`), one after the other; no state is kept."""

# kfp reads annotations as they are, so none of them may become text.
import json
import sys
import time

from kfp import dsl, local


@dsl.component(install_kfp_package=False)
def step(n: int) -> int:
    return n + 1


@dsl.pipeline
def chain() -> None:
    last = step(n=0)
    for _ in range(99):
        last = step(n=last.output)


@dsl.pipeline
def fan() -> None:
    for n in range(200):
        step(n=n)


@dsl.pipeline
def hello() -> None:
    last = step(n=0)
    for _ in range(4):
        last = step(n=last.output)


def main() -> None:
    local.init(runner=local.SubprocessRunner(use_venv=False))
    work = {"chain": chain, "fan": fan, "hello": hello}[sys.argv[1]]
    begun = time.perf_counter()
    work()
    print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)


if __name__ == "__main__":
    main()
