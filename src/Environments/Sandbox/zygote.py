# The warm interpreter inside the sandbox: forks one fresh child a session and relays between the host and the children.
# Every child gets namespaces of its own (user, pid, mount, ipc), an empty /tmp, no /proc, no capabilities, and resource limits, before it sees any
# code of a policy. Frames, both ways: session (u32), kind (u8), length (u32), payload. Python 3.9 or newer; the standard library only.
import ast, builtins, collections, ctypes, datetime, decimal, fractions, functools, gc, heapq, io, itertools, json, math, os, random, re
import resource, select, shutil, signal, stat, statistics, string, struct, sys, time

HEAD = struct.Struct("<IBI")
TASK = struct.Struct("<BI")                    # zygote to child: kind (CALL or PUT), length
PIECE = struct.Struct("<HB4s")                 # begins the payload of a PUT: index of the image, FIRST and LAST, how its name ends
FIRST, LAST = 1, 2
OPEN, CALL, CLOSE, PUT = 1, 2, 3, 4            # host to zygote; the last piece of a PUT is answered by a result
READY, RESULT, DIED, FOUND = 1, 2, 3, 4        # zygote to host; FOUND comes before the result: a status and its payload
OK, ERROR, TIMEOUT, FILE, DATA = 0, 1, 2, 3, 4 # status of a result; FILE (its name) and DATA (its bytes) are what the code left in out/
CHUNK = 1 << 18
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
    size = b"size=%d,mode=1777" % (LIMITS["disk"] + LIMITS["images"])
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


def put(payload, paths):
    """A piece of an image of the episode; one without an ending is too large and keeps its place in the list only."""
    index, flags, end = PIECE.unpack_from(payload)
    path = f"/tmp/images/{index}.{end.rstrip(bytes(1)).decode()}"
    try:
        os.makedirs("/tmp/images", exist_ok=True)
        os.makedirs("/tmp/out", exist_ok=True)
        if not end.strip(bytes(1)):
            paths.append(None)
            return ""
        with open(path, "wb" if flags & FIRST else "ab") as f:
            f.write(payload[PIECE.size:])
    except OSError as e:
        return f"OSError: image {index} cannot be put into images/: {e.strerror}"
    if flags & LAST:
        paths.append(path)
    return ""


def found():
    """Takes the files out of out/: their names with their bytes, or what is wrong. They are sent by this process, which sees no more than the code does."""
    files, names = [], []
    try:
        folder = os.open("/tmp/out", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return files, ""
    except OSError:
        os.unlink("/tmp/out")
        return files, "OSError: out was no folder; it was made anew"
    try:
        names = sorted(os.listdir(folder))
        if len(names) > LIMITS["files"]:
            return files, f"OSError: out/ held {len(names)} files; at most {LIMITS['files']} a call are shown"
        for name in names:
            if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                return files, f"OSError: out/{name} is no file; links and folders are not followed"
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            with open(file, "rb") as f:
                data = f.read(LIMITS["file"] + 1)
            if len(data) > LIMITS["file"]:
                return files, f"OSError: out/{name} is larger than {LIMITS['file']} bytes"
            files.append((os.fsencode(name), data))
        return files, ""
    finally:
        os.close(folder)
        if names:
            shutil.rmtree("/tmp/out")


def show(results):
    """Sends what the code left in out/; what is wrong with it is an error of the call, which then shows nothing."""
    try:
        files, error = found()
        os.makedirs("/tmp/out", exist_ok=True)
    except BaseException as e:
        return last_line(e)
    for name, data in [] if error else files:
        write_all(results, TASK.pack(FILE, len(name)) + name)
        for at in range(0, len(data), CHUNK):
            piece = data[at:at + CHUNK]
            write_all(results, TASK.pack(DATA, len(piece)) + piece)
    return error


def serve(calls, results):
    """The session's own loop. Whatever the code does to this process harms this session only."""
    output = os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0o600)
    os.set_inheritable(output, False)
    os.dup2(output, 1)
    os.dup2(output, 2)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    scope = {"__name__": "__main__", "__builtins__": builtins}
    paths, fault = [], ""
    while True:
        head = read_exactly(calls, TASK.size)
        if head is None:
            os._exit(0)
        kind, length = TASK.unpack(head)
        code = read_exactly(calls, length)
        if kind == PUT:
            fault = fault or put(code, paths)
            if code[2] & LAST:
                scope["images"] = list(paths)
                text, fault = fault.encode("utf-8", "replace"), ""
                write_all(results, TASK.pack(ERROR if text else OK, len(text)) + text)
            continue
        os.ftruncate(output, 0)
        os.lseek(output, 0, os.SEEK_SET)
        sys.stdin = open(0, closefd=False)
        sys.stdout = sys.stderr = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        status, error = execute(code.decode("utf-8", "replace"), scope)
        try:
            sys.stdout.flush()
        except BaseException as e:
            status, error = ERROR, error or last_line(e)
        if status == OK and paths:
            error = show(results)
            status = ERROR if error else OK
        size = os.fstat(output).st_size
        text = os.pread(output, LIMITS["output"], 0)
        if size > len(text):
            text += b"\n[%d more bytes cut off]" % (size - len(text))
        if error:
            text += (b"\n" if text and not text.endswith(b"\n") else b"") + error.encode("utf-8", "replace")
        write_all(results, TASK.pack(status, len(text)) + text)


