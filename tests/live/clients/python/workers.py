# SPDX-License-Identifier: BSD-2-Clause
"""Workers of Python's multiprocessing, started as asked (fork, spawn, forkserver), a connection each."""

import multiprocessing
import sys

import psycopg2

from hold import hold


def work(ready, done):
    connection = psycopg2.connect("")
    ready.release()
    done.wait()
    connection.close()


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    ready, done = context.Semaphore(0), context.Event()
    workers = [context.Process(target=work, args=(ready, done)) for _ in range(int(sys.argv[2]))]
    for worker in workers:
        worker.start()
    for worker in workers:
        ready.acquire()
    hold()
    done.set()
    for worker in workers:
        worker.join()
