/* A port's child in plain C. Op "count": counts to "to" (3), a tenth of a second each.
 * No JSON parser is needed: a parent's frames begin with type, id and op, in this order.
 * Build: cc -O2 -Wall -o plain plain.c */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { FRAME = 1 << 20, TEXT = 201, WAITING = 64 };

static struct { char id[TEXT]; int to; } waiting[WAITING]; /* the first one is at work */
static int asked, counted, out, ending;

static void say(const char *format, ...) {
    char line[1024];
    va_list values;
    va_start(values, format);
    int size = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    for (char *at = line; size > 0;) {
        ssize_t done = write(out, at, size);
        if (done < 0) _exit(3); /* nobody listens any more */
        at += done, size -= done;
    }
}

static void forget(int number) {
    memmove(waiting + number, waiting + number + 1, (--asked - number) * sizeof *waiting);
    if (number == 0) counted = 0;
}

/* Copy what stands before the next quotation mark; what follows that, or NULL. */
static const char *text(const char *from, char into[TEXT]) {
    const char *end = strchr(from, '"');
    if (!end || end - from >= TEXT) return NULL;
    memcpy(into, from, end - from);
    into[end - from] = 0;
    return end + 1;
}

static const char *after(const char *line, const char *prefix) {
    return line && strncmp(line, prefix, strlen(prefix)) == 0 ? line + strlen(prefix) : NULL;
}

static void frame(char *line, size_t size) {
    char id[TEXT], op[TEXT];
    const char *rest;
    if (size == 0) return;
    int whole = line[size - 1] == '}';
    if (whole && (rest = after(line, "{\"type\":\"request\",\"id\":\"")) && (rest = after(text(rest, id), ",\"op\":\""))
        && (rest = text(rest, op))) {
        const char *to = strstr(rest, "\"to\":");
        if (strcmp(op, "count") != 0)
            say("{\"type\":\"error\",\"id\":\"%s\",\"kind\":\"input\",\"message\":\"there is no such op\"}\n", id);
        else if (asked == WAITING)
            say("{\"type\":\"error\",\"id\":\"%s\",\"kind\":\"resource\",\"message\":\"too many at once\"}\n", id);
        else {
            strcpy(waiting[asked].id, id);
            waiting[asked++].to = to ? atoi(to + 5) : 3;
        }
    } else if (whole && (rest = after(line, "{\"type\":\"cancel\",\"id\":\"")) && text(rest, id)) {
        for (int n = 0; n < asked; n++)
            if (strcmp(waiting[n].id, id) == 0) {
                say("{\"type\":\"error\",\"id\":\"%s\",\"kind\":\"cancelled\",\"message\":\"cancelled\"}\n", id);
                forget(n);
                break;
            }
    } else if (whole && after(line, "{\"type\":\"bye\""))
        ending = 1;
    else
        say("{\"type\":\"error\",\"id\":\"\",\"kind\":\"input\",\"message\":\"a line is no frame\"}\n");
}

/* Take the next bytes: a line that does not fit is rubbish, and costs no more memory than one that does. */
static void take(const char *data, size_t size) {
    static char line[FRAME];
    static size_t held;
    for (; size > 0; data++, size--) {
        if (*data == '\n') {
            line[held < FRAME ? held : 0] = 0;
            frame(line, held < FRAME ? held : 1);
            held = 0;
        } else if (held < FRAME)
            if (++held < FRAME) line[held - 1] = *data;
    }
}

static void work(void) {
    if (counted >= waiting[0].to) {
        say("{\"type\":\"result\",\"id\":\"%s\",\"counted\":%d}\n", waiting[0].id, counted);
        forget(0);
        return;
    }
    say("{\"type\":\"progress\",\"id\":\"%s\",\"percent\":%d,\"stage\":\"counting\"}\n", waiting[0].id, 100 * counted / waiting[0].to);
    counted++;
}

int main(void) {
    const char *parent = getenv("SFA_PARENT_PID");
    static char data[65536];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (parent && getppid() != atoi(parent)) return 3; /* it died before the signal was asked for */
    signal(SIGPIPE, SIG_IGN);
    out = dup(1);
    dup2(2, 1);
    say("{\"type\":\"hello\",\"name\":\"plain.c\",\"version\":\"1\",\"pid\":%d,\"ops\":[\"count\"],\"protocol\":1}\n", getpid());
    while (!(ending && asked == 0)) {
        struct pollfd input = {.fd = 0, .events = POLLIN};
        if (poll(&input, 1, asked ? 100 : -1) > 0) {
            ssize_t size = read(0, data, sizeof data);
            if (size <= 0) return asked ? 3 : 0;
            take(data, size);
        } else if (asked)
            work();
    }
    return 0;
}
