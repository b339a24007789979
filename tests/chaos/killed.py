"""killed: pipelines under `weir run` whose stages are killed with -9 at any moment."""
import hashlib
import mmap
import os
import random
import re
import signal
import statistics
import struct
import subprocess
import time

PAGE = 32768  # BOOKS_PAGE; behind it the commit area: magic, careful, number, starts, and two slots
SLOT = 8192
RECORDS_A_KILL = 2500


class Graph:
    """What a run is: stages, the texts it writes, and what must hold of them. frames: how many the source gives."""

    def __init__(self, name, frames, stages, texts, same=False, held=False):
        self.name, self.frames, self.texts, self.same, self.held = name, frames, texts, same, held
        self.text = "[pipeline]\nbackoff = 1ms\nbackoff-max = 2ms\nring-size = 1M\n"
        for stage, run, source, out in stages:
            self.text += f"[stage {stage}]\nrun = {run}\nmax = 100000\nrestart = on-failure\n"
            self.text += (f"in = {source}\n" if source else "") + (f"out = {out}\n" if out else "")
        self.stages = [s[0] for s in stages]


def graphs(at, mix, packets, n):
    def out(name):
        return os.path.join(at, name)

    parsers = [(p, p, before, p) for p, before in (("dns", "streams"), ("http", "dns"), ("tls", "http"))]
    only = [(p, p + " --only", "streams", p) for p in ("dns", "http", "tls")]
    first = [("read", f"read {mix}", "", "frames"), ("flow", "flow", "frames", "packets"),
             ("reasm", "reasm", "packets", "streams")]
    frames = "--types frame --exclude payload"
    return [
        Graph("a chain with flow state", n,
              first + parsers + [("filter", "filter 'n > 0'", "tls", "some"),
                                 ("json", f"json -o {out('chain.json')}", "some", "")], ["chain.json"]),
        Graph("a fan-out that is joined", n,
              first + only + [("json", f"json -o {out('fan.json')}", "streams dns http tls", "")], ["fan.json"]),
        Graph("branches of frames", n,
              [first[0], ("some", "filter 'wire_len > 60'", "frames", "some"),
               ("sample", "sample -r 1/2", "frames", "sampled"), ("merge", "merge", "some sampled", "merged"),
               ("tee", "tee", "merged", "left right"), ("cut", "cut --drop payload", "left", "cut"),
               ("json", f"json {frames} -o {out('left.json')}", "cut", ""),
               ("more", f"json {frames} -o {out('right.json')}", "right", "")],
              ["left.json", "right.json"], same=True),
        Graph("shards of packets", n,
              [("tee", f"tee -i {packets}", "", "packets"), ("shard", "shard", "packets", "s1 s2"),
               ("one", "filter 'n > 0'", "s1", "f1"), ("two", "filter 'n > 0'", "s2", "f2"),
               ("merge", "merge", "f1 f2", "merged"),
               ("json", f"json --types packet,flow --exclude payload -o {out('shard.json')}", "merged", "")],
              ["shard.json"], same=True),
        Graph("records held back", n,
              [first[0], ("sort", "sort --window 50ms", "frames", "sorted"),
               ("json", f"json {frames} -o {out('sort.json')}", "sorted", "")], ["sort.json"], held=True),
    ]


def long_graph(at, captures, n):
    """Every record through four stages that keep none."""
    return Graph("a chain of rings", n,
                 [("read", "read" + "".join("\n  " + c for c in captures), "", "frames"), ("filter", "filter 'n > 0'", "frames", "some"),
                  ("cut", "cut --drop payload", "some", "cut"),
                  ("json", f"json --types frame -o {os.path.join(at, 'long.json')}", "cut", "")],
                 ["long.json"], same=True)


