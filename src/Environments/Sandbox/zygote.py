# The warm interpreter inside the sandbox: forks one fresh child a session and relays between the host and the children.
# Every child gets namespaces of its own (user, pid, mount, ipc), an empty /tmp, no /proc, no capabilities, and resource limits, before it sees any
# code of a policy. Frames, both ways: session (u32), kind (u8), length (u32), payload. Python 3.9 or newer; the standard library only.
import ast, builtins, collections, ctypes, datetime, decimal, fractions, functools, gc, heapq, io, itertools, json, math, os, random, re
import resource, select, signal, statistics, string, struct, sys, time

HEAD = struct.Struct("<IBI")
OPEN, CALL, CLOSE = 1, 2, 3                    # host to zygote
READY, RESULT, DIED = 1, 2, 3                  # zygote to host
OK, ERROR, TIMEOUT = 0, 1, 2                   # status of a result
LIMITS = json.loads(sys.argv[1])
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 1, 2, 4, 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def check(code, what):
    if code != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def read_exactly(fd, count):
    parts = []
    while count > 0:
        part = os.read(fd, count)
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def limit(which, value):
    resource.setrlimit(which, (value, value))


def isolate():
    """Namespaces and mounts of one session; runs in the first child, whose own child is the session's process 1."""
    uid, gid = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC), "unshare")
    # After the new user namespace: it counts this session's processes only, so that one session's bomb takes no process from another.
    limit(resource.RLIMIT_NPROC, LIMITS["processes"])
    with open("/proc/self/setgroups", "w") as f:
        f.write("deny")
    with open("/proc/self/uid_map", "w") as f:
        f.write(f"{uid} {uid} 1")
    with open("/proc/self/gid_map", "w") as f:
        f.write(f"{gid} {gid} 1")
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount private")
    try:
        with open("/proc/sys/user/max_user_namespaces", "w") as f:   # no further ones inside, where the kernel lets us say so
            f.write("0")
    except OSError:
        pass


def furnish():
    """Runs as process 1 of the session: an empty /tmp of its own, nothing of /proc and /dev/shm, then no capability and no way to a new one."""
    size = b"size=%d,mode=1777" % LIMITS["disk"]
    check(libc.mount(b"tmpfs", b"/tmp", b"tmpfs", MS_NOSUID | MS_NODEV, size), "mount /tmp")
    check(libc.mount(b"tmpfs", b"/proc", b"tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, b"size=4096"), "hide /proc")
    if os.path.isdir("/dev/shm"):
        check(libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, b"size=4096"), "hide /dev/shm")
    os.chdir("/tmp")
    check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
    header = struct.pack("<Ii", 0x20080522, 0)                   # _LINUX_CAPABILITY_VERSION_3, this process
    check(libc.capset(header, bytes(24)), "capset")
    check(libc.prctl(1, signal.SIGKILL, 0, 0, 0), "pdeathsig")
    limit(resource.RLIMIT_AS, LIMITS["memory"])
    limit(resource.RLIMIT_CPU, LIMITS["cpu"])
    limit(resource.RLIMIT_FSIZE, LIMITS["disk"])
    limit(resource.RLIMIT_NOFILE, 64)
    limit(resource.RLIMIT_CORE, 0)


def last_line(error):
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        text = ""
    return (f"{name}: {text}" if text else name)[:LIMITS["output"]]


def execute(code, scope):
    """Runs a cell: what it prints, and the value of a last expression, as a notebook does."""
    try:
        tree = ast.parse(code, "<cell>")
        tail = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "<cell>", "exec"), scope)
        if tail is not None:
            value = eval(compile(ast.Expression(tail.value), "<cell>", "eval"), scope)
            if value is not None:
                print(repr(value))
        return OK, ""
    except SystemExit as e:
        return ERROR, last_line(e)
    except MemoryError:
        return ERROR, "MemoryError: the memory limit was reached"
    except BaseException as e:
        return ERROR, last_line(e)


def serve(calls, results):
    """The session's own loop. Whatever the code does to this process harms this session only."""
    output = os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0o600)
    os.set_inheritable(output, False)
    os.dup2(output, 1)
    os.dup2(output, 2)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    scope = {"__name__": "__main__", "__builtins__": builtins}
    while True:
        head = read_exactly(calls, 4)
        if head is None:
            os._exit(0)
        code = read_exactly(calls, struct.unpack("<I", head)[0])
        os.ftruncate(output, 0)
        os.lseek(output, 0, os.SEEK_SET)
        sys.stdin = open(0, closefd=False)
        sys.stdout = sys.stderr = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        status, error = execute(code.decode("utf-8", "replace"), scope)
        try:
            sys.stdout.flush()
        except BaseException as e:
            status, error = ERROR, error or last_line(e)
        size = os.fstat(output).st_size
        text = os.pread(output, LIMITS["output"], 0)
        if size > len(text):
            text += b"\n[%d more bytes cut off]" % (size - len(text))
        if error:
            text += (b"\n" if text and not text.endswith(b"\n") else b"") + error.encode("utf-8", "replace")
        write_all(results, struct.pack("<BI", status, len(text)) + text)


