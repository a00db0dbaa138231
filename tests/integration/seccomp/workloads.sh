# Ordinary work, each line of the table a function. Runs inside the container, in an empty writable folder.
# Prints "NAME STATUS" for each; a workload is one that fails when the filter refuses what it needs.

w_shell() { x=$(echo a | sed s/a/b/); [ "$x" = b ] && (exit 3); [ $? = 3 ]; }
w_bash() { bash -c 'set -o pipefail; mapfile -t lines < <(printf "1\n2\n"); [[ ${#lines[@]} == 2 ]] && [[ -x /bin/sh ]] && ulimit -n && umask && type ls' >/dev/null; }
w_job_control() { bash -ic 'sleep 0.1 & jobs; wait; times' >/dev/null 2>&1; }
w_coreutils() {
  printf 'b\na\n' >f && sort f | uniq | wc -l | grep -q 2 && cp -a f g && mv g h && ln h i && ln -s h j && readlink -f j
  chmod 640 h && chown "$(id -u)" h && touch -d yesterday h && stat h && truncate -s 4k h && sync h && dd if=/dev/zero of=z bs=4k count=4
  mkfifo p && mkdir -p d/e && rmdir -p d/e && df . && du -s . && nproc && id && date && uname -a && rm -f f h i j p z
} >/dev/null 2>&1
w_mktemp_install() { t=$(mktemp -d -p .) && install -m 755 /bin/true "$t/t" && "$t/t" && rm -r "$t"; }
w_find_xargs() { find /etc -maxdepth 1 -type f -print0 2>/dev/null | xargs -0 -n 5 -P 2 ls -ld >/dev/null; }
w_tar() { mkdir t && echo a >t/a && ln t/a t/b && tar --xattrs -czf t.tgz t && tar -cJf t.txz t && rm -r t && tar -xzf t.tgz && [ -f t/b ]; }
w_sed_awk_grep() { printf '1\n2\n' >n && sed -i s/1/3/ n && awk '{s += $1} END {exit s != 5}' n && grep -q 3 n; }
w_perl() { perl -e 'use POSIX; my $p = fork; exit 7 if !$p; waitpid $p, 0; exit(($? >> 8) == 7 ? 0 : 1)'; }
w_timeout_nice() { timeout 5 nice -n 5 ionice -c 3 sh -c true; }
w_setsid_nohup() { setsid -w sh -c true && nohup sh -c true >/dev/null 2>&1; }
w_sigterm() { sleep 9 & kill -TERM $!; wait $! 2>/dev/null; [ $? = 143 ]; }
w_flock() { flock -x lock -c true; }
w_git() {
  export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
  git -c init.defaultBranch=main init -q r && cd r && git config user.email a@b && git config user.name a
  echo 1 >f && git add f && git commit -qm 1 && git gc -q && git fsck --no-progress && git worktree add -q ../w
  git clone -q . ../c && git -C ../c log --oneline | grep -q 1
} >/dev/null 2>&1
py() { /usr/bin/python3 -I -W error -c "$1"; }
w_python() { py 'import json, os, tempfile; tempfile.TemporaryFile(); os.urandom(4); os.cpu_count(); os.listdir("/")'; }
w_python_subprocess() { py 'import subprocess as s; assert s.run(["echo", "a"], capture_output=True).stdout == b"a\n"; s.run("exit 0", shell=True, start_new_session=True, check=True)'; }
w_python_threads() { py 'from concurrent.futures import ThreadPoolExecutor as E; import time; assert sum(E(8).map(lambda i: time.sleep(0.01) or i, range(16))) == 120'; }
w_python_multiprocessing() {
  cat >mp.py <<'PY'
import multiprocessing as m
def f(i): return i * i
if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with m.get_context(method).Pool(2) as pool:
            assert pool.map(f, range(4)) == [0, 1, 4, 9]
PY
  /usr/bin/python3 mp.py
}
w_python_asyncio() {
  cat >aio.py <<'PY'
import asyncio
async def main():
    async def echo(reader, writer):
        writer.write(await reader.readline()); await writer.drain(); writer.close()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"a\n"); assert await reader.readline() == b"a\n"; writer.close(); server.close()
    process = await asyncio.create_subprocess_exec("true"); assert await process.wait() == 0
    await asyncio.to_thread(print, end="")
