#include "script_parser.h"

static bool note_handle(struct parser *parser, const struct op *op) {
    for (size_t i = parser->opened_count; i-- > 0;) {
        if (parser->opened[i].actor == op->actor && text_equal(parser->opened[i].handle, op->handle)) return true;
    }
    if (op->kind != OP_OPEN) {
        return FAULT(parser, "no step before this one opens handle %j for this actor: `open %t PATH ACCESS`",
                     op->handle, op->handle);
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
        return FAULT(parser, "barrier %j has the count %u in line %u; every use in a block has the same count",
                     op->handle, barrier->count, barrier->line);
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
        return FAULT(parser, "the conductor `-` does service, sleep, kill ACTOR and barrier, not %s; name an actor",
                     name);
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
        op->target = script_find_actor(parser->script, op->handle);
        if (op->target != CONDUCTOR) return true;
        return FAULT(parser, "no actor %j; declare it with `actor %t`", op->handle, op->handle);
    }
    if (op->handle.length > 0) {
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

void script_note_end(struct parser *parser, const struct op *op) {
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
    return kind == OP_OPEN || kind == OP_WRITE || kind == OP_READ || kind == OP_IOCTL || kind == OP_FLUSH ||
           kind == OP_CLOSE;
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

bool script_parse_step(struct parser *parser, struct text rest) {
    struct op op = {.line = parser->line, .actor = CONDUCTOR};
    struct text raw_id, actor, timeout;
    if (!token_next(&rest, &raw_id) || !script_next(parser, &rest, &actor) || !token_next(&rest, &timeout) ||
        !rest.at) {
        return FAULT(parser, "expected `step ID ACTOR TIMEOUT_MS OP [ARG...]`");
    }
    op.id = token_decode(&parser->script->arena, raw_id);
    if (!text_is(actor, "-")) {
        op.actor = script_find_actor(parser->script, actor);
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
    script_note_end(parser, &op);
    return add_step(parser, &op);
}
