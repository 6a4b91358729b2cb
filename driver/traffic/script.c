#include "script.h"

#define DEADLINE_DEFAULT_MS 60000u
#define MILLISECONDS_MAX 86400000u

struct parser {
    struct script *script;
    struct script_fault *fault;
    unsigned line;
    struct script_item *block; /* the open parallel block */
    /* Handles that some step so far opens: one list for all actors, searched only when a script uses many. */
    struct opened {
        int actor;
        struct text handle;
    } *opened;
    size_t opened_count, opened_capacity;
};

#define FAULT(parser, ...) (buffer_format(&(parser)->fault->what, __VA_ARGS__), (parser)->fault->line = (parser)->line, false)
#define GROW(array, count, capacity) array_reserve((void **)&(array), &(capacity), (count), sizeof((array)[0]))

static int find_actor(const struct script *script, struct text name) {
    for (size_t i = 0; i < script->actor_count; i++) {
        if (text_equal(script->actors[i].name, name)) return (int)i;
    }
    return CONDUCTOR;
}

static bool next_decoded(struct parser *parser, struct text *rest, struct text *decoded) {
    struct text raw;
    if (!token_next(rest, &raw)) return false;
    *decoded = token_decode(&parser->script->arena, raw);
    return true;
}

static bool parse_deadline(struct parser *parser, struct text rest) {
    struct text token;
    uint32_t *deadline = &parser->script->deadline_ms;
    if (parser->script->item_count > 0) return FAULT(parser, "`deadline` belongs before the first step");
    if (!token_next(&rest, &token) || rest.at || !text_decimal(token, MILLISECONDS_MAX, deadline) || *deadline == 0) {
        return FAULT(parser, "expected `deadline MS`, MS 1 to 86400000");
    }
    return true;
}

static bool parse_program(struct parser *parser, struct text rest, struct script_actor *actor) {
    struct text count_rest = rest, token;
    size_t count = 0;
    while (token_next(&count_rest, &token)) count++;
    actor->is_program = true;
    actor->arguments = arena_take(&parser->script->arena, (count + 1) * sizeof(struct text));
    while (next_decoded(parser, &rest, &token)) {
        if (!utf8_is_valid(token)) return FAULT(parser, "the program's path and arguments are UTF-8");
        actor->arguments[actor->argument_count++] = token;
    }
    if (count == 0 || actor->arguments[0].length == 0) {
        return FAULT(parser, "expected `actor NAME program PATH [ARG...]`");
    }
    return true;
}

static bool parse_actor(struct parser *parser, struct text rest) {
    struct script *script = parser->script;
    struct script_actor actor = {.line = parser->line};
    struct text keyword;
    if (parser->block) return FAULT(parser, "`actor` belongs outside of a parallel block");
    if (!token_next(&rest, &actor.raw_name)) return FAULT(parser, "expected `actor NAME [program PATH [ARG...]]`");
    actor.name = token_decode(&script->arena, actor.raw_name);
    if (actor.name.length == 0 || text_is(actor.name, "-")) {
        return FAULT(parser, "an actor's name is not empty and not `-`, which is the conductor");
    }
    int before = find_actor(script, actor.name);
    if (before != CONDUCTOR) {
        return FAULT(parser, "actor %j stands in line %u already; every actor has a name of its own", actor.name,
                     script->actors[before].line);
    }
    if (script->actor_count == SCRIPT_ACTORS_MAX) return FAULT(parser, "a script has at most 64 actors");
    if (token_next(&rest, &keyword)) {
        if (!text_is(keyword, "program")) return FAULT(parser, "expected `program` behind the name, not %j", keyword);
        if (!parse_program(parser, rest, &actor)) return false;
    }
    GROW(script->actors, script->actor_count, script->actor_capacity);
    script->actors[script->actor_count++] = actor;
    return true;
}

