"""Signals that ask a study to end: it finishes its chunk, saves, and leaves with the status of the signal."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator

# SIGHUP comes when a terminal is closed; it does not exist everywhere.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


# Signals that come so soon after the first are the same request: a terminal that is closed sends SIGHUP twice, by
# its shell and by the kernel, and `timeout` signals a process and its group.
TOGETHER_SECONDS = 0.5


class Interrupted(KeyboardInterrupt):
    """A study ended early because a signal asked for it; what it had trained is saved."""

    def __init__(self, signum: int, advice: str) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name} and saved: {advice}")
        self.signum = signum


class Stop:
    """Whether a signal has asked to end, and which; `advice` is what to do then.  It is its own signal handler."""

    def __init__(self, advice: str) -> None:
        self.signum: int | None = None
        self.advice = advice

    def __call__(self, signum: int, frame: object) -> None:
        """Nothing: by now the thread that watches has been told."""

    def check(self) -> None:
        """Raise Interrupted if a signal has asked to end."""
        if self.signum is not None:
            raise Interrupted(self.signum, self.advice)


@contextlib.contextmanager
def stop_on_signals(advice: str) -> Iterator[Stop]:
    """While the context lasts, a first signal sets `Stop.signum`, and a later one ends the process at once.

    Of a context inside another one the outer one hears when it ends.

    A signal that is ignored (as under nohup) stays ignored.  Outside of the main thread, which alone may handle
    signals, nothing is changed.
    """
    stop = Stop(advice)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # A handler in Python waits until the call under way returns, which for a chunk of training may take minutes;
    # the number of the signal is written to the socket at once, and read by a thread of its own.
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    handled = [signum for signum in SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, stop) for signum in handled}
    wakeup_before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reader, handled, stop), name="signals", daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for signum, handler in before.items():
            signal.signal(signum, handler)
        writer.close()
        watcher.join()
        reader.close()
        for outer in before.values():
            if isinstance(outer, Stop) and outer.signum is None:
                outer.signum = stop.signum


def _watch(reader: socket.socket, handled: list[int], stop: Stop) -> None:
    asked_at = 0.0
    while signal_numbers := reader.recv(16):
        for signum in signal_numbers:
            if signum not in handled:
                continue
            if stop.signum is not None:
                if time.monotonic() - asked_at > TOGETHER_SECONDS:
                    os._exit(128 + signum)
                continue
            stop.signum, asked_at = signum, time.monotonic()
            name = signal.Signals(signum).name
            under_way = "what is under way (a chunk of records, a compilation, the report)"
            with contextlib.suppress(OSError):  # the terminal may be gone
                print(
                    f"\njaxnn: {name}: ending when {under_way} is done and saved; once more to end at once",
                    file=sys.stderr,
                    flush=True,
                )
