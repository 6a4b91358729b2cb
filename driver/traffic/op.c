#include "op.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

struct arguments {
    struct arena *arena;
    struct text rest;
};

static bool next_text(struct arguments *arguments, struct text *text) {
    struct text raw;
    if (!token_next(&arguments->rest, &raw)) return false;
    *text = token_decode(arguments->arena, raw);
    return true;
}

static const char *const actions[] = {
    [ACTION_CREATE] = "create", [ACTION_START] = "start", [ACTION_STOP] = "stop",
    [ACTION_DELETE] = "delete", [ACTION_QUERY] = "query", [ACTION_RELOAD] = "reload",
};

const char *service_action_name(enum service_action action) {
    return actions[action];
}

bool service_action_find(struct text name, enum service_action *action) {
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (text_is(name, actions[i])) {
            *action = (enum service_action)i;
            return true;
        }
    }
    return false;
}

bool service_action_has_path(enum service_action action) {
    return action == ACTION_CREATE || action == ACTION_RELOAD;
}

static const char *const turn_events[] = {
    [TURN_CALLS] = "calls", [TURN_PENDS] = "pends", [TURN_RETURNS] = "returns",
};

const char *turn_event_name(enum turn_event event) {
    return turn_events[event];
}

bool turn_event_find(struct text name, enum turn_event *event) {
    for (size_t i = 0; i < sizeof(turn_events) / sizeof(turn_events[0]); i++) {
        if (text_is(name, turn_events[i])) {
            *event = (enum turn_event)i;
            return true;
        }
    }
    return false;
}

static const char missing[] = "an argument is missing";

static const char *parse_handle(struct arguments *arguments, struct op *op) {
    if (!next_text(arguments, &op->handle)) return missing;
    return op->handle.length > 0 ? NULL : "a name that is not empty";
}

static const char *parse_path(struct arguments *arguments, struct op *op) {
    if (!next_text(arguments, &op->path)) return missing;
    if (op->path.length == 0) return "PATH is not empty";
    return utf8_is_valid(op->path) ? NULL : "PATH is UTF-8";
}

static const char *parse_open(struct arguments *arguments, struct op *op) {
    const char *fault = parse_handle(arguments, op);
    struct text access;
    if (!fault) fault = parse_path(arguments, op);
    if (fault) return fault;
    if (!next_text(arguments, &access)) return missing;
    if (text_is(access, "r")) {
        op->number = GENERIC_READ;
    } else if (text_is(access, "w")) {
        op->number = GENERIC_WRITE;
    } else if (text_is(access, "rw")) {
        op->number = GENERIC_READ | GENERIC_WRITE;
    } else if (text_is(access, "0")) {
        op->number = 0;
    } else {
        return "ACCESS is r, w, rw or 0";
    }
    struct text keyword;
    op->is_overlapped = next_text(arguments, &keyword);
    return !op->is_overlapped || text_is(keyword, "overlapped") ? NULL : "`overlapped` behind ACCESS, or nothing";
}

static const char *parse_source(struct arguments *arguments, struct op *op) {
    struct text token;
    return next_text(arguments, &token) ? data_parse_source(token, &op->input) : missing;
}

static const char *parse_target(struct arguments *arguments, struct op *op) {
    struct text token;
    return next_text(arguments, &token) ? data_parse_target(token, &op->output) : missing;
}

static const char *parse_request(struct arguments *arguments, struct op *op) {
    if (!next_text(arguments, &op->request)) return missing;
    return op->request.length > 0 ? NULL : "a name that is not empty";
}

static const char *parse_begin(struct arguments *arguments, struct op *op) {
    struct text keyword;
    if (!next_text(arguments, &keyword)) return NULL;
    return text_is(keyword, "begin") ? parse_request(arguments, op) : "`begin REQUEST` at the end, or nothing";
}

static const char *parse_write(struct arguments *arguments, struct op *op) {
    const char *fault = parse_handle(arguments, op);
    if (!fault) fault = parse_source(arguments, op);
    return fault ? fault : parse_begin(arguments, op);
}

static const char *parse_read(struct arguments *arguments, struct op *op) {
    const char *fault = parse_handle(arguments, op);
    if (!fault) fault = parse_target(arguments, op);
    return fault ? fault : parse_begin(arguments, op);
}

static const char *parse_ioctl(struct arguments *arguments, struct op *op) {
    struct text code;
    const char *fault = parse_handle(arguments, op);
    if (fault) return fault;
    if (!next_text(arguments, &code)) return missing;
    if (!text_hexadecimal(code, &op->number)) return "CODE is 0x and one to eight hex digits";
    fault = parse_source(arguments, op);
    if (!fault) fault = parse_target(arguments, op);
    return fault ? fault : parse_begin(arguments, op);
}

static const char *parse_milliseconds(struct arguments *arguments, struct op *op) {
    struct text token;
    if (!next_text(arguments, &token)) return missing;
    return text_decimal(token, 86400000, &op->number) ? NULL : "MS is at most 86400000";
}

static const char *parse_barrier(struct arguments *arguments, struct op *op) {
    struct text count;
    const char *fault = parse_handle(arguments, op);
    if (fault) return fault;
    if (!next_text(arguments, &count)) return missing;
    return text_decimal(count, 65, &op->number) && op->number > 0 ? NULL : "COUNT is 1 to 65";
}

static const char *parse_exit(struct arguments *arguments, struct op *op) {
    struct text token;
    if (!next_text(arguments, &token)) return missing;
    return text_decimal(token, UINT32_MAX, &op->number) ? NULL : "CODE is 0 to 4294967295";
}

