"""The programs under test: agno-top on a terminal that is read slowly, and `agno-top tail` into a pipe that is read slowly."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time

# Every view, the detail, a filter, the sources; nothing that quits, suspends or writes.
KEYS = [b"G", b"\r", b"]", b"]", b"]", b"\x1b", b"2", b"3", b"j", b"4", b"5", b"6", b"1", b"/error", b"\r", b"e", b"\x1b", b"\x1b", b"L", b"L", b"F", b"g", b"l", b"j", b"s", b"b"]


class Program:
    """A process, and its memory and descriptors over time."""

    def __init__(self, process):
        self.process, self.samples = process, []

    def sample(self, at):
        """Notes the resident memory in kB and the number of open descriptors."""
        with open(f"/proc/{self.process.pid}/status") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        self.samples.append((at, resident, len(os.listdir(f"/proc/{self.process.pid}/fd"))))

    def processor_time(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, signal_number):
        """Returns the exit code, or None if the process does not end within ten seconds."""
        self.process.send_signal(signal_number)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None


class Screen(Program):
    """The screen. Its terminal is read at full speed, slowly and not at all, in turns of half a minute."""

    def __init__(self, command, environment):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        super().__init__(subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True))
        os.close(slave)
        os.set_blocking(self.master, False)
        self.output, self.is_over = 0, threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.type, daemon=True).start()

    def read(self):
        begun = time.monotonic()
        while not self.is_over.is_set():
            turn = int((time.monotonic() - begun) / 30) % 4
            if turn == 3:
                self.is_over.wait(0.2)
                continue
            try:
                if select.select([self.master], [], [], 0.2)[0]:
                    self.output += len(os.read(self.master, 200 if turn == 2 else 65536))
            except BlockingIOError:
                continue
            except OSError:
                return
            if turn == 2:
                self.is_over.wait(0.2)

    def type(self):
        at = 0
        while not self.is_over.wait(2):
            try:
                os.write(self.master, KEYS[at % len(KEYS)])
            except BlockingIOError:
                pass
            except OSError:
                return
            at += 1
            if at % 50 == 0:
                size = struct.pack("HHHH", 24 + at % 30, 80 + at % 70, 0, 0)
                fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def end(self, signal_number=signal.SIGTERM):
        code = super().end(signal_number)
        self.is_over.set()
        return code


class Tail(Program):
    """`agno-top tail --json`. What it prints is read only every ten seconds."""

    def __init__(self, command, environment):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, start_new_session=True)
        super().__init__(process)
        self.ids, self.repeated, self.hurry = set(), 0, threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        pending = b""
        while True:
            self.hurry.wait(10)
            while select.select([self.process.stdout], [], [], 0.5)[0]:
                data = os.read(self.process.stdout.fileno(), 1 << 20)
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    id = json.loads(line)["span_id"]
                    self.repeated += id in self.ids
                    self.ids.add(id)

    def end(self, signal_number=signal.SIGINT):
        """Reads what is left, then ends it."""
        self.hurry.set()
        time.sleep(5)
        code = super().end(signal_number)
        self.reader.join(10)
        return code
