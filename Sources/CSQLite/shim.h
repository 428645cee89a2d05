#include <sqlite3.h>

/* SQLITE_TRANSIENT is a cast that Swift cannot import: the bytes are copied before the call returns. */
static inline int gateway_bind_text(sqlite3_stmt *statement, int index, const char *text, int length) {
    return sqlite3_bind_text(statement, index, text, length, SQLITE_TRANSIENT);
}
static inline int gateway_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int length) {
    return sqlite3_bind_blob(statement, index, bytes, length, SQLITE_TRANSIENT);
}

/* Not copied: the bytes must stand until the statement has run and been reset. */
static inline int gateway_bind_borrowed_text(sqlite3_stmt *statement, int index, const void *text, int length) {
    return sqlite3_bind_text(statement, index, (const char *)text, length, SQLITE_STATIC);
}
static inline int gateway_bind_borrowed_blob(sqlite3_stmt *statement, int index, const void *bytes, int length) {
    return sqlite3_bind_blob(statement, index, bytes, length, SQLITE_STATIC);
}

/* Nobody asks how much memory SQLite has: counting it takes a lock for every piece. Before anything else is asked. */
static inline int gateway_leave_memory_uncounted(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}