class Run:
    """One run of a graph; `kills` says how often and how stages die: one, two at a time, at their end. The first
    two at frames that the source has come to, so that there is progress between them."""

    def __init__(self, weir, at, graph, rng, kills, how):
        self.graph, self.rng, self.left, self.how = graph, rng, kills, how
        self.killed, self.pages, self.times, self.dead = 0, {}, [], set()
        self.when = sorted((rng.randrange(graph.frames) for _ in range(kills)), reverse=True)
        self.dir = os.path.join(at, "run")
        file, self.err = os.path.join(at, "graph.weir"), os.path.join(at, "err")
        open(file, "w").write(graph.text)
        for text in graph.texts:
            if os.path.exists(os.path.join(at, text)):
                os.unlink(os.path.join(at, text))
        with open(self.err, "wb") as err:
            self.p = subprocess.Popen([weir, "run", "--name", "chaos", file], stdout=subprocess.DEVNULL,
                                      stderr=err, env={**os.environ, "WEIR_RUNDIR": self.dir})

    def page(self, stage):
        if stage not in self.pages:
            try:
                with open(os.path.join(self.dir, "chaos", stage + ".page"), "rb") as f:
                    self.pages[stage] = mmap.mmap(f.fileno(), PAGE + 4096 + 2 * SLOT, prot=mmap.PROT_READ)
            except (OSError, ValueError):
                return None
        return self.pages[stage]

    def pid_state(self, stage):
        page = self.page(stage)
        return struct.unpack_from("<II", page, 16) if page else (0, 0)

    def commits(self, stage):
        """The number of the last commit, and how many processes there were."""
        page = self.page(stage)
        return struct.unpack_from("<QI", page, PAGE + 8) if page else (0, 0)

    def frame(self):
        """What the source has committed."""
        page, (number, _) = self.page(self.graph.stages[0]), self.commits(self.graph.stages[0])
        if not number:
            return 0
        n, _, last_n = struct.unpack_from("<QQQ", page, PAGE + 4096 + (number & 1) * SLOT + 40)
        return max(n, last_n)

    def alive(self):
        """The stages' processes, but for those that have ended or were killed, and nobody has waited for yet."""
        found = []
        try:
            for pid in open(f"/proc/{self.p.pid}/task/{self.p.pid}/children").read().split():
                state = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
                if state != "Z" and int(pid) not in self.dead:
                    found.append(int(pid))
        except OSError:
            pass
        return found

    def kill(self, pid):
        if self.left > 0 and pid in self.alive():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self.dead.add(pid)
            self.left -= 1
            self.killed += 1

    def kill_again(self, stage):
        """The successor, while it starts or soon after."""
        begin, wait = time.monotonic(), self.rng.random() * 0.03
        while time.monotonic() - begin < wait:
            time.sleep(0.0005)
        self.kill(self.pid_state(stage)[0])

    def kill_and_time(self):
        """From a death to what the successor shows first."""
        stage = self.rng.choice(self.graph.stages)
        pid, state = self.pid_state(stage)
        number, starts = self.commits(stage)
        if not pid or state or not number:
            return
        begin = time.monotonic()
        self.kill(pid)
        while self.p.poll() is None and time.monotonic() - begin < 0.2:
            now, started = self.commits(stage)
            if started > starts and now > number:
                self.times.append(time.monotonic() - begin)
                return
            time.sleep(0.0001)

    def kill_at_end(self, over):
        """Stages whose predecessor has just ended are about to finish."""
        for stage in self.graph.stages:
            if stage in over or not self.pid_state(stage)[1]:
                continue
            over.add(stage)
            time.sleep(self.rng.random() * 0.002)
            for other in self.graph.stages:
                pid, state = self.pid_state(other)
                if pid and not state and self.rng.randrange(2):
                    self.kill(pid)

    def step(self, over):
        if self.how == "end":
            self.kill_at_end(over)
            time.sleep(0.0002)
            return
        if self.frame() < self.when[-1]:
            time.sleep(0.0005)
            return
        how = self.rng.randrange(4) if self.how == "one" else 4
        del self.when[-2 if how == 4 else -1:]
        if how == 0:
            self.kill_and_time()
        elif how == 1:
            stage = self.rng.choice(self.graph.stages)
            self.kill(self.pid_state(stage)[0])
            self.kill_again(stage)
        else:
            there = self.alive()
            self.rng.shuffle(there)
            for pid in there[:2 if how == 4 else 1]:
                self.kill(pid)

    def wait(self, timeout=1200 if os.environ.get("LONG") else 120):
        over, begin = set(), time.monotonic()
        while self.p.poll() is None:
            if time.monotonic() - begin > timeout:
                self.p.kill()
                self.p.wait()
                return -1, open(self.err).read()
            if self.left > 0 and self.when:
                self.step(over)
            else:
                time.sleep(0.005)
        return self.p.returncode, open(self.err).read()


def booked(err, counter):
    """The sum of a counter over the stages in the table that a run ends with."""
    return sum(int(n.replace(",", "")) for n in re.findall(rf"(?<![\w.]){re.escape(counter)}\s+([\d,]+)", err))


class Text:
    """What must be known of a text of millions of lines: its digest, how many they are, and how many differ."""

    def __init__(self, file, same):
        digest, seen, self.lines, line = hashlib.sha256(), set(), 0, b"\n"
        for line in open(file, "rb"):
            digest.update(line)
            self.lines += 1
            if not same:
                seen.add(hash(line))
        self.digest, self.twice = digest.digest(), 0 if same else self.lines - len(seen)
        self.torn = not line.endswith(b"\n")


def texts_of(at, graph):
    return {text: Text(os.path.join(at, text), graph.same) for text in graph.texts}


def start_alone(tool, source):
    """Seconds from a start to the first output, of one stage that nobody disturbs."""
    times = []
    for _ in range(9):
        begin = time.monotonic()
        p = subprocess.Popen([tool, "-i", source], stdout=subprocess.PIPE)
        p.stdout.read(1)
        times.append(time.monotonic() - begin)
        p.stdout.close()
        p.wait()
    return statistics.median(times)


def check(graph, whole, got, err):
    """What is wrong with a run, or nothing."""
    if "books balance" not in err:
        return "the books do not balance"
    for name, text in got.items():
        if text.torn:
            return f"{name}: a torn line"
        if graph.same and text.digest != whole[name].digest:
            return f"{name}: another output, {text.lines} lines instead of {whole[name].lines}"
        if text.twice:
            return f"{name}: {text.twice} records came twice"
        gone = booked(err, "dropped.held") + booked(err, "dropped.cut")
        if graph.held and text.lines + gone != whole[name].lines:
            return f"{name}: {text.lines} lines and {gone} booked as gone of {whole[name].lines}"
    return ""