asyncio.run(main())
PY
  /usr/bin/python3 -W error aio.py
}
w_python_copy() { py 'import shutil, os; open("a", "w").write("x" * 99999); shutil.copyfile("a", "b"); shutil.copytree("/etc/alternatives", "t", symlinks=True); shutil.rmtree("t"); os.replace("b", "c"); os.copy_file_range(os.open("a", 0), os.open("d", 66), 99)'; }
w_python_venv() { /usr/bin/python3 -m venv --without-pip v && v/bin/python -c 'import sys; assert sys.prefix != sys.base_prefix'; }
w_python_sqlite() { py 'import sqlite3; c = sqlite3.connect("s.db"); c.execute("pragma journal_mode=wal"); c.execute("create table t(a)"); c.commit()'; }
w_python_pty() { py 'import os, pty, sys; pid, fd = pty.fork(); pid or os.execlp("stty", "stty", "size"); os.read(fd, 99); sys.exit(os.waitpid(pid, 0)[1])'; }
w_python_sockets() { py 'import socket as s; a, b = s.socketpair(); b.sendmsg([b"x"]); a.recvmsg(1); u = s.socket(s.AF_UNIX); u.bind("u.sock"); u.listen(); c = s.socket(s.AF_UNIX); c.connect("u.sock"); u.accept(); s.if_nameindex(); s.getaddrinfo("127.0.0.1", 80); s.socket(s.AF_INET6)'; }
w_python_shm() { py 'from multiprocessing import shared_memory as m; s = m.SharedMemory(create=True, size=99); s.buf[0] = 1; s.close(); s.unlink()'; }
w_python_mmap() { py 'import mmap, os; f = os.open("m", 66); os.ftruncate(f, 8192); m = mmap.mmap(f, 8192); m[0] = 1; m.flush(); m.madvise(mmap.MADV_DONTNEED); m.resize(4096)'; }
w_python_memfd() { py 'import os; f = os.memfd_create("a"); os.write(f, b"ab"); o = os.open("o", 66); assert os.sendfile(o, f, 0, 1) == 1; os.pwrite(o, b"c", 1); os.preadv(o, [bytearray(2)], 0)'; }
w_python_splice() { py 'import os; r, w = os.pipe(); f = os.open("f", 66); os.write(f, b"ab"); assert os.splice(f, w, 2, offset_src=0) == 2'; }
w_python_signals() { py 'import signal, os, time; signal.signal(14, lambda *a: None); signal.setitimer(0, 0.01); signal.pause(); signal.pthread_sigmask(0, [10]); os.kill(os.getpid(), 10); assert signal.sigwait([10]) == 10; signal.sigtimedwait([10], 0)'; }
w_python_select() { py 'import select, os; r, w = os.pipe(); os.write(w, b"a"); assert select.select([r], [], [], 1)[0]; p = select.poll(); p.register(r); assert p.poll(9); e = select.epoll(); e.register(r); assert e.poll(1)'; }
w_python_scheduling() { py 'import os, resource; os.sched_setaffinity(0, os.sched_getaffinity(0)); os.sched_yield(); os.nice(1); os.getpriority(0, 0); resource.setrlimit(4, (0, 0)); resource.getrusage(0); os.getloadavg(); os.sched_getscheduler(0)'; }
w_python_links() { py 'import os; open("x", "w"); os.link("x", "y"); os.symlink("x", "z"); os.utime("x"); os.listxattr("x"); os.mkfifo("q"); os.mknod("n"); os.truncate("x", 9); os.posix_fallocate(os.open("x", 2), 0, 99); os.posix_fadvise(os.open("x", 0), 0, 0, 0)'; }
w_inotify() {
  py 'import ctypes, os; l = ctypes.CDLL(None, use_errno=True); f = l.inotify_init1(0); assert f >= 0 and l.inotify_add_watch(f, b".", 0x100) > 0; open("new", "w"); assert os.read(f, 4096)'
}
w_eventfd_timerfd() { py 'import ctypes, os; l = ctypes.CDLL(None); e = l.eventfd(1, 0); assert e >= 0 and os.read(e, 8); assert l.timerfd_create(1, 0) >= 0; assert l.signalfd(-1, (ctypes.c_char * 128)(), 0) >= 0'; }
w_sysv_ipc() { ipcmk -Q >/dev/null && ipcmk -S 1 >/dev/null && ipcmk -M 64 >/dev/null && ipcs >/dev/null; }
w_landlock() { py 'import ctypes; l = ctypes.CDLL(None, use_errno=True); v = l.syscall(444, 0, 0, 1); assert v > 0 or ctypes.get_errno() in (38, 95)'; }
w_no_new_privs() { setpriv --no-new-privs true; }
w_script_pty() { script -qec 'stty -a' /dev/null >/dev/null; }
w_node_fs() { node -e 'const fs = require("fs"); fs.writeFileSync("f", "a"); fs.copyFileSync("f", "g"); fs.readdirSync("."); fs.rmSync("g"); fs.promises.stat("f").then(() => process.exit(0), () => process.exit(1))'; }
w_node_child() { node -e 'const c = require("child_process"); c.execSync("true"); c.spawn("true").on("exit", n => process.exit(n))'; }
w_node_worker() { node -e 'const {Worker} = require("worker_threads"); new Worker("require(\"worker_threads\").parentPort.postMessage(1)", {eval: true}).on("message", () => process.exit(0)).on("error", () => process.exit(1))'; }
w_node_http() { node -e 'const h = require("http"); const s = h.createServer((q, r) => r.end("a")).listen(0, "127.0.0.1", () => h.get(s.address(), r => process.exit(r.statusCode == 200 ? 0 : 1)))'; }
w_node_watch() { node -e 'const fs = require("fs"); const w = fs.watch(".", () => process.exit(0)); setTimeout(() => fs.writeFileSync("w", ""), 20); setTimeout(() => process.exit(1), 5000)'; }
w_gcc_pthread() {
  cat >t.c <<'C'
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
static void *f(void *p) { return p; }
int main(void) {
  pthread_t t; void *r; sem_t s; struct timespec z = {0, 1000};
  if (pthread_create(&t, 0, f, &t) || pthread_join(t, &r) || r != &t) return 1;
  return sem_init(&s, 0, 1) || sem_wait(&s) || nanosleep(&z, 0);
}
C
  gcc -O1 -pthread -o t t.c && ./t
}
w_make_parallel() { printf 'all: a b c\na b c:\n\t@sleep 0.05; touch $@\n' >Makefile && make -s -j3 && [ -f c ]; }
w_curl() { echo hello >page && curl -sf "file://$PWD/page" | grep -q hello && { curl -s --max-time 2 http://127.0.0.1:9/; [ $? = 7 ]; }; }
w_dpkg_apt() { dpkg -l dpkg >/dev/null && dpkg -L dpkg >/dev/null && apt-cache policy dpkg >/dev/null && apt-get --version >/dev/null; }
w_dpkg_deb() { mkdir -p deb/DEBIAN && printf 'Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n' >deb/DEBIAN/control && dpkg-deb -b deb a.deb >/dev/null && dpkg-deb -c a.deb >/dev/null; }

here=$PWD
for workload in $(declare -F | sed -n 's/^declare -f w_//p'); do
  mkdir "$here/$workload" && cd "$here/$workload" || exit 1
  (set +e; "w_$workload") >log 2>&1 </dev/null
  status=$?
  echo "$workload $status"
  [ "$status" = 0 ] || sed 's/^/    /' log
  cd "$here" || exit 1
done