def child(seed, calls, results):
    """From fork to the session's loop; every failure before the loop is infrastructure and is told by a broken pipe."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    keep = {calls, results}
    sessions.clear()                            # what is under way to and from others
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
    __slots__ = ("pid", "init", "calls", "results", "buffer", "deadline", "ready", "outbox", "found")


sessions, by_fd = {}, {}                        # by_fd: the pipes of a session, in both directions


def send(session, kind, payload=b""):
    write_all(1, HEAD.pack(session, kind, len(payload)) + payload)


def end(number, session):
    sessions.pop(number, None)
    by_fd.pop(session.results, None)
    poller.unregister(session.results)
    if session.outbox:
        by_fd.pop(session.calls, None)
        poller.unregister(session.calls)
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
    session.outbox, session.found = bytearray(), 0
    os.set_blocking(calls_write, False)         # nobody waits for a session that does not read
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
    while len(session.buffer) >= TASK.size:
        status, length = TASK.unpack_from(session.buffer)
        most = LIMITS["output"] * 2 + 4096 if status in (OK, ERROR) else CHUNK
        found = session.found + {FILE: CHUNK, DATA: max(length, 4096)}.get(status, 0)
        if session.deadline is None or status not in (OK, ERROR, FILE, DATA) or length > most or found > LIMITS["files"] * (LIMITS["file"] + 2 * CHUNK):
            end(number, session)
            send(number, DIED)
            return
        if len(session.buffer) < TASK.size + length:
            return
        session.found = found
        body = session.buffer[TASK.size:TASK.size + length]
        session.buffer = session.buffer[TASK.size + length:]
        if status in (OK, ERROR):
            session.deadline = None
            send(number, RESULT, bytes([status]) + body)
        else:
            send(number, FOUND, bytes([status]) + body)


def post(number, session, kind, payload):
    """Puts a task into the session's pipe, or behind what it has not read yet. One that lets more lie than can be asked of it ends."""
    if len(session.outbox) + len(payload) > LIMITS["images"] + 2 * CHUNK:
        end(number, session)
        send(number, DIED)
        return
    if not session.outbox:
        by_fd[session.calls] = number
        poller.register(session.calls, select.POLLOUT)
    session.outbox += TASK.pack(kind, len(payload)) + payload
    drain(session)


def drain(session):
    try:
        while session.outbox:
            del session.outbox[:os.write(session.calls, session.outbox[:CHUNK])]
    except BlockingIOError:
        return
    except OSError:
        session.outbox.clear()                  # it died: its end of file says so
    by_fd.pop(session.calls, None)
    poller.unregister(session.calls)


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
        if kind in (CALL, PUT):
            send(number, DIED)                  # nobody waited when it ended
        return
    if kind == CLOSE:
        end(number, session)
    elif kind == CALL:
        seconds, = struct.unpack_from("<d", payload)
        session.deadline, session.found = time.monotonic() + seconds, 0
        post(number, session, CALL, payload[8:])
    elif kind == PUT:
        if payload[2] & LAST:
            session.deadline, session.found = time.monotonic() + LIMITS["start"], 0
        post(number, session, PUT, payload)


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
            number = by_fd[fd]
            if fd == sessions[number].calls:
                drain(sessions[number])
            else:
                pump(number, sessions[number])
    now = time.monotonic()
    for number, session in list(sessions.items()):
        if session.deadline is not None and session.deadline <= now:
            end(number, session)
            send(number, RESULT, bytes([TIMEOUT]))
