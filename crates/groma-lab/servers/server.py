"""The server of the lab in Python: the same wire, a thread for each connection.

    server.py <p> <demand in ms> <gil|lock>

gil   the serial part is plain Python, which holds the interpreter's lock; the parallel part hashes
      large blocks, for which CPython lets go of it.
lock  all work hashes large blocks; the serial part under a threading.Lock.
"""

import hashlib
import random
import socket
import sys
import threading
import time

P, DEMAND, KIND = float(sys.argv[1]), float(sys.argv[2]) / 1000, sys.argv[3]
BLOCK = bytes(32 * 1024)

lock = threading.Lock()
counting = threading.Lock()
requests = held_ns = acquired = contended = waited_ns = 0


def hash_for(seconds):
    """Uses CPU time without the interpreter's lock."""
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        hashlib.sha256(BLOCK).digest()


def compute_for(seconds):
    """Uses CPU time in plain Python."""
    start, value = time.thread_time(), 1
    while time.thread_time() - start < seconds:
        for _ in range(200):
            value = value * 31 % 1_000_003


def serve(dice):
    global requests, held_ns, acquired, contended, waited_ns
    serial = dice.expovariate(1) * DEMAND * (1 - P)
    parallel = dice.expovariate(1) * DEMAND * P
    waited = 0
    if KIND == "lock":
        free = lock.acquire(blocking=False)
        if not free:
            since = time.monotonic_ns()
            lock.acquire()
            waited = time.monotonic_ns() - since
        before = time.thread_time_ns()
        hash_for(serial)
        used = time.thread_time_ns() - before
        lock.release()
    else:
        free = True
        before = time.thread_time_ns()
        compute_for(serial)
        used = time.thread_time_ns() - before
    hash_for(parallel)
    with counting:
        requests += 1
        acquired += 1
        held_ns += used
        contended += not free
        waited_ns += waited


def attend(stream, number):
    dice = random.Random(number)
    with stream:
        while asked := stream.recv(1):
            if asked == b"t":
                with counting:
                    counts = (time.monotonic_ns(), time.process_time_ns(), requests,
                              held_ns, acquired, contended, waited_ns)
                stream.sendall((" ".join(map(str, counts)) + "\n").encode())
            else:
                serve(dice)
                stream.sendall(b"r")


def end_with_input():
    while sys.stdin.buffer.read(64):
        pass
    import os
    os._exit(0)


listener = socket.create_server(("127.0.0.1", 0), backlog=128)
threading.Thread(target=end_with_input, daemon=True).start()
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
number = 0
while True:
    stream, _ = listener.accept()
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=attend, args=(stream, number), daemon=True).start()
    number += 1
