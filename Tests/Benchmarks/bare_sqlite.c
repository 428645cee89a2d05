/* What the rows of a payment cost SQLite alone: no gateway, no JSON, no thread. It is the floor under the writer's share
 * of an STK push (docs/benchmarks.md), and prints CPU microseconds a push.
 *
 * Rows have the sizes, and their keys the order, of the store's (docs/schema.sql): a record, its slot in
 * the index of what is open, its key, two guards, two audit lines, two ids of M-Pesa's. A push is two durable commits,
 * each shared by a group of pushes, as the writer's are.
 *
 * cc -O2 -o bare_sqlite bare_sqlite.c -lsqlite3 && ./bare_sqlite FOLDER
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PUSHES = 20000, WARM = 10000, ROUNDS = 3, GROUP_MAX = 64, ID = 36 };

static sqlite3 *database;
static char filler[2048];

static void require(int code, const char *what) {
    if (code == SQLITE_OK || code == SQLITE_DONE) return;
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(database));
    exit(1);
}

static void run(const char *sql) { require(sqlite3_exec(database, sql, NULL, NULL, NULL), sql); }

static sqlite3_stmt *prepared(const char *sql) {
    sqlite3_stmt *statement = NULL;
    require(sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), sql);
    return statement;
}

static void finish(sqlite3_stmt *statement) {
    require(sqlite3_step(statement), "step");
    sqlite3_reset(statement);
}

static void text(sqlite3_stmt *statement, int place, const char *value, int length) {
    sqlite3_bind_text(statement, place, value, length, SQLITE_STATIC);
}

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Names that rise, as identifiers by time do, and names by chance. */
static void rising(char *name, long number) { snprintf(name, ID + 1, "01a2108f-%027ld", number); }
static void chance(char *name) { snprintf(name, ID + 1, "%08lx%08lx%020d", random(), random(), 0); }

static void open_database(const char *folder) {
    char path[1024];
    for (const char *const *end = (const char *const[]){"", "-wal", "-shm", NULL}; *end; end++) {
        snprintf(path, sizeof path, "%s/bare.db%s", folder, *end);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/bare.db", folder);
    require(sqlite3_open(path, &database), "open");
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    run("PRAGMA cache_size = -16384");
    run("PRAGMA wal_autocheckpoint = 4000");
    run("CREATE TABLE records (owner TEXT, name TEXT, body TEXT, state TEXT, due BIGINT, changing TEXT,"
        " PRIMARY KEY (owner, name))");
    run("CREATE INDEX waiting ON records (due) WHERE state IN ('sending', 'accepted')");
    run("CREATE TABLE keyed (owner TEXT, name TEXT, slot BIGINT, body TEXT, PRIMARY KEY (owner, name, slot))"
        " WITHOUT ROWID");
    run("CREATE TABLE guards (owner TEXT, name TEXT, slot BIGINT, body TEXT, PRIMARY KEY (owner, name, slot))"
        " WITHOUT ROWID");
    run("CREATE TABLE ids (owner TEXT, name TEXT, slot BIGINT, body TEXT, PRIMARY KEY (owner, name, slot))"
        " WITHOUT ROWID");
    run("CREATE TABLE audit (owner TEXT, name TEXT, slot BIGINT, body TEXT, PRIMARY KEY (owner, name, slot))"
        " WITHOUT ROWID");
}

static void row(sqlite3_stmt *statement, const char *name, long slot, int bytes) {
    text(statement, 1, filler, ID);
    text(statement, 2, name, ID);
    sqlite3_bind_int64(statement, 3, slot);
    text(statement, 4, filler, bytes);
    finish(statement);
}

/* `least` writes the record and one audit line, nothing else. */
static double measure(const char *folder, int group, int least) {
    open_database(folder);
    sqlite3_stmt *record = prepared("INSERT INTO records VALUES ($1, $2, $3, $4, $5, $6)");
    sqlite3_stmt *change = prepared(
        "UPDATE records SET state = $1, due = $2, changing = changing || $3 WHERE owner = $4 AND name = $5");
    sqlite3_stmt *keyed = prepared("INSERT INTO keyed VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING");
    sqlite3_stmt *guard = prepared("INSERT INTO guards VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING");
    sqlite3_stmt *id = prepared("INSERT INTO ids VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING");
    sqlite3_stmt *audit = prepared("INSERT INTO audit VALUES ($1, $2, $3, $4)");
    static char names[GROUP_MAX][ID + 1], before[GROUP_MAX][ID + 1];
    char name[ID + 1];
    int sent = 0;
    double start = 0;
    for (long done = 0; done < WARM + PUSHES; done += group) {
        if (start == 0 && done >= WARM) start = cpu();
        run("BEGIN IMMEDIATE");
        for (int index = 0; index < group; index++) {
            rising(names[index], done + index);
            text(record, 1, filler, ID);
            text(record, 2, names[index], ID);
            text(record, 3, filler, 700);
            text(record, 4, "sending", 7);
            sqlite3_bind_int64(record, 5, 90000 + done);
            text(record, 6, filler, 180);
            finish(record);
            rising(name, 2 * (done + index));
            row(audit, name, 0, 350);
            if (least) continue;
            chance(name);
            row(keyed, name, 0, 120);
            chance(name);
            row(guard, name, 0, 60);
            row(guard, name, 1, 60);
        }
        for (int index = 0; index < sent; index++) {
            text(change, 1, "accepted", 8);
            sqlite3_bind_int64(change, 2, 20000 + done);
            text(change, 3, filler, 250);
            text(change, 4, filler, ID);
            text(change, 5, before[index], ID);
            finish(change);
            if (least) continue;
            rising(name, 2 * (done - group + index) + 1);
            row(audit, name, 0, 350);
            row(id, name, 0, 60);
            chance(name);
            row(id, name, 1, 60);
        }
        run("COMMIT");
        memcpy(before, names, sizeof names);
        sent = group;
    }
    double spent = cpu() - start;
    sqlite3_stmt *statements[] = {record, change, keyed, guard, id, audit};
    for (int index = 0; index < 6; index++) sqlite3_finalize(statements[index]);
    sqlite3_close(database);
    return spent * 1e6 / PUSHES;
}

static int ascending(const void *left, const void *right) {
    return (*(const double *)left > *(const double *)right) - (*(const double *)left < *(const double *)right);
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: bare_sqlite FOLDER\n");
        return 2;
    }
    memset(filler, 'x', sizeof filler);
    for (int least = 0; least < 2; least++)
        for (int group = 16; group <= GROUP_MAX; group *= 4) {
            double found[ROUNDS];
            for (int round = 0; round < ROUNDS; round++) found[round] = measure(arguments[1], group, least);
            qsort(found, ROUNDS, sizeof *found, ascending);
            printf("| %s, %d pushes a commit | median %.0f us, best %.0f us | |\n",
                   least ? "only its record and one audit line" : "the rows of an STK push in bare SQLite", group,
                   found[ROUNDS / 2], found[0]);
        }
    return 0;
}
