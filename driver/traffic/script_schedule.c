#include "script_parser.h"

#define TURNS_MAX (3u * SCRIPT_STEPS_MAX)

bool script_parse_schedule(struct parser *parser, struct text rest) {
    struct schedule *schedule = &parser->script->schedule;
    struct text kind, token;
    static const char form[] = "expected `schedule seeded SEED PENDING_MS` or `schedule replay PENDING_MS`, "
                               "PENDING_MS 1 to 86400000";
    if (parser->script->item_count > 0) return FAULT(parser, "`schedule` belongs before the first step");
    if (!token_next(&rest, &kind)) return FAULT(parser, "%s", form);
    if (text_is(kind, "seeded")) {
        schedule->kind = SCHEDULE_SEEDED;
        if (!token_next(&rest, &token) || !text_decimal(token, UINT32_MAX, &schedule->seed)) {
            return FAULT(parser, "%s; SEED is at most 4294967295", form);
        }
    } else if (text_is(kind, "replay")) {
        schedule->kind = SCHEDULE_REPLAY;
    } else {
        return FAULT(parser, "%s", form);
    }
    if (!token_next(&rest, &token) || rest.at || !text_decimal(token, MILLISECONDS_MAX, &schedule->pending_ms) ||
        schedule->pending_ms == 0) {
        return FAULT(parser, "%s", form);
    }
    return true;
}

bool script_parse_turn(struct parser *parser, struct text rest) {
    struct script *script = parser->script;
    struct turn turn = {.actor = CONDUCTOR, .line = parser->line};
    struct text actor, event;
    if (!parser->block || script->schedule.kind != SCHEDULE_REPLAY) {
        return FAULT(parser, "`turn` belongs into a parallel block of a script with `schedule replay`");
    }
    if (!script_next(parser, &rest, &actor) || !token_next(&rest, &event) || rest.at ||
        !turn_event_find(event, &turn.event)) {
        return FAULT(parser, "expected `turn ACTOR calls|pends|returns`");
    }
    if (!text_is(actor, "-")) {
        turn.actor = script_find_actor(script, actor);
        if (turn.actor == CONDUCTOR) return FAULT(parser, "no actor %j; declare it with `actor %t`", actor, actor);
    }
    if (script->turn_count == TURNS_MAX) return FAULT(parser, "a script has at most 300000 turns");
    GROW(script->turns, script->turn_count, script->turn_capacity);
    script->turns[script->turn_count++] = turn;
    parser->block->turn_count++;
    return true;
}
