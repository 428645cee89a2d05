/* What the fixture says of itself where no -D flag says otherwise. */
#ifndef FIXTURE_DEFAULTS_H
#define FIXTURE_DEFAULTS_H

#ifndef FIXTURE_ID
#define FIXTURE_ID "fixture"
#endif
#ifndef MANIFEST_ID
#define MANIFEST_ID FIXTURE_ID
#endif
#ifndef FIXTURE_VERSION
#define FIXTURE_VERSION "1.0.0"
#endif
#ifndef MANIFEST_RUNTIME
#define MANIFEST_RUNTIME "c"
#endif
#ifndef MANIFEST_VERSION
#define MANIFEST_VERSION FIXTURE_VERSION
#endif
#ifndef MANIFEST_FLAGS
#define MANIFEST_FLAGS 0
#endif
#ifndef FIXTURE_APPROVAL
#define FIXTURE_APPROVAL "null"
#endif
#ifndef FIXTURE_NEEDS
#define FIXTURE_NEEDS "/collect"
#endif
#ifndef FIXTURE_TOOL
#define FIXTURE_TOOL "fixture_collect"
#endif
#ifndef FIXTURE_PATH
#define FIXTURE_PATH "/tools/fixture-collect"
#endif
#ifndef FIXTURE_SCHEMA
#define FIXTURE_SCHEMA "{\"type\":\"object\",\"properties\":{\"phone\":{\"type\":\"string\"}},\"additionalProperties\":false}"
#endif
#ifndef FIXTURE_EXAMPLE
#define FIXTURE_EXAMPLE "{\"phone\":\"254700000001\"}"
#endif
#ifndef FIXTURE_ECHO
#define FIXTURE_ECHO "{\"type\":\"object\",\"properties\":{\"how\":{\"type\":\"string\"}},\"additionalProperties\":false}"
#endif
#ifdef ASKS_AGAIN
#define FIXTURE_SENSITIVE "[],\"x-task\":{\"deadline_ms\":60000}"
#endif
#ifndef FIXTURE_SENSITIVE
#define FIXTURE_SENSITIVE "[]"
#endif
#ifndef FIXTURE_DIRECTION
#define FIXTURE_DIRECTION "in"
#endif
#ifndef FIXTURE_SECRET
#define FIXTURE_SECRET "stk_password"
#endif
#ifndef FIXTURE_FEATURES
#define FIXTURE_FEATURES "[]"
#endif
#ifndef CHOSEN_LEVEL
#define CHOSEN_LEVEL GATEWAY_LEVEL
#endif
#ifndef FIXTURE_LEVEL
#define FIXTURE_LEVEL GATEWAY_LEVEL
#endif
#ifndef FIXTURE_MONEY
#define FIXTURE_MONEY "true"
#endif
#ifndef FIXTURE_ECHO_MONEY
#define FIXTURE_ECHO_MONEY "false"
#endif
#ifndef FIXTURE_READ_ONLY
#define FIXTURE_READ_ONLY "false"
#endif
#ifndef FIXTURE_RATE
#define FIXTURE_RATE "{}"
#endif
#ifndef FIXTURE_METHOD
#define FIXTURE_METHOD "POST"
#endif

#endif
