#!/usr/bin/env python3
"""pipelines: runs whole pipelines against the tools people use now, and writes docs/performance.md.

    pipelines.py BUILD_DIR PAGE [WHAT_THE_OTHER_BENCHES_PRINTED]

Prints a line "NAME ratio goal ok|MISSED" per goal. Sizes come from the environment:
    BENCH_PACKETS  of the mix [2500000]       BENCH_SMALL   of 64-byte packets [5000000]
    BENCH_FLOWS    they belong to [1000000]   BENCH_SLICE   packets that tshark gets [100000]
    BENCH_RUNS     of each side [5]           BENCH_DIR     where inputs are made and kept [none]
    BENCH_STREAMS  packets of the mix whose streams become files [1000000]
    BENCH_PAIRS    of runs with sandbox and books and without [15]
    BENCH_ONLY     comma list of parts: flow,whole,tshark,streams,infer,parsers,pipes,shards,guards,mallocs,
                   copies [all]

Both sides of a comparison run in turn, each other round the other way; the median counts. CPU is
user and system time of all processes of a side, as wait4 tells it. Memory is the highest sum of
PSS over these processes, sampled 20 times a second in a run of its own. Output goes to memory
(/dev/shm) on both sides.
"""
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import printed

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SAMPLE_S = 0.05
TSHARK_FIELDS = """frame.number frame.time_epoch ip.src ipv6.src tcp.srcport udp.srcport ip.dst ipv6.dst tcp.dstport
udp.dstport dns.id dns.flags.response dns.flags.opcode dns.flags.rcode dns.flags.authoritative dns.flags.recdesired
dns.qry.name dns.qry.type dns.qry.class dns.a dns.aaaa dns.resp.name dns.resp.type dns.resp.ttl dns.time
http.request.method http.host http.request.uri http.request.version http.user_agent http.referer http.response.code
http.response.phrase http.content_type http.content_length http.server http.time
tls.handshake.type tls.handshake.version tls.handshake.extensions_server_name tls.handshake.ciphersuite
tls.handshake.extension.type tls.handshake.extensions_supported_group tls.handshake.extensions_alpn_str
tls.handshake.sig_hash_alg tls.handshake.ja3 tls.handshake.ja3s""".split()
# The same, as weir names them: the records that tshark's filter lets through.
WEIR_TYPES = "dns,http,tls"


def size(name, default):
    return int(os.environ.get("BENCH_" + name, default))


class Side:
    """One way to do a job: commands that run together, consumers first; directories to empty
    before, and a file for what they print."""

    def __init__(self, name, commands, clean=None, output=os.devnull, check=None):
        self.name, self.commands, self.clean, self.output, self.check = name, commands, clean, output, check
        self.page = 0  # bytes of the page that each process gets for its books; 0: none
        self.wall, self.cpu, self.kernel, self.pss, self.parts = [], [], [], [], []

    def forget(self):
        for what in (self.wall, self.cpu, self.kernel, self.parts):
            what.clear()

    def median(self, what):
        return statistics.median(getattr(self, what))


def descendants(roots):
    """These processes and all below them that run now."""
    parent = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/stat" % entry) as f:
                    parent[int(entry)] = int(f.read().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
    found = set(roots)
    grown = True
    while grown:
        more = {pid for pid, up in parent.items() if up in found} - found
        found |= more
        grown = bool(more)
    return found


def pss_of(pid):
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Pss:")) * 1024
    except (OSError, ValueError):
        return 0


def sample(roots, stop, top):
    while not stop.wait(SAMPLE_S):
        top[0] = max(top[0], sum(pss_of(pid) for pid in descendants(roots)))


def start_one(command, page, log, output):
    """With a page of so many bytes for its books, as a launcher gives it."""
    if not page:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, stdout=output)
    fd = os.memfd_create("books")
    os.ftruncate(fd, page)
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, stdout=output, pass_fds=[fd],
                                env=dict(os.environ, WEIR_PAGE_FD=str(fd)))
    finally:
        os.close(fd)