static bool note_handle(struct parser *parser, const struct op *op) {
    for (size_t i = parser->opened_count; i-- > 0;) {
        if (parser->opened[i].actor == op->actor && text_equal(parser->opened[i].handle, op->handle)) return true;
    }
    if (op->kind != OP_OPEN) {
        return FAULT(parser, "no step before this one opens handle %j for this actor: `open %t PATH ACCESS`", op->handle,
                     op->handle);
    }
    GROW(parser->opened, parser->opened_count, parser->opened_capacity);
    parser->opened[parser->opened_count++] = (struct opened){op->actor, op->handle};
    return true;
}

static bool note_barrier(struct parser *parser, struct op *op) {
    struct script *script = parser->script;
    struct script_item *block = parser->block;
    if (!block) return FAULT(parser, "`barrier` belongs into a parallel block");
    for (size_t i = 0; i < block->barrier_count; i++) {
        const struct barrier *barrier = &script->barriers[block->first_barrier + i];
        if (!text_equal(barrier->name, op->handle)) continue;
        op->barrier = (uint32_t)i;
        if (barrier->count == op->number) return true;
        return FAULT(parser, "barrier %j has the count %u in line %u; every use in a block has the same count", op->handle,
                     barrier->count, barrier->line);
    }
    GROW(script->barriers, script->barrier_count, script->barrier_capacity);
    script->barriers[script->barrier_count++] = (struct barrier){op->handle, op->number, parser->line};
    op->barrier = (uint32_t)block->barrier_count++;
    return true;
}

/* Actor `-`, this program's process or a user's program: may it do this? */
static bool check_performer(struct parser *parser, const struct op *op) {
    const char *name = op_name(op->kind);
    if (op->actor == CONDUCTOR) {
        if (op->performers & BY_CONDUCTOR) return true;
        return FAULT(parser, "the conductor `-` does service, sleep, kill ACTOR and barrier, not %s; name an actor", name);
    }
    const struct script_actor *actor = &parser->script->actors[op->actor];
    if (actor->is_program) {
        if (op->performers & ON_PROGRAM) return true;
        return FAULT(parser, "%j is a program: it takes type, wait, kill and barrier, not %s", actor->name, name);
    }
    if (op->performers & (BY_ACTOR | ON_ACTOR)) return true;
    return FAULT(parser, "%s is nothing for actor %j; %s", name, actor->name,
                 op->kind == OP_TYPE ? "only a program (`actor NAME program PATH`) can be typed to"
                                     : "the conductor does it: write `-` for the actor");
}

static bool resolve_target(struct parser *parser, struct op *op) {
    op->target = op->actor;
    if (op->kind != OP_KILL) return true;
    if (op->actor == CONDUCTOR) {
        if (op->handle.length == 0) return FAULT(parser, "expected `kill ACTOR`: the conductor wants to know whom");
        op->target = find_actor(parser->script, op->handle);
        if (op->target == CONDUCTOR) return FAULT(parser, "no actor %j; declare it with `actor %t`", op->handle, op->handle);
    } else if (op->handle.length > 0) {
        return FAULT(parser, "expected `kill` alone: the step's actor is the one that is killed");
    }
    return true;
}

static bool check_alive(struct parser *parser, const struct op *op) {
    if (op->actor == CONDUCTOR || op->kind == OP_KILL || op->kind == OP_WAIT) return true;
    const struct script_actor *actor = &parser->script->actors[op->actor];
    if (!actor->ended_line) return true;
    return FAULT(parser, "actor %j ends in line %u (%s); only wait and kill can follow, use another actor", actor->name,
                 actor->ended_line, actor->ended_by);
}

static void note_end(struct parser *parser, const struct op *op) {
    bool ends = op->kind == OP_EXIT || op->kind == OP_CRASH || op->kind == OP_KILL || op->kind == OP_WAIT;
    /* A kill from the conductor's lane comes while the actor still has operations in the same block. */
    bool from_beside = op->actor == CONDUCTOR && parser->block;
    if (!ends || from_beside) return;
    struct script_actor *actor = &parser->script->actors[op->target];
    if (actor->ended_line) return;
    actor->ended_line = op->line;
    actor->ended_by = op_name(op->kind);
}