def child(seed, calls, results):
    """From fork to the session's loop; every failure before the loop is infrastructure and is told by a broken pipe."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    keep = {calls, results}
    for fd in list(map(int, os.listdir("/proc/self/fd"))):
        if fd > 2 and fd not in keep:
            try:
                os.close(fd)
            except OSError:
                pass
    isolate()
    first = os.fork()
    if first:
        # The zygote kills process 1 by this number. It is never reaped here, so the number is not given to another process meanwhile.
        write_all(results, b"P" + struct.pack("<I", first))
        os.close(calls)
        os.close(results)
        while True:
            signal.pause()
    os.setsid()                                 # kill(0, ...) reaches a process group across namespaces
    furnish()
    random.seed(seed)
    write_all(results, b"+")
    serve(calls, results)


class Session:
    __slots__ = ("pid", "init", "calls", "results", "buffer", "deadline", "ready")


sessions, by_fd = {}, {}


def send(session, kind, payload=b""):
    write_all(1, HEAD.pack(session, kind, len(payload)) + payload)


def end(number, session):
    sessions.pop(number, None)
    by_fd.pop(session.results, None)
    poller.unregister(session.results)
    os.close(session.results)
    os.close(session.calls)
    # Killing process 1 of the session's pid namespace ends every process in it.
    for pid in (session.init, session.pid):
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    os.waitpid(session.pid, 0)


def open_session(number, payload):
    calls_read, calls_write = os.pipe()
    results_read, results_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            child(int.from_bytes(payload, "little"), calls_read, results_write)
        except BaseException as e:
            try:
                write_all(results_write, b"-" + str(e).encode()[:1000])
            except BaseException:
                pass
        os._exit(1)
    os.close(calls_read)
    os.close(results_write)
    session = Session()
    session.pid, session.init, session.calls, session.results = pid, 0, calls_write, results_read
    session.buffer, session.deadline, session.ready = b"", None, False
    sessions[number], by_fd[results_read] = session, number
    poller.register(results_read, select.POLLIN)


def pump(number, session):
    """Reads what a session wrote. A frame that is too long, or that nobody asked for, ends the session."""
    data = os.read(session.results, 65536)
    if not data:
        was_ready = session.ready
        end(number, session)
        send(number, DIED, b"" if was_ready else b"the session ended before it was ready")
        return
    session.buffer += data
    if not session.ready:
        if session.buffer[:1] == b"-":
            reason = session.buffer[1:]
            end(number, session)
            send(number, DIED, b"sandbox: " + reason)
            return
        # The number of process 1 (5 bytes) and its "+", in either order: nothing of the policy's has run yet.
        if len(session.buffer) < 6:
            return
        at = 0 if session.buffer[:1] == b"P" else 1
        session.init, = struct.unpack("<I", session.buffer[at + 1:at + 5])
        session.buffer, session.ready = session.buffer[6:], True
        send(number, READY)
    if len(session.buffer) >= 5:
        status, length = struct.unpack("<BI", session.buffer[:5])
        if session.deadline is None or status > ERROR or length > LIMITS["output"] * 2 + 4096:
            end(number, session)
            send(number, DIED)
        elif len(session.buffer) >= 5 + length:
            text = session.buffer[5:5 + length]
            session.buffer, session.deadline = session.buffer[5 + length:], None
            send(number, RESULT, bytes([status]) + text)


def receive():
    head = read_exactly(0, HEAD.size)
    if head is None:
        os._exit(0)
    number, kind, length = HEAD.unpack(head)
    payload = read_exactly(0, length)
    if kind == OPEN:
        open_session(number, payload)
        return
    session = sessions.get(number)
    if session is None:
        return
    if kind == CLOSE:
        end(number, session)
    elif kind == CALL:
        seconds, = struct.unpack("<d", payload[:8])
        session.deadline = time.monotonic() + seconds
        try:
            write_all(session.calls, struct.pack("<I", length - 8) + payload[8:])
        except OSError:
            pass                                # it died: its end of file says so


gc.collect()
gc.freeze()
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
poller = select.poll()
poller.register(0, select.POLLIN)
while True:
    now = time.monotonic()
    nearest = min((s.deadline for s in sessions.values() if s.deadline is not None), default=None)
    for fd, _ in poller.poll(None if nearest is None else max(0, math.ceil((nearest - now) * 1000))):
        if fd == 0:
            receive()
        elif fd in by_fd:
            pump(by_fd[fd], sessions[by_fd[fd]])
    now = time.monotonic()
    for number, session in list(sessions.items()):
        if session.deadline is not None and session.deadline <= now:
            end(number, session)
            send(number, RESULT, bytes([TIMEOUT]))