def run(side, memory=False):
    for folder in side.clean or []:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    stop, top, thread = threading.Event(), [0], None
    log = tempfile.TemporaryFile()
    start = time.monotonic()
    with open(side.output, "wb") as output:
        procs = [start_one(c, side.page, log, output) for c in side.commands]
    if memory:
        thread = threading.Thread(target=sample, args=([p.pid for p in procs], stop, top))
        thread.start()
    parts, kernel, bad = [], 0, []
    for proc, command in zip(procs, side.commands):
        _, status, usage = os.wait4(proc.pid, 0)
        proc.returncode = os.waitstatus_to_exitcode(status)
        parts.append(usage.ru_utime + usage.ru_stime)
        kernel += usage.ru_stime
        if proc.returncode:
            bad.append("%s ended with %d" % (" ".join(command[:2]), proc.returncode))
    wall = time.monotonic() - start
    if thread:
        stop.set()
        thread.join()
    log.seek(0)
    text = log.read().decode(errors="replace")
    if side.check and not bad:
        bad += [why for why in [side.check(text)] if why]
    if bad:
        sys.exit("bench: %s: %s\n%s" % (side.name, "; ".join(bad), text[-2000:]))
    if memory:
        side.pss.append(top[0])
    else:
        side.wall.append(wall)
        side.cpu.append(sum(parts))
        side.kernel.append(kernel)
        side.parts.append(parts)
    return text


class Page:
    """The goals and figures so far."""

    def __init__(self):
        self.goals, self.figures, self.notes, self.missed = [], [], [], 0

    def goal(self, name, what, ratio, bound, least):
        ok = ratio >= bound if least else ratio <= bound
        self.missed += not ok
        sign = ">=" if least else "<="
        print("%-28s %8.2f %s %-5g %s" % (name, ratio, sign, bound, "ok" if ok else "MISSED"), flush=True)
        self.goals.append((what, "%.2f" % ratio, "%s %g" % (sign, bound), "yes" if ok else "no"))

    def ratio(self, name, what, ratio):
        """One that nothing is promised of."""
        print("%-28s %8.2f" % (name, ratio), flush=True)
        self.goals.append((what, "%.2f" % ratio, "-", "-"))

    def figure(self, what, side, packets):
        cpu, wall, kernel = side.median("cpu"), side.median("wall"), side.median("kernel")
        pss = "%.1f" % (side.median("pss") / 1e6) if side.pss else "-"
        parts = [statistics.median(p) for p in zip(*side.parts)]
        names = [os.path.basename(c[0]).replace("weir-", "") for c in side.commands]
        per = ", ".join("%s %.0f" % (n, p / packets * 1e9) for n, p in zip(names[::-1], parts[::-1]))
        print("#   %-24s %-34s %6.2f Mpkt/s %6.0f ns CPU, kernel %.0f, PSS %s MB%s" %
              (what, side.name, packets / wall / 1e6, cpu / packets * 1e9, kernel / packets * 1e9, pss,
               " (%s)" % per if len(names) > 1 else ""), flush=True)
        self.figures.append((what, side.name, "%.2f" % (packets / wall / 1e6), "%.0f" % (cpu / packets * 1e9),
                             "%.0f" % (kernel / packets * 1e9), pss, per if len(names) > 1 else ""))


