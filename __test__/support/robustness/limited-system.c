/* A library for LD_PRELOAD that limits its process: to fewer threads, or to file systems without some features. ODD_THREADS
 * is the number of threads that can be started once the file ODD_AFTER exists; ODD_FSYNC, ODD_LINK, ODD_LOCK and ODD_CHMOD
 * are the error numbers of fsync on directories, of hard links, of locks of whole files and of changes of permissions. Logs
 * each failure to the file ODD_LOG. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int log_fd = -1;
static long threads = -1, started;

static int number(const char *name) {
  const char *text = getenv(name);
  return text ? atoi(text) : 0;
}

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("ODD_LOG");
  if (file) log_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (getenv("ODD_THREADS")) threads = number("ODD_THREADS");
}

static void note(const char *what) {
  if (log_fd >= 0) dprintf(log_fd, "%s\n", what);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  const char *after = getenv("ODD_AFTER");
  if (threads >= 0 && after && !access(after, F_OK) && __atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST) >= threads) {
    note("pthread_create");
    return EAGAIN;
  }
  return REAL(pthread_create)(thread, attributes, run, argument);
}

int fsync(int fd) {
  struct stat found;
  int failure = number("ODD_FSYNC");
  if (failure && !fstat(fd, &found) && S_ISDIR(found.st_mode)) {
    note("fsync");
    errno = failure;
    return -1;
  }
  return REAL(fsync)(fd);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
  int failure = number("ODD_LINK");
  if (!failure) return REAL(linkat)(a, from, b, to, flags);
  note("link");
  errno = failure;
  return -1;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int fchmod(int fd, mode_t mode) {
  int failure = number("ODD_CHMOD");
  if (!failure) return REAL(fchmod)(fd, mode);
  note("fchmod");
  errno = failure;
  return -1;
}

int flock(int fd, int operation) {
  int failure = number("ODD_LOCK");
  if (!failure) return REAL(flock)(fd, operation);
  note("flock");
  errno = failure;
  return -1;
}
