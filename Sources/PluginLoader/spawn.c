#define _GNU_SOURCE
#include "PluginFrames.h"
#include "WorkerProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

/* The first number above all that are in use here, so that no copy overwrites the source of the next. */
static int above(const int sources[4]) {
    int highest = GATEWAY_WORKER_LIBRARY;
    for (int index = 0; index < 4; index++) {
        if (sources[index] > highest) highest = sources[index];
    }
    return highest + 1;
}

static int start(const char *program, char *const *arguments, const int sources[4], pid_t *pid) {
    posix_spawn_file_actions_t actions;
    char *environment[] = {NULL};
    static const int targets[] = {0, 1, GATEWAY_WORKER_SOCKET, GATEWAY_WORKER_LIBRARY};
    int aside = above(sources);
    int problem = posix_spawn_file_actions_init(&actions);
    if (problem != 0) return problem;
    for (int index = 0; index < 4 && problem == 0; index++) {
        problem = posix_spawn_file_actions_adddup2(&actions, sources[index], aside + index);
    }
    for (int index = 0; index < 4 && problem == 0; index++) {
        problem = posix_spawn_file_actions_adddup2(&actions, aside + index, targets[index]);
    }
    if (problem == 0) problem = posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (problem == 0) problem = posix_spawn_file_actions_addclosefrom_np(&actions, GATEWAY_WORKER_LIBRARY + 1);
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    if (problem == 0) problem = posix_spawnattr_init(&attributes);
    if (problem == 0) {
        /* A group of its own: what is typed at the host's terminal is not for it, and whatever it starts ends with it. */
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setsigmask(&attributes, &none);
        problem = posix_spawn(pid, program, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return problem;
}

int gateway_worker_spawn(const char *program, char *const *arguments, const char *library,
                         struct gateway_worker_process *process) {
    int pair[2] = {-1, -1}, pipes[2] = {-1, -1};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int file = open(library, O_RDONLY | O_CLOEXEC);
    int problem = 0;
    if (null < 0 || file < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
        pipe2(pipes, O_CLOEXEC) != 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(pipes[0], F_SETFL, O_NONBLOCK) != 0) {
        problem = errno;
    }
    if (problem == 0) {
        const int sources[4] = {null, pipes[1], pair[1], file};
        problem = start(program, arguments, sources, &process->pid);
    }
    int given_away[] = {null, file, pair[1], pipes[1]};
    for (int index = 0; index < 4; index++) {
        if (given_away[index] >= 0) close(given_away[index]);
    }
    process->socket = pair[0];
    process->output = pipes[0];
    process->exit = problem == 0 ? gateway_process_watch(process->pid) : -1;
    if (problem != 0) {
        if (pair[0] >= 0) close(pair[0]);
        if (pipes[0] >= 0) close(pipes[0]);
    }
    return problem;
}
