/* A library for LD_PRELOAD that kills its process before a call that changes files: call number KILL_AT of those for files
 * below the directory KILL_UNDER. Logs each call to the file KILL_LOG, which gives the number of calls. The order of calls
 * depends on threads, but is mostly the same. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long calls, at;
static const char *under;
static int log_fd = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("KILL_LOG"), *number = getenv("KILL_AT");
  at = number ? atol(number) : 0;
  if (file) log_fd = REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  under = getenv("KILL_UNDER");
}

static int is_under(const char *path) { return under && !strncmp(path, under, strlen(under)); }

/* `from` is where a file was before, if it gets another name. */
static void count_move(const char *what, const char *path, const char *from) {
  if (!is_under(path)) return;
  if (log_fd >= 0) {
    int known = from && is_under(from);
    dprintf(log_fd, "%s %s%s%s\n", what, path + strlen(under), known ? " < " : "", known ? from + strlen(under) : "");
  }
  if (__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) != at) return;
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void count(const char *what, const char *path) { count_move(what, path, NULL); }

/* The path of a descriptor, or 0. */
static int path_of(int fd, char *path, size_t size) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return 1;
}

static void count_fd(const char *what, int fd) {
  char path[PATH_MAX];
  if (!under || fd < 3) return;
  if (path_of(fd, path, sizeof path)) count(what, path);
}

/* A frame of a write-ahead log begins with 24 bytes, of which those from 4 to 8 are zero unless the frame ends a
 * transaction. */
static void count_write(int fd, const void *data, size_t size, off64_t offset) {
  const unsigned char *bytes = data;
  char path[PATH_MAX];
  if (!under || fd < 3 || !path_of(fd, path, sizeof path)) return;
  size_t length = strlen(path);
  int is_log = length > 4 && !strcmp(path + length - 4, "-wal");
  int commits = is_log && size == 24 && offset >= 32 && (bytes[4] | bytes[5] | bytes[6] | bytes[7]);
  count(commits ? "commit" : "write", path);
}

/* The path of `name` in the directory `fd`. */
static const char *resolve(int fd, const char *name, char *path, size_t size) {
  if (name[0] == '/' || fd == AT_FDCWD) return name;
  if (!path_of(fd, path, size / 2)) return name;
  size_t length = strlen(path);
  snprintf(path + length, size - length, "/%s", name);
  return path;
}

static void count_at(const char *what, int fd, const char *name) {
  char path[2 * PATH_MAX];
  if (under) count(what, resolve(fd, name, path, sizeof path));
}

static void count_move_at(const char *what, int fd, const char *name, int from_fd, const char *from) {
  char path[2 * PATH_MAX], from_path[2 * PATH_MAX];
  if (!under) return;
  count_move(what, resolve(fd, name, path, sizeof path), resolve(from_fd, from, from_path, sizeof from_path));
}

#define OPENS(name, mark, parameters, arguments)                 \
  int name parameters {                                          \
    mode_t mode = 0;                                             \
    if (flags & (O_CREAT | O_TMPFILE)) {                         \
      va_list rest;                                              \
      va_start(rest, flags);                                     \
      mode = va_arg(rest, mode_t);                               \
      va_end(rest);                                              \
    }                                                            \
    if (flags & (O_CREAT | O_TRUNC)) mark;                       \
    return REAL(name) arguments;                                 \
  }

OPENS(open, count("open", path), (const char *path, int flags, ...), (path, flags, mode))
OPENS(open64, count("open", path), (const char *path, int flags, ...), (path, flags, mode))
OPENS(openat, count_at("open", fd, path), (int fd, const char *path, int flags, ...), (fd, path, flags, mode))
OPENS(openat64, count_at("open", fd, path), (int fd, const char *path, int flags, ...), (fd, path, flags, mode))

#define CALL(result, name, mark, parameters, arguments) \
  result name parameters {                              \
    mark;                                               \
    return REAL(name) arguments;                        \
  }

CALL(int, rename, count_move("rename", to, from), (const char *from, const char *to), (from, to))
CALL(int, renameat, count_move_at("rename", b, to, a, from), (int a, const char *from, int b, const char *to), (a, from, b, to))
CALL(int, renameat2, count_move_at("rename", b, to, a, from), (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
CALL(int, link, count_move("link", to, from), (const char *from, const char *to), (from, to))
CALL(int, linkat, count_move_at("link", b, to, a, from), (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
CALL(int, unlink, count("unlink", path), (const char *path), (path))
CALL(int, unlinkat, count_at("unlink", fd, path), (int fd, const char *path, int flags), (fd, path, flags))
CALL(int, rmdir, count("rmdir", path), (const char *path), (path))
CALL(int, mkdir, count("mkdir", path), (const char *path, mode_t mode), (path, mode))
CALL(ssize_t, write, count_fd("write", fd), (int fd, const void *data, size_t size), (fd, data, size))
CALL(ssize_t, pwrite, count_write(fd, data, size, offset), (int fd, const void *data, size_t size, off_t offset), (fd, data, size, offset))
CALL(ssize_t, pwrite64, count_write(fd, data, size, offset), (int fd, const void *data, size_t size, off64_t offset), (fd, data, size, offset))
CALL(ssize_t, writev, count_fd("write", fd), (int fd, const struct iovec *parts, int n), (fd, parts, n))
CALL(int, ftruncate, count_fd("truncate", fd), (int fd, off_t size), (fd, size))
CALL(int, ftruncate64, count_fd("truncate", fd), (int fd, off64_t size), (fd, size))
CALL(int, fsync, count_fd("sync", fd), (int fd), (fd))
CALL(int, fdatasync, count_fd("sync", fd), (int fd), (fd))
CALL(int, syncfs, count_fd("syncfs", fd), (int fd), (fd))
