# SPDX-License-Identifier: MIT
"""Restartable sequences in gdb:

    (gdb) source contrib/gdb/rseqlab.py
    (gdb) info rseq            each thread's struct rseq, and whether it is inside a section
    (gdb) info rseq-sections   the sections of the program and its libraries
    (gdb) rseq-step            one instruction, without the abort that a stop inside a section means

A stop inside a section aborts it when the thread goes on: stepi comes out at the abort handler. rseq-step sets rseq_cs to zero first, so that the
section is not restarted, and not protected either. Works on x86-64, on live processes and on cores, where glibc (2.35 or newer) or librseq has
registered struct rseq, or a thread-local __rseq_abi is it (TCMalloc). Of others gdb cannot know: set variable $rseq_area to its address.
"""
import struct
import gdb

# struct rseq and struct rseq_cs of linux/rseq.h: cpu_id_start, cpu_id, rseq_cs, flags, node_id, mm_cid; version, flags, start_ip,
# post_commit_offset, abort_ip.
RSEQ = struct.Struct("<IIQIII")
RSEQ_CS = struct.Struct("<IIQQQ")
RSEQ_CS_AT = 8


def memory(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def value(expression):
    return int(gdb.parse_and_eval(expression)) & 0xFFFFFFFFFFFFFFFF


# Where the selected thread's struct rseq may be: each with what must not be zero. glibc, librseq, TCMalloc (and librseq before it had rseq_offset).
AREAS = (
    ("*(unsigned int *)&__rseq_size", "$fs_base + *(long *)&__rseq_offset"),
    ("*(unsigned int *)&rseq_size", "$fs_base + *(long *)&rseq_offset"),
    ("1", "(long)&__rseq_abi"),
)


def areas():
    own = gdb.convenience_variable("rseq_area") if hasattr(gdb, "convenience_variable") else None
    if own is not None:
        yield int(own)
        return
    for size, address in AREAS:
        try:
            if value(size) != 0:
                yield value(address)
        except gdb.error:
            continue


def place(address):
    try:
        return gdb.execute("info symbol %#x" % address, to_string=True).split(" in section", 1)[0].strip()
    except gdb.error:
        return ""


class Section:
    def __init__(self, address):
        self.address = address
        self.version, self.flags, self.start, self.length, self.abort = RSEQ_CS.unpack(memory(address, RSEQ_CS.size))

    def holds(self, ip):
        # The kernel's one comparison (kernel/rseq.c, in_rseq_cs).
        return (ip - self.start) & 0xFFFFFFFFFFFFFFFF < self.length

    def __str__(self):
        return "%#x to %#x <%s>, abort %#x, descriptor %#x" % (
            self.start, self.start + self.length, place(self.start), self.abort, self.address)


def state():
    """The selected thread: (area, fields, section or None); None without a registration."""
    for at in areas():
        try:
            fields = RSEQ.unpack(memory(at, RSEQ.size))
        except gdb.MemoryError:
            continue
        # cpu_id: -1 and -2 stand for no registration.
        if fields[1] >= 0xFFFFFFFE:
            continue
        try:
            return at, fields, Section(fields[2]) if fields[2] else None
        except gdb.MemoryError:
            return at, fields, None
    return None


class InfoRseq(gdb.Command):
    """Each thread's struct rseq, and whether it is inside a section."""

    def __init__(self):
        super().__init__("info rseq", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        selected = gdb.selected_thread()
        if selected is None:
            raise gdb.GdbError("There are no threads: the program is not being run.")
        try:
            for thread in sorted(gdb.selected_inferior().threads(), key=lambda each: each.num):
                thread.switch()
                print("%s thread %d (%d): %s" % ("*" if thread.num == selected.num else " ", thread.num, thread.ptid[1], self.text()))
        finally:
            selected.switch()

    def text(self):
        now = state()
        if now is None:
            return "no struct rseq found (if it has registered its own: set variable $rseq_area = its address)"
        at, (cpu_start, cpu, cs, flags, node, mm_cid), section = now
        text = "struct rseq %#x, cpu_id %d, mm_cid %d" % (at, cpu, mm_cid)
        if cs == 0:
            return text + ", rseq_cs 0: in no section"
        if section is None:
            return text + ", rseq_cs %#x: NOT READABLE: the kernel will kill it" % cs
        inside = section.holds(value("$pc"))
        return text + ", rseq_cs %#x: %s\n    %s" % (cs, "INSIDE: it is aborted when it goes on" if inside else "outside of it: cleared at the next switch", section)


class InfoSections(gdb.Command):
    """The sections of the program and its libraries, by their tables (__rseq_cs_ptr_array, __rseq_cs)."""

    def __init__(self):
        super().__init__("info rseq-sections", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        seen = set()
        for name, start, end in tables():
            size = 8 if name == "__rseq_cs_ptr_array" else RSEQ_CS.size
            for at in range(start, end - size + 1, size):
                try:
                    address = struct.unpack("<Q", memory(at, 8))[0] if size == 8 else at
                    section = Section(address) if address and address not in seen else None
                except gdb.MemoryError:
                    continue
                if section is None or section.start == 0:
                    continue
                seen.add(address)
                print(section)
        if not seen:
            print("no sections in __rseq_cs_ptr_array or __rseq_cs; rseqlab sections FILE finds others too")


def tables():
    """(name, start, end) of ELF sections with pointers to descriptors, or descriptors. `info files` gives run-time addresses."""
    found = []
    for line in gdb.execute("info files", to_string=True).splitlines():
        words = line.split()
        if len(words) >= 5 and words[1] == "-" and words[3] == "is" and words[4] in ("__rseq_cs_ptr_array", "__rseq_cs"):
            found.append((words[4], int(words[0], 16), int(words[2], 16)))
    return sorted(found, reverse=True)


class Step(gdb.Command):
    """Steps one instruction (or N) inside a section without being aborted: rseq_cs is set to zero first."""

    def __init__(self):
        super().__init__("rseq-step", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        if gdb.selected_thread() is None:
            raise gdb.GdbError("There is no thread to step: the program is not being run.")
        try:
            count = value(argument or "1")
        except gdb.error as error:
            raise gdb.GdbError("rseq-step: how many instructions? %s" % error)
        for _ in range(count):
            now = state()
            if now is not None and now[2] is not None and now[2].holds(value("$pc")):
                gdb.selected_inferior().write_memory(now[0] + RSEQ_CS_AT, bytes(8))
                print("rseq_cs %#x -> 0: not restarted, and not protected from here on" % now[1][2])
            gdb.execute("stepi", to_string=True)
        print(gdb.execute("x/i $pc", to_string=True).rstrip())


InfoRseq()
InfoSections()
Step()