static bool uses_handle(enum op_kind kind) {
    return kind == OP_OPEN || kind == OP_WRITE || kind == OP_READ || kind == OP_IOCTL || kind == OP_CLOSE;
}

static bool add_step(struct parser *parser, const struct op *op) {
    struct script *script = parser->script;
    if (script->op_count == SCRIPT_STEPS_MAX) return FAULT(parser, "a script has at most 100000 steps");
    GROW(script->ops, script->op_count, script->op_capacity);
    script->ops[script->op_count++] = *op;
    if (parser->block) {
        parser->block->op_count++;
        return true;
    }
    GROW(script->items, script->item_count, script->item_capacity);
    script->items[script->item_count++] = (struct script_item){
        .id = op->id, .line = op->line, .timeout_ms = op->timeout_ms, .first_op = script->op_count - 1, .op_count = 1};
    return true;
}

/* What the actor process gets is `ID OP ARG...`; in the script the actor and the time-out stand between. */
static struct text join_raw(struct parser *parser, struct text raw_id, struct text behind) {
    char *joined = arena_take(&parser->script->arena, raw_id.length + 1 + behind.length);
    memcpy(joined, raw_id.at, raw_id.length);
    joined[raw_id.length] = ' ';
    memcpy(joined + raw_id.length + 1, behind.at, behind.length);
    return (struct text){joined, raw_id.length + 1 + behind.length};
}

static bool parse_step(struct parser *parser, struct text rest) {
    struct op op = {.line = parser->line, .actor = CONDUCTOR};
    struct text raw_id, actor, timeout;
    if (!token_next(&rest, &raw_id) || !next_decoded(parser, &rest, &actor) || !token_next(&rest, &timeout) || !rest.at) {
        return FAULT(parser, "expected `step ID ACTOR TIMEOUT_MS OP [ARG...]`");
    }
    op.id = token_decode(&parser->script->arena, raw_id);
    if (!text_is(actor, "-")) {
        op.actor = find_actor(parser->script, actor);
        if (op.actor == CONDUCTOR) return FAULT(parser, "no actor %j; declare it with `actor %t`", actor, actor);
    }
    if (!text_decimal(timeout, MILLISECONDS_MAX, &op.timeout_ms) || op.timeout_ms == 0) {
        return FAULT(parser, "TIMEOUT_MS is 1 to 86400000, not %j", timeout);
    }
    const char *fault = op_parse(&parser->script->arena, rest, &op);
    if (fault) return FAULT(parser, "expected %s", fault);
    if (op.actor != CONDUCTOR && op.performers & BY_ACTOR) op.raw = join_raw(parser, raw_id, rest);
    if (!check_performer(parser, &op) || !resolve_target(parser, &op) || !check_alive(parser, &op)) return false;
    if (uses_handle(op.kind) && !note_handle(parser, &op)) return false;
    if (op.kind == OP_BARRIER && !note_barrier(parser, &op)) return false;
    note_end(parser, &op);
    return add_step(parser, &op);
}

static bool parse_parallel(struct parser *parser, struct text rest) {
    struct script *script = parser->script;
    struct script_item block = {.is_parallel = true, .line = parser->line, .first_op = script->op_count,
                                .first_barrier = script->barrier_count};
    struct text timeout;
    if (parser->block) return FAULT(parser, "the block of line %u is still open: `end` first", parser->block->line);
    if (!next_decoded(parser, &rest, &block.id) || !token_next(&rest, &timeout) || rest.at ||
        !text_decimal(timeout, MILLISECONDS_MAX, &block.timeout_ms) || block.timeout_ms == 0) {
        return FAULT(parser, "expected `parallel ID TIMEOUT_MS`, TIMEOUT_MS 1 to 86400000");
    }
    GROW(script->items, script->item_count, script->item_capacity);
    script->items[script->item_count++] = block;
    parser->block = &script->items[script->item_count - 1];
    return true;
}