static const char *parse_nothing(struct arguments *arguments, struct op *op) {
    (void)arguments, (void)op;
    return NULL;
}

static const char *parse_kill(struct arguments *arguments, struct op *op) {
    next_text(arguments, &op->handle);
    return NULL;
}

static const char *parse_type(struct arguments *arguments, struct op *op) {
    struct text token, keyword;
    const char *fault;
    if (!next_text(arguments, &token)) return missing;
    fault = data_parse_bytes(token, &op->input);
    if (fault || !next_text(arguments, &keyword)) return fault;
    if (!text_is(keyword, "await")) return "`await` behind the data, or nothing";
    if (!next_text(arguments, &token)) return missing;
    fault = data_parse_bytes(token, &op->output);
    if (fault) return fault;
    return op->output.length > 0 ? NULL : "an awaited text that is not empty";
}

static const char *parse_verify(struct arguments *arguments, struct op *op) {
    struct text keyword, level, seed;
    if (!next_text(arguments, &keyword)) return NULL;
    if (!text_is(keyword, "verify")) return "`verify` behind the path, or nothing";
    if (!next_text(arguments, &level) || !next_text(arguments, &seed)) return missing;
    op->is_verified = true;
    if (!text_decimal(level, UINT32_MAX, &op->verifier.level)) return "LEVEL is 0 to 4294967295";
    return text_decimal(seed, UINT32_MAX, &op->verifier.seed) ? NULL : "SEED is 0 to 4294967295";
}

static const char *parse_service(struct arguments *arguments, struct op *op) {
    struct text token;
    enum service_action action;
    if (!next_text(arguments, &token)) return missing;
    if (!service_action_find(token, &action)) return "ACTION is create, start, stop, delete, query or reload";
    op->number = action;
    const char *fault = parse_handle(arguments, op);
    if (fault) return fault;
    if (!utf8_is_valid(op->handle)) return "NAME is UTF-8";
    if (service_action_has_path(action)) fault = parse_path(arguments, op);
    return !fault && action == ACTION_RELOAD ? parse_verify(arguments, op) : fault;
}

static const struct rule {
    const char *name;
    const char *form;
    unsigned performers;
    const char *(*parse)(struct arguments *arguments, struct op *op);
} rules[] = {
    [OP_OPEN] = {"open", "open HANDLE PATH ACCESS [overlapped]", BY_ACTOR, parse_open},
    [OP_WRITE] = {"write", "write HANDLE DATA [begin REQUEST]", BY_ACTOR, parse_write},
    [OP_READ] = {"read", "read HANDLE LENGTH [begin REQUEST]", BY_ACTOR, parse_read},
    [OP_IOCTL] = {"ioctl", "ioctl HANDLE CODE DATA OUTLEN [begin REQUEST]", BY_ACTOR, parse_ioctl},
    [OP_FLUSH] = {"flush", "flush HANDLE", BY_ACTOR, parse_handle},
    [OP_CLOSE] = {"close", "close HANDLE", BY_ACTOR, parse_handle},
    [OP_CANCEL] = {"cancel", "cancel REQUEST", BY_ACTOR, parse_request},
    [OP_FINISH] = {"finish", "finish REQUEST", BY_ACTOR, parse_request},
    [OP_EXIT] = {"exit", "exit CODE", BY_ACTOR, parse_exit},
    [OP_CRASH] = {"crash", "crash", BY_ACTOR, parse_nothing},
    [OP_SLEEP] = {"sleep", "sleep MS", BY_ACTOR | BY_CONDUCTOR, parse_milliseconds},
    [OP_BARRIER] = {"barrier", "barrier NAME COUNT", BY_ACTOR | BY_CONDUCTOR | ON_PROGRAM, parse_barrier},
    [OP_KILL] = {"kill", "kill", BY_CONDUCTOR | ON_ACTOR | ON_PROGRAM, parse_kill},
    [OP_WAIT] = {"wait", "wait", ON_ACTOR | ON_PROGRAM, parse_nothing},
    [OP_TYPE] = {"type", "type DATA [await DATA]", ON_PROGRAM, parse_type},
    [OP_SERVICE] = {"service", "service ACTION NAME [PATH [verify LEVEL SEED]]", BY_CONDUCTOR, parse_service},
};

const char *op_name(enum op_kind kind) {
    return rules[kind].name;
}

/* "`write HANDLE DATA`: DATA is ..." in the arena, NUL-terminated. */
static const char *explain(struct arena *arena, const struct rule *rule, const char *fault) {
    struct buffer text = {0};
    buffer_format(&text, "`%s`: %s", rule->form, fault);
    buffer_append(&text, "", 1);
    char *kept = arena_take(arena, text.length);
    memcpy(kept, text.at, text.length);
    buffer_free(&text);
    return kept;
}

const char *op_parse(struct arena *arena, struct text rest, struct op *op) {
    struct arguments arguments = {arena, rest};
    struct text name;
    if (!token_next(&arguments.rest, &name)) return "an operation behind the time-out";
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (!text_is(name, rules[i].name)) continue;
        op->kind = (enum op_kind)i;
        op->performers = rules[i].performers;
        const char *fault = rules[i].parse(&arguments, op);
        if (!fault && arguments.rest.at) fault = "there are more arguments than that";
        return fault ? explain(arena, &rules[i], fault) : NULL;
    }
    return "an operation: open, write, read, ioctl, flush, close, cancel, finish, exit, crash, sleep, barrier, kill, wait, "
           "type or service";
}
