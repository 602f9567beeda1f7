"""One engine in a separate process: `python -m benchmarks.worker ENGINE NETWORK THREADS CALLERS`.

It prints "ready". Then it measures once for each line that it reads, and prints JSON: after `each`
the seconds of every film, one at a time; after `saturate SECONDS` the films a second, with
`CALLERS` at once.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.engines import Classify, load
from benchmarks.inputs import SAMPLES


def main() -> None:
    engine, network, threads, callers = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keeps output of libraries out of the answers
    classify = load(engine, network, int(threads))
    films = [film.read_bytes() for film in SAMPLES]
    with ThreadPoolExecutor(int(callers)) as pool:
        _rate(pool, classify, films, 1)
        rate = _rate(pool, classify, films, 1)
        print("ready", file=answers, flush=True)
        for line in sys.stdin:
            _, _, seconds = line.partition(" ")
            # Whole passes, since the films differ in size.
            passes = round(float(seconds) * rate / len(films)) if seconds else 0
            answer = (
                _rate(pool, classify, films, max(1, passes)) if seconds else _each(classify, films)
            )
            print(json.dumps(answer), file=answers, flush=True)


def _each(classify: Classify, films: list[bytes]) -> list[float]:
    seconds = []
    for film in films:
        began = time.perf_counter()
        classify(film)
        seconds.append(time.perf_counter() - began)
    return seconds


def _rate(pool: ThreadPoolExecutor, classify: Classify, films: list[bytes], passes: int) -> float:
    began = time.perf_counter()
    for _ in pool.map(classify, films * passes):
        pass
    return passes * len(films) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
