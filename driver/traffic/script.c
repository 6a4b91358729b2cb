#include "script_parser.h"

#define DEADLINE_DEFAULT_MS 60000u
/* What a pipe holds, so that a program that does not read keeps nobody waiting. */
#define INPUT_MAX 32768u

int script_find_actor(const struct script *script, struct text name) {
    for (size_t i = 0; i < script->actor_count; i++) {
        if (text_equal(script->actors[i].name, name)) return (int)i;
    }
    return CONDUCTOR;
}

bool script_next(struct parser *parser, struct text *rest, struct text *decoded) {
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

static bool parse_markers(struct parser *parser, struct text rest) {
    struct text token;
    if (parser->script->item_count > 0) return FAULT(parser, "`markers` belongs before the first step");
    if (!token_next(&rest, &token) || rest.at || !text_is(token, "on")) return FAULT(parser, "expected `markers on`");
    parser->script->has_markers = true;
    return true;
}

static bool parse_program(struct parser *parser, struct text rest, struct script_actor *actor) {
    struct text count_rest = rest, token;
    size_t count = 0;
    while (token_next(&count_rest, &token)) count++;
    actor->is_program = true;
    actor->arguments = arena_take(&parser->script->arena, (count + 1) * sizeof(struct text));
    while (script_next(parser, &rest, &token)) {
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
    int before = script_find_actor(script, actor.name);
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

static bool parse_user(struct parser *parser, struct text rest) {
    struct script *script = parser->script;
    struct text name, user;
    bool good = script->item_count == 0 && !parser->block && script_next(parser, &rest, &name) &&
                script_next(parser, &rest, &user) && !rest.at && user.length > 0 && utf8_is_valid(user);
    /* The name is part of a path. */
    for (size_t i = 0; good && i < user.length; i++) good = user.at[i] != '\\' && user.at[i] != '/' && user.at[i] != ':';
    int found = good ? script_find_actor(script, name) : CONDUCTOR;
    if (found == CONDUCTOR) return FAULT(parser, "expected `user ACTOR NAME`, before the first step");
    script->actors[found].user = user;
    return true;
}

/* The program that `rest` begins with the name of, before any step. */
static struct script_actor *next_program(struct parser *parser, struct text *rest) {
    struct script *script = parser->script;
    struct text name;
    if (script->item_count > 0 || parser->block || !script_next(parser, rest, &name)) return NULL;
    int found = script_find_actor(script, name);
    return found != CONDUCTOR && script->actors[found].is_program ? &script->actors[found] : NULL;
}

static bool parse_variable(struct parser *parser, struct text rest) {
    struct script_actor *actor = next_program(parser, &rest);
    struct text name, value;
    bool good = actor && script_next(parser, &rest, &name) && script_next(parser, &rest, &value) && !rest.at &&
                utf8_is_valid(name) && utf8_is_valid(value) && name.length > 0;
    for (size_t i = 0; good && i < name.length; i++) good = name.at[i] != '=';
    if (!good) return FAULT(parser, "expected `variable PROGRAM NAME VALUE`, UTF-8, no = in NAME, before the first step");
    GROW(actor->variables, actor->variable_count, actor->variable_capacity);
    actor->variables[actor->variable_count++] = name;
    GROW(actor->variables, actor->variable_count, actor->variable_capacity);
    actor->variables[actor->variable_count++] = value;
    return true;
}

static bool parse_input(struct parser *parser, struct text rest) {
    struct script_actor *actor = next_program(parser, &rest);
    struct text token;
    if (!actor || actor->has_input || !script_next(parser, &rest, &token) || rest.at ||
        data_parse_bytes(token, &actor->input) || actor->input.length > INPUT_MAX) {
        return FAULT(parser, "expected `input PROGRAM BYTES`, at most 32768, once and before the first step");
    }
    actor->has_input = true;
    return true;
}

static bool parse_parallel(struct parser *parser, struct text rest) {
    struct script *script = parser->script;
    struct script_item block = {.is_parallel = true, .line = parser->line, .first_op = script->op_count,
                                .first_barrier = script->barrier_count, .first_turn = script->turn_count};
    struct text timeout;
    if (parser->block) return FAULT(parser, "the block of line %u is still open: `end` first", parser->block->line);
    if (!script_next(parser, &rest, &block.id) || !token_next(&rest, &timeout) || rest.at ||
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
    const struct op *ops = parser->script->ops + block->first_op;
    for (size_t i = 0; i < block->op_count; i++) script_note_end(parser, &ops[i]);
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
    if (text_is(keyword, "step")) return script_parse_step(parser, line);
    if (text_is(keyword, "actor")) return parse_actor(parser, line);
    if (text_is(keyword, "parallel")) return parse_parallel(parser, line);
    if (text_is(keyword, "end")) return parse_end(parser, line);
    if (text_is(keyword, "deadline")) return parse_deadline(parser, line);
    if (text_is(keyword, "markers")) return parse_markers(parser, line);
    if (text_is(keyword, "user")) return parse_user(parser, line);
    if (text_is(keyword, "variable")) return parse_variable(parser, line);
    if (text_is(keyword, "input")) return parse_input(parser, line);
    if (text_is(keyword, "schedule")) return script_parse_schedule(parser, line);
    if (text_is(keyword, "turn")) return script_parse_turn(parser, line);
    return FAULT(parser, "expected deadline, markers, schedule, actor, user, variable, input, step, parallel, turn or end, "
                         "not %j",
                 keyword);
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