static bool check_barriers(struct parser *parser, const struct script_item *block) {
    struct script *script = parser->script;
    if (block->barrier_count == 0) return true;
    /* One bit per actor; bit 64 does not exist, so the conductor is counted apart. */
    uint64_t *users = memory_new(block->barrier_count * sizeof(uint64_t));
    uint32_t *counts = memory_new(block->barrier_count * sizeof(uint32_t));
    bool *conductor = memory_new(block->barrier_count * sizeof(bool));
    for (size_t i = block->first_op; i < block->first_op + block->op_count; i++) {
        const struct op *op = &script->ops[i];
        if (op->kind != OP_BARRIER) continue;
        bool known = op->actor == CONDUCTOR ? conductor[op->barrier] : users[op->barrier] >> op->actor & 1;
        if (op->actor == CONDUCTOR) {
            conductor[op->barrier] = true;
        } else {
            users[op->barrier] |= (uint64_t)1 << op->actor;
        }
        counts[op->barrier] += !known;
    }
    bool good = true;
    for (size_t i = 0; good && i < block->barrier_count; i++) {
        const struct barrier *barrier = &script->barriers[block->first_barrier + i];
        if (counts[i] >= barrier->count) continue;
        parser->line = barrier->line;
        good = FAULT(parser, "barrier %j waits for %u actors, but only %u of this block come to it", barrier->name,
                     barrier->count, counts[i]);
    }
    memory_free(users);
    memory_free(counts);
    memory_free(conductor);
    return good;
}

static bool parse_end(struct parser *parser, struct text rest) {
    struct script_item *block = parser->block;
    if (rest.at) return FAULT(parser, "expected `end` alone");
    if (!block) return FAULT(parser, "`end` without `parallel`");
    parser->block = NULL;
    for (size_t i = block->first_op; i < block->first_op + block->op_count; i++) note_end(parser, &parser->script->ops[i]);
    return check_barriers(parser, block);
}

static bool check_tokens(struct parser *parser, struct text rest) {
    struct text token;
    while (token_next(&rest, &token)) {
        const char *fault = token_fault(token);
        if (!fault) continue;
        if (token.length > 60) token.length = 60;
        return FAULT(parser, "token %j: expected %s", token, fault);
    }
    return true;
}

static bool parse_line(struct parser *parser, struct text line) {
    struct text keyword;
    if (line.length == 0 || line.at[0] == '#') return true;
    if (!check_tokens(parser, line) || !token_next(&line, &keyword)) return false;
    if (text_is(keyword, "step")) return parse_step(parser, line);
    if (text_is(keyword, "actor")) return parse_actor(parser, line);
    if (text_is(keyword, "parallel")) return parse_parallel(parser, line);
    if (text_is(keyword, "end")) return parse_end(parser, line);
    if (text_is(keyword, "deadline")) return parse_deadline(parser, line);
    return FAULT(parser, "expected deadline, actor, step, parallel or end, not %j", keyword);
}

/* Without the line end; the CR that editors on Windows leave goes too. */
static struct text next_line(struct text *source) {
    struct text line = {source->at, 0};
    while (line.length < source->length && line.at[line.length] != '\n') line.length++;
    size_t used = line.length < source->length ? line.length + 1 : line.length;
    source->at += used;
    source->length -= used;
    if (line.length > 0 && line.at[line.length - 1] == '\r') line.length--;
    return line;
}

static bool parse_lines(struct parser *parser, struct text source) {
    parser->line = 1;
    if (!text_is(next_line(&source), "traffic 1")) return FAULT(parser, "the first line is `traffic 1`");
    while (source.length > 0) {
        parser->line++;
        if (!parse_line(parser, next_line(&source))) return false;
    }
    if (!parser->block) return true;
    parser->line = parser->block->line;
    return FAULT(parser, "this parallel block has no `end`");
}

bool script_parse(struct script *script, struct text source, struct script_fault *fault) {
    struct parser parser = {.script = script, .fault = fault};
    *script = (struct script){.deadline_ms = DEADLINE_DEFAULT_MS};
    bool good = parse_lines(&parser, source);
    memory_free(parser.opened);
    return good;
}