class Bench:
    def __init__(self, build, folder, page):
        self.exec, self.bench = os.path.join(build, "libexec", "weir"), os.path.join(build, "bench")
        self.weir = os.path.join(build, "bin", "weir")
        self.folder, self.page, self.rings = folder, page, 0
        self.runs = max(1, size("RUNS", 5))
        self.memory_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else folder
        self.out = tempfile.mkdtemp(prefix="weir-bench-", dir=self.memory_dir)
        self.made = {}

    def input(self, kind, *numbers):
        path = os.path.join(self.folder, "-".join([kind] + [str(n) for n in numbers]) + ".pcap")
        if not os.path.exists(path):
            subprocess.run([sys.executable, os.path.join(ROOT, "tests", "gen", "make_bench.py"), kind, path + ".part"] +
                           [str(n) for n in numbers], check=True)
            os.rename(path + ".part", path)
        with open(path, "rb") as f:  # from the page cache on both sides
            while f.read(1 << 24):
                pass
        return path

    def stage(self, name):
        return os.path.join(self.exec, "weir-" + name)

    def chain(self, stages):
        """Commands for stages joined by rings, consumers first. stages: [[name, arg, ..], ..]"""
        commands = []
        for i, stage in enumerate(stages):
            command = [self.stage(stage[0])] + stage[1:] + ["-q"]
            if i:
                command += ["-i", "shm:bench%d-%d,reader=next" % (os.getpid(), self.rings)]
                self.rings += 1
            if i + 1 < len(stages):
                command += ["-o", "shm:bench%d-%d,readers=next" % (os.getpid(), self.rings)]
            commands.insert(0, command)
        self.rings += 1
        return commands

    def nfpcapd(self, path, packets, flows):
        folder = os.path.join(self.out, "nfpcapd")

        def check(text):
            found = re.search(r"Packets: (\d+)", text)
            return None if found and int(found.group(1)) == packets else "did not count %d packets" % packets
        return Side("nfpcapd", [["nfpcapd", "-r", path, "-w", folder, "-B", str(max(524288, flows * 2))]], [folder],
                    check=check)

    def compare(self, sides, memory=False):
        for side in sides:
            run(side)  # not counted
            side.forget()
        for i in range(self.runs):
            for side in sides[::-1] if i % 2 else sides:
                run(side)
        for _ in range(3 if memory else 0):
            for side in sides:
                run(side, memory=True)

    # ---- the parts ----

    def flow(self):
        small, flows = size("SMALL", 5000000), size("FLOWS", 1000000)
        for name, path, packets, table in (("mix", self.mix, self.packets, 0),
                                           ("small", self.input("small", small, flows), small, flows)):
            limit = ["--max-flows", str(max(262144, table + 1024))]
            us = Side("weir read, flow", self.chain([["read", path], ["flow", "-o", "null:"] + limit]))
            sides = [us]
            if have("nfpcapd"):
                sides.append(self.nfpcapd(path, packets, table))
            self.compare(sides, memory=True)
            what = "flows, " + name
            for side in sides:
                self.page.figure(what, side, packets)
            if len(sides) < 2:
                continue
            peer = sides[1]
            self.page.goal("flow_%s_rate" % name, "read and flow against nfpcapd, %s: packets/s" % name,
                           peer.median("wall") / us.median("wall"), 3, True)
            self.page.goal("flow_%s_cpu" % name, "read and flow against nfpcapd, %s: CPU" % name,
                           us.median("cpu") / peer.median("cpu"), 0.6, False)
            self.page.goal("flow_%s_memory" % name, "read and flow against nfpcapd, %s: memory" % name,
                           us.median("pss") / peer.median("pss"), 1, False)

    def whole(self):
        us = Side("weir FILE", [[self.weir, self.mix, "-q", "--format", "json", "--protocols", WEIR_TYPES]], output=os.path.join(self.out, "json"))
        stages = [["read", self.mix], ["flow"], ["reasm"], ["tls"], ["http"], ["dns"],
                  ["json", "-o", os.path.join(self.out, "json")]]
        parts = Side("its stages one by one", self.chain(stages))
        records = Side("the same without json", self.chain(stages[:-2] + [["dns", "-o", "null:"]]))

        def check(text):
            return None if "embed: %d frames;" % self.packets in text else "did not see %d frames" % self.packets
        embedded = Side("these records in one process", [[os.path.join(self.bench, "embed"), self.mix]], check=check)
        sides = [us, parts, records, embedded]
        if have("nfpcapd"):
            sides.append(self.nfpcapd(self.mix, self.packets, 0))
        self.compare(sides, memory=True)
        for side in sides:
            self.page.figure("flows, dns, http, tls", side, self.packets)
        self.page.goal("embed_cpu", "flows, DNS, HTTP and TLS in one process against the stages without json: CPU",
                       embedded.median("cpu") / records.median("cpu"), 1, False)
        if len(sides) > 4:
            self.page.goal("whole_cpu", "flows, DNS, HTTP and TLS as JSON lines against nfpcapd: CPU",
                           us.median("cpu") / sides[4].median("cpu"), 1.5, False)

    def tshark(self):
        if not have("tshark"):
            return
        packets = size("SLICE", 100000)
        paths = [self.input("mix", packets), self.input("mix", 1)]
        command = ["tshark", "-n", "-Y", "dns or http or tls.handshake", "-T", "fields"]
        for field in TSHARK_FIELDS:
            command += ["-e", field]
        text = os.path.join(self.out, "fields")
        full, start = [Side("tshark", [command + ["-r", path]], output=text) for path in paths]
        us = Side("weir FILE -t dns,http,tls",
                  [[self.weir, self.mix, "-q", "--format", "json", "--protocols", WEIR_TYPES, "-t", WEIR_TYPES]], output=text)
        self.compare([us, full, start])
        # What it takes to start is not counted against it.
        for what in ("wall", "cpu", "kernel"):
            setattr(full, what, [max(t - start.median(what), 1e-6) for t in getattr(full, what)])
        full.parts = [[c] for c in full.cpu]
        self.page.figure("dns, http, tls fields", us, self.packets)
        self.page.figure("dns, http, tls fields", full, packets)
        self.page.goal("tshark_rate", "DNS, HTTP and TLS fields against tshark: packets/s",
                       (full.median("wall") / packets) / (us.median("wall") / self.packets), 40, True)

    def streams(self):
        """A big part of this is what the kernel takes to make the files, whoever asks for it: that is
        measured alone as well, and taken off both sides for the goal."""
        folders = [os.path.join(self.out, name) for name in ("weir-streams", "tcpflow", "floor")]
        files = os.path.join(self.out, "files")
        us = Side("weir read, flow, reasm, streams",
                  self.chain([["read", self.part], ["flow"], ["reasm"], ["streams", "-d", folders[0]]]), folders)
        digest = Side("the same, streams --digest",
                      self.chain([["read", self.part], ["flow"], ["reasm"], ["streams", "--digest"]]), folders)
        run(us)
        made = listing(folders[0])
        with open(files, "w") as f:
            f.writelines("%d %s\n" % (made[name], name) for name in made)

        def check(text):
            return None if listing(folders[1]) == made else "other files than those of weir"
        sides = [us, digest]
        floor = Side("the files alone", [[os.path.join(self.bench, "files"), files, folders[2]]], folders)
        if os.access(floor.commands[0][0], os.X_OK):
            sides.append(floor)
        if have("tcpflow"):  # also without its report.xml, since weir writes none
            command = ["tcpflow", "-q", "-r", self.part, "-o", folders[1]]
            peer = Side("tcpflow without its report", [command + ["-S", "enable_report=NO"]], folders, check=check)
            sides += [peer, Side("tcpflow", [command], folders)]
        us.forget()
        self.compare(sides)
        for side in sides:
            self.page.figure("streams to %d files" % len(made), side, self.part_packets)
        if len(sides) < 5:
            return
        mine, theirs, least = us.median("cpu"), peer.median("cpu"), floor.median("cpu")
        self.page.ratio("streams_cpu_all", "streams to files against tcpflow: CPU, the files' making included",
                        mine / theirs)
        self.page.goal("streams_cpu", "streams to files against tcpflow: CPU, but for the files' making",
                       (mine - least) / (theirs - least), 0.4, False)

    def whole_with(self, infer=None, protocols=WEIR_TYPES, beside=None, by="ring"):
        """weir FILE stage by stage, so that each one's CPU is known; infer: "before" the parsers, "with" them in its
        process, or the "last" word of each flow alone with them; beside: a stage of one's own beside the parsers, by
        rings as it is in weir FILE --with, or by pipes as one that knows no rings. It comes last."""
        parse = ["infer", "--parse"] if infer in ("with", "last") else ["parse"]
        parse += ["--final-only"] * (infer == "last")
        stages = [["read", self.mix], ["flow"], ["reasm"]]
        stages += [["infer", "--protocols=" + protocols]] * (infer == "before")
        stages += [parse + ["--no-payload", "--protocols=" + protocols], ["json", "-o", os.path.join(self.out, "json")]]
        if not beside:
            return self.chain(stages)
        if by == "pipe":
            to, back = [os.path.join(self.out, name) for name in ("to", "from")]
            for way in (to, back):
                os.mkfifo(way)
            ways = ["--no-ring", "-i", to, "-o", back]
            stages[2] += ["-o", to]
            stages[4] += ["-i", back]
        else:
            back = "shm:bench%d-own" % os.getpid()
            ways = ["-o", back + ",readers=next"]
            stages[4] += ["-i", back + ",reader=next"]
        commands = self.chain(stages)
        if by == "ring":  # that of the parsers has one more reader
            ways += ["-i", re.sub(",readers=.*", ",reader=own", commands[2][-1])]
            commands[2][-1] += ",own"
        return commands + [[self.stage(beside[0])] + beside[1:] + ["--only", "-q"] + ways]

    def infer(self):
        """The same records, each flow's protocol guessed first. Guesses are records, too, and are printed."""
        plain = Side("weir FILE, its stages", self.whole_with())
        guessed = Side("the same with guesses", self.whole_with(infer="with"))
        apart = Side("the same by two processes", self.whole_with(infer="before"))
        last = Side("the same, the last guess of each flow alone", self.whole_with(infer="last"))
        sides = [plain, guessed, apart, last]
        self.compare(sides)
        for side in sides:
            self.page.figure("flows, dns, http, tls", side, self.packets)
        self.page.goal("infer_cost", "flows, DNS, HTTP and TLS with guesses against without: CPU",
                       guessed.median("cpu") / plain.median("cpu"), 1.1, False)
        self.page.ratio("infer_last", "the same, the last guess of each flow alone: CPU",
                        last.median("cpu") / plain.median("cpu"))
        self.page.ratio("infer_apart", "the same, the parsers in a process of their own: CPU",
                        apart.median("cpu") / plain.median("cpu"))

    def parsers(self):
        """What a parser costs flows that are not its own: one more in weir-parse, and a stage beside it, not counting
        what that one takes itself: by rings, and by pipes, to which all payload is copied."""
        plain = Side("dns, http, tls", self.whole_with())
        more = Side("the same and ssh", self.whole_with(protocols=WEIR_TYPES + ",ssh"))
        own = Side("the same and a spec by rings", self.whole_with(beside=["spec", "pfx"]))
        foreign = Side("the same and a spec by a pipe", self.whole_with(beside=["spec", "pfx"], by="pipe"))
        sides = [plain, more, own, foreign]
        self.compare(sides)
        for side in sides:
            self.page.figure("parsers", side, self.packets)
        self.page.goal("parser_cost", "one parser more, of which there are no flows: CPU",
                       more.median("cpu") / plain.median("cpu"), 1.03, False)
        for side, name, how in ((own, "own_parser", "rings"), (foreign, "foreign_parser", "a pipe")):
            others = statistics.median(sum(parts[:-1]) for parts in side.parts)
            self.page.goal(name, "a stage of one's own by %s, of which there are no flows: CPU of the others" % how,
                           others / plain.median("cpu"), 1.03, False)

    # ---- the runtime ----

    def pipes(self):
        """The shell's `|` between two tools, with the ring that they leave it for, and without."""
        words = "%s %s -q | %s -q -o null:"
        sides = [Side(name, [["sh", "-c", words % (self.stage("read") + option, self.mix, self.stage("flow") + option)]])
                 for name, option in (("weir read | weir flow", ""), ("the same with --no-ring", " --no-ring"))]
        self.compare(sides)
        for side in sides:
            self.page.figure("flows, by a pipe", side, self.packets)
        self.page.ratio("pipe_flow_rate", "weir read | weir flow against the same with --no-ring: packets/s",
                        sides[1].median("wall") / sides[0].median("wall"))
        self.page.ratio("pipe_flow_cpu", "the same: CPU", sides[0].median("cpu") / sides[1].median("cpu"))

    def sharded(self, n):
        """read and n copies of flow, each with its share of the frames."""
        name = "shm:bench%d-%d" % (os.getpid(), self.rings)
        self.rings += 1
        ways = ["%s.%d" % (name, i) for i in range(n)] if n > 1 else [name]
        return ([[self.stage("flow"), "-q", "-i", way + ",reader=next", "-o", "null:"] for way in ways] +
                [[self.stage("read"), self.mix, "-q", "-o", name + ",readers=next" + ",shard=%d" % n * (n > 1)]])

    def shards(self):
        """Two copies of the slowest stage, each with whole flows, against one. With two processors a source and one
        flow stage already use both, so no more is gained than what the slower of the two leaves idle."""
        sides = [Side("weir read, flow", self.sharded(1)), Side("weir read, 2 shards of flow", self.sharded(2))]
        self.compare(sides)
        for side in sides:
            self.page.figure("flows, sharded", side, self.packets)
        one, two = sides
        self.page.ratio("shards_rate", "two shards of flow against one: packets/s", one.median("wall") / two.median("wall"))
        self.page.ratio("shards_cpu", "the same: CPU", two.median("cpu") / one.median("cpu"))
        share = statistics.median(max(p) / sum(p) for p in one.parts)
        self.page.notes.append("Two shards: of one shard's CPU the slower stage takes %.0f %%, so on two processors without "
                               "anything else to do two shards can give at most %.2f times the packets/s; what they add is "
                               "looking at each frame's addresses to share it out, and a second table." %
                               (100 * share, 2 * share))

    def guards(self):
        """Sandbox and books as under a launcher, that is with a page that outlives the process and what is needed to
        go on behind a kill, against none of it: how much more CPU, pair by pair. Counting as such is no option."""
        pairs = size("PAIRS", 15)
        ways = []
        for what, option, page in (("on", "require", 65536), ("off", "off", 0)):
            side = Side("weir read, flow, sandbox and books " + what,
                        [c + ["--sandbox", option] for c in self.chain([["read", self.part], ["flow", "-o", "null:"]])])
            side.page = page
            ways.append(side)
        for side in ways:
            run(side)
            side.forget()
        for i in range(pairs):
            for side in ways[::-1] if i % 2 else ways:
                run(side)
        for side in ways:
            self.page.figure("flows, guarded", side, self.part_packets)
        ratios = sorted(a / b for a, b in zip(ways[0].cpu, ways[1].cpu))
        low, high = interval(pairs)
        self.page.ratio("guards_cpu", "sandbox and books on against off, median of %d pairs: CPU" % pairs,
                        statistics.median(ratios))
        text = "Sandbox and books on against off: %.3f of the CPU, between %.3f and %.3f (95 %% interval of the median of " \
               "%d pairs)." % (statistics.median(ratios), ratios[low], ratios[high], pairs)
        self.page.notes.append(text)
        print("# " + text, flush=True)

    def preloaded(self, name):
        """What tests/bench/preload/NAME.c counts in weir's stages and in the engine in one process, per packet or
        byte that a longer input has more: start-up and warming tables cancel out."""
        library = os.path.join(self.folder, name + ".so")
        subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O2", "-fno-builtin", "-shared", "-fPIC", "-o",
                        library, os.path.join(HERE, "preload", name + ".c")], check=True)
        counts = []
        for path in (self.input("mix", self.packets // 2), self.mix):
            said = ""
            for command in ([self.weir, path, "-q", "-o", "/dev/null", "--format", "json"],
                            [os.path.join(self.bench, "embed"), path]):
                said += subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True,
                                       env=dict(os.environ, LD_PRELOAD=library)).stderr
            counts.append({stage: [int(n) for n in numbers.split()] for stage, numbers in
                           re.findall(r"^%s (?:weir-)?(\S+) ([\d ]+)$" % name, said, re.M) if stage != "weir"})
        return {stage: [n - m for n, m in zip(counts[1][stage], counts[0][stage])] for stage in counts[1]}

    def mallocs(self):
        more = self.packets - self.packets // 2
        per = {stage: n[0] / more for stage, n in self.preloaded("mallocs").items()}
        self.page.notes.append("Calls of malloc, calloc and realloc per packet of the mix in steady state: " +
                               ", ".join("%s %.4f" % (n, per[n]) for n in sorted(per, key=per.get)) + ".")
        for name in ("read", "flow", "reasm"):
            self.page.goal("mallocs_" + name, "calls of malloc per packet in weir-%s" % name, per[name], 0.001, False)

    def payload(self, path):
        """Bytes of payload, by the flow records."""
        said = subprocess.run([self.weir, path, "-q", "--format", "json", "--types", "flow", "--fields",
                               "orig_payload,resp_payload"], check=True, stdout=subprocess.PIPE, text=True).stdout
        return sum(int(n) for n in re.findall(r'_payload":(\d+)', said))

    def copies(self):
        """How often a byte of payload is copied on its way: pieces of 256 bytes and more, all that memcpy, memmove
        and the kernel's read(2) move, for the payload of all sizes: what lies in smaller pieces is not counted."""
        more = self.payload(self.mix) - self.payload(self.input("mix", self.packets // 2))
        moved = self.preloaded("copies")
        per = {stage: n[0] / more for stage, n in moved.items()}
        way = [per[stage] for stage in per if stage not in ("json", "embed")]
        self.page.notes.append("Copies of a byte of payload, by memcpy and memmove in pieces of 256 bytes and more: " +
                               ", ".join("%s %.2f" % (n, per[n]) for n in sorted(per, key=per.get, reverse=True)) +
                               "; read(2) brings the file's bytes %.2f times." % (moved["read"][1] / more))
        self.page.goal("copies", "copies of a byte of payload, from the file read to the last parser", sum(way), 2,
                       False)
        self.page.goal("copies_embed", "the same, all engines in one process", per["embed"], 2, False)

    def run(self):
        only = [p for p in os.environ.get("BENCH_ONLY", "").split(",") if p]
        self.packets = size("PACKETS", 2500000)
        self.part_packets = min(self.packets, size("STREAMS", 1000000))
        self.mix = self.input("mix", self.packets)
        self.part = self.input("mix", self.part_packets)
        for part in (self.flow, self.whole, self.tshark, self.streams, self.infer, self.parsers, self.pipes, self.shards,
                     self.guards, self.mallocs, self.copies):
            if not only or part.__name__ in only:
                part()


def interval(n):
    """Which of n sorted values hold their median between them with 95 %, by the binomial distribution."""
    tail, k = 0.0, 0
    while k < n // 2 and tail + math.comb(n, k) / 2 ** n <= 0.025:
        tail += math.comb(n, k) / 2 ** n
        k += 1
    return max(k - 1, 0), n - max(k, 1)


def listing(folder):
    """The files there, by size."""
    return {e.name: e.stat().st_size for e in os.scandir(folder)}


def have(peer):
    if shutil.which(peer):
        return True
    if peer not in have.said:
        have.said.add(peer)
        print("# no %s here: left out" % peer, flush=True)
    return False


have.said = set()


def table(head, rows):
    widths = [max(len(r[i]) for r in [head] + rows) for i in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(r, widths)) + " |" for r in [head] + rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def machine(load):
    cores = os.cpu_count() or 1
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) // (1024 * 1024) + 1
    return "%d core%s, %d GiB of memory, load average %.1f" % (cores, "s" * (cores != 1), memory, load)


PAGE = """# Performance

`make bench` makes its inputs, measures, and writes this page. Ratios are what is promised; the absolute figures hold for
one machine (%s) on one day, and no test asserts them.

- **mix**: %d packets, mean %d bytes: DNS, HTTP, TLS, bulk transfers with repeats and swapped segments, small messages,
  media over UDP; some 15 %% of it IPv6.
- **small**: %d packets of 64 bytes in %d flows, all of them open at once.
- Both sides of a comparison run in turn, %d times each; medians. CPU is user and system time over all processes of a
  side. Memory is the highest sum of PSS over its processes, sampled 20 times a second in runs of their own. Inputs lie
  in the page cache, outputs in memory, on both sides. weir runs with its sandbox, and with its books kept.
- nfpcapd writes its flow files; weir-flow makes all its packet and flow records and throws them away. tcpflow writes
  the same files as weir-streams (names and sizes are compared), and is compared without its report, which weir has not.
  What tshark takes to start is not counted against it.
- "in one process": the library's engines joined by calls (tests/bench/embed.c); the callback counts the records.
- "the files alone": these files made with the fewest calls there are, by a program that has nothing else to do.

## Goals

%s

## Figures

CPU is in ns per packet, and the part of it that the kernel took; memory in MB; in the last column ns per packet by stage.

%s

%s
## Parts

What the other benches print: record codec, making files, tracking, reassembly, rings, interfaces.

```
%s
```
"""


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__.strip())
    page, text, load = Page(), "", os.getloadavg()[0]  # before there is ours
    if len(sys.argv) == 4:
        text = printed.goals(page, sys.argv[3])
    folder, mine = os.environ.get("BENCH_DIR"), None
    if not folder:
        folder = mine = tempfile.mkdtemp(prefix="weir-bench-")
    os.makedirs(folder, exist_ok=True)
    bench = Bench(os.path.abspath(sys.argv[1]), folder, page)
    try:
        bench.run()
        mean = os.path.getsize(bench.mix) // bench.packets - 16
    finally:
        shutil.rmtree(bench.out, ignore_errors=True)
        if mine:
            shutil.rmtree(mine, ignore_errors=True)
    with open(sys.argv[2], "w") as f:
        f.write(PAGE % (machine(load), bench.packets, mean, size("SMALL", 5000000), size("FLOWS", 1000000), bench.runs,
                        table(("what", "measured", "goal", "met"), page.goals),
                        table(("what", "by", "Mpkt/s", "CPU", "kernel", "PSS", "stages"), page.figures),
                        "".join(n + "\n" for n in page.notes), text.strip()))
    print("# %d goals, %d missed; %s written" %
          (sum(g[2] != "-" for g in page.goals), page.missed, sys.argv[2]))


if __name__ == "__main__":
    main()
